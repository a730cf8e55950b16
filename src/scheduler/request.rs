//! What a call to Polyv is for.

use std::time::Duration;

use super::account_call::AccountCall;
use super::live_call::LiveCall;
use crate::state::{ChannelKey, StreamSource};
use crate::telemetry::Endpoint;
use polyv_client::clock::MonotonicInstant;
use polyv_client::{ChannelPageRequest, Outcome, Range};

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
    /// Samples of one channel that are missing.
    MissingSamples {
        /// The channel.
        channel: ChannelKey,
        /// The missing samples.
        range: Range,
        /// The call that has them.
        source: StreamSource,
    },
    /// The live status of several channels.
    LiveStatus(ChannelBatch),
    /// One page of the account's channel list.
    ChannelPage(ChannelPageRequest),
    /// A call about live channels beside the polls of their streams.
    Live {
        /// The kind of call.
        call: LiveCall,
        /// Its channels.
        batch: ChannelBatch,
        /// The requested samples, where it is about samples; chosen when the request is sent.
        range: Range,
    },
    /// A call about the account.
    Account(AccountCall),
}

/// The channels of one call.
#[derive(Debug, Clone)]
pub(super) struct ChannelBatch {
    pub(super) channels: Vec<ChannelKey>,
    /// Whether the batch is part of a refused one and is sent to find the channels at fault.
    pub(super) isolated: bool,
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

/// The end of a call, as far as it matters to the circuit breaker and the global back-off.
#[derive(Debug, Clone, Copy)]
pub(super) struct CompletedCall {
    pub(super) kind: RequestKind,
    /// The channel of a call about a single one: it distinguishes a fault of one channel
    /// from a shared one.
    pub(super) channel: Option<ChannelKey>,
    /// Whether the call was about all channels of the account.
    pub(super) all_channels: bool,
    pub(super) outcome: Outcome,
    /// How long not to call again, if Polyv says so.
    pub(super) retry_after: Option<Duration>,
    pub(super) started: MonotonicInstant,
}

// === impl PollRequest ===

impl PollRequest {
    /// Returns the channels that the request is about; none for a page.
    pub(super) fn channels(&self) -> &[ChannelKey] {
        match self {
            Self::StreamInfo { channel, .. } | Self::MissingSamples { channel, .. } => {
                std::slice::from_ref(channel)
            }
            Self::LiveStatus(batch) | Self::Live { batch, .. } => &batch.channels,
            Self::ChannelPage(_) | Self::Account(_) => &[],
        }
    }

    /// Returns the endpoint, as a metric label.
    pub(super) const fn endpoint(&self) -> Endpoint {
        match self {
            Self::MissingSamples {
                source: StreamSource::ListStreamInfo,
                ..
            } => Endpoint::StreamInfoV4,
            Self::StreamInfo { .. } | Self::MissingSamples { .. } => Endpoint::StreamInfo,
            Self::LiveStatus(_) => Endpoint::LiveStatus,
            Self::ChannelPage(_) => Endpoint::ChannelList,
            Self::Live { call, .. } => call.endpoint(),
            Self::Account(call) => call.endpoint(),
        }
    }
}

impl From<ChannelBatch> for PollRequest {
    fn from(batch: ChannelBatch) -> Self {
        Self::LiveStatus(batch)
    }
}

impl From<ChannelKey> for PollRequest {
    fn from(channel: ChannelKey) -> Self {
        let range = Range::default();
        Self::StreamInfo { channel, range }
    }
}
