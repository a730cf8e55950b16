//! Notifications for a service manager: systemd, or any other that speaks its protocol.
//!
//! `NOTIFY_SOCKET` names the socket, and `WATCHDOG_USEC` the interval of keep-alive messages; see
//! `sd_notify(3)` and `sd_watchdog_enabled(3)`. Without them nothing is sent.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::config::Config;
use crate::scheduler::PollerHealth;
use polyv_client::ServerClock;

/// Notifies the service manager, if there is one.
#[derive(Debug, Clone)]
pub(super) struct ServiceNotifier {
    socket: Option<OsString>,
    /// After this long without a message the service manager restarts the exporter.
    watchdog: Option<Duration>,
}

/// How long a notification waits for a service manager that does not read.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(1);
/// The same for the first one: the service manager may be busy while the host boots.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

// === impl ServiceNotifier ===

impl ServiceNotifier {
    /// The notifier that the environment describes.
    pub(super) fn from_environment() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty());
        Self {
            watchdog: sd_notify::watchdog_enabled().filter(|_| socket.is_some()),
            socket,
        }
    }

    /// Reports that the exporter listens, and then keeps the watchdog alive while its poller
    /// works, until the shutdown. Without these messages the service manager restarts it.
    pub(super) async fn run(
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
                self.notify(&ready, READY_TIMEOUT).await;
                self.keep_alive(&status, &clock).await;
            } => {}
        }
        self.notify(&[NotifyState::Stopping], NOTIFY_TIMEOUT).await;
    }

    /// Reports that a reload has begun; [`Self::reloaded`] ends it.
    pub(super) async fn reloading(&self) {
        if let Ok(now) = NotifyState::monotonic_usec_now().inspect_err(log_failure) {
            let states = [NotifyState::Reloading, now];
            self.notify(&states, NOTIFY_TIMEOUT).await;
        }
    }

    /// Reports the configuration in force, and whether its files contain the same.
    pub(super) async fn reloaded(&self, config: &Config, in_sync: bool) {
        let mut text = status_line(config);
        if !in_sync {
            text.push_str("; the configuration is faulty now, so the previous one stays in force");
        }
        let ready = [NotifyState::Ready, NotifyState::Status(&text)];
        self.notify(&ready, NOTIFY_TIMEOUT).await;
    }

    async fn keep_alive(&self, status: &PollerHealth, clock: &ServerClock) {
        // Twice in the time given, as `sd_watchdog_enabled(3)` recommends.
        let Some(every) = self.watchdog.map(|patience| patience / 2) else {
            return std::future::pending().await;
        };
        let mut next = Instant::now();
        loop {
            sleep_until(next).await;
            next = Instant::now() + every;
            if status.is_stalled(clock.host().monotonic()) {
                error!("the poller is stalled; keep-alive messages to the service manager stop");
            } else {
                self.notify(&[NotifyState::Watchdog], NOTIFY_TIMEOUT).await;
            }
        }
    }

    async fn notify(&self, states: &[NotifyState<'_>], limit: Duration) {
        let Some(socket) = &self.socket else {
            return;
        };
        let lines: Vec<String> = states.iter().map(ToString::to_string).collect();
        let too_slow = |_| Err(io::ErrorKind::TimedOut.into());
        let sent = timeout(limit, send(socket, &lines.join("\n"))).await;
        _ = sent.unwrap_or_else(too_slow).inspect_err(log_failure);
    }
}

/// The status line that the service manager shows.
pub(super) fn status_line(config: &Config) -> String {
    format!("watching channels: {}", config.channel_count())
}

fn log_failure(error: &io::Error) {
    warn!(%error, "the service manager can't be notified (NOTIFY_SOCKET)");
}

/// Sends to a socket of the file system, or to an abstract one, which begins with `@`. It may be
/// full; `sd_notify::notify` would block a thread until it is read.
async fn send(socket: &OsStr, message: &str) -> io::Result<()> {
    let mut path = socket.as_bytes().to_vec();
    if let Some(first @ b'@') = path.first_mut() {
        *first = 0;
    }
    let sender = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    sender.connect(&SockAddr::unix(OsStr::from_bytes(&path))?)?;
    sender.set_nonblocking(true)?;
    let sender = tokio::net::UnixDatagram::from_std(sender.into())?;
    sender.send(message.as_bytes()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use polyv_client::clock::Clock;

    #[tokio::test(start_paused = true)]
    async fn stalled_poller_is_not_reported_alive() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let notifier = ServiceNotifier {
            socket: Some(path.into_os_string()),
            watchdog: Some(Duration::from_secs(20)),
        };
        let status = PollerHealth::default();
        let clock = ServerClock::new(Clock::default());
        let alive = || {
            let mut buffer = [0; 64];
            std::iter::from_fn(|| manager.recv(&mut buffer).ok()).count()
        };
        // Nothing updates the health: that is what a stalled poller looks like.
        let keep_alive = notifier.keep_alive(&status, &clock);
        _ = timeout(Duration::from_secs(61), keep_alive).await;
        assert_eq!(alive(), 7, "at once, and every 10 s for a minute");
        let keep_alive = notifier.keep_alive(&status, &clock);
        _ = timeout(Duration::from_secs(300), keep_alive).await;
        assert_eq!(alive(), 0);
    }
}
