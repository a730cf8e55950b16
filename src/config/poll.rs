//! The section `poll`.

use std::time::Duration;

use chrono::FixedOffset;

use super::values::{HOUR, MINUTE, SECOND, bounded, interval, set};
use crate::yaml::{Node, Reader};

/// A question reaches so far at most: the call takes 3 hours, and clocks differ.
const MAX_LOOKBACK: Duration = Duration::from_secs(2 * 3600 + 55 * 60);

/// The section `poll`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// How often a live channel is asked, where the channel has no interval of its own.
    pub live_interval: Duration,
    /// How often any other channel is asked.
    pub idle_interval: Duration,
    /// How channels that are not live are asked whether they are.
    pub status: StatusMode,
    /// How much history the first question asks for.
    pub lookback: Duration,
    /// A stream that has brought no new sample for so long is no longer exposed.
    pub stale_after: Duration,
    /// Nor is one whose newest sample is older than this by its own time.
    pub max_sample_age: Duration,
    /// What the minima look back over.
    pub window: Duration,
    /// What the maxima look back over.
    pub sustain: Duration,
    /// The zone of sample times that carry none.
    pub time_zone: FixedOffset,
}

/// How channels that are not live are asked whether they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusMode {
    /// Up to 200 in one call, by their status.
    #[default]
    Batch,
    /// Each by itself, by its stream.
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
            time_zone: beijing(),
        }
    }
}

/// Reads `poll`.
pub(super) fn read(node: &Node, reader: &mut Reader) -> Poll {
    let mut poll = Poll::default();
    let Some(mut map) = reader.mapping(node, "`poll`") else {
        return poll;
    };
    set(&mut poll.live_interval, map.get("live_interval"), |node| {
        interval(reader, node, "`live_interval`")
    });
    set(&mut poll.idle_interval, map.get("idle_interval"), |node| {
        interval(reader, node, "`idle_interval`")
    });
    set(&mut poll.status, map.get("status"), |node| {
        match reader.text(node, "`status`")? {
            "batch" => Some(StatusMode::Batch),
            "single" => Some(StatusMode::Single),
            other => {
                let message = format!("`status` must be `batch` or `single`, not `{other}`");
                reader.fault(node.place, message);
                None
            }
        }
    });
    set(&mut poll.lookback, map.get("lookback"), |node| {
        bounded(reader, node, "`lookback`", SECOND..=MAX_LOOKBACK)
    });
    set(&mut poll.stale_after, map.get("stale_after"), |node| {
        bounded(reader, node, "`stale_after`", SECOND..=24 * HOUR)
    });
    set(
        &mut poll.max_sample_age,
        map.get("max_sample_age"),
        |node| bounded(reader, node, "`max_sample_age`", SECOND..=24 * HOUR),
    );
    set(&mut poll.window, map.get("window"), |node| {
        bounded(reader, node, "`window`", SECOND..=30 * MINUTE)
    });
    set(&mut poll.sustain, map.get("sustain"), |node| {
        bounded(reader, node, "`sustain`", SECOND..=30 * MINUTE)
    });
    set(&mut poll.time_zone, map.get("time_zone"), |node| {
        zone(reader, node)
    });
    map.finish(reader);
    poll
}

/// UTC+8, as the stream information page's own example shows.
fn beijing() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).unwrap_or_else(|| chrono::Offset::fix(&chrono::Utc))
}

fn zone(reader: &mut Reader, node: &Node) -> Option<FixedOffset> {
    let text = reader.text(node, "`time_zone`")?;
    if matches!(text, "Z" | "UTC") {
        return Some(chrono::Offset::fix(&chrono::Utc));
    }
    let zone = text.parse().ok().filter(|_| text.contains(':'));
    if zone.is_none() {
        let message = format!(
            "`time_zone` must be an offset such as `+08:00`, not `{text}` (names of zones are \
             not known here)"
        );
        reader.fault(node.place, message);
    }
    zone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_time_zone_is_the_documented_one() {
        assert_eq!(Poll::default().time_zone.local_minus_utc(), 8 * 3600);
    }
}
