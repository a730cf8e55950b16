//! All channels' lines, laid out when they are read, or when it is worth the while.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::block::{Block, Placed};
use super::key::ChannelKey;
use super::piece::Piece;

/// The blocks, each with what its channels have to say since it was read last.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// By their numbers, in the order in which channels were added.
    laid: BTreeMap<u64, Laid>,
    /// A block that was replaced, and makes room for the next one. Several threads lay blocks
    /// out, and what one of them has freed glibc does not give to another one: 50 MiB with 100,000
    /// channels.
    replaced: Block,
    /// Counts channels that were removed.
    removals: u64,
}

/// A block as it was last laid out, and what is new since.
#[derive(Debug, Default)]
struct Laid {
    block: Arc<Block>,
    /// The places that channels have: a bit for each.
    taken: u64,
    /// The lines of those who have something new to say.
    fresh: BTreeMap<u8, Piece>,
    /// Whether it has to be laid out anew.
    outdated: bool,
}

/// When so many of a block's channels have something new to say it is laid out, read or not:
/// all of them together would take as much memory as the block itself.
const WORTHWHILE: usize = 16;

// === impl Blocks ===

impl Blocks {
    /// What a channel says from now on.
    pub(super) fn put(&mut self, key: ChannelKey, piece: Piece) {
        let laid = self.laid.entry(key.block()).or_default();
        laid.taken |= 1 << key.slot();
        laid.fresh.insert(key.slot(), piece);
        laid.outdated = true;
        if laid.fresh.len() >= WORTHWHILE {
            laid.lay_out(&mut self.replaced);
        }
    }

    /// A channel says nothing any more.
    pub(super) fn remove(&mut self, key: ChannelKey) {
        // Most of those that were found never had lines.
        if let Some(laid) = self.laid.get_mut(&key.block())
            && laid.taken & (1 << key.slot()) != 0
        {
            self.removals += 1;
            laid.taken &= !(1 << key.slot());
            laid.fresh.remove(&key.slot());
            laid.outdated = true;
            if laid.taken == 0 {
                self.laid.remove(&key.block());
            }
        }
    }

    /// How many channels with lines were removed so far: one that came back meanwhile, by another key,
    /// is twice in blocks that were collected before and after.
    pub(super) fn removals(&self) -> u64 {
        self.removals
    }

    /// The numbers of the first blocks from that one on.
    pub(super) fn numbers(&self, from: u64) -> impl Iterator<Item = u64> {
        self.laid.range(from..).map(|(number, _)| *number)
    }

    /// A block as it is now, and whether it had to be laid out for that.
    pub(super) fn lay_out(&mut self, number: u64) -> (Arc<Block>, bool) {
        let Some(laid) = self.laid.get_mut(&number) else {
            return (Arc::default(), false);
        };
        let worked = laid.outdated;
        if worked {
            laid.lay_out(&mut self.replaced);
        }
        (Arc::clone(&laid.block), worked)
    }
}

// === impl Laid ===

impl Laid {
    fn lay_out(&mut self, replaced: &mut Block) {
        let slots = (0..64).filter(|slot| self.taken & (1 << slot) != 0);
        let channels: Vec<Placed<'_>> = slots
            .map(|slot| Placed {
                slot,
                fresh: self.fresh.get(&slot),
            })
            .collect();
        let block = self.block.renewed(&channels, std::mem::take(replaced));
        // Where a scrape still reads it, it goes with that.
        let before = std::mem::replace(&mut self.block, Arc::new(block));
        *replaced = Arc::into_inner(before).unwrap_or_default();
        self.fresh.clear();
        self.outdated = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_to_be_laid_out_is_bounded_and_nobody_has_to_read_it() {
        let mut blocks = Blocks::default();
        for number in 0..1000 {
            blocks.put(ChannelKey::new(number), Piece::default());
        }
        let waiting = |blocks: &Blocks| {
            let fresh = blocks.laid.values().map(|laid| laid.fresh.len());
            fresh.max().unwrap_or(0)
        };
        assert!(waiting(&blocks) < WORTHWHILE);
        for number in blocks.numbers(0).collect::<Vec<_>>() {
            blocks.lay_out(number);
        }
        assert_eq!(waiting(&blocks), 0);
    }

    #[test]
    fn only_who_had_a_place_is_removed_from_it() {
        let mut blocks = Blocks::default();
        blocks.put(ChannelKey::new(1), Piece::default());
        blocks.remove(ChannelKey::new(2));
        blocks.remove(ChannelKey::new(700));
        assert_eq!((blocks.removals(), blocks.numbers(0).count()), (0, 1));
        blocks.remove(ChannelKey::new(1));
        assert_eq!((blocks.removals(), blocks.numbers(0).count()), (1, 0));
    }
}
