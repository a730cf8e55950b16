//! The simulated Polyv as it is at an instant: what never changes while it runs, and what
//! does.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::channel::{Channel, LiveChannel};
use super::limits::{Gate, Limits};
use super::operations::Channels;
use super::received::ReceiveLog;
use super::scenario::{Account, Scenario};
use super::settings::Settings;
use super::time::{MediaTime, PolyvClock};
use super::troubles::{Trouble, Troubles};
use polyv_client::clock::{Clock, MonotonicInstant};

/// Everything there is.
#[derive(Debug)]
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) accounts: Vec<Account>,
    pub(super) limits: Limits,
    pub(super) clock: PolyvClock,
    // A std mutex: it is held while an answer is made, never across an await.
    state: Mutex<State>,
}

/// What changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) channels: Channels,
    pub(super) troubles: Troubles,
    /// Polyv's clock minus the right time.
    pub(super) skew_ms: i64,
    pub(super) gate: Gate,
    pub(super) log: ReceiveLog,
    /// Calls that named no channel that exists.
    pub(super) stray_calls: u64,
}

/// An instant, by both of the simulation's clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instant {
    pub(super) moment: MonotonicInstant,
    pub(super) media: MediaTime,
}

// === impl World ===

impl World {
    pub(super) fn new(scenario: Scenario, clock: Clock) -> Self {
        let clock = PolyvClock::new(clock);
        let moment = clock.moment();
        let now = clock.media_time(moment);
        let seed = scenario.settings.seed;
        let by_id = scenario
            .channels
            .into_iter()
            .map(|channel| (channel.id.clone(), LiveChannel::new(channel, seed, now)))
            .collect();
        Self {
            settings: scenario.settings,
            accounts: scenario.accounts,
            limits: scenario.limits,
            clock,
            state: Mutex::new(State {
                channels: Channels {
                    by_id,
                    sample_delay: scenario.sample_delay,
                },
                troubles: Troubles::new(scenario.troubles, moment),
                skew_ms: scenario.clock_skew_ms,
                gate: Gate::default(),
                log: ReceiveLog::default(),
                stray_calls: 0,
            }),
        }
    }

    pub(super) fn now(&self) -> Instant {
        let moment = self.clock.moment();
        Instant {
            moment,
            media: self.clock.media_time(moment),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Each change is complete in itself, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a channel, or puts it in the place of the one that had its id.
    pub(super) fn put_channel(&self, channel: Channel) {
        let now = self.now();
        let channel = LiveChannel::new(channel, self.settings.seed, now.media);
        let mut state = self.state();
        state
            .channels
            .by_id
            .insert(channel.spec.id.clone(), channel);
    }

    pub(super) fn set_troubles(&self, troubles: Vec<Trouble>) {
        let now = self.now();
        self.state().troubles = Troubles::new(troubles, now.moment);
    }
}
