//! The state of a running simulation: the constant part and, behind a lock, the changing part.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::account::Account;
use super::channel::{Channel, LiveChannel};
use super::channels::Channels;
use super::faults::{Fault, Faults};
use super::limits::LimitTracker;
use super::request_log::RequestLog;
use super::scenario::Scenario;
use super::settings::Settings;
use super::time::{PolyvClock, TimePoint};

/// A running simulation.
#[derive(Debug)]
pub(crate) struct SimulatorState {
    pub(crate) settings: Settings,
    pub(crate) accounts: Vec<Account>,
    clock: PolyvClock,
    // A std mutex: it is held while a response is built, never across an await.
    inner: Mutex<Inner>,
}

/// The part that changes.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) channels: Channels,
    pub(crate) faults: Faults,
    /// Polyv's clock minus the right time.
    pub(crate) skew_ms: i64,
    pub(crate) limits: LimitTracker,
    pub(crate) log: RequestLog,
    /// Number of calls that named no existing channel.
    pub(crate) calls_without_channel: u64,
}

impl SimulatorState {
    pub(crate) fn new(scenario: Scenario, start: SystemTime) -> Self {
        let clock = PolyvClock::new(start);
        let now = clock.now();
        let settings = scenario.settings;
        let by_id = scenario
            .channels
            .into_iter()
            .map(|channel| LiveChannel::new(channel, settings.seed, now.media))
            .map(|channel| (channel.spec.id.clone(), channel))
            .collect();
        Self {
            accounts: scenario.accounts,
            clock,
            inner: Mutex::new(Inner {
                channels: Channels {
                    by_id,
                    sample_delay: settings.sample_delay.0,
                },
                faults: Faults::new(scenario.faults, now.elapsed),
                skew_ms: settings.clock_skew.0,
                limits: LimitTracker::default(),
                log: RequestLog::default(),
                calls_without_channel: 0,
            }),
            settings,
        }
    }

    pub(crate) fn now(&self) -> TimePoint {
        self.clock.now()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each change is complete in itself, so a panic elsewhere leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a channel, or replaces the one with its id.
    pub(crate) fn put_channel(&self, channel: Channel) {
        let channel = LiveChannel::new(channel, self.settings.seed, self.now().media);
        let mut state = self.lock();
        state
            .channels
            .by_id
            .insert(channel.spec.id.clone(), channel);
    }

    pub(crate) fn set_faults(&self, faults: Vec<Fault>) {
        let now = self.now();
        self.lock().faults = Faults::new(faults, now.elapsed);
    }
}
