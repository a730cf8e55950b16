//! Calls that polls leave.

use std::time::Duration;

use polyv_client::clock::MonotonicInstant;

/// Paces calls that are not urgent by the rate that polls leave.
#[derive(Debug)]
pub(super) struct SpareCalls {
    /// Calls per second.
    rate: f64,
    next: MonotonicInstant,
    pub(super) in_flight: usize,
}

/// The share of the calls left that is used: polls may have more to catch up on.
const USABLE_SHARE: f64 = 0.5;
/// Calls per second, also where polls need all: what is missing is complete some day.
const MIN_RATE: f64 = 0.2;
/// Responses have up to three hours of samples, whose decoding must not hold up polls.
const MAX_RATE: f64 = 20.0;
/// The calls in flight.
const MAX_IN_FLIGHT: usize = 8;

// === impl SpareCalls ===

impl SpareCalls {
    pub(super) fn new(now: MonotonicInstant) -> Self {
        Self {
            rate: MIN_RATE,
            next: now,
            in_flight: 0,
        }
    }

    /// Sets how many calls per second polls leave.
    pub(super) fn set_rate(&mut self, left: f64) {
        self.rate = (left * USABLE_SHARE).clamp(MIN_RATE, MAX_RATE);
    }

    /// When the next call may be sent; `None` while too many are in flight.
    pub(super) fn next(&self) -> Option<MonotonicInstant> {
        (self.in_flight < MAX_IN_FLIGHT).then_some(self.next)
    }

    /// A call is sent, or put off.
    pub(super) fn advance(&mut self, now: MonotonicInstant) {
        self.next = now + Duration::from_secs_f64(1.0 / self.rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_paced_by_what_polls_leave() {
        let start = MonotonicInstant::from_millis(0);
        for (left, millis) in [(-50.0, 5000), (0.0, 5000), (10.0, 200), (1000.0, 50)] {
            let mut calls = SpareCalls::new(start);
            calls.set_rate(left);
            calls.advance(start);
            let expected = MonotonicInstant::from_millis(millis);
            assert_eq!(calls.next(), Some(expected), "{left}");
            calls.in_flight = MAX_IN_FLIGHT;
            assert_eq!(calls.next(), None);
        }
    }
}
