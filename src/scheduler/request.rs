//! What a call is for.

use crate::state::ChannelKey;
use crate::telemetry::Endpoint;
use polyv_client::{ChannelPageRequest, Range};

/// What a call asks.
#[derive(Debug, Clone)]
pub(super) enum PollRequest {
    /// A channel's stream.
    StreamInfo {
        /// The channel.
        channel: ChannelKey,
        /// Which samples.
        asked: Range,
    },
    /// The status of channels.
    LiveStatus(StatusBatch),
    /// A page of the account's channels.
    ChannelPage(ChannelPageRequest),
}

/// Channels whose status is asked in one call.
#[derive(Debug, Clone)]
pub(super) struct StatusBatch {
    pub(super) channels: Vec<ChannelKey>,
    /// Whether they stand apart from the queue, to find out which of them Polyv refuses.
    pub(super) isolated: bool,
}

/// Whom a call is about, for those who tell one channel's fault from a shared one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum FailureScope {
    /// One channel.
    Channel(ChannelKey),
    /// Several.
    Multiple,
}

// === impl PollRequest ===

impl PollRequest {
    /// Whom it is about.
    pub(super) fn failure_scope(&self) -> FailureScope {
        match self {
            Self::StreamInfo { channel, .. } => FailureScope::Channel(*channel),
            Self::LiveStatus(batch) => match batch.channels.as_slice() {
                [one] => FailureScope::Channel(*one),
                _ => FailureScope::Multiple,
            },
            Self::ChannelPage(_) => FailureScope::Multiple,
        }
    }

    /// Which call that is.
    pub(super) const fn endpoint(&self) -> Endpoint {
        match self {
            Self::StreamInfo { .. } => Endpoint::StreamInfo,
            Self::LiveStatus(_) => Endpoint::LiveStatus,
            Self::ChannelPage(_) => Endpoint::ChannelList,
        }
    }
}

// === impl FailureScope ===

impl FailureScope {
    /// Whether the two are about more than one channel.
    pub(super) fn is_distinct_from(self, other: Self) -> bool {
        self != other || self == Self::Multiple
    }
}
