//! The key figures of a report in words, for all formats that people read.

use super::i18n::fill;
use super::model::BroadcastReport;
use super::presentation::{Presentation, grouped, whole};
use polyv_client::clock::Timestamp;

/// A key figure.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// What the value is to be compared with.
    pub(super) note: Option<String>,
}

/// Fewer samples than this share are worth a warning.
const COMPLETE_FROM: f64 = 0.98;
/// A longer time of which nothing is known is worth a warning.
const MAX_UNKNOWN_MS: i64 = 60_000;

/// When the broadcast was: `2026-12-01 20:00:03 to 21:59:53`.
pub(super) fn when(report: &BroadcastReport, shown: Presentation) -> String {
    let texts = shown.texts();
    let end = match report.end() {
        Some(end) => format!("{} {}", texts.until, shown.time_beside(end, report.start)),
        None => format!("({})", texts.running),
    };
    format!(
        "{} {} {end}",
        shown.date(report.start),
        shown.time(report.start)
    )
}

/// The report in a sentence.
pub(super) fn verdict(report: &BroadcastReport, shown: Presentation) -> String {
    let texts = shown.texts();
    let template = match report.interruptions.len() {
        0 => texts.no_interruption,
        1 => texts.one_interruption,
        _ => texts.interruptions_in,
    };
    let figures = [
        shown.length(report.length_ms()),
        shown.length(report.affected_ms),
        shown.percent(report.affected_ms, report.length_ms()),
        shown.length(report.longest_interruption_ms()),
        grouped(u64::try_from(report.interruptions.len()).unwrap_or(u64::MAX)),
    ];
    fill(template, &figures.each_ref().map(String::as_str))
}

/// Whether there may be interruptions that the report does not have.
pub(super) fn is_incomplete(report: &BroadcastReport) -> bool {
    let completeness = &report.completeness;
    completeness
        .ratio()
        .is_some_and(|ratio| ratio < COMPLETE_FROM)
        && report.interruptions.is_empty()
        || completeness.unknown_ms > MAX_UNKNOWN_MS
}

/// The key figures.
pub(super) fn facts(report: &BroadcastReport, shown: Presentation) -> Vec<Fact> {
    let texts = shown.texts();
    let fact = |name, value, note| Fact { name, value, note };
    let plan = report.plan.as_ref();
    let start = plan
        .zip(report.start_delay_ms())
        .map(|(plan, delay)| punctuality(plan.start, report.start, delay, shown));
    let end = plan.and_then(|plan| {
        let planned = plan.end?;
        let end = report.end()?;
        Some(punctuality(planned, end, report.end_delay_ms()?, shown))
    });
    let end_time = report.end().map_or_else(
        || texts.running.to_owned(),
        |end| shown.time_beside(end, report.start),
    );
    let mut facts = vec![
        fact(texts.duration, shown.length(report.length_ms()), None),
        fact(texts.start, shown.time(report.start), start),
        fact(texts.end, end_time, end),
    ];
    if !report.interruptions.is_empty() {
        let share = shown.percent(report.affected_ms, report.length_ms());
        let share = fill(texts.of_duration, &[&share]);
        let longest = shown.length(report.longest_interruption_ms());
        facts.push(fact(
            texts.affected,
            shown.length(report.affected_ms),
            Some(share),
        ));
        facts.push(fact(texts.longest, longest, None));
    }
    let viewers = &report.viewers;
    if let Some(peak) = viewers.peak {
        let average = viewers.average.map(whole);
        let average = average.map(|average| fill(texts.average_viewers, &[&average]));
        facts.push(fact(texts.peak_viewers, grouped(peak), average));
    }
    if let Some(minutes) = viewers.affected_minutes.filter(|minutes| *minutes > 0.0) {
        let minutes = fill(texts.viewer_minutes, &[&whole(minutes)]);
        facts.push(fact(texts.affected_viewers, minutes, None));
    }
    if let Some(ratio) = report.completeness.ratio() {
        let counts = [
            report.completeness.samples,
            report.completeness.expected_samples,
        ];
        let [samples, expected] = counts.map(grouped);
        let counts = fill(texts.samples_of, &[&samples, &expected]);
        facts.push(fact(texts.complete, shown.ratio(ratio), Some(counts)));
    }
    facts
}

/// What is to be known of the data's gaps.
pub(super) fn gaps(report: &BroadcastReport, shown: Presentation) -> Vec<Fact> {
    let texts = shown.texts();
    let completeness = &report.completeness;
    let fact = |name, millis, note: Option<&str>| Fact {
        name,
        value: shown.length(millis),
        note: note.filter(|_| millis > 0).map(ToOwned::to_owned),
    };
    let note = Some(texts.unobserved_note);
    vec![
        fact(texts.unobserved, completeness.unobserved_ms, note),
        fact(texts.pending_tail, completeness.pending_tail_ms, None),
    ]
}

/// A planned time, and how much later or earlier it really was.
fn punctuality(planned: Timestamp, actual: Timestamp, delay: i64, shown: Presentation) -> String {
    let texts = shown.texts();
    let template = match delay {
        -999..=999 => texts.planned_on_time,
        1000.. => texts.planned_late,
        _ => texts.planned_early,
    };
    let planned = shown.time_beside(planned, actual);
    fill(template, &[&planned, &shown.length(delay)])
}
