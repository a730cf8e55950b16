//! Charts of a broadcast as SVG, which the browser stretches to any width: labels are beside
//! them, as text of the page.

use std::fmt::Write;

use chrono::{TimeDelta, Timelike as _};
use maud::{Markup, PreEscaped, html};

use super::course::{Bounds, COLUMNS, Course};
use super::i18n::fill;
use super::model::{BroadcastReport, Interruption, InterruptionKind};
use super::presentation::Presentation;
use polyv_client::clock::Timestamp;

/// A chart of one value.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) course: &'a Course,
    /// The level that is expected.
    pub(super) expected: Option<f64>,
    /// Formats a value.
    pub(super) write: fn(f64) -> String,
    /// The class of the line.
    pub(super) class: &'static str,
    /// The stream whose value it is; `None` for a value of the channel.
    pub(super) stream: Option<&'a str>,
}

/// The class of charts of audio.
pub(super) const AUDIO: &str = "audio";
/// The height of a chart in its own units.
const HEIGHT: f64 = 100.0;
/// The narrowest mark of an interruption, in columns.
const MIN_MARK: f64 = 2.0;
/// The most labels below a chart.
const MAX_TICKS: i64 = 7;
/// The steps between labels, in minutes.
const STEPS: [i64; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880];

// === impl Chart ===

impl Chart<'_> {
    /// The chart with the report's interruptions; nothing without values.
    pub(super) fn render(&self, report: &BroadcastReport, shown: Presentation) -> Markup {
        let Some(bounds) = self.course.bounds() else {
            return html! {};
        };
        let texts = shown.texts();
        let top = self.top(bounds);
        let (low, high) = ((self.write)(bounds.low), (self.write)(bounds.high));
        let label = fill(texts.chart_range, &[self.title, &low, &high]);
        html! {
            figure.course {
                figcaption {
                    (self.title)
                    @if let Some(expected) = self.expected {
                        small { (fill(texts.expected, &[&(self.write)(expected)])) }
                    }
                }
                div.plot {
                    span.top { ((self.write)(top)) }
                    span.bottom { "0" }
                    svg viewBox={ "0 0 " (COLUMNS) " 100" } preserveAspectRatio="none" role="img"
                        aria-label=(label) {
                        (marks(report.interruptions.iter().filter(|i| self.concerns(i)), report, HEIGHT))
                        path.grid d={ "M0 25h" (COLUMNS) "M0 50h" (COLUMNS) "M0 75h" (COLUMNS) } {}
                        (PreEscaped(ticks_path(report, shown)))
                        @if let Some(expected) = self.expected {
                            path.level d={ "M0 " (row(expected, top)) "h" (COLUMNS) } {}
                        }
                        path class={ "area " (self.class) } d=(area(self.course, top)) {}
                        path class={ "line " (self.class) } d=(line(self.course, top)) {}
                    }
                }
                (axis(report, shown))
            }
        }
    }

    /// Whether an interruption belongs to what the chart shows.
    fn concerns(&self, interruption: &Interruption) -> bool {
        let of_stream = interruption.stream.as_deref();
        let is_audio = self.class == AUDIO;
        self.stream.is_none_or(|own| {
            of_stream.is_none_or(|other| own == other)
                && match interruption.kind {
                    InterruptionKind::OffAir | InterruptionKind::NoSamples => true,
                    InterruptionKind::NoAudio => is_audio,
                    InterruptionKind::NoVideo | InterruptionKind::BitrateDropped => !is_audio,
                }
        })
    }

    /// The value at the upper edge.
    fn top(&self, bounds: Bounds) -> f64 {
        round_up(bounds.high.max(self.expected.unwrap_or(0.0)) * 1.05)
    }
}

/// The next round number.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let unit = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * unit >= value);
    step.unwrap_or(10.0) * unit
}

/// The whole broadcast as a bar with its interruptions.
pub(super) fn overview(report: &BroadcastReport, shown: Presentation) -> Markup {
    let texts = shown.texts();
    let kinds = InterruptionKind::ALL.into_iter();
    let kinds: Vec<_> = kinds
        .filter(|kind| report.interruptions.iter().any(|i| i.kind == *kind))
        .collect();
    html! {
        figure.bar {
            svg viewBox={ "0 0 " (COLUMNS) " 20" } preserveAspectRatio="none" role="img"
                aria-label=(texts.overview) {
                path.whole d={ "M0 0h" (COLUMNS) "v20H0z" } {}
                (marks(report.interruptions.iter(), report, 20.0))
            }
            (axis(report, shown))
            @if !kinds.is_empty() {
                ul.legend {
                    @for kind in kinds {
                        li class=(kind.as_str()) { (shown.language.interruption(kind)) }
                    }
                }
            }
        }
    }
}

/// The interruptions as rectangles; those that cover others are below.
fn marks<'a>(
    interruptions: impl Iterator<Item = &'a Interruption>,
    report: &BroadcastReport,
    height: f64,
) -> Markup {
    let mut marks: Vec<_> = interruptions.collect();
    marks.sort_by_key(|mark| std::cmp::Reverse(mark.length_ms()));
    let mut svg = String::new();
    for mark in marks {
        let (start, end) = (column(report, mark.start), column(report, mark.end));
        #[allow(clippy::cast_precision_loss)] // there are hundreds of columns
        let latest = COLUMNS as f64 - MIN_MARK;
        let (start, width) = (start.min(latest), (end - start).max(MIN_MARK));
        let kind = mark.kind.as_str();
        _ = write!(
            svg,
            "<path class=\"mark {kind}\" d=\"M{start:.1} 0h{width:.1}v{height:.0}h-{width:.1}z\"/>"
        );
    }
    PreEscaped(svg)
}

/// The area below the highest values.
fn area(course: &Course, top: f64) -> String {
    let mut area = String::new();
    let mut column = 0;
    for run in course.columns.chunk_by(|a, b| a.is_some() == b.is_some()) {
        if run.first().is_some_and(Option::is_some) {
            _ = write!(area, "M{column} {HEIGHT:.0}");
            for bounds in run.iter().flatten() {
                _ = write!(area, "V{}h1", row(bounds.high, top));
            }
            _ = write!(area, "V{HEIGHT:.0}z");
        }
        column += run.len();
    }
    area
}

/// The line of the lowest values; equal neighbours share a step.
fn line(course: &Course, top: f64) -> String {
    let columns = course.columns.iter();
    let rows = columns.map(|bounds| bounds.map(|bounds| row(bounds.low, top)));
    let rows: Vec<_> = rows.collect();
    let mut path = String::new();
    let (mut column, mut was_drawn) = (0, false);
    for run in rows.chunk_by(PartialEq::eq) {
        let row = run.first().and_then(Option::as_ref);
        if let Some(row) = row {
            _ = if was_drawn {
                write!(path, "V{row}")
            } else {
                write!(path, "M{column} {row}")
            };
            _ = write!(path, "h{}", run.len());
        }
        column += run.len();
        was_drawn = row.is_some();
    }
    path
}

fn row(value: f64, top: f64) -> String {
    let row = HEIGHT - 1.0 - (value / top).clamp(0.0, 1.0) * (HEIGHT - 2.0);
    let text = format!("{row:.1}");
    text.strip_suffix(".0")
        .map_or(text.clone(), ToOwned::to_owned)
}

/// The column of a moment, with fractions.
#[allow(clippy::cast_precision_loss)] // milliseconds of months
fn column(report: &BroadcastReport, time: Timestamp) -> f64 {
    let share = time.millis_after(report.start) as f64 / report.length_ms().max(1) as f64;
    share.clamp(0.0, 1.0) * COLUMNS as f64
}

/// The labels below a chart. Their places are attributes: the exporter's pages allow no styles in
/// elements.
fn axis(report: &BroadcastReport, shown: Presentation) -> Markup {
    html! {
        svg.axis aria-hidden="true" {
            @for tick in ticks(report, shown) {
                @let local = shown.local(tick);
                @let is_midnight = local.num_seconds_from_midnight() == 0;
                @let format = if is_midnight { "%m-%d" } else { "%H:%M" };
                @let left = column(report, tick) * 100.0 / column(report, report.last).max(1.0);
                @let anchor = match left { ..3.0 => "start", 97.0.. => "end", _ => "middle" };
                text x={ (format!("{left:.2}")) "%" } y="13" text-anchor=(anchor) {
                    (local.format(format))
                }
            }
        }
    }
}

fn ticks_path(report: &BroadcastReport, shown: Presentation) -> String {
    let ticks = ticks(report, shown).into_iter();
    let lines = ticks.map(|tick| format!("M{:.1} 0v100", column(report, tick)));
    format!("<path class=\"grid\" d=\"{}\"/>", lines.collect::<String>())
}

/// Round times by the zone's clock, a few over the whole broadcast.
fn ticks(report: &BroadcastReport, shown: Presentation) -> Vec<Timestamp> {
    let minutes = report.length_ms() / 60_000;
    let step = STEPS.into_iter().find(|step| minutes / step <= MAX_TICKS);
    let step = step.unwrap_or(minutes / MAX_TICKS / 1440 * 1440 + 1440);
    let start = shown.local(report.start);
    let midnight = i64::from(start.num_seconds_from_midnight()) * 1000
        + i64::from(start.timestamp_subsec_millis());
    let Some(step) = TimeDelta::try_minutes(step) else {
        return Vec::new();
    };
    let step = step.num_milliseconds().max(60_000);
    let first = report.start.plus_millis((step - midnight % step) % step);
    let mut ticks = Vec::new();
    let mut tick = first;
    while tick <= report.last {
        ticks.push(tick);
        tick = tick.plus_millis(step);
    }
    ticks
}
