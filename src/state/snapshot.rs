//! Copies of what is known of channels, for readers: the renderer of metrics, and pages.
//!
//! Times are by the host's wall clock as it is set now, except samples' own times.

use std::sync::Arc;

use super::channel::ChannelState;
use super::channel_key::ChannelKey;
use super::channel_meta::ChannelMeta;
use super::freshness::{FreshnessPolicy, IntervalScale};
use super::health::{HealthIssue, has_transient_issue};
use super::history::StreamHistory;
use super::ingest_nodes::blame_node;
use super::liveness::LiveState;
use super::push::Push;
use super::source::SourceChoice;
use super::stream::StreamSnapshot;
use crate::plan::PlanStatus;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{LiveStatus, Outcome};

/// A channel as it is at one moment.
#[derive(Debug, Clone)]
pub struct ChannelSnapshot {
    /// Identifies the channel.
    pub key: ChannelKey,
    /// The store's [version](super::ChannelStore::version) when the channel last changed.
    pub version: u64,
    /// The channel's account and configuration.
    pub meta: ChannelMeta,
    /// Whether the channel is live.
    pub state: LiveState,
    /// The status that Polyv reports, where it was reported recently.
    pub reported: Option<LiveStatus>,
    /// When the channel entered its state, as seen here.
    pub since: Timestamp,
    /// How often the channel changed between live and not live.
    pub transitions: u64,
    /// How the last poll ended; `None` before the first.
    pub last_outcome: Option<Outcome>,
    /// When a poll last succeeded.
    pub last_success: Option<Timestamp>,
    /// When a new sample was last seen.
    pub last_new_sample: Option<Timestamp>,
    /// The newest sample of any stream, by its own time.
    pub last_sample: Option<Timestamp>,
    /// Where the samples of a live channel come from; `None` while it is not live.
    pub sources: Option<SourceChoice>,
    /// What is pushed to a live channel, where that is known.
    pub push: Option<Push>,
    /// The streams whose samples are current.
    pub streams: Vec<StreamSnapshot>,
    /// The channel's problems, the worst first.
    pub problems: Vec<HealthIssue>,
    /// Whether a newest sample shows what would be a problem if it lasted.
    pub has_transient_issue: bool,
    /// How many people are watching, where the channel is live and that is known.
    pub viewers: Option<u64>,
    /// What the channel's plan says, where it has one.
    pub plan: Option<PlanStatus>,
}

/// Consecutive polls that ended alike.
#[derive(Debug, Clone)]
pub struct PollLogView {
    /// How they ended.
    pub outcome: Outcome,
    /// The error's message, where they failed.
    pub message: Option<Arc<str>>,
    /// When the first of them ended.
    pub first: Timestamp,
    /// When the last of them ended.
    pub last: Timestamp,
    /// The number of polls.
    pub count: u64,
    /// How many new samples they returned.
    pub new_samples: u64,
}

/// A channel with everything that is kept of it.
#[derive(Debug, Clone)]
pub struct ChannelDetail {
    /// The channel as it is.
    pub channel: ChannelSnapshot,
    /// Its streams' last half hour, those that are not shown any more included.
    pub histories: Vec<StreamHistory>,
    /// How the last polls ended, newest first.
    pub poll_log: Vec<PollLogView>,
}

/// The circumstances under which a channel is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct SnapshotContext<'a> {
    pub(super) policy: &'a FreshnessPolicy,
    pub(super) scale: IntervalScale,
    /// The host's wall clock minus the monotonic one, in milliseconds.
    pub(super) wall_offset: i64,
    pub(super) now: TimeSnapshot,
    /// Whether the node that receives the channel's stream is suspected of a fault.
    pub(super) is_node_suspected: bool,
}

// === impl ChannelSnapshot ===

impl ChannelSnapshot {
    pub(super) fn new(
        key: ChannelKey,
        version: u64,
        meta: ChannelMeta,
        channel: &ChannelState,
        plan: Option<PlanStatus>,
        context: SnapshotContext<'_>,
    ) -> Self {
        let SnapshotContext {
            policy, scale, now, ..
        } = context;
        let streams = channel.visible_streams(now, policy, scale);
        let expect = &meta.channel.expect;
        let is_live = channel.liveness.state == LiveState::Live;
        let should_be_live = expect.live || plan.is_some_and(|plan| plan.is_due);
        let mut problems = channel.health_issues(&streams, expect, should_be_live, policy, now);
        if context.is_node_suspected {
            blame_node(&mut problems);
        }
        let timestamp =
            |moment: Option<MonotonicInstant>| moment.map(|moment| context.timestamp(moment));
        Self {
            key,
            version,
            state: channel.liveness.state,
            reported: channel.reported_status(now, policy, scale),
            since: context.timestamp(channel.liveness.since),
            transitions: channel.liveness.transitions,
            last_outcome: channel.last_outcome,
            last_success: timestamp(channel.last_success),
            last_new_sample: timestamp(channel.last_new_sample),
            last_sample: channel.last_sample,
            sources: is_live.then(|| channel.source_choice(policy)),
            push: channel.push(now).cloned(),
            has_transient_issue: has_transient_issue(&streams, expect),
            problems,
            streams,
            viewers: channel.viewers(now),
            plan,
            meta,
        }
    }

    /// Whether the channel should be live; `None` where nothing says when it should be.
    #[must_use]
    pub fn is_expected_live(&self) -> Option<bool> {
        if self.meta.channel.expect.live {
            return Some(true);
        }
        self.plan.map(|plan| plan.is_expected_live)
    }
}

// === impl ChannelDetail ===

impl ChannelDetail {
    pub(super) fn new(
        snapshot: ChannelSnapshot,
        channel: &ChannelState,
        context: SnapshotContext<'_>,
    ) -> Self {
        Self {
            channel: snapshot,
            histories: channel.histories(context.now.server_time),
            poll_log: channel
                .poll_log
                .recent()
                .map(|run| PollLogView {
                    outcome: run.outcome,
                    message: run.message.clone(),
                    first: context.timestamp(run.first),
                    last: context.timestamp(run.last),
                    count: run.count,
                    new_samples: run.new_samples,
                })
                .collect(),
        }
    }
}

// === impl SnapshotContext ===

impl SnapshotContext<'_> {
    /// A moment by the host's wall clock as it is set now.
    fn timestamp(&self, moment: MonotonicInstant) -> Timestamp {
        let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.wall_offset).plus_millis(millis)
    }
}
