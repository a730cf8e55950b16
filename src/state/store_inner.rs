//! The data behind the store's lock. Every method looks at one channel, or at a slice of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::channel::ChannelState;
use super::channel_entry::ChannelEntry;
use super::channel_key::ChannelKey;
use super::channel_meta::{ChannelMeta, Exposure};
use super::freshness::{FreshnessPolicy, IntervalScale};
use super::ingest_nodes::IngestNodes;
use super::liveness::LiveState;
use super::snapshot::{ChannelSnapshot, SnapshotContext};
use super::status_counts::{StatusCounts, StatusLabel};
use super::transition::StateTransition;
use crate::plan::Schedule;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};

/// The most channels that are looked at under one lock.
pub(super) const SLICE: usize = 64;

/// The channels, and when time alone changes which of them.
#[derive(Debug)]
pub(super) struct StoreInner {
    pub(super) policy: FreshnessPolicy,
    /// The host's wall clock minus the monotonic one, in milliseconds.
    wall_offset: i64,
    /// The latest time at which the store was used.
    latest: TimeSnapshot,
    next_index: u64,
    /// Counts changes of channels.
    pub(super) version: u64,
    /// In the order of insertion. Boxed, since a map's nodes are only two thirds full.
    pub(super) channels: BTreeMap<ChannelKey, Box<ChannelEntry>>,
    pub(super) by_id: HashMap<Arc<str>, ChannelKey>,
    /// The scale of each account whose intervals are longer than configured.
    interval_scales: HashMap<Arc<str>, IntervalScale>,
    /// When time alone changes which channel next, at the earliest.
    expiry: BTreeSet<(MonotonicInstant, ChannelKey)>,
    /// Channels from this key on have not been evaluated since the policy or the wall clock
    /// changed.
    evaluate_from: Option<ChannelKey>,
    /// Channels with series that changed or ended since the renderer last took the changes.
    pub(super) changed: BTreeSet<ChannelKey>,
    /// State changes that no caller has received yet, oldest first.
    pub(super) transitions: Vec<StateTransition>,
    pub(super) status_counts: StatusCounts,
    ingest_nodes: IngestNodes,
    /// Channels whose ingest node is judged in another way than when they were evaluated.
    judged_again: BTreeSet<ChannelKey>,
}

// === impl StoreInner ===

impl StoreInner {
    pub(super) fn new(policy: FreshnessPolicy, wall_offset: i64) -> Self {
        Self {
            policy,
            wall_offset,
            latest: TimeSnapshot {
                monotonic: MonotonicInstant::default(),
                server_time: Timestamp::from_millis(0),
            },
            next_index: 0,
            version: 0,
            channels: BTreeMap::new(),
            by_id: HashMap::new(),
            interval_scales: HashMap::new(),
            expiry: BTreeSet::new(),
            evaluate_from: None,
            changed: BTreeSet::new(),
            transitions: Vec::new(),
            status_counts: StatusCounts::default(),
            ingest_nodes: IngestNodes::default(),
            judged_again: BTreeSet::new(),
        }
    }

    /// The given time, or a later one at which the store was used before.
    pub(super) fn now_or_later(&mut self, now: TimeSnapshot) -> TimeSnapshot {
        if now.monotonic >= self.latest.monotonic {
            self.latest = now;
        }
        self.latest
    }

    pub(super) fn insert(
        &mut self,
        meta: ChannelMeta,
        exposure: Exposure,
        now: TimeSnapshot,
    ) -> ChannelKey {
        let key = ChannelKey::from_index(self.next_index);
        self.next_index += 1;
        self.by_id.insert(Arc::clone(&meta.channel.id), key);
        let entry = ChannelEntry {
            scale: self.scale(&meta.account, meta.channel.expect.live),
            channel: ChannelState::new(meta.channel.live_interval, now.monotonic),
            meta,
            exposure,
            polyv_schedule: None,
            plan: None,
            version: 0,
            exposed: false,
            expires_at: None,
            counted_as: None,
            node: None,
        };
        self.channels.insert(key, Box::new(entry));
        self.evaluate(key, now);
        key
    }

    pub(super) fn remove(&mut self, key: ChannelKey) {
        let Some(entry) = self.channels.remove(&key) else {
            return;
        };
        if let Some(at) = entry.expires_at {
            self.expiry.remove(&(at, key));
        }
        if let Some(label) = entry.counted_as {
            self.status_counts.remove(&entry.meta.account, label);
        }
        if let Some(node) = &entry.node {
            self.ingest_nodes.remove(key, node);
        }
        // Another account may have the same channel by now.
        let id = &entry.meta.channel.id;
        if self.by_id.get(id) == Some(&key) {
            self.by_id.remove(id);
        }
        if entry.exposed {
            self.changed.insert(key);
        }
    }

    pub(super) fn update_metadata(
        &mut self,
        key: ChannelKey,
        meta: ChannelMeta,
        exposure: Exposure,
        now: TimeSnapshot,
    ) {
        if let Some(entry) = self.channels.get_mut(&key)
            && (entry.meta != meta || entry.exposure != exposure)
        {
            entry.channel.live_interval = meta.channel.live_interval;
            entry.meta = meta;
            entry.exposure = exposure;
            self.evaluate(key, now);
        }
    }

    pub(super) fn set_polyv_schedule(
        &mut self,
        key: ChannelKey,
        schedule: Option<Arc<Schedule>>,
        now: TimeSnapshot,
    ) {
        if let Some(entry) = self.channels.get_mut(&key)
            && entry.polyv_schedule != schedule
        {
            entry.polyv_schedule = schedule;
            self.evaluate(key, now);
        }
    }

    pub(super) fn set_policy(&mut self, policy: FreshnessPolicy) {
        if self.policy != policy {
            self.policy = policy;
            self.evaluate_from = Some(ChannelKey::from_index(0));
        }
    }

    pub(super) fn set_wall_offset(&mut self, wall_offset: i64) {
        if self.wall_offset != wall_offset {
            self.wall_offset = wall_offset;
            self.evaluate_from = Some(ChannelKey::from_index(0));
        }
    }

    /// Sets by how much an account's intervals are longer than configured. No channel is
    /// evaluated for that: a larger scale is noticed when the smaller one would expire
    /// something, and a smaller one holds from the next response on.
    pub(super) fn set_interval_scale(&mut self, account: &Arc<str>, scale: IntervalScale) {
        if scale == IntervalScale::NONE {
            self.interval_scales.remove(account);
        } else {
            self.interval_scales.insert(Arc::clone(account), scale);
        }
    }

    /// The scale of a channel's intervals. One that is expected to be live never waits for others.
    fn scale(&self, account: &Arc<str>, is_expected_live: bool) -> IntervalScale {
        let scale = self.interval_scales.get(account);
        let scale = scale.copied().unwrap_or_default();
        if is_expected_live {
            let all = scale.all;
            return IntervalScale { all, idle: all };
        }
        scale
    }

    /// Changes a channel. What time has ended by now ends first: a response after a long silence
    /// finds the channel unknown.
    pub(super) fn update<R>(
        &mut self,
        key: ChannelKey,
        now: TimeSnapshot,
        change: impl FnOnce(&mut ChannelState, &FreshnessPolicy, TimeSnapshot) -> R,
    ) -> Option<R> {
        self.expire_if_due(key, now);
        let entry = self.channels.get(&key)?;
        let scale = self.scale(&entry.meta.account, entry.is_expected_live());
        let policy = self.policy;
        let entry = self.channels.get_mut(&key)?;
        let from = entry.channel.liveness.state;
        let last_success = entry.channel.last_success;
        let result = change(&mut entry.channel, &policy, now);
        let (to, at) = (entry.channel.liveness.state, entry.channel.liveness.since);
        entry.scale = if entry.channel.last_success == last_success {
            entry.scale.max(scale)
        } else {
            scale
        };
        self.record_transition(key, from, to, at);
        self.evaluate(key, now);
        Some(result)
    }

    /// Does a slice of what is outstanding: evaluates channels after a change of the policy or of
    /// the wall clock, and lets expire what is due. Returns whether nothing is left to do.
    pub(super) fn advance(&mut self, now: TimeSnapshot) -> bool {
        if let Some(from) = self.evaluate_from.take() {
            let keys = self.channels.range(from..).map(|(key, _)| *key);
            let keys: Vec<ChannelKey> = keys.take(SLICE + 1).collect();
            for key in keys.iter().take(SLICE) {
                self.evaluate(*key, now);
            }
            self.evaluate_from = keys.get(SLICE).copied();
            if self.evaluate_from.is_some() {
                return false;
            }
        }
        for _ in 0..SLICE {
            let Some(key) = self.judged_again.pop_first() else {
                break;
            };
            self.evaluate(key, now);
        }
        if !self.judged_again.is_empty() {
            return false;
        }
        for _ in 0..SLICE {
            match self.expiry.first() {
                Some((at, key)) if *at <= now.monotonic => self.expire_if_due(*key, now),
                _ => return true,
            }
        }
        false
    }

    pub(super) fn expire_if_due(&mut self, key: ChannelKey, now: TimeSnapshot) {
        let Some(entry) = self.channels.get(&key) else {
            return;
        };
        if entry.expires_at.is_none_or(|at| at > now.monotonic) {
            return;
        }
        let scale = self.scale(&entry.meta.account, entry.is_expected_live());
        let Some(entry) = self.channels.get_mut(&key) else {
            return;
        };
        entry.scale = entry.scale.max(scale);
        let from = entry.channel.liveness.state;
        entry.channel.expire(now, &self.policy, entry.scale);
        let (to, at) = (entry.channel.liveness.state, entry.channel.liveness.since);
        self.record_transition(key, from, to, at);
        self.evaluate(key, now);
    }

    /// The changes of a channel's state that no caller has received yet.
    pub(super) fn take_transitions(&mut self, key: ChannelKey) -> Vec<StateTransition> {
        let own = self
            .transitions
            .extract_if(.., |transition| transition.key == key);
        own.collect()
    }

    fn record_transition(
        &mut self,
        key: ChannelKey,
        from: LiveState,
        to: LiveState,
        at: MonotonicInstant,
    ) {
        if from != to {
            let transition = StateTransition { key, from, to, at };
            self.transitions.push(transition);
        }
    }

    /// Brings everything up to date that follows from a channel's state: its place in the status
    /// counts and the expiry queue, the versions, and the set of changed channels.
    fn evaluate(&mut self, key: ChannelKey, now: TimeSnapshot) {
        let Some(entry) = self.channels.get_mut(&key) else {
            return;
        };
        self.version += 1;
        entry.version = self.version;
        entry.refresh_plan(now);

        let state = entry.channel.liveness.state;
        let reported = entry
            .channel
            .reported_status(now, &self.policy, entry.scale);
        let label = StatusLabel::new(state, reported);
        let counted_as = entry.counted_as.replace(label);
        if counted_as != Some(label) {
            let account = &entry.meta.account;
            if let Some(before) = counted_as {
                self.status_counts.remove(account, before);
            }
            self.status_counts.add(account, label);
        }

        let before = entry.node.take();
        let node = entry.ingest_node(now);
        if before.is_some() || node.is_some() {
            let is_failing = node.is_some() && entry.counts_against_node(&self.policy, now);
            let of_channel = (&entry.meta.account, key);
            let before = before.map(|before| *before);
            let (place, judged_again) = self.ingest_nodes.update(
                of_channel,
                before,
                node.as_ref(),
                is_failing,
                now.monotonic,
            );
            entry.node = place.map(Box::new);
            self.judged_again.extend(judged_again);
            self.judged_again.remove(&key);
        }

        // A channel that has no series, and had none, changes nothing that is rendered.
        let exposed = entry.is_exposed(now);
        if std::mem::replace(&mut entry.exposed, exposed) || exposed {
            self.changed.insert(key);
        }

        let next = entry.next_expiry(now, &self.policy);
        let before = std::mem::replace(&mut entry.expires_at, next);
        if before != next {
            if let Some(before) = before {
                self.expiry.remove(&(before, key));
            }
            if let Some(next) = next {
                self.expiry.insert((next, key));
            }
        }
    }

    pub(super) fn context(&self, entry: &ChannelEntry, now: TimeSnapshot) -> SnapshotContext<'_> {
        SnapshotContext {
            policy: &self.policy,
            scale: entry.scale,
            wall_offset: self.wall_offset,
            now,
            is_node_suspected: entry
                .node
                .as_ref()
                .is_some_and(|node| self.ingest_nodes.is_suspected(node)),
        }
    }

    pub(super) fn snapshot(
        &self,
        key: ChannelKey,
        entry: &ChannelEntry,
        now: TimeSnapshot,
    ) -> ChannelSnapshot {
        let context = self.context(entry, now);
        ChannelSnapshot::new(
            key,
            entry.version,
            entry.meta.clone(),
            &entry.channel,
            entry.plan(),
            context,
        )
    }
}
