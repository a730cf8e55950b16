//! The metadata of discovered channels.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Expose};
use crate::state::{ChannelMeta, Exposure};

/// Returns the metadata of a discovered channel.
pub(super) fn channel_meta(
    account: &Arc<str>,
    id: &Arc<str>,
    name: &Arc<str>,
    live_interval: Duration,
) -> ChannelMeta {
    let channel = config::Channel {
        name: Arc::clone(name),
        ..config::Channel::new(Arc::clone(id), live_interval)
    };
    ChannelMeta {
        account: Arc::clone(account),
        channel: Arc::new(channel),
    }
}

/// Returns when discovered channels have series.
pub(super) const fn exposure(expose: Expose) -> Exposure {
    match expose {
        Expose::Live => Exposure::WhileRecentlyLive,
        Expose::All => Exposure::Always,
    }
}
