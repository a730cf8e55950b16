//! What the operating system asks of us.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Cancels the token at the first `SIGTERM` or `SIGINT`.
///
/// # Errors
/// Where signals can't be listened to.
pub(super) fn stop_on_signal(shutdown: &CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = shutdown.clone();
    // Ends with the process.
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!(signal = name, "stopping");
        shutdown.cancel();
    });
    Ok(())
}

/// `SIGHUP`, which asks for a reload.
///
/// # Errors
/// Where signals can't be listened to.
pub(super) fn reload_signal() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}
