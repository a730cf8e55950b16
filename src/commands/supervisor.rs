//! What a service manager is told: systemd, or whatever else speaks its notification protocol.
//!
//! `NOTIFY_SOCKET` names where, and `WATCHDOG_USEC` how often it wants to hear that the exporter
//! works; see `sd_notify(3)` and `sd_watchdog_enabled(3)`. Where they are not set, nobody asks.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::config::Config;
use crate::poller::Status;
use crate::polyv::PolyvClock;

/// A service manager that wants to know how things are, or nobody.
#[derive(Debug, Clone)]
pub(super) struct Supervisor {
    present: bool,
    /// It takes the exporter for dead when it hears nothing for so long.
    watchdog: Option<Duration>,
}

// === impl Supervisor ===

impl Supervisor {
    /// The one that the environment names.
    pub(super) fn from_environment() -> Self {
        let present = std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty());
        Self {
            present,
            watchdog: sd_notify::watchdog_enabled().filter(|_| present),
        }
    }

    /// The exporter listens, and works by this configuration.
    pub(super) async fn ready(&self, config: &Config) {
        let channels: usize = config.accounts.iter().map(|a| a.channels.len()).sum();
        let status = format!("watching channels: {channels}");
        self.tell(move || sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)]))
            .await;
    }

    /// The configuration is loaded anew, until it is [ready](Self::ready) again.
    pub(super) async fn reloading(&self) {
        self.tell(|| {
            let now = NotifyState::monotonic_usec_now()?;
            sd_notify::notify(&[NotifyState::Reloading, now])
        })
        .await;
    }

    /// The exporter ends.
    pub(super) async fn stopping(&self) {
        self.tell(|| sd_notify::notify(&[NotifyState::Stopping]))
            .await;
    }

    /// Says that the exporter works for as long as its poller does, until the shutdown. Where
    /// that is wanted, silence is what makes the service manager start another one.
    pub(super) async fn keep_alive(
        self,
        status: Arc<Status>,
        clock: Arc<PolyvClock>,
        shutdown: CancellationToken,
    ) {
        // Twice in the time given, as `sd_watchdog_enabled(3)` asks.
        let Some(every) = self.watchdog.map(|patience| patience / 2) else {
            return shutdown.cancelled().await;
        };
        let mut next = Instant::now();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep_until(next) => {}
            }
            next = Instant::now() + every;
            if status.is_stuck(clock.host().moment()) {
                error!(
                    "the poller is stuck; the service manager is no longer told that all is well"
                );
            } else {
                self.tell(|| sd_notify::notify(&[NotifyState::Watchdog]))
                    .await;
            }
        }
    }

    /// Its socket may be full, which must hold up nobody else.
    async fn tell(&self, what: impl FnOnce() -> std::io::Result<()> + Send + 'static) {
        if !self.present {
            return;
        }
        let told = spawn_blocking(what).await;
        if let Err(error) = told.map_err(std::io::Error::other).and_then(|told| told) {
            warn!(%error, "the service manager can't be told how things are (NOTIFY_SOCKET)");
        }
    }
}
