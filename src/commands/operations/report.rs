//! The result of an operation, for a person and for a script.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::Output;
use crate::commands::error::CommandError;
use crate::commands::output;
use polyv_client::{Effect, Error, Outcome, Preview};

/// The result of an operation.
pub(super) struct OperationReport {
    ending: OperationStatus,
    /// Lines for a person.
    text: String,
    /// The same for a script.
    json: Map<String, Value>,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OperationStatus {
    /// Done as requested.
    Done,
    /// Nothing had to be done.
    Unchanged,
    /// Nothing was sent, on purpose.
    DryRun,
    /// Nothing was changed.
    NotDone,
    /// Something was changed, and something was not.
    Partly,
    /// Whether it took effect is unknown.
    Unknown,
}

/// Why an operation failed.
#[derive(Debug, Clone)]
pub(super) struct OperationError {
    pub(super) effect: Effect,
    /// A sentence for the person.
    pub(super) what: String,
    /// The outcome of the call, if there was one.
    pub(super) outcome: Option<&'static str>,
}

// === impl OperationError ===

impl OperationError {
    pub(super) fn new(error: &Error, effect: Effect) -> Self {
        let what = match error {
            Error::Forbidden(refusal) if refusal.message.starts_with("账号未开启") => format!(
                "this account does not have the feature; ask Polyv to enable it ({})",
                refusal.message
            ),
            other => other.to_string(),
        };
        Self {
            effect,
            what,
            outcome: Some(error.outcome().as_str()),
        }
    }

    /// Whether Polyv refused the call because of our clock, so that it had no effect.
    pub(super) fn is_clock_skew(&self) -> bool {
        self.effect == Effect::None && self.outcome == Some(Outcome::ClockSkew.as_str())
    }

    pub(super) fn interrupted(effect: Effect) -> Self {
        Self {
            effect,
            what: "interrupted".to_owned(),
            outcome: None,
        }
    }
}

// === impl OperationReport ===

impl OperationReport {
    /// A report for a person; [`with`](Self::with) adds what a script reads.
    pub(super) fn new(ending: OperationStatus, text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.push('\n');
        let json = Map::new();
        Self { ending, text, json }.with("result", &ending)
    }

    /// The report on a failure: what failed, and whether it took effect.
    pub(super) fn failed(what: &str, error: &OperationError) -> Self {
        let why = &error.what;
        let report = match error.effect {
            Effect::None => Self::new(OperationStatus::NotDone, format!("{what}: not done. {why}")),
            Effect::Unknown => Self::new(
                OperationStatus::Unknown,
                format!(
                    "{what}: it is unknown whether that took effect. {why}\n→ It was not sent \
                     again. Look at the present state before you do."
                ),
            ),
        };
        report.with_error(error)
    }

    /// The requests that a dry run would have sent.
    pub(super) fn dry_run(requests: &[Preview]) -> Self {
        let mut text = String::from("Nothing was sent. This would be:");
        for request in requests {
            _ = write!(text, "\nPOST {}", request.url);
            if let Some(body) = &request.body {
                _ = write!(text, "\n{body:#}");
            }
        }
        Self::new(OperationStatus::DryRun, text).with("requests", &requests)
    }

    /// Adds a failure for scripts.
    pub(super) fn with_error(self, error: &OperationError) -> Self {
        self.with("error", &error.what)
            .with("outcome", &error.outcome)
    }

    /// Adds a value for scripts.
    pub(super) fn with(mut self, name: &str, value: &impl Serialize) -> Self {
        // Keys are always text here; else the report says why the value is missing.
        let value = serde_json::to_value(value).unwrap_or_else(|error| error.to_string().into());
        self.json.insert(name.to_owned(), value);
        self
    }

    /// Shows the report in the requested format. Fails if the operation did.
    pub(super) fn show(&self, format: Output) -> Result<(), CommandError> {
        output::show_report(format, &self.text, &self.json)?;
        match self.ending {
            OperationStatus::Done | OperationStatus::Unchanged | OperationStatus::DryRun => Ok(()),
            OperationStatus::NotDone | OperationStatus::Partly | OperationStatus::Unknown => {
                Err(CommandError::AlreadyReported)
            }
        }
    }
}
