//! The families of metric families, and how channels become text.
//!
//! Rendered when it changes, not when it is read: an answer re-renders the lines of its own
//! channel, family by family, into a [piece](piece); [blocks](block) of them are laid out in the
//! order in which they are read; and a [scrape](ScrapeWriter) only strings these together behind each
//! family's header. What changes by time alone is known beforehand, so a scrape
//! first lets [expire](ChannelStore::expire) what is due and then shows nothing that is not true any
//! more. The exporter's own few metrics are gathered by the `prometheus` crate and
//! [encoded](own) here, in both formats.
//!
//! Pages for people get [snapshots](ChannelSnapshot) instead, made when somebody looks.

mod block;
mod blocks;
mod census;
pub mod families;
mod key;
mod metrics_reference;
mod packed;
mod partial;
mod piece;
mod scrape;
mod self_metrics_encoder;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod text_format;
mod view;

pub use key::ChannelKey;
pub use metrics_reference::metrics_reference;
pub use partial::{render_channel, render_self_metrics};
pub use piece::ChannelMeta;
pub use scrape::ScrapeWriter;
pub use store::{ChannelStore, Exposure, StateTransition};
pub use text_format::Format;
pub use view::{ChannelDetail, ChannelSnapshot, PollLogView, StreamHistory, StreamSnapshot};

use prometheus::proto::MetricFamily;

use polyv_client::clock::TimeSnapshot;

/// Everything there is to scrape, as one text.
#[must_use]
pub fn render(
    store: &ChannelStore,
    own: &[MetricFamily],
    format: Format,
    now: TimeSnapshot,
) -> String {
    let mut scrape = ScrapeWriter::new(store, own, format, now);
    let mut out = Vec::with_capacity(scrape.remaining());
    while scrape.remaining() > 0 {
        scrape.write(usize::MAX, &mut out);
    }
    // It is put together of texts alone.
    String::from_utf8(out).unwrap_or_default()
}
