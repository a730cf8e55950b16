//! A whole scrape, written out piece by piece.

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::chunk::Chunk;
use super::rendered_channels::RenderedChannels;
use super::text_format::Format;
use super::{rendered, self_metrics_encoder};
use polyv_client::clock::TimeSnapshot;

/// A whole scrape at one moment, written out piece by piece: a hundred thousand channels are
/// 100 megabytes of text, of which only as much is in memory as the network takes next.
///
/// It shows the state in which it was created, holds the lines in a quarter of the text's space
/// or less, and shares them with all other scrapes.
#[derive(Debug)]
pub struct ScrapeWriter {
    format: Format,
    chunks: Vec<Arc<Chunk>>,
    /// The families that are not of single channels, and the end, written out.
    self_metrics: String,
    next: Cursor,
    remaining: usize,
}

/// The position of what is written next.
#[derive(Debug, Clone, Copy)]
enum Cursor {
    Header { family: usize },
    Lines { family: usize, chunk: usize },
    SelfMetrics { from: usize },
}

/// A whole scrape as one text.
#[must_use]
pub fn render(
    channels: &RenderedChannels,
    gathered: &[MetricFamily],
    format: Format,
    now: TimeSnapshot,
) -> Vec<u8> {
    let mut scrape = ScrapeWriter::new(channels, gathered, format, now);
    let mut out = Vec::with_capacity(scrape.remaining());
    while scrape.remaining() > 0 {
        scrape.write(usize::MAX, &mut out);
    }
    out
}

// === impl ScrapeWriter ===

impl ScrapeWriter {
    /// A scrape of all channels as they are now, and of `gathered`, the exporter's own families.
    #[must_use]
    pub fn new(
        channels: &RenderedChannels,
        gathered: &[MetricFamily],
        format: Format,
        now: TimeSnapshot,
    ) -> Self {
        let chunks = channels.chunks(now);
        let counts = channels.store().status_counts(now);
        let self_metrics = self_metrics_encoder::encode(&counts, gathered, format);
        let mut remaining = self_metrics.len();
        let mut header = String::new();
        for (index, family) in rendered::families().enumerate() {
            header.clear();
            format.header(family, &mut header);
            remaining += header.len();
            let sizes = chunks.iter().map(|chunk| chunk.size(index, family.name));
            remaining += sizes.sum::<usize>();
        }
        Self {
            format,
            chunks,
            self_metrics,
            next: Cursor::Header { family: 0 },
            remaining,
        }
    }

    /// How many bytes are still to be written.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    /// Writes the next `limit` bytes or fewer; more where one chunk's lines of a family are
    /// longer, and none where nothing is left.
    pub fn write(&mut self, limit: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        while self.remaining > out.len() - begin {
            let free = limit.saturating_sub(out.len() - begin);
            if !self.write_next(free, out.len() == begin, out) {
                break;
            }
        }
        let written = out.len() - begin;
        // Where nothing follows nothing remains, whatever was calculated.
        self.remaining = if written > 0 {
            self.remaining.saturating_sub(written)
        } else {
            0
        };
    }

    /// Writes the next part if it fits into `limit`, or `must` be written. Returns whether it was.
    fn write_next(&mut self, limit: usize, must: bool, out: &mut Vec<u8>) -> bool {
        self.next = match self.next {
            Cursor::Header { family } => {
                let Some(described) = rendered::family(family) else {
                    self.next = Cursor::SelfMetrics { from: 0 };
                    return true;
                };
                let mut header = String::new();
                self.format.header(described, &mut header);
                if header.len() > limit && !must {
                    return false;
                }
                out.extend_from_slice(header.as_bytes());
                Cursor::Lines { family, chunk: 0 }
            }
            Cursor::Lines { family, chunk } => match self.chunks.get(chunk) {
                Some(lines) => {
                    let name = rendered::family(family).map_or("", |family| family.name);
                    let size = lines.size(family, name);
                    if size > limit && !must {
                        return false;
                    }
                    out.reserve(size);
                    lines.write(family, name, out);
                    let chunk = chunk + 1;
                    Cursor::Lines { family, chunk }
                }
                None => Cursor::Header { family: family + 1 },
            },
            Cursor::SelfMetrics { from } => {
                let rest = self.self_metrics.as_bytes().get(from..).unwrap_or_default();
                let part = rest.get(..limit).unwrap_or(rest);
                out.extend_from_slice(part);
                if part.is_empty() {
                    return false;
                }
                let from = from + part.len();
                Cursor::SelfMetrics { from }
            }
        };
        true
    }
}
