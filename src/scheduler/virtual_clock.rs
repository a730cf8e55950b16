//! Virtual time: it runs slower than real time where calls must be saved, and stops where none
//! may be sent.
//!
//! Polls are scheduled in virtual time. A slower clock stretches all intervals alike when the rate
//! budget is exceeded. A clock that stops during a back-off delays all polls without changing a
//! single schedule, and polls stay as evenly spread as they were: no burst follows a pause.

use std::ops::{Add, Sub};
use std::time::Duration;

use polyv_client::clock::MonotonicInstant;

/// An instant of a virtual clock, in microseconds since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct VirtualInstant(u64);

/// Converts between virtual and real time.
#[derive(Debug, Clone, Copy)]
pub(super) struct VirtualClock {
    /// When the speed last changed, in real time.
    changed_at: MonotonicInstant,
    /// The virtual instant at that moment.
    origin: VirtualInstant,
    /// Virtual seconds per real second; 0 stops the clock.
    speed: f64,
}

// === impl VirtualInstant ===

impl VirtualInstant {
    /// The start of a virtual clock.
    pub(super) const ZERO: Self = Self(0);

    /// Returns the time since `earlier`, or zero if `earlier` is later.
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

fn scale(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

// === impl VirtualClock ===

impl VirtualClock {
    /// Creates a stopped clock.
    pub(super) const fn new(now: MonotonicInstant) -> Self {
        Self {
            changed_at: now,
            origin: VirtualInstant::ZERO,
            speed: 0.0,
        }
    }

    /// Returns the virtual instant at `now`.
    pub(super) fn now(&self, now: MonotonicInstant) -> VirtualInstant {
        self.origin + scale(now.since(self.changed_at), self.speed)
    }

    pub(super) const fn speed(&self) -> f64 {
        self.speed
    }

    /// Changes the speed from `now` on.
    pub(super) fn set_speed(&mut self, speed: f64, now: MonotonicInstant) {
        if self.speed != speed {
            *self = Self {
                changed_at: now,
                origin: self.now(now),
                speed,
            };
        }
    }

    /// Returns the real time of a virtual instant at the present speed, rounded up for instants
    /// in the future. Returns `None` while the clock is stopped.
    pub(super) fn real_time(&self, instant: VirtualInstant) -> Option<MonotonicInstant> {
        if self.speed <= 0.0 {
            return None;
        }
        let ahead = scale(instant.since(self.origin), 1.0 / self.speed);
        if !ahead.is_zero() {
            let millis = ahead.as_nanos().div_ceil(1_000_000);
            return Some(self.changed_at + Duration::from_millis(u64::try_from(millis).ok()?));
        }
        let behind = scale(self.origin.since(instant), 1.0 / self.speed);
        let behind = u64::try_from(behind.as_millis()).unwrap_or(u64::MAX);
        let millis = self.changed_at.as_millis().saturating_sub(behind);
        Some(MonotonicInstant::from_millis(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_millis(seconds * 1000)
    }

    #[test]
    fn time_runs_at_the_configured_speed() {
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
    fn real_time_of_a_past_instant_uses_the_present_speed() {
        let mut clock = VirtualClock::new(at(0));
        clock.set_speed(1.0, at(0));
        let due = clock.now(at(10));
        clock.set_speed(0.5, at(20));
        // Ten virtual seconds ago are twenty real seconds at this speed.
        assert_eq!(clock.real_time(due), Some(at(0)));
    }

    #[test]
    fn real_time_is_never_too_early() {
        let mut clock = VirtualClock::new(at(0));
        clock.set_speed(0.37, at(0));
        for millis in [1, 333, 15_000, 86_400_000] {
            let virtual_now = clock.now(at(0)) + Duration::from_millis(millis);
            let when = clock.real_time(virtual_now).unwrap();
            assert!(clock.now(when + Duration::from_millis(1)) >= virtual_now);
        }
    }
}
