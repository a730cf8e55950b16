//! Watches live streams on Polyv (保利威) and tells Prometheus how they are.
//!
//! Data runs one way through the rooms of this house, and no room looks back upstream:
//!
//! ```text
//! configuration ─▶ poller ─▶ polyv ─▶ channel ─▶ exposition ─▶ web
//!   what to ask     when       asks     knows      renders       serves
//! ```
//!
//! - [`state`]: what is known of one channel; pure
//! - [`cli`], [`commands`]: the command line, and one file for each command
//! - [`config`]: what to ask, and what is expected
//! - [`metrics`]: the catalogue of metrics, and how channels become text
//! - [`scheduler`]: which channel is asked when
//! - [`polyv_client`]: a client for Polyv's API, with the one limiter
//! - `polyv_simulator`: a Polyv that behaves as documented, for tests and rehearsals
//! - [`telemetry`]: the exporter's own metrics, and its log
//! - [`http`]: the HTTP server: metrics, health checks, JSON
//! - [`ui`]: the status page
//! - [`yaml`]: documents that know the place of their every fault

pub mod cli;
pub mod commands;
pub mod config;
pub mod http;
pub mod metrics;
pub mod scheduler;
pub mod state;
pub mod telemetry;
pub mod ui;
