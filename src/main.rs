//! The `polyv-exporter` program.

use std::process::ExitCode;

use polyv_exporter::cli::Cli;
use polyv_exporter::commands;

fn main() -> ExitCode {
    commands::run(Cli::from_process())
}
