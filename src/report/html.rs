//! A report as one HTML file: no script, nothing from elsewhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{self, Chart};
use super::i18n::fill;
use super::model::{BroadcastReport, Distribution, Interruption, StreamSummary};
use super::presentation::{Presentation, grouped, whole};
use super::summary::{self, Fact};
use crate::display::{bitrate, display_text, framerate, isolated};

/// The style, which is part of the file: a content security policy may name its hash.
pub const STYLE: &str = concat!(
    include_str!("assets/charts.css"),
    include_str!("assets/report.css")
);

/// Writes a report as an HTML page. `links` are above it: where else it can be found, for a page
/// that is not a file.
#[must_use]
pub fn html(report: &BroadcastReport, shown: Presentation, links: &Markup) -> String {
    let texts = shown.texts();
    let name = display_text(&report.channel_name);
    let title = format!("{name} · {} · {}", shown.date(report.start), texts.title);
    let page = html! {
        (DOCTYPE)
        html lang=(texts.tag) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (links)
                header {
                    p.brand { (texts.title) }
                    h1 { (isolated(&report.channel_name)) }
                    p.when { (summary::when(report, shown)) }
                    p.quiet {
                        (texts.channel) " " (report.channel_id) " · " (texts.account) " "
                        (isolated(&report.account))
                    }
                }
                main {
                    (verdict(report, shown))
                    dl.facts {
                        @for fact in summary::facts(report, shown) { (key_figure(&fact)) }
                    }
                    section {
                        h2 { (texts.overview) }
                        (chart::overview(report, shown))
                        (viewers(report, shown))
                    }
                    @if !report.interruptions.is_empty() { (interruptions(report, shown)) }
                    @for stream in &report.streams { (stream_section(stream, report, shown)) }
                    (data(report, shown))
                }
            }
        }
    };
    page.into_string()
}

fn verdict(report: &BroadcastReport, shown: Presentation) -> Markup {
    let is_fine = report.interruptions.is_empty();
    let is_incomplete = summary::is_incomplete(report);
    html! {
        p.verdict .bad[!is_fine] .caution[is_fine && is_incomplete] {
            b { (summary::verdict(report, shown)) }
            @if is_incomplete { " " (shown.texts().incomplete) }
        }
    }
}

fn key_figure(fact: &Fact) -> Markup {
    html! {
        div {
            dt { (fact.name) }
            dd { (fact.value) @if let Some(note) = &fact.note { small { (note) } } }
        }
    }
}

fn interruptions(report: &BroadcastReport, shown: Presentation) -> Markup {
    let texts = shown.texts();
    html! {
        section {
            h2 { (texts.interruptions) }
            table.interruptions {
                thead {
                    tr {
                        @for heading in [
                            texts.kind, texts.start, texts.end, texts.length, texts.stream,
                            texts.likely_cause,
                        ] { th scope="col" { (heading) } }
                        th.number scope="col" { (texts.viewers) }
                    }
                }
                tbody {
                    @for interruption in &report.interruptions {
                        (interruption_row(interruption, report, shown))
                    }
                }
            }
        }
    }
}

fn interruption_row(
    interruption: &Interruption,
    report: &BroadcastReport,
    shown: Presentation,
) -> Markup {
    let texts = shown.texts();
    let viewers = interruption.viewers.map(grouped);
    html! {
        tr {
            th scope="row" class=(interruption.kind.as_str()) {
                (shown.language.interruption(interruption.kind))
            }
            td { (shown.time_beside(interruption.start, report.start)) }
            td.until { (shown.time_beside(interruption.end, report.start)) }
            td.length { (shown.length(interruption.length_ms())) }
            td data-label=(texts.stream) {
                @match &interruption.stream {
                    Some(stream) => (isolated(stream)),
                    None => (texts.all_streams),
                }
            }
            td data-label=(texts.likely_cause) {
                (shown.language.cause(interruption.likely_cause))
            }
            td.number data-label=(texts.viewers) { (viewers.as_deref().unwrap_or(texts.none)) }
        }
    }
}

fn stream_section(stream: &StreamSummary, report: &BroadcastReport, shown: Presentation) -> Markup {
    let texts = shown.texts();
    let figures = [
        (
            texts.video_bitrate,
            stream.video_bitrate,
            bitrate as fn(f64) -> String,
        ),
        (texts.video_framerate, stream.video_framerate, framerate),
        (texts.audio_framerate, stream.audio_framerate, framerate),
    ];
    let times = [
        (texts.below_75, stream.below_75_percent_ms),
        (texts.below_50, stream.below_50_percent_ms),
        (texts.media_missing, stream.media_missing_ms),
    ];
    html! {
        section.stream {
            h2 { (texts.stream) " " (isolated(&stream.name)) }
            (stream_charts(stream, report, shown))
            div.figures {
                table {
                    thead {
                        tr {
                            td {}
                            th.number scope="col" { (texts.median) }
                            th.number scope="col" { (texts.p5) }
                        }
                    }
                    tbody {
                        @for (name, distribution, write) in figures {
                            @let Distribution { median, p5 } = distribution;
                            tr {
                                th scope="row" { (name) }
                                @for value in [median, p5] {
                                    td.number { (value.map_or(texts.none.to_owned(), write)) }
                                }
                            }
                        }
                    }
                }
                dl.facts {
                    @for (name, millis) in times {
                        @let value = millis.map(|millis| shown.length(millis));
                        @let share = millis.filter(|millis| *millis > 0);
                        @let share = share.map(|millis| shown.percent(millis, report.length_ms()));
                        (key_figure(&Fact {
                            name,
                            value: value.unwrap_or_else(|| texts.none.to_owned()),
                            note: share.map(|share| fill(texts.of_duration, &[&share])),
                        }))
                    }
                }
            }
        }
    }
}

/// The charts of a stream.
fn stream_charts(stream: &StreamSummary, report: &BroadcastReport, shown: Presentation) -> Markup {
    let texts = shown.texts();
    let expect = &report.expect;
    let charts = [
        Chart {
            title: texts.video_bitrate,
            course: &stream.bitrate_course,
            expected: expect.video_bitrate_bps,
            write: bitrate,
            class: "rate",
            stream: Some(&stream.name),
        },
        Chart {
            title: texts.video_framerate,
            course: &stream.video_course,
            expected: expect.video_framerate_fps,
            write: framerate,
            class: "frames",
            stream: Some(&stream.name),
        },
        Chart {
            title: texts.audio_framerate,
            course: &stream.audio_course,
            expected: expect.audio_framerate_fps,
            write: framerate,
            class: chart::AUDIO,
            stream: Some(&stream.name),
        },
    ];
    html! {
        @for chart in &charts { (chart.render(report, shown)) }
    }
}

/// The whole broadcast in charts: interruptions, viewers, and each stream.
#[must_use]
pub fn charts(report: &BroadcastReport, shown: Presentation) -> Markup {
    let texts = shown.texts();
    html! {
        (chart::overview(report, shown))
        (viewers(report, shown))
        @for stream in &report.streams {
            @if report.streams.len() > 1 { h3 { (texts.stream) " " (isolated(&stream.name)) } }
            (stream_charts(stream, report, shown))
        }
    }
}

fn viewers(report: &BroadcastReport, shown: Presentation) -> Markup {
    let chart = Chart {
        title: shown.texts().viewers,
        course: &report.viewer_course,
        expected: None,
        write: whole,
        class: "viewers",
        stream: None,
    };
    chart.render(report, shown)
}

fn data(report: &BroadcastReport, shown: Presentation) -> Markup {
    let texts = shown.texts();
    html! {
        section.data {
            h2 { (texts.data) }
            dl.facts { @for fact in summary::gaps(report, shown) { (key_figure(&fact)) } }
            p { (fill(texts.times_in, &[&shown.zone(report.start)])) " " (texts.method) " " (texts.cause_note) }
            p { (texts.below_note) " " (texts.media_note) }
        }
    }
}
