//! One account: its channels' plans, and whether they may be carried out.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::budget;
use super::gate::{Admission, Gate};
use super::plan::Plan;
use super::tempo::Tempo;
use super::timeline::{Planned, Timeline};
use crate::clock::{Moment, Now};
use crate::config::SecretSource;
use crate::exposition::{ChannelKey, Store};
use crate::polyv::Client;

/// An account with its channels.
pub(super) struct Account {
    /// A number of its own, never used again.
    pub(super) serial: u64,
    pub(super) name: Arc<str>,
    pub(super) client: Arc<Client>,
    pub(super) secret: SecretSource,
    /// Held while the secret is read anew.
    pub(super) reading_secret: Arc<Mutex<()>>,
    /// Counts the credentials it has had.
    pub(super) credentials: u64,
    pub(super) timeline: Timeline,
    pub(super) gate: Gate,
    pub(super) tempo: Tempo,
    pub(super) in_flight: usize,
    /// Whether a probe is under way.
    pub(super) probing: bool,
    /// Whether the present closure of the gate was logged.
    pub(super) closure_told: bool,
    /// The pace of its plans that the store knows of.
    told_pace: f64,
    /// How long its calls take, those that are answered.
    latency: f64,
    /// Calls a second that its channels need.
    demand: f64,
    channels: HashMap<ChannelKey, Watched>,
    /// The channels that are not being asked, by when they are due.
    queue: BTreeSet<(Planned, ChannelKey)>,
    /// The channels whose plans were put off by failures that others may come to share.
    troubled: HashSet<ChannelKey>,
    /// The channel that was probed last.
    last_probed: Option<ChannelKey>,
}

/// A channel as the poller needs to know it.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) id: Arc<str>,
    pub(super) name: Arc<str>,
    /// How often it is asked, as things are.
    interval: Duration,
    plan: Plan,
    pub(super) asked: bool,
    /// Whether it was asked again because Polyv found our clock wrong.
    pub(super) clock_retried: bool,
    pub(super) trouble: Option<Trouble>,
    /// Whether it was logged that parts of its answers make no sense.
    pub(super) told_discarded: bool,
}

/// A channel's failures in a row, for the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trouble {
    pub(super) since: Moment,
    pub(super) failures: u64,
    /// Whether its beginning was logged.
    pub(super) told: bool,
}

/// How much a new latency counts.
const LATENCY_WEIGHT: f64 = 0.1;

// === impl Account ===

impl Account {
    pub(super) fn new(
        serial: u64,
        name: Arc<str>,
        client: Arc<Client>,
        secret: SecretSource,
        now: Moment,
    ) -> Self {
        Self {
            serial,
            name,
            client,
            secret,
            reading_secret: Arc::default(),
            credentials: 0,
            timeline: Timeline::new(now),
            gate: Gate::new(),
            tempo: Tempo::default(),
            in_flight: 0,
            probing: false,
            closure_told: false,
            told_pace: 1.0,
            latency: budget::EXPECTED_LATENCY.as_secs_f64(),
            demand: 0.0,
            channels: HashMap::new(),
            queue: BTreeSet::new(),
            troubled: HashSet::new(),
            last_probed: None,
        }
    }

    /// Adds a channel, to be asked at `phase` of its interval.
    pub(super) fn add(
        &mut self,
        key: ChannelKey,
        id: Arc<str>,
        name: Arc<str>,
        live_interval: Duration,
        phase: f64,
        now: Moment,
    ) {
        let plan = Plan::new(phase, self.timeline.now(now), live_interval);
        self.queue.insert((plan.due(), key));
        self.demand += budget::rate(live_interval);
        let watched = Watched {
            id,
            name,
            interval: live_interval,
            plan,
            asked: false,
            clock_retried: false,
            trouble: None,
            told_discarded: false,
        };
        self.channels.insert(key, watched);
    }

    /// Removes a channel; a poll of it that is under way is forgotten when it ends.
    pub(super) fn remove(&mut self, key: ChannelKey) {
        if let Some(watched) = self.channels.remove(&key) {
            self.queue.remove(&(watched.plan.due(), key));
            self.troubled.remove(&key);
            self.demand -= budget::rate(watched.interval);
        }
    }

    pub(super) fn channel(&mut self, key: ChannelKey) -> Option<&mut Watched> {
        self.channels.get_mut(&key)
    }

    pub(super) fn channels(&self) -> impl Iterator<Item = (ChannelKey, &Watched)> {
        self.channels.iter().map(|(key, watched)| (*key, watched))
    }

    pub(super) fn channel_count(&self) -> usize {
        self.channels.len()
    }

    /// Calls a second that its channels need at present: none while its gate is closed.
    pub(super) fn demand(&self) -> f64 {
        if self.gate.closure().is_some() {
            0.0
        } else {
            self.demand.max(0.0)
        }
    }

    /// How long its calls take.
    pub(super) fn latency(&self) -> f64 {
        self.latency
    }

    /// Learns how long an answer took.
    pub(super) fn answered_after(&mut self, took: Duration) {
        self.latency += LATENCY_WEIGHT * (took.as_secs_f64() - self.latency);
    }

    /// Tells the store how patient to be with this account's channels, now that plans run at
    /// `pace`. Small changes are none.
    pub(super) fn set_pace(&mut self, pace: f64, now: Now, store: &Store) {
        let told = self.told_pace;
        let back_to_normal = pace >= 1.0 && told < 1.0;
        if back_to_normal || (pace / told - 1.0).abs() > 0.1 {
            self.told_pace = pace;
            store.set_stretch(self.channels.keys().copied(), 1.0 / pace, now);
        }
    }

    /// By how much intervals are stretched, as far as the store knows.
    pub(super) fn stretch(&self) -> f64 {
        1.0 / self.told_pace
    }

    /// Whether plans may run at all: not while the gate is closed, nor while the one call is
    /// under way that goes alone.
    pub(super) fn runs(&self) -> bool {
        match self.gate.admits() {
            Admission::All => true,
            Admission::OneByOne => self.in_flight == 0,
            Admission::Probe(_) => false,
        }
    }

    /// When the next poll is due, or was, as plans run at present.
    pub(super) fn next_due(&self) -> Option<Moment> {
        let (due, _) = self.queue.first()?;
        self.timeline.when(*due)
    }

    /// Whether a poll is due.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        let planned = self.timeline.now(now);
        self.runs() && self.queue.first().is_some_and(|(due, _)| *due <= planned)
    }

    /// Whether there is a channel that could be asked.
    pub(super) fn has_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes the channel that is due first, due or not, to be asked.
    pub(super) fn take_first(&mut self) -> Option<(Planned, ChannelKey)> {
        self.queue.pop_first()
    }

    /// Takes a channel to be probed: each in its turn, since one may fail by a fault of its
    /// own.
    pub(super) fn take_probe(&mut self) -> Option<ChannelKey> {
        let waiting = || self.queue.iter().map(|(_, key)| *key);
        let key = waiting()
            .filter(|key| Some(*key) > self.last_probed)
            .min()
            .or_else(|| waiting().min())?;
        let due = self.channels.get(&key)?.plan.due();
        self.queue.remove(&(due, key));
        self.last_probed = Some(key);
        Some(key)
    }

    /// Plans a channel's next poll after one has ended. `forgivable` says whether a back-off
    /// is for a failure that others may come to share; `None` leaves that as it is.
    pub(super) fn replan(
        &mut self,
        key: ChannelKey,
        interval: Duration,
        forgivable: Option<bool>,
        now: Moment,
        change: impl FnOnce(&mut Plan, Planned),
    ) {
        let planned = self.timeline.now(now);
        let Some(watched) = self.channels.get_mut(&key) else {
            return;
        };
        self.demand += budget::rate(interval) - budget::rate(watched.interval);
        watched.interval = interval;
        self.queue.remove(&(watched.plan.due(), key));
        change(&mut watched.plan, planned);
        self.queue.insert((watched.plan.due(), key));
        match forgivable {
            None => {}
            Some(true) if watched.plan.failures() > 0 => {
                self.troubled.insert(key);
            }
            Some(_) => {
                self.troubled.remove(&key);
            }
        }
    }

    /// Changes how often a channel is asked.
    pub(super) fn set_interval(&mut self, key: ChannelKey, interval: Duration, now: Moment) {
        let Some(watched) = self.channels.get(&key) else {
            return;
        };
        // One that is under way plans anew at its end, and is not in the queue.
        if watched.interval != interval && self.queue.contains(&(watched.plan.due(), key)) {
            self.replan(key, interval, None, now, |plan, planned| {
                plan.hurry(planned, interval);
            });
        }
    }

    /// All that was found out about asking Polyv is void: there is another one to ask, or
    /// with other credentials. All channels are back on schedule.
    pub(super) fn begin_anew(&mut self, now: Moment) {
        self.credentials += 1;
        self.gate = Gate::new();
        self.tempo = Tempo::default();
        self.closure_told = false;
        self.troubled = self.channels.keys().copied().collect();
        self.forgive_all(now);
        for watched in self.channels.values_mut() {
            watched.told_discarded = false;
        }
    }

    /// A fault that all channels shared is over: those that were put off by it are not any
    /// more.
    pub(super) fn forgive_all(&mut self, now: Moment) {
        let planned = self.timeline.now(now);
        for key in std::mem::take(&mut self.troubled) {
            let Some(watched) = self.channels.get_mut(&key) else {
                continue;
            };
            let waiting = self.queue.remove(&(watched.plan.due(), key));
            watched.plan.forgive(planned, watched.interval);
            if waiting {
                self.queue.insert((watched.plan.due(), key));
            }
        }
    }
}
