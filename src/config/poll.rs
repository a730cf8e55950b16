//! The section `poll`.

use std::time::Duration;

use chrono::FixedOffset;

use super::decoder::Field;
use super::values::{HOUR, MINUTE, SECOND, choice, interval, within};
use web_config::redact;

/// Polyv returns at most 3 hours of samples, by its own clock, which may differ from the local one.
const MAX_LOOKBACK: Duration = Duration::from_secs(2 * 3600 + 55 * 60);

/// How channels are polled, and for how long responses are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// Interval between polls of a live channel without an interval of its own.
    pub live_interval: Duration,
    /// Interval between polls of any other channel.
    pub idle_interval: Duration,
    /// How channels that are not live are polled for their status.
    pub status: StatusMode,
    /// Length of the history that the first poll of a live channel requests.
    pub lookback: Duration,
    /// A stream without a new sample for this long is hidden.
    pub stale_after: Duration,
    /// A stream whose newest sample is older, by the sample's own time, is hidden.
    pub max_sample_age: Duration,
    /// Window of the minima.
    pub window: Duration,
    /// Window of the maxima.
    pub sustain: Duration,
    /// Time zone of sample times that carry none.
    pub time_zone: FixedOffset,
    /// Where stream data comes from.
    pub sources: Sources,
    /// Interval between requests for the viewers of a live channel. Zero turns them off.
    pub viewers_interval: Duration,
}

/// Where the stream data of live channels comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sources {
    /// From the call that has data of the channel.
    #[default]
    Auto,
    /// From the call for channels on Tencent's CDN and from no other.
    Tencent,
}

/// How channels that are not live are polled for their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusMode {
    /// Up to 200 channels in one call, by their status.
    #[default]
    Batch,
    /// One channel in each call, by its stream.
    Single,
}

// === impl Poll ===

impl Default for Poll {
    fn default() -> Self {
        Self {
            live_interval: Duration::from_secs(15),
            idle_interval: Duration::from_secs(30),
            status: StatusMode::default(),
            lookback: Duration::from_secs(35 * 60),
            stale_after: Duration::from_secs(2 * 60),
            max_sample_age: Duration::from_secs(15 * 60),
            window: Duration::from_secs(90),
            sustain: Duration::from_secs(30),
            time_zone: beijing_offset(),
            sources: Sources::default(),
            viewers_interval: Duration::from_secs(30),
        }
    }
}

/// Decodes `poll`.
pub(super) fn decode(field: Field<'_>) -> Poll {
    let mut poll = Poll::default();
    let Some(mut map) = field.mapping() else {
        return poll;
    };
    map.set("live_interval", &mut poll.live_interval, interval);
    map.set("idle_interval", &mut poll.idle_interval, interval);
    let modes = [("batch", StatusMode::Batch), ("single", StatusMode::Single)];
    map.set("status", &mut poll.status, choice(&modes));
    map.set(
        "lookback",
        &mut poll.lookback,
        within(SECOND..=MAX_LOOKBACK),
    );
    let day = || within(SECOND..=24 * HOUR);
    map.set("stale_after", &mut poll.stale_after, day());
    map.set("max_sample_age", &mut poll.max_sample_age, day());
    let half_hour = || within(SECOND..=30 * MINUTE);
    map.set("window", &mut poll.window, half_hour());
    map.set("sustain", &mut poll.sustain, half_hour());
    map.set("time_zone", &mut poll.time_zone, time_zone);
    let sources = [("auto", Sources::Auto), ("tencent", Sources::Tencent)];
    map.set("sources", &mut poll.sources, choice(&sources));
    let viewers_interval = map.parse("viewers_interval", |text| match text {
        "0" | "0s" => Ok(Duration::ZERO),
        text => interval(text),
    });
    poll.viewers_interval = viewers_interval.unwrap_or(poll.viewers_interval);
    map.deny_unknown();
    poll
}

/// UTC+8, as in the example of Polyv's documentation of stream information.
fn beijing_offset() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).unwrap_or_else(|| chrono::Offset::fix(&chrono::Utc))
}

fn time_zone(text: &str) -> Result<FixedOffset, String> {
    if matches!(text, "Z" | "UTC") {
        return Ok(chrono::Offset::fix(&chrono::Utc));
    }
    let offset = text.parse().ok().filter(|_| text.contains(':'));
    offset.ok_or_else(|| {
        let text = redact(text);
        format!("must be an offset such as `+08:00`, not {text} (names of zones are not supported)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_time_zone_is_the_documented_one() {
        assert_eq!(Poll::default().time_zone.local_minus_utc(), 8 * 3600);
    }
}
