//! How the exporter itself is doing, and how many channels are how.

use maud::{Markup, html};

use super::table::RowContext;
use super::text;
use crate::http::query::{Counts, Query, StateFilter};
use crate::telemetry::{BuildInfo, Glance};

/// A poll that is later than this is worth saying.
const LATE: f64 = 5.0;
/// An interval that is longer than configured by more than this is worth saying.
const STRETCHED: f64 = 1.05;
/// A clock that is further off than this should be looked at.
const CLOCK: f64 = 30.0;

/// How many channels are how, above the table; each number leads to those that it counts.
pub(super) fn counts(counts: Counts, query: &Query, context: RowContext) -> Markup {
    let messages = context.language.messages();
    let item = |filter: StateFilter, count: usize, word: &str| {
        let wanted = Query {
            state: filter,
            ..query.clone()
        };
        html! {
            li class={ (filter.as_str()) @if count == 0 { " zero" } } {
                a href=(wanted.link(&[])) { b { (count) } " " (word) }
            }
        }
    };
    let warnings = messages.warnings(counts.warning);
    html! {
        (item(StateFilter::Critical, counts.critical, messages.critical))
        (item(StateFilter::Warning, counts.warning, warnings))
        (item(StateFilter::Live, counts.live, messages.live))
        (item(StateFilter::NotLive, counts.not_live, messages.not_live))
        (item(StateFilter::Unknown, counts.unknown, messages.unknown))
        (item(StateFilter::Any, counts.channels, messages.channels(counts.channels)))
    }
}

/// The page's title: what matters first, since little of it is seen in a tab.
pub(super) fn title(counts: Counts, context: RowContext) -> String {
    let messages = context.language.messages();
    let (live_of, end) = messages.live_of;
    let mut parts = Vec::new();
    for (count, word) in [
        (counts.critical, messages.critical),
        (counts.warning, messages.warnings(counts.warning)),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let (live, channels) = (counts.live, counts.channels);
    parts.push(
        format!("{live} {live_of} {channels} {end}")
            .trim()
            .to_owned(),
    );
    format!("{} · polyv-exporter", parts.join(" · "))
}

/// How the exporter itself is doing.
pub(super) fn exporter(glance: &Glance, context: RowContext) -> Markup {
    let messages = context.language.messages();
    let BuildInfo {
        version, revision, ..
    } = BuildInfo::THIS;
    let calls: Vec<_> = glance.requests.iter().filter(|(_, n)| *n > 0).collect();
    html! {
        div {
            dt { (messages.calls) }
            dd {
                @if calls.is_empty() { (messages.no_calls) }
                @for (outcome, count) in calls {
                    span.call .bad[!outcome.is_answer()] title=(context.language.outcome(*outcome)) {
                        code { (outcome.as_str()) } " " b { (count) }
                    } " "
                }
            }
        }
        div {
            dt { (messages.polling) }
            dd { (polling(glance, context)) }
        }
        @if !glance.refused_accounts.is_empty() {
            div.bad {
                dt { (messages.refused_accounts) }
                dd {
                    @for account in &glance.refused_accounts {
                        (text::isolated(account)) " "
                    }
                }
            }
        }
        div {
            dt { (messages.clock) }
            dd {
                @match glance.clock_skew {
                    Some(skew) if skew.abs() > CLOCK => {
                        @let off = if skew > 0.0 { messages.clock_behind } else { messages.clock_ahead };
                        @let seconds = format!("{:.0} {}", skew.abs(), messages.units[0]);
                        span.bad { (off.replace("{}", &seconds)) }
                    }
                    Some(_) => { (messages.clock_ok) }
                    None => { (messages.none) }
                }
            }
        }
        div {
            dt { (messages.configuration) }
            dd {
                @if glance.reload_successful { (messages.in_force_since) }
                @else { span.bad { (messages.reload_failed) } }
                " "
                time data-d=(glance.reload_success.as_millis() / 1000) {
                    (text::utc(glance.reload_success))
                }
            }
        }
        div {
            dt { (messages.version) }
            dd { (version) " (" (revision) ")" }
        }
    }
}

fn polling(glance: &Glance, context: RowContext) -> Markup {
    let messages = context.language.messages();
    let late = glance.poll_lag > LATE;
    let stretched = glance.poll_stretch > STRETCHED;
    html! {
        @if glance.paused { p.bad { (messages.paused) } }
        @if late {
            p.bad { (messages.late_by) " " (format!("{:.0}", glance.poll_lag)) " " (messages.units[0]) }
        }
        @if stretched { p.bad { (messages.stretched) " " (format!("{:.1}", glance.poll_stretch)) } }
        @if !glance.paused && !late && !stretched { (messages.in_time) }
    }
}
