//! How a command fails.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use crate::telemetry::Stderr;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum CommandError {
    /// It failed.
    Failed(anyhow::Error),
    /// It failed, and the person has read why.
    AlreadyReported,
    /// The command line is wrong.
    Usage(String),
    /// A file that the person wrote is wrong.
    Faulty {
        /// What kind of file.
        what: &'static str,
        /// What is wrong with it: a line per fault.
        faults: String,
    },
}

impl CommandError {
    /// What kind of file is wrong; its argument says what is wrong with it.
    pub(super) fn faulty<E: Display>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |faults| Self::Faulty {
            what,
            faults: faults.to_string(),
        }
    }

    /// Prints the error, and returns the exit status.
    pub(super) fn report(self) -> ExitCode {
        let (message, status) = match self {
            Self::AlreadyReported => return ExitCode::from(1),
            Self::Failed(error) => (format!("polyv-exporter: {error:#}\n"), 1),
            Self::Usage(message) => (format!("polyv-exporter: {message}\n"), 2),
            Self::Faulty { what, faults } => (
                format!("{faults}\npolyv-exporter: the {what} is faulty\n"),
                2,
            ),
        };
        // Nothing is left to do if it can't be written.
        _ = Stderr.write_all(message.as_bytes());
        ExitCode::from(status)
    }
}

impl<E: Into<anyhow::Error>> From<E> for CommandError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
