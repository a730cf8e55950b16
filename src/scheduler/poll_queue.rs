//! The channels of one account, and which of them is due for what.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::poll_target::{BatchExclusion, PollInterval, PollPriority, PollTarget};
use super::rate_budget;
use super::request::StatusBatch;
use super::schedule::PollSchedule;
use super::virtual_clock::VirtualInstant;
use crate::state::ChannelKey;
use polyv_client::MAX_CHANNELS_PER_CALL;

/// An account's channels.
///
/// A channel that is being asked is in no queue; it comes back when the call has completed.
#[derive(Debug)]
pub(super) struct PollQueue {
    /// Boxed, since up to half of a map's places are free.
    channels: HashMap<ChannelKey, Box<PollTarget>>,
    /// The channels to be asked for their streams, by when they are due.
    streams: BTreeSet<(VirtualInstant, ChannelKey)>,
    /// The channels to be asked for their status, by when they are due.
    statuses: BTreeSet<(VirtualInstant, ChannelKey)>,
    /// The channels whose plans were put off by failures that others may come to share.
    backed_off: HashSet<ChannelKey>,
    /// The channel that was probed last.
    last_probed: Option<ChannelKey>,
    /// How often a channel is asked that is not live.
    idle_interval: Duration,
    /// How much longer that is for those who are asked for their streams, each by itself.
    idle_stretch: f64,
    /// Calls a second that streams need which are asked for at fixed intervals.
    fixed_demand: f64,
    /// Channels that are asked for their streams although they are not live.
    idle_streams: usize,
    /// Channels that are asked for their status.
    batched: usize,
    /// Channels whose status Polyv does not tell.
    alone: usize,
}

/// Calls a second that channels need.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Demand {
    /// For channels that are live or expected to be, and for status in batch_status.
    pub(super) guaranteed: f64,
    /// For channels that are not live, each asked by itself for its stream.
    pub(super) best_effort: f64,
}

// === impl PollQueue ===

impl PollQueue {
    pub(super) fn new(idle_interval: Duration) -> Self {
        Self {
            channels: HashMap::new(),
            streams: BTreeSet::new(),
            statuses: BTreeSet::new(),
            backed_off: HashSet::new(),
            last_probed: None,
            idle_interval,
            idle_stretch: 1.0,
            fixed_demand: 0.0,
            idle_streams: 0,
            batched: 0,
            alone: 0,
        }
    }

    pub(super) const fn idle_interval(&self) -> Duration {
        self.idle_interval
    }

    /// Changes how often a channel is asked that is not live.
    pub(super) fn set_idle_interval(&mut self, idle_interval: Duration, now: VirtualInstant) {
        let before = std::mem::replace(&mut self.idle_interval, idle_interval);
        if idle_interval >= before {
            return;
        }
        let times = idle_interval.as_secs_f64() / before.as_secs_f64();
        self.rescale_idle_streams(times, now);
        for (due, key) in std::mem::take(&mut self.statuses) {
            let Some(target) = self.channels.get_mut(&key) else {
                continue;
            };
            let due = due.min(target.next_slot(now, idle_interval));
            target.status = Some(due);
            self.statuses.insert((due, key));
        }
    }

    /// Changes how much longer the interval is of channels that are not live and yet asked for
    /// their streams.
    pub(super) fn set_idle_stretch(&mut self, stretch: f64, now: VirtualInstant) {
        let before = std::mem::replace(&mut self.idle_stretch, stretch);
        if before != stretch {
            self.rescale_idle_streams(stretch / before, now);
        }
    }

    fn rescale_idle_streams(&mut self, times: f64, now: VirtualInstant) {
        for (due, key) in std::mem::take(&mut self.streams) {
            let Some(target) = self.channels.get_mut(&key) else {
                continue;
            };
            let due = match &mut target.stream {
                Some(schedule) if target.every == PollInterval::Idle => {
                    schedule.rescale(now, times);
                    schedule.due()
                }
                _ => due,
            };
            self.streams.insert((due, key));
        }
    }

    /// How long that is, as planned time goes.
    pub(super) fn interval(&self, every: PollInterval) -> Duration {
        match every {
            PollInterval::Fixed(interval) => interval,
            PollInterval::Idle => self.idle_interval.mul_f64(self.idle_stretch),
        }
    }

    /// How often a channel is to be asked for its stream. One that is expected to be live waits
    /// for nobody, nor does one that is of interest.
    pub(super) fn every(&self, key: ChannelKey, interest: PollPriority) -> PollInterval {
        let expected = |key| {
            let target = self.get(key);
            target.is_some_and(|target| target.always_poll_stream || target.live)
        };
        match interest {
            PollPriority::Live(interval) => PollInterval::Fixed(interval),
            PollPriority::None if !expected(key) => PollInterval::Idle,
            PollPriority::Recent | PollPriority::None => PollInterval::Fixed(self.idle_interval),
        }
    }

    /// Adds a channel, to be asked first for its stream, or for its status within one `interval`.
    pub(super) fn add(
        &mut self,
        key: ChannelKey,
        target: PollTarget,
        stream: Option<PollInterval>,
        interval: Duration,
        now: VirtualInstant,
    ) {
        let status = target.next_slot(now, interval.min(self.idle_interval));
        self.channels.insert(key, Box::new(target));
        match stream {
            Some(every) => self.enqueue_stream(key, every, now),
            None => self.enqueue_status(key, status),
        }
    }

    /// Removes a channel; a call that is under way for it is forgotten when it ends.
    pub(super) fn remove(&mut self, key: ChannelKey) {
        self.dequeue_status(key);
        self.dequeue_stream(key);
        self.exclude_from_batch(key, None);
        self.backed_off.remove(&key);
        self.channels.remove(&key);
    }

    pub(super) fn get(&self, key: ChannelKey) -> Option<&PollTarget> {
        self.channels.get(&key).map(Box::as_ref)
    }

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

    /// How many channels Polyv does not tell the status of.
    pub(super) const fn alone(&self) -> usize {
        self.alone
    }

    /// Calls a second that the channels need, as intervals are configured.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn demand(&self) -> Demand {
        let calls = self.batched.div_ceil(MAX_CHANNELS_PER_CALL) as f64;
        let idle_rate = rate_budget::rate(self.idle_interval);
        Demand {
            guaranteed: self.fixed_demand.max(0.0) + calls * idle_rate,
            best_effort: self.idle_streams as f64 * idle_rate,
        }
    }

    /// How much longer the interval is of channels that are not live and yet asked for their
    /// streams, if there are any.
    pub(super) const fn idle_stretch(&self) -> f64 {
        if self.idle_streams > 0 {
            self.idle_stretch
        } else {
            1.0
        }
    }

    fn count(&mut self, every: PollInterval, more: bool) {
        match (every, more) {
            (PollInterval::Fixed(interval), true) => {
                self.fixed_demand += rate_budget::rate(interval)
            }
            (PollInterval::Fixed(interval), false) => {
                self.fixed_demand -= rate_budget::rate(interval)
            }
            (PollInterval::Idle, true) => self.idle_streams += 1,
            (PollInterval::Idle, false) => self.idle_streams = self.idle_streams.saturating_sub(1),
        }
    }

    /// When a stream is next due.
    pub(super) fn stream_due(&self) -> Option<VirtualInstant> {
        self.streams.first().map(|(due, _)| *due)
    }

    /// When a status is next due.
    pub(super) fn status_due(&self) -> Option<VirtualInstant> {
        self.statuses.first().map(|(due, _)| *due)
    }

    /// Takes the channel whose stream is due first.
    pub(super) fn pop_stream(&mut self) -> Option<ChannelKey> {
        self.streams.pop_first().map(|(_, key)| key)
    }

    /// Takes as many channels as one call can ask for their status, those that are due first.
    /// The call is made anyway, so it takes along whoever would be due within half an interval:
    /// that is how channels come to be asked together, and stay so.
    pub(super) fn pop_status_batch(&mut self, now: VirtualInstant) -> Option<StatusBatch> {
        let first = self.status_due()?;
        let until = now.max(first) + self.idle_interval / 2;
        let mut channels = Vec::new();
        while channels.len() < MAX_CHANNELS_PER_CALL
            && let Some((due, key)) = self.statuses.first().copied()
            && due <= until
        {
            self.statuses.pop_first();
            channels.push(key);
        }
        Some(StatusBatch {
            channels,
            isolated: false,
        })
    }

    /// Takes a channel to be probed by its stream: each in its turn, since one may fail by a
    /// fault of its own.
    pub(super) fn pop_probe(&mut self) -> Option<ChannelKey> {
        let waiting = || {
            let all = self.streams.iter().chain(&self.statuses);
            all.map(|(_, key)| *key)
        };
        let key = waiting()
            .filter(|key| Some(*key) > self.last_probed)
            .min()
            .or_else(|| waiting().min())?;
        if let Some(schedule) = self.channels.get(&key)?.stream {
            self.streams.remove(&(schedule.due(), key));
        }
        self.last_probed = Some(key);
        Some(key)
    }

    /// Has a channel asked for its stream from now on, within one interval.
    pub(super) fn enqueue_stream(
        &mut self,
        key: ChannelKey,
        every: PollInterval,
        now: VirtualInstant,
    ) {
        let interval = self.interval(every);
        let Some(target) = self.channels.get_mut(&key) else {
            return;
        };
        if target.stream.is_none() {
            let schedule = target.new_schedule(now, interval);
            target.stream = Some(schedule);
            target.every = every;
            self.streams.insert((schedule.due(), key));
            self.count(every, true);
        }
    }

    /// Has a channel asked for its stream at once.
    pub(super) fn enqueue_stream_now(
        &mut self,
        key: ChannelKey,
        every: PollInterval,
        now: VirtualInstant,
    ) {
        self.enqueue_stream(key, every, now);
        self.reschedule(key, every, None, |schedule| schedule.due_now(now));
    }

    /// Does not ask for a channel's stream any more.
    pub(super) fn dequeue_stream(&mut self, key: ChannelKey) {
        if let Some(target) = self.channels.get_mut(&key)
            && let Some(schedule) = target.stream.take()
        {
            let every = target.every;
            self.streams.remove(&(schedule.due(), key));
            self.backed_off.remove(&key);
            self.count(every, false);
        }
    }

    /// Does not ask for a channel's stream any more, unless it is being asked at this moment:
    /// then the answer decides.
    pub(super) fn defer_stream(&mut self, key: ChannelKey) {
        let waits = self.channels.get(&key).is_some_and(|target| {
            let schedule = target.stream.as_ref();
            schedule.is_some_and(|schedule| self.streams.contains(&(schedule.due(), key)))
        });
        if waits {
            self.dequeue_stream(key);
        }
    }

    /// Plans when a channel is next asked for its stream. `forgivable` says whether a back-off
    /// is for a failure that others may come to share; `None` leaves that as it is.
    pub(super) fn reschedule(
        &mut self,
        key: ChannelKey,
        every: PollInterval,
        forgivable: Option<bool>,
        change: impl FnOnce(&mut PollSchedule),
    ) {
        let Some(target) = self.channels.get_mut(&key) else {
            return;
        };
        let Some(schedule) = &mut target.stream else {
            return;
        };
        let before = std::mem::replace(&mut target.every, every);
        self.streams.remove(&(schedule.due(), key));
        change(schedule);
        self.streams.insert((schedule.due(), key));
        match forgivable {
            None => {}
            Some(true) if schedule.failures() > 0 => {
                self.backed_off.insert(key);
            }
            Some(_) => {
                self.backed_off.remove(&key);
            }
        }
        self.count(before, false);
        self.count(every, true);
    }

    /// Changes how often a channel is asked for its stream, if it is.
    pub(super) fn set_every(&mut self, key: ChannelKey, every: PollInterval, now: VirtualInstant) {
        let waiting = self.channels.get(&key).is_some_and(|target| {
            // One that is under way plans anew at its end.
            let schedule = target.stream.as_ref();
            target.every != every
                && schedule.is_some_and(|schedule| self.streams.contains(&(schedule.due(), key)))
        });
        if waiting {
            let interval = self.interval(every);
            self.reschedule(key, every, None, |schedule| {
                schedule.pull_forward(now, interval)
            });
        }
    }

    /// Has a channel asked for its status, at `due`.
    pub(super) fn enqueue_status(&mut self, key: ChannelKey, due: VirtualInstant) {
        let Some(target) = self.channels.get_mut(&key) else {
            return;
        };
        match target.status.replace(due) {
            Some(before) => {
                self.statuses.remove(&(before, key));
            }
            None => self.batched += 1,
        }
        self.statuses.insert((due, key));
    }

    /// Has a channel asked for its status at its next instant, if it is not yet.
    pub(super) fn enqueue_status_also(&mut self, key: ChannelKey, now: VirtualInstant) {
        if let Some(target) = self.channels.get(&key)
            && target.status.is_none()
        {
            self.enqueue_status(key, target.next_slot(now, self.idle_interval));
        }
    }

    /// Does not ask for a channel's status any more.
    pub(super) fn dequeue_status(&mut self, key: ChannelKey) {
        if let Some(target) = self.channels.get_mut(&key)
            && let Some(due) = target.status.take()
        {
            self.batched -= 1;
            self.statuses.remove(&(due, key));
        }
    }

    /// Notes that Polyv does not tell a channel's status; `None` where it does.
    pub(super) fn exclude_from_batch(&mut self, key: ChannelKey, alone: Option<BatchExclusion>) {
        let Some(target) = self.channels.get_mut(&key) else {
            return;
        };
        let before = target.alone.is_some();
        target.alone = alone;
        match (before, alone.is_some()) {
            (false, true) => self.alone += 1,
            (true, false) => self.alone -= 1,
            _ => {}
        }
    }

    /// Asks no channel for its status any more, but each for its stream.
    pub(super) fn disable_batching(
        &mut self,
        priority: impl Fn(&PollTarget) -> PollPriority,
        now: VirtualInstant,
    ) {
        let keys: Vec<ChannelKey> = self.channels.keys().copied().collect();
        for key in keys {
            self.dequeue_status(key);
            self.enqueue_stream(
                key,
                self.every(key, self.get(key).map_or(PollPriority::None, &priority)),
                now,
            );
        }
    }

    /// Asks every channel that is not live, and waits, for its status.
    pub(super) fn enable_batching(&mut self, now: VirtualInstant) {
        for key in self.idle().collect::<Vec<_>>() {
            self.dequeue_stream(key);
            self.enqueue_status_also(key, now);
        }
    }

    /// Some channels to try whether Polyv tells their status: those that need it, or else any.
    pub(super) fn canary_batch(&self) -> Vec<ChannelKey> {
        let some: Vec<ChannelKey> = self.idle().take(MAX_CHANNELS_PER_CALL).collect();
        if some.is_empty() {
            let all = self.streams.iter().map(|(_, key)| *key);
            return all.take(MAX_CHANNELS_PER_CALL).collect();
        }
        some
    }

    fn idle(&self) -> impl Iterator<Item = ChannelKey> {
        self.streams.iter().map(|(_, key)| *key).filter(|key| {
            let target = self.channels.get(key);
            target.is_some_and(|target| {
                !target.live && !target.always_poll_stream && target.alone.is_none()
            })
        })
    }

    /// Counts all channels as put off by what others shared, and as tellable.
    pub(super) fn reset(&mut self, now: VirtualInstant) {
        self.backed_off = self.channels.keys().copied().collect();
        self.reset_all_backoff(now);
        for target in self.channels.values_mut() {
            target.discard_logged = false;
            target.alone = None;
        }
        self.alone = 0;
    }

    /// A fault that all channels shared is over: those that were put off by it are not any
    /// more.
    pub(super) fn reset_all_backoff(&mut self, now: VirtualInstant) {
        let idle = self.interval(PollInterval::Idle);
        for key in std::mem::take(&mut self.backed_off) {
            let Some(target) = self.channels.get_mut(&key) else {
                continue;
            };
            let interval = match target.every {
                PollInterval::Fixed(interval) => interval,
                PollInterval::Idle => idle,
            };
            let Some(schedule) = &mut target.stream else {
                continue;
            };
            let waiting = self.streams.remove(&(schedule.due(), key));
            schedule.reset_backoff(now, interval);
            if waiting {
                self.streams.insert((schedule.due(), key));
            }
        }
    }
}
