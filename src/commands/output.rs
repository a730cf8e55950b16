//! Writing to the person's terminal, or to whatever the output is piped into.

use std::io::{self, Write};
#[cfg(feature = "simulator")]
use std::time::Duration;

use serde::Serialize;
#[cfg(feature = "simulator")]
use tracing::warn;

use crate::cli::Output;

/// Writes text to standard output. A reader who has seen enough (`| head`) is no failure.
///
/// # Errors
/// Where the output can't be written (a full disk).
pub(super) fn show(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes text to standard output, and goes on after a second if it is not read.
///
/// # Errors
/// Where the output can't be written.
#[cfg(feature = "simulator")]
pub(super) async fn announce(text: String) -> io::Result<()> {
    let writing = tokio::task::spawn_blocking(move || show(&text));
    match tokio::time::timeout(Duration::from_secs(1), writing).await {
        Ok(written) => written?,
        Err(_) => {
            warn!("standard output is not read");
            Ok(())
        }
    }
}

/// Writes a report to standard output in the requested format.
///
/// # Errors
/// Where the output can't be written.
pub(super) fn show_report(format: Output, text: &str, json: &impl Serialize) -> io::Result<()> {
    match format {
        Output::Text => show(text),
        Output::Json => show(&format!("{}\n", serde_json::to_string_pretty(json)?)),
    }
}
