//! Reloads of the configuration and the web configuration.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::config_reloader::ConfigReloader;
use super::systemd::ServiceNotifier;
use super::web_config_reloader::WebConfigReloader;
use crate::http::ReloadRequest;
use crate::telemetry::ReloadMetrics;
use polyv_client::ServerClock;
use web_config::SwapResult;

/// Loads the configuration and the web configuration again on request, or when a channel file or
/// a file of the web configuration changed. It is the only one that does, so that reloads never
/// overlap.
pub(super) struct Reloader {
    pub(super) config: ConfigReloader,
    pub(super) web_config: WebConfigReloader,
    pub(super) metrics: ReloadMetrics,
    pub(super) clock: Arc<ServerClock>,
    /// The service manager, which may wait for the end of a reload.
    pub(super) notifier: ServiceNotifier,
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

// === impl Reloader ===

impl Reloader {
    /// Reloads on a request, a signal or a file that changed, until the shutdown.
    pub(super) async fn run(
        mut self,
        requests: mpsc::Receiver<ReloadRequest>,
        signal: Signal,
        shutdown: CancellationToken,
    ) {
        // In the middle of a reload, too: it may wait for a file on a network that is down.
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.reload_on_triggers(requests, signal) => {}
        }
    }

    async fn reload_on_triggers(
        &mut self,
        mut requests: mpsc::Receiver<ReloadRequest>,
        mut signal: Signal,
    ) {
        loop {
            let (trigger, request) = tokio::select! {
                Some(()) = signal.recv() => (ReloadTrigger::Requested, None),
                Some(request) = requests.recv() => (ReloadTrigger::Requested, Some(request)),
                () = self.config.files.watcher.changed() => (ReloadTrigger::Channels, None),
                () = self.web_config.files.watcher.changed() => (ReloadTrigger::WebConfig, None),
            };
            if trigger == ReloadTrigger::Requested {
                self.notifier.reloading().await;
            }
            let result = self.reload(trigger).await;
            // Also if it changed nothing or failed: what is in force stays.
            let (config, in_sync) = (self.config.config(), self.in_sync());
            self.notifier.reloaded(config, in_sync).await;
            if let Some(request) = request {
                // The client may have gone.
                _ = request.send(result);
            }
        }
    }

    /// Reloads what the trigger concerns. Either configuration is accepted or rejected on its own.
    async fn reload(&mut self, trigger: ReloadTrigger) -> Result<(), String> {
        let was_in_sync = self.in_sync();
        let requested = trigger == ReloadTrigger::Requested;
        let (mut config, mut web_config) = (Ok(SwapResult::Unchanged), Ok(SwapResult::Unchanged));
        // The web configuration first: it is a few small files.
        if requested || trigger == ReloadTrigger::WebConfig {
            web_config = self.web_config.reload(requested).await;
        }
        if requested || trigger == ReloadTrigger::Channels {
            config = self.config.reload(requested).await;
        }
        let unchanged = [&config, &web_config]
            .iter()
            .all(|result| **result == Ok(SwapResult::Unchanged));
        if !self.in_sync() {
            self.metrics.failed();
        } else if !unchanged || !was_in_sync {
            self.metrics.succeeded(self.clock.host().wall());
        }
        if unchanged && self.in_sync() && !was_in_sync {
            // A fault was fixed by restoring the old content.
            info!("the configuration is valid again, and is in force");
        }
        let faults: Vec<_> = [config, web_config]
            .into_iter()
            .filter_map(Result::err)
            .collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults.join("\n"))
        }
    }

    /// Whether what is in force is what the files contain.
    fn in_sync(&self) -> bool {
        self.config.in_sync() && self.web_config.in_sync()
    }
}
