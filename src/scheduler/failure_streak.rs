//! Consecutive failures.

use super::request::CompletedCall;
use crate::state::ChannelKey;
use polyv_client::clock::MonotonicInstant;

/// Calls that failed one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct FailureStreak {
    /// When the first of them started.
    pub(super) since: MonotonicInstant,
    pub(super) calls: u32,
    /// Whether more than one channel failed.
    pub(super) spans_channels: bool,
    first: Option<ChannelKey>,
}

// === impl FailureStreak ===

impl FailureStreak {
    /// Adds a failed call to a streak, or begins one.
    pub(super) fn extend(streak: &mut Option<Self>, call: CompletedCall) -> Self {
        let streak = streak.get_or_insert(Self {
            since: call.started,
            calls: 0,
            spans_channels: call.channel.is_none(),
            first: call.channel,
        });
        streak.calls = streak.calls.saturating_add(1);
        streak.spans_channels |= streak.first != call.channel;
        *streak
    }
}
