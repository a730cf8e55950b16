//! How a command fails.

use std::process::ExitCode;

use crate::config::Diagnostics;

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
    /// Prints the error, and returns the exit status.
    #[allow(clippy::print_stderr)] // to a person, who may not have a log
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::Failed(error) => {
                eprintln!("polyv-exporter: {error:#}");
                ExitCode::from(1)
            }
            Self::AlreadyReported => ExitCode::from(1),
            Self::Usage(message) => {
                eprintln!("polyv-exporter: {message}");
                ExitCode::from(2)
            }
            Self::Faulty { what, faults } => {
                eprintln!("{faults}");
                eprintln!("polyv-exporter: the {what} is faulty");
                ExitCode::from(2)
            }
        }
    }
}

/// The configuration is wrong.
pub(super) fn faulty_configuration(faults: &Diagnostics) -> CommandError {
    CommandError::Faulty {
        what: "configuration",
        faults: faults.to_string(),
    }
}

/// The web configuration is wrong.
pub(super) fn faulty_web_configuration(faults: &web_config::Diagnostics) -> CommandError {
    CommandError::Faulty {
        what: "web configuration",
        faults: faults.to_string(),
    }
}

/// The scenario is wrong.
#[cfg(feature = "simulator")]
pub(super) fn faulty_scenario(error: &polyv_simulator::ScenarioError) -> CommandError {
    CommandError::Faulty {
        what: "scenario",
        faults: error.to_string(),
    }
}

impl<E: Into<anyhow::Error>> From<E> for CommandError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
