//! What a call to Polyv is for.

use crate::state::ChannelKey;
use crate::telemetry::Endpoint;
use polyv_client::{ChannelPageRequest, Range};

/// One call to be made.
#[derive(Debug, Clone)]
pub(super) enum PollRequest {
    /// The stream information of one channel.
    StreamInfo {
        /// The channel.
        channel: ChannelKey,
        /// The requested samples, chosen when the request is sent.
        range: Range,
    },
    /// The live status of several channels.
    LiveStatus(StatusBatch),
    /// One page of the account's channel list.
    ChannelPage(ChannelPageRequest),
}

/// Channels whose live status is requested in one call.
#[derive(Debug, Clone)]
pub(super) struct StatusBatch {
    pub(super) channels: Vec<ChannelKey>,
    /// Whether the batch is part of a refused one and is sent to find the channels at fault.
    pub(super) isolated: bool,
}

/// The channels that a call is about: it distinguishes a fault of one channel from a shared one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum FailureScope {
    /// A single channel.
    Channel(ChannelKey),
    /// Several channels.
    Multiple,
}

/// Why a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// It is due.
    Regular,
    /// It tests whether the account's circuit breaker can close.
    AccountProbe,
    /// It tests whether the global back-off can end.
    GlobalProbe,
}

// === impl PollRequest ===

impl PollRequest {
    /// Returns the channels that a failure of this request counts for.
    pub(super) fn failure_scope(&self) -> FailureScope {
        match self {
            Self::StreamInfo { channel, .. } => FailureScope::Channel(*channel),
            Self::LiveStatus(batch) => match batch.channels.as_slice() {
                [only] => FailureScope::Channel(*only),
                _ => FailureScope::Multiple,
            },
            Self::ChannelPage(_) => FailureScope::Multiple,
        }
    }

    /// Returns the endpoint, as a metric label.
    pub(super) const fn endpoint(&self) -> Endpoint {
        match self {
            Self::StreamInfo { .. } => Endpoint::StreamInfo,
            Self::LiveStatus(_) => Endpoint::LiveStatus,
            Self::ChannelPage(_) => Endpoint::ChannelList,
        }
    }
}

impl From<StatusBatch> for PollRequest {
    fn from(batch: StatusBatch) -> Self {
        Self::LiveStatus(batch)
    }
}

impl From<ChannelKey> for PollRequest {
    fn from(channel: ChannelKey) -> Self {
        let range = Range::default();
        Self::StreamInfo { channel, range }
    }
}
