//! The exporter's own metrics, and its log.
//!
//! Channels' metrics are not here: they are [rendered](crate::metrics) when they change.

mod glance;
mod log;
mod metrics;
mod process;

pub use glance::Glance;
pub use log::{LogFormat, LogLevel, start_log};
pub use metrics::{BuildInfo, Endpoint, Metrics, Reloads};
