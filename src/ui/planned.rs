//! A channel's planned broadcast in words.

use chrono_tz::Tz;
use maud::{Markup, html};

use super::context::RenderContext;
use super::text;
use crate::plan::Schedule;
use crate::state::{ChannelSnapshot, LiveState};
use polyv_client::clock::Timestamp;

/// When the planned broadcast starts or ends, and how late the channel is.
pub(super) fn planned(channel: &ChannelSnapshot, context: RenderContext) -> Option<Markup> {
    let messages = context.messages();
    let schedule = channel.meta.channel.schedule.as_ref();
    let zone = schedule.map_or(Schedule::DEFAULT_ZONE, |schedule| schedule.zone);
    let sentence = |text, time, duration: &str| sentence(text, time, zone, duration);
    let broadcast = channel.plan?.broadcast?;
    let now = context.polyv;
    let age = |from, until| text::age(from, until, messages);
    let starts = |text: &'static str, by: String| sentence(text, broadcast.start, &by);
    if now < broadcast.start {
        return Some(starts(messages.planned_in, age(now, broadcast.start)));
    }
    let is_off_air_since_before = context.host_time(broadcast.start) > channel.since;
    if channel.state != LiveState::Live && is_off_air_since_before {
        return Some(starts(messages.planned_late, age(broadcast.start, now)));
    }
    let end = broadcast.end?;
    Some(if now < end {
        sentence(messages.planned_until, end, "")
    } else {
        sentence(messages.planned_over, end, &age(end, now))
    })
}

/// A text with a time for `{t}` and a duration for `{d}`.
fn sentence(text: &'static str, time: Timestamp, zone: Tz, duration: &str) -> Markup {
    let (before, after) = text.split_once("{t}").unwrap_or((text, ""));
    html! {
        (before)
        time datetime=(text::utc(time)) title=(zone.name()) { (text::clock_time(time, zone)) }
        (after.replace("{d}", duration))
    }
}
