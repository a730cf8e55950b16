//! A report as JSON, for programs.

use serde::Serialize;
use serde_json::Number;

use super::model::{BroadcastReport, Completeness, Distribution, Interruption, StreamSummary};
use super::spans::seconds;
use super::time::utc;

#[derive(Serialize)]
struct ReportJson<'a> {
    account: &'a str,
    channel_id: &'a str,
    channel_name: &'a str,
    start: String,
    end: Option<String>,
    planned_start: Option<String>,
    planned_end: Option<String>,
    interruptions: Vec<InterruptionJson<'a>>,
    affected_seconds: f64,
    longest_interruption_seconds: f64,
    streams: Vec<StreamJson<'a>>,
    viewers: ViewersJson,
    completeness: CompletenessJson,
}

#[derive(Serialize)]
struct InterruptionJson<'a> {
    kind: &'static str,
    start: String,
    end: String,
    seconds: f64,
    stream: Option<&'a str>,
    likely_cause: &'static str,
    viewers: Option<u64>,
}

#[derive(Serialize)]
struct StreamJson<'a> {
    stream: &'a str,
    video_bitrate_bps: DistributionJson,
    video_framerate_fps: DistributionJson,
    audio_framerate_fps: DistributionJson,
    below_75_percent_seconds: Option<f64>,
    below_50_percent_seconds: Option<f64>,
    media_missing_seconds: Option<f64>,
}

#[derive(Serialize)]
struct DistributionJson {
    median: Option<Number>,
    p5: Option<Number>,
}

#[derive(Serialize)]
struct ViewersJson {
    peak: Option<u64>,
    average: Option<f64>,
    affected_minutes: Option<f64>,
}

#[derive(Serialize)]
struct CompletenessJson {
    samples: u64,
    expected_samples: u64,
    ratio: Option<f64>,
    pending_tail_seconds: f64,
    unobserved_seconds: f64,
}

/// Writes a report as JSON, in lines.
///
/// # Errors
/// None for any report; the serializer's signature has them.
pub fn json(report: &BroadcastReport) -> serde_json::Result<String> {
    let viewers = report.viewers;
    let json = ReportJson {
        account: &report.account,
        channel_id: &report.channel_id,
        channel_name: &report.channel_name,
        start: utc(report.start),
        end: report.end().map(utc),
        planned_start: report.plan.map(|plan| utc(plan.start)),
        planned_end: report.plan.and_then(|plan| plan.end).map(utc),
        interruptions: report.interruptions.iter().map(Into::into).collect(),
        affected_seconds: seconds(report.affected_ms),
        longest_interruption_seconds: seconds(report.longest_interruption_ms()),
        streams: report.streams.iter().map(Into::into).collect(),
        viewers: ViewersJson {
            peak: viewers.peak,
            average: viewers.average.map(rounded),
            affected_minutes: viewers.affected_minutes.map(rounded),
        },
        completeness: report.completeness.into(),
    };
    Ok(serde_json::to_string_pretty(&json)? + "\n")
}

/// A number with three decimals at most.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The same, without a decimal point where it is whole.
#[allow(clippy::cast_possible_truncation)] // whole, and far under 2^53
fn number(value: f64) -> Option<Number> {
    let value = rounded(value);
    if value.fract() == 0.0 && value.abs() < 9e15 {
        Some(Number::from(value as i64))
    } else {
        Number::from_f64(value)
    }
}

impl<'a> From<&'a Interruption> for InterruptionJson<'a> {
    fn from(interruption: &'a Interruption) -> Self {
        Self {
            kind: interruption.kind.as_str(),
            start: utc(interruption.start),
            end: utc(interruption.end),
            seconds: seconds(interruption.length_ms()),
            stream: interruption.stream.as_deref(),
            likely_cause: interruption.likely_cause.as_str(),
            viewers: interruption.viewers,
        }
    }
}

impl<'a> From<&'a StreamSummary> for StreamJson<'a> {
    fn from(stream: &'a StreamSummary) -> Self {
        Self {
            stream: &stream.name,
            video_bitrate_bps: stream.video_bitrate.into(),
            video_framerate_fps: stream.video_framerate.into(),
            audio_framerate_fps: stream.audio_framerate.into(),
            below_75_percent_seconds: stream.below_75_percent_ms.map(seconds),
            below_50_percent_seconds: stream.below_50_percent_ms.map(seconds),
            media_missing_seconds: stream.media_missing_ms.map(seconds),
        }
    }
}

impl From<Distribution> for DistributionJson {
    fn from(distribution: Distribution) -> Self {
        Self {
            median: distribution.median.and_then(number),
            p5: distribution.p5.and_then(number),
        }
    }
}

impl From<Completeness> for CompletenessJson {
    fn from(completeness: Completeness) -> Self {
        Self {
            samples: completeness.samples,
            expected_samples: completeness.expected_samples,
            ratio: completeness
                .ratio()
                .map(|ratio| (ratio * 1e4).round() / 1e4),
            pending_tail_seconds: seconds(completeness.pending_tail_ms),
            unobserved_seconds: seconds(completeness.unobserved_ms),
        }
    }
}
