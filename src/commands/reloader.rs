//! Reloading the configuration.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::exporter::{transport, warn_of};
use crate::config::{Config, Source, Watcher};
use crate::poller::Orders;
use crate::polyv::{PolyvClock, Transport};
use crate::telemetry::Metrics;
use crate::web::ReloadRequest;
use crate::yaml::Faults;

/// Loads the configuration anew when asked, or when a channel file changed. The only one who
/// does, so that no two reloads get in each other's way.
pub(super) struct Reloader {
    parts: Parts,
    failures: Failures,
    /// Held while the configuration is read: files that do not let themselves be read are
    /// tried by one at a time.
    reading: Arc<Mutex<()>>,
}

/// What a reloader works with.
pub(super) struct Parts {
    /// Where the configuration comes from.
    pub(super) source: Source,
    /// What is in force.
    pub(super) config: Config,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) metrics: Metrics,
    pub(super) clock: Arc<PolyvClock>,
    /// Who has to follow it.
    pub(super) poller: mpsc::Sender<(Orders, oneshot::Sender<()>)>,
}

/// What is wrong, by what brought it to light. A look at the channel files says nothing about
/// the rest of the configuration, so it can't put right what somebody was told when he asked.
#[derive(Default)]
struct Failures {
    asked: Option<String>,
    noticed: Option<String>,
}

/// Reading the configuration may take so long.
const READ: Duration = Duration::from_secs(30);

/// What a reload is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Somebody asked for it.
    Asked,
    /// A channel file may have changed.
    Noticed,
}

impl Reloader {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            failures: Failures::default(),
            reading: Arc::default(),
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
        let mut watcher = Watcher::new();
        watcher.watch(self.watched());
        loop {
            let (cause, request) = tokio::select! {
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
        self.parts
            .config
            .accounts
            .iter()
            .flat_map(|account| account.watched.iter().cloned())
            .collect()
    }

    async fn reload(&mut self, cause: Cause) -> Result<(), String> {
        let result = match self.try_reload(cause).await {
            Ok(()) => {
                self.failures.put_right(cause);
                Ok(())
            }
            Err(Refused::Unchanged) => {
                // Put right again, perhaps: what is in force is what the files say.
                if self.failures.put_right(cause) && self.failures.none() {
                    info!("the configuration is valid again, and what is in force");
                    self.tell(true);
                }
                return Ok(());
            }
            Err(Refused::Faulty(why)) => {
                // What is looked at every minute need not be said every minute.
                if self.failures.add(cause, &why) {
                    for line in why.lines() {
                        error!("{line}");
                    }
                    error!("the new configuration is faulty; the old one goes on");
                }
                Err(why)
            }
        };
        self.tell(self.failures.none());
        result
    }

    fn tell(&self, successful: bool) {
        if successful {
            self.parts
                .metrics
                .reloads()
                .succeeded(self.parts.clock.host().wall());
        } else {
            self.parts.metrics.reloads().failed();
        }
    }

    async fn try_reload(&mut self, cause: Cause) -> Result<(), Refused> {
        let too_slow = || {
            let seconds = READ.as_secs();
            let why = format!("a file of the configuration takes over {seconds} s to be read");
            Refused::Faulty(why)
        };
        let lock = Arc::clone(&self.reading)
            .try_lock_owned()
            .map_err(|_| too_slow())?;
        let source = self.parts.source.clone();
        let read = tokio::task::spawn_blocking(move || {
            let _lock = lock;
            let source = match cause {
                Cause::Asked => source.reload()?,
                Cause::Noticed => source,
            };
            let config = source.evaluate()?;
            Ok::<_, Faults>((source, config))
        });
        let read = tokio::time::timeout(READ, read)
            .await
            .map_err(|_| too_slow())?;
        let (source, config) = read
            .map_err(|failure| Refused::Faulty(failure.to_string()))?
            .map_err(|faults| Refused::Faulty(faults.to_string()))?;
        if cause == Cause::Noticed && config == self.parts.config {
            return Err(Refused::Unchanged);
        }
        let transport = if config.api.base_url == self.parts.config.api.base_url {
            Arc::clone(&self.parts.transport)
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
        self.parts
            .poller
            .send((orders, done))
            .await
            .map_err(|_| stopping())?;
        in_force.await.map_err(|_| stopping())?;
        self.parts.source = source;
        self.parts.config = config;
        self.parts.transport = transport;
        info!("the configuration was loaded anew");
        Ok(())
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
            Cause::Noticed => &mut self.noticed,
        };
        let before = failure.replace(why.to_owned());
        cause == Cause::Asked || before.as_deref() != Some(why)
    }

    /// What `cause` looks at is right; whether it was not before. Somebody who asks has
    /// everything looked at.
    fn put_right(&mut self, cause: Cause) -> bool {
        let noticed = self.noticed.take().is_some();
        let asked = cause == Cause::Asked && self.asked.take().is_some();
        noticed || asked
    }
}

/// Why there was no reload.
enum Refused {
    /// There is nothing new.
    Unchanged,
    /// The new configuration is faulty.
    Faulty(String),
}
