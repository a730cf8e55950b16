//! The command line.

mod common;
mod export;
mod init;
mod operations;
mod recording;
mod shard;

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use common::{AccountArgs, ConfigArgs, LogArgs, Output};
pub use export::{ExportArgs, ExportFormatArg, SplitArg};
pub use init::InitArgs;
pub use operations::{
    ChatCommand, ChatModerationArgs, LinkArgs, ModerationArgs, ModerationCommand, NotifyArg,
    OperationArgs, SendArgs, SessionCommand, SwitchArg,
};
pub use recording::{ReplayArgs, ReportArgs, ReportFormat};
pub use shard::ShardArgs;

/// Where the exporter listens.
pub const LISTEN_ADDRESS: &str = ":9847";
/// Where the demonstration listens: on this host alone.
#[cfg(feature = "simulator")]
pub const DEMO_LISTEN_ADDRESS: &str = "127.0.0.1:9847";

const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (revision ",
    env!("POLYV_EXPORTER_REVISION"),
    ", rustc ",
    env!("POLYV_EXPORTER_RUST_VERSION"),
    ")"
);

/// Prometheus exporter for the quality of Polyv (保利威) live streams.
///
/// Without a command it serves; `polyv-exporter demo` shows it without an account.
#[derive(Debug, Parser)]
#[command(name = "polyv-exporter", version = VERSION, propagate_version = true, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `serve` where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The flags of `serve`, for when nothing is said.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Polls the configured channels and serves their metrics
    Serve(ServeArgs),
    /// Shows the exporter with a simulated Polyv: no account, no network, no configuration
    #[cfg(feature = "simulator")]
    Demo(DemoArgs),
    /// Plays Polyv's side alone, for tests and rehearsals
    #[cfg(feature = "simulator")]
    Simulate(SimulateArgs),
    /// Validates a configuration and names every fault with its place
    CheckConfig(CheckConfigArgs),
    /// Asks what a first configuration needs, checks it with Polyv, and writes it
    Init(InitArgs),
    /// Asks Polyv once about a channel and shows what it said
    Probe(ProbeArgs),
    /// Writes a report on a broadcast, for people or programs
    Report(ReportArgs),
    /// Writes recorded samples as OpenMetrics, JSON lines or CSV
    Export(ExportArgs),
    /// Plays recorded samples again: which problems there would have been with this configuration
    Replay(ReplayArgs),
    /// Tells by its exit status whether an exporter on this host works, for containers
    Healthcheck(HealthcheckArgs),
    /// Changes what Polyv knows of a channel's sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// Changes a channel's video moderation
    #[command(subcommand)]
    Moderation(ModerationCommand),
    /// Sends chat messages, and changes chat moderation
    #[command(subcommand)]
    Chat(ChatCommand),
    /// Writes completions for a shell
    Completions(CompletionsArgs),
    /// Writes the manual page
    Man,
}

/// Flags of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Which channels are this exporter's own.
    #[command(flatten)]
    pub shard: ShardArgs,
    /// Where the exporter listens.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// The web configuration.
    #[command(flatten)]
    pub web: WebArgs,
    /// Where the metrics are
    #[arg(
        long = "web.telemetry-path",
        value_name = "PATH",
        default_value = "/metrics"
    )]
    pub telemetry_path: String,
    /// Allows reloading the configuration with POST /-/reload
    #[arg(long = "web.enable-lifecycle")]
    pub enable_lifecycle: bool,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Where the exporter listens.
#[derive(Debug, Clone, Args)]
pub struct ListenArgs {
    /// Where the exporter listens; repeatable. `:9847` is every address of this host
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        value_delimiter = ',',
        default_value = LISTEN_ADDRESS
    )]
    pub addresses: Vec<String>,
}

/// Who is let in.
#[derive(Debug, Clone, Args)]
pub struct WebArgs {
    /// The web configuration: TLS, passwords, response headers, rate limit
    #[arg(id = "web_config_file", long = "web.config.file", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
}

/// Flags of `demo`.
#[cfg(feature = "simulator")]
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Where to listen; repeatable
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        value_delimiter = ',',
        default_value = DEMO_LISTEN_ADDRESS
    )]
    pub listen_addresses: Vec<String>,
    /// The web configuration.
    #[command(flatten)]
    pub web: WebArgs,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Flags of `simulate`.
#[cfg(feature = "simulator")]
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8899")]
    pub listen: String,
    /// The scenario to play; without one, that of the demonstration
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Flags of `check-config`.
#[derive(Debug, Clone, Args)]
pub struct CheckConfigArgs {
    /// The configuration file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The web configuration.
    #[command(flatten)]
    pub web: WebArgs,
}

/// Flags of `probe`.
#[derive(Debug, Clone, Args)]
pub struct ProbeArgs {
    /// The channel to poll
    #[arg(value_name = "CHANNEL_ID")]
    pub channel_id: String,
    /// The account to use, and how to show Polyv's response.
    #[command(flatten)]
    pub account: AccountArgs,
}

/// Flags of `healthcheck`.
#[derive(Debug, Clone, Args)]
pub struct HealthcheckArgs {
    /// Those of the exporter that is checked, at the first of its addresses.
    #[command(flatten)]
    pub listen: ListenArgs,
}

/// Flags of `completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

// === impl Cli ===

impl Cli {
    /// The definition of the command line: each flag can be an environment variable as well.
    #[must_use]
    pub fn definition() -> clap::Command {
        with_variables(Self::command())
    }

    /// Reads this process's arguments and environment. Exits if they are wrong, or if only help
    /// was requested.
    #[must_use]
    pub fn from_process() -> Self {
        let mut definition = Self::definition();
        Self::from_arg_matches(&definition.get_matches_mut())
            .unwrap_or_else(|error| error.format(&mut definition).exit())
    }
}

fn with_variables(command: clap::Command) -> clap::Command {
    command
        .mut_args(with_variable)
        .mut_subcommands(with_variables)
}

/// Without this file everyone has access: an empty name must not mean that there is none.
const WEB_CONFIG_FLAG: &str = "web.config.file";

/// `--log.level` can be `POLYV_EXPORTER_LOG_LEVEL` as well, and so on. An empty variable is one
/// that is not set: that is what Compose makes of `${LEVEL:-}`.
fn with_variable(argument: Arg) -> Arg {
    let argument = argument.ignore_case(true);
    let Some(flag) = argument.get_long().map(str::to_owned) else {
        return argument;
    };
    let name = format!(
        "POLYV_EXPORTER_{}",
        flag.to_uppercase().replace(['.', '-'], "_")
    );
    let argument = match argument.get_action() {
        ArgAction::SetTrue => argument.value_parser(BoolishValueParser::new()),
        _ => argument,
    };
    match std::env::var_os(&name) {
        Some(value) if value.is_empty() && flag != WEB_CONFIG_FLAG => argument,
        _ => argument.env(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_definition_is_consistent() {
        Cli::definition().debug_assert();
    }

    #[test]
    fn flags_without_a_command_are_those_of_serve() {
        let cli = Cli::parse_from(["polyv-exporter", "--config.file", "x.yml"]);
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.config.file, Some(PathBuf::from("x.yml")));
        assert_eq!(cli.serve.listen.addresses, [LISTEN_ADDRESS]);
    }

    #[test]
    fn every_flag_can_be_an_environment_variable() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                if let Some(flag) = argument.get_long()
                    && !["help", "version"].contains(&flag)
                {
                    let expected = format!(
                        "POLYV_EXPORTER_{}",
                        flag.to_uppercase().replace(['.', '-'], "_")
                    );
                    let variable = argument.get_env().and_then(|name| name.to_str());
                    assert_eq!(variable, Some(expected.as_str()), "{flag}");
                }
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::definition());
    }
}
