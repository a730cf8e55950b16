//! Flags of the commands that read what was recorded.

use std::path::PathBuf;

use chrono_tz::Tz;
use clap::{Args, ValueEnum};

use super::common::{ConfigArgs, LogArgs, Output};
use crate::display::Language;
use crate::report::{BroadcastChoice, parse_time};
use polyv_client::clock::Timestamp;

/// Flags of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// The channel
    #[arg(value_name = "CHANNEL_ID")]
    pub channel_id: String,
    /// Which broadcast: `latest`, a number that counts back from the latest (1), or a moment of it
    #[arg(long, value_name = "WHICH", default_value = "latest", conflicts_with_all = ["since", "until"])]
    pub broadcast: BroadcastChoice,
    /// From when on, instead of a whole broadcast: `2026-12-01T20:00:00+08:00`
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub since: Option<Timestamp>,
    /// Until when, instead of a whole broadcast
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<Timestamp>,
    /// The format; without it, that of the output file's name, or HTML
    #[arg(id = "report_format", long = "format", value_name = "FORMAT")]
    pub format: Option<ReportFormat>,
    /// The file to write; without it, the report goes to standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The time zone of the times in HTML and Markdown
    #[arg(long, value_name = "ZONE", default_value = "Asia/Shanghai", value_parser = time_zone)]
    pub time_zone: Tz,
    /// The language of HTML and Markdown
    #[arg(long, value_name = "LANGUAGE", default_value = "en")]
    pub lang: Language,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The channel's account; without it, the one whose configuration lists the channel
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One file for people, with charts.
    Html,
    /// For tickets and chats.
    Markdown,
    /// One row for each interruption.
    Csv,
    /// For programs.
    Json,
}

/// Reads the name of a time zone.
fn time_zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| {
        format!("`{name}` is no time zone: write a name such as `Asia/Shanghai` or `UTC`")
    })
}

// === impl ReportArgs ===

impl ReportArgs {
    /// The format that is requested, or that the output file's name says.
    #[must_use]
    pub fn format(&self) -> ReportFormat {
        let extension = self.output.as_ref().and_then(|path| path.extension());
        let by_name = match extension.and_then(|extension| extension.to_str()) {
            Some("md" | "markdown") => ReportFormat::Markdown,
            Some("csv") => ReportFormat::Csv,
            Some("json") => ReportFormat::Json,
            _ => ReportFormat::Html,
        };
        self.format.unwrap_or(by_name)
    }
}

/// Flags of `replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// From when on: `2026-12-01T20:00:00+08:00`
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub since: Timestamp,
    /// Until when
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Timestamp,
    /// The channel to play; repeatable. Without it, all that are configured and were recorded
    #[arg(long, value_name = "ID")]
    pub channel: Vec<String>,
    /// The configuration whose `recorder.path` is played, with its expectations and intervals.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The time zone of the times in text
    #[arg(long, value_name = "ZONE", default_value = "Asia/Shanghai", value_parser = time_zone)]
    pub time_zone: Tz,
    /// How to show the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}
