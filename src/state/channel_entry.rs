//! A channel in the store: its state, and what else decides how it is shown.

use std::sync::Arc;
use std::time::Duration;

use super::channel::ChannelState;
use super::channel_meta::{ChannelMeta, Exposure};
use super::channel_plan::ChannelPlan;
use super::freshness::{FreshnessPolicy, IntervalScale};
use super::ingest_nodes::{NodeMembership, count_against_node};
use super::liveness::LiveState;
use super::status_counts::StatusLabel;
use crate::plan::{PlanStatus, Schedule};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};

/// A channel in the store.
#[derive(Debug)]
pub(super) struct ChannelEntry {
    pub(super) meta: ChannelMeta,
    pub(super) channel: ChannelState,
    pub(super) exposure: Exposure,
    /// The broadcasts that Polyv has planned.
    pub(super) polyv_schedule: Option<Arc<Schedule>>,
    /// Boxed, since few channels have one.
    pub(super) plan: Option<Box<ChannelPlan>>,
    /// The interval scale when the channel's current values were learned.
    pub(super) scale: IntervalScale,
    /// The store's version when the channel last changed.
    pub(super) version: u64,
    /// Whether the channel had series when it was last evaluated.
    pub(super) exposed: bool,
    /// Its place in the expiry queue.
    pub(super) expires_at: Option<MonotonicInstant>,
    /// Its place in the status counts.
    pub(super) counted_as: Option<StatusLabel>,
    /// Its place among the channels of its ingest node. Boxed, since few channels are live.
    pub(super) node: Option<Box<NodeMembership>>,
}

/// How long a channel that went off air counts among those of its ingest node.
const OFF_AIR_COUNTS: Duration = Duration::from_secs(30 * 60);

// === impl ChannelEntry ===

impl ChannelEntry {
    /// When time alone next changes what is shown of the channel.
    pub(super) fn next_expiry(
        &self,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
    ) -> Option<MonotonicInstant> {
        let change = self.channel.next_expiry(now, policy, self.scale);
        let hidden = match self.exposure {
            Exposure::Always => None,
            Exposure::WhileRecentlyLive => self.channel.recently_live_until(),
        };
        let hidden = hidden.filter(|at| *at > now.monotonic);
        let plan = self.plan.as_ref().and_then(|plan| plan.next_change(now));
        [change, hidden, plan].into_iter().flatten().min()
    }

    /// What the channel's plan says, where it has one.
    pub(super) fn plan(&self) -> Option<PlanStatus> {
        self.plan.as_ref().map(|plan| plan.status)
    }

    /// Whether the channel should be live.
    pub(super) fn is_expected_live(&self) -> bool {
        self.meta.channel.expect.live || self.plan().is_some_and(|plan| plan.is_expected_live)
    }

    /// Brings the plan up to date: a configured one, or else Polyv's; none where the channel is
    /// expected to be live all the time.
    pub(super) fn refresh_plan(&mut self, now: TimeSnapshot) {
        let config = &self.meta.channel;
        let polyv_schedule = self.polyv_schedule.as_ref();
        let schedule = config.schedule.as_ref().or(polyv_schedule);
        let schedule = schedule.filter(|_| !config.expect.live);
        match (&mut self.plan, schedule) {
            (plan, None) => *plan = None,
            (Some(plan), Some(schedule)) if Arc::ptr_eq(&plan.schedule, schedule) => {
                plan.refresh(&self.channel, now);
            }
            (plan, Some(schedule)) => {
                let schedule = Arc::clone(schedule);
                *plan = Some(Box::new(ChannelPlan::new(schedule, &self.channel, now)));
            }
        }
    }

    /// Whether being off air is an issue.
    pub(super) fn should_be_live(&self) -> bool {
        self.meta.channel.expect.live || self.plan().is_some_and(|plan| plan.is_due)
    }

    /// The node that receives the stream of a channel that is live, or received it until the
    /// channel went off air, though it should not.
    pub(super) fn ingest_node(&self, now: TimeSnapshot) -> Option<Arc<str>> {
        let state = self.channel.liveness.state;
        let off_air_for = now.monotonic.since(self.channel.liveness.since);
        let counts = state == LiveState::Live
            || state == LiveState::NotLive && self.should_be_live() && off_air_for < OFF_AIR_COUNTS;
        self.channel.ingest_node.clone().filter(|_| counts)
    }

    /// Whether the channel has an issue that its ingest node may have caused.
    pub(super) fn counts_against_node(&self, policy: &FreshnessPolicy, now: TimeSnapshot) -> bool {
        let streams = self.channel.visible_streams(now, policy, self.scale);
        let (expect, should_be_live) = (&self.meta.channel.expect, self.should_be_live());
        let issues = self
            .channel
            .health_issues(&streams, expect, should_be_live, policy, now);
        count_against_node(&issues)
    }

    /// Whether the channel has series.
    pub(super) fn is_exposed(&self, now: TimeSnapshot) -> bool {
        match self.exposure {
            Exposure::Always => true,
            Exposure::WhileRecentlyLive => {
                self.channel.is_recently_live(now) || self.plan().is_some_and(|plan| plan.is_near)
            }
        }
    }
}
