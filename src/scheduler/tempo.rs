//! Slows an account down while a part of its calls fails.
//!
//! A shared fault stops an account. Where calls still come through, but over a fifth of the
//! recent ones fail by time-out or with a server error and that on several channels, Polyv is
//! overloaded, and asking at half the rate is what helps. Calls while the account's gate is
//! closed do not count: they are few, and tell of the fault that closed it.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::request::FailureScope;
use polyv_client::clock::MonotonicInstant;

/// What counts as recent.
const RECENT: Duration = Duration::from_secs(60);
const MOST_RECENT: usize = 512;
/// Too many: over a fifth, …
const SHARE: f64 = 0.2;
/// … on so many channels at least, …
const CHANNELS: usize = 3;
/// … of so many calls at least.
const CALLS: usize = 10;
/// The rate halves, …
const HALF: f64 = 0.5;
/// … and returns over so long. If too many calls fail meanwhile, it is halved again, from the
/// full rate: slower than that, channels would be asked too rarely to know them.
const RETURN: Duration = Duration::from_secs(60);

/// An account's tempo.
#[derive(Debug, Default)]
pub(super) struct Tempo {
    recent: VecDeque<Call>,
    slowed: Option<Slowed>,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    completed: MonotonicInstant,
    scope: FailureScope,
    failed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Slowed {
    /// Since when it has not been at full speed.
    began: MonotonicInstant,
    /// When it was last halved.
    halved: MonotonicInstant,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    /// The rate was halved, for the first time in a row.
    Slowed {
        /// The share of recent calls that failed.
        share: f64,
    },
    /// It is back.
    Recovered {
        /// Since when it was not.
        began: MonotonicInstant,
    },
}

// === impl Tempo ===

impl Tempo {
    /// How fast plans run.
    pub(super) fn speed(&self, now: MonotonicInstant) -> f64 {
        self.slowed.map_or(1.0, |slowed| slowed.speed(now))
    }

    /// Whether the speed changes by time alone.
    pub(super) const fn is_moving(&self) -> bool {
        self.slowed.is_some()
    }

    /// Lets time pass.
    pub(super) fn settle(&mut self, now: MonotonicInstant) -> Option<Change> {
        let slowed = self.slowed?;
        if now.since(slowed.halved) < RETURN {
            return None;
        }
        self.slowed = None;
        Some(Change::Recovered {
            began: slowed.began,
        })
    }

    /// Takes the result of a call.
    pub(super) fn record(
        &mut self,
        scope: FailureScope,
        failed: bool,
        now: MonotonicInstant,
    ) -> Option<Change> {
        self.recent.push_back(Call {
            completed: now,
            scope,
            failed,
        });
        while self.recent.len() > MOST_RECENT
            || self
                .recent
                .front()
                .is_some_and(|call| now.since(call.completed) > RECENT)
        {
            self.recent.pop_front();
        }
        if !failed || self.recent.len() < CALLS {
            return None;
        }
        let failures = self.recent.iter().filter(|call| call.failed);
        let concerns: HashSet<_> = failures.clone().map(|call| call.scope).collect();
        let many = concerns.len() >= CHANNELS || concerns.contains(&FailureScope::Multiple);
        #[allow(clippy::cast_precision_loss)]
        let share = failures.count() as f64 / self.recent.len() as f64;
        if share <= SHARE || !many {
            return None;
        }
        let first = self.slowed.is_none();
        self.slowed = Some(Slowed {
            began: self.slowed.map_or(now, |slowed| slowed.began),
            halved: now,
        });
        // The next judgement is on calls at the new rate.
        self.recent.clear();
        first.then_some(Change::Slowed { share })
    }
}

impl Slowed {
    fn speed(&self, now: MonotonicInstant) -> f64 {
        let done = now.since(self.halved).as_secs_f64() / RETURN.as_secs_f64();
        (HALF + (1.0 - HALF) * done).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ChannelKey;

    fn one(channel: u64) -> FailureScope {
        FailureScope::Channel(ChannelKey::from_index(channel))
    }

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_millis(seconds * 1000)
    }

    /// A hundred calls over ten channels, every `nth` of which fails.
    fn play(tempo: &mut Tempo, nth: u64, channels: u64, seconds: u64) -> Option<Change> {
        (0..100)
            .filter_map(|call| {
                let channel = one(call / nth % channels);
                tempo.record(channel, call % nth == 0, at(seconds))
            })
            .next_back()
    }

    #[test]
    fn over_a_fifth_failing_on_three_channels_halves_the_rate() {
        let mut tempo = Tempo::default();
        assert_eq!(play(&mut tempo, 6, 10, 0), None);
        assert_eq!(tempo.speed(at(0)), 1.0);
        let mut tempo = Tempo::default();
        assert_eq!(play(&mut tempo, 3, 2, 0), None);
        let mut tempo = Tempo::default();
        assert!(matches!(
            play(&mut tempo, 3, 10, 0),
            Some(Change::Slowed { .. })
        ));
        assert_eq!(tempo.speed(at(0)), 0.5);
    }

    #[test]
    fn the_rate_returns_over_a_minute() {
        let mut tempo = Tempo::default();
        for call in 0..10 {
            tempo.record(one(call), call % 3 == 0, at(0));
        }
        assert_eq!(tempo.speed(at(0)), 0.5);
        assert_eq!(tempo.speed(at(30)), 0.75);
        assert_eq!(tempo.settle(at(59)), None);
        assert_eq!(
            tempo.settle(at(60)),
            Some(Change::Recovered { began: at(0) })
        );
        assert_eq!(tempo.speed(at(60)), 1.0);
    }

    #[test]
    fn what_is_long_ago_does_not_count() {
        let mut tempo = Tempo::default();
        for call in 0..9 {
            tempo.record(one(call), true, at(0));
        }
        for call in 0..20 {
            let change = tempo.record(one(call), call % 10 == 0, at(61));
            assert_eq!(change, None);
        }
    }
}
