//! A channel's own page.

use maud::{Markup, html};

use super::chart::{self, DetailChart};
use super::table::{self, RowContext};
use super::text;
use crate::state::FreshnessPolicy;
use crate::state::{ChannelDetail, PollLogView, StreamHistory, StreamSnapshot};

/// All that is said of a channel.
pub(super) fn detail(
    detail: &ChannelDetail,
    rules: &FreshnessPolicy,
    context: RowContext,
) -> Markup {
    let view = &detail.channel;
    let identity = &view.meta;
    let messages = context.language.messages();
    html! {
        section class=[table::severity_class(view)] {
            h1 {
                (text::isolated(&identity.channel.name))
                small {
                    @if identity.channel.name != identity.channel.id {
                        (identity.channel.id) " · "
                    }
                    (text::isolated(&identity.account))
                }
            }
            div.s .(view.state.as_str()) { (table::state(view, context)) }
            div.p { (table::condition(view, context.language)) }
            (facts(detail, context))
        }
        @for stream in &view.streams {
            (stream_section(stream, history_of(detail, stream), detail, rules, context))
        }
        @for history in detail.histories.iter().filter(|history| is_over(detail, history)) {
            section.over {
                h2 { (messages.stream) " " (text::isolated(history.name.as_str())) }
                (charts(history, None, detail, context))
            }
        }
        @match detail.histories.first() {
            None => p { (messages.no_history) },
            Some(history) => {
                p.note { (messages.chart_note.replace("{}", &text::duration(history.step, messages))) }
            }
        }
        (answers(&detail.answers, context))
        p { a href={ "../api/v1/channels/" (identity.channel.id) } { (messages.as_json) } }
    }
}

fn history_of<'a>(detail: &'a ChannelDetail, stream: &StreamSnapshot) -> Option<&'a StreamHistory> {
    detail.histories.iter().find(|h| h.name == stream.name)
}

/// Whether a stream is not shown any more, and was within the last half hour.
fn is_over(detail: &ChannelDetail, history: &StreamHistory) -> bool {
    !history.steps.is_empty()
        && detail
            .channel
            .streams
            .iter()
            .all(|s| s.name != history.name)
}

fn facts(detail: &ChannelDetail, context: RowContext) -> Markup {
    let view = &detail.channel;
    let messages = context.language.messages();
    let expected = &view.meta.channel.expect;
    html! {
        dl {
            @if let Some(last) = view.last_success {
                div {
                    dt { (messages.last_answer) }
                    dd { (context.ago(last)) }
                }
            }
            @if let Some(last) = view.last_sample {
                div {
                    dt { (messages.newest_sample) }
                    dd { (context.ago(context.of_sample(last))) }
                }
            }
            div {
                dt { (messages.changes) }
                dd { (view.transitions) }
            }
            @if expected.live {
                div {
                    dt { (messages.expected_live) }
                    dd { "✓" }
                }
            }
            @if !view.meta.channel.labels.is_empty() {
                div {
                    dt { (messages.labels) }
                    dd {
                        @for (name, value) in &view.meta.channel.labels {
                            code { (name) "=" (text::isolated(value)) } " "
                        }
                    }
                }
            }
        }
    }
}

fn stream_section(
    stream: &StreamSnapshot,
    history: Option<&StreamHistory>,
    detail: &ChannelDetail,
    rules: &FreshnessPolicy,
    context: RowContext,
) -> Markup {
    let messages = context.language.messages();
    let within = |words_of: &str, time| words_of.replace("{}", &text::duration(time, messages));
    let expected = &detail.channel.meta.channel.expect;
    let figures = &stream.figures;
    let written = |value: Option<f64>, write: fn(f64) -> String| {
        value.map_or_else(|| messages.none.to_owned(), write)
    };
    let rows = [
        (
            messages.video_bitrate,
            text::bitrate as fn(f64) -> String,
            chart::BITRATE,
            expected.video_bitrate_bps,
            figures.video_bitrate_baseline,
        ),
        (
            messages.video_frame_rate,
            text::framerate,
            chart::VIDEO,
            expected.video_framerate_fps,
            None,
        ),
        (
            messages.audio_frame_rate,
            text::framerate,
            chart::AUDIO,
            expected.audio_framerate_fps,
            None,
        ),
    ];
    html! {
        section {
            h2 { (messages.stream) " " (text::isolated(stream.name.as_str())) }
            div.wide {
                table.figures {
                    thead {
                        tr {
                            td {}
                            th scope="col" { (messages.now) }
                            th scope="col" { (within(messages.lowest, rules.window)) }
                            th scope="col" { (within(messages.highest, rules.sustain)) }
                            th scope="col" { (messages.expected) }
                            th scope="col" { (messages.usual) }
                        }
                    }
                    tbody {
                        @for (name, write, field, expected, usual) in rows {
                            tr {
                                th scope="row" { (name) }
                                td { (written(field(&figures.newest), write)) }
                                td { (written(field(&figures.min), write)) }
                                td { (written(field(&figures.max), write)) }
                                td { (written(expected, write)) }
                                td { (written(usual, write)) }
                            }
                        }
                    }
                }
            }
            @if let Some(history) = history { (charts(history, Some(stream), detail, context)) }
        }
    }
}

fn charts(
    history: &StreamHistory,
    stream: Option<&StreamSnapshot>,
    detail: &ChannelDetail,
    context: RowContext,
) -> Markup {
    let messages = context.language.messages();
    let expected = &detail.channel.meta.channel.expect;
    let charts = [
        DetailChart {
            title: messages.video_bitrate,
            write: text::bitrate,
            field: chart::BITRATE,
            expected: expected.video_bitrate_bps,
            usual: stream.and_then(|stream| stream.figures.video_bitrate_baseline),
            class: "r",
        },
        DetailChart {
            title: messages.video_frame_rate,
            write: text::framerate,
            field: chart::VIDEO,
            expected: expected.video_framerate_fps,
            usual: None,
            class: "f",
        },
        DetailChart {
            title: messages.audio_frame_rate,
            write: text::framerate,
            field: chart::AUDIO,
            expected: expected.audio_framerate_fps,
            usual: None,
            class: "f",
        },
    ];
    html! {
        div.charts {
            @for chart in charts { (chart.draw(history, context.polyv, messages)) }
        }
    }
}

fn answers(answers: &[PollLogView], context: RowContext) -> Markup {
    let messages = context.language.messages();
    html! {
        section {
            h2 { (messages.last_polls) }
            @if answers.is_empty() { p { (messages.not_asked_yet) } }
            @else {
                div.wide {
                    table.answers {
                        thead {
                            tr {
                                th scope="col" { (messages.answer) }
                                th scope="col" { (messages.times) }
                                th scope="col" { (messages.samples) }
                                th scope="col" { (messages.first) }
                                th scope="col" { (messages.last) }
                            }
                        }
                        tbody {
                            @for answer in answers {
                                tr .bad[!answer.outcome.is_answer()] {
                                    td {
                                        (context.language.outcome(answer.outcome))
                                        @if let Some(said) = &answer.message {
                                            small { (text::isolated(said)) }
                                        }
                                    }
                                    td { (answer.count) }
                                    td { (answer.new_samples) }
                                    td { (context.ago(answer.first)) }
                                    td { (context.ago(answer.last)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
