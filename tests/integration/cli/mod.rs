//! Subcommands, as processes.

mod commands;
mod operations;
mod secrets;
mod systemd_and_healthcheck;
