//! What a plan says of a channel at a moment.

use std::time::Duration;

use super::broadcast::{BroadcastsAround, PlannedBroadcast};
use polyv_client::clock::Timestamp;

/// What is known of a channel's state, as far as its plan depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LiveFacts {
    /// When the present session began; the earliest time where the channel was live at its first
    /// poll and ever since. `None` while the channel is not live.
    pub live_since: Option<Timestamp>,
    /// When the channel was last known to be live.
    pub last_live: Option<Timestamp>,
}

/// What a plan says of a channel at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlanStatus {
    /// The planned broadcast that is running, or was running and the channel is still live; else
    /// the next one within 24 hours.
    pub broadcast: Option<PlannedBroadcast>,
    /// Whether the channel should be live.
    pub is_expected_live: bool,
    /// Whether a channel that should be live has had the time to become so.
    pub is_due: bool,
    /// Whether a planned broadcast is running or about to start.
    pub is_near: bool,
    /// When time alone changes any of this.
    pub next_change: Option<Timestamp>,
}

/// How early the next broadcast is shown.
const SHOWN_BEFORE: Duration = Duration::from_secs(24 * 3600);
/// How early a broadcast is about to start.
const NEAR_BEFORE: Duration = Duration::from_secs(10 * 60);
/// A channel is not expected to be live until the very end of its broadcast.
const MAX_EARLY_END: Duration = Duration::from_secs(10 * 60);
/// A start that is late by less is no fault.
const MAX_LATE_START: Duration = Duration::from_secs(60);
/// For how long after its end a broadcast is shown while the channel is still live.
const MAX_OVERRUN: Duration = Duration::from_secs(12 * 3600);

// === impl PlanStatus ===

impl PlanStatus {
    /// What the broadcasts around `now` say of a channel.
    #[must_use]
    pub fn new(around: &BroadcastsAround, live: LiveFacts, now: Timestamp) -> Self {
        let mut changes = Vec::new();
        let mut is_before = |at: Timestamp| {
            let is_before = now < at;
            if is_before {
                changes.push(at);
            }
            is_before
        };
        let mut is_running = false;
        let mut is_due = false;
        let started = around.started.filter(|broadcast| {
            let end = broadcast.runs_until();
            is_running = is_before(end);
            is_due = !is_before(broadcast.start + MAX_LATE_START);
            let was_running = live.live_since.is_some_and(|since| since < end);
            is_running || was_running && is_before(end + MAX_OVERRUN)
        });
        let is_expected_live = started.is_some_and(|broadcast| match broadcast.end {
            Some(end) => is_before(end - MAX_EARLY_END),
            None => is_running && live.last_live.is_none_or(|last| last < broadcast.start),
        });
        let mut is_near = is_running;
        let next = around.next.filter(|next| {
            is_before(next.start);
            is_near |= !is_before(next.start - NEAR_BEFORE);
            !is_before(next.start - SHOWN_BEFORE)
        });
        Self {
            broadcast: started.or(next),
            is_expected_live,
            is_due: is_expected_live && is_due,
            is_near,
            next_change: changes.into_iter().min(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Schedule;

    const OFF_AIR: LiveFacts = LiveFacts {
        live_since: None,
        last_live: None,
    };

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + minute * 60_000)
    }

    /// The status of a plan with broadcasts at these minutes.
    fn status(plan: &[(i64, Option<i64>)], now: i64, live: LiveFacts) -> PlanStatus {
        let broadcast = |(start, end): &(i64, Option<i64>)| PlannedBroadcast {
            start: minute(*start),
            end: end.map(minute),
        };
        let schedule = Schedule {
            once: plan.iter().map(broadcast).collect(),
            ..Schedule::default()
        };
        PlanStatus::new(&schedule.around(minute(now)), live, minute(now))
    }

    fn shown(status: &PlanStatus) -> Option<Timestamp> {
        status.broadcast.map(|broadcast| broadcast.start)
    }

    #[test]
    fn channel_is_expected_from_start_until_ten_minutes_before_the_end() {
        let plan = [(0, Some(60))];
        for (now, expected, due, change) in [
            (-1, false, false, Some(0)),
            (0, true, false, Some(1)),
            (1, true, true, Some(50)),
            (49, true, true, Some(50)),
            (50, false, false, Some(60)),
            (60, false, false, None),
        ] {
            let status = status(&plan, now, OFF_AIR);
            assert_eq!(status.is_expected_live, expected, "{now}");
            assert_eq!(status.is_due, due, "{now}");
            assert_eq!(status.next_change, change.map(minute), "{now}");
        }
    }

    #[test]
    fn next_broadcast_is_shown_a_day_before_and_near_ten_minutes_before() {
        let plan = [(0, Some(60))];
        for (now, is_shown, is_near) in [
            (-24 * 60 - 1, false, false),
            (-24 * 60, true, false),
            (-11, true, false),
            (-10, true, true),
            (59, true, true),
            (60, false, false),
        ] {
            let status = status(&plan, now, OFF_AIR);
            assert_eq!(shown(&status).is_some(), is_shown, "{now}");
            assert_eq!(status.is_near, is_near, "{now}");
        }
    }

    #[test]
    fn broadcast_that_overruns_is_shown_until_the_channel_ends_or_the_next_starts() {
        let plan = [(0, Some(60)), (120, Some(180))];
        let live = |since| LiveFacts {
            live_since: Some(minute(since)),
            last_live: Some(minute(since)),
        };
        assert_eq!(shown(&status(&plan, 100, live(5))), Some(minute(0)));
        assert!(!status(&plan, 100, live(5)).is_expected_live);
        assert_eq!(shown(&status(&plan, 100, OFF_AIR)), Some(minute(120)));
        // A session that began after the planned end is another broadcast.
        assert_eq!(shown(&status(&plan, 100, live(70))), Some(minute(120)));
        assert_eq!(shown(&status(&plan, 120, live(5))), Some(minute(120)));
        let last = |now| shown(&status(&plan, now, live(130)));
        assert_eq!(last(180 + 12 * 60 - 1), Some(minute(120)));
        assert_eq!(last(180 + 12 * 60), None);
    }

    #[test]
    fn start_without_an_end_is_expected_for_half_an_hour_or_until_it_was_live() {
        let plan = [(0, None)];
        assert!(status(&plan, 29, OFF_AIR).is_expected_live);
        assert!(!status(&plan, 30, OFF_AIR).is_expected_live);
        assert_eq!(shown(&status(&plan, 30, OFF_AIR)), None);
        let was_live = |at| LiveFacts {
            last_live: Some(minute(at)),
            live_since: None,
        };
        assert!(status(&plan, 10, was_live(-5)).is_expected_live);
        assert!(!status(&plan, 10, was_live(5)).is_expected_live);
    }
}
