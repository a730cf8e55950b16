//! The exporter's own metrics, and its log.
//!
//! Channels' metrics are not here: they are [rendered](crate::metrics) when they change.

mod exporter_status;
mod log;
mod metrics;
mod process;
mod recorder_metrics;
mod registration;
mod remote_write;
mod stderr;

pub use exporter_status::ExporterStatus;
pub use log::{LogFormat, LogLevel, init_tracing};
pub use metrics::{BuildInfo, Endpoint, Metrics, ReloadMetrics};
pub use recorder_metrics::RecorderMetrics;
pub use remote_write::{DropReason, EndpointMetrics, RemoteWriteMetrics};
pub use stderr::Stderr;
