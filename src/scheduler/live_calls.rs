//! One account's calls about live channels, of every kind.

use std::time::Duration;

use super::live_batches::LiveBatches;
use super::live_call::LiveCall;
use super::rate_budget::Demand;
use super::virtual_clock::VirtualInstant;
use crate::state::{ChannelKey, StreamSource};
use polyv_client::clock::MonotonicInstant;

/// The calls about live channels beside the polls of their streams.
#[derive(Debug)]
pub(super) struct LiveCalls {
    streams: LiveBatches,
    viewers: LiveBatches,
    /// How often the viewers of a live channel are requested; `None` where they are not.
    pub(super) viewers_interval: Option<Duration>,
    stream_info_v4: LiveBatches,
}

// === impl LiveCalls ===

impl LiveCalls {
    /// Creates calls of which none is turned on.
    pub(super) fn new() -> Self {
        Self {
            streams: LiveBatches::new(LiveCall::Streams),
            viewers: LiveBatches::new(LiveCall::Viewers),
            viewers_interval: None,
            stream_info_v4: LiveBatches::new(LiveCall::StreamInfoV4),
        }
    }

    pub(super) const fn get(&self, call: LiveCall) -> &LiveBatches {
        match call {
            LiveCall::Streams => &self.streams,
            LiveCall::Viewers => &self.viewers,
            LiveCall::StreamInfoV4 => &self.stream_info_v4,
        }
    }

    pub(super) const fn get_mut(&mut self, call: LiveCall) -> &mut LiveBatches {
        match call {
            LiveCall::Streams => &mut self.streams,
            LiveCall::Viewers => &mut self.viewers,
            LiveCall::StreamInfoV4 => &mut self.stream_info_v4,
        }
    }

    /// Returns the calls per second that the channels need.
    pub(super) fn demand(&self) -> Demand {
        let mut demand = Demand::default();
        for call in LiveCall::ALL {
            let of_call = self.get(call).demand();
            if call.is_best_effort() {
                demand.best_effort += of_call;
            } else {
                demand.guaranteed += of_call;
            }
        }
        demand
    }

    /// Returns whether calls of a source other than the Tencent call are made about a channel.
    pub(super) fn include(&self, key: ChannelKey, source: StreamSource) -> bool {
        let call = match source {
            StreamSource::Tencent => return false,
            StreamSource::ListStreamInfo => LiveCall::StreamInfoV4,
            StreamSource::Snapshot => LiveCall::Streams,
        };
        self.get(call).includes(key)
    }

    /// Forgets a channel that was removed.
    pub(super) fn drop_channel(&mut self, key: ChannelKey) {
        for call in LiveCall::ALL {
            self.get_mut(call).drop_channel(key);
        }
    }

    /// Records that another call of the account succeeded: a failure of one of these is theirs.
    pub(super) fn observe_other_success(&mut self) {
        for call in LiveCall::ALL {
            self.get_mut(call).observe_other_success();
        }
    }

    /// Does what is due by time alone.
    pub(super) fn tick(&mut self, virtual_now: VirtualInstant, now: MonotonicInstant) {
        for call in LiveCall::ALL {
            self.get_mut(call).tick(virtual_now, now);
        }
    }

    /// Forgets all faults.
    pub(super) fn reset(&mut self, now: VirtualInstant) {
        for call in LiveCall::ALL {
            self.get_mut(call).reset(now);
        }
    }
}
