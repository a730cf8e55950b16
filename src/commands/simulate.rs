//! `simulate`: plays Polyv's side alone.

use std::fmt::Write;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::runtime::block_on;
use super::{CommandError, output, serve, signals};
use crate::cli::SimulateArgs;
use crate::http::Listener;
use crate::telemetry::init_tracing;
use polyv_simulator::{Scenario, Simulator};

/// Runs until a signal stops it.
pub(super) fn run(arguments: &SimulateArgs) -> Result<(), CommandError> {
    init_tracing(arguments.log.level, arguments.log.format);
    let scenario = match &arguments.scenario {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                CommandError::Usage(format!(
                    "the scenario {} can't be read: {error}",
                    path.display()
                ))
            })?;
            let name = path.to_string_lossy();
            Scenario::parse(&name, &text).map_err(CommandError::faulty("scenario"))?
        }
        None => Scenario::default(),
    };
    block_on(async {
        let shutdown = signals::stop_on_signal()?;
        let listeners = serve::listen(std::slice::from_ref(&arguments.listen)).await?;
        let simulator = Simulator::new(scenario);
        output::announce(announcement(&simulator, &listeners)).await?;
        play(&simulator, listeners, &shutdown).await
    })
}

/// Answers on all sockets until the shutdown.
pub(super) async fn play(
    simulator: &Simulator,
    listeners: Vec<Listener>,
    shutdown: &CancellationToken,
) -> Result<(), CommandError> {
    let mut served = tokio::task::JoinSet::new();
    for listener in listeners {
        info!(address = %listener.address, "simulating Polyv");
        let (simulator, shutdown) = (simulator.clone(), shutdown.clone());
        served.spawn(async move { simulator.serve(listener.socket, shutdown).await });
    }
    while let Some(ended) = served.join_next().await {
        ended
            .context("the simulated Polyv failed")?
            .context("the simulated Polyv can't go on")?;
    }
    Ok(())
}

fn announcement(simulator: &Simulator, listeners: &[Listener]) -> String {
    let mut text = String::new();
    for listener in listeners {
        let address = listener.address;
        _ = writeln!(text, "A simulated Polyv runs at http://{address}");
        _ = writeln!(text, "  control: http://{address}/_simulator/");
    }
    for account in simulator.accounts() {
        _ = writeln!(text, "  account: app_id {}", account.app_id);
    }
    text
}
