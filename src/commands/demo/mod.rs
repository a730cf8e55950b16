//! `demo`: a simulated Polyv and the exporter in one process, on loopback.

mod actions;
mod keyboard;
mod screen;

use std::path::Path;

use anyhow::Context;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::actions::{Action, CHANNEL_ID, Pages};
use self::screen::Controls;
use super::app::{self, AppConfig};
use super::load_config::LoadedConfig;
use super::runtime::block_on;
use super::{CommandError, load_config, output, serve, signals, simulate};
use crate::cli::DemoArgs;
use crate::config::Source;
use crate::http::{self, Listener};
use crate::telemetry::{LogLevel, init_tracing};
use polyv_simulator::{ChannelScript, Scenario, Simulator};

const SCENARIO: &str = include_str!("scenario.yml");
const CONFIG: &str = include_str!("config.yml");
/// The simulated past is in the recording from the beginning.
const RECORDER: &str = "recorder: {path: '{path}', backfill: 1h, max_size: 256MiB}\n";

/// Runs until a signal or the person stops it.
pub(super) fn run(arguments: &DemoArgs) -> Result<(), CommandError> {
    // Where a person reads along, information would push the opening out of sight.
    let level = match arguments.log.level {
        LogLevel::Info if keyboard::is_interactive() => LogLevel::Warn,
        level => level,
    };
    init_tracing(level, arguments.log.format);
    let scenario = Scenario::parse("the demonstration's scenario", SCENARIO)
        .map_err(CommandError::faulty("scenario"))?;
    // Removed at the end of this function, when nothing records any more.
    let recording = recording_directory();
    block_on(async {
        let reload_signal = signals::reload_signal()?;
        let web_config = load_config::load_web_config(&arguments.web)?;
        let shutdown = signals::stop_on_signal()?;
        let listeners = serve::listen(&arguments.listen_addresses).await?;
        let polyv = http::bind("127.0.0.1:0").await?;
        let polyv_address = polyv
            .first()
            .context("there is no loopback address")?
            .address;
        let base_url = format!("http://{polyv_address}");
        let config = config(&base_url, recording.as_ref().map(TempDir::path));
        let source = Source::text("the demonstration's configuration", &config);
        let loaded = LoadedConfig::load(source)?;
        let tls = web_config.handle().current().has_tls();
        let pages = Pages {
            exporter: exporter_url(&listeners, tls)?,
            recording: recording.is_some(),
        };
        let (controls, typed) = controls()?;
        let opening = screen::opening(&scenario, &pages, &base_url, controls);
        output::announce(opening).await?;
        let setup = AppConfig {
            loaded,
            web_config,
            listeners,
            telemetry_path: "/metrics".to_owned(),
            enable_lifecycle: false,
            reload_signal,
        };
        let exporting = async {
            let done = Box::pin(app::run(setup, shutdown.clone())).await;
            shutdown.cancel();
            done.map_err(CommandError::from)
        };
        let simulator = Simulator::new(scenario);
        let playing = simulate::play(&simulator, polyv, &shutdown);
        let obeying = obey(typed, &simulator, &pages, &shutdown);
        let (played, exported, obeyed) = tokio::join!(playing, exporting, obeying);
        exported.and(played).and(obeyed)
    })
}

/// A directory for the recording. Without one (a container that has no place for temporary
/// files) the demonstration records nothing.
fn recording_directory() -> Option<TempDir> {
    tempfile::Builder::new()
        .prefix("polyv-exporter-demo-")
        .tempdir()
        .inspect_err(|error| warn!(%error, "no place for temporary files: nothing is recorded"))
        .ok()
}

fn config(base_url: &str, recording: Option<&Path>) -> String {
    let config = CONFIG.replace("{base_url}", base_url);
    // A quote is doubled in YAML.
    let path = recording.map(|path| path.to_string_lossy().replace('\'', "''"));
    match path {
        Some(path) => config + &RECORDER.replace("{path}", &path),
        None => config,
    }
}

/// The address to open in a browser on this host.
fn exporter_url(listeners: &[Listener], tls: bool) -> anyhow::Result<String> {
    let listener = listeners.first().context("there is no address to open")?;
    let address = http::loopback_address(&listener.address.to_string())?;
    let scheme = if tls { "https" } else { "http" };
    Ok(format!("{scheme}://{address}"))
}

/// How a person changes the channel, and the lines that are typed.
fn controls() -> anyhow::Result<(Controls, mpsc::Receiver<String>)> {
    if keyboard::is_interactive() {
        let lines = keyboard::lines().context("the keyboard can't be read")?;
        Ok((Controls::Keys, lines))
    } else {
        // Closed from the beginning.
        Ok((Controls::Calls, mpsc::channel(1).1))
    }
}

/// Does what is typed until the shutdown.
async fn obey(
    mut typed: mpsc::Receiver<String>,
    simulator: &Simulator,
    pages: &Pages,
    shutdown: &CancellationToken,
) -> Result<(), CommandError> {
    while let Some(Some(line)) = shutdown.run_until_cancelled(typed.recv()).await {
        let reply = match Action::of_line(&line) {
            Some(action) => {
                let script = ChannelScript::parse("script", action.script)
                    .map_err(CommandError::faulty("script"))?;
                simulator
                    .set_script(CHANNEL_ID, script)
                    .context("the demonstration's channel is missing")?;
                let page = format!("{}/channels/{CHANNEL_ID}", pages.exporter);
                let (name, effects) = (action.name, action.effects(pages));
                format!("\n{name}: watch {page}\n\n{effects}\n")
            }
            None if line.trim().eq_ignore_ascii_case("q") => {
                shutdown.cancel();
                break;
            }
            None => format!("The letters are {}.\n", actions::letters()),
        };
        output::announce(reply).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_lists_the_scenarios_channels_by_name() {
        let scenario = Scenario::parse("scenario", SCENARIO).unwrap();
        let config = Source::text(
            "config",
            &CONFIG.replace("{base_url}", "http://127.0.0.1:1"),
        );
        let config = config.load().unwrap();
        let configured: Vec<_> = config.accounts[0]
            .channels
            .iter()
            .map(|channel| (&*channel.id, &*channel.name))
            .collect();
        let played: Vec<_> = scenario
            .channels()
            .iter()
            .map(|channel| (channel.id(), channel.name()))
            .collect();
        assert_eq!(configured, played);
    }
}
