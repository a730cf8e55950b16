//! What others may know of the poller without asking it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use polyv_client::clock::Moment;

/// The poller's state as scrapes and readiness probes see it. It is true even when the poller
/// is stuck: the lag is reckoned by whoever asks.
#[derive(Debug)]
pub struct Status {
    ready: AtomicBool,
    /// When the earliest poll that was not begun yet is due, in milliseconds.
    next_due: AtomicU64,
    /// When the poller last looked at what is to be done, in milliseconds.
    looked: AtomicU64,
}

/// No poll is planned.
const NEVER: u64 = u64::MAX;

/// The poller looks every second, and whatever it does takes milliseconds. One that has not
/// looked for so long does not work any more, and only a new process helps.
const STUCK_AFTER: Duration = Duration::from_secs(60);

impl Default for Status {
    fn default() -> Self {
        Self {
            ready: AtomicBool::new(false),
            next_due: AtomicU64::new(NEVER),
            looked: AtomicU64::new(0),
        }
    }
}

impl Status {
    /// Whether every channel was asked once, or a poll interval has passed since the start.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// How late the most overdue poll is.
    #[must_use]
    pub fn lag(&self, now: Moment) -> Duration {
        match self.next_due.load(Ordering::Relaxed) {
            NEVER => Duration::ZERO,
            due => now.since(Moment::from_millis(due)),
        }
    }

    /// Whether the poller has stopped looking at what is to be done, which is a fault of the
    /// exporter's own. Waiting for Polyv is none.
    #[must_use]
    pub fn is_stuck(&self, now: Moment) -> bool {
        let looked = Moment::from_millis(self.looked.load(Ordering::Relaxed));
        now.since(looked) > STUCK_AFTER
    }

    pub(super) fn set_looked(&self, now: Moment) {
        self.looked.store(now.as_millis(), Ordering::Relaxed);
    }

    pub(super) fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    pub(super) fn set_next_due(&self, due: Option<Moment>) {
        let due = due.map_or(NEVER, Moment::as_millis);
        self.next_due.store(due, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poller_that_does_not_look_for_a_minute_is_stuck_until_it_looks_again() {
        let status = Status::default();
        let at = |seconds: u64| Moment::from_millis(seconds * 1000);
        assert!(!status.is_stuck(at(60)), "it may take a while to start");
        assert!(status.is_stuck(at(61)));
        status.set_looked(at(61));
        assert!(!status.is_stuck(at(121)));
        assert!(status.is_stuck(at(122)));
    }
}
