//! Who asks: an account's appId and appSecret.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// An account's `appSecret`. It can't be printed, logged or serialized by accident, and is
/// wiped from memory when dropped. Never empty.
#[derive(Clone)]
pub struct AppSecret(SecretString);

/// What an account signs its calls with.
#[derive(Clone)]
pub struct Credentials {
    /// The account's `appId`; not a secret, but sent with every call.
    pub app_id: String,
    /// The account's `appSecret`; never sent.
    pub app_secret: AppSecret,
}

/// A secret of no characters signs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is empty")]
pub struct EmptySecret;

// === impl AppSecret ===

impl AppSecret {
    /// Takes a secret, without the white space around it (a file's last line break, say).
    ///
    /// # Errors
    /// Where nothing is left.
    pub fn new(secret: &str) -> Result<Self, EmptySecret> {
        let secret = secret.trim();
        if secret.is_empty() {
            return Err(EmptySecret);
        }
        Ok(Self(SecretString::from(secret)))
    }

    /// The secret itself, for signing.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for AppSecret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for AppSecret {}

impl fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

// === impl Credentials ===

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.app_id == other.app_id && self.app_secret == other.app_secret
    }
}

impl Eq for Credentials {}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("app_id", &self.app_id)
            .finish_non_exhaustive()
    }
}
