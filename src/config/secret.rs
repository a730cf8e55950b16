//! Sources of an account's secret.

use std::path::{Path, PathBuf};

use polyv_client::AppSecret;

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
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => read_file(path),
            Self::Variable(name) => match std::env::var(name) {
                Ok(value) => AppSecret::new(&value)
                    .map_err(|_| format!("the environment variable {name} is empty")),
                Err(std::env::VarError::NotPresent) => {
                    Err(format!("the environment variable {name} is not set"))
                }
                Err(std::env::VarError::NotUnicode(_)) => {
                    Err(format!("the environment variable {name} is not UTF-8"))
                }
            },
        }
    }
}

fn read_file(path: &Path) -> Result<AppSecret, String> {
    let shown = path.display();
    let content = std::fs::read_to_string(path)
        .map_err(|error| format!("the secret's file {shown} can't be read: {error}"))?;
    AppSecret::new(&content).map_err(|_| format!("the secret's file {shown} is empty"))
}
