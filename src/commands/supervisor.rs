//! What a service manager is told: systemd, or whatever else speaks its notification protocol.
//!
//! `NOTIFY_SOCKET` names where, and `WATCHDOG_USEC` how often it wants to hear that the exporter
//! works; see `sd_notify(3)` and `sd_watchdog_enabled(3)`. Where they are not set, nobody asks.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::config::Config;
use crate::scheduler::PollerHealth;
use polyv_client::ServerClock;

/// A service manager that wants to know how things are, or nobody.
#[derive(Debug, Clone)]
pub(super) struct Supervisor {
    socket: Option<OsString>,
    /// It takes the exporter for dead when it hears nothing for so long.
    watchdog: Option<Duration>,
}

/// A manager that reads nothing for so long does without; nothing else waits for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// The exporter is ready only once, and the manager may be busy with starting everything else.
const PATIENCE_AT_START: Duration = Duration::from_secs(30);

// === impl Supervisor ===

impl Supervisor {
    /// The one that the environment names.
    pub(super) fn from_environment() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty());
        Self {
            watchdog: sd_notify::watchdog_enabled().filter(|_| socket.is_some()),
            socket,
        }
    }

    /// Says that the exporter listens, and then that it works for as long as its poller does,
    /// until the shutdown. Where the latter is wanted, silence is what makes the service
    /// manager start another one.
    pub(super) async fn accompany(
        self,
        watching: String,
        status: Arc<PollerHealth>,
        clock: Arc<ServerClock>,
        shutdown: CancellationToken,
    ) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = async {
                let ready = [NotifyState::Ready, NotifyState::Status(&watching)];
                self.tell(&ready, PATIENCE_AT_START).await;
                self.keep_alive(&status, &clock).await;
            } => {}
        }
        self.tell(&[NotifyState::Stopping], PATIENCE).await;
    }

    /// The configuration is loaded anew, until that is [over](Self::reloaded).
    pub(super) async fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now], PATIENCE).await,
            Err(error) => failed(&error),
        }
    }

    /// The exporter works by this configuration; `well` says whether that is what its files say
    /// by now.
    pub(super) async fn reloaded(&self, config: &Config, well: bool) {
        let mut text = watching(config);
        if !well {
            text.push_str("; the configuration is faulty now, so the one before goes on");
        }
        let ready = [NotifyState::Ready, NotifyState::Status(&text)];
        self.tell(&ready, PATIENCE).await;
    }

    async fn keep_alive(&self, status: &PollerHealth, clock: &ServerClock) {
        // Twice in the time given, as `sd_watchdog_enabled(3)` asks.
        let Some(every) = self.watchdog.map(|patience| patience / 2) else {
            return std::future::pending().await;
        };
        let mut next = Instant::now();
        loop {
            sleep_until(next).await;
            next = Instant::now() + every;
            if status.is_stalled(clock.host().monotonic()) {
                error!(
                    "the poller is stuck; the service manager is not told any more that all is well"
                );
            } else {
                self.tell(&[NotifyState::Watchdog], PATIENCE).await;
            }
        }
    }

    async fn tell(&self, states: &[NotifyState<'_>], patience: Duration) {
        let Some(socket) = &self.socket else {
            return;
        };
        let mut message = String::new();
        for state in states {
            message.push_str(&state.to_string());
            message.push('\n');
        }
        let too_slow = || io::Error::from(io::ErrorKind::TimedOut);
        let told = timeout(patience, send(socket, &message)).await;
        if let Err(error) = told.map_err(|_| too_slow()).and_then(|told| told) {
            failed(&error);
        }
    }
}

/// What is watched, in a few words.
pub(super) fn watching(config: &Config) -> String {
    let channels: usize = config.accounts.iter().map(|a| a.channels.len()).sum();
    format!("watching channels: {channels}")
}

fn failed(error: &io::Error) {
    warn!(%error, "the service manager can't be told how things are (NOTIFY_SOCKET)");
}

/// Sends to a socket of the file system, or to an abstract one, which begins with `@`. It may be
/// full; `sd_notify::notify` would hold up a thread until somebody reads.
async fn send(socket: &OsStr, message: &str) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    connect(&sender, socket)?;
    sender.set_nonblocking(true)?;
    let sender = tokio::net::UnixDatagram::from_std(sender)?;
    sender.send(message.as_bytes()).await?;
    Ok(())
}

#[cfg(target_os = "linux")]
fn connect(sender: &UnixDatagram, socket: &OsStr) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::SocketAddr;

    match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => sender.connect_addr(&SocketAddr::from_abstract_name(name)?),
        None => sender.connect(socket),
    }
}

/// Elsewhere there are no abstract ones.
#[cfg(not(target_os = "linux"))]
fn connect(sender: &UnixDatagram, socket: &OsStr) -> io::Result<()> {
    sender.connect(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use polyv_client::clock::Clock;

    #[tokio::test(start_paused = true)]
    async fn a_stuck_poller_is_not_reported_alive() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let supervisor = Supervisor {
            socket: Some(path.into_os_string()),
            watchdog: Some(Duration::from_secs(20)),
        };
        let status = PollerHealth::default();
        let clock = ServerClock::new(Clock::default());
        let alive = || {
            let mut buffer = [0; 64];
            std::iter::from_fn(|| manager.recv(&mut buffer).ok()).count()
        };
        // Nobody looks after the status: that is what a stuck poller looks like.
        let watching = supervisor.keep_alive(&status, &clock);
        _ = timeout(Duration::from_secs(61), watching).await;
        assert_eq!(alive(), 7, "at once, and every 10 s for a minute");
        let watching = supervisor.keep_alive(&status, &clock);
        _ = timeout(Duration::from_secs(300), watching).await;
        assert_eq!(alive(), 0);
    }
}
