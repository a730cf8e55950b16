//! Charts of a stream's last half hour.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use super::text;
use crate::state::StreamHistory;
use crate::state::{HISTORY_SPAN, SampleValues};
use polyv_client::clock::Timestamp;

/// A picture of this many columns and rows, to be stretched to whatever size there is.
#[derive(Clone, Copy)]
struct Scale {
    columns: i64,
    /// The row that it begins with, where it is a part of a larger one.
    first: i64,
    rows: i64,
    /// A line moves only by more rows than this, or to the bottom: noise is not worth its space.
    hysteresis: i64,
    /// So many columns without a sample are drawn through: samples are not always on time.
    /// Half a minute without any is worth seeing.
    max_gap: usize,
}

/// Two lines, one above the other: the bitrate's has more room.
const SPARKLINE: Scale = Scale {
    columns: 60,
    first: 0,
    rows: 18,
    hysteresis: 1,
    max_gap: 0,
};
const SPARKLINE_BELOW: Scale = Scale {
    first: 18,
    rows: 10,
    ..SPARKLINE
};
const DETAIL: Scale = Scale {
    columns: 180,
    first: 0,
    rows: 100,
    hysteresis: 0,
    max_gap: 2,
};

/// Which field, from its value.
pub(super) type FieldSelector = fn(&SampleValues) -> Option<f64>;

pub(super) const BITRATE: FieldSelector = |values| values.video_bitrate.get();
pub(super) const VIDEO: FieldSelector = |values| values.video_framerate.get();
pub(super) const AUDIO: FieldSelector = |values| values.audio_framerate.get();

/// A small chart of bitrate and frame rate, for a row of the table.
pub(super) fn sparkline(
    history: &StreamHistory,
    expected: [Option<f64>; 2],
    now: Timestamp,
    messages: &super::Messages,
) -> Markup {
    let [expected_bitrate, expected_framerate] = expected;
    let bitrates = columns(history, BITRATE, SPARKLINE, now);
    let framerates = columns(history, VIDEO, SPARKLINE, now);
    if bitrates.iter().chain(&framerates).all(Option::is_none) {
        return html! {};
    }
    let said = |name: &str, values: &[Option<f64>], write: fn(f64) -> String| {
        let (low, high) = bounds(values)?;
        Some(format!("{name}: {} – {}", write(low), write(high)))
    };
    let label = said(messages.bitrate, &bitrates, text::bitrate)
        .or_else(|| said(messages.video_frame_rate, &framerates, text::framerate))
        .unwrap_or_default();
    let framerate = path(
        &framerates,
        top(&framerates, expected_framerate),
        SPARKLINE_BELOW,
    );
    let bitrate = path(&bitrates, top(&bitrates, expected_bitrate), SPARKLINE);
    // By hand, because there may be thousands of them: nothing in it is from outside.
    let begin = "<svg viewBox=\"0 0 60 28\" preserveAspectRatio=\"none\" role=\"img\"";
    PreEscaped(format!(
        "{begin} aria-label=\"{label}\"><path d=\"{bitrate}\"/><path d=\"{framerate}\"/></svg>"
    ))
}

/// A large chart of one field.
pub(super) struct DetailChart<'a> {
    pub(super) title: &'a str,
    /// How its values are written.
    pub(super) write: fn(f64) -> String,
    pub(super) field: FieldSelector,
    pub(super) expected: Option<f64>,
    pub(super) usual: Option<f64>,
    /// The class of its line.
    pub(super) class: &'static str,
}

impl DetailChart<'_> {
    /// Draws it.
    pub(super) fn draw(
        &self,
        history: &StreamHistory,
        now: Timestamp,
        messages: &super::Messages,
    ) -> Markup {
        let values = columns(history, self.field, DETAIL, now);
        if values.iter().all(Option::is_none) {
            return html! {};
        }
        let reference = self.expected.or(self.usual);
        let top = top(&values, reference);
        let line = path(&values, top, DETAIL);
        let level = reference.map(|level| row(level, top, DETAIL));
        let named = if self.expected.is_some() {
            messages.expected
        } else {
            messages.usual
        };
        let label = bounds(&values).map_or_else(String::new, |(low, high)| {
            format!(
                "{}: {} – {}",
                self.title,
                (self.write)(low),
                (self.write)(high)
            )
        });
        // For whoever points at it: how long ago in seconds, and the value in words.
        let mut points = String::new();
        for step in &history.steps {
            if let Some(value) = (self.field)(&step.values) {
                let time = step.time.as_millis() / 1000;
                _ = write!(points, "{time} {}|", (self.write)(value));
            }
        }
        html! {
            figure.chart tabindex="0" data-points=(points) data-end=(now.as_millis() / 1000)
                data-span=(HISTORY_SPAN.as_secs()) {
                figcaption {
                    (self.title) output aria-live="polite" {}
                    @if let Some(reference) = reference {
                        small.level { (named) " " ((self.write)(reference)) }
                    }
                }
                div.plot {
                    span.top { ((self.write)(top)) }
                    span.bottom { "0" }
                    svg viewBox="0 0 180 100" preserveAspectRatio="none" role="img"
                        aria-label=(label) {
                        @for quarter in [25, 50, 75] {
                            path.grid d={ "M0 " (quarter) "h180" } {}
                        }
                        @for third in [60, 120] {
                            path.grid d={ "M" (third) " 0v100" } {}
                        }
                        @if let Some(level) = level {
                            path.level d={ "M0 " (level) "h180" } {}
                        }
                        path class=(self.class) d=(line) {}
                        path.cursor d="" {}
                    }
                }
                div.axis {
                    @for minutes in [30, 20, 10] {
                        span { "−" (minutes) " " (messages.units[1]) }
                    }
                    span { (messages.now) }
                }
            }
        }
    }
}

/// The lowest value of each column.
fn columns(
    history: &StreamHistory,
    field: FieldSelector,
    scale: Scale,
    now: Timestamp,
) -> Vec<Option<f64>> {
    let width = i64::try_from(HISTORY_SPAN.as_millis()).unwrap_or(i64::MAX) / scale.columns;
    let begin = now - HISTORY_SPAN;
    let column_of = |time: Timestamp| time.millis_after(begin).div_euclid(width);
    let mut columns = vec![None; usize::try_from(scale.columns).unwrap_or(0)];
    for step in &history.steps {
        let Some(value) = field(&step.values) else {
            continue;
        };
        // A step stands for all columns that it reaches into.
        let first = column_of(step.time);
        let last = column_of((step.time + history.step).plus_millis(-1)).min(scale.columns - 1);
        for column in first.max(0)..=last {
            if let Some(lowest) = usize::try_from(column)
                .ok()
                .and_then(|column| columns.get_mut(column))
            {
                *lowest = Some(lowest.map_or(value, |lowest: f64| lowest.min(value)));
            }
        }
    }
    fill_gap(&mut columns, scale.max_gap);
    columns
}

/// Draws through gaps that are no silence.
fn fill_gap(columns: &mut [Option<f64>], widest: usize) {
    let mut before: Option<(usize, f64)> = None;
    for at in 0..columns.len() {
        let Some(value) = columns.get(at).copied().flatten() else {
            continue;
        };
        if let Some((last, carried)) = before
            && at - last <= widest + 1
            && let Some(gap) = columns.get_mut(last + 1..at)
        {
            gap.fill(Some(carried));
        }
        before = Some((at, value));
    }
}

fn bounds(values: &[Option<f64>]) -> Option<(f64, f64)> {
    let known = || values.iter().flatten().copied();
    Some((known().reduce(f64::min)?, known().reduce(f64::max)?))
}

/// What the picture's upper edge stands for.
fn top(values: &[Option<f64>], reference: Option<f64>) -> f64 {
    let highest = bounds(values).map_or(0.0, |(_, high)| high);
    let top = highest.max(reference.unwrap_or(0.0)) * 1.2;
    if top > 0.0 { top } else { 1.0 }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // a few hundred rows
fn row(value: f64, top: f64, scale: Scale) -> i64 {
    let share = (value / top).clamp(0.0, 1.0);
    // Half a row from the edge, or the line would be cut.
    let rows = scale.rows as f64 - 1.0;
    scale.first + (rows - share * (rows - 1.0)).round() as i64
}

/// A line of steps, as short as it can be said: most of the time nothing changes.
fn path(values: &[Option<f64>], top: f64, scale: Scale) -> String {
    let mut path = String::new();
    let mut pen: Option<i64> = None;
    let mut run = 0_i64;
    for (column, value) in values.iter().enumerate() {
        let row = value.map(|value| match (pen, row(value, top, scale)) {
            (Some(pen), to) if (to - pen).abs() <= scale.hysteresis && value > 0.0 => pen,
            (_, to) => to,
        });
        if row != pen {
            if run > 0 {
                _ = write!(path, "h{run}");
                run = 0;
            }
            match (pen, row) {
                (Some(from), Some(to)) => _ = write!(path, "v{}", to - from),
                (None, Some(to)) => _ = write!(path, "M{column} {to}"),
                _ => {}
            }
            pen = row;
        }
        if pen.is_some() {
            run += 1;
        }
    }
    if run > 0 {
        _ = write!(path, "h{run}");
    }
    path
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::state::HistoryPoint;
    use polyv_client::StreamName;

    const NOW: Timestamp = Timestamp::from_millis(1_700_001_800_000);

    fn step(seconds_ago: i64, bitrate: f64) -> HistoryPoint {
        HistoryPoint {
            time: NOW.plus_millis(-seconds_ago * 1000),
            values: SampleValues {
                video_bitrate: Some(bitrate).into(),
                ..SampleValues::NONE
            },
        }
    }

    fn steps(step: u64, steps: impl IntoIterator<Item = HistoryPoint>) -> StreamHistory {
        StreamHistory {
            name: StreamName::new("recordf"),
            step: Duration::from_secs(step),
            steps: steps.into_iter().collect(),
        }
    }

    /// A step every 10 seconds, from so many seconds ago on.
    fn every_step(from: i64, to: i64) -> impl Iterator<Item = HistoryPoint> {
        (to / 10 + 1..=from / 10).rev().map(|n| step(n * 10, 100.0))
    }

    fn drawn(history: &StreamHistory, scale: Scale) -> String {
        path(&columns(history, BITRATE, scale, NOW), 100.0, scale)
    }

    #[test]
    fn a_steady_line_is_said_in_a_few_characters() {
        let history = steps(10, every_step(1800, 0));
        assert_eq!(drawn(&history, SPARKLINE), "M0 1h60");
        assert_eq!(drawn(&history, DETAIL), "M0 1h180");
    }

    #[test]
    fn a_dip_of_one_step_is_seen() {
        let mut history = steps(10, every_step(1800, 0));
        history.steps[90].values.video_bitrate = Some(0.0).into();
        assert_eq!(drawn(&history, SPARKLINE), "M0 1h30v16h1v-16h29");
        assert_eq!(drawn(&history, DETAIL), "M0 1h90v98h1v-98h89");
    }

    #[test]
    fn half_a_minute_of_silence_is_a_gap_and_a_late_sample_is_none() {
        let silent = |seconds: i64| {
            let steps_of = every_step(1800, 900).chain(every_step(900 - seconds, 0));
            steps(10, steps_of)
        };
        assert_eq!(drawn(&silent(20), DETAIL), "M0 1h180");
        assert_eq!(drawn(&silent(30), DETAIL), "M0 1h90M93 1h87");
        assert_eq!(drawn(&silent(20), SPARKLINE), "M0 1h60");
        assert_eq!(drawn(&silent(60), SPARKLINE), "M0 1h30M32 1h28");
    }

    #[test]
    fn a_coarse_step_stands_for_all_of_its_time() {
        let coarse = (1..=22).rev().map(|n| step(n * 80, 100.0));
        assert_eq!(drawn(&steps(80, coarse), SPARKLINE), "M1 1h59");
    }

    #[test]
    fn what_is_outside_of_the_picture_is_not_drawn() {
        let history = steps(10, [step(1860, 5.0), step(-10, 7.0)]);
        let values = columns(&history, BITRATE, SPARKLINE, NOW);
        assert_eq!(bounds(&values), None);
        assert_eq!(top(&[], None), 1.0);
        assert_eq!(row(0.0, 1.0, SPARKLINE), 17);
        assert_eq!(row(2.0, 1.0, SPARKLINE), 1);
    }
}
