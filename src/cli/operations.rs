//! Flags of the commands that change something at Polyv.

use std::path::PathBuf;

use clap::builder::{
    NonEmptyStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser,
};
use clap::{Args, Subcommand, ValueEnum};

use super::common::AccountArgs;
use polyv_client::{ImageInterval, Strategy, ViewerType};

/// A word of the command line, its help, and its meaning.
type Word<T> = (&'static str, &'static str, T);

const INTERVALS: [Word<ImageInterval>; 4] = [
    ("5s", "12 a minute", ImageInterval::Seconds5),
    ("20s", "3 a minute", ImageInterval::Seconds20),
    ("60s", "1 a minute", ImageInterval::Seconds60),
    ("1m", "as 60s", ImageInterval::Seconds60),
];
const STRATEGIES: [Word<Strategy>; 3] = [
    ("easy", "lenient", Strategy::Easy),
    ("normal", "ordinary", Strategy::Normal),
    ("serious", "strict", Strategy::Serious),
];
const VIEWER_TYPES: [Word<ViewerType>; 3] = [
    ("viewer", "a viewer", ViewerType::Viewer),
    ("student", "a student", ViewerType::Student),
    ("slice", "a student of a cloud classroom", ViewerType::Slice),
];

/// Parses one of several words.
fn one_of<T: Copy + Send + Sync + 'static>(
    words: &'static [Word<T>],
) -> impl TypedValueParser<Value = T> {
    let values = words
        .iter()
        .map(|(word, help, _)| PossibleValue::new(*word).help(*help));
    PossibleValuesParser::new(values).try_map(move |given| {
        let known = words
            .iter()
            .find(|(word, ..)| given.eq_ignore_ascii_case(word));
        known
            .map(|(.., meaning)| *meaning)
            .ok_or("it is not a known word")
    })
}

/// What all operations need.
#[derive(Debug, Clone, Args)]
pub struct OperationArgs {
    /// The channel
    #[arg(long, value_name = "ID")]
    pub channel: String,
    /// Shows what would be sent, and changes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Whom to act as, and how to show what came of it.
    #[command(flatten)]
    pub account: AccountArgs,
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
    /// What all operations need.
    #[command(flatten)]
    pub operation: OperationArgs,
    /// The id: 32 characters
    #[arg(long, value_name = "ID32")]
    pub external_id: Option<String>,
    /// Makes an id and shows it
    #[arg(long)]
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
    /// What all operations need.
    #[command(flatten)]
    pub operation: OperationArgs,
    /// Turns it on
    #[arg(long)]
    pub enabled: bool,
    /// Turns it off
    #[arg(long)]
    pub disabled: bool,
    /// How often a screenshot is judged
    #[arg(long, value_name = "INTERVAL", value_parser = one_of(&INTERVALS))]
    pub interval: Option<ImageInterval>,
    /// How strictly
    #[arg(long, value_name = "STRATEGY", value_parser = one_of(&STRATEGIES))]
    pub strategy: Option<Strategy>,
    /// Who is notified of what was found: exactly those; `none` for no one
    #[arg(long, value_name = "WHO,…", value_delimiter = ',')]
    pub notify: Option<Vec<NotifyArg>>,
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
    /// What all operations need.
    #[command(flatten)]
    pub operation: OperationArgs,
    /// One message's text, up to 2,000 characters
    #[arg(
        long,
        value_name = "TEXT",
        required_unless_present = "messages",
        requires_all = ["viewer_id", "nickname"]
    )]
    pub content: Option<String>,
    /// Who says it, up to 64 characters
    #[arg(long, value_name = "ID")]
    pub viewer_id: Option<String>,
    /// The name that is shown, up to 128 characters
    #[arg(long, value_name = "NAME")]
    pub nickname: Option<String>,
    /// An id of your own, up to 32 characters; without it, one is made
    #[arg(long, value_name = "ID")]
    pub msg_id: Option<String>,
    /// The address of a picture, up to 200 characters
    #[arg(long, value_name = "URL")]
    pub avatar: Option<String>,
    /// The session that it belongs to
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub session_id: Option<String>,
    /// What kind of viewer says it
    #[arg(long, value_name = "TYPE", value_parser = one_of(&VIEWER_TYPES))]
    pub viewer_type: Option<ViewerType>,
    /// Many messages: a JSON list of them, as Polyv writes them; `-` is standard input
    #[arg(
        long = "file",
        value_name = "FILE",
        conflicts_with_all = ["content", "viewer_id", "nickname", "msg_id", "avatar", "session_id", "viewer_type"]
    )]
    pub messages: Option<PathBuf>,
    /// How many messages go in one call
    #[arg(
        long,
        value_name = "N",
        default_value = "50",
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub batch_size: u16,
    /// Where to write messages that were not sent, ready for --file; else they are shown
    #[arg(long, value_name = "FILE")]
    pub unsent: Option<PathBuf>,
}

/// Flags of `chat moderation`.
#[derive(Debug, Clone, Args)]
pub struct ChatModerationArgs {
    /// What all operations need.
    #[command(flatten)]
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
