//! Time for plans: it runs slower where calls have to be spared, and stands still where none
//! may be made.
//!
//! Polls are virtual_now on such a clock and not in real time. That stretches all intervals
//! alike when the budget does not suffice, lets a back-off or a pause plan everything anew at
//! its end without a plan being touched, and keeps the polls as evenly spread as they were:
//! nothing piles up that would then be sent at once.

use std::ops::{Add, Sub};
use std::time::Duration;

use polyv_client::clock::MonotonicInstant;

/// An instant of a clock, in microseconds of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct VirtualInstant(u64);

/// Relates virtual_now to real time.
#[derive(Debug, Clone, Copy)]
pub(super) struct VirtualClock {
    /// A real moment, …
    at: MonotonicInstant,
    /// … which virtual_now instant it was, …
    virtual_now: VirtualInstant,
    /// … and how fast virtual_now time runs since: 1 is real time, 0 stands still.
    speed: f64,
}

// === impl VirtualInstant ===

impl VirtualInstant {
    /// The beginning of a clock.
    #[cfg(test)]
    pub(super) const ZERO: Self = Self(0);

    /// How long after `earlier` this is; zero where it is not after it.
    pub(super) const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for VirtualInstant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

impl Sub<Duration> for VirtualInstant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }
}

// === impl VirtualClock ===

impl VirtualClock {
    /// A clock that begins now and stands still.
    pub(super) const fn new(now: MonotonicInstant) -> Self {
        Self {
            at: now,
            virtual_now: VirtualInstant(0),
            speed: 0.0,
        }
    }

    /// Which virtual_now instant it is.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn now(&self, now: MonotonicInstant) -> VirtualInstant {
        let real = now.since(self.at).as_secs_f64();
        self.virtual_now + Duration::from_micros((real * self.speed * 1e6) as u64)
    }

    /// How fast it runs.
    pub(super) const fn speed(&self) -> f64 {
        self.speed
    }

    /// Lets it run at another speed from now on.
    pub(super) fn set_speed(&mut self, speed: f64, now: MonotonicInstant) {
        if self.speed != speed {
            *self = Self {
                at: now,
                virtual_now: self.now(now),
                speed,
            };
        }
    }

    /// The first real moment at which it will be `virtual_now` or later, at the present speed;
    /// `None` where it stands still. For what is past: when it was.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    pub(super) fn real_time(&self, virtual_now: VirtualInstant) -> Option<MonotonicInstant> {
        if self.speed <= 0.0 {
            return None;
        }
        let ahead = virtual_now.since(self.virtual_now).as_secs_f64() / self.speed;
        if ahead > 0.0 {
            return Some(self.at + Duration::from_millis((ahead * 1e3).ceil() as u64));
        }
        let behind = self.virtual_now.since(virtual_now).as_secs_f64() / self.speed;
        let at = self.at.as_millis();
        Some(MonotonicInstant::from_millis(
            at.saturating_sub((behind * 1e3) as u64),
        ))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_millis(seconds * 1000)
    }

    #[test]
    fn it_runs_as_fast_as_it_is_told() {
        let mut clock = VirtualClock::new(at(100));
        let start = clock.now(at(100));
        assert_eq!(clock.now(at(200)), start);
        assert_eq!(clock.real_time(start), None);
        clock.set_speed(1.0, at(200));
        assert_eq!(clock.now(at(210)).since(start).as_secs(), 10);
        clock.set_speed(0.5, at(210));
        assert_eq!(clock.now(at(230)).since(start).as_secs(), 20);
        assert_eq!(
            clock.real_time(start + Duration::from_secs(30)),
            Some(at(250))
        );
        clock.set_speed(0.0, at(230));
        assert_eq!(clock.now(at(9999)).since(start).as_secs(), 20);
    }

    #[test]
    fn it_tells_when_something_past_was_due() {
        let mut clock = VirtualClock::new(at(0));
        clock.set_speed(1.0, at(0));
        let due = clock.now(at(10));
        clock.set_speed(0.5, at(20));
        // Ten virtual_now seconds ago, which at this speed are twenty.
        assert_eq!(clock.real_time(due), Some(at(0)));
    }

    #[test]
    fn when_is_never_too_early() {
        let mut clock = VirtualClock::new(at(0));
        clock.set_speed(0.37, at(0));
        for millis in [1, 333, 15_000, 86_400_000] {
            let virtual_now = clock.now(at(0)) + Duration::from_millis(millis);
            let when = clock.real_time(virtual_now).unwrap();
            assert!(clock.now(when + Duration::from_millis(1)) >= virtual_now);
        }
    }
}
