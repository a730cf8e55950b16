//! Flags of `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::common::ConfigArgs;
use crate::report::parse_time;
use polyv_client::clock::Timestamp;

/// Flags of `export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Where the configuration is, whose `recorder.path` is read.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The directory of the recording, in place of a configuration's
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "file")]
    pub path: Option<PathBuf>,
    /// A channel to export; repeatable. Without one, all are
    #[arg(long = "channel", value_name = "ID", value_delimiter = ',')]
    pub channels: Vec<String>,
    /// The account of the channels; without one, all are
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// The first moment, such as 2026-12-01T20:00:00+08:00
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub since: Option<Timestamp>,
    /// The moment after the last one
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<Timestamp>,
    /// The format
    #[arg(long, value_name = "FORMAT")]
    pub format: ExportFormatArg,
    /// The file to write; without one, standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Writes a file for each day (in UTC), with the day in its name
    #[arg(long, value_name = "BY", requires = "output")]
    pub split: Option<SplitArg>,
}

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormatArg {
    /// for `promtool tsdb create-blocks-from openmetrics`
    Openmetrics,
    /// JSON lines, for the import of `VictoriaMetrics`
    Jsonl,
    /// one row for each sample
    Csv,
}

/// How an export is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitArg {
    /// one file for each day
    Day,
}
