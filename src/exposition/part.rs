//! Parts of what there is to scrape, for those who divide it: one channel, or all but the channels.

use prometheus::proto::MetricFamily;

use super::store::{ChannelKey, Store};
use super::text::Format;
use super::{own, piece};
use crate::clock::Now;

/// One channel's families, as far as it has series of them; line for line what [`render`] has of
/// it. `None` where there is no such channel any more.
///
/// [`render`]: super::render
#[must_use]
pub fn render_channel(store: &Store, key: ChannelKey, format: Format, now: Now) -> Option<String> {
    let piece = store.piece(key, now)?;
    let mut out = String::with_capacity(piece.len() + 4096);
    for (index, family) in piece::families().enumerate() {
        let lines = piece.of(index);
        if !lines.is_empty() {
            format.header(family, &mut out);
            out.push_str(lines);
        }
    }
    format.footer(&mut out);
    Some(out)
}

/// The exporter's own families, and nothing of any channel.
#[must_use]
pub fn render_own(families: &[MetricFamily], format: Format) -> String {
    let mut out = String::with_capacity(32 * 1024);
    for family in families {
        own::write(family, format, &mut out);
    }
    format.footer(&mut out);
    out
}
