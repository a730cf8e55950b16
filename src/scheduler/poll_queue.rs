//! The channels of one account, in the order in which they are due.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::batch_endpoint::BatchEndpoint;
use super::poll_target::{PollInterval, PollTarget};
use super::rate_budget::{Demand, rate};
use super::request::ChannelBatch;
use super::schedule::PollSchedule;
use super::virtual_clock::VirtualInstant;
use crate::state::ChannelKey;
use polyv_client::MAX_CHANNELS_PER_CALL;

type DueSet = BTreeSet<(VirtualInstant, ChannelKey)>;

/// An account's channels. A channel with a request in flight is not due until it ends.
#[derive(Debug)]
pub(super) struct PollQueue {
    /// Boxed, since up to half of a map's slots are empty.
    channels: HashMap<ChannelKey, Box<PollTarget>>,
    index: DueIndex,
    last_probed: Option<ChannelKey>,
    /// How often a channel is polled that is not live.
    idle_interval: Duration,
}

/// Which channels are due when, and how many calls they need.
#[derive(Debug, Default)]
struct DueIndex {
    /// Stream information with a guaranteed interval.
    guaranteed: DueSet,
    /// Stream information that is polled with the calls that are left.
    best_effort: DueSet,
    statuses: DueSet,
    /// Calls per second for stream information.
    stream_demand: Demand,
    /// Channels whose status is polled.
    batched: usize,
    /// Channels without a response or a failed poll yet.
    unpolled: usize,
}

// === impl DueIndex ===

impl DueIndex {
    fn streams(&mut self, interval: PollInterval) -> (&mut DueSet, &mut f64) {
        let demand = &mut self.stream_demand;
        match interval {
            PollInterval::Guaranteed(_) => (&mut self.guaranteed, &mut demand.guaranteed),
            PollInterval::BestEffort(_) => (&mut self.best_effort, &mut demand.best_effort),
        }
    }

    fn insert(&mut self, key: ChannelKey, target: &PollTarget) {
        if let Some(schedule) = target.stream {
            let (queue, demand) = self.streams(target.interval);
            *demand += rate(target.interval.duration());
            if !target.stream_in_flight {
                queue.insert((schedule.due(), key));
            }
        }
        if let Some(due) = target.status {
            self.batched += 1;
            if !target.status_in_flight {
                self.statuses.insert((due, key));
            }
        }
        self.unpolled += usize::from(!target.polled);
    }

    fn remove(&mut self, key: ChannelKey, target: &PollTarget) {
        if let Some(schedule) = target.stream {
            let (queue, demand) = self.streams(target.interval);
            *demand -= rate(target.interval.duration());
            queue.remove(&(schedule.due(), key));
        }
        if let Some(due) = target.status {
            self.batched -= 1;
            self.statuses.remove(&(due, key));
        }
        self.unpolled -= usize::from(!target.polled);
    }

    /// Returns the channels that wait for their stream information to be polled.
    fn waiting_streams(&self) -> impl Iterator<Item = ChannelKey> {
        let streams = self.best_effort.iter().chain(&self.guaranteed);
        streams.map(|(_, key)| *key)
    }
}

// === impl PollQueue ===

impl PollQueue {
    pub(super) fn new(idle_interval: Duration) -> Self {
        Self {
            channels: HashMap::new(),
            index: DueIndex::default(),
            last_probed: None,
            idle_interval,
        }
    }

    /// Changes a channel, and when it is due.
    fn modify(&mut self, key: ChannelKey, change: impl FnOnce(&mut PollTarget)) {
        if let Some(target) = self.channels.get_mut(&key) {
            self.index.remove(key, target);
            change(target);
            self.index.insert(key, target);
        }
    }

    pub(super) const fn idle_interval(&self) -> Duration {
        self.idle_interval
    }

    /// Changes the idle interval. A shorter one takes effect at once.
    pub(super) fn set_idle_interval(&mut self, idle_interval: Duration, now: VirtualInstant) {
        self.idle_interval = idle_interval;
        self.pull_statuses_forward(now);
    }

    /// Makes every waiting status due within one interval.
    fn pull_statuses_forward(&mut self, now: VirtualInstant) {
        let idle_interval = self.idle_interval;
        for (_, key) in self.index.statuses.clone() {
            self.modify(key, |target| {
                let slot = target.next_slot(now, idle_interval);
                target.status = target.status.map(|due| due.min(slot));
            });
        }
    }

    /// Adds a channel, to be polled for its stream information or for its status.
    pub(super) fn add(
        &mut self,
        key: ChannelKey,
        target: PollTarget,
        stream: Option<PollInterval>,
        now: VirtualInstant,
    ) {
        let within = target.channel.live_interval.min(self.idle_interval);
        let status_due = target.next_slot(now, within);
        self.index.insert(key, &target);
        self.channels.insert(key, Box::new(target));
        match stream {
            Some(interval) => self.enqueue_stream(key, interval, now),
            None => self.enqueue_status(key, status_due),
        }
    }

    /// Removes a channel. A response to a request in flight is ignored.
    pub(super) fn remove(&mut self, key: ChannelKey) {
        if let Some(target) = self.channels.remove(&key) {
            self.index.remove(key, &target);
        }
    }

    pub(super) fn get(&self, key: ChannelKey) -> Option<&PollTarget> {
        self.channels.get(&key).map(Box::as_ref)
    }

    /// Returns a channel, to change what does not affect when it is due.
    pub(super) fn get_mut(&mut self, key: ChannelKey) -> Option<&mut PollTarget> {
        self.channels.get_mut(&key).map(Box::as_mut)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ChannelKey, &PollTarget)> {
        let channels = self.channels.iter();
        channels.map(|(key, target)| (*key, target.as_ref()))
    }

    pub(super) fn len(&self) -> usize {
        self.channels.len()
    }

    /// Returns how many channels had no response and no failed poll yet.
    pub(super) const fn unpolled(&self) -> usize {
        self.index.unpolled
    }

    /// Records that a channel had a response or a failed poll.
    pub(super) fn mark_polled(&mut self, key: ChannelKey) {
        if self.get(key).is_some_and(|target| !target.polled) {
            self.modify(key, |target| target.polled = true);
        }
    }

    /// Returns the calls per second that the channels need at configured intervals.
    #[allow(clippy::cast_precision_loss)] // channels are counted in thousands
    pub(super) fn demand(&self) -> Demand {
        let batches = self.index.batched.div_ceil(MAX_CHANNELS_PER_CALL) as f64;
        let streams = self.index.stream_demand;
        Demand {
            guaranteed: streams.guaranteed.max(0.0) + batches * rate(self.idle_interval),
            best_effort: streams.best_effort.max(0.0),
        }
    }

    /// Returns whether any channel waits to be polled.
    pub(super) fn has_waiting(&self) -> bool {
        !self.index.statuses.is_empty() || self.index.waiting_streams().next().is_some()
    }

    /// Returns when the next guaranteed stream information is due.
    pub(super) fn stream_due(&self) -> Option<VirtualInstant> {
        self.index.guaranteed.first().map(|(due, _)| *due)
    }

    /// Returns when the next best-effort stream information is due.
    pub(super) fn best_effort_due(&self) -> Option<VirtualInstant> {
        self.index.best_effort.first().map(|(due, _)| *due)
    }

    /// Returns when the next status is due.
    pub(super) fn status_due(&self) -> Option<VirtualInstant> {
        self.index.statuses.first().map(|(due, _)| *due)
    }

    pub(super) fn pop_stream(&mut self) -> Option<ChannelKey> {
        let key = self.index.guaranteed.first()?.1;
        self.modify(key, |target| target.stream_in_flight = true);
        Some(key)
    }

    pub(super) fn pop_best_effort(&mut self) -> Option<ChannelKey> {
        let key = self.index.best_effort.first()?.1;
        self.modify(key, |target| target.stream_in_flight = true);
        Some(key)
    }

    /// Takes the channels of one status call. The call is sent anyway, so it includes channels
    /// that are due within half an interval: channels come to share calls, and keep doing so.
    pub(super) fn pop_status_batch(&mut self, now: VirtualInstant) -> Option<ChannelBatch> {
        let until = now.max(self.status_due()?) + self.idle_interval / 2;
        let mut channels = Vec::new();
        while channels.len() < MAX_CHANNELS_PER_CALL
            && let Some((due, key)) = self.index.statuses.first().copied()
            && due <= until
        {
            self.modify(key, |target| target.status_in_flight = true);
            channels.push(key);
        }
        Some(ChannelBatch {
            channels,
            isolated: false,
        })
    }

    /// Takes the next channel to be probed. Channels take turns, since one may fail on its own.
    pub(super) fn pop_probe(&mut self) -> Option<ChannelKey> {
        let waiting = || {
            let statuses = self.index.statuses.iter().map(|(_, key)| *key);
            self.index.waiting_streams().chain(statuses)
        };
        let next = waiting().filter(|key| Some(*key) > self.last_probed).min();
        let key = next.or_else(|| waiting().min())?;
        self.modify(key, |target| {
            target.stream_in_flight = target.stream.is_some();
        });
        self.last_probed = Some(key);
        Some(key)
    }

    /// Polls a channel's stream information from now on, within one interval.
    pub(super) fn enqueue_stream(
        &mut self,
        key: ChannelKey,
        interval: PollInterval,
        now: VirtualInstant,
    ) {
        if self.get(key).is_some_and(|target| target.stream.is_none()) {
            self.modify(key, |target| target.schedule_stream(now, interval));
        }
    }

    /// Polls a channel's stream information at once.
    pub(super) fn enqueue_stream_now(
        &mut self,
        key: ChannelKey,
        interval: PollInterval,
        now: VirtualInstant,
    ) {
        self.enqueue_stream(key, interval, now);
        self.reschedule(key, interval, None, |schedule| schedule.due_now(now));
    }

    /// Stops polling a channel's stream information.
    pub(super) fn dequeue_stream(&mut self, key: ChannelKey) {
        self.modify(key, |target| target.stream = None);
    }

    /// Stops polling a channel's stream information, unless a request is in flight: then its
    /// response decides.
    pub(super) fn defer_stream(&mut self, key: ChannelKey) {
        if self.get(key).is_some_and(|target| !target.stream_in_flight) {
            self.dequeue_stream(key);
        }
    }

    /// Changes when a channel's stream information is polled next, if it is polled.
    /// `may_be_shared` says whether a back-off is for a failure that may turn out to be shared;
    /// `None` keeps what is known.
    pub(super) fn reschedule(
        &mut self,
        key: ChannelKey,
        interval: PollInterval,
        may_be_shared: Option<bool>,
        change: impl FnOnce(&mut PollSchedule),
    ) {
        self.modify(key, |target| {
            target.stream_in_flight = false;
            target.interval = interval;
            target.stream.as_mut().map(change);
            if let Some(may_be_shared) = may_be_shared {
                target.backoff_may_be_shared = may_be_shared;
            }
        });
    }

    /// Changes how often a waiting channel's stream information is polled. A request in flight
    /// reschedules at its end.
    pub(super) fn set_interval(
        &mut self,
        key: ChannelKey,
        interval: PollInterval,
        now: VirtualInstant,
    ) {
        let target = self.get(key);
        if target.is_some_and(|target| target.interval != interval && !target.stream_in_flight) {
            self.reschedule(key, interval, None, |schedule| {
                schedule.pull_forward(now, interval.duration());
            });
        }
    }

    /// Polls a channel's status at `due`.
    pub(super) fn enqueue_status(&mut self, key: ChannelKey, due: VirtualInstant) {
        self.modify(key, |target| {
            target.status = Some(due);
            target.status_in_flight = false;
        });
    }

    /// Polls a channel's status at its next slot, if it is not polled yet.
    pub(super) fn enqueue_status_also(&mut self, key: ChannelKey, now: VirtualInstant) {
        if let Some(target) = self.channels.get(&key)
            && target.status.is_none()
        {
            self.enqueue_status(key, target.next_slot(now, self.idle_interval));
        }
    }

    /// Stops polling a channel's status.
    pub(super) fn dequeue_status(&mut self, key: ChannelKey) {
        self.modify(key, |target| target.status = None);
    }

    /// Polls the stream information of every channel, and no status.
    pub(super) fn disable_batching(
        &mut self,
        interval: impl Fn(&PollTarget) -> PollInterval,
        now: VirtualInstant,
    ) {
        let targets = self.channels.iter();
        let intervals =
            targets.map(|(key, target)| (*key, interval(target), target.has_other_source));
        for (key, interval, has_other_source) in intervals.collect::<Vec<_>>() {
            self.dequeue_status(key);
            if !has_other_source {
                self.enqueue_stream(key, interval, now);
            }
        }
    }

    /// Polls the status of every waiting channel that is not live, and not its stream information.
    pub(super) fn enable_batching(&mut self, endpoint: &BatchEndpoint, now: VirtualInstant) {
        for key in self.idle(endpoint).collect::<Vec<_>>() {
            self.dequeue_stream(key);
            self.enqueue_status_also(key, now);
        }
        let targets = self.channels.iter();
        let other_source =
            targets.filter(|(key, target)| target.has_other_source && !endpoint.is_excluded(**key));
        for key in other_source.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.enqueue_status_also(key, now);
        }
    }

    /// Returns channels for a canary: some that need their status, or else any.
    pub(super) fn canary_batch(&self, endpoint: &BatchEndpoint) -> Vec<ChannelKey> {
        let idle = self.idle(endpoint).take(MAX_CHANNELS_PER_CALL);
        let idle: Vec<ChannelKey> = idle.collect();
        if idle.is_empty() {
            let waiting = self.index.waiting_streams();
            return waiting.take(MAX_CHANNELS_PER_CALL).collect();
        }
        idle
    }

    /// Returns the waiting channels whose status suffices.
    fn idle(&self, endpoint: &BatchEndpoint) -> impl Iterator<Item = ChannelKey> {
        self.index.waiting_streams().filter(|key| {
            let target = self.get(*key);
            let needs_stream = target.is_none_or(|t| t.live || t.overrules_status());
            !needs_stream && !endpoint.is_excluded(*key)
        })
    }

    /// Ends all back-off.
    pub(super) fn reset(&mut self, now: VirtualInstant) {
        for target in self.channels.values_mut() {
            target.discard_logged = false;
            target.backoff_may_be_shared = true;
        }
        self.reset_shared_backoff(now);
    }

    /// Ends the back-off of channels that failed because of a shared fault.
    pub(super) fn reset_shared_backoff(&mut self, now: VirtualInstant) {
        self.pull_statuses_forward(now);
        let targets = self.channels.iter();
        let shared = targets.filter(|(_, target)| target.backoff_may_be_shared);
        for key in shared.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.modify(key, |target| {
                target.backoff_may_be_shared = false;
                let interval = target.interval.duration();
                if let Some(schedule) = &mut target.stream {
                    schedule.reset_backoff(now, interval);
                }
            });
        }
    }
}
