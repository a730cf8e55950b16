//! Changes of a channel's state.

use super::channel_key::ChannelKey;
use super::liveness::LiveState;
use polyv_client::clock::MonotonicInstant;

/// A channel's state changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateTransition {
    /// The channel.
    pub key: ChannelKey,
    /// Its state before.
    pub from: LiveState,
    /// Its state from now on.
    pub to: LiveState,
    /// When it entered that state.
    pub at: MonotonicInstant,
}
