//! An account's appId and appSecret.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// An account's `appSecret`. It can't be printed, logged or serialized by accident, and is
/// wiped from memory when dropped. Never empty.
#[derive(Clone)]
pub struct AppSecret(SecretString);

/// The credentials that an account's calls are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account's `appId`; not a secret, and sent with every call.
    pub app_id: String,
    /// The account's `appSecret`; never sent.
    pub app_secret: AppSecret,
}

/// The secret is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is empty")]
pub struct EmptySecret;

impl AppSecret {
    /// A secret, without surrounding white space such as a file's last line break.
    ///
    /// # Errors
    /// If nothing else is left.
    pub fn new(secret: &str) -> Result<Self, EmptySecret> {
        let secret = secret.trim();
        if secret.is_empty() {
            return Err(EmptySecret);
        }
        Ok(Self(SecretString::from(secret)))
    }

    /// The secret itself, for signing.
    pub(crate) fn expose(&self) -> &str {
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
