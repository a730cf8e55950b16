//! The catalogue of metric families, and how channels become text.
//!
//! Rendered when it changes, not when it is read: an answer re-renders the lines of its own
//! channel, family by family, into a [piece](piece); a scrape only strings the pieces together
//! behind each family's header. What changes by time alone is known beforehand, so a scrape
//! first lets [expire](Store::expire) what is due and then shows nothing that is not true any
//! more. The exporter's own few metrics are gathered by the `prometheus` crate and
//! [encoded](own) here, in both formats.
//!
//! Pages for people get [views](View) instead, made when somebody looks.

pub mod catalogue;
mod census;
mod document;
mod own;
mod part;
mod piece;
mod store;
mod text;
mod view;

pub use document::document;
pub use part::{render_channel, render_own};
pub use piece::Identity;
pub use store::{ChannelKey, Exposure, Store, Turned};
pub use text::Format;
pub use view::{Answer, Detail, StreamHistory, StreamView, View};

use prometheus::proto::MetricFamily;

use crate::clock::Now;

/// Everything there is to scrape.
#[must_use]
pub fn render(store: &Store, own: &[MetricFamily], format: Format, now: Now) -> String {
    let pieces = store.pieces(now);
    let size: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut out = String::with_capacity(size + 32 * 1024);
    for (index, family) in piece::families().enumerate() {
        format.header(family, &mut out);
        for piece in &pieces {
            out.push_str(piece.of(index));
        }
    }
    store.write_census(format, now, &mut out);
    for family in own {
        own::write(family, format, &mut out);
    }
    format.footer(&mut out);
    out
}
