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

/// The longest time between two heartbeats of a poller that works: it runs every second, and a
/// round may take a while.
const MAX_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);

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

    /// Returns how late the most overdue poll is, or how long the poller has not run: then nothing
    /// is polled, even if nothing is due or all polls are in flight.
    #[must_use]
    pub fn lag(&self, now: MonotonicInstant) -> Duration {
        let overdue = match self.next_due.load(Ordering::Relaxed) {
            NEVER => Duration::ZERO,
            due => now.since(MonotonicInstant::from_millis(due)),
        };
        let silent = self.silent_for(now);
        if silent > MAX_HEARTBEAT_INTERVAL {
            overdue.max(silent)
        } else {
            overdue
        }
    }

    /// Returns whether the poller has stopped running, which is an internal fault. Waiting for
    /// Polyv is none.
    #[must_use]
    pub fn is_stalled(&self, now: MonotonicInstant) -> bool {
        self.silent_for(now) > STALL_TIMEOUT
    }

    /// The time since the poller last ran.
    fn silent_for(&self, now: MonotonicInstant) -> Duration {
        let heartbeat = self.heartbeat_at.load(Ordering::Relaxed);
        now.since(MonotonicInstant::from_millis(heartbeat))
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

    #[test]
    fn lag_grows_while_the_poller_stands_still_whatever_is_due() {
        let health = PollerHealth::default();
        let at = |seconds: u64| MonotonicInstant::from_millis(seconds * 1000);
        let lag = |seconds| health.lag(at(seconds)).as_secs();
        health.heartbeat(at(100));
        // Nothing is due: all polls are in flight, or there is no channel.
        assert_eq!((lag(101), lag(105)), (0, 0));
        assert_eq!((lag(110), lag(400)), (10, 300));
        health.set_next_due(Some(at(390)));
        assert_eq!(lag(400), 300, "it was still before that");
        health.heartbeat(at(400));
        assert_eq!((lag(400), lag(401)), (10, 11));
        health.set_next_due(Some(at(430)));
        assert_eq!(lag(401), 0);
    }
}
