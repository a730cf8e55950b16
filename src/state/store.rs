//! All channels: their states, metadata, expiry and transitions.

use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::channel::{ChannelState, UpdateSummary};
use super::channel_key::ChannelKey;
use super::channel_meta::{ChannelMeta, Exposure};
use super::freshness::{FreshnessPolicy, IntervalScale};
use super::history::StreamHistory;
use super::liveness::LiveState;
use super::snapshot::{ChannelDetail, ChannelSnapshot};
use super::source::StreamSource;
use super::status_counts::StatusCounts;
use super::store_inner::{SLICE, StoreInner};
use super::transition::StateTransition;
use super::update::ChannelUpdate;
use crate::plan::Schedule;
use polyv_client::clock::{TimeSnapshot, Timestamp};
use polyv_client::{BadResponse, ChannelPush, Error, LiveStatus, Range, StreamInfo, ViewerCount};

/// All channels: changed by responses and by time, read as snapshots.
///
/// A std mutex guards them. It is held for the microseconds that a few dozen channels take, and
/// never across an await. Whatever concerns all channels (a new freshness policy, a step of the
/// wall clock, expiry after a standstill) is done in slices, with the lock released in between;
/// what is outstanding is done by the next caller that needs it done, so that no reader sees
/// a channel that has expired, or half of a new policy.
///
/// Time never runs backwards in the store: threads may come in another order than they read
/// the clock, and what has expired for one of them has expired for all.
#[derive(Debug)]
pub struct ChannelStore {
    inner: Mutex<StoreInner>,
}

/// The next channels that changed since they were last taken.
#[derive(Debug)]
pub struct ChangedChannels {
    /// The channels; those without a snapshot have no series any more.
    pub channels: Vec<(ChannelKey, Option<ChannelSnapshot>)>,
    /// Whether these were all, and nothing else was due.
    pub is_complete: bool,
}

// === impl ChannelStore ===

impl ChannelStore {
    /// An empty store. `wall_offset` is the host's wall clock minus the monotonic one, in
    /// milliseconds.
    #[must_use]
    pub fn new(policy: FreshnessPolicy, wall_offset: i64) -> Self {
        Self {
            inner: Mutex::new(StoreInner::new(policy, wall_offset)),
        }
    }

    /// Adds a channel that was not polled yet.
    pub fn insert(&self, meta: ChannelMeta, exposure: Exposure, now: TimeSnapshot) -> ChannelKey {
        let (mut inner, now) = self.lock_at(now);
        inner.insert(meta, exposure, now)
    }

    /// Removes a channel.
    pub fn remove(&self, key: ChannelKey) {
        self.lock().remove(key);
    }

    /// Replaces a channel's metadata; its state stays. Equal metadata changes nothing.
    pub fn update_metadata(
        &self,
        key: ChannelKey,
        meta: ChannelMeta,
        exposure: Exposure,
        now: TimeSnapshot,
    ) {
        let (mut inner, now) = self.lock_at(now);
        inner.update_metadata(key, meta, exposure, now);
    }

    /// Sets the broadcasts that Polyv has planned for a channel. A configured schedule wins.
    pub fn set_polyv_schedule(
        &self,
        key: ChannelKey,
        schedule: Option<Arc<Schedule>>,
        now: TimeSnapshot,
    ) {
        let (mut inner, now) = self.lock_at(now);
        inner.set_polyv_schedule(key, schedule, now);
    }

    /// How long information stays fresh.
    #[must_use]
    pub fn policy(&self) -> FreshnessPolicy {
        self.lock().policy
    }

    /// Changes how long information stays fresh.
    pub fn set_policy(&self, policy: FreshnessPolicy, now: TimeSnapshot) {
        self.lock().set_policy(policy);
        self.advance_all(now);
    }

    /// Moves all timestamps of events seen here: the host's wall clock was set.
    pub fn set_wall_offset(&self, wall_offset: i64, now: TimeSnapshot) {
        self.lock().set_wall_offset(wall_offset);
        self.advance_all(now);
    }

    /// Sets by how much an account's intervals are longer than configured at present: silence is
    /// tolerated for longer. What was to be fresh until a certain time stays so when intervals
    /// become shorter.
    pub fn set_interval_scale(&self, account: &Arc<str>, scale: IntervalScale) {
        self.lock().set_interval_scale(account, scale);
    }

    /// Applies stream information: the channel is live. With `status_is_polled` its reported
    /// status becomes live as well, since the status of a live channel is not polled. `None`
    /// where a reload removed the channel while the request was in flight, as for all responses.
    pub fn apply_stream_info(
        &self,
        key: ChannelKey,
        info: &StreamInfo,
        status_is_polled: bool,
        now: TimeSnapshot,
    ) -> Option<ChannelUpdate> {
        self.apply(key, Some(LiveState::Live), now, |channel, policy, now| {
            let digest = channel.apply_stream_info(now, info, policy);
            if status_is_polled {
                channel.apply_reported_status(LiveStatus::Live, now);
            }
            digest
        })
    }

    /// Applies the samples of the v4 call for stream information.
    pub fn apply_stream_info_v4(
        &self,
        key: ChannelKey,
        info: &StreamInfo,
        now: TimeSnapshot,
    ) -> Option<ChannelUpdate> {
        let update = self.apply(key, None, now, |channel, policy, now| {
            channel.apply_samples(StreamSource::ListStreamInfo, now, info, policy)
        })?;
        Some(update.observed_by(StreamSource::ListStreamInfo))
    }

    /// Applies what is pushed to a channel.
    pub fn apply_push(
        &self,
        key: ChannelKey,
        push: &ChannelPush,
        now: TimeSnapshot,
    ) -> Option<ChannelUpdate> {
        let update = self.apply(key, None, now, |channel, policy, now| {
            channel.apply_push(push, now, policy)
        })?;
        if !push.live {
            return Some(update);
        }
        Some(update.observed_by(StreamSource::Snapshot))
    }

    /// Applies a failed call of a source beside the Tencent call.
    pub fn apply_source_error(
        &self,
        key: ChannelKey,
        source: StreamSource,
        error: &Error,
        now: TimeSnapshot,
    ) -> Option<ChannelUpdate> {
        self.apply(key, None, now, |channel, policy, now| {
            let message = error.to_string();
            channel.apply_source_error(source, error.outcome(), &message, now, policy);
            UpdateSummary::default()
        })
    }

    /// Records that a source is not offered for a channel any more.
    pub fn give_up_source(
        &self,
        key: ChannelKey,
        source: StreamSource,
        now: TimeSnapshot,
    ) -> Option<ChannelUpdate> {
        self.apply(key, None, now, |channel, policy, now| {
            channel.give_up_source(source, now, policy);
            UpdateSummary::default()
        })
    }

    /// Applies the response that a channel is not live.
    pub fn apply_not_live(&self, key: ChannelKey, now: TimeSnapshot) -> Option<ChannelUpdate> {
        self.apply(key, Some(LiveState::NotLive), now, |channel, _, now| {
            channel.apply_not_live(now);
            UpdateSummary::default()
        })
    }

    /// Applies a failed poll of a channel, by the Tencent call or by its status; `requested` is the range of samples that it requested, if it did.
    pub fn apply_error(
        &self,
        key: ChannelKey,
        error: &Error,
        requested: Option<Range>,
        now: TimeSnapshot,
    ) -> Option<ChannelUpdate> {
        self.apply(key, None, now, |channel, policy, now| {
            if let (Error::BadResponse(BadResponse::TooLarge { .. }), Some(range)) =
                (error, requested)
            {
                channel.shrink_query_range(range, now);
            }
            channel.apply_tencent_error(error.outcome(), &error.to_string(), now, policy);
            UpdateSummary::default()
        })
    }

    /// Applies a status that Polyv reported. Where it is `authoritative`, any status but live
    /// makes the channel not live. Only its stream makes a channel live.
    pub fn apply_reported_status(
        &self,
        key: ChannelKey,
        status: LiveStatus,
        authoritative: bool,
        now: TimeSnapshot,
    ) -> Option<ChannelUpdate> {
        let is_live = status == LiveStatus::Live;
        let observed = (authoritative && !is_live).then_some(LiveState::NotLive);
        self.apply(key, observed, now, |channel, _, now| {
            if authoritative && !is_live {
                channel.apply_not_live(now);
            }
            // Any other status of a channel whose stream is live is out of date.
            if is_live || channel.liveness.state != LiveState::Live {
                channel.apply_reported_status(status, now);
            }
            UpdateSummary::default()
        })
    }

    /// Applies counts of viewers, oldest first.
    pub fn apply_viewers(
        &self,
        key: ChannelKey,
        counts: &[ViewerCount],
        now: TimeSnapshot,
    ) -> Option<ChannelUpdate> {
        self.apply(key, None, now, |channel, _, now| {
            channel.apply_viewers(counts, now)
        })
    }

    fn apply(
        &self,
        key: ChannelKey,
        observed: Option<LiveState>,
        now: TimeSnapshot,
        change: impl FnOnce(&mut ChannelState, &FreshnessPolicy, TimeSnapshot) -> UpdateSummary,
    ) -> Option<ChannelUpdate> {
        let (mut inner, now) = self.lock_at(now);
        let digest = inner.update(key, now, change)?;
        let transitions = inner.take_transitions(key);
        let entry = inner.channels.get(&key)?;
        Some(ChannelUpdate {
            key,
            new_samples: digest.new_samples,
            corrected_samples: digest.corrected_samples,
            observed,
            received: None,
            discarded: digest.discarded,
            viewers: digest.viewers,
            transitions,
            planned: entry.plan().and_then(|plan| plan.broadcast),
            activity: entry
                .channel
                .activity(&inner.policy, entry.is_expected_live()),
            next_range: entry.channel.next_range(now, &inner.policy, entry.scale),
        })
    }

    /// Lets expire what is due. Returns the changes of state by time that no update has returned.
    pub fn expire(&self, now: TimeSnapshot) -> Vec<StateTransition> {
        self.advance_all(now);
        std::mem::take(&mut self.lock().transitions)
    }

    /// A channel's metadata; `None` where the channel is not in the store.
    #[must_use]
    pub fn metadata(&self, key: ChannelKey) -> Option<ChannelMeta> {
        let inner = self.lock();
        inner.channels.get(&key).map(|entry| entry.meta.clone())
    }

    /// The number of channels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().channels.len()
    }

    /// Whether there are no channels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Grows with every change of any channel.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// Takes a slice of the channels with series that have changed or ended since they were last
    /// taken, by responses or by time. There is one taker: the renderer of metrics.
    pub(crate) fn take_changed(&self, now: TimeSnapshot) -> ChangedChannels {
        let (mut inner, now) = self.lock_at(now);
        let nothing_due = inner.advance(now);
        let mut channels = Vec::new();
        while channels.len() < SLICE
            && let Some(key) = inner.changed.pop_first()
        {
            let entry = inner
                .channels
                .get(&key)
                .filter(|entry| entry.is_exposed(now));
            channels.push((key, entry.map(|entry| inner.snapshot(key, entry, now))));
        }
        ChangedChannels {
            channels,
            is_complete: nothing_due && inner.changed.is_empty(),
        }
    }

    /// How many channels each account has, by status.
    #[must_use]
    pub fn status_counts(&self, now: TimeSnapshot) -> StatusCounts {
        self.advance_all(now);
        self.lock().status_counts.clone()
    }

    /// All channels that have series. Some may be a little newer than others.
    #[must_use]
    pub fn snapshots(&self, now: TimeSnapshot) -> Vec<ChannelSnapshot> {
        self.advance_all(now);
        let mut snapshots = Vec::new();
        let mut next = Some(ChannelKey::from_index(0));
        while let Some(from) = next {
            let (inner, now) = self.lock_at(now);
            let mut slice = inner.channels.range(from..);
            for (key, entry) in slice.by_ref().take(SLICE) {
                if entry.is_exposed(now) {
                    snapshots.push(inner.snapshot(*key, entry, now));
                }
            }
            next = slice.next().map(|(key, _)| *key);
        }
        snapshots
    }

    /// Finds a channel by its id. Ids are unique over all accounts.
    #[must_use]
    pub fn find(&self, channel_id: &str) -> Option<ChannelKey> {
        self.lock().by_id.get(channel_id).copied()
    }

    /// A channel. `None` where it is not in the store any more, or has no series.
    #[must_use]
    pub fn snapshot(&self, key: ChannelKey, now: TimeSnapshot) -> Option<ChannelSnapshot> {
        let (mut inner, now) = self.lock_at(now);
        inner.expire_if_due(key, now);
        let entry = inner.channels.get(&key).filter(|e| e.is_exposed(now))?;
        Some(inner.snapshot(key, entry, now))
    }

    /// A channel with everything that is kept of it, as [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn detail(&self, key: ChannelKey, now: TimeSnapshot) -> Option<ChannelDetail> {
        let (mut inner, now) = self.lock_at(now);
        inner.expire_if_due(key, now);
        let entry = inner.channels.get(&key).filter(|e| e.is_exposed(now))?;
        let snapshot = inner.snapshot(key, entry, now);
        let context = inner.context(entry, now);
        Some(ChannelDetail::new(snapshot, &entry.channel, context))
    }

    /// The last half hour of a channel's streams; empty where the channel is not in the store.
    #[must_use]
    pub fn histories(&self, key: ChannelKey, server_time: Timestamp) -> Vec<StreamHistory> {
        let inner = self.lock();
        let entry = inner.channels.get(&key);
        entry.map_or_else(Vec::new, |entry| entry.channel.histories(server_time))
    }

    /// Does everything that is outstanding, slice by slice.
    fn advance_all(&self, now: TimeSnapshot) {
        loop {
            let (mut inner, now) = self.lock_at(now);
            if inner.advance(now) {
                return;
            }
        }
    }

    /// Locks the store at a moment: the given one, or a later one at which it was locked before.
    fn lock_at(&self, now: TimeSnapshot) -> (MutexGuard<'_, StoreInner>, TimeSnapshot) {
        let mut inner = self.lock();
        let now = inner.now_or_later(now);
        (inner, now)
    }

    fn lock(&self) -> MutexGuard<'_, StoreInner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
