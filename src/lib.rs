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
//! - [`polyv`]: a client for Polyv's API, with the one limiter
//! - [`yaml`]: documents that know the place of their every fault
pub mod channel;
pub mod clock;
pub mod polyv;
pub mod yaml;
