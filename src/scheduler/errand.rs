//! What a call is for.

use crate::metrics::ChannelKey;
use crate::telemetry::Endpoint;
use polyv_client::{PageOf, Range};

/// What a call asks.
#[derive(Debug, Clone)]
pub(super) enum Errand {
    /// A channel's stream.
    Stream {
        /// The channel.
        channel: ChannelKey,
        /// Which samples.
        asked: Range,
    },
    /// The status of channels.
    Statuses(Batch),
    /// A page of the account's channels.
    Page(PageOf),
}

/// Channels whose status is asked in one call.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) channels: Vec<ChannelKey>,
    /// Whether they stand apart from the queue, to find out which of them Polyv refuses.
    pub(super) apart: bool,
}

/// Whom a call is about, for those who tell one channel's fault from a shared one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Concern {
    /// One channel.
    One(ChannelKey),
    /// Several.
    Several,
}

// === impl Errand ===

impl Errand {
    /// Whom it is about.
    pub(super) fn concern(&self) -> Concern {
        match self {
            Self::Stream { channel, .. } => Concern::One(*channel),
            Self::Statuses(batch) => match batch.channels.as_slice() {
                [one] => Concern::One(*one),
                _ => Concern::Several,
            },
            Self::Page(_) => Concern::Several,
        }
    }

    /// Which call that is.
    pub(super) const fn endpoint(&self) -> Endpoint {
        match self {
            Self::Stream { .. } => Endpoint::StreamInfo,
            Self::Statuses(_) => Endpoint::LiveStatus,
            Self::Page(_) => Endpoint::ChannelList,
        }
    }
}

// === impl Concern ===

impl Concern {
    /// Whether the two are about more than one channel.
    pub(super) fn differs(self, other: Self) -> bool {
        self != other || self == Self::Several
    }
}
