//! Watches live streams on Polyv (保利威) and tells Prometheus how they are.
//!
//! Data runs one way through the rooms of this house, and no room looks back upstream:
//!
//! ```text
//! configuration ─▶ poller ─▶ polyv ─▶ channel ─▶ exposition ─▶ web
//!   what to ask     when       asks     knows      renders       serves
//! ```
//!
//! - [`channel`]: what is known of one channel; pure
//! - [`clock`]: time, injected
//! - [`cli`], [`commands`]: the command line, and one file for each command
//! - [`config`]: what to ask, and what is expected
//! - [`exposition`]: the catalogue of metrics, and how channels become text
//! - [`poller`]: which channel is asked when
//! - [`polyv`]: a client for Polyv's API, with the one limiter
//! - [`simulator`]: a Polyv that behaves as documented, for tests and rehearsals
//! - [`telemetry`]: the exporter's own metrics, and its log
//! - [`web`]: what is served over HTTP
//! - [`yaml`]: documents that know the place of their every fault

pub mod channel;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod exposition;
pub mod poller;
pub mod polyv;
pub mod simulator;
pub mod telemetry;
pub mod web;
pub mod yaml;
