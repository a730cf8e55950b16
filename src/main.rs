//! The `polyv-exporter` program.

use std::process::ExitCode;

use clap::Parser;
use polyv_exporter::cli::Cli;
use polyv_exporter::commands;

fn main() -> ExitCode {
    commands::run(Cli::parse())
}
