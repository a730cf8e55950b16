//! The table of channels.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::i18n::Messages;
use super::language::Language;
use super::{PageSelection, chart, text};
use crate::http::query::{Query, Sort, StateFilter, worst};
use crate::state::{ChannelSnapshot, StreamHistory, StreamSnapshot};
use crate::state::{LiveState, Severity};
use polyv_client::clock::Timestamp;

/// When and in which language something is shown.
#[derive(Clone, Copy)]
pub(super) struct RowContext {
    pub(super) language: Language,
    /// By the host's clock.
    pub(super) wall: Timestamp,
    /// By Polyv's clock, which samples' times are of.
    pub(super) polyv: Timestamp,
}

// === impl RowContext ===

impl RowContext {
    /// How long ago that was, by the host's clock: "5 s ago".
    pub(super) fn ago(self, then: Timestamp) -> Markup {
        let messages = self.language.messages();
        html! {
            time.ago data-t=(then.as_millis() / 1000) datetime=(text::utc(then)) {
                (messages.ago.replace("{}", &text::age(then, self.wall, messages)))
            }
        }
    }

    /// How long something has lasted, or how old it is: "5 s". For a row, of which there may be
    /// thousands, so it is no more than the script needs.
    fn age(self, then: Timestamp) -> Markup {
        let messages = self.language.messages();
        html! {
            time data-t=(then.as_millis() / 1000) { (text::age(then, self.wall, messages)) }
        }
    }

    /// A sample's time, as the host's clock would have said it.
    pub(super) fn of_sample(self, sample: Timestamp) -> Timestamp {
        sample.plus_millis(self.wall.millis_after(self.polyv))
    }
}

/// The form that says which channels are wanted.
pub(super) fn filters(query: &Query, named: &BTreeSet<&str>, context: RowContext) -> Markup {
    let messages = context.language.messages();
    html! {
        form #filter role="search" {
            input type="search" name="q" value=(query.q) placeholder=(messages.search)
                aria-label=(messages.search) maxlength="200" autocomplete="off" spellcheck="false";
            select #accounts name="account" aria-label=(messages.account) {
                (accounts(query, named, context))
            }
            select name="state" aria-label=(messages.state) {
                @for state in StateFilter::ALL {
                    option value=(state.as_str()) selected[state == query.state] {
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
            // On a phone, where there are no headings to be clicked.
            select.narrow name="sort" aria-label=(messages.sort_by) {
                @for (sort, name) in [
                    (Sort::Severity, messages.worst_first),
                    (Sort::Name, messages.channel),
                    (Sort::Since, messages.state),
                    (Sort::Bitrate, messages.bitrate),
                    (Sort::Framerate, messages.frame_rates),
                    (Sort::Sample, messages.newest_sample),
                ] {
                    option value=(sort.as_str()) selected[sort == query.sort] { (name) }
                }
                @if query.sort.is_descending() {
                    option value=(query.sort.as_str()) selected { "▼" }
                }
            }
            noscript { button { (messages.apply) } }
        }
    }
}

/// The accounts to choose from.
pub(super) fn accounts(query: &Query, named: &BTreeSet<&str>, context: RowContext) -> Markup {
    html! {
        option value="" { (context.language.messages().any_account) }
        @for account in named {
            option value=(account) selected[*account == query.account] { (text::shown(account)) }
        }
        @if !query.account.is_empty() && !named.contains(query.account.as_str()) {
            option value=(query.account) selected { (text::shown(&query.account)) }
        }
    }
}

/// The table's headings, which sort it.
pub(super) fn headings(query: &Query, context: RowContext) -> Markup {
    let messages = context.language.messages();
    let heading = |name: &str, ascending: Sort, descending: Sort| {
        let (next, order) = if query.sort == ascending {
            (descending, Some("ascending"))
        } else if query.sort == descending {
            (Sort::default(), Some("descending"))
        } else {
            (ascending, None)
        };
        let link = Query {
            sort: next,
            ..query.clone()
        };
        html! {
            th scope="col" aria-sort=[order] { a href=(link.link(&[])) { (name) } }
        }
    };
    let worst = Query {
        sort: Sort::default(),
        ..query.clone()
    };
    html! {
        tr {
            (heading(messages.channel, Sort::Name, Sort::NameDescending))
            (heading(messages.state, Sort::Since, Sort::SinceDescending))
            th scope="col" {
                @if query.sort == Sort::default() { (messages.condition) }
                @else { a href=(worst.link(&[])) title=(messages.worst_first) { (messages.condition) } }
            }
            (heading(messages.bitrate, Sort::Bitrate, Sort::BitrateDescending))
            (heading(messages.frame_rates, Sort::Framerate, Sort::FramerateDescending))
            (heading(messages.newest_sample, Sort::Sample, Sort::SampleDescending))
            th scope="col" { (messages.last_half_hour) }
        }
    }
}

/// A channel's rows, one for each of its streams.
pub(super) fn row(
    view: &ChannelSnapshot,
    histories: &[StreamHistory],
    context: RowContext,
) -> Markup {
    let identity = &view.meta;
    let rows = rows(view, histories);
    let span = (rows.len() > 1).then_some(rows.len());
    html! {
        tbody #{ "c" (identity.channel.id) } class=[severity_class(view)] {
            @for (index, row) in rows.iter().enumerate() {
                tr {
                    @if index == 0 {
                        th scope="row" rowspan=[span] {
                            a href={ "channels/" (identity.channel.id) } { (text::isolated(&identity.channel.name)) }
                            small {
                                @if identity.channel.name != identity.channel.id {
                                    (identity.channel.id) " · "
                                }
                                (text::isolated(&identity.account))
                            }
                        }
                        td class={ "s " (view.state.as_str()) } rowspan=[span] {
                            (state(view, context))
                        }
                        td.p rowspan=[span] { (condition(view, context.language)) }
                    }
                    (stream_cells(view, row, rows.len() > 1, context))
                }
            }
        }
    }
}

/// One of a channel's rows: a stream, or what there is where there is none.
struct Row<'a> {
    stream: Option<&'a StreamSnapshot>,
    history: Option<&'a StreamHistory>,
}

/// The streams that are shown; where there are none, the one that was shown last.
fn rows<'a>(view: &'a ChannelSnapshot, histories: &'a [StreamHistory]) -> Vec<Row<'a>> {
    let of = |stream: &StreamSnapshot| histories.iter().find(|h| h.name == stream.name);
    if view.streams.is_empty() {
        let newest = |history: &&StreamHistory| history.steps.last().map(|step| step.time);
        return vec![Row {
            stream: None,
            history: histories.iter().max_by_key(newest),
        }];
    }
    view.streams
        .iter()
        .map(|stream| Row {
            stream: Some(stream),
            history: of(stream),
        })
        .collect()
}

fn stream_cells(view: &ChannelSnapshot, row: &Row<'_>, named: bool, context: RowContext) -> Markup {
    let messages = context.language.messages();
    let expected = &view.meta.channel.expect;
    let chart = row.history.map(|history| {
        let expected = [expected.video_bitrate_bps, expected.video_framerate_fps];
        chart::sparkline(history, expected, context.polyv, messages)
    });
    let Some(stream) = row.stream else {
        let since = view
            .last_sample
            .filter(|_| view.state != LiveState::NotLive);
        return html! {
            td.b { @if view.state == LiveState::Live { (without_samples(view, messages)) } }
            td.f {}
            td.a { @if let Some(since) = since { (context.age(context.of_sample(since))) } }
            td.c { @if let Some(chart) = chart { (chart) } }
        };
    };
    let newest = &stream.figures.newest;
    html! {
        td.b {
            @if named { small { (text::isolated(stream.name.as_str())) } }
            (bitrate(stream, expected.video_bitrate_bps, context.language))
        }
        td.f {
            (newest.video_framerate.get().map_or(messages.none.to_owned(), text::framerate))
            " " small { (messages.video) } br;
            (newest.audio_framerate.get().map_or(messages.none.to_owned(), text::framerate))
            " " small { (messages.audio) }
        }
        td.a { (context.age(context.of_sample(stream.figures.newest_time))) }
        td.c { @if let Some(chart) = chart { (chart) } }
    }
}

/// What there is to say of a live channel none of whose streams is shown.
fn without_samples(view: &ChannelSnapshot, messages: &Messages) -> &'static str {
    match view.last_new_sample {
        Some(last) if last > view.since => messages.no_samples_any_more,
        _ => messages.no_samples_yet,
    }
}

/// A bitrate against what it should be.
pub(super) fn bitrate(
    stream: &StreamSnapshot,
    expected: Option<f64>,
    language: Language,
) -> Markup {
    let messages = language.messages();
    let Some(now) = stream.figures.newest.video_bitrate.get() else {
        return html! { (messages.none) };
    };
    let usual = stream.figures.video_bitrate_baseline;
    // The marks are where the alerts are.
    let (level, of, low, high) = match (expected, usual) {
        (Some(expected), _) => (expected, messages.of_expected, 50, 75),
        (None, Some(usual)) if usual > 0.0 => (usual, messages.of_usual, 25, 50),
        // Of a stream of sound alone there is nothing to compare.
        (None, _) => return html! { (text::bitrate(now)) },
    };
    let percent = format!("{:.0}", (now / level * 100.0).min(999.0));
    html! {
        (text::bitrate(now)) " "
        meter max="125" low=(low) high=(high) optimum="100" value=(percent) {}
        small { (of.replace("{}", &format!("{percent} %"))) }
    }
}

/// A state, and for how long.
pub(super) fn state(view: &ChannelSnapshot, context: RowContext) -> Markup {
    let messages = context.language.messages();
    if view.last_outcome.is_none() {
        return html! { (messages.not_asked_yet) };
    }
    html! {
        (context.language.state(view.state)) " " small { (context.age(view.since)) }
    }
}

/// What is wrong, in words; where nothing is, that.
pub(super) fn condition(view: &ChannelSnapshot, language: Language) -> Markup {
    let messages = language.messages();
    let several = view.streams.len() > 1;
    let failed = view.last_outcome.filter(|outcome| !outcome.is_answer());
    // Nothing is known to be wrong with a stream of which nothing is known.
    let known = view.state == LiveState::Live && !view.streams.is_empty();
    html! {
        @for problem in &view.problems {
            p class=(problem.kind.severity().as_str()) {
                (language.problem(problem.kind))
                @if several && let Some(stream) = &problem.stream {
                    " (" (text::isolated(stream.as_str())) ")"
                }
            }
        }
        @if view.problems.is_empty() {
            @if view.wavering { span.quiet { (messages.wavering) } }
            @else if known { (messages.all_right) }
            @if failed.is_some() { " " }
        }
        // Also of a single poll, which is no problem yet.
        @if let Some(outcome) = failed {
            small { (language.outcome(outcome)) }
        }
    }
}

/// The class of how bad it is.
pub(super) fn severity_class(view: &ChannelSnapshot) -> Option<&'static str> {
    worst(view).map(Severity::as_str)
}

/// Which of how many are shown, and the way to the others.
pub(super) fn pager(shown: &PageSelection<'_>, query: &Query, context: RowContext) -> Markup {
    let messages = context.language.messages();
    if shown.matching == 0 {
        return html! {
            p {
                @if shown.counts.channels == 0 { (messages.nothing_configured) }
                @else { (messages.nothing_matches) }
            }
        };
    }
    if shown.matching <= shown.rows.len() {
        return html! {};
    }
    let first = shown.offset + 1;
    let last = shown.offset + shown.rows.len();
    let of = messages.shown_of.replace("{a}", &first.to_string());
    let of = of.replace("{b}", &last.to_string());
    let of = of.replace("{n}", &shown.matching.to_string());
    let page = |page: usize| query.link(&[("page", &page.to_string())]);
    html! {
        p {
            (of) " "
            @if shown.page > 1 { a rel="prev" href=(page(shown.page - 1)) { (messages.previous) } " " }
            @if last < shown.matching { a rel="next" href=(page(shown.page + 1)) { (messages.next) } }
        }
    }
}
