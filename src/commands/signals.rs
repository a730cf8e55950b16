//! Signals of the operating system.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// A token that the first `SIGTERM` or `SIGINT` cancels.
///
/// # Errors
/// Where signals can't be listened to.
pub(super) fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    // Ends with the process.
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!(signal = name, "stopping");
        shutdown.cancel();
    });
    Ok(token)
}

/// `SIGHUP`, which requests a reload.
///
/// # Errors
/// Where signals can't be listened to.
pub(super) fn reload_signal() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}
