//! The exporter as a whole: what `serve` and `demo` run.

use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::doorkeeper::Doorkeeper;
use super::reloader::{self, Reloader};
use super::shard;
use super::supervisor::{Supervisor, watching};
use crate::config::{Config, Source, SourceFingerprint};
use crate::http::{self, AppState, Listener, Server};
use crate::metrics::RenderedChannels;
use crate::scheduler::{self, ConfigUpdate, Poller, PollerContext, PollerHealth};
use crate::state::ChannelStore;
use crate::telemetry::{BuildInfo, Metrics};
use crate::ui;
use polyv_client::clock::Clock;
use polyv_client::{HttpTransport, Limiter, ServerClock, Transport};

/// So many may wait for a reload over HTTP; they would all bring the same.
const WAITING_RELOADS: usize = 8;

/// What an exporter is started with.
pub(super) struct Setup {
    /// Where the configuration comes from, for reloads.
    pub(super) source: Source,
    /// The configuration.
    pub(super) config: Config,
    /// What it was made of.
    pub(super) fingerprint: SourceFingerprint,
    /// Who is let in.
    pub(super) door: Doorkeeper,
    /// Where to listen.
    pub(super) listeners: Vec<Listener>,
    /// Where the metrics are.
    pub(super) telemetry_path: String,
    /// Whether a reload may be asked for over HTTP.
    pub(super) enable_lifecycle: bool,
    /// Asks for a reload.
    pub(super) reload_signal: Signal,
}

/// Runs until the shutdown; nothing is left running then.
pub(super) async fn run(setup: Setup, shutdown: CancellationToken) -> anyhow::Result<()> {
    let BuildInfo {
        version, revision, ..
    } = BuildInfo::THIS;
    info!(version, revision, "starting");
    let Setup { config, source, .. } = setup;
    warn_of(&config);
    shard::announce(&config);
    let clock = Arc::new(ServerClock::new(Clock::default()));
    let metrics = Metrics::new().context("the metrics can't be set up")?;
    let health = Arc::new(PollerHealth::default());
    let store = Arc::new(ChannelStore::new(
        scheduler::freshness_policy(&config),
        scheduler::wall_offset(&clock),
    ));
    let rendered = Arc::new(RenderedChannels::new(Arc::clone(&store)));
    let context = PollerContext {
        limiter: Limiter::new(scheduler::rate_limit_from_config(&config)),
        store,
        subscribers: vec![Arc::clone(&rendered) as _],
        health: Arc::clone(&health),
        metrics: metrics.clone(),
        clock: Arc::clone(&clock),
    };
    let transport = transport(&config).map_err(anyhow::Error::msg)?;
    let (requests, asked) = mpsc::channel(WAITING_RELOADS);
    let app = AppState::new(http::AppDeps {
        rendered,
        store: Arc::clone(&context.store),
        metrics: metrics.clone(),
        status: Arc::clone(&health),
        clock: Arc::clone(&clock),
        telemetry_path: setup.telemetry_path,
        reload: setup.enable_lifecycle.then_some(requests),
    });
    let update = ConfigUpdate {
        config: config.clone(),
        transport: Arc::clone(&transport),
    };
    let poller = Poller::new(context, update);
    metrics.reloads().succeeded(clock.host().wall());
    let entrance = setup.door.entrance().clone();
    let door = entrance.current();
    for listener in &setup.listeners {
        let (tls, passwords) = (door.has_tls(), door.requires_auth());
        let client_certificates = door.verifies_clients();
        info!(address = %listener.address, tls, passwords, client_certificates, "listening");
    }

    let supervisor = Supervisor::from_environment();
    let watched = watching(&config);

    let (updates_tx, updates) = mpsc::channel(1);
    let reloader = Reloader::new(reloader::Parts {
        source,
        config,
        fingerprint: setup.fingerprint,
        door: setup.door,
        transport,
        metrics,
        clock: Arc::clone(&clock),
        poller: updates_tx,
        supervisor: supervisor.clone(),
    });
    // Each of the four ends at the shutdown. One that ended before would leave an exporter
    // that looks alive, so whichever ends ends all.
    let serving = Server::new(http::router(app, ui::routes()), entrance, shutdown.clone())
        .run(setup.listeners);
    let polling = poller.run(updates, shutdown.clone());
    let reloading = reloader.run(asked, setup.reload_signal, shutdown.clone());
    let accompanying = supervisor.accompany(watched, health, clock, shutdown.clone());
    let ending = |name: &'static str, task: tokio::task::JoinHandle<()>| {
        let shutdown = shutdown.clone();
        async move {
            let ended = task.await;
            let too_early = !shutdown.is_cancelled();
            shutdown.cancel();
            ended.with_context(|| format!("the {name} failed"))?;
            anyhow::ensure!(!too_early, "the {name} ended by itself");
            Ok(())
        }
    };
    // On this thread, which has read the configuration: glibc keeps memory for each thread apart,
    // so all that reading took is free for what the poller comes to know.
    let here = LocalSet::new();
    let polling = here.spawn_local(polling);
    let ends = here
        .run_until(async {
            tokio::join!(
                ending("server", tokio::spawn(serving)),
                ending("poller", polling),
                ending("reloader", tokio::spawn(reloading)),
                ending("word to the service manager", tokio::spawn(accompanying)),
            )
        })
        .await;
    info!("stopped");
    ends.0.and(ends.1).and(ends.2).and(ends.3)
}

/// How to reach the Polyv of a configuration.
pub(super) fn transport(config: &Config) -> Result<Arc<dyn Transport>, String> {
    Ok(Arc::new(HttpTransport::new(&config.api.base_url)?))
}

pub(super) fn warn_of(config: &Config) {
    for warning in &config.warnings {
        warn!("{warning}");
    }
}
