//! Flags that several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::telemetry::{LogFormat, LogLevel};

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// The configuration file. Without one, `POLYV_APP_ID`, `POLYV_APP_SECRET` (or
    /// `POLYV_APP_SECRET_FILE`) and `POLYV_CHANNELS` are configuration enough
    #[arg(
        long = "config.file",
        value_name = "FILE",
        env = "POLYV_EXPORTER_CONFIG_FILE"
    )]
    pub file: Option<PathBuf>,
}

/// How to log.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// How much to log
    #[arg(
        long = "log.level",
        value_name = "LEVEL",
        env = "POLYV_EXPORTER_LOG_LEVEL",
        default_value = "info"
    )]
    pub level: LogLevel,
    /// How to write it
    #[arg(
        long = "log.format",
        value_name = "FORMAT",
        env = "POLYV_EXPORTER_LOG_FORMAT",
        default_value = "logfmt"
    )]
    pub format: LogFormat,
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
