//! Everything there is to scrape at one moment, written out bit by bit.

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::block::Block;
use super::store::Store;
use super::text::Format;
use super::{own, piece};
use polyv_client::clock::Now;

/// Everything there is to scrape at one moment, written out bit by bit: a hundred thousand
/// channels are 100 megabytes of text, of which nobody needs more than what the network takes
/// next.
///
/// What it says was true when it was begun. It holds what it has to say in a quarter of the
/// text's space or less, and shares that with all others.
#[derive(Debug)]
pub struct Scrape {
    format: Format,
    blocks: Vec<Arc<Block>>,
    /// The families that are not of single channels, written out, and the end.
    own: String,
    next: Part,
    left: usize,
}

/// What is to be written next.
#[derive(Debug, Clone, Copy)]
enum Part {
    Header { family: usize },
    Lines { family: usize, block: usize },
    Own { from: usize },
}

// === impl Scrape ===

impl Scrape {
    /// Everything as it is true now, with `own`, the exporter's own families.
    #[must_use]
    pub fn new(store: &Store, own: &[MetricFamily], format: Format, now: Now) -> Self {
        let blocks = store.blocks(now);
        let mut text = String::new();
        store.write_census(format, now, &mut text);
        for family in own {
            own::write(family, format, &mut text);
        }
        format.footer(&mut text);
        let mut left = text.len();
        let mut header = String::new();
        for (index, family) in piece::families().enumerate() {
            header.clear();
            format.header(family, &mut header);
            left += header.len();
            let sizes = blocks.iter().map(|block| block.size(index, family.name));
            left += sizes.sum::<usize>();
        }
        Self {
            format,
            blocks,
            own: text,
            next: Part::Header { family: 0 },
            left,
        }
    }

    /// How many bytes are still to be written.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left
    }

    /// Writes the next `room` bytes or fewer; more where the lines of one family and a few
    /// channels do not fit into that, and none where nothing is left.
    pub fn write(&mut self, room: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        while self.left > out.len() - begin {
            let free = room.saturating_sub(out.len() - begin);
            if !self.write_part(free, out.len() == begin, out) {
                break;
            }
        }
        let written = out.len() - begin;
        // Where nothing comes any more there is nothing left, whatever was reckoned.
        self.left = if written > 0 {
            self.left.saturating_sub(written)
        } else {
            0
        };
    }

    /// Writes the next part if it has `room`, or `must` be written; whether it was.
    fn write_part(&mut self, room: usize, must: bool, out: &mut Vec<u8>) -> bool {
        self.next = match self.next {
            Part::Header { family } => {
                let Some(described) = piece::family(family) else {
                    self.next = Part::Own { from: 0 };
                    return true;
                };
                let mut header = String::new();
                self.format.header(described, &mut header);
                if header.len() > room && !must {
                    return false;
                }
                out.extend_from_slice(header.as_bytes());
                Part::Lines { family, block: 0 }
            }
            Part::Lines { family, block } => match self.blocks.get(block) {
                Some(lines) => {
                    let name = piece::family(family).map_or("", |family| family.name);
                    let size = lines.size(family, name);
                    if size > room && !must {
                        return false;
                    }
                    out.reserve(size);
                    lines.write(family, name, out);
                    let block = block + 1;
                    Part::Lines { family, block }
                }
                None => Part::Header { family: family + 1 },
            },
            Part::Own { from } => {
                let rest = self.own.as_bytes().get(from..).unwrap_or_default();
                let some = rest.get(..room).unwrap_or(rest);
                out.extend_from_slice(some);
                if some.is_empty() {
                    return false;
                }
                let from = from + some.len();
                Part::Own { from }
            }
        };
        true
    }
}
