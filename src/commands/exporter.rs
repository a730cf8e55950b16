//! The exporter as a whole: what `serve` and `demo` run.

use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::config::{Config, Source, Watcher};
use crate::exposition::Store;
use crate::poller::{self, Orders, Parts, Poller, Status};
use crate::polyv::{HttpTransport, Limiter, PolyvClock, Transport};
use crate::telemetry::{BuildInfo, Metrics};
use crate::web::{Listener, ReloadRequest, Server, Site};
use crate::yaml::Faults;

/// What an exporter is started with.
pub(super) struct Setup {
    /// Where the configuration comes from, for reloads.
    pub(super) source: Source,
    /// The configuration.
    pub(super) config: Config,
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
    let clock = Arc::new(PolyvClock::new(Clock::default()));
    let metrics = Metrics::new().context("the metrics can't be set up")?;
    let parts = Parts {
        limiter: Limiter::new(poller::limit_of(&config)),
        store: Arc::new(Store::new(
            poller::rules_of(&config.poll),
            poller::wall_offset(&clock),
        )),
        status: Arc::new(Status::default()),
        metrics: metrics.clone(),
        clock: Arc::clone(&clock),
    };
    let transport = transport(&config).map_err(anyhow::Error::msg)?;
    let (requests, asked) = mpsc::channel(1);
    let site = Site {
        store: Arc::clone(&parts.store),
        metrics: metrics.clone(),
        status: Arc::clone(&parts.status),
        clock: Arc::clone(&clock),
        telemetry_path: setup.telemetry_path,
        reload: setup.enable_lifecycle.then_some(requests),
    };
    let orders = Orders {
        config: config.clone(),
        transport: Arc::clone(&transport),
    };
    let poller = Poller::new(parts, orders);
    metrics.reloads().succeeded(clock.host().wall());
    for listener in &setup.listeners {
        info!(address = %listener.address, "listening");
    }

    let (inbox, orders) = mpsc::channel(1);
    let reloader = Reloader {
        source,
        config,
        transport,
        metrics,
        clock,
        poller: inbox,
        failure: None,
    };
    // Each of the three ends at the shutdown. One that ended before would leave an exporter
    // that looks alive, so whichever ends ends all.
    let serving = Server::new(site.router(), shutdown.clone()).run(setup.listeners);
    let polling = poller.run(orders, shutdown.clone());
    let reloading = reloader.run(asked, setup.reload_signal, shutdown.clone());
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
    let ends = tokio::join!(
        ending("server", tokio::spawn(serving)),
        ending("poller", tokio::spawn(polling)),
        ending("reloader", tokio::spawn(reloading)),
    );
    info!("stopped");
    ends.0.and(ends.1).and(ends.2)
}

/// How to reach the Polyv of a configuration.
pub(super) fn transport(config: &Config) -> Result<Arc<dyn Transport>, String> {
    Ok(Arc::new(HttpTransport::new(&config.api.base_url)?))
}

fn warn_of(config: &Config) {
    for warning in &config.warnings {
        warn!("{warning}");
    }
}

/// Loads the configuration anew when asked, or when a channel file changed. The only one who
/// does, so that no two reloads get in each other's way.
struct Reloader {
    source: Source,
    /// What is in force.
    config: Config,
    transport: Arc<dyn Transport>,
    metrics: Metrics,
    clock: Arc<PolyvClock>,
    poller: mpsc::Sender<(Orders, oneshot::Sender<()>)>,
    /// What was wrong at the last attempt.
    failure: Option<String>,
}

/// What a reload is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Somebody asked for it.
    Asked,
    /// A channel file may have changed.
    Noticed,
}

impl Reloader {
    async fn run(
        mut self,
        mut asked: mpsc::Receiver<ReloadRequest>,
        mut signal: Signal,
        shutdown: CancellationToken,
    ) {
        let mut watcher = Watcher::new();
        watcher.watch(self.watched());
        loop {
            let (cause, request) = tokio::select! {
                () = shutdown.cancelled() => return,
                Some(()) = signal.recv() => (Cause::Asked, None),
                Some(request) = asked.recv() => (Cause::Asked, Some(request)),
                () = watcher.changed() => (Cause::Noticed, None),
            };
            let result = self.reload(cause).await;
            watcher.watch(self.watched());
            if let Some(request) = request {
                // Whoever asked may not wait any more.
                _ = request.send(result);
            }
        }
    }

    fn watched(&self) -> Vec<std::path::PathBuf> {
        self.config
            .accounts
            .iter()
            .flat_map(|account| account.watched.iter().cloned())
            .collect()
    }

    async fn reload(&mut self, cause: Cause) -> Result<(), String> {
        match self.try_reload(cause).await {
            Ok(()) => {
                self.failure = None;
                self.metrics.reloads().succeeded(self.clock.host().wall());
                Ok(())
            }
            Err(Refused::Unchanged) => {
                // Put right again, perhaps: what is in force is what the files say.
                if self.failure.take().is_some() {
                    info!("the configuration is valid again, and what is in force");
                    self.metrics.reloads().succeeded(self.clock.host().wall());
                }
                Ok(())
            }
            Err(Refused::Faulty(why)) => {
                self.metrics.reloads().failed();
                // What is looked at every minute need not be said every minute.
                if cause == Cause::Asked || self.failure.as_ref() != Some(&why) {
                    for line in why.lines() {
                        error!("{line}");
                    }
                    error!("the new configuration is faulty; the old one goes on");
                }
                self.failure = Some(why.clone());
                Err(why)
            }
        }
    }

    async fn try_reload(&mut self, cause: Cause) -> Result<(), Refused> {
        let source = self.source.clone();
        // Files may be on a network that is down.
        let read = tokio::task::spawn_blocking(move || {
            let source = match cause {
                Cause::Asked => source.reload()?,
                Cause::Noticed => source,
            };
            let config = source.evaluate()?;
            Ok::<_, Faults>((source, config))
        });
        let (source, config) = read
            .await
            .map_err(|failure| Refused::Faulty(failure.to_string()))?
            .map_err(|faults| Refused::Faulty(faults.to_string()))?;
        if cause == Cause::Noticed && config == self.config {
            return Err(Refused::Unchanged);
        }
        let transport = if config.api.base_url == self.config.api.base_url {
            Arc::clone(&self.transport)
        } else {
            transport(&config).map_err(Refused::Faulty)?
        };
        warn_of(&config);
        let orders = Orders {
            config: config.clone(),
            transport: Arc::clone(&transport),
        };
        let (done, in_force) = oneshot::channel();
        let stopping = || Refused::Faulty("the exporter is stopping".to_owned());
        self.poller
            .send((orders, done))
            .await
            .map_err(|_| stopping())?;
        in_force.await.map_err(|_| stopping())?;
        self.source = source;
        self.config = config;
        self.transport = transport;
        info!("the configuration was loaded anew");
        Ok(())
    }
}

/// Why there was no reload.
enum Refused {
    /// There is nothing new.
    Unchanged,
    /// The new configuration is faulty.
    Faulty(String),
}
