//! A channel's plan, brought up to date whenever the channel changes or the plan's time comes.

use std::sync::Arc;

use super::channel::ChannelState;
use super::liveness::LiveState;
use crate::plan::{BroadcastsAround, LiveFacts, PlanStatus, Schedule};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};

/// A channel's schedule, and what it says at present.
#[derive(Debug)]
pub(super) struct ChannelPlan {
    pub(super) schedule: Arc<Schedule>,
    /// The broadcasts around the present: cron patterns are evaluated once for each broadcast.
    around: BroadcastsAround,
    pub(super) status: PlanStatus,
}

// === impl ChannelPlan ===

impl ChannelPlan {
    pub(super) fn new(schedule: Arc<Schedule>, channel: &ChannelState, now: TimeSnapshot) -> Self {
        let around = schedule.around(now.server_time);
        let status = PlanStatus::new(&around, channel.live_facts(now), now.server_time);
        Self {
            schedule,
            around,
            status,
        }
    }

    /// Brings the status up to date.
    pub(super) fn refresh(&mut self, channel: &ChannelState, now: TimeSnapshot) {
        let time = now.server_time;
        if !self.around.is_valid_at(time) {
            self.around = self.schedule.around(time);
        }
        self.status = PlanStatus::new(&self.around, channel.live_facts(now), time);
    }

    /// When time alone next changes what the plan says.
    pub(super) fn next_change(&self, now: TimeSnapshot) -> Option<MonotonicInstant> {
        let left = self.status.next_change?.since(now.server_time);
        Some(now.monotonic + left)
    }
}

impl ChannelState {
    /// What a plan depends on.
    fn live_facts(&self, now: TimeSnapshot) -> LiveFacts {
        let time = |at: MonotonicInstant| now.server_time - now.monotonic.since(at);
        if self.liveness.state != LiveState::Live {
            return LiveFacts {
                live_since: None,
                last_live: self.last_live.map(time),
            };
        }
        let began = time(self.liveness.session_began);
        // A channel that was live when the exporter started had begun before.
        let earliest = Timestamp::from_millis(i64::MIN);
        LiveFacts {
            live_since: Some(self.liveness.not_before.map_or(earliest, |_| began)),
            last_live: Some(now.server_time),
        }
    }
}
