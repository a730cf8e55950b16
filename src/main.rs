//! The `polyv-exporter` program.

use std::process::ExitCode;

use clap::Parser;
use polyv_exporter::cli::Cli;
use polyv_exporter::commands;

/// What one thread has freed another one can have. The C library's own allocator keeps memory for
/// each thread apart (glibc: half as much again with 100,000 channels) or has all of them wait for
/// each other (musl).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::run(Cli::parse())
}
