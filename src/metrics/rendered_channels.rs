//! The rendered lines of all channels, as current as the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chunk::Chunk;
use super::chunk_cache::ChunkCache;
use super::rendered::RenderedChannel;
use crate::state::{ChannelStore, ChannelUpdate, StateTransition, UpdateSubscriber};
use polyv_client::clock::TimeSnapshot;

/// The rendered lines of all channels of a store.
///
/// Lines change in one place only: with the lock held, changed channels are taken from the
/// store as snapshots, rendered, and put into the cache. So changes arrive in the order in which
/// the store hands them out, each once: older lines never replace newer ones, a removed channel
/// never comes back, and a holder of the lock when nothing is left to take sees exactly the
/// store's current state, in which what is due has expired. The store's own lock is held only
/// for taking a slice, always inside this one.
#[derive(Debug)]
pub struct RenderedChannels {
    store: Arc<ChannelStore>,
    cache: Mutex<ChunkCache>,
}

/// The most chunks that are collected, and rebuilt if necessary, under one lock.
const CHUNKS_PER_LOCK: usize = 8;

// === impl RenderedChannels ===

impl UpdateSubscriber for RenderedChannels {
    /// Renders the channel, unless many others are waiting: a slice is rendered with each update.
    fn channel_updated(&self, _update: &ChannelUpdate, now: TimeSnapshot) {
        self.render_changed(&mut self.lock(), now);
    }

    fn channels_changed(&self, _expired: &[StateTransition], now: TimeSnapshot) {
        drop(self.lock_current(now));
    }
}

impl RenderedChannels {
    /// The lines of the store's channels. A store has one renderer.
    #[must_use]
    pub fn new(store: Arc<ChannelStore>) -> Self {
        Self {
            store,
            cache: Mutex::default(),
        }
    }

    /// The channels that are rendered here.
    pub(super) fn store(&self) -> &ChannelStore {
        &self.store
    }

    /// All chunks, as they are now. Updates need not wait: a few chunks are collected at a time,
    /// so some channels may be a little newer than others.
    ///
    /// They are collected from the newest channels to the oldest. A channel that is removed and
    /// inserted again meanwhile has its new lines where this scrape has been already: it is never
    /// there twice.
    pub(super) fn chunks(&self, now: TimeSnapshot) -> Vec<Arc<Chunk>> {
        let mut chunks = Vec::new();
        let mut end = u64::MAX;
        loop {
            let mut cache = self.lock_current(now);
            let slice = cache.numbers_before(end, CHUNKS_PER_LOCK);
            let Some(last) = slice.last() else {
                break;
            };
            end = *last;
            chunks.extend(slice.into_iter().map(|number| cache.get(number)));
        }
        chunks.reverse();
        chunks
    }

    /// Locks the cache at a moment at which it shows the store's current state.
    fn lock_current(&self, now: TimeSnapshot) -> MutexGuard<'_, ChunkCache> {
        loop {
            let mut cache = self.lock();
            if self.render_changed(&mut cache, now) {
                return cache;
            }
        }
    }

    /// Renders a slice of the channels that have changed. Returns whether these were all.
    fn render_changed(&self, cache: &mut ChunkCache, now: TimeSnapshot) -> bool {
        let changed = self.store.take_changed(now);
        for (key, snapshot) in changed.channels {
            match snapshot {
                Some(snapshot) => cache.put(key, RenderedChannel::render(&snapshot)),
                None => cache.remove(key),
            }
        }
        changed.is_complete
    }

    fn lock(&self) -> MutexGuard<'_, ChunkCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
