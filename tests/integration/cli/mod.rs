//! Subcommands, as processes.

mod commands;
mod environment;
mod init;
mod operations;
mod secrets;
mod systemd_and_healthcheck;
mod unread_log;
