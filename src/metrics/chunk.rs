//! The lines of some channels, family by family: what a scrape reads from one end to the other.
//!
//! A scrape has all channels' lines of one family before any of the next. Were the lines kept
//! channel by channel, a scrape would collect them from all over the memory, once for each
//! family; so the lines of [`SLOTS`] channels are laid side by side when a scrape finds that one
//! of them has changed.

use super::length_prefix;
use super::rendered::{FAMILY_COUNT, RenderedChannel, write_lines};

/// Channels per chunk: one per bit of the `u64` occupancy mask.
pub(super) const SLOTS: u64 = u64::BITS as u64;

/// The lines of some channels. A chunk is never changed, only [rebuilt](Self::rebuild): scrapes
/// in progress share it.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// First the labels of each slot, which may be empty; then, for each family, the slots that
    /// have lines: one byte for the slot, and its [length-prefixed](length_prefix) lines.
    bytes: Vec<u8>,
    /// Where each slot's labels end.
    labels: Vec<u32>,
    families: Vec<FamilyIndex>,
}

/// A family's lines in a chunk.
#[derive(Debug, Clone, Copy, Default)]
struct FamilyIndex {
    /// Where they end.
    end: u32,
    /// How many there are.
    lines: u32,
    /// Their length when written out, without the family's name.
    length: u32,
}

/// A slot that a channel occupies.
pub(super) struct ChunkSlot<'a> {
    /// The slot's number.
    pub(super) slot: u8,
    /// The channel's new lines; `None` where they are those of the previous chunk.
    pub(super) rendered: Option<&'a RenderedChannel>,
}

// === impl Chunk ===

impl Chunk {
    /// The chunk that follows this one, with these channels, sorted by slot. It reuses the memory
    /// of `old`.
    pub(super) fn rebuild(&self, channels: &[ChunkSlot<'_>], old: Self) -> Self {
        let Self {
            mut bytes,
            mut labels,
            mut families,
        } = old;
        bytes.clear();
        bytes.reserve(self.bytes.len());
        labels.clear();
        families.clear();
        for channel in channels {
            // Free slots have no labels.
            labels.resize(usize::from(channel.slot), offset(bytes.len()));
            bytes.extend_from_slice(match channel.rendered {
                Some(rendered) => rendered.labels(),
                None => self.labels(channel.slot),
            });
            labels.push(offset(bytes.len()));
        }
        let label_lengths: Vec<usize> = (0..labels.len())
            .map(|slot| range(&labels, slot).len())
            .collect();
        let mut rendered: Vec<_> = channels
            .iter()
            .map(|channel| channel.rendered.map(RenderedChannel::families))
            .collect();
        families.extend((0..FAMILY_COUNT).map(|family| {
            let mut index = FamilyIndex::default();
            let mut before = self.groups(family).peekable();
            for (channel, rendered) in channels.iter().zip(&mut rendered) {
                while before.next_if(|(slot, _)| *slot < channel.slot).is_some() {}
                let old = before.next_if(|(slot, _)| *slot == channel.slot);
                let lines = match rendered {
                    Some(families) => families.next().unwrap_or_default(),
                    None => old.map_or(&[][..], |(_, lines)| lines),
                };
                if lines.is_empty() {
                    continue;
                }
                bytes.push(channel.slot);
                length_prefix::push(lines, &mut bytes);
                let labels = label_lengths.get(usize::from(channel.slot)).unwrap_or(&0);
                for line in length_prefix::iter(lines) {
                    index.lines += 1;
                    index.length = index.length.saturating_add(offset(labels + line.len()));
                }
            }
            index.end = offset(bytes.len());
            index
        }));
        // The old chunk may have been far larger.
        bytes.shrink_to(bytes.len() + bytes.len() / 8);
        Self {
            bytes,
            labels,
            families,
        }
    }

    /// The length of a family's lines when written out, `name` being the family's.
    pub(super) fn size(&self, family: usize, name: &str) -> usize {
        let index = self.families.get(family).copied().unwrap_or_default();
        index.lines as usize * name.len() + index.length as usize
    }

    /// Writes a family's lines out, `name` being the family's.
    pub(super) fn write(&self, family: usize, name: &str, out: &mut Vec<u8>) {
        for (slot, lines) in self.groups(family) {
            write_lines(name, self.labels(slot), lines, out);
        }
    }

    /// The memory that the chunk takes, in bytes.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.labels) + size_of_val(&*self.families)
    }

    fn labels(&self, slot: u8) -> &[u8] {
        let range = range(&self.labels, usize::from(slot));
        self.bytes.get(range).unwrap_or_default()
    }

    /// The slots that have lines of a family, with them.
    fn groups(&self, family: usize) -> impl Iterator<Item = (u8, &[u8])> {
        let start = match family.checked_sub(1) {
            Some(before) => self.families.get(before).map(|index| index.end),
            None => self.labels.last().copied(),
        };
        let end = self.families.get(family).map(|index| index.end);
        let range = start.unwrap_or(0) as usize..end.unwrap_or(0) as usize;
        let mut rest = self.bytes.get(range).unwrap_or_default();
        std::iter::from_fn(move || {
            let (slot, after) = rest.split_first()?;
            rest = after;
            Some((*slot, length_prefix::next(&mut rest)?))
        })
    }
}

/// The range of the part with that index, of parts that follow each other and end there.
fn range(ends: &[u32], index: usize) -> std::ops::Range<usize> {
    let end = |index: usize| ends.get(index).map_or(0, |end| *end as usize);
    index.checked_sub(1).map_or(0, end)..end(index)
}

/// A chunk has some 40 kilobytes; gigabytes would need labels that no configuration has.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
