//! YAML documents and the location of mistakes in them.

use serde::de::DeserializeOwned;
use serde_saphyr::Location;
use thiserror::Error;

/// A mistake in a scenario file or in a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{document}:{line}:{column}: {message}")]
pub struct ScenarioError {
    /// The name of the document.
    pub document: String,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What is wrong.
    pub message: String,
}

impl ScenarioError {
    /// A mistake at that location.
    pub(crate) fn at(document: &str, location: Location, message: impl Into<String>) -> Self {
        Self {
            document: document.to_owned(),
            line: location.line(),
            column: location.column(),
            message: message.into(),
        }
    }

    /// A mistake of the document as a whole.
    pub(crate) fn at_start(document: &str, message: impl Into<String>) -> Self {
        Self {
            document: document.to_owned(),
            line: 1,
            column: 1,
            message: message.into(),
        }
    }
}

/// Deserializes a YAML document.
pub(crate) fn parse<T: DeserializeOwned>(document: &str, text: &str) -> Result<T, ScenarioError> {
    // Only `true` and `false` are booleans, so that `message: no` is a text.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        // A snippet of the file would show secrets.
        let message = error.without_snippet().to_string();
        let Some(location) = error.location() else {
            return ScenarioError::at_start(document, message);
        };
        let suffix = format!(" at line {}, column {}", location.line(), location.column());
        let message = message.strip_suffix(&suffix).unwrap_or(&message);
        ScenarioError::at(document, location, message)
    })
}
