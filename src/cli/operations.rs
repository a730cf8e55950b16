//! Flags of the commands that change something at Polyv.

use std::path::PathBuf;

use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};
use clap::{Args, Subcommand, ValueEnum};

use super::common::{ConfigArgs, LogArgs, Output};

/// What all operations need.
#[derive(Debug, Clone, Args)]
pub struct OperationArgs {
    /// The channel
    #[arg(long, value_name = "ID", env = "POLYV_EXPORTER_CHANNEL")]
    pub channel: String,
    /// The account to act as; without it, the one whose configuration lists the channel
    #[arg(long, value_name = "NAME", env = "POLYV_EXPORTER_ACCOUNT")]
    pub account: Option<String>,
    /// Shows what would be sent, and changes nothing
    #[arg(
        long,
        env = "POLYV_EXPORTER_DRY_RUN",
        value_parser = FalseyValueParser::new()
    )]
    pub dry_run: bool,
    /// How to show what came of it
    #[arg(
        long,
        value_name = "FORMAT",
        env = "POLYV_EXPORTER_OUTPUT",
        default_value = "text"
    )]
    pub output: Output,
    #[command(flatten)]
    #[allow(missing_docs)] // its flags are documented in their own struct
    pub config: ConfigArgs,
    #[command(flatten)]
    #[allow(missing_docs)] // its flags are documented in their own struct
    pub log: LogArgs,
}

/// What to do about sessions.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// Links the channel's coming sessions to an id of your own
    Link(LinkArgs),
}

/// Flags of `session link`.
#[derive(Debug, Clone, Args)]
pub struct LinkArgs {
    #[command(flatten)]
    #[allow(missing_docs)] // its flags are documented in their own struct
    pub operation: OperationArgs,
    /// The id: 32 characters
    #[arg(long, value_name = "ID32", env = "POLYV_EXPORTER_EXTERNAL_ID")]
    pub external_id: Option<String>,
    /// Makes an id and shows it
    #[arg(
        long,
        env = "POLYV_EXPORTER_GENERATE",
        value_parser = FalseyValueParser::new()
    )]
    pub generate: bool,
}

/// What to do about video moderation.
#[derive(Debug, Subcommand)]
pub enum ModerationCommand {
    /// Changes the settings that are given, and leaves the others as they are
    Set(ModerationArgs),
}

/// Flags of `moderation set`.
#[derive(Debug, Clone, Args)]
pub struct ModerationArgs {
    #[command(flatten)]
    #[allow(missing_docs)] // its flags are documented in their own struct
    pub operation: OperationArgs,
    /// Turns it on
    #[arg(
        long,
        env = "POLYV_EXPORTER_ENABLED",
        value_parser = FalseyValueParser::new()
    )]
    pub enabled: bool,
    /// Turns it off
    #[arg(
        long,
        env = "POLYV_EXPORTER_DISABLED",
        value_parser = FalseyValueParser::new()
    )]
    pub disabled: bool,
    /// How often a screenshot is judged
    #[arg(long, value_name = "INTERVAL", env = "POLYV_EXPORTER_INTERVAL")]
    pub interval: Option<IntervalArg>,
    /// How strictly
    #[arg(long, value_name = "STRATEGY", env = "POLYV_EXPORTER_STRATEGY")]
    pub strategy: Option<StrategyArg>,
    /// Who is notified of what was found: exactly those; `none` for no one
    #[arg(
        long,
        value_name = "WHO,…",
        env = "POLYV_EXPORTER_NOTIFY",
        value_delimiter = ','
    )]
    pub notify: Option<Vec<NotifyArg>>,
}

/// `--interval`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IntervalArg {
    /// 12 a minute
    #[value(name = "5s")]
    Seconds5,
    /// 3 a minute
    #[value(name = "20s")]
    Seconds20,
    /// 1 a minute
    #[value(name = "60s", alias = "1m")]
    Seconds60,
}

/// `--strategy`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StrategyArg {
    /// lenient
    Easy,
    /// ordinary
    Normal,
    /// strict
    Serious,
}

/// `--notify`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NotifyArg {
    /// Polyv's platform
    Platform,
    /// those who monitor
    Monitor,
    /// assistants
    Assistant,
    /// the host
    Talent,
    /// no one
    None,
}

/// What to do about the chat.
#[derive(Debug, Subcommand)]
pub enum ChatCommand {
    /// Sends messages that count as approved
    Send(Box<SendArgs>),
    /// Switches moderation of messages on or off
    Moderation(ChatModerationArgs),
}

/// Flags of `chat send`.
#[derive(Debug, Clone, Args)]
pub struct SendArgs {
    #[command(flatten)]
    #[allow(missing_docs)] // its flags are documented in their own struct
    pub operation: OperationArgs,
    /// One message's text, up to 2,000 characters
    #[arg(
        long,
        value_name = "TEXT",
        env = "POLYV_EXPORTER_CONTENT",
        required_unless_present = "messages",
        requires_all = ["viewer_id", "nickname"]
    )]
    pub content: Option<String>,
    /// Who says it, up to 64 characters
    #[arg(long, value_name = "ID", env = "POLYV_EXPORTER_VIEWER_ID")]
    pub viewer_id: Option<String>,
    /// The name that is shown, up to 128 characters
    #[arg(long, value_name = "NAME", env = "POLYV_EXPORTER_NICKNAME")]
    pub nickname: Option<String>,
    /// An id of your own, up to 32 characters; without it, one is made
    #[arg(long, value_name = "ID", env = "POLYV_EXPORTER_MSG_ID")]
    pub msg_id: Option<String>,
    /// The address of a picture, up to 200 characters
    #[arg(long, value_name = "URL", env = "POLYV_EXPORTER_AVATAR")]
    pub avatar: Option<String>,
    /// The session that it belongs to
    #[arg(
        long,
        value_name = "ID",
        env = "POLYV_EXPORTER_SESSION_ID",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub session_id: Option<String>,
    /// What kind of viewer says it
    #[arg(long, value_name = "TYPE", env = "POLYV_EXPORTER_VIEWER_TYPE")]
    pub viewer_type: Option<ViewerTypeArg>,
    /// Many messages: a JSON list of them, as Polyv writes them; `-` is standard input
    #[arg(
        long = "file",
        value_name = "FILE",
        env = "POLYV_EXPORTER_FILE",
        conflicts_with_all = ["content", "viewer_id", "nickname", "msg_id", "avatar", "session_id", "viewer_type"]
    )]
    pub messages: Option<PathBuf>,
    /// How many messages go in one call
    #[arg(
        long,
        value_name = "N",
        env = "POLYV_EXPORTER_BATCH_SIZE",
        default_value = "50",
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub batch_size: u16,
    /// Where to write messages that were not sent, ready for --file; else they are shown
    #[arg(long, value_name = "FILE", env = "POLYV_EXPORTER_UNSENT")]
    pub unsent: Option<PathBuf>,
}

/// `--viewer-type`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ViewerTypeArg {
    /// a viewer
    Viewer,
    /// a student
    Student,
    /// a student of a cloud classroom
    Slice,
}

/// Flags of `chat moderation`.
#[derive(Debug, Clone, Args)]
pub struct ChatModerationArgs {
    #[command(flatten)]
    #[allow(missing_docs)] // its flags are documented in their own struct
    pub operation: OperationArgs,
    /// What it is to be
    #[arg(value_name = "STATE")]
    pub state: SwitchArg,
}

/// What a switch is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SwitchArg {
    /// on
    On,
    /// off
    Off,
    /// the other way round
    Toggle,
}
