//! The table of channels.

use std::collections::BTreeSet;

use maud::{Markup, html};
use strum::VariantArray as _;

use super::context::RenderContext;
use super::i18n::Messages;
use super::language::Language;
use super::page_selection::PageSelection;
use super::planned::planned;
use super::{chart, text};
use crate::http::query::{Column, Query, Sort, StateFilter, worst};
use crate::state::{ChannelSnapshot, LiveState, Severity, StreamHistory, StreamSnapshot};

/// The form that selects channels.
pub(super) fn filters(query: &Query, named: &BTreeSet<&str>, context: RenderContext) -> Markup {
    let messages = context.messages();
    html! {
        form #filter role="search" {
            input type="search" name="q" value=(query.q) placeholder=(messages.search)
                aria-label=(messages.search) maxlength="200" autocomplete="off" spellcheck="false";
            select #accounts name="account" aria-label=(messages.account) {
                (accounts(query, named, context))
            }
            select name="state" aria-label=(messages.state) {
                @for &state in StateFilter::VARIANTS {
                    option value=(<&str>::from(state)) selected[state == query.state] {
                        (match state {
                            StateFilter::Any => messages.any_state,
                            StateFilter::Problem => messages.with_a_problem,
                            StateFilter::Critical => messages.critical,
                            StateFilter::Warning => messages.warnings(1),
                            StateFilter::Live => messages.live,
                            StateFilter::NotLive => messages.not_live,
                            StateFilter::Unknown => messages.unknown,
                        })
                    }
                }
            }
            // For phones, where the table has no headings.
            select.narrow name="sort" aria-label=(messages.sort_by) {
                @for &column in Column::VARIANTS {
                    @let sort = Sort { column, descending: false };
                    option value=(<&str>::from(column)) selected[sort == query.sort] {
                        (column_name(column, messages))
                    }
                }
                @if query.sort.descending {
                    option value=(query.sort) selected { "▼" }
                }
            }
            noscript { button { (messages.apply) } }
        }
    }
}

/// The accounts to choose from.
pub(super) fn accounts(query: &Query, named: &BTreeSet<&str>, context: RenderContext) -> Markup {
    html! {
        option value="" { (context.messages().any_account) }
        @for account in named {
            option value=(account) selected[*account == query.account] { (text::display_text(account)) }
        }
        @if !query.account.is_empty() && !named.contains(query.account.as_str()) {
            option value=(query.account) selected { (text::display_text(&query.account)) }
        }
    }
}

/// The name of a column, as far as channels are sorted by it.
fn column_name(column: Column, messages: &Messages) -> &'static str {
    match column {
        Column::Severity => messages.worst_first,
        Column::Name => messages.channel,
        Column::Since => messages.state,
        Column::Bitrate => messages.bitrate,
        Column::Framerate => messages.frame_rates,
        Column::Sample => messages.newest_sample,
    }
}

/// The headings of the table, which sort it: up, down, and back to the worst first.
pub(super) fn headings(query: &Query, context: RenderContext) -> Markup {
    let messages = context.messages();
    let link = |sort: Sort| {
        let query = Query {
            sort,
            ..query.clone()
        };
        query.link(None)
    };
    let heading = |column: Column| {
        let is_sorted = query.sort.column == column;
        let descending = query.sort.descending;
        let order = is_sorted.then_some(if descending {
            "descending"
        } else {
            "ascending"
        });
        let next = Sort {
            column,
            descending: is_sorted,
        };
        let next = if is_sorted && descending {
            Sort::default()
        } else {
            next
        };
        html! {
            th scope="col" aria-sort=[order] {
                a href=(link(next)) { (column_name(column, messages)) }
            }
        }
    };
    html! {
        tr {
            (heading(Column::Name))
            (heading(Column::Since))
            th scope="col" {
                @if query.sort == Sort::default() { (messages.condition) }
                @else {
                    a href=(link(Sort::default())) title=(messages.worst_first) {
                        (messages.condition)
                    }
                }
            }
            (heading(Column::Bitrate))
            (heading(Column::Framerate))
            (heading(Column::Sample))
            th scope="col" { (messages.last_half_hour) }
        }
    }
}

/// The id of a channel's element.
pub(super) fn row_id(channel: &ChannelSnapshot) -> String {
    format!("c{}", channel.meta.channel.id)
}

/// The id of a channel, if its name is another, and its account.
pub(super) fn id_and_account(channel: &ChannelSnapshot) -> Markup {
    let config = &channel.meta.channel;
    html! {
        @if config.name != config.id { (config.id) " · " }
        (text::isolated(&channel.meta.account))
    }
}

/// A channel with a row for each of its streams.
pub(super) fn row(
    channel: &ChannelSnapshot,
    histories: &[StreamHistory],
    context: RenderContext,
) -> Markup {
    let rows = rows(channel, histories);
    let span = (rows.len() > 1).then_some(rows.len());
    let config = &channel.meta.channel;
    html! {
        tbody #(row_id(channel)) class=[severity_class(channel)] {
            @for (index, row) in rows.iter().enumerate() {
                tr {
                    @if index == 0 {
                        th scope="row" rowspan=[span] {
                            a href={ "channels/" (config.id) } { (text::isolated(&config.name)) }
                            small { (id_and_account(channel)) }
                        }
                        td class={ "s " (channel.state.as_str()) } rowspan=[span] {
                            (state(channel, context))
                            @if let Some(viewers) = channel.viewers {
                                small.plan { (watching(viewers, context)) }
                            }
                            @if let Some(planned) = planned(channel, context) {
                                small.plan { (planned) }
                            }
                        }
                        td.p rowspan=[span] { (condition(channel, context.language)) }
                    }
                    (stream_cells(channel, row, span.is_some(), context))
                }
            }
        }
    }
}

/// One of a channel's rows: a stream, or what is shown without one.
struct Row<'a> {
    stream: Option<&'a StreamSnapshot>,
    history: Option<&'a StreamHistory>,
}

/// A row for each current stream; without any, one for the stream with the newest sample.
fn rows<'a>(channel: &'a ChannelSnapshot, histories: &'a [StreamHistory]) -> Vec<Row<'a>> {
    if channel.streams.is_empty() {
        let newest = |history: &&StreamHistory| history.steps.last().map(|step| step.time);
        let history = histories.iter().max_by_key(newest);
        return vec![Row {
            stream: None,
            history,
        }];
    }
    let rows = channel.streams.iter().map(|stream| Row {
        stream: Some(stream),
        history: histories.iter().find(|h| h.name == stream.name),
    });
    rows.collect()
}

fn stream_cells(
    channel: &ChannelSnapshot,
    row: &Row<'_>,
    is_named: bool,
    context: RenderContext,
) -> Markup {
    let messages = context.messages();
    let expect = &channel.meta.channel.expect;
    let chart = row.history.map(|history| {
        let expected = [expect.video_bitrate_bps, expect.video_framerate_fps];
        chart::sparkline(history, expected, context)
    });
    let framerate = |fps: Option<f64>| fps.map_or(messages.none.to_owned(), text::framerate);
    let sample_time = match row.stream {
        Some(stream) => Some(stream.aggregates.newest_time),
        None => channel
            .last_sample
            .filter(|_| channel.state != LiveState::NotLive),
    };
    html! {
        @if let Some(stream) = row.stream {
            @let newest = &stream.aggregates.newest;
            td.b {
                @if is_named { small { (text::isolated(stream.name.as_str())) } }
                (bitrate(stream, expect.video_bitrate_bps, messages))
            }
            td.f {
                (framerate(newest.video_framerate.get())) " " small { (messages.video) } br;
                (framerate(newest.audio_framerate.get())) " " small { (messages.audio) }
            }
        } @else {
            td.b { @if channel.state == LiveState::Live { (without_samples(channel, messages)) } }
            td.f {}
        }
        td.a { @if let Some(time) = sample_time { (context.age(context.host_time(time))) } }
        td.c { @if let Some(chart) = chart { (chart) } }
    }
}

/// Describes a live channel without current streams.
fn without_samples(channel: &ChannelSnapshot, messages: &Messages) -> &'static str {
    match channel.last_new_sample {
        Some(last) if last > channel.since => messages.no_samples_any_more,
        _ => messages.no_samples_yet,
    }
}

/// The bitrate of a stream, against the expected or else its usual one.
fn bitrate(stream: &StreamSnapshot, expected: Option<f64>, messages: &Messages) -> Markup {
    let Some(now) = stream.aggregates.newest.video_bitrate.get() else {
        return html! { (messages.none) };
    };
    let usual = stream.aggregates.video_bitrate_baseline;
    // The marks are at the thresholds of the alerts; a usual bitrate has more than these.
    let (level, of, low, high) = match (expected, usual) {
        (Some(expected), _) => (expected, messages.of_expected, 50, 75),
        (None, Some(usual)) if usual > 0.0 => (usual, messages.of_usual, 25, 50),
        // A stream without video has no usual bitrate.
        (None, _) => return html! { (text::bitrate(now)) },
    };
    let percent = format!("{:.0}", (now / level * 100.0).min(999.0));
    html! {
        (text::bitrate(now)) " "
        meter max="125" low=(low) high=(high) optimum="100" value=(percent) {}
        small { (of.replace("{}", &format!("{percent} %"))) }
    }
}

/// A state and its duration.
pub(super) fn state(channel: &ChannelSnapshot, context: RenderContext) -> Markup {
    let messages = context.messages();
    if channel.last_outcome.is_none() {
        return html! { (messages.not_polled_yet) };
    }
    html! {
        (context.language.state(channel.state)) " " small { (context.age(channel.since)) }
    }
}

/// How many people are watching: "2,340 watching".
pub(super) fn watching(viewers: u64, context: RenderContext) -> String {
    let number = text::grouped(viewers);
    context.messages().watching.replace("{}", &number)
}

/// The problems of a channel in words.
pub(super) fn condition(channel: &ChannelSnapshot, language: Language) -> Markup {
    let messages = language.messages();
    let several = channel.streams.len() > 1;
    let failed = channel.last_outcome.filter(|outcome| !outcome.is_success());
    // A channel without current streams is not known to be all right.
    let is_known = channel.state == LiveState::Live && !channel.streams.is_empty();
    html! {
        @for problem in &channel.problems {
            p class=(class(problem.kind.severity())) {
                (language.problem(problem.kind))
                @if several && let Some(stream) = &problem.stream {
                    " (" (text::isolated(stream.as_str())) ")"
                }
                @if let Some(cause) = language.likely_cause(problem.likely_cause) {
                    " " small { (messages.likely_cause) (cause) }
                }
            }
        }
        @if channel.problems.is_empty() {
            @if channel.has_transient_issue { span.quiet { (messages.transient_issue) } }
            @else if is_known { (messages.all_right) }
            @if failed.is_some() { " " }
        }
        // Also for a single failed poll, which is not a problem yet.
        @if let Some(outcome) = failed {
            small { (language.outcome(outcome)) }
        }
    }
}

/// The class of the worst problem.
pub(super) fn severity_class(channel: &ChannelSnapshot) -> Option<&'static str> {
    worst(channel).map(class)
}

/// The class of problems of a severity.
const fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Page => "critical",
        Severity::Warning => "warning",
    }
}

/// Which channels are on the page, and links to the other pages.
pub(super) fn pager(
    selection: &PageSelection<'_>,
    query: &Query,
    context: RenderContext,
) -> Markup {
    let messages = context.messages();
    if selection.matching == 0 {
        return html! {
            p {
                @if selection.counts.channels == 0 { (messages.nothing_configured) }
                @else { (messages.nothing_matches) }
            }
        };
    }
    if selection.matching <= selection.rows.len() {
        return html! {};
    }
    let first = selection.offset + 1;
    let last = selection.offset + selection.rows.len();
    let of = messages.shown_of.replace("{a}", &first.to_string());
    let of = of.replace("{b}", &last.to_string());
    let of = of.replace("{n}", &selection.matching.to_string());
    let page = |page: usize| query.link(Some(page));
    html! {
        p {
            (of) " "
            @if selection.page > 1 { a rel="prev" href=(page(selection.page - 1)) { (messages.previous) } " " }
            @if last < selection.matching { a rel="next" href=(page(selection.page + 1)) { (messages.next) } }
        }
    }
}
