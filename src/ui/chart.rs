//! Charts of the last half hour of a stream.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use super::context::RenderContext;
use super::text;
use crate::state::{HISTORY_SPAN, SampleValues, StreamHistory};
use polyv_client::clock::Timestamp;

/// The coordinates of a line: columns and rows, which the browser stretches to any size.
#[derive(Clone, Copy)]
struct Scale {
    columns: i64,
    /// The uppermost row.
    first_row: i64,
    rows: i64,
    /// The line moves only by more rows than this, or to the bottom: noise is not worth its
    /// space.
    hysteresis: i64,
    /// The line goes on through this many columns without a sample, since samples are not
    /// always on time. Half a minute without any is worth seeing.
    max_gap: usize,
}

const SPARKLINE_BITRATE: Scale = Scale {
    columns: 60,
    first_row: 0,
    rows: 18,
    hysteresis: 1,
    max_gap: 0,
};
/// The line below the bitrate, with less space.
const SPARKLINE_FRAMERATE: Scale = Scale {
    first_row: 18,
    rows: 10,
    ..SPARKLINE_BITRATE
};
const DETAIL: Scale = Scale {
    columns: 180,
    first_row: 0,
    rows: 100,
    hysteresis: 0,
    max_gap: 2,
};

/// Selects a field of a sample.
pub(super) type Selector = fn(&SampleValues) -> Option<f64>;

pub(super) const VIDEO_BITRATE: Selector = |values| values.video_bitrate.get();
pub(super) const VIDEO_FRAMERATE: Selector = |values| values.video_framerate.get();
pub(super) const AUDIO_FRAMERATE: Selector = |values| values.audio_framerate.get();

/// A field of a stream, as the page of a channel shows it.
pub(super) struct Field {
    pub(super) title: &'static str,
    /// Formats a value.
    pub(super) write: fn(f64) -> String,
    pub(super) select: fn(&SampleValues) -> Option<f64>,
    pub(super) expected: Option<f64>,
    pub(super) usual: Option<f64>,
    /// The class of the line.
    pub(super) class: &'static str,
}

/// A small chart of bitrate and frame rate, for a row of the table.
pub(super) fn sparkline(
    history: &StreamHistory,
    expected: [Option<f64>; 2],
    context: RenderContext,
) -> Markup {
    let [expected_bitrate, expected_framerate] = expected;
    let bitrates = columns(history, VIDEO_BITRATE, SPARKLINE_BITRATE, context.polyv);
    let framerates = columns(history, VIDEO_FRAMERATE, SPARKLINE_FRAMERATE, context.polyv);
    let messages = context.messages();
    let Some(label) = label(messages.bitrate, &bitrates, text::bitrate)
        .or_else(|| label(messages.video_frame_rate, &framerates, text::framerate))
    else {
        return html! {};
    };
    let bitrate = path(
        &bitrates,
        top(&bitrates, expected_bitrate),
        SPARKLINE_BITRATE,
    );
    let framerate = path(
        &framerates,
        top(&framerates, expected_framerate),
        SPARKLINE_FRAMERATE,
    );
    // Not by a template, because a page may have thousands; nothing in it is from outside.
    let begin = "<svg viewBox=\"0 0 60 28\" preserveAspectRatio=\"none\" role=\"img\"";
    PreEscaped(format!(
        "{begin} aria-label=\"{label}\"><path d=\"{bitrate}\"/><path d=\"{framerate}\"/></svg>"
    ))
}

/// A large chart of one field; nothing without values.
pub(super) fn detail_chart(
    field: &Field,
    history: &StreamHistory,
    context: RenderContext,
) -> Markup {
    let messages = context.messages();
    let Field {
        title,
        write,
        select,
        ..
    } = *field;
    let now = context.polyv;
    let values = columns(history, select, DETAIL, now);
    let Some(label) = label(title, &values, write) else {
        return html! {};
    };
    let (reference, reference_name) = match field.expected {
        Some(expected) => (Some(expected), messages.expected),
        None => (field.usual, messages.usual),
    };
    let top = top(&values, reference);
    // What the script shows at the pointer: times in seconds, and values as text.
    let points = history.steps.iter().filter_map(|step| {
        let value = select(&step.values)?;
        Some(format!(
            "{} {}|",
            step.time.as_millis() / 1000,
            write(value)
        ))
    });
    html! {
        figure.chart tabindex="0" data-points=(points.collect::<String>())
            data-end=(now.as_millis() / 1000) data-span=(HISTORY_SPAN.as_secs()) {
            figcaption {
                (title) output aria-live="polite" {}
                @if let Some(reference) = reference {
                    small.level { (reference_name) " " (write(reference)) }
                }
            }
            div.plot {
                span.top { (write(top)) }
                span.bottom { "0" }
                svg viewBox="0 0 180 100" preserveAspectRatio="none" role="img" aria-label=(label) {
                    @for quarter in [25, 50, 75] {
                        path.grid d={ "M0 " (quarter) "h180" } {}
                    }
                    @for third in [60, 120] {
                        path.grid d={ "M" (third) " 0v100" } {}
                    }
                    @if let Some(reference) = reference {
                        path.level d={ "M0 " (row(reference, top, DETAIL)) "h180" } {}
                    }
                    path class=(field.class) d=(path(&values, top, DETAIL)) {}
                    path.cursor d="" {}
                }
            }
            div.axis {
                @for minutes in [30, 20, 10] {
                    span { "−" (minutes) " " (messages.minutes) }
                }
                span { (messages.now) }
            }
        }
    }
}

/// A chart in words: its lowest and its highest value; `None` without values.
fn label(title: &str, values: &[Option<f64>], write: fn(f64) -> String) -> Option<String> {
    let (low, high) = bounds(values)?;
    Some(format!("{title}: {} – {}", write(low), write(high)))
}

/// The lowest value of each column.
fn columns(
    history: &StreamHistory,
    select: Selector,
    scale: Scale,
    now: Timestamp,
) -> Vec<Option<f64>> {
    let width = i64::try_from(HISTORY_SPAN.as_millis()).unwrap_or(i64::MAX) / scale.columns;
    let begin = now - HISTORY_SPAN;
    let column_of = |time: Timestamp| time.millis_after(begin).div_euclid(width);
    let mut columns = vec![None; usize::try_from(scale.columns).unwrap_or(0)];
    for step in &history.steps {
        let Some(value) = select(&step.values) else {
            continue;
        };
        // A step counts for all columns that it overlaps.
        let first = column_of(step.time).max(0);
        let last = column_of((step.time + history.step).plus_millis(-1)).min(scale.columns - 1);
        let (Ok(first), Ok(last)) = (usize::try_from(first), usize::try_from(last)) else {
            continue;
        };
        for lowest in columns.get_mut(first..=last).into_iter().flatten() {
            *lowest = Some(lowest.map_or(value, |lowest: f64| lowest.min(value)));
        }
    }
    fill_gap(&mut columns, scale.max_gap);
    columns
}

/// Fills gaps of up to `widest` columns with the value before.
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

/// The value at the upper edge.
fn top(values: &[Option<f64>], reference: Option<f64>) -> f64 {
    let highest = bounds(values).map_or(0.0, |(_, high)| high);
    let top = highest.max(reference.unwrap_or(0.0)) * 1.2;
    if top > 0.0 { top } else { 1.0 }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // a few hundred rows
fn row(value: f64, top: f64, scale: Scale) -> i64 {
    let share = (value / top).clamp(0.0, 1.0);
    // Half a row from the edges, where the line would be cut.
    let rows = scale.rows as f64 - 1.0;
    scale.first_row + (rows - share * (rows - 1.0)).round() as i64
}

/// A line of steps as a short SVG path: most of the time nothing changes.
fn path(values: &[Option<f64>], top: f64, scale: Scale) -> String {
    let mut pen: Option<i64> = None;
    let rows = values.iter().map(|value| {
        pen = value.map(|value| match (pen, row(value, top, scale)) {
            (Some(pen), to) if (to - pen).abs() <= scale.hysteresis && value > 0.0 => pen,
            (_, to) => to,
        });
        pen
    });
    let rows: Vec<_> = rows.collect();
    let mut path = String::new();
    let (mut column, mut before) = (0, None);
    for run in rows.chunk_by(PartialEq::eq) {
        let row = run.first().copied().flatten();
        if let Some(to) = row {
            _ = match before {
                Some(from) => write!(path, "v{}", to - from),
                None => write!(path, "M{column} {to}"),
            };
            _ = write!(path, "h{}", run.len());
        }
        column += run.len();
        before = row;
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

    /// A step every 10 seconds, between two ages in seconds.
    fn every_step(from: i64, to: i64) -> impl Iterator<Item = HistoryPoint> {
        (to / 10 + 1..=from / 10).rev().map(|n| step(n * 10, 100.0))
    }

    fn drawn(history: &StreamHistory, scale: Scale) -> String {
        path(&columns(history, VIDEO_BITRATE, scale, NOW), 100.0, scale)
    }

    #[test]
    fn steady_line_takes_few_characters() {
        let history = steps(10, every_step(1800, 0));
        assert_eq!(drawn(&history, SPARKLINE_BITRATE), "M0 1h60");
        assert_eq!(drawn(&history, DETAIL), "M0 1h180");
    }

    #[test]
    fn dip_of_one_step_is_drawn() {
        let mut history = steps(10, every_step(1800, 0));
        history.steps[90].values.video_bitrate = Some(0.0).into();
        assert_eq!(drawn(&history, SPARKLINE_BITRATE), "M0 1h30v16h1v-16h29");
        assert_eq!(drawn(&history, DETAIL), "M0 1h90v98h1v-98h89");
    }

    #[test]
    fn missing_samples_are_a_gap_and_late_ones_are_not() {
        let silent = |seconds: i64| {
            let steps_of = every_step(1800, 900).chain(every_step(900 - seconds, 0));
            steps(10, steps_of)
        };
        assert_eq!(drawn(&silent(20), DETAIL), "M0 1h180");
        assert_eq!(drawn(&silent(30), DETAIL), "M0 1h90M93 1h87");
        assert_eq!(drawn(&silent(20), SPARKLINE_BITRATE), "M0 1h60");
        assert_eq!(drawn(&silent(60), SPARKLINE_BITRATE), "M0 1h30M32 1h28");
    }

    #[test]
    fn coarse_step_fills_all_of_its_columns() {
        let coarse = (1..=22).rev().map(|n| step(n * 80, 100.0));
        assert_eq!(drawn(&steps(80, coarse), SPARKLINE_BITRATE), "M1 1h59");
    }

    #[test]
    fn steps_outside_of_the_chart_are_not_drawn() {
        let history = steps(10, [step(1860, 5.0), step(-10, 7.0)]);
        let values = columns(&history, VIDEO_BITRATE, SPARKLINE_BITRATE, NOW);
        assert_eq!(bounds(&values), None);
        assert_eq!(top(&[], None), 1.0);
        assert_eq!(row(0.0, 1.0, SPARKLINE_BITRATE), 17);
        assert_eq!(row(2.0, 1.0, SPARKLINE_BITRATE), 1);
    }
}
