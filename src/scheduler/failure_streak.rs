//! Consecutive failures.

use super::request::FailureScope;
use polyv_client::clock::MonotonicInstant;

/// Calls that failed one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct FailureStreak {
    /// When the first of them started.
    pub(super) since: MonotonicInstant,
    pub(super) calls: u32,
    /// Whether more than one channel failed.
    pub(super) spans_channels: bool,
    first: FailureScope,
}

// === impl FailureStreak ===

impl FailureStreak {
    /// Adds a failed call to a streak, or begins one.
    pub(super) fn extend(
        streak: &mut Option<Self>,
        scope: FailureScope,
        started: MonotonicInstant,
    ) -> Self {
        let streak = streak.get_or_insert(Self {
            since: started,
            calls: 0,
            spans_channels: false,
            first: scope,
        });
        streak.calls = streak.calls.saturating_add(1);
        streak.spans_channels |= streak.first != scope || scope == FailureScope::Multiple;
        *streak
    }
}
