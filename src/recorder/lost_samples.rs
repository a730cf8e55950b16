//! Samples that were received and could not be recorded.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::state::ChannelKey;
use polyv_client::clock::Timestamp;

/// Until when samples of which channels were lost. Later polls do not bring them again, because
/// the exporter knows them; so what later polls receive covers the time after only.
#[derive(Debug, Default)]
pub(super) struct LostSamples {
    until: Mutex<HashMap<ChannelKey, Timestamp>>,
}

// === impl LostSamples ===

impl LostSamples {
    /// A sample of a channel was lost, and perhaps all before it.
    pub(super) fn add(&self, channel: ChannelKey, time: Timestamp) {
        let mut until = self.lock();
        let until = until.entry(channel).or_insert(time);
        *until = (*until).max(time);
    }

    /// Until when samples of a channel were lost.
    pub(super) fn until(&self, channel: ChannelKey) -> Option<Timestamp> {
        self.lock().get(&channel).copied()
    }

    /// Forgets the channels whose lost samples are older than what polls request.
    pub(super) fn forget_before(&self, time: Timestamp) {
        self.lock().retain(|_, until| *until >= time);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChannelKey, Timestamp>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
