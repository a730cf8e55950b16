//! The catalogue of metric families, and how channels become text.
//!
//! Rendered when it changes, not when it is read: an answer re-renders the lines of its own
//! channel, family by family, into a [piece](piece); [blocks](block) of them are laid out in the
//! order in which they are read; and a [scrape](Scrape) only strings these together behind each
//! family's header. What changes by time alone is known beforehand, so a scrape
//! first lets [expire](Store::expire) what is due and then shows nothing that is not true any
//! more. The exporter's own few metrics are gathered by the `prometheus` crate and
//! [encoded](own) here, in both formats.
//!
//! Pages for people get [views](View) instead, made when somebody looks.

mod block;
mod blocks;
pub mod catalogue;
mod census;
mod document;
mod key;
mod own;
mod packed;
mod part;
mod piece;
mod scrape;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use document::document;
pub use key::ChannelKey;
pub use part::{render_channel, render_own};
pub use piece::Identity;
pub use scrape::Scrape;
pub use store::{Exposure, Store, Turned};
pub use text::Format;
pub use view::{Answer, Detail, StreamHistory, StreamView, View};

use prometheus::proto::MetricFamily;

use polyv_client::clock::Now;

/// Everything there is to scrape, as one text.
#[must_use]
pub fn render(store: &Store, own: &[MetricFamily], format: Format, now: Now) -> String {
    let mut scrape = Scrape::new(store, own, format, now);
    let mut out = Vec::with_capacity(scrape.left());
    while scrape.left() > 0 {
        scrape.write(usize::MAX, &mut out);
    }
    // It is put together of texts alone.
    String::from_utf8(out).unwrap_or_default()
}
