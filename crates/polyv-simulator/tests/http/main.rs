//! The simulator over real HTTP.

// clippy's exception for tests does not cover the helpers beside them.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod control;
mod faults;
mod server;
mod writes;

// The exporter's integration tests start the simulator in the same way.
#[path = "../../../../tests/integration/support/simulator_server.rs"]
mod simulator_server;
