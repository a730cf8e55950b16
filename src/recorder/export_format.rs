//! The formats of exports.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;

use super::recording::RecordedSample;
use super::sample_family::SampleFamily;
use crate::state::Measurement;
use polyv_client::clock::Timestamp;

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// As `promtool tsdb create-blocks-from openmetrics` reads it.
    OpenMetrics,
    /// As `VictoriaMetrics` imports it: one JSON object a line.
    JsonLines,
    /// One row for each sample.
    Csv,
}

/// What a series is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeriesLabels<'a> {
    pub(super) account: &'a str,
    pub(super) channel_id: &'a str,
    pub(super) stream: Option<&'a str>,
}

/// A line of the JSON format.
#[derive(Serialize)]
struct JsonLine<'a> {
    metric: JsonLabels<'a>,
    values: Vec<f64>,
    timestamps: Vec<i64>,
}

#[derive(Serialize)]
struct JsonLabels<'a> {
    #[serde(rename = "__name__")]
    name: &'static str,
    account: &'a str,
    channel_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
}

const CSV_HEADER: &str = "account,channel_id,stream,time,video_bitrate_bps,video_framerate_fps,\
                          audio_framerate_fps";

// === impl ExportFormat ===

impl ExportFormat {
    /// Writes what comes before all samples.
    pub(super) fn begin(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Csv => writeln!(out, "{CSV_HEADER}"),
            Self::OpenMetrics | Self::JsonLines => Ok(()),
        }
    }

    /// Writes what comes before the series of a family.
    pub(super) fn family(self, family: SampleFamily, out: &mut dyn Write) -> io::Result<()> {
        if self != Self::OpenMetrics {
            return Ok(());
        }
        let name = family.name();
        writeln!(out, "# TYPE {name} gauge")?;
        if let Some(unit) = family.unit() {
            writeln!(out, "# UNIT {name} {unit}")?;
        }
        writeln!(out, "# HELP {name} {}", family.help())
    }

    /// Writes values of a series, oldest first.
    pub(super) fn series(
        self,
        family: SampleFamily,
        labels: SeriesLabels<'_>,
        points: &[(Timestamp, f64)],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if points.is_empty() {
            return Ok(());
        }
        let name = family.name();
        match self {
            Self::OpenMetrics => {
                let labels = labels.open_metrics();
                for (time, value) in points {
                    let (seconds, millis) = split(*time);
                    writeln!(out, "{name}{labels} {value} {seconds}.{millis:03}")?;
                }
            }
            Self::JsonLines => {
                let line = JsonLine {
                    metric: JsonLabels {
                        name,
                        account: labels.account,
                        channel_id: labels.channel_id,
                        stream: labels.stream,
                    },
                    values: points.iter().map(|(_, value)| *value).collect(),
                    timestamps: points.iter().map(|(time, _)| time.as_millis()).collect(),
                };
                serde_json::to_writer(&mut *out, &line)?;
                writeln!(out)?;
            }
            // It has whole samples.
            Self::Csv => {}
        }
        Ok(())
    }

    /// Writes the rows of a stream.
    pub(super) fn rows(
        labels: SeriesLabels<'_>,
        samples: &[RecordedSample],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let fields = [
            labels.account,
            labels.channel_id,
            labels.stream.unwrap_or_default(),
        ];
        let prefix = fields.map(csv_field).join(",");
        for sample in samples {
            let time = DateTime::from_timestamp_millis(sample.time.as_millis());
            let time = time.unwrap_or(DateTime::UNIX_EPOCH);
            let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
            let value = |value: Measurement| value.get().map_or(String::new(), |v| v.to_string());
            let values = sample.values;
            let bitrate = value(values.video_bitrate);
            let (video, audio) = (value(values.video_framerate), value(values.audio_framerate));
            writeln!(out, "{prefix},{time},{bitrate},{video},{audio}")?;
        }
        Ok(())
    }

    /// Writes what comes after all samples.
    pub(super) fn end(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::OpenMetrics => writeln!(out, "# EOF"),
            Self::JsonLines | Self::Csv => Ok(()),
        }
    }
}

// === impl SeriesLabels ===

impl SeriesLabels<'_> {
    fn open_metrics(self) -> String {
        let escape = |text: &str| {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            text.replace('\n', "\\n")
        };
        let (account, channel_id) = (escape(self.account), escape(self.channel_id));
        let stream = self.stream.map_or(String::new(), |stream| {
            format!(",stream=\"{}\"", escape(stream))
        });
        format!("{{account=\"{account}\",channel_id=\"{channel_id}\"{stream}}}")
    }
}

/// Whole seconds and milliseconds.
fn split(time: Timestamp) -> (i64, i64) {
    let millis = time.as_millis();
    (millis.div_euclid(1000), millis.rem_euclid(1000))
}

/// RFC 4180.
fn csv_field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
