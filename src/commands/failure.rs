//! How a command fails.

use std::process::ExitCode;

use crate::yaml::Faults;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// It went wrong.
    Failed(anyhow::Error),
    /// It went wrong, and the person was told.
    Told,
    /// The command line is wrong.
    Usage(String),
    /// The configuration is wrong.
    Configuration(Faults),
}

impl Failure {
    /// Tells the person, and gives the exit status.
    #[allow(clippy::print_stderr)] // to a person, who may not have a log
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::Failed(error) => {
                eprintln!("polyv-exporter: {error:#}");
                ExitCode::from(1)
            }
            Self::Told => ExitCode::from(1),
            Self::Usage(message) => {
                eprintln!("polyv-exporter: {message}");
                ExitCode::from(2)
            }
            Self::Configuration(faults) => {
                eprintln!("{faults}");
                eprintln!("polyv-exporter: the configuration is faulty");
                ExitCode::from(2)
            }
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
