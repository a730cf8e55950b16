//! Flags of `init`.

use std::path::PathBuf;

use clap::Args;

use super::common::LogArgs;

/// Flags of `init`. Prompts on the terminal ask for what they leave open.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The configuration file to write; an existing one is not replaced
    #[arg(
        long = "config.file",
        value_name = "FILE",
        default_value = "polyv-exporter.yml"
    )]
    pub file: PathBuf,
    /// The account's appId, from Polyv's console
    #[arg(long, value_name = "ID")]
    pub app_id: Option<String>,
    /// The file with the account's appSecret
    #[arg(long, value_name = "FILE")]
    pub app_secret_file: Option<PathBuf>,
    /// The channels' ids
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub channels: Vec<String>,
    /// Discovers all of the account's channels
    #[arg(long, conflicts_with = "channels")]
    pub discover: bool,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}
