//! One file for each command: it wires the rooms together and talks to the person.

mod check_config;
mod configuration;
mod demo;
mod exporter;
mod failure;
mod output;
mod probe;
mod reloader;
mod serve;
mod signals;
mod simulate;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use failure::Failure;

/// Does what the command line says. The exit status is 0 where it was done, 1 where it failed
/// and 2 where the command line or the configuration is wrong.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::CheckConfig(arguments) => check_config::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
