//! Writes recorded samples in the formats of other programs.
//!
//! A day of one stream is in memory at a time, and each is read on its own, so that the exporter
//! that records is never kept from it.

use std::io::{self, Write};

use super::error::RecorderError;
use super::export_format::{ExportFormat, SeriesLabels};
use super::reader::{Reader, RecordedChannel};
use super::recording::{Period, RecordedSample};
use super::sample_family::SampleFamily;
use crate::state::{LiveState, Measurement};
use polyv_client::clock::Timestamp;

/// An export of channels of a recording.
pub struct Export<'a> {
    reader: &'a Reader,
    format: ExportFormat,
    series: Vec<ExportedSeries>,
}

/// A channel or one of its streams.
struct ExportedSeries {
    channel: RecordedChannel,
    stream: Option<(i64, Box<str>)>,
    /// Its first day and the day after its last.
    days: std::ops::Range<i64>,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The recording cannot be read.
    #[error(transparent)]
    Read(#[from] RecorderError),
    /// The output cannot be written.
    #[error("cannot write the export")]
    Write(#[from] io::Error),
}

const DAY_MILLIS: i64 = 86_400_000;
const MINUTE_MILLIS: i64 = 60_000;

// === impl Export ===

impl<'a> Export<'a> {
    /// An export of these channels.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn new(
        reader: &'a Reader,
        format: ExportFormat,
        channels: Vec<RecordedChannel>,
    ) -> Result<Self, RecorderError> {
        let mut series = Vec::new();
        for channel in channels {
            let mut own = Vec::new();
            for (row, name) in reader.streams(&channel)? {
                own.push((Some((row, Box::from(&*name))), reader.stream_bounds(row)?));
            }
            own.push((None, reader.channel_bounds(&channel)?));
            for (stream, bounds) in own {
                if let Some(bounds) = bounds {
                    series.push(ExportedSeries {
                        channel: channel.clone(),
                        stream,
                        days: days(bounds),
                    });
                }
            }
        }
        Ok(Self {
            reader,
            format,
            series,
        })
    }

    /// The days (in UTC) of a period in which anything was recorded.
    #[must_use]
    pub fn days(&self, period: Period) -> Vec<Period> {
        let first = self.series.iter().map(|series| series.days.start).min();
        let last = self.series.iter().map(|series| series.days.end).max();
        let Some((first, last)) = first.zip(last) else {
            return Vec::new();
        };
        overlap(&(first..last), period)
            .map(|day| clip(day, period))
            .collect()
    }

    /// How many steps [`write`](Self::write) takes.
    #[must_use]
    pub fn steps(&self, period: Period) -> u64 {
        let days = self
            .parts()
            .map(|(_, series)| overlap(&series.days, period));
        days.map(|days| days.count() as u64).sum()
    }

    /// Writes everything of a period, and calls `step` after each step. Returns how many samples
    /// there were.
    ///
    /// # Errors
    /// The recording cannot be read, or the output cannot be written.
    pub fn write(
        &self,
        period: Period,
        out: &mut dyn Write,
        mut step: impl FnMut(),
    ) -> Result<u64, ExportError> {
        let mut count = 0;
        let mut present = None;
        self.format.begin(out)?;
        for (family, series) in self.parts() {
            for day in overlap(&series.days, period) {
                let day = clip(day, period);
                let labels = SeriesLabels {
                    account: &series.channel.account,
                    channel_id: &series.channel.channel_id,
                    stream: series.stream.as_ref().map(|(_, name)| &**name),
                };
                let points = match (family, &series.stream) {
                    (None, Some((row, _))) => {
                        let samples = self.reader.stream_samples_at_once(*row, day)?;
                        ExportFormat::rows(labels, &samples, out)?;
                        samples.len()
                    }
                    (Some(family), _) => {
                        let points = self.points(family, series, day)?;
                        if !points.is_empty() && present.replace(family) != Some(family) {
                            self.format.family(family, out)?;
                        }
                        self.format.series(family, labels, &points, out)?;
                        points.len()
                    }
                    (None, None) => 0,
                };
                count += points as u64;
                step();
            }
        }
        self.format.end(out)?;
        Ok(count)
    }

    /// The parts of the export in order: families one after the other, since no format may mix
    /// them; rows have all values at once.
    fn parts(&self) -> impl Iterator<Item = (Option<SampleFamily>, &ExportedSeries)> {
        let is_csv = self.format == ExportFormat::Csv;
        let families = SampleFamily::ALL.into_iter().map(Some);
        let families = families.filter(move |_| !is_csv);
        let rows = is_csv.then_some(None);
        families.chain(rows).flat_map(|family| {
            let is_of_stream = family.is_none_or(SampleFamily::is_of_stream);
            let series = self.series.iter();
            let series = series.filter(move |series| series.stream.is_some() == is_of_stream);
            series.map(move |series| (family, series))
        })
    }

    fn points(
        &self,
        family: SampleFamily,
        series: &ExportedSeries,
        day: Period,
    ) -> Result<Vec<(Timestamp, f64)>, RecorderError> {
        let field: fn(&RecordedSample) -> Measurement = match family {
            SampleFamily::VideoBitrate => |sample| sample.values.video_bitrate,
            SampleFamily::VideoFramerate => |sample| sample.values.video_framerate,
            SampleFamily::AudioFramerate => |sample| sample.values.audio_framerate,
            SampleFamily::Viewers => {
                let viewers = self.reader.viewers_of(&series.channel, day)?;
                #[allow(clippy::cast_precision_loss)] // exact up to 2^53
                let points = viewers.iter().map(|v| (v.time, v.count as f64));
                return Ok(points.collect());
            }
            SampleFamily::Live => return self.live(&series.channel, day),
        };
        let Some((row, _)) = series.stream else {
            return Ok(Vec::new());
        };
        let samples = self.reader.stream_samples_at_once(row, day)?;
        let points = samples
            .iter()
            .filter_map(|sample| Some((sample.time, field(sample).get()?)));
        Ok(points.collect())
    }

    /// Whether a channel was live: at each change, and at every full minute at which that was
    /// observed.
    fn live(
        &self,
        channel: &RecordedChannel,
        day: Period,
    ) -> Result<Vec<(Timestamp, f64)>, RecorderError> {
        let (states, observed) = self.reader.states_and_observed(channel, day)?;
        let mut points = Vec::new();
        let value = |state: LiveState| match state {
            LiveState::Live => Some(1.0),
            LiveState::NotLive => Some(0.0),
            LiveState::Unknown => None,
        };
        for state in states.iter().filter(|state| state.time >= day.start) {
            points.extend(value(state.state).map(|value| (state.time, value)));
        }
        for period in observed {
            let first = period.start.as_millis().div_euclid(MINUTE_MILLIS) + 1;
            let last = period.end.as_millis().div_euclid(MINUTE_MILLIS);
            for minute in first..=last {
                let time = Timestamp::from_millis(minute * MINUTE_MILLIS);
                let at = states.partition_point(|state| state.time <= time);
                let state = at.checked_sub(1).and_then(|index| states.get(index));
                if time >= day.start && time < day.end && state.is_none_or(|s| s.time < time) {
                    let value = state.and_then(|state| value(state.state));
                    points.extend(value.map(|value| (time, value)));
                }
            }
        }
        points.sort_by_key(|(time, _)| *time);
        Ok(points)
    }
}

/// The days that a period touches.
fn days(period: Period) -> std::ops::Range<i64> {
    let day = |time: Timestamp| time.as_millis().div_euclid(DAY_MILLIS);
    day(period.start)..day(period.end.plus_millis(-1)) + 1
}

fn overlap(days_of_series: &std::ops::Range<i64>, period: Period) -> std::ops::Range<i64> {
    let wanted = days(period);
    let start = days_of_series.start.max(wanted.start);
    start..days_of_series.end.min(wanted.end).max(start)
}

/// The part of a day that is in a period.
fn clip(day: i64, period: Period) -> Period {
    let start = Timestamp::from_millis(day * DAY_MILLIS);
    Period {
        start: start.max(period.start),
        end: start.plus_millis(DAY_MILLIS).min(period.end),
    }
}
