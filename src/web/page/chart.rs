//! Charts of a stream's last half hour.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use super::text;
use crate::channel::{HISTORY, Lowest, Values};
use crate::clock::Timestamp;

/// A picture of this many columns and rows, to be stretched to whatever size there is.
#[derive(Clone, Copy)]
struct Grid {
    columns: i64,
    /// The row that it begins with, where it is a part of a larger one.
    first: i64,
    rows: i64,
    /// A line moves only by more rows than this, or to the bottom: noise is not worth its space.
    calm: i64,
    /// So many columns without a sample are drawn through: samples are not always on time.
    bridge: usize,
}

/// Two lines, one above the other: the bitrate's has more room.
const SMALL: Grid = Grid {
    columns: 60,
    first: 0,
    rows: 18,
    calm: 1,
    bridge: 2,
};
const SMALL_BELOW: Grid = Grid {
    first: 18,
    rows: 10,
    ..SMALL
};
const LARGE: Grid = Grid {
    columns: 180,
    first: 0,
    rows: 100,
    calm: 0,
    bridge: 6,
};

/// Which field, from its value.
pub(super) type Field = fn(&Values) -> Option<f64>;

pub(super) const BITRATE: Field = |values| values.video_bitrate.get();
pub(super) const VIDEO: Field = |values| values.video_framerate.get();
pub(super) const AUDIO: Field = |values| values.audio_framerate.get();

/// A small chart of bitrate and frame rate, for a row of the table.
pub(super) fn small(steps: &[Lowest], expected: [Option<f64>; 2], now: Timestamp) -> Markup {
    let [expected_bitrate, expected_framerate] = expected;
    let bitrates = columns(steps, BITRATE, SMALL, now);
    let framerates = columns(steps, VIDEO, SMALL, now);
    if bitrates.iter().chain(&framerates).all(Option::is_none) {
        return html! {};
    }
    let span = bounds(&bitrates).map(|(low, high)| {
        let (low, high) = (text::bitrate(low), text::bitrate(high));
        if low == high {
            low
        } else {
            format!("{low} – {high}")
        }
    });
    let framerate = path(
        &framerates,
        top(&framerates, expected_framerate),
        SMALL_BELOW,
    );
    let bitrate = path(&bitrates, top(&bitrates, expected_bitrate), SMALL);
    // By hand, because there may be thousands of them: nothing in it is from outside.
    let label = span.map_or_else(String::new, |span| format!(" aria-label=\"{span}\""));
    let begin = "<svg viewBox=\"0 0 60 28\" preserveAspectRatio=\"none\" role=\"img\"";
    PreEscaped(format!(
        "{begin}{label}><path d=\"{bitrate}\"/><path d=\"{framerate}\"/></svg>"
    ))
}

/// A large chart of one field.
pub(super) struct Large<'a> {
    pub(super) title: &'a str,
    /// How its values are written.
    pub(super) write: fn(f64) -> String,
    pub(super) field: Field,
    pub(super) expected: Option<f64>,
    pub(super) usual: Option<f64>,
    /// The class of its line.
    pub(super) class: &'static str,
}

impl Large<'_> {
    /// Draws it.
    pub(super) fn draw(&self, steps: &[Lowest], now: Timestamp, words: &super::Words) -> Markup {
        let values = columns(steps, self.field, LARGE, now);
        if values.iter().all(Option::is_none) {
            return html! {};
        }
        let reference = self.expected.or(self.usual);
        let top = top(&values, reference);
        let line = path(&values, top, LARGE);
        let level = reference.map(|level| row(level, top, LARGE));
        let named = if self.expected.is_some() {
            words.expected
        } else {
            words.usual
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
        for step in steps {
            if let Some(value) = (self.field)(&step.values) {
                let time = step.time.as_millis() / 1000;
                _ = write!(points, "{time} {}|", (self.write)(value));
            }
        }
        html! {
            figure.chart tabindex="0" data-points=(points) data-end=(now.as_millis() / 1000)
                data-span=(HISTORY.as_secs()) {
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
                        span { "−" (minutes) " " (words.units[1]) }
                    }
                    span { (words.now) }
                }
            }
        }
    }
}

/// The lowest value of each column.
fn columns(steps: &[Lowest], field: Field, grid: Grid, now: Timestamp) -> Vec<Option<f64>> {
    let width = i64::try_from(HISTORY.as_millis()).unwrap_or(i64::MAX) / grid.columns;
    let begin = now - HISTORY;
    let mut columns = vec![None; usize::try_from(grid.columns).unwrap_or(0)];
    for step in steps {
        let Some(value) = field(&step.values) else {
            continue;
        };
        let column = step.time.millis_after(begin).div_euclid(width);
        // The newest may be of a step that has begun in this very moment.
        let column = column.min(grid.columns - 1);
        if let Ok(column) = usize::try_from(column)
            && let Some(lowest) = columns.get_mut(column)
        {
            *lowest = Some(lowest.map_or(value, |lowest: f64| lowest.min(value)));
        }
    }
    bridge(&mut columns, grid.bridge);
    columns
}

/// Draws through gaps that are no silence.
fn bridge(columns: &mut [Option<f64>], widest: usize) {
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
fn row(value: f64, top: f64, grid: Grid) -> i64 {
    let share = (value / top).clamp(0.0, 1.0);
    // Half a row from the edge, or the line would be cut.
    let rows = grid.rows as f64 - 1.0;
    grid.first + (rows - share * (rows - 1.0)).round() as i64
}

/// A line of steps, as short as it can be said: most of the time nothing changes.
fn path(values: &[Option<f64>], top: f64, grid: Grid) -> String {
    let mut path = String::new();
    let mut pen: Option<i64> = None;
    let mut run = 0_i64;
    for (column, value) in values.iter().enumerate() {
        let row = value.map(|value| match (pen, row(value, top, grid)) {
            (Some(pen), to) if (to - pen).abs() <= grid.calm && value > 0.0 => pen,
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
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_001_800_000);

    fn step(minutes_ago: f64, bitrate: f64) -> Lowest {
        #[allow(clippy::cast_possible_truncation)]
        let millis = (minutes_ago * 60_000.0) as i64;
        Lowest {
            time: NOW.plus_millis(-millis),
            values: Values {
                video_bitrate: Some(bitrate).into(),
                ..Values::NONE
            },
        }
    }

    fn every_step(from: f64, to: f64, bitrate: f64) -> Vec<Lowest> {
        let mut steps = Vec::new();
        let mut at = from;
        while at > to {
            steps.push(step(at, bitrate));
            at -= 10.0 / 60.0;
        }
        steps
    }

    #[test]
    fn a_steady_line_is_said_in_a_few_characters() {
        let values = columns(&every_step(30.0, 0.0, 100.0), BITRATE, SMALL, NOW);
        assert_eq!(path(&values, 100.0, SMALL), "M0 1h60");
    }

    #[test]
    fn a_dip_of_one_step_is_seen() {
        let mut steps = every_step(30.0, 0.0, 100.0);
        steps[90].values.video_bitrate = Some(0.0).into();
        let values = columns(&steps, BITRATE, SMALL, NOW);
        assert_eq!(path(&values, 100.0, SMALL), "M0 1h30v16h1v-16h29");
    }

    #[test]
    fn a_silence_is_a_gap_and_a_late_sample_is_none() {
        let mut steps = every_step(30.0, 20.0, 100.0);
        steps.extend(every_step(10.0, 0.0, 100.0));
        let values = columns(&steps, BITRATE, SMALL, NOW);
        assert_eq!(path(&values, 100.0, SMALL), "M0 1h20M40 1h20");

        let sparse: Vec<_> = (1..=20)
            .map(|n| step(1.5 * f64::from(n), 100.0))
            .rev()
            .collect();
        let values = columns(&sparse, BITRATE, SMALL, NOW);
        assert_eq!(path(&values, 100.0, SMALL), "M0 1h58");
    }

    #[test]
    fn what_is_outside_of_the_picture_is_not_drawn() {
        let values = columns(&[step(31.0, 5.0), step(-1.0, 7.0)], BITRATE, SMALL, NOW);
        assert_eq!(values.iter().flatten().count(), 1);
        assert_eq!(bounds(&values), Some((7.0, 7.0)));
        assert_eq!(top(&[], None), 1.0);
        assert_eq!(row(0.0, 1.0, SMALL), 17);
        assert_eq!(row(2.0, 1.0, SMALL), 1);
    }
}
