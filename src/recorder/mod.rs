//! The flight recorder: what is kept of broadcasts on disk, and who reads it.
//!
//! The [`Recorder`] receives every update of a channel and queues it for a thread, which writes
//! one transaction a second to an `SQLite` database. A [`Reader`] reads recordings beside it, and a
//! [`LogReader`] what was recorded since, for remote writes.

mod broadcast;
mod database;
mod error;
mod export;
mod export_format;
mod files;
mod filling;
mod log;
mod lost_samples;
mod message;
mod missing_ranges;
mod reader;
#[allow(clippy::module_inception)] // the module's main type
mod recorder;
mod recording;
mod sample_block;
mod sample_family;
mod schema;
mod store;
mod store_cleanup;
mod store_queries;
#[cfg(test)]
mod tests;
mod tracked_channel;
mod writer;

pub use broadcast::Broadcast;
pub use error::RecorderError;
pub use export::{Export, ExportError};
pub use export_format::ExportFormat;
pub use log::{Lane, LogEntry, LogReader, LogSeries, LogValue};
pub use reader::{Reader, RecordedChannel};
pub use recorder::{Recorder, RecorderThread};
pub use recording::{
    ChannelRecording, Period, PlannedBroadcast, RecordedSample, RecordedState, StreamRecording,
    ViewerCount,
};
pub use sample_family::SampleFamily;
