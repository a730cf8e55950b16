//! Flags that several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::telemetry::{LogFormat, LogLevel};

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// The configuration file. Without one, `POLYV_APP_ID`, `POLYV_APP_SECRET` (or
    /// `POLYV_APP_SECRET_FILE`) and `POLYV_CHANNELS` are configuration enough
    #[arg(long = "config.file", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// How to log.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// How much to log
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info")]
    pub level: LogLevel,
    /// How to write it
    #[arg(long = "log.format", value_name = "FORMAT", default_value = "logfmt")]
    pub format: LogFormat,
}

/// What the commands need that call Polyv as an account.
#[derive(Debug, Clone, Args)]
pub struct AccountArgs {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The account to act as; without it, the one whose configuration lists the channel
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// How to show the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// How a command shows its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For a person.
    #[default]
    Text,
    /// For a script.
    Json,
}
