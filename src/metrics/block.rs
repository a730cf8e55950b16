//! The lines of some channels, family by family: what a scrape reads from one end to the other.
//!
//! A scrape has all channels' lines of one family before any of the next. Channel by channel in
//! memory, they would have to be picked up from everywhere, once for each family; so those of
//! [`SLOTS`] channels are laid side by side when a scrape finds that one of them has changed.

use super::packed;
use super::piece::{self, Piece};

/// So many channels stand in a block: those of whom a word has a bit each.
pub(super) const SLOTS: u64 = u64::BITS as u64;

/// The lines of some channels. Never changed, only [renewed](Self::renewed): scrapes under way
/// share it.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// First the labels of each slot, which may be empty, and then, for each family, the slots
    /// that have lines: one byte for the slot, and its lines [packed].
    bytes: Vec<u8>,
    /// Where each slot's labels end.
    labels: Vec<u32>,
    sections: Vec<Section>,
}

/// A family's lines.
#[derive(Debug, Clone, Copy, Default)]
struct Section {
    /// Where it ends.
    end: u32,
    /// How many lines it has.
    lines: u32,
    /// How long they are when written out, without the family's name.
    length: u32,
}

/// A channel that has its place in a block.
pub(super) struct Placed<'a> {
    /// Which place.
    pub(super) slot: u8,
    /// What it says now, where that is not what it said before.
    pub(super) fresh: Option<&'a Piece>,
}

// === impl Block ===

impl Block {
    /// What these channels say, in the order of their slots; those that have nothing new to say
    /// say what they say here. It takes the place of `old`, which nobody reads any more.
    pub(super) fn renewed(&self, channels: &[Placed<'_>], old: Self) -> Self {
        let Self {
            mut bytes,
            mut labels,
            mut sections,
        } = old;
        bytes.clear();
        bytes.reserve(self.bytes.len());
        labels.clear();
        sections.clear();
        for channel in channels {
            // Slots that nobody has any more have no labels.
            labels.resize(usize::from(channel.slot), offset(bytes.len()));
            bytes.extend_from_slice(match channel.fresh {
                Some(piece) => piece.labels(),
                None => self.labels(channel.slot),
            });
            labels.push(offset(bytes.len()));
        }
        let lengths: Vec<usize> = (0..labels.len())
            .map(|slot| bounds(&labels, slot).len())
            .collect();
        let mut fresh: Vec<_> = channels
            .iter()
            .map(|channel| channel.fresh.map(Piece::families))
            .collect();
        sections.extend((0..piece::FAMILIES).map(|family| {
            let mut section = Section::default();
            let mut before = self.groups(family).peekable();
            for (channel, fresh) in channels.iter().zip(&mut fresh) {
                while before.next_if(|(slot, _)| *slot < channel.slot).is_some() {}
                let old = before.next_if(|(slot, _)| *slot == channel.slot);
                let lines = match fresh {
                    Some(families) => families.next().unwrap_or_default(),
                    None => old.map_or(&[][..], |(_, lines)| lines),
                };
                if lines.is_empty() {
                    continue;
                }
                bytes.push(channel.slot);
                packed::put(lines, &mut bytes);
                let labels = lengths.get(usize::from(channel.slot)).unwrap_or(&0);
                for line in packed::each(lines) {
                    section.lines += 1;
                    section.length = section.length.saturating_add(offset(labels + line.len()));
                }
            }
            section.end = offset(bytes.len());
            section
        }));
        // What was there may have been far larger.
        bytes.shrink_to(bytes.len() + bytes.len() / 8);
        Self {
            bytes,
            labels,
            sections,
        }
    }

    /// How many bytes its lines of a family have, `name` being the family's.
    pub(super) fn size(&self, family: usize, name: &str) -> usize {
        let section = self.sections.get(family).copied().unwrap_or_default();
        section.lines as usize * name.len() + section.length as usize
    }

    /// Writes its lines of a family out, `name` being the family's.
    pub(super) fn write(&self, family: usize, name: &str, out: &mut Vec<u8>) {
        for (slot, lines) in self.groups(family) {
            let labels = self.labels(slot);
            for line in packed::each(lines) {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(labels);
                out.extend_from_slice(line);
            }
        }
    }

    /// So many bytes it takes.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.labels) + size_of_val(&*self.sections)
    }

    fn labels(&self, slot: u8) -> &[u8] {
        let bounds = bounds(&self.labels, usize::from(slot));
        self.bytes.get(bounds).unwrap_or_default()
    }

    /// The slots that have lines of a family, with them.
    fn groups(&self, family: usize) -> impl Iterator<Item = (u8, &[u8])> {
        let start = match family.checked_sub(1) {
            Some(before) => self.sections.get(before).map(|section| section.end),
            None => self.labels.last().copied(),
        };
        let end = self.sections.get(family).map(|section| section.end);
        let bounds = start.unwrap_or(0) as usize..end.unwrap_or(0) as usize;
        let mut rest = self.bytes.get(bounds).unwrap_or_default();
        std::iter::from_fn(move || {
            let (slot, after) = rest.split_first()?;
            rest = after;
            Some((*slot, packed::take(&mut rest)?))
        })
    }
}

/// From where to where the one at that place is, all standing one behind the other from 0 on.
fn bounds(ends: &[u32], place: usize) -> std::ops::Range<usize> {
    let end = |place: usize| ends.get(place).map_or(0, |end| *end as usize);
    place.checked_sub(1).map_or(0, end)..end(place)
}

/// A block has some 40 kilobytes; one of gigabytes would need labels that no file has.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
