//! A whole scrape, written out part by part.

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::chunk::Chunk;
use super::rendered_channels::RenderedChannels;
use super::text_format::Format;
use super::{rendered, self_metrics_encoder};
use polyv_client::clock::TimeSnapshot;

/// A whole scrape at one moment, written out part by part: a hundred thousand channels are
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
    length: usize,
    /// The family and the chunk whose lines are written next.
    family: usize,
    chunk: usize,
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
    let mut out = Vec::with_capacity(scrape.length());
    while scrape.write_next(&mut out) {}
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
        let mut length = self_metrics.len();
        for (index, family) in rendered::families().enumerate() {
            let sizes = chunks.iter().map(|chunk| chunk.size(index, family.name));
            length += format.header(family).len() + sizes.sum::<usize>();
        }
        Self {
            format,
            chunks,
            self_metrics,
            length,
            family: 0,
            chunk: 0,
        }
    }

    /// The length of the whole scrape in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Writes the next part: the header of a family, a chunk's lines of it, or the exporter's own
    /// metrics. Returns whether another part follows.
    pub fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(family) = rendered::family(self.family) else {
            out.extend_from_slice(self.self_metrics.as_bytes());
            return false;
        };
        if self.chunk == 0 {
            out.extend_from_slice(self.format.header(family).as_bytes());
        }
        match self.chunks.get(self.chunk) {
            Some(lines) => {
                out.reserve(lines.size(self.family, family.name));
                lines.write(self.family, family.name, out);
                self.chunk += 1;
            }
            None => {
                self.family += 1;
                self.chunk = 0;
            }
        }
        true
    }
}
