//! The choice of the call that a channel's samples come from.

use std::time::Duration;

use super::channel::{ChannelState, UpdateSummary};
use super::freshness::FreshnessPolicy;
use super::liveness::LiveState;
use super::push::{self, Push, PushState};
use super::source::{SourceChoice, StreamSource, TENCENT_CHECK_INTERVAL, V4_INTERVAL};
use crate::config::Sources;
use polyv_client::clock::TimeSnapshot;
use polyv_client::{ChannelPush, Outcome};

/// The longest interval of snapshots.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(30);

impl ChannelState {
    /// The poll interval in the channel's present state.
    pub(super) fn interval(&self, policy: &FreshnessPolicy) -> Duration {
        match self.liveness.state {
            LiveState::Live => {
                let choice = self.source_choice(policy);
                match choice.source {
                    StreamSource::Tencent if choice.only_checks_tencent => {
                        self.live_interval.max(TENCENT_CHECK_INTERVAL)
                    }
                    StreamSource::Tencent => self.live_interval,
                    StreamSource::ListStreamInfo => self.live_interval.max(V4_INTERVAL),
                    StreamSource::Snapshot => self.live_interval.min(SNAPSHOT_INTERVAL),
                }
            }
            LiveState::NotLive | LiveState::Unknown => policy.idle_interval,
        }
    }

    /// The call that samples come from.
    pub(super) fn source(&self, policy: &FreshnessPolicy) -> StreamSource {
        self.source_choice(policy).source
    }

    /// The choice of the call that samples come from.
    pub(super) fn source_choice(&self, policy: &FreshnessPolicy) -> SourceChoice {
        match policy.sources {
            Sources::Tencent => SourceChoice::TENCENT_ONLY,
            Sources::Auto => {
                let is_live = self.liveness.state == LiveState::Live;
                self.sources.choice(is_live, self.liveness.session_began)
            }
        }
    }

    /// What is pushed to the channel, while it is live and that is known.
    pub(super) fn push(&self, now: TimeSnapshot) -> Option<&Push> {
        let push = self
            .push
            .as_ref()
            .filter(|push| push.is_valid(now.monotonic))?;
        (self.liveness.state == LiveState::Live).then_some(&push.push)
    }

    /// Applies what is pushed to the channel. A stream is a sample where snapshots are the
    /// channel's source; the response says that the channel is live where the Tencent call is not
    /// made or fails.
    pub(super) fn apply_push(
        &mut self,
        push: &ChannelPush,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
    ) -> UpdateSummary {
        let pause = self.last_success.map(|last| now.monotonic.since(last));
        self.push = Some(Box::new(PushState::new(push, now)));
        let mut digest = UpdateSummary::default();
        let choice = self.source_choice(policy);
        let in_session = self.liveness.state == LiveState::Live || self.liveness.is_lost_session();
        let may_be_live = if choice.uses_tencent() {
            let fails = self.last_outcome.is_some_and(|last| !last.is_success());
            fails && !(in_session && choice.is_settled)
        } else {
            in_session
        };
        if push.live && may_be_live {
            self.observe_live(now);
        }
        let node = self
            .push
            .as_ref()
            .and_then(|push| push.push.ingest_node.clone());
        self.ingest_node = node.or(self.ingest_node.take());
        self.decide_source(now, policy);
        let is_source = self.source(policy) == StreamSource::Snapshot;
        if is_source && push.live && self.liveness.state == LiveState::Live {
            self.record_success(Outcome::Ok, now);
            let sample = push::sample(push, now).into_iter().collect();
            self.ingest_response(sample, pause, now, policy, &mut digest);
            let mut streams = self.streams.iter_mut();
            if let Some(stream) = streams.find(|stream| stream.name.as_str() == push::STREAM) {
                stream.is_snapshot = true;
            }
            let new_samples = u64::try_from(digest.new_samples.len()).unwrap_or(u64::MAX);
            self.poll_log
                .push(Outcome::Ok, None, new_samples, now.monotonic);
        }
        digest
    }

    /// Records that a source is not offered for the channel any more.
    pub(super) fn give_up_source(
        &mut self,
        source: StreamSource,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
    ) {
        if source == StreamSource::Snapshot {
            self.push = None;
        }
        self.sources.give_up(source);
        self.decide_source(now, policy);
    }

    /// The time since the session began.
    pub(super) fn live_for(&self, now: TimeSnapshot) -> Duration {
        now.monotonic.since(self.liveness.session_began)
    }

    /// Makes the choice of the source if its time has come.
    pub(super) fn decide_source(&mut self, now: TimeSnapshot, policy: &FreshnessPolicy) {
        if policy.sources == Sources::Tencent || self.liveness.state != LiveState::Live {
            return;
        }
        let live_for = self.live_for(now);
        let push = self
            .push
            .as_ref()
            .filter(|push| push.is_valid(now.monotonic));
        let is_pushing = push.is_some_and(|push| push.push.is_pushing == Some(true));
        self.sources.decide(live_for, is_pushing);
        // What the first guess brought is not continued.
        if self.source(policy) != StreamSource::Snapshot {
            self.streams.retain(|stream| !stream.is_snapshot);
        }
    }

    /// Applies a failed call of a source that is not the Tencent call, or its response that
    /// nothing is pushed: only the Tencent call and the status end a session.
    pub(super) fn apply_source_error(
        &mut self,
        source: StreamSource,
        outcome: Outcome,
        message: &str,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
    ) {
        if source == self.source(policy) {
            if outcome.is_success() {
                self.record_success(outcome, now);
            }
            self.apply_error(outcome, message, now.monotonic);
        }
        if source == StreamSource::ListStreamInfo {
            self.sources.observe_v4(false);
        }
        self.decide_source(now, policy);
    }

    /// Applies a failed Tencent call: of a channel with another source it tells nothing, unless
    /// that says that the channel is not live any more.
    pub(super) fn apply_tencent_error(
        &mut self,
        outcome: Outcome,
        message: &str,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
    ) {
        let live_for = self.live_for(now);
        self.sources.observe_tencent(false, live_for);
        if self.source(policy) == StreamSource::Tencent {
            self.apply_error(outcome, message, now.monotonic);
        } else if self.push.as_ref().is_some_and(|push| !push.is_live) {
            self.apply_not_live(now);
        }
        self.decide_source(now, policy);
    }
}
