//! What the page of a channel shows.

use maud::{Markup, html};

use super::chart::{self, Field};
use super::context::RenderContext;
use super::planned::planned;
use super::{table, text};
use crate::state::{ChannelDetail, FreshnessPolicy, PollLogView, StreamHistory, StreamSnapshot};

/// Renders a channel.
pub(super) fn render(
    detail: &ChannelDetail,
    rules: &FreshnessPolicy,
    recorded: Option<&Markup>,
    context: RenderContext,
) -> Markup {
    let channel = &detail.channel;
    let messages = context.messages();
    html! {
        section class=[table::severity_class(channel)] {
            h1 {
                (text::isolated(&channel.meta.channel.name))
                small { (table::id_and_account(channel)) }
            }
            div.s .(channel.state.as_str()) { (table::state(channel, context)) }
            div.p { (table::condition(channel, context.language)) }
            (facts(detail, context))
        }
        @for stream in &channel.streams {
            @let history = detail.histories.iter().find(|h| h.name == stream.name);
            (stream_section(stream, history, detail, rules, context))
        }
        @for history in detail.histories.iter().filter(|history| is_over(detail, history)) {
            section.over {
                h2 { (messages.stream) " " (text::isolated(history.name.as_str())) }
                (charts(&fields(detail, None, context), history, context))
            }
        }
        @match detail.histories.first() {
            None => p { (messages.no_history) },
            Some(history) => {
                p.note {
                    (messages.chart_note.replace("{}", &text::duration(history.step, messages)))
                }
            }
        }
        @if let Some(recorded) = recorded { (recorded) }
        (last_polls(&detail.poll_log, context))
        p {
            a href={ "../api/v1/channels/" (channel.meta.channel.id) } { (messages.as_json) }
        }
    }
}

/// Whether a stream has ended within the last half hour.
fn is_over(detail: &ChannelDetail, history: &StreamHistory) -> bool {
    let mut current = detail.channel.streams.iter();
    !history.steps.is_empty() && current.all(|stream| stream.name != history.name)
}

fn facts(detail: &ChannelDetail, context: RenderContext) -> Markup {
    let channel = &detail.channel;
    let config = &channel.meta.channel;
    let messages = context.messages();
    let fact = |name: &str, value: Markup| html! { div { dt { (name) } dd { (value) } } };
    html! {
        dl {
            @if let Some(last) = channel.last_success {
                (fact(messages.last_response, context.ago(last)))
            }
            @if let Some(last) = channel.last_sample {
                (fact(messages.newest_sample, context.ago(context.host_time(last))))
            }
            @if let Some(choice) = channel.sources {
                (fact(messages.source, html! {
                    (messages.of_source(choice.source)) ": " (messages.of_source_reason(choice.reason))
                }))
            }
            @if let Some(push) = &channel.push {
                @if push.is_pushing == Some(false) {
                    (fact(messages.push, html! { (messages.nothing_pushed) }))
                }
                @if let Some(lost) = push.lost_frames {
                    (fact(messages.lost_frames, html! { (lost) }))
                }
                @if let Some(node) = &push.ingest_node {
                    (fact(messages.ingest_node, html! { code { (text::isolated(node)) } }))
                }
            }
            @if let Some(viewers) = channel.viewers {
                (fact(messages.viewers, html! { (text::grouped(viewers)) }))
            }
            (fact(messages.changes, html! { (channel.transitions) }))
            @if let Some(planned) = planned(channel, context) { (fact(messages.plan, planned)) }
            @if config.expect.live { (fact(messages.expected_live, html! { "✓" })) }
            @if !config.labels.is_empty() {
                (fact(messages.labels, html! {
                    @for (name, value) in &config.labels {
                        code { (name) "=" (text::isolated(value)) } " "
                    }
                }))
            }
        }
    }
}

/// The fields of a stream; of one that is over there is no usual value.
fn fields(
    detail: &ChannelDetail,
    stream: Option<&StreamSnapshot>,
    context: RenderContext,
) -> [Field; 3] {
    let messages = context.messages();
    let expect = &detail.channel.meta.channel.expect;
    [
        Field {
            title: messages.video_bitrate,
            write: text::bitrate,
            select: chart::VIDEO_BITRATE,
            expected: expect.video_bitrate_bps,
            usual: stream.and_then(|stream| stream.aggregates.video_bitrate_baseline),
            class: "r",
        },
        Field {
            title: messages.video_frame_rate,
            write: text::framerate,
            select: chart::VIDEO_FRAMERATE,
            expected: expect.video_framerate_fps,
            usual: None,
            class: "f",
        },
        Field {
            title: messages.audio_frame_rate,
            write: text::framerate,
            select: chart::AUDIO_FRAMERATE,
            expected: expect.audio_framerate_fps,
            usual: None,
            class: "f",
        },
    ]
}

fn stream_section(
    stream: &StreamSnapshot,
    history: Option<&StreamHistory>,
    detail: &ChannelDetail,
    rules: &FreshnessPolicy,
    context: RenderContext,
) -> Markup {
    let messages = context.messages();
    let within = |text: &str, time| text.replace("{}", &text::duration(time, messages));
    let headings = [
        messages.now,
        &within(messages.lowest, rules.window),
        &within(messages.highest, rules.sustain),
        messages.expected,
        messages.usual,
    ];
    let aggregates = &stream.aggregates;
    let fields = fields(detail, Some(stream), context);
    html! {
        section {
            h2 { (messages.stream) " " (text::isolated(stream.name.as_str())) }
            div.wide {
                table.figures {
                    thead {
                        tr {
                            td {}
                            @for heading in headings { th scope="col" { (heading) } }
                        }
                    }
                    tbody {
                        @for field in &fields {
                            @let values = [&aggregates.newest, &aggregates.min, &aggregates.max];
                            @let values = values.map(field.select).into_iter();
                            tr {
                                th scope="row" { (field.title) }
                                @for value in values.chain([field.expected, field.usual]) {
                                    td { (value.map_or(messages.none.to_owned(), field.write)) }
                                }
                            }
                        }
                    }
                }
            }
            @if let Some(history) = history { (charts(&fields, history, context)) }
        }
    }
}

fn charts(fields: &[Field], history: &StreamHistory, context: RenderContext) -> Markup {
    html! {
        div.charts {
            @for field in fields { (chart::detail_chart(field, history, context)) }
        }
    }
}

fn last_polls(polls: &[PollLogView], context: RenderContext) -> Markup {
    let messages = context.messages();
    let headings = [
        messages.result,
        messages.times,
        messages.samples,
        messages.first,
        messages.last,
    ];
    html! {
        section {
            h2 { (messages.last_polls) }
            @if polls.is_empty() { p { (messages.not_polled_yet) } }
            @else {
                div.wide {
                    table.responses {
                        thead {
                            tr { @for heading in headings { th scope="col" { (heading) } } }
                        }
                        tbody {
                            @for poll in polls {
                                tr .bad[!poll.outcome.is_success()] {
                                    td {
                                        (context.language.outcome(poll.outcome))
                                        @if let Some(message) = &poll.message {
                                            small { (text::isolated(message)) }
                                        }
                                    }
                                    td { (poll.count) }
                                    td { (poll.new_samples) }
                                    td { (context.ago(poll.first)) }
                                    td { (context.ago(poll.last)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
