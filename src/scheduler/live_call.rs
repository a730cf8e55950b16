//! The kinds of calls about live channels beside the polls of their streams.

use crate::telemetry::Endpoint;
use polyv_client::{MAX_CHANNELS_PER_STREAMS_CALL, MAX_CHANNELS_PER_VIEWERS_CALL};

/// A kind of call about live channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LiveCall {
    /// What is pushed: `get-streams`.
    Streams,
    /// The viewers: `get-realtime-viewers`.
    Viewers,
    /// The samples of one channel on any of two CDNs: v4 `list-stream-info`.
    StreamInfoV4,
}

// === impl LiveCall ===

impl LiveCall {
    /// All kinds, in the order of priority.
    pub(super) const ALL: [Self; 3] = [Self::Streams, Self::Viewers, Self::StreamInfoV4];

    /// Returns how many channels a call takes.
    pub(super) const fn max_channels(self) -> usize {
        match self {
            Self::Streams => MAX_CHANNELS_PER_STREAMS_CALL,
            Self::Viewers => MAX_CHANNELS_PER_VIEWERS_CALL,
            Self::StreamInfoV4 => 1,
        }
    }

    /// Returns whether the calls are made with what guaranteed ones leave of the rate limit.
    pub(super) const fn is_best_effort(self) -> bool {
        match self {
            Self::Streams | Self::Viewers => false,
            Self::StreamInfoV4 => true,
        }
    }

    /// Returns the endpoint, as a metric label.
    pub(super) const fn endpoint(self) -> Endpoint {
        match self {
            Self::Streams => Endpoint::Streams,
            Self::Viewers => Endpoint::Viewers,
            Self::StreamInfoV4 => Endpoint::StreamInfoV4,
        }
    }
}
