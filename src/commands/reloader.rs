//! Reloading the configuration and the door.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::doorkeeper::Doorkeeper;
use super::exporter::{transport, warn_of};
use super::reading::Reading;
use super::shard;
use super::supervisor::Supervisor;
use crate::config::Diagnostics;
use crate::config::{Config, Source, SourceFingerprint, Watcher};
use crate::http::ReloadRequest;
use crate::scheduler::ConfigUpdate;
use crate::telemetry::Metrics;
use polyv_client::{ServerClock, Transport};
use web_config::SwapResult;

/// Loads the configuration and the door anew when asked, or when a channel file or a file of
/// the door changed. The only one who does, so that no two reloads get in each other's way.
pub(super) struct Reloader {
    parts: Parts,
    failures: Failures,
    reading: Reading,
}

/// What a reloader works with.
pub(super) struct Parts {
    /// Where the configuration comes from.
    pub(super) source: Source,
    /// What is in force.
    pub(super) config: Config,
    /// What it was made of.
    pub(super) fingerprint: SourceFingerprint,
    pub(super) door: Doorkeeper,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) metrics: Metrics,
    pub(super) clock: Arc<ServerClock>,
    /// Who has to follow it.
    pub(super) poller: mpsc::Sender<(ConfigUpdate, oneshot::Sender<()>)>,
    /// Who may wait until it is done.
    pub(super) supervisor: Supervisor,
}

/// What is wrong, by what brought it to light. A look at the channel files says nothing about
/// the rest of the configuration, so it can't put right what somebody was told when he asked.
#[derive(Default)]
struct Failures {
    asked: Option<String>,
    noticed: Option<String>,
}

/// What a reload is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Somebody asked for it.
    Asked,
    /// A channel file may have changed.
    Channels,
    /// A file of the door may have changed.
    Door,
}

/// Looks at some files when something happened beside them.
#[derive(Default)]
struct Lookout {
    watcher: Watcher,
    /// What was wrong at the last look.
    failure: Option<String>,
}

impl Reloader {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            failures: Failures::default(),
            reading: Reading::default(),
        }
    }

    /// Reloads when asked by a request, a signal or a file that changed, until the shutdown.
    pub(super) async fn run(
        mut self,
        asked: mpsc::Receiver<ReloadRequest>,
        signal: Signal,
        shutdown: CancellationToken,
    ) {
        // In the middle of a reload, too: it may wait for a file on a network that is down.
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.reload_when_asked(asked, signal) => {}
        }
    }

    async fn reload_when_asked(
        &mut self,
        mut asked: mpsc::Receiver<ReloadRequest>,
        mut signal: Signal,
    ) {
        // Two, so that what happens beside the files of one has nobody read those of the other.
        let (mut channels, mut door) = (Lookout::default(), Lookout::default());
        channels.watcher.watch(self.channel_files());
        door.watcher.watch(self.parts.door.watched().to_vec());
        loop {
            let (cause, request) = tokio::select! {
                Some(()) = signal.recv() => (Cause::Asked, None),
                Some(request) = asked.recv() => (Cause::Asked, Some(request)),
                () = channels.watcher.changed() => (Cause::Channels, None),
                () = door.watcher.changed() => (Cause::Door, None),
            };
            if cause == Cause::Asked {
                self.parts.supervisor.reloading().await;
            }
            let result = self.reload(cause).await;
            // Also where it changed nothing, or was refused: what is in force goes on.
            let supervisor = &self.parts.supervisor;
            supervisor
                .reloaded(&self.parts.config, self.is_well())
                .await;
            if cause != Cause::Door {
                channels.looked(&result);
                channels.watcher.watch(self.channel_files());
            }
            if cause != Cause::Channels {
                door.looked(&result);
                door.watcher.watch(self.parts.door.watched().to_vec());
            }
            if let Some(request) = request {
                // Whoever asked may not wait any more.
                _ = request.send(result.map(|_| ()));
            }
        }
    }

    /// The directories of the channel files.
    fn channel_files(&self) -> Vec<std::path::PathBuf> {
        self.parts
            .config
            .accounts
            .iter()
            .flat_map(|account| account.watched_directories.iter())
            .cloned()
            .collect()
    }

    /// Each of the two is taken or refused by itself, and looked at where `cause` is about it.
    async fn reload(&mut self, cause: Cause) -> Result<SwapResult, String> {
        let was_well = self.is_well();
        // The door first: it is a few small files.
        let door = match cause {
            Cause::Asked | Cause::Door => self.parts.door.reload(cause == Cause::Asked).await,
            Cause::Channels => Ok(SwapResult::Unchanged),
        };
        let config = match cause {
            Cause::Asked | Cause::Channels => self.reload_config(cause).await,
            Cause::Door => Ok(SwapResult::Unchanged),
        };
        let nothing_new = config == Ok(SwapResult::Unchanged) && door == Ok(SwapResult::Unchanged);
        let reloads = self.parts.metrics.reloads();
        if !self.is_well() {
            reloads.failed();
        } else if !nothing_new || !was_well {
            reloads.succeeded(self.parts.clock.host().wall());
        }
        if nothing_new && self.is_well() && !was_well {
            // Put right again, perhaps: what is in force is what the files say.
            info!("the configuration is valid again, and what is in force");
        }
        match (config, door) {
            (Ok(_), Ok(_)) if nothing_new => Ok(SwapResult::Unchanged),
            (Ok(_), Ok(_)) => Ok(SwapResult::Replaced),
            (Err(why), Ok(_)) | (Ok(_), Err(why)) => Err(why),
            (Err(config), Err(door)) => Err(format!("{config}\n{door}")),
        }
    }

    /// Whether what is in force is what the files say.
    fn is_well(&self) -> bool {
        self.failures.none() && self.parts.door.is_well()
    }

    async fn reload_config(&mut self, cause: Cause) -> Result<SwapResult, String> {
        let result = self.try_reload(cause).await;
        match &result {
            Ok(_) => self.failures.put_right(cause),
            Err(why) => {
                // What is looked at every minute need not be said every minute.
                if self.failures.add(cause, why) {
                    for line in why.lines() {
                        error!("{line}");
                    }
                    error!("the new configuration is faulty; the old one goes on");
                }
            }
        }
        result
    }

    async fn try_reload(&mut self, cause: Cause) -> Result<SwapResult, String> {
        let source = self.parts.source.clone();
        let fingerprint = self.parts.fingerprint.clone();
        let read = move || {
            let source = match cause {
                Cause::Asked => source.reload()?,
                // Whatever was wrong in the meantime: they made what is in force.
                Cause::Channels | Cause::Door if fingerprint.is_unchanged() => return Ok(None),
                Cause::Channels | Cause::Door => source,
            };
            let (config, fingerprint) = source.load_with_fingerprint()?;
            Ok::<_, Diagnostics>(Some((source, config, fingerprint)))
        };
        let read = self.reading.read("configuration", read).await?;
        let Some((source, config, fingerprint)) = read.map_err(|faults| faults.to_string())? else {
            return Ok(SwapResult::Unchanged);
        };
        if cause != Cause::Asked && config == self.parts.config {
            // Written otherwise, perhaps: the next look need not evaluate it again.
            self.parts.fingerprint = fingerprint;
            return Ok(SwapResult::Unchanged);
        }
        let transport = if config.api.base_url == self.parts.config.api.base_url {
            Arc::clone(&self.parts.transport)
        } else {
            transport(&config)?
        };
        warn_of(&config);
        shard::announce(&config);
        let update = ConfigUpdate {
            config: config.clone(),
            transport: Arc::clone(&transport),
        };
        let (done, in_force) = oneshot::channel();
        let stopping = || "the exporter is stopping".to_owned();
        self.parts
            .poller
            .send((update, done))
            .await
            .map_err(|_| stopping())?;
        in_force.await.map_err(|_| stopping())?;
        self.parts.source = source;
        self.parts.config = config;
        self.parts.fingerprint = fingerprint;
        self.parts.transport = transport;
        info!("the configuration was loaded anew");
        Ok(SwapResult::Replaced)
    }
}

impl Lookout {
    /// To be told what came of a look.
    fn looked(&mut self, result: &Result<SwapResult, String>) {
        let failure = result.as_ref().err();
        let news = *result == Ok(SwapResult::Replaced) || failure != self.failure.as_ref();
        self.failure = failure.cloned();
        self.watcher.record_check(news);
    }
}

impl Failures {
    /// Whether nothing is wrong.
    fn none(&self) -> bool {
        self.asked.is_none() && self.noticed.is_none()
    }

    /// Takes note of a failure; whether it has to be said.
    fn add(&mut self, cause: Cause, why: &str) -> bool {
        let failure = match cause {
            Cause::Asked => &mut self.asked,
            Cause::Channels | Cause::Door => &mut self.noticed,
        };
        let before = failure.replace(why.to_owned());
        cause == Cause::Asked || before.as_deref() != Some(why)
    }

    /// What `cause` looks at is right. Somebody who asks has everything looked at.
    fn put_right(&mut self, cause: Cause) {
        self.noticed = None;
        if cause == Cause::Asked {
            self.asked = None;
        }
    }
}
