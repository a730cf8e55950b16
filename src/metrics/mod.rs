//! The metric families, and how channels become text.
//!
//! Lines are rendered when a channel changes, not when they are read. The
//! [store](crate::state::ChannelStore) hands out a snapshot of each changed channel; its lines
//! are [rendered], family by family; [chunks](chunk) hold the lines of 64 channels in the order
//! in which they are read; and a [scrape](ScrapeWriter) only concatenates these behind each
//! family's header. No state of a channel is kept here. [`RenderedChannels`] says why no stale
//! line is ever scraped.
//!
//! The exporter's own metrics are gathered by the `prometheus` crate and
//! [encoded](self_metrics_encoder) here, in both formats.

mod chunk;
mod chunk_cache;
pub mod families;
mod length_prefix;
mod metrics_reference;
mod partial;
mod rendered;
mod rendered_channels;
mod scrape;
mod self_metrics_encoder;
#[cfg(test)]
mod tests;
mod text_format;

pub use metrics_reference::metrics_reference;
pub use partial::{render_channel, render_self_metrics};
pub use rendered_channels::RenderedChannels;
pub use scrape::{ScrapeWriter, render};
pub use text_format::Format;
