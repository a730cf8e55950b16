//! All channels' lines, as chunks that are rebuilt when they are read, or when many of their
//! channels have changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chunk::{Chunk, ChunkSlot, SLOTS};
use super::rendered::RenderedChannel;
use crate::state::ChannelKey;

/// The chunks, each with those of its channels that were rendered since it was built.
#[derive(Debug, Default)]
pub(super) struct ChunkCache {
    /// By number, in the order in which channels were inserted.
    chunks: BTreeMap<u64, CachedChunk>,
    /// A chunk that was replaced, whose memory the next one reuses. Several threads rebuild
    /// chunks, and glibc does not give memory that one thread has freed to another: that took
    /// 50 MiB with 100,000 channels.
    replaced: Chunk,
}

/// A chunk as it was last built, and what is new since.
#[derive(Debug, Default)]
struct CachedChunk {
    chunk: Arc<Chunk>,
    /// The occupied slots: a bit for each.
    occupied: u64,
    /// The channels that were rendered since the chunk was built.
    dirty: BTreeMap<u8, RenderedChannel>,
    /// Whether the chunk has to be rebuilt.
    stale: bool,
}

/// With this many dirty channels a chunk is rebuilt, read or not: all 64 of them would take as
/// much memory as the chunk itself.
const REBUILD_THRESHOLD: usize = 16;

// === impl ChunkCache ===

impl ChunkCache {
    /// Sets a channel's lines.
    pub(super) fn put(&mut self, key: ChannelKey, rendered: RenderedChannel) {
        let (number, slot) = position(key);
        let cached = self.chunks.entry(number).or_default();
        cached.occupied |= 1 << slot;
        cached.dirty.insert(slot, rendered);
        cached.stale = true;
        if cached.dirty.len() >= REBUILD_THRESHOLD {
            cached.rebuild_dirty(&mut self.replaced);
        }
    }

    /// Removes a channel's lines, if it has any.
    pub(super) fn remove(&mut self, key: ChannelKey) {
        let (number, slot) = position(key);
        if let Some(cached) = self.chunks.get_mut(&number)
            && cached.occupied & (1 << slot) != 0
        {
            cached.occupied &= !(1 << slot);
            cached.dirty.remove(&slot);
            cached.stale = true;
            if cached.occupied == 0 {
                self.chunks.remove(&number);
            }
        }
    }

    /// The numbers of the last chunks before `end`, in descending order.
    pub(super) fn numbers_before(&self, end: u64, limit: usize) -> Vec<u64> {
        let numbers = self.chunks.range(..end).rev().map(|(number, _)| *number);
        numbers.take(limit).collect()
    }

    /// A chunk as it is now.
    pub(super) fn get(&mut self, number: u64) -> Arc<Chunk> {
        let Some(cached) = self.chunks.get_mut(&number) else {
            return Arc::default();
        };
        if cached.stale {
            cached.rebuild_dirty(&mut self.replaced);
        }
        Arc::clone(&cached.chunk)
    }
}

// === impl CachedChunk ===

impl CachedChunk {
    fn rebuild_dirty(&mut self, replaced: &mut Chunk) {
        let slots = (0..64).filter(|slot| self.occupied & (1 << slot) != 0);
        let channels: Vec<ChunkSlot<'_>> = slots
            .map(|slot| ChunkSlot {
                slot,
                rendered: self.dirty.get(&slot),
            })
            .collect();
        let chunk = self.chunk.rebuild(&channels, std::mem::take(replaced));
        // A scrape that still reads the old chunk frees it.
        let before = std::mem::replace(&mut self.chunk, Arc::new(chunk));
        *replaced = Arc::into_inner(before).unwrap_or_default();
        self.dirty.clear();
        self.stale = false;
    }
}

/// The number of a channel's chunk, and its slot there.
#[allow(clippy::cast_possible_truncation)] // there are 64 slots
const fn position(key: ChannelKey) -> (u64, u8) {
    (key.index() / SLOTS, (key.index() % SLOTS) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dirty_channels_are_bounded_without_reads() {
        let mut cache = ChunkCache::default();
        for index in 0..1000 {
            cache.put(ChannelKey::from_index(index), RenderedChannel::default());
        }
        let dirty = |cache: &ChunkCache| {
            let dirty = cache.chunks.values().map(|cached| cached.dirty.len());
            dirty.max().unwrap_or(0)
        };
        assert!(dirty(&cache) < REBUILD_THRESHOLD);
        for number in cache.numbers_before(u64::MAX, usize::MAX) {
            cache.get(number);
        }
        assert_eq!(dirty(&cache), 0);
    }

    #[test]
    fn only_channels_with_lines_are_removed() {
        let mut cache = ChunkCache::default();
        cache.put(ChannelKey::from_index(1), RenderedChannel::default());
        cache.remove(ChannelKey::from_index(2));
        cache.remove(ChannelKey::from_index(700));
        assert_eq!(cache.numbers_before(u64::MAX, 9), [0]);
        cache.remove(ChannelKey::from_index(1));
        assert!(cache.numbers_before(u64::MAX, 9).is_empty());
    }
}
