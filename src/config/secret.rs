//! Sources of an account's secret.

use std::env::VarError;
use std::path::PathBuf;

use polyv_client::AppSecret;

use super::credential_text::{clean, doubt};

/// Where a secret is read from, now and later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The configuration itself.
    Inline(AppSecret),
    /// A file, which is read again when Polyv rejects the secret.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

// === impl SecretSource ===

impl SecretSource {
    /// Reads the secret.
    ///
    /// # Errors
    /// A sentence about the source that does not contain the secret.
    pub fn read(&self) -> Result<AppSecret, String> {
        Ok(self.read_with_doubt()?.0)
    }

    /// Reads the secret, with the end of a sentence about one that is probably not what was meant.
    pub(super) fn read_with_doubt(&self) -> Result<(AppSecret, Option<&'static str>), String> {
        let (name, text) = match self {
            Self::Inline(secret) => return Ok((secret.clone(), None)),
            Self::File(path) => {
                let name = format!("the secret's file {}", path.display());
                let text = std::fs::read_to_string(path);
                (
                    name,
                    text.map_err(|error| format!("can't be read: {error}")),
                )
            }
            Self::Variable(variable) => {
                let text = std::env::var(variable).map_err(|error| match error {
                    VarError::NotPresent => "is not set".to_owned(),
                    VarError::NotUnicode(_) => "is not UTF-8".to_owned(),
                });
                (format!("the environment variable {variable}"), text)
            }
        };
        let secret = text.and_then(|text| Ok((parse(&text)?, doubt(&text))));
        secret.map_err(|why| format!("{name} {why}"))
    }
}

/// Parses a secret.
///
/// # Errors
/// The end of a sentence about a text that can't be one.
pub(super) fn parse(text: &str) -> Result<AppSecret, String> {
    AppSecret::new(clean(text)?).map_err(|error| error.to_string())
}
