//! Reloads of the configuration and the web configuration.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::blocking_reader::BlockingReader;
use super::load_config::{build_transport, log_warnings};
use super::shard;
use super::systemd::ServiceNotifier;
use super::web_config_reloader::WebConfigReloader;
use crate::config::Diagnostics;
use crate::config::{Config, Source, SourceFingerprint, Watcher};
use crate::http::ReloadRequest;
use crate::scheduler::ConfigUpdate;
use crate::telemetry::Metrics;
use polyv_client::{ServerClock, Transport};
use web_config::SwapResult;

/// Loads the configuration and the web configuration again on request, or when a channel file or
/// a file of the web configuration changed. It is the only one that does, so that reloads never
/// overlap.
pub(super) struct Reloader {
    deps: ReloadDeps,
    errors: ReloadErrors,
    reader: BlockingReader,
}

/// The dependencies of a reloader.
pub(super) struct ReloadDeps {
    /// Where the configuration comes from.
    pub(super) source: Source,
    /// The configuration in force.
    pub(super) config: Config,
    /// What the configuration in force was read from.
    pub(super) fingerprint: SourceFingerprint,
    pub(super) web_config: WebConfigReloader,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) metrics: Metrics,
    pub(super) clock: Arc<ServerClock>,
    /// The poller, which applies each new configuration.
    pub(super) poller: mpsc::Sender<(ConfigUpdate, oneshot::Sender<()>)>,
    /// The service manager, which may wait for the end of a reload.
    pub(super) notifier: ServiceNotifier,
}

/// Reload errors by trigger. A check of the channel files says nothing about the rest of the
/// configuration, so it cannot clear the error of a requested reload.
#[derive(Default)]
struct ReloadErrors {
    requested: Option<String>,
    noticed: Option<String>,
}

/// Why a reload runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReloadTrigger {
    /// A signal or an HTTP request.
    Requested,
    /// A channel file may have changed.
    Channels,
    /// A file of the web configuration may have changed.
    WebConfig,
}

/// Files that are checked when something changed in their directories.
#[derive(Default)]
struct WatchedSource {
    watcher: Watcher,
    /// The error of the last check.
    failure: Option<String>,
}

impl Reloader {
    pub(super) fn new(deps: ReloadDeps) -> Self {
        Self {
            deps,
            errors: ReloadErrors::default(),
            reader: BlockingReader::default(),
        }
    }

    /// `ReloadMetrics` when asked by a request, a signal or a file that changed, until the shutdown.
    pub(super) async fn run(
        mut self,
        asked: mpsc::Receiver<ReloadRequest>,
        signal: Signal,
        shutdown: CancellationToken,
    ) {
        // In the middle of a reload, too: it may wait for a file on a network that is down.
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.reload_on_triggers(asked, signal) => {}
        }
    }

    async fn reload_on_triggers(
        &mut self,
        mut asked: mpsc::Receiver<ReloadRequest>,
        mut signal: Signal,
    ) {
        // Two, so that a change beside the files of one does not reread those of the other.
        let (mut channels, mut web_config) = (WatchedSource::default(), WatchedSource::default());
        channels.watcher.watch(self.channel_files());
        web_config
            .watcher
            .watch(self.deps.web_config.watched().to_vec());
        loop {
            let (trigger, request) = tokio::select! {
                Some(()) = signal.recv() => (ReloadTrigger::Requested, None),
                Some(request) = asked.recv() => (ReloadTrigger::Requested, Some(request)),
                () = channels.watcher.changed() => (ReloadTrigger::Channels, None),
                () = web_config.watcher.changed() => (ReloadTrigger::WebConfig, None),
            };
            if trigger == ReloadTrigger::Requested {
                self.deps.notifier.reloading().await;
            }
            let result = self.reload(trigger).await;
            // Also if it changed nothing or failed: what is in force stays.
            let notifier = &self.deps.notifier;
            notifier.reloaded(&self.deps.config, self.in_sync()).await;
            if trigger != ReloadTrigger::WebConfig {
                channels.record(&result);
                channels.watcher.watch(self.channel_files());
            }
            if trigger != ReloadTrigger::Channels {
                web_config.record(&result);
                web_config
                    .watcher
                    .watch(self.deps.web_config.watched().to_vec());
            }
            if let Some(request) = request {
                // The client may have gone.
                _ = request.send(result.map(|_| ()));
            }
        }
    }

    /// The directories of the channel files.
    fn channel_files(&self) -> Vec<std::path::PathBuf> {
        self.deps
            .config
            .accounts
            .iter()
            .flat_map(|account| account.watched_directories.iter())
            .cloned()
            .collect()
    }

    /// Reloads what the trigger concerns. Either configuration is accepted or rejected on its own.
    async fn reload(&mut self, trigger: ReloadTrigger) -> Result<SwapResult, String> {
        let was_well = self.in_sync();
        // The web configuration first: it is a few small files.
        let web_config = match trigger {
            ReloadTrigger::Requested | ReloadTrigger::WebConfig => {
                self.deps
                    .web_config
                    .reload(trigger == ReloadTrigger::Requested)
                    .await
            }
            ReloadTrigger::Channels => Ok(SwapResult::Unchanged),
        };
        let config = match trigger {
            ReloadTrigger::Requested | ReloadTrigger::Channels => self.reload_config(trigger).await,
            ReloadTrigger::WebConfig => Ok(SwapResult::Unchanged),
        };
        let nothing_new =
            config == Ok(SwapResult::Unchanged) && web_config == Ok(SwapResult::Unchanged);
        let reloads = self.deps.metrics.reloads();
        if !self.in_sync() {
            reloads.failed();
        } else if !nothing_new || !was_well {
            reloads.succeeded(self.deps.clock.host().wall());
        }
        if nothing_new && self.in_sync() && !was_well {
            // A fault was fixed by restoring the old content.
            info!("the configuration is valid again, and is in force");
        }
        match (config, web_config) {
            (Ok(_), Ok(_)) if nothing_new => Ok(SwapResult::Unchanged),
            (Ok(_), Ok(_)) => Ok(SwapResult::Replaced),
            (Err(why), Ok(_)) | (Ok(_), Err(why)) => Err(why),
            (Err(config), Err(web_config)) => Err(format!("{config}\n{web_config}")),
        }
    }

    /// Whether what is in force is what the files contain.
    fn in_sync(&self) -> bool {
        self.errors.is_empty() && self.deps.web_config.in_sync()
    }

    async fn reload_config(&mut self, trigger: ReloadTrigger) -> Result<SwapResult, String> {
        let result = self.try_reload(trigger).await;
        match &result {
            Ok(_) => self.errors.clear(trigger),
            Err(why) => {
                // A check every minute must not log the same error every minute.
                if self.errors.add(trigger, why) {
                    for line in why.lines() {
                        error!("{line}");
                    }
                    error!("the new configuration is faulty; the old one stays in force");
                }
            }
        }
        result
    }

    async fn try_reload(&mut self, trigger: ReloadTrigger) -> Result<SwapResult, String> {
        let source = self.deps.source.clone();
        let fingerprint = self.deps.fingerprint.clone();
        let read = move || {
            let source = match trigger {
                ReloadTrigger::Requested => source.reload()?,
                // Unchanged files are what is in force, whatever failed in between.
                ReloadTrigger::Channels | ReloadTrigger::WebConfig
                    if fingerprint.is_unchanged() =>
                {
                    return Ok(None);
                }
                ReloadTrigger::Channels | ReloadTrigger::WebConfig => source,
            };
            let (config, fingerprint) = source.load_with_fingerprint()?;
            Ok::<_, Diagnostics>(Some((source, config, fingerprint)))
        };
        let read = self.reader.read("configuration", read).await?;
        let Some((source, config, fingerprint)) = read.map_err(|faults| faults.to_string())? else {
            return Ok(SwapResult::Unchanged);
        };
        if trigger != ReloadTrigger::Requested && config == self.deps.config {
            // The text may differ: the next check need not evaluate it again.
            self.deps.fingerprint = fingerprint;
            return Ok(SwapResult::Unchanged);
        }
        let transport = if config.api.base_url == self.deps.config.api.base_url {
            Arc::clone(&self.deps.transport)
        } else {
            build_transport(&config).map_err(|error| format!("{error:#}"))?
        };
        log_warnings(&config);
        shard::announce(&config);
        let update = ConfigUpdate {
            config: config.clone(),
            transport: Arc::clone(&transport),
        };
        let (done, in_force) = oneshot::channel();
        let stopping = || "the exporter is stopping".to_owned();
        self.deps
            .poller
            .send((update, done))
            .await
            .map_err(|_| stopping())?;
        in_force.await.map_err(|_| stopping())?;
        self.deps.source = source;
        self.deps.config = config;
        self.deps.fingerprint = fingerprint;
        self.deps.transport = transport;
        info!("the configuration was reloaded");
        Ok(SwapResult::Replaced)
    }
}

impl WatchedSource {
    /// Records the result of a check.
    fn record(&mut self, result: &Result<SwapResult, String>) {
        let failure = result.as_ref().err();
        let news = *result == Ok(SwapResult::Replaced) || failure != self.failure.as_ref();
        self.failure = failure.cloned();
        self.watcher.record_check(news);
    }
}

impl ReloadErrors {
    /// Whether there are no errors.
    fn is_empty(&self) -> bool {
        self.requested.is_none() && self.noticed.is_none()
    }

    /// Records an error. Returns whether it has to be logged.
    fn add(&mut self, trigger: ReloadTrigger, why: &str) -> bool {
        let failure = match trigger {
            ReloadTrigger::Requested => &mut self.requested,
            ReloadTrigger::Channels | ReloadTrigger::WebConfig => &mut self.noticed,
        };
        let before = failure.replace(why.to_owned());
        trigger == ReloadTrigger::Requested || before.as_deref() != Some(why)
    }

    /// Clears the errors that the trigger covers. A requested reload covers everything.
    fn clear(&mut self, trigger: ReloadTrigger) {
        self.noticed = None;
        if trigger == ReloadTrigger::Requested {
            self.requested = None;
        }
    }
}
