//! The exporter as a whole: what `serve` and `demo` run.

use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::config_reloader::ConfigReloader;
use super::load_config::{LoadedConfig, build_transport, log_warnings};
use super::reloader::Reloader;
use super::shard;
use super::systemd::{ServiceNotifier, status_line};
use super::web_config_reloader::WebConfigReloader;
use crate::config::{Config, RemoteWrite};
use crate::http::{self, AppState, Listener, Server};
use crate::metrics::RenderedChannels;
use crate::recorder::{Recorder, RecorderThread};
use crate::remote_write::{RecorderLog, RemoteWriters};
use crate::scheduler::{self, ConfigUpdate, Poller, PollerContext, PollerHealth};
use crate::state::{ChannelStore, UpdateSubscriber};
use crate::telemetry::{BuildInfo, Metrics};
use crate::ui;
use polyv_client::clock::Clock;
use polyv_client::{Limiter, ServerClock};
use web_config::WebConfig;

/// Reload requests over HTTP that may wait; all would bring the same.
const MAX_WAITING_RELOADS: usize = 8;

/// What an exporter is started with.
pub(super) struct AppConfig {
    /// The configuration.
    pub(super) loaded: LoadedConfig,
    /// TLS, authentication and headers.
    pub(super) web_config: WebConfigReloader,
    /// Where to listen.
    pub(super) listeners: Vec<Listener>,
    /// Where the metrics are.
    pub(super) telemetry_path: String,
    /// Whether `POST /-/reload` is served.
    pub(super) enable_lifecycle: bool,
    /// The signal that requests a reload.
    pub(super) reload_signal: Signal,
}

/// Runs until the shutdown; nothing is left running then.
pub(super) async fn run(setup: AppConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let BuildInfo {
        version, revision, ..
    } = BuildInfo::THIS;
    info!(version, revision, "starting");
    let LoadedConfig {
        source,
        config,
        fingerprint,
    } = setup.loaded;
    log_warnings(&config);
    shard::announce(&config);
    let clock = Arc::new(ServerClock::new(Clock::default()));
    let metrics = Metrics::new().context("the metrics can't be set up")?;
    let health = Arc::new(PollerHealth::default());
    let store = Arc::new(ChannelStore::new(
        scheduler::freshness_policy(&config),
        scheduler::wall_offset(&clock),
    ));
    let rendered = Arc::new(RenderedChannels::new(Arc::clone(&store)));
    let recording = start_recording(&config, &store, &metrics, &clock)?;
    let mut subscribers: Vec<Arc<dyn UpdateSubscriber>> = vec![Arc::clone(&rendered) as _];
    subscribers.extend(recording.recorder.clone().map(|recorder| recorder as _));
    let (remote_write, endpoints) = watch::channel(config.remote_write.clone());
    let context = PollerContext {
        limiter: Limiter::new(scheduler::rate_limit_from_config(&config)),
        store,
        subscribers,
        missing_samples: recording.recorder.map(|recorder| recorder as _),
        health: Arc::clone(&health),
        metrics: metrics.clone(),
        clock: Arc::clone(&clock),
    };
    let update = ConfigUpdate {
        transport: build_transport(&config)?,
        config,
    };
    let (requests, reload_receiver) = mpsc::channel(MAX_WAITING_RELOADS);
    let pages = ui::routes(&setup.telemetry_path);
    let app = AppState::new(http::AppDeps {
        rendered,
        store: Arc::clone(&context.store),
        metrics: metrics.clone(),
        status: Arc::clone(&health),
        clock: Arc::clone(&clock),
        telemetry_path: setup.telemetry_path,
        reload: setup.enable_lifecycle.then_some(requests),
        recording: update.config.recorder.clone(),
    });
    let poller = Poller::new(context, update.clone());
    let handle = setup.web_config.handle().clone();
    log_listeners(&setup.listeners, &handle.current());

    let notifier = ServiceNotifier::from_environment();
    let watched = status_line(&update.config);
    let (updates_tx, updates) = mpsc::channel(1);
    let reloader = Reloader {
        config: ConfigReloader::new(source, update, fingerprint, updates_tx, remote_write),
        web_config: setup.web_config,
        metrics: metrics.reloads().clone(),
        clock: Arc::clone(&clock),
        notifier: notifier.clone(),
    };
    reloader.metrics.succeeded(clock.host().wall());
    // Each of the five ends at the shutdown. If one ended earlier, the exporter would only look
    // alive, so the first to end ends all.
    let routes = http::router(app, pages);
    let serving = Server::new(routes, handle, shutdown.clone()).run(setup.listeners);
    let polling = poller.run(updates, shutdown.clone());
    let reloading = reloader.run(reload_receiver, setup.reload_signal, shutdown.clone());
    let accompanying = notifier.run(watched, health, clock, shutdown.clone());
    let sending = send(recording.writers, endpoints, shutdown.clone());
    let ending = |name: &'static str, task: tokio::task::JoinHandle<()>| {
        let shutdown = shutdown.clone();
        async move {
            let ended = task.await;
            let too_early = !shutdown.is_cancelled();
            shutdown.cancel();
            ended.with_context(|| format!("the {name} failed"))?;
            anyhow::ensure!(!too_early, "the {name} ended too early");
            Ok(())
        }
    };
    // On this thread, which has read the configuration: glibc keeps an arena per thread, so the
    // memory that reading took is free for the poller's state.
    let here = LocalSet::new();
    let polling = here.spawn_local(polling);
    let ends = here
        .run_until(async {
            tokio::join!(
                ending("server", tokio::spawn(serving)),
                ending("poller", polling),
                ending("reloader", tokio::spawn(reloading)),
                ending("service notifier", tokio::spawn(accompanying)),
                ending("remote write", tokio::spawn(sending)),
            )
        })
        .await;
    // The poller and the remote writes are gone, and with them all that records.
    if let Some(thread) = recording.thread {
        thread.join();
    }
    info!("stopped");
    ends.0.and(ends.1).and(ends.2).and(ends.3).and(ends.4)
}

/// Sends what is recorded to the endpoints of the newest configuration, if anything is recorded.
async fn send(
    writers: Option<RemoteWriters>,
    endpoints: watch::Receiver<Vec<Arc<RemoteWrite>>>,
    shutdown: CancellationToken,
) {
    match writers {
        Some(writers) => writers.run(endpoints, shutdown).await,
        None => shutdown.cancelled().await,
    }
}

fn log_listeners(listeners: &[Listener], web_config: &WebConfig) {
    for listener in listeners {
        let (tls, passwords) = (web_config.has_tls(), web_config.requires_auth());
        let client_certificates = web_config.verifies_clients();
        info!(address = %listener.address, tls, passwords, client_certificates, "listening");
    }
}

/// What records and sends samples; nothing where that is not configured.
#[derive(Default)]
struct Recording {
    recorder: Option<Arc<Recorder>>,
    writers: Option<RemoteWriters>,
    thread: Option<RecorderThread>,
}

/// Starts to record, if that is configured.
fn start_recording(
    config: &Config,
    store: &Arc<ChannelStore>,
    metrics: &Metrics,
    clock: &ServerClock,
) -> anyhow::Result<Recording> {
    let Some(recorder) = &config.recorder else {
        return Ok(Recording::default());
    };
    let path = recorder.path.clone();
    let recorder_metrics = metrics.register_recorder()?;
    let (recorder, thread) =
        Recorder::start(recorder.clone(), Arc::clone(store), recorder_metrics)?;
    info!(path = %path.display(), "recording");
    // Before anything is recorded: the log has only what comes after.
    let remotes = config.remote_write.iter();
    recorder.set_remotes(remotes.map(|endpoint| endpoint.name.clone()).collect());
    let log = Arc::new(RecorderLog::new(recorder.clone(), &path));
    let remote_metrics = metrics.remote_write().clone();
    Ok(Recording {
        recorder: Some(Arc::new(recorder)),
        writers: Some(RemoteWriters::new(
            log,
            remote_metrics,
            clock.host().clone(),
        )),
        thread: Some(thread),
    })
}
