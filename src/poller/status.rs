//! What others may know of the poller without asking it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Moment;

/// The poller's state as scrapes and readiness probes see it. It is true even when the poller
/// is stuck: the lag is reckoned by whoever asks.
#[derive(Debug)]
pub struct Status {
    ready: AtomicBool,
    /// When the earliest poll that was not begun yet is due, in milliseconds.
    next_due: AtomicU64,
}

/// No poll is planned.
const NEVER: u64 = u64::MAX;

impl Default for Status {
    fn default() -> Self {
        Self {
            ready: AtomicBool::new(false),
            next_due: AtomicU64::new(NEVER),
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

    pub(super) fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    pub(super) fn set_next_due(&self, due: Option<Moment>) {
        let due = due.map_or(NEVER, Moment::as_millis);
        self.next_due.store(due, Ordering::Relaxed);
    }
}
