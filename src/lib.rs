//! Watches live streams on Polyv (保利威) and exposes their quality as Prometheus metrics.
//!
//! Data flows in one direction through the modules; no module depends on one further downstream:
//!
//! ```text
//! configuration ─▶ scheduler ─▶ polyv-client ─▶ state ─▶ metrics ─▶ http
//! ```
//!
//! - [`config`]: the validated configuration
//! - [`plan`]: when broadcasts are planned; pure
//! - [`scheduler`]: which request is due when
//! - [`polyv_client`]: the client for Polyv's API, with the one limiter
//! - [`state`]: what is known of channels; pure
//! - [`metrics`]: metric families, and channels as text
//! - [`recorder`]: what is kept of broadcasts on disk
//! - [`replay`]: recorded samples played to the state machine again
//! - [`report`]: one broadcast for people, from what was recorded
//! - [`remote_write`]: what was recorded, sent to other stores of metrics
//! - [`telemetry`]: the exporter's own metrics, and its log
//! - [`http`]: the HTTP server: metrics, health checks, JSON
//! - [`ui`]: the status page
//! - [`cli`], [`commands`]: the command line, and one file per subcommand
//!
//! `docs/architecture.md` has the whole picture, and a glossary.

pub mod cli;
pub mod commands;
pub mod config;
pub mod display;
pub mod http;
pub mod metrics;
pub mod plan;
pub mod recorder;
pub mod remote_write;
pub mod replay;
pub mod report;
pub mod scheduler;
pub mod state;
pub mod telemetry;
pub mod ui;
