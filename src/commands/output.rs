//! Writing to the person's terminal, or to whatever the output is piped into.

use std::io::{self, Write};

use serde::Serialize;

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
