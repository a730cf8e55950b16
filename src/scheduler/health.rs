//! What others may know of the poller without asking it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use polyv_client::clock::MonotonicInstant;

/// The poller's state as scrapes and readiness probes see it. It is true even when the poller
/// is stuck: the lag is reckoned by whoever asks.
#[derive(Debug)]
pub struct PollerHealth {
    ready: AtomicBool,
    /// When the earliest poll that was not begun yet is due, in milliseconds.
    next_due: AtomicU64,
    /// When the poller last heartbeat_at at what is to be done, in milliseconds.
    heartbeat_at: AtomicU64,
}

/// No poll is planned.
const NEVER: u64 = u64::MAX;

/// The poller looks every second, and whatever it does takes milliseconds. One that has not
/// heartbeat_at for so long does not work any more, and only a new process helps.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

impl Default for PollerHealth {
    fn default() -> Self {
        Self {
            ready: AtomicBool::new(false),
            next_due: AtomicU64::new(NEVER),
            heartbeat_at: AtomicU64::new(0),
        }
    }
}

impl PollerHealth {
    /// Whether every channel was asked once, or a poll interval has passed since the start.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// How late the most overdue poll is.
    #[must_use]
    pub fn lag(&self, now: MonotonicInstant) -> Duration {
        match self.next_due.load(Ordering::Relaxed) {
            NEVER => Duration::ZERO,
            due => now.since(MonotonicInstant::from_millis(due)),
        }
    }

    /// Whether the poller has stopped looking at what is to be done, which is a fault of the
    /// exporter's own. Waiting for Polyv is none.
    #[must_use]
    pub fn is_stalled(&self, now: MonotonicInstant) -> bool {
        let heartbeat_at = MonotonicInstant::from_millis(self.heartbeat_at.load(Ordering::Relaxed));
        now.since(heartbeat_at) > STALL_TIMEOUT
    }

    pub(super) fn heartbeat(&self, now: MonotonicInstant) {
        self.heartbeat_at.store(now.as_millis(), Ordering::Relaxed);
    }

    pub(super) fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    pub(super) fn set_next_due(&self, due: Option<MonotonicInstant>) {
        let due = due.map_or(NEVER, MonotonicInstant::as_millis);
        self.next_due.store(due, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poller_that_does_not_look_for_a_minute_is_stuck_until_it_looks_again() {
        let health = PollerHealth::default();
        let at = |seconds: u64| MonotonicInstant::from_millis(seconds * 1000);
        assert!(!health.is_stalled(at(60)), "it may take a while to start");
        assert!(health.is_stalled(at(61)));
        health.heartbeat(at(61));
        assert!(!health.is_stalled(at(121)));
        assert!(health.is_stalled(at(122)));
    }
}
