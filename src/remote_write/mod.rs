//! Remote write 1.0: sends what is recorded to Prometheus, `VictoriaMetrics` and others, each
//! sample with its own time.
//!
//! The recorder is the [`Queue`]. Each endpoint has a durable position in each of its two
//! [lanes](crate::recorder::Lane), so that filled samples never delay new ones. A lane sends one chunk after the
//! other: it makes a batch of entries, sends it in one or more requests, repeats what failed, and
//! only then stores its position. A restart continues there.

mod backoff;
mod batch;
mod client;
mod delivery;
mod endpoint;
mod lane_sender;
mod messages;
mod queue;
mod remote_writers;
#[cfg(test)]
mod tests;

pub use batch::METRIC_NAMES;
pub use queue::{Queue, QueueError, RecorderLog};
pub use remote_writers::RemoteWriters;
