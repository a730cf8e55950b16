//! `demo`: a simulated Polyv and the exporter in one process, on loopback.

use std::fmt::Write;

use anyhow::Context;

use super::app::{self, AppConfig};
use super::load_config::LoadedConfig;
use super::runtime::block_on;
use super::{CommandError, load_config, output, serve, signals, simulate};
use crate::cli::DemoArgs;
use crate::config::Source;
use crate::http::{self, Listener};
use crate::telemetry::init_tracing;
use polyv_simulator::{Scenario, Simulator};

const SCENARIO: &str = include_str!("scenario.yml");
const CONFIG: &str = include_str!("config.yml");

/// Runs until a signal stops it.
pub(super) fn run(arguments: &DemoArgs) -> Result<(), CommandError> {
    init_tracing(arguments.log.level, arguments.log.format);
    let scenario = Scenario::parse("the demonstration's scenario", SCENARIO)
        .map_err(CommandError::faulty("scenario"))?;
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
        let config = CONFIG.replace("{base_url}", &base_url);
        let source = Source::text("the demonstration's configuration", &config);
        let loaded = LoadedConfig::load(source)?;
        let tls = web_config.handle().current().has_tls();
        output::announce(addresses(&listeners, tls, &base_url) + &plot(&scenario)).await?;
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
        let (played, exported) = tokio::join!(playing, exporting);
        exported.and(played)
    })
}

fn addresses(listeners: &[Listener], tls: bool, polyv: &str) -> String {
    let scheme = if tls { "https" } else { "http" };
    let mut text = "polyv-exporter on a simulated Polyv. Open\n\n".to_owned();
    for listener in listeners {
        let address = listener.address;
        _ = writeln!(text, "  {scheme}://{address}/         the status page");
        _ = writeln!(
            text,
            "  {scheme}://{address}/metrics  what Prometheus would scrape"
        );
    }
    _ = writeln!(
        text,
        "  {polyv}/_simulator/  the simulated Polyv: change a channel's life while it runs\n"
    );
    text
}

/// What each channel is about to do.
fn plot(scenario: &Scenario) -> String {
    let mut text = "Its channels, from now on:\n\n".to_owned();
    for channel in scenario.channels() {
        let aside = match channel.id() {
            "1000009" => ", two streams",
            "1000014" => ", and Polyv fails for it 40 s in every 2 minutes",
            _ => "",
        };
        let (id, name, life) = (channel.id(), channel.name(), channel.script());
        _ = writeln!(text, "  {id}  {name:<22}  {life}{aside}");
    }
    text.push_str("\nCtrl-C ends it.\n\n");
    text
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
