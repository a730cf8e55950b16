//! What users rely on, through the public interface: a folder per area.
//!
//! One binary, because linking takes the time on two cores.

// A test that meets something unexpected should stop right there; clippy's own exception is
// for functions marked as tests and not for the helpers beside them.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unchecked_time_subtraction,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::format_collect,
    clippy::too_many_lines
)]

mod cli;
mod docs;
mod e2e;
mod http;
mod recorder;
mod reload;
mod reports;
mod scheduling;
mod shards;
mod state;
mod support;
mod web_config;
