//! Everything there is to scrape at one moment, written out bit by bit.

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::block::Block;
use super::store::ChannelStore;
use super::text_format::Format;
use super::{piece, self_metrics_encoder};
use polyv_client::clock::TimeSnapshot;

/// Everything there is to scrape at one moment, written out bit by bit: a hundred thousand
/// channels are 100 megabytes of text, of which nobody needs more than what the network takes
/// next.
///
/// What it says was true when it was begun. It holds what it has to say in a quarter of the
/// text's space or less, and shares that with all others.
#[derive(Debug)]
pub struct ScrapeWriter {
    format: Format,
    blocks: Vec<Arc<Block>>,
    /// The families that are not of single channels, written out, and the end.
    own: String,
    next: Cursor,
    remaining: usize,
}

/// What is to be written next.
#[derive(Debug, Clone, Copy)]
enum Cursor {
    Header { family: usize },
    Lines { family: usize, block: usize },
    Own { from: usize },
}

// === impl ScrapeWriter ===

impl ScrapeWriter {
    /// Everything as it is true now, with `own`, the exporter's own families.
    #[must_use]
    pub fn new(
        store: &ChannelStore,
        own: &[MetricFamily],
        format: Format,
        now: TimeSnapshot,
    ) -> Self {
        let blocks = store.blocks(now);
        let mut text = String::new();
        store.write_census(format, now, &mut text);
        for family in own {
            self_metrics_encoder::write(family, format, &mut text);
        }
        format.footer(&mut text);
        let mut remaining = text.len();
        let mut header = String::new();
        for (index, family) in piece::families().enumerate() {
            header.clear();
            format.header(family, &mut header);
            remaining += header.len();
            let sizes = blocks.iter().map(|block| block.size(index, family.name));
            remaining += sizes.sum::<usize>();
        }
        Self {
            format,
            blocks,
            own: text,
            next: Cursor::Header { family: 0 },
            remaining,
        }
    }

    /// How many bytes are still to be written.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    /// Writes the next `room` bytes or fewer; more where the lines of one family and a few
    /// channels do not fit into that, and none where nothing is left.
    pub fn write(&mut self, room: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        while self.remaining > out.len() - begin {
            let free = room.saturating_sub(out.len() - begin);
            if !self.write_next(free, out.len() == begin, out) {
                break;
            }
        }
        let written = out.len() - begin;
        // Where nothing comes any more there is nothing left, whatever was reckoned.
        self.remaining = if written > 0 {
            self.remaining.saturating_sub(written)
        } else {
            0
        };
    }

    /// Writes the next part if it has `room`, or `must` be written; whether it was.
    fn write_next(&mut self, room: usize, must: bool, out: &mut Vec<u8>) -> bool {
        self.next = match self.next {
            Cursor::Header { family } => {
                let Some(described) = piece::family(family) else {
                    self.next = Cursor::Own { from: 0 };
                    return true;
                };
                let mut header = String::new();
                self.format.header(described, &mut header);
                if header.len() > room && !must {
                    return false;
                }
                out.extend_from_slice(header.as_bytes());
                Cursor::Lines { family, block: 0 }
            }
            Cursor::Lines { family, block } => match self.blocks.get(block) {
                Some(lines) => {
                    let name = piece::family(family).map_or("", |family| family.name);
                    let size = lines.size(family, name);
                    if size > room && !must {
                        return false;
                    }
                    out.reserve(size);
                    lines.write(family, name, out);
                    let block = block + 1;
                    Cursor::Lines { family, block }
                }
                None => Cursor::Header { family: family + 1 },
            },
            Cursor::Own { from } => {
                let rest = self.own.as_bytes().get(from..).unwrap_or_default();
                let some = rest.get(..room).unwrap_or(rest);
                out.extend_from_slice(some);
                if some.is_empty() {
                    return false;
                }
                let from = from + some.len();
                Cursor::Own { from }
            }
        };
        true
    }
}
