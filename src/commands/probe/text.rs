//! A report for a person.

use std::fmt::Write;

use chrono::{DateTime, FixedOffset};

use super::LOOKBACK;
use super::report::{Report, SampleReport, StreamReport};
use super::sparkline;
use crate::config::format_duration;
use polyv_client::clock::Timestamp;

/// How many of the latest samples are listed.
const LATEST: usize = 6;

/// Writes the report; times are in `zone`.
pub(super) fn write(report: &Report, zone: FixedOffset) -> String {
    let mut out = String::new();
    let name = match &report.channel_name {
        Some(name) if *name != report.channel_id => format!(" ({name})"),
        _ => String::new(),
    };
    let state = match report.state {
        "live" => "live",
        "not_live" => "not live",
        _ => "unknown: there was no response",
    };
    _ = writeln!(
        out,
        "Channel {}{name}, account {}: {state}",
        report.channel_id, report.account
    );
    if let Some(error) = &report.error {
        _ = writeln!(out, "  {} ({})", error, report.outcome);
    }
    if report.unreadable_samples > 0 {
        let count = report.unreadable_samples;
        _ = writeln!(out, "  {count} samples can't be read and are left out");
    }
    write_sources(report, &mut out);
    for stream in &report.streams {
        write_stream(stream, report.requested_at, zone, &mut out);
    }
    for advice in &report.advice {
        _ = writeln!(out, "→ {advice}");
    }
    out
}

/// What each source has, what is pushed, and how many are watching.
fn write_sources(report: &Report, out: &mut String) {
    for source in &report.sources {
        let found = match (
            &source.error,
            source.samples,
            source.newest_sample_age_seconds,
        ) {
            (Some(error), ..) => error.clone(),
            (None, 0, _) if source.outcome == "ok" => "no samples".to_owned(),
            (None, 0, _) => source.outcome.replace('_', " "),
            (None, count, Some(age)) => format!("{count} samples, the newest {age:.0} s old"),
            (None, _, None) => "a stream".to_owned(),
        };
        let chosen = if report.source == Some(source.source) {
            "*"
        } else {
            " "
        };
        _ = writeln!(out, " {chosen}{:<17} {found}", source.source);
    }
    match report.pushing {
        Some(true) => {
            let node = report.ingest_node.as_deref();
            let node = node.map_or(String::new(), |node| format!(" to {node}"));
            let lost = report.lost_frames;
            let lost = lost.map_or(String::new(), |lost| format!(", lost frames {lost}"));
            _ = writeln!(out, "  a stream is pushed{node}{lost}");
        }
        Some(false) => _ = writeln!(out, "  nothing is pushed"),
        None => {}
    }
    if let Some(viewers) = report.viewers {
        _ = writeln!(out, "  {viewers} watching");
    }
}

fn write_stream(stream: &StreamReport, now: Timestamp, zone: FixedOffset, out: &mut String) {
    let count = stream.samples.len();
    let span = format_duration(LOOKBACK);
    _ = writeln!(
        out,
        "\nStream {} ({count} samples in {span})",
        stream.stream
    );
    _ = writeln!(
        out,
        "  {:<19} {:>7} {:>14} {:>10} {:>10}",
        format!("time (UTC{zone})"),
        "age",
        "video bitrate",
        "video fps",
        "audio fps"
    );
    for sample in stream.samples.iter().rev().take(LATEST) {
        write_sample(sample, now, zone, out);
    }
    for (name, of) in [
        (
            "bitrate",
            (|s| s.video_bitrate_bps) as fn(&SampleReport) -> Option<f64>,
        ),
        ("video", |s| s.video_framerate_fps),
        ("audio", |s| s.audio_framerate_fps),
    ] {
        let values = || {
            stream
                .samples
                .iter()
                .filter_map(move |sample| Some((sample.time, of(sample)?)))
        };
        let Some(lowest) = values().map(|(_, value)| value).reduce(f64::min) else {
            continue;
        };
        let highest = values().map(|(_, value)| value).fold(lowest, f64::max);
        let drawn = sparkline::draw(values(), now, LOOKBACK);
        let range = match name {
            "bitrate" => format!("{} to {}", bitrate(lowest), bitrate(highest)),
            _ => format!("{} to {} fps", framerate(lowest), framerate(highest)),
        };
        _ = writeln!(out, "  {name:<8} {drawn}  {range}");
    }
}

fn write_sample(sample: &SampleReport, now: Timestamp, zone: FixedOffset, out: &mut String) {
    let time = DateTime::from_timestamp_millis(sample.time.as_millis())
        .map(|time| time.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S"));
    let time = time.map_or_else(|| "?".to_owned(), |time| time.to_string());
    let cell =
        |value: Option<f64>, write: fn(f64) -> String| value.map_or_else(|| "–".to_owned(), write);
    _ = writeln!(
        out,
        "  {time:<19} {:>7} {:>14} {:>10} {:>10}",
        format!("{} s", now.millis_after(sample.time) / 1000),
        cell(sample.video_bitrate_bps, bitrate),
        cell(sample.video_framerate_fps, framerate),
        cell(sample.audio_framerate_fps, framerate),
    );
}

fn bitrate(bps: f64) -> String {
    if bps >= 10e6 {
        format!("{:.1} Mbit/s", bps / 1e6)
    } else {
        format!("{:.0} kbit/s", bps / 1e3)
    }
}

fn framerate(fps: f64) -> String {
    let rounded = (fps * 10.0).round() / 10.0;
    format!("{rounded}")
}
