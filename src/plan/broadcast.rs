//! A planned broadcast, and those around a moment.

use std::time::Duration;

use polyv_client::clock::Timestamp;

/// When a broadcast is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlannedBroadcast {
    /// The planned start.
    pub start: Timestamp,
    /// The planned end, where one is known.
    pub end: Option<Timestamp>,
}

/// The planned broadcasts around a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BroadcastsAround {
    /// The moment.
    pub(super) at: Timestamp,
    /// Of those that have started, the one that ends last.
    pub started: Option<PlannedBroadcast>,
    /// The first one that has not started.
    pub next: Option<PlannedBroadcast>,
}

/// How long a broadcast without a planned end counts as running.
const DEFAULT_SPAN: Duration = Duration::from_secs(30 * 60);

// === impl PlannedBroadcast ===

impl PlannedBroadcast {
    /// Until when the broadcast counts as running: its planned end, or half an hour after the
    /// start where none is known.
    #[must_use]
    pub fn runs_until(&self) -> Timestamp {
        self.end.unwrap_or(self.start + DEFAULT_SPAN)
    }
}

// === impl BroadcastsAround ===

impl BroadcastsAround {
    /// Whether the broadcasts around `now` are the same.
    #[must_use]
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.at <= now && self.next.is_none_or(|next| now < next.start)
    }
}
