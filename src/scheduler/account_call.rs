//! The calls that are about an account and no channel in particular.

use crate::telemetry::Endpoint;
use polyv_client::clock::Timestamp;

/// A call about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountCall {
    /// A page of the planned sessions of all channels.
    PlannedSessions {
        /// The page's number, from 1.
        page: u32,
    },
    /// A page of the channels that start in a period.
    StartTimes {
        /// The period's beginning.
        from: Timestamp,
        /// The period's end.
        until: Timestamp,
        /// The page's number, from 1.
        page: u32,
    },
    /// The minutes of viewing.
    Minutes,
}

// === impl AccountCall ===

impl AccountCall {
    /// Returns the endpoint, as a metric label.
    pub(super) const fn endpoint(self) -> Endpoint {
        match self {
            Self::PlannedSessions { .. } => Endpoint::Sessions,
            Self::StartTimes { .. } => Endpoint::ChannelPlans,
            Self::Minutes => Endpoint::Minutes,
        }
    }
}
