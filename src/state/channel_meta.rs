//! The facts about a channel that no response changes.

use std::sync::Arc;

use crate::config;

/// The facts about a channel that no response changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelMeta {
    /// The label `account`.
    pub account: Arc<str>,
    /// The channel's configuration. It is shared with the configuration itself, which may have
    /// a hundred thousand channels.
    pub channel: Arc<config::Channel>,
}

/// When a channel has series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exposure {
    /// As long as the channel is in the store.
    #[default]
    Always,
    /// From the moment the channel is live until an hour after.
    WhileRecentlyLive,
}
