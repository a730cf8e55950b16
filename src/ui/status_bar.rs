//! The numbers of channels, and the status of the exporter itself.

use maud::{Markup, html};

use super::context::RenderContext;
use super::text;
use crate::http::query::{Counts, Query, StateFilter};
use crate::telemetry::{BuildInfo, ExporterStatus};

/// A longer delay of polls is shown.
const MAX_POLL_LAG_SECONDS: f64 = 5.0;
/// A longer stretch of intervals is shown.
const MAX_STRETCH_RATIO: f64 = 1.05;
/// A larger difference between the clocks is shown.
const MAX_CLOCK_SKEW_SECONDS: f64 = 30.0;

/// The numbers above the table; each is a link to the channels that it counts.
pub(super) fn counts(counts: Counts, query: &Query, context: RenderContext) -> Markup {
    let messages = context.messages();
    let item = |filter: StateFilter, count: usize, word: &str| {
        let wanted = Query {
            state: filter,
            ..query.clone()
        };
        html! {
            li class={ (<&str>::from(filter)) @if count == 0 { " zero" } } {
                a href=(wanted.link(None)) { b { (count) } " " (word) }
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

/// The title of the overview: problems first, since a tab shows only the beginning.
pub(super) fn title(counts: Counts, context: RenderContext) -> String {
    let messages = context.messages();
    let mut parts = Vec::new();
    for (count, word) in [
        (counts.critical, messages.critical),
        (counts.warning, messages.warnings(counts.warning)),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let live_of = messages.live_of.replace("{live}", &counts.live.to_string());
    parts.push(live_of.replace("{n}", &counts.channels.to_string()));
    format!("{} · polyv-exporter", parts.join(" · "))
}

/// The status of the exporter itself.
pub(super) fn exporter(exporter: &ExporterStatus, context: RenderContext) -> Markup {
    let messages = context.messages();
    let BuildInfo {
        version, revision, ..
    } = BuildInfo::THIS;
    let calls: Vec<_> = exporter.requests.iter().filter(|(_, n)| *n > 0).collect();
    let item = |name: &str, value: Markup| html! { div { dt { (name) } dd { (value) } } };
    let clock = match exporter.clock_skew {
        Some(skew) if skew.abs() > MAX_CLOCK_SKEW_SECONDS => {
            let direction = if skew > 0.0 {
                messages.clock_behind
            } else {
                messages.clock_ahead
            };
            let seconds = format!("{:.0} {}", skew.abs(), messages.seconds);
            html! { span.bad { (direction.replace("{}", &seconds)) } }
        }
        Some(_) => html! { (messages.clock_ok) },
        None => html! { (messages.none) },
    };
    html! {
        (item(messages.calls, html! {
            @if calls.is_empty() { (messages.no_calls) }
            @for (outcome, count) in calls {
                span.call .bad[!outcome.is_success()] title=(context.language.outcome(*outcome)) {
                    code { (outcome.as_str()) } " " b { (count) }
                } " "
            }
        }))
        (item(messages.polling, polling(exporter, context)))
        @if !exporter.refused_accounts.is_empty() {
            div.bad {
                dt { (messages.refused_accounts) }
                dd {
                    @for account in &exporter.refused_accounts {
                        (text::isolated(account)) " "
                    }
                }
            }
        }
        (item(messages.clock, clock))
        (item(messages.configuration, html! {
            @if exporter.reload_successful { (messages.in_force_since) }
            @else { span.bad { (messages.reload_failed) } }
            " "
            time data-d=(exporter.reload_success.as_millis() / 1000) {
                (text::utc(exporter.reload_success))
            }
        }))
        (item(messages.version, html! { (version) " (" (revision) ")" }))
    }
}

fn polling(exporter: &ExporterStatus, context: RenderContext) -> Markup {
    let messages = context.messages();
    let is_late = exporter.poll_lag > MAX_POLL_LAG_SECONDS;
    let is_stretched = exporter.poll_stretch > MAX_STRETCH_RATIO;
    html! {
        @if exporter.paused { p.bad { (messages.paused) } }
        @if is_late {
            p.bad { (messages.late_by) " " (format!("{:.0}", exporter.poll_lag)) " " (messages.seconds) }
        }
        @if is_stretched { p.bad { (messages.stretched) " " (format!("{:.1}", exporter.poll_stretch)) } }
        @if !exporter.paused && !is_late && !is_stretched { (messages.in_time) }
    }
}
