//! One file per command: it wires modules together and talks to the person.

mod api_session;
mod app;
mod check_config;
mod completions;
mod config_reloader;
#[cfg(feature = "simulator")]
mod demo;
mod error;
mod export;
mod healthcheck;
mod init;
mod load_config;
mod operations;
mod output;
mod probe;
mod proxy;
mod reloader;
mod replay;
mod report;
mod runtime;
mod serve;
mod shard;
mod signals;
#[cfg(feature = "simulator")]
mod simulate;
mod systemd;
mod watched_source;
mod web_config_reloader;

use std::process::ExitCode;

use crate::cli::{ChatCommand, Cli, Command, ModerationCommand, SessionCommand};
use crate::telemetry::Stderr;
use error::CommandError;

/// Does what the command line says. The exit status is 0 where it was done, 1 where it failed
/// and 2 where the command line or the configuration is wrong.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(arguments) => serve::run(&arguments),
        #[cfg(feature = "simulator")]
        Command::Demo(arguments) => demo::run(&arguments),
        #[cfg(feature = "simulator")]
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::CheckConfig(arguments) => check_config::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
        Command::Session(SessionCommand::Link(arguments)) => operations::link(&arguments),
        Command::Moderation(ModerationCommand::Set(arguments)) => operations::moderate(&arguments),
        Command::Chat(ChatCommand::Send(arguments)) => operations::send(&arguments),
        Command::Chat(ChatCommand::Moderation(arguments)) => operations::switch(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man => completions::manual(),
    };
    let status = match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    };
    Stderr::drain();
    status
}
