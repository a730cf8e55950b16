//! What came of an operation, for a person and for a script.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Operator;
use crate::cli::Output;
use polyv_client::{Effect, Error, Outcome, Preview};

/// What came of an operation.
pub(super) struct Verdict {
    ending: Ending,
    /// Lines for a person.
    text: String,
    /// The same for a script.
    json: Map<String, Value>,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    /// As wanted.
    Done,
    /// Nothing was to be done.
    Unchanged,
    /// Nothing was sent, on purpose.
    DryRun,
    /// Nothing was changed.
    NotDone,
    /// Something was changed, and something was not.
    Partly,
    /// Nobody knows.
    Unknown,
}

/// Why something did not succeed.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) effect: Effect,
    /// What happened.
    pub(super) what: String,
    /// The same in one word, where Polyv was asked.
    pub(super) outcome: Option<&'static str>,
}

// === impl Trouble ===

impl Trouble {
    pub(super) fn new(error: &Error, effect: Effect) -> Self {
        let what = match error {
            Error::Forbidden(refusal) if refusal.message.starts_with("账号未开启") => format!(
                "this account has not got the feature; ask Polyv to enable it ({})",
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

    /// Whether Polyv refused it for our clock, so that it certainly had no effect.
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

// === impl Verdict ===

impl Verdict {
    /// A verdict on what `operator` did, in a sentence.
    pub(super) fn new(operator: &Operator, ending: Ending, text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.push('\n');
        let verdict = Self {
            ending,
            text,
            json: Map::new(),
        };
        verdict
            .with("result", &ending)
            .with("account", &operator.account)
            .with("channel_id", &operator.channel_id)
    }

    /// It did not succeed: what, and whether it took effect.
    pub(super) fn trouble(operator: &Operator, what: &str, trouble: &Trouble) -> Self {
        let (ending, text) = match trouble.effect {
            Effect::None => (
                Ending::NotDone,
                format!("{what}: not done. {}", trouble.what),
            ),
            Effect::Unknown => (
                Ending::Unknown,
                format!(
                    "{what}: it is unknown whether that took effect. {}\n→ It was not sent \
                     again. Look what is so before you do.",
                    trouble.what
                ),
            ),
        };
        Self::new(operator, ending, text)
            .with("error", &trouble.what)
            .with("outcome", &trouble.outcome)
    }

    /// What would have been sent.
    pub(super) fn dry_run(operator: &Operator, requests: &[Preview]) -> Self {
        let mut text = String::from("Nothing was sent. This would be:");
        for request in requests {
            _ = write!(text, "\nPOST {}", request.url);
            if let Some(body) = &request.body {
                _ = write!(text, "\n{body:#}");
            }
        }
        Self::new(operator, Ending::DryRun, text).with("requests", &requests)
    }

    /// Adds something for scripts.
    pub(super) fn with(mut self, name: &str, value: &impl Serialize) -> Self {
        // What these are made of has no keys but texts, so it can be JSON.
        let value = serde_json::to_value(value).unwrap_or_default();
        self.json.insert(name.to_owned(), value);
        self
    }

    pub(super) const fn is_success(&self) -> bool {
        matches!(
            self.ending,
            Ending::Done | Ending::Unchanged | Ending::DryRun
        )
    }

    /// As somebody wants to see it.
    pub(super) fn shown(&self, output: Output) -> serde_json::Result<String> {
        match output {
            Output::Text => Ok(self.text.clone()),
            Output::Json => {
                let mut json = serde_json::to_string_pretty(&self.json)?;
                json.push('\n');
                Ok(json)
            }
        }
    }
}
