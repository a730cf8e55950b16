//! Calls about live channels beside the polls of their streams, many channels in one call where
//! Polyv takes many.
//!
//! Each kind of call has its channels, when they are due, and the state of its
//! [endpoint](super::batch_endpoint). These calls supplement what is polled anyway: a failure of
//! theirs opens no circuit breaker and pauses nothing else, and only a few are in flight.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::batch_endpoint::{BatchEndpoint, BatchTransition};
use super::live_call::LiveCall;
use super::rate_budget::rate;
use super::request::ChannelBatch;
use super::virtual_clock::VirtualInstant;
use crate::state::ChannelKey;
use polyv_client::Error;
use polyv_client::clock::MonotonicInstant;

/// One account's calls of one kind.
#[derive(Debug)]
pub(super) struct LiveBatches {
    call: LiveCall,
    endpoint: BatchEndpoint,
    /// In order, so that a canary has the same channels in every run of a simulation.
    members: BTreeMap<ChannelKey, Member>,
    due: DueSet,
    /// The same of channels for which the call is only tried: they wait for what is left.
    due_trials: DueSet,
    in_flight: usize,
    /// The most calls in flight: where they are slow, the polls go on.
    max_in_flight: usize,
    /// The sum of the members' rates, in channels per second.
    rate: f64,
}

/// Channels in the order in which they are due.
type DueSet = BTreeSet<(VirtualInstant, ChannelKey)>;

/// What the calls about a channel are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What they bring is shown: they go on, and count as demand.
    Data,
    /// They only try whether the call has something about the channel.
    Trial,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    interval: Duration,
    purpose: Purpose,
    due: VirtualInstant,
    /// Whether the channel waits for its call: it is neither in flight nor excluded.
    waits: bool,
}

/// The share of `api.max_in_flight` that calls of one kind may take: an eighth.
const MAX_IN_FLIGHT_DIVISOR: usize = 8;
/// The channels of a canary: few, since each refusal of it costs a call.
const CANARY_CHANNELS: usize = 2;
/// The interval that a trial counts for.
const TRIAL_INTERVAL: Duration = Duration::from_secs(600);

// === impl LiveBatches ===

impl LiveBatches {
    pub(super) fn new(call: LiveCall) -> Self {
        Self {
            call,
            endpoint: BatchEndpoint::new(false),
            members: BTreeMap::new(),
            due: BTreeSet::new(),
            due_trials: BTreeSet::new(),
            in_flight: 0,
            max_in_flight: 1,
            rate: 0.0,
        }
    }

    /// Turns the calls on or off.
    pub(super) fn set_enabled(&mut self, enabled: bool) {
        if self.endpoint.is_enabled() != enabled {
            *self = Self {
                endpoint: BatchEndpoint::new(enabled),
                in_flight: self.in_flight,
                max_in_flight: self.max_in_flight,
                ..Self::new(self.call)
            };
        }
    }

    /// Sets how many calls of all kinds may be in flight.
    pub(super) fn set_max_in_flight(&mut self, of_all_kinds: usize) {
        self.max_in_flight = (of_all_kinds / MAX_IN_FLIGHT_DIVISOR).max(1);
    }

    pub(super) fn is_available(&self) -> bool {
        self.endpoint.is_available()
    }

    /// Makes a channel part of the calls, every `interval` from `due` on, or changes its interval
    /// and purpose.
    pub(super) fn add(
        &mut self,
        key: ChannelKey,
        interval: Duration,
        purpose: Purpose,
        due: VirtualInstant,
    ) {
        if !self.endpoint.is_enabled() {
            return;
        }
        let is_same = |known: &Member| (known.interval, known.purpose) == (interval, purpose);
        if self.members.get(&key).is_some_and(is_same) {
            return;
        }
        let mut member = self.take(key).unwrap_or(Member {
            interval,
            purpose,
            due,
            waits: !self.endpoint.is_excluded(key),
        });
        if member.waits {
            // Its last call was made when the interval was shorter.
            member.due = member.due + interval.saturating_sub(member.interval);
        }
        (member.interval, member.purpose) = (interval, purpose);
        self.put(key, member);
    }

    /// Makes no more calls about a channel.
    pub(super) fn remove(&mut self, key: ChannelKey) {
        self.take(key);
    }

    fn put(&mut self, key: ChannelKey, member: Member) {
        if member.waits {
            self.due_set(member.purpose).insert((member.due, key));
        }
        self.rate += member.rate();
        self.members.insert(key, member);
    }

    fn take(&mut self, key: ChannelKey) -> Option<Member> {
        let member = self.members.remove(&key)?;
        self.due_set(member.purpose).remove(&(member.due, key));
        self.rate -= member.rate();
        if self.members.is_empty() {
            self.rate = 0.0;
        }
        Some(member)
    }

    const fn due_set(&mut self, purpose: Purpose) -> &mut DueSet {
        match purpose {
            Purpose::Data => &mut self.due,
            Purpose::Trial => &mut self.due_trials,
        }
    }

    /// Returns whether calls are made about a channel.
    pub(super) fn includes(&self, key: ChannelKey) -> bool {
        self.is_available() && self.members.contains_key(&key) && !self.endpoint.is_excluded(key)
    }

    /// Forgets a channel that was removed from the account.
    pub(super) fn drop_channel(&mut self, key: ChannelKey) {
        self.remove(key);
        self.endpoint.drop_channel(key);
    }

    /// Returns the calls per second that the channels need: few channels need a call as well, and
    /// so does a canary.
    #[allow(clippy::cast_precision_loss)] // channels are counted in thousands
    pub(super) fn demand(&self) -> f64 {
        if self.members.is_empty() {
            return 0.0;
        }
        if let Some(pause) = self.endpoint.pause() {
            return rate(pause);
        }
        let channels = self.members.len();
        let calls = channels.div_ceil(self.call.max_channels()) as f64;
        calls * self.rate.max(0.0) / channels as f64
    }

    /// Returns when the next call for some purpose is due; `None` while as many as allowed are in
    /// flight. A canary and the parts of a refused batch count as data.
    pub(super) fn next_due(&self, purpose: Purpose) -> Option<VirtualInstant> {
        if self.in_flight >= self.max_in_flight {
            return None;
        }
        let (due, isolated) = match purpose {
            Purpose::Data => (&self.due, self.endpoint.due()),
            Purpose::Trial => (&self.due_trials, None),
        };
        let regular = due.first().filter(|_| self.is_available());
        let regular = regular.map(|(due, _)| *due);
        isolated.into_iter().chain(regular).min()
    }

    /// Takes the channels of the next call, including those that are due within half an interval:
    /// channels come to share calls, and keep doing so.
    pub(super) fn pop(&mut self, purpose: Purpose, now: VirtualInstant) -> Option<ChannelBatch> {
        if purpose == Purpose::Data
            && let Some(isolated) = self.endpoint.pop_isolated()
        {
            self.in_flight += 1;
            return Some(isolated);
        }
        let (first, key) = self.due_set(purpose).first().copied()?;
        let interval = self.members.get(&key)?.interval;
        let until = now.max(first) + interval / 2;
        let mut channels = Vec::new();
        while channels.len() < self.call.max_channels()
            && let Some((due, key)) = self.due_set(purpose).first().copied()
            && due <= until
        {
            self.set_waiting(key, false);
            channels.push(key);
        }
        self.in_flight += 1;
        Some(ChannelBatch {
            channels,
            isolated: false,
        })
    }

    /// Records that a call is over, whatever its result.
    pub(super) fn completed(&mut self, batch: &ChannelBatch) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if batch.isolated {
            self.endpoint.isolated_done();
        }
    }

    /// Makes a channel due one interval after `started`.
    pub(super) fn reschedule(&mut self, key: ChannelKey, started: VirtualInstant) {
        self.set_waiting(key, false);
        if let Some(member) = self.members.get_mut(&key) {
            member.due = started + member.interval;
            self.set_waiting(key, true);
        }
    }

    /// Makes the channels of a call due again whose result does not count.
    pub(super) fn requeue(&mut self, batch: &ChannelBatch, due: VirtualInstant) {
        for key in &batch.channels {
            self.set_waiting(*key, false);
            if let Some(member) = self.members.get_mut(key) {
                member.due = due;
                self.set_waiting(*key, true);
            }
        }
    }

    fn set_waiting(&mut self, key: ChannelKey, waits: bool) {
        let excluded = self.endpoint.is_excluded(key);
        let Some(member) = self.members.get_mut(&key) else {
            return;
        };
        member.waits = waits && !excluded;
        let Member {
            purpose,
            due,
            waits,
            ..
        } = *member;
        let set = self.due_set(purpose);
        if waits {
            set.insert((due, key));
        } else {
            set.remove(&(due, key));
        }
    }

    /// Records a response that contains this channel.
    pub(super) fn include(&mut self, key: ChannelKey) {
        self.endpoint.include(key);
    }

    /// Records a response that does not contain a channel, and returns whether the channel is
    /// excluded for that.
    pub(super) fn record_missing(&mut self, key: ChannelKey, now: MonotonicInstant) -> bool {
        self.endpoint.record_missing(key) && {
            self.exclude(key, false, now);
            true
        }
    }

    /// Excludes a channel from calls for a while.
    pub(super) fn exclude(&mut self, key: ChannelKey, refused: bool, now: MonotonicInstant) {
        self.endpoint.exclude(key, refused, now);
        self.set_waiting(key, false);
    }

    /// Returns whether the calls have not been possible for a quarter of an hour, or never.
    pub(super) fn is_unavailability_lasting(&self) -> bool {
        self.endpoint.is_unavailability_lasting()
    }

    /// Returns whether calls with a channel were refused for minutes.
    pub(super) fn is_exclusion_lasting(&self, key: ChannelKey) -> bool {
        self.endpoint.is_exclusion_lasting(key)
    }

    /// Records an accepted call.
    pub(super) fn record_success(
        &mut self,
        batch: &ChannelBatch,
        now: VirtualInstant,
    ) -> Option<BatchTransition> {
        let transition = self.endpoint.record_success(batch.isolated);
        if transition == Some(BatchTransition::BecameAvailable) {
            // Those of the batches that were refused wait for nothing.
            for key in self.members.keys().copied().collect::<Vec<_>>() {
                self.reschedule(key, now);
            }
        }
        transition
    }

    /// Records a failed call. The parts of a refused batch are due at `due`.
    pub(super) fn record_error(
        &mut self,
        batch: &ChannelBatch,
        error: &Error,
        due: VirtualInstant,
        now: MonotonicInstant,
    ) -> Option<BatchTransition> {
        match error {
            // Where other calls are not throttled, it is a fault of this endpoint.
            Error::ClockSkew(_) | Error::Throttled(_) => self.endpoint.record_failure(now),
            _ => self.endpoint.record_error(batch, error, due, now),
        }
    }

    /// Records that a call to another endpoint succeeded.
    pub(super) const fn observe_other_success(&mut self) {
        self.endpoint.observe_other_success();
    }

    /// Does what is due by time alone: a canary for an unavailable endpoint, and excluded channels
    /// that are tried again.
    pub(super) fn tick(&mut self, virtual_now: VirtualInstant, now: MonotonicInstant) {
        if self.endpoint.canary_due(now) && !self.members.is_empty() {
            let count = CANARY_CHANNELS.min(self.call.max_channels());
            let channels = self.members.keys().take(count).copied().collect();
            self.endpoint.start_canary(channels, virtual_now, now);
        }
        if self.is_available() {
            for key in self.endpoint.excluded_since(now) {
                if self.endpoint.readmit(key, virtual_now, now) {
                    self.reschedule(key, virtual_now);
                }
            }
        }
    }

    /// Forgets all faults.
    pub(super) fn reset(&mut self, now: VirtualInstant) {
        let enabled = self.endpoint.is_enabled();
        self.endpoint = BatchEndpoint::new(enabled);
        for key in self.members.keys().copied().collect::<Vec<_>>() {
            self.reschedule(key, now);
        }
    }
}

// === impl Member ===

impl Member {
    /// The calls per second that it counts for.
    fn rate(&self) -> f64 {
        rate(match self.purpose {
            Purpose::Data => self.interval,
            Purpose::Trial => TRIAL_INTERVAL,
        })
    }
}
