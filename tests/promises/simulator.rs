//! The simulated Polyv over real HTTP.

// A test's helpers are tests too: what is unexpected should stop them right there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "simulator/control.rs"]
mod control;
#[path = "simulator/served.rs"]
mod served;
#[path = "simulator/server.rs"]
mod server;
#[path = "simulator/troubles.rs"]
mod troubles;
