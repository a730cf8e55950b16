//! Reloads of the configuration.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tracing::warn;

use super::load_config::{build_transport, log_warnings};
use super::shard;
use super::watched_source::WatchedSource;
use crate::config::{Config, Diagnostics, RemoteWrite, Source, SourceFingerprint};
use crate::scheduler::ConfigUpdate;
use web_config::SwapResult;

/// Keeps the configuration in force in step with its files.
pub(super) struct ConfigReloader {
    source: Source,
    in_force: ConfigUpdate,
    /// What the configuration in force was read from.
    fingerprint: SourceFingerprint,
    /// The poller, which applies each new configuration and says when it has.
    poller: mpsc::Sender<(ConfigUpdate, oneshot::Sender<()>)>,
    /// The endpoints of remote write, for those who send to them.
    remote_write: watch::Sender<Vec<Arc<RemoteWrite>>>,
    /// The channel files.
    pub(super) files: WatchedSource,
    /// Whether the last requested reload failed. A check of the channel files says nothing about
    /// the rest of the configuration, so it can't clear this.
    request_failed: bool,
}

// === impl ConfigReloader ===

impl ConfigReloader {
    pub(super) fn new(
        source: Source,
        in_force: ConfigUpdate,
        fingerprint: SourceFingerprint,
        poller: mpsc::Sender<(ConfigUpdate, oneshot::Sender<()>)>,
        remote_write: watch::Sender<Vec<Arc<RemoteWrite>>>,
    ) -> Self {
        let mut reloader = Self {
            source,
            in_force,
            fingerprint,
            poller,
            remote_write,
            files: WatchedSource::new("configuration"),
            request_failed: false,
        };
        reloader.watch();
        reloader
    }

    /// The configuration in force.
    pub(super) fn config(&self) -> &Config {
        &self.in_force.config
    }

    /// Whether the configuration in force is what its files contain.
    pub(super) fn in_sync(&self) -> bool {
        !self.request_failed && !self.files.has_failed()
    }

    /// Loads everything again if that was requested, else the channel files if they changed. Faulty
    /// files leave the configuration in force.
    ///
    /// # Errors
    /// The faults.
    pub(super) async fn reload(&mut self, requested: bool) -> Result<SwapResult, String> {
        let result = self.try_reload(requested).await;
        if requested {
            self.request_failed = result.is_err();
        }
        self.files.record(&result, requested);
        self.watch();
        result
    }

    /// Watches the directories of the channel files.
    fn watch(&mut self) {
        let accounts = self.config().accounts.iter();
        let directories = accounts.flat_map(|account| account.watched_directories.iter());
        let directories: Vec<PathBuf> = directories.cloned().collect();
        self.files.watcher.watch(directories);
    }

    async fn try_reload(&mut self, requested: bool) -> Result<SwapResult, String> {
        let (source, fingerprint) = (self.source.clone(), self.fingerprint.clone());
        let read = move || {
            if !requested && fingerprint.is_unchanged() {
                // This is what is in force, whatever failed in between.
                return Ok(None);
            }
            let source = if requested { source.reload()? } else { source };
            let (config, fingerprint) = source.load_with_fingerprint()?;
            Ok::<_, Diagnostics>(Some((source, config, fingerprint)))
        };
        let read = self.files.read(read).await?;
        let Some((source, config, fingerprint)) = read.map_err(|faults| faults.to_string())? else {
            return Ok(SwapResult::Unchanged);
        };
        if !requested && config == *self.config() {
            // The text may differ: the next check need not evaluate it again.
            self.fingerprint = fingerprint;
            return Ok(SwapResult::Unchanged);
        }
        log_warnings(&config);
        if config.recorder != self.config().recorder {
            warn!("changes of `recorder` take effect at the next start");
        }
        shard::announce(&config);
        let transport = Arc::clone(&self.in_force.transport);
        let mut update = ConfigUpdate { config, transport };
        if update.config.api.base_url != self.config().api.base_url {
            let transport = build_transport(&update.config);
            update.transport = transport.map_err(|error| format!("{error:#}"))?;
        }
        let (done, in_force) = oneshot::channel();
        let sent = self.poller.send((update.clone(), done)).await;
        if sent.is_err() || in_force.await.is_err() {
            return Err("the exporter is stopping".to_owned());
        }
        // An error means that nothing is recorded, which a reload does not change.
        _ = self.remote_write.send(update.config.remote_write.clone());
        self.source = source;
        self.in_force = update;
        self.fingerprint = fingerprint;
        Ok(SwapResult::Replaced)
    }
}
