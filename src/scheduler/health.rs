//! The poller's health, as other parts of the exporter see it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use polyv_client::clock::MonotonicInstant;

/// The health of the poller. It stays correct while the poller is stalled, since readers compute
/// times themselves.
#[derive(Debug)]
pub struct PollerHealth {
    ready: AtomicBool,
    /// When the earliest poll that was not sent yet is due, in milliseconds.
    next_due: AtomicU64,
    /// When the poller last ran, in milliseconds.
    heartbeat_at: AtomicU64,
}

/// No poll is scheduled.
const NEVER: u64 = u64::MAX;

/// The poller runs every second, for milliseconds. If it did not run for this time it is stalled,
/// and only a restart helps.
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
    /// Returns whether every channel was polled once, or a poll interval passed since the start.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Returns how late the most overdue poll is.
    #[must_use]
    pub fn lag(&self, now: MonotonicInstant) -> Duration {
        match self.next_due.load(Ordering::Relaxed) {
            NEVER => Duration::ZERO,
            due => now.since(MonotonicInstant::from_millis(due)),
        }
    }

    /// Returns whether the poller has stopped running, which is an internal fault. Waiting for
    /// Polyv is none.
    #[must_use]
    pub fn is_stalled(&self, now: MonotonicInstant) -> bool {
        let heartbeat = self.heartbeat_at.load(Ordering::Relaxed);
        now.since(MonotonicInstant::from_millis(heartbeat)) > STALL_TIMEOUT
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
    fn poller_without_a_heartbeat_for_a_minute_is_stalled() {
        let health = PollerHealth::default();
        let at = |seconds: u64| MonotonicInstant::from_millis(seconds * 1000);
        assert!(!health.is_stalled(at(60)), "the start may take a while");
        assert!(health.is_stalled(at(61)));
        health.heartbeat(at(61));
        assert!(!health.is_stalled(at(121)));
        assert!(health.is_stalled(at(122)));
    }
}
