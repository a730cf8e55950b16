//! The channels of one account, and which of them is due for what.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::budget;
use super::errand::Batch;
use super::plan::Plan;
use super::timeline::Planned;
use super::watched::{Alone, Every, Interest, Watched};
use crate::metrics::ChannelKey;
use polyv_client::MOST_CHANNELS;

/// An account's channels.
///
/// A channel that is being asked is in no queue; it comes back when the call has ended.
#[derive(Debug)]
pub(super) struct Roster {
    /// Boxed, since up to half of a map's places are free.
    channels: HashMap<ChannelKey, Box<Watched>>,
    /// The channels to be asked for their streams, by when they are due.
    streams: BTreeSet<(Planned, ChannelKey)>,
    /// The channels to be asked for their status, by when they are due.
    statuses: BTreeSet<(Planned, ChannelKey)>,
    /// The channels whose plans were put off by failures that others may come to share.
    troubled: HashSet<ChannelKey>,
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
    in_bulk: usize,
    /// Channels whose status Polyv does not tell.
    alone: usize,
}

/// Calls a second that channels need.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Demand {
    /// For channels that are live or expected to be, and for status in bulk.
    pub(super) first: f64,
    /// For channels that are not live, each asked by itself for its stream.
    pub(super) idle: f64,
}

// === impl Roster ===

impl Roster {
    pub(super) fn new(idle_interval: Duration) -> Self {
        Self {
            channels: HashMap::new(),
            streams: BTreeSet::new(),
            statuses: BTreeSet::new(),
            troubled: HashSet::new(),
            last_probed: None,
            idle_interval,
            idle_stretch: 1.0,
            fixed_demand: 0.0,
            idle_streams: 0,
            in_bulk: 0,
            alone: 0,
        }
    }

    pub(super) const fn idle_interval(&self) -> Duration {
        self.idle_interval
    }

    /// Changes how often a channel is asked that is not live.
    pub(super) fn set_idle_interval(&mut self, idle_interval: Duration, now: Planned) {
        let before = std::mem::replace(&mut self.idle_interval, idle_interval);
        if idle_interval >= before {
            return;
        }
        let times = idle_interval.as_secs_f64() / before.as_secs_f64();
        self.respace_idle_streams(times, now);
        for (due, key) in std::mem::take(&mut self.statuses) {
            let Some(watched) = self.channels.get_mut(&key) else {
                continue;
            };
            let due = due.min(watched.slot(now, idle_interval));
            watched.status = Some(due);
            self.statuses.insert((due, key));
        }
    }

    /// Changes how much longer the interval is of channels that are not live and yet asked for
    /// their streams.
    pub(super) fn set_idle_stretch(&mut self, stretch: f64, now: Planned) {
        let before = std::mem::replace(&mut self.idle_stretch, stretch);
        if before != stretch {
            self.respace_idle_streams(stretch / before, now);
        }
    }

    fn respace_idle_streams(&mut self, times: f64, now: Planned) {
        for (due, key) in std::mem::take(&mut self.streams) {
            let Some(watched) = self.channels.get_mut(&key) else {
                continue;
            };
            let due = match &mut watched.stream {
                Some(plan) if watched.every == Every::Idle => {
                    plan.respace(now, times);
                    plan.due()
                }
                _ => due,
            };
            self.streams.insert((due, key));
        }
    }

    /// How long that is, as planned time goes.
    pub(super) fn interval(&self, every: Every) -> Duration {
        match every {
            Every::Fixed(interval) => interval,
            Every::Idle => self.idle_interval.mul_f64(self.idle_stretch),
        }
    }

    /// How often a channel is to be asked for its stream. One that is expected to be live waits
    /// for nobody, nor does one that is of interest.
    pub(super) fn every(&self, key: ChannelKey, interest: Interest) -> Every {
        let expected = |key| {
            let watched = self.get(key);
            watched.is_some_and(|watched| watched.steadfast || watched.live)
        };
        match interest {
            Interest::Live(interval) => Every::Fixed(interval),
            Interest::None if !expected(key) => Every::Idle,
            Interest::Recent | Interest::None => Every::Fixed(self.idle_interval),
        }
    }

    /// Adds a channel, to be asked first for its stream, or for its status within one `interval`.
    pub(super) fn add(
        &mut self,
        key: ChannelKey,
        watched: Watched,
        stream: Option<Every>,
        interval: Duration,
        now: Planned,
    ) {
        let status = watched.slot(now, interval.min(self.idle_interval));
        self.channels.insert(key, Box::new(watched));
        match stream {
            Some(every) => self.ask_stream(key, every, now),
            None => self.ask_status(key, status),
        }
    }

    /// Removes a channel; a call that is under way for it is forgotten when it ends.
    pub(super) fn remove(&mut self, key: ChannelKey) {
        self.leave_status(key);
        self.leave_stream(key);
        self.set_alone(key, None);
        self.troubled.remove(&key);
        self.channels.remove(&key);
    }

    pub(super) fn get(&self, key: ChannelKey) -> Option<&Watched> {
        self.channels.get(&key).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, key: ChannelKey) -> Option<&mut Watched> {
        self.channels.get_mut(&key).map(Box::as_mut)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ChannelKey, &Watched)> {
        let channels = self.channels.iter();
        channels.map(|(key, watched)| (*key, watched.as_ref()))
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
        let calls = self.in_bulk.div_ceil(MOST_CHANNELS) as f64;
        let idle_rate = budget::rate(self.idle_interval);
        Demand {
            first: self.fixed_demand.max(0.0) + calls * idle_rate,
            idle: self.idle_streams as f64 * idle_rate,
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

    fn count(&mut self, every: Every, more: bool) {
        match (every, more) {
            (Every::Fixed(interval), true) => self.fixed_demand += budget::rate(interval),
            (Every::Fixed(interval), false) => self.fixed_demand -= budget::rate(interval),
            (Every::Idle, true) => self.idle_streams += 1,
            (Every::Idle, false) => self.idle_streams = self.idle_streams.saturating_sub(1),
        }
    }

    /// When a stream is next due.
    pub(super) fn stream_due(&self) -> Option<Planned> {
        self.streams.first().map(|(due, _)| *due)
    }

    /// When a status is next due.
    pub(super) fn status_due(&self) -> Option<Planned> {
        self.statuses.first().map(|(due, _)| *due)
    }

    /// Takes the channel whose stream is due first.
    pub(super) fn take_stream(&mut self) -> Option<ChannelKey> {
        self.streams.pop_first().map(|(_, key)| key)
    }

    /// Takes as many channels as one call can ask for their status, those that are due first.
    /// The call is made anyway, so it takes along whoever would be due within half an interval:
    /// that is how channels come to be asked together, and stay so.
    pub(super) fn take_statuses(&mut self, now: Planned) -> Option<Batch> {
        let first = self.status_due()?;
        let until = now.max(first) + self.idle_interval / 2;
        let mut channels = Vec::new();
        while channels.len() < MOST_CHANNELS
            && let Some((due, key)) = self.statuses.first().copied()
            && due <= until
        {
            self.statuses.pop_first();
            channels.push(key);
        }
        Some(Batch {
            channels,
            apart: false,
        })
    }

    /// Takes a channel to be probed by its stream: each in its turn, since one may fail by a
    /// fault of its own.
    pub(super) fn take_probe(&mut self) -> Option<ChannelKey> {
        let waiting = || {
            let all = self.streams.iter().chain(&self.statuses);
            all.map(|(_, key)| *key)
        };
        let key = waiting()
            .filter(|key| Some(*key) > self.last_probed)
            .min()
            .or_else(|| waiting().min())?;
        if let Some(plan) = self.channels.get(&key)?.stream {
            self.streams.remove(&(plan.due(), key));
        }
        self.last_probed = Some(key);
        Some(key)
    }

    /// Has a channel asked for its stream from now on, within one interval.
    pub(super) fn ask_stream(&mut self, key: ChannelKey, every: Every, now: Planned) {
        let interval = self.interval(every);
        let Some(watched) = self.channels.get_mut(&key) else {
            return;
        };
        if watched.stream.is_none() {
            let plan = watched.new_plan(now, interval);
            watched.stream = Some(plan);
            watched.every = every;
            self.streams.insert((plan.due(), key));
            self.count(every, true);
        }
    }

    /// Has a channel asked for its stream at once.
    pub(super) fn ask_stream_at_once(&mut self, key: ChannelKey, every: Every, now: Planned) {
        self.ask_stream(key, every, now);
        self.replan(key, every, None, |plan| plan.at_once(now));
    }

    /// Does not ask for a channel's stream any more.
    pub(super) fn leave_stream(&mut self, key: ChannelKey) {
        if let Some(watched) = self.channels.get_mut(&key)
            && let Some(plan) = watched.stream.take()
        {
            let every = watched.every;
            self.streams.remove(&(plan.due(), key));
            self.troubled.remove(&key);
            self.count(every, false);
        }
    }

    /// Does not ask for a channel's stream any more, unless it is being asked at this moment:
    /// then the answer decides.
    pub(super) fn rest_stream(&mut self, key: ChannelKey) {
        let waits = self.channels.get(&key).is_some_and(|watched| {
            let plan = watched.stream.as_ref();
            plan.is_some_and(|plan| self.streams.contains(&(plan.due(), key)))
        });
        if waits {
            self.leave_stream(key);
        }
    }

    /// Plans when a channel is next asked for its stream. `forgivable` says whether a back-off
    /// is for a failure that others may come to share; `None` leaves that as it is.
    pub(super) fn replan(
        &mut self,
        key: ChannelKey,
        every: Every,
        forgivable: Option<bool>,
        change: impl FnOnce(&mut Plan),
    ) {
        let Some(watched) = self.channels.get_mut(&key) else {
            return;
        };
        let Some(plan) = &mut watched.stream else {
            return;
        };
        let before = std::mem::replace(&mut watched.every, every);
        self.streams.remove(&(plan.due(), key));
        change(plan);
        self.streams.insert((plan.due(), key));
        match forgivable {
            None => {}
            Some(true) if plan.failures() > 0 => {
                self.troubled.insert(key);
            }
            Some(_) => {
                self.troubled.remove(&key);
            }
        }
        self.count(before, false);
        self.count(every, true);
    }

    /// Changes how often a channel is asked for its stream, if it is.
    pub(super) fn set_every(&mut self, key: ChannelKey, every: Every, now: Planned) {
        let waiting = self.channels.get(&key).is_some_and(|watched| {
            // One that is under way plans anew at its end.
            let plan = watched.stream.as_ref();
            watched.every != every
                && plan.is_some_and(|plan| self.streams.contains(&(plan.due(), key)))
        });
        if waiting {
            let interval = self.interval(every);
            self.replan(key, every, None, |plan| plan.hurry(now, interval));
        }
    }

    /// Has a channel asked for its status, at `due`.
    pub(super) fn ask_status(&mut self, key: ChannelKey, due: Planned) {
        let Some(watched) = self.channels.get_mut(&key) else {
            return;
        };
        match watched.status.replace(due) {
            Some(before) => {
                self.statuses.remove(&(before, key));
            }
            None => self.in_bulk += 1,
        }
        self.statuses.insert((due, key));
    }

    /// Has a channel asked for its status at its next instant, if it is not yet.
    pub(super) fn ask_status_too(&mut self, key: ChannelKey, now: Planned) {
        if let Some(watched) = self.channels.get(&key)
            && watched.status.is_none()
        {
            self.ask_status(key, watched.slot(now, self.idle_interval));
        }
    }

    /// Does not ask for a channel's status any more.
    pub(super) fn leave_status(&mut self, key: ChannelKey) {
        if let Some(watched) = self.channels.get_mut(&key)
            && let Some(due) = watched.status.take()
        {
            self.in_bulk -= 1;
            self.statuses.remove(&(due, key));
        }
    }

    /// Notes that Polyv does not tell a channel's status; `None` where it does.
    pub(super) fn set_alone(&mut self, key: ChannelKey, alone: Option<Alone>) {
        let Some(watched) = self.channels.get_mut(&key) else {
            return;
        };
        let before = watched.alone.is_some();
        watched.alone = alone;
        match (before, alone.is_some()) {
            (false, true) => self.alone += 1,
            (true, false) => self.alone -= 1,
            _ => {}
        }
    }

    /// Asks no channel for its status any more, but each for its stream.
    pub(super) fn leave_bulk(&mut self, interest: impl Fn(ChannelKey) -> Interest, now: Planned) {
        let keys: Vec<ChannelKey> = self.channels.keys().copied().collect();
        for key in keys {
            self.leave_status(key);
            self.ask_stream(key, self.every(key, interest(key)), now);
        }
    }

    /// Asks every channel that is not live, and waits, for its status.
    pub(super) fn enter_bulk(&mut self, now: Planned) {
        for key in self.idle().collect::<Vec<_>>() {
            self.leave_stream(key);
            self.ask_status_too(key, now);
        }
    }

    /// Some channels to try whether Polyv tells their status: those that need it, or else any.
    pub(super) fn some_to_try(&self) -> Vec<ChannelKey> {
        let some: Vec<ChannelKey> = self.idle().take(MOST_CHANNELS).collect();
        if some.is_empty() {
            let all = self.streams.iter().map(|(_, key)| *key);
            return all.take(MOST_CHANNELS).collect();
        }
        some
    }

    fn idle(&self) -> impl Iterator<Item = ChannelKey> {
        self.streams.iter().map(|(_, key)| *key).filter(|key| {
            let watched = self.channels.get(key);
            watched.is_some_and(|watched| {
                !watched.live && !watched.steadfast && watched.alone.is_none()
            })
        })
    }

    /// Counts all channels as put off by what others shared, and as tellable.
    pub(super) fn begin_anew(&mut self, now: Planned) {
        self.troubled = self.channels.keys().copied().collect();
        self.forgive_all(now);
        for watched in self.channels.values_mut() {
            watched.told_discarded = false;
            watched.alone = None;
        }
        self.alone = 0;
    }

    /// A fault that all channels shared is over: those that were put off by it are not any
    /// more.
    pub(super) fn forgive_all(&mut self, now: Planned) {
        let idle = self.interval(Every::Idle);
        for key in std::mem::take(&mut self.troubled) {
            let Some(watched) = self.channels.get_mut(&key) else {
                continue;
            };
            let interval = match watched.every {
                Every::Fixed(interval) => interval,
                Every::Idle => idle,
            };
            let Some(plan) = &mut watched.stream else {
                continue;
            };
            let waiting = self.streams.remove(&(plan.due(), key));
            plan.forgive(now, interval);
            if waiting {
                self.streams.insert((plan.due(), key));
            }
        }
    }
}
