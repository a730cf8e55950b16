//! The door: who is let in, and how; the file that says so is Prometheus' web configuration.
//!
//! A [`WebConfigFile`] is read into a [`WebConfig`], which never changes afterwards; an [`WebConfigHandle`]
//! holds the one in force and is where a new one takes its place. What protects once in force
//! goes only with a restart: a file that somebody is in the middle of writing looks just like
//! one that protects nothing.
//!
//! The format is that of Prometheus' exporter-toolkit (`docs/web-configuration.md` there); what
//! of it is not supported is a fault and never ignored.

mod client_cert;

mod auth_middleware;
mod bcrypt_hash;
mod file;
mod handle;
mod headers;
mod key_exchange;

mod basic_auth;
mod cipher_suites;
mod hash_queue;
mod rate;
mod tls;
mod tls_versions;
mod watched_files;

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::yaml::Faults;

pub use file::WebConfigFile;
pub use handle::{SwapResult, WebConfigHandle};
pub(super) use tls::Tls;

/// Who is let in, and how.
pub struct WebConfig {
    /// What the file is called in faults.
    name: Arc<str>,
    /// How connections are encrypted; `None` where they are not.
    tls: Option<Tls>,
    /// What every answer carries.
    headers: headers::Headers,
    /// Who has a password; `None` where nobody needs one.
    passwords: Option<Arc<basic_auth::BasicAuth>>,
    /// How many requests there may be.
    rate: Option<Arc<rate::RateLimit>>,
    /// What all files of it held, so that what did not change is known not to have.
    fingerprint: [u8; 32],
    /// Cancelled once whoever came in by this door has to come in anew.
    superseded: CancellationToken,
}

/// What came of reading a door's file.
#[derive(Debug)]
pub struct LoadResult {
    /// The door, or everything that is wrong with it.
    pub config: Result<WebConfig, Faults>,
    /// The directories of all its files, also of those that are not there.
    pub watched: Vec<PathBuf>,
}

// === impl WebConfig ===

impl WebConfig {
    /// Everybody is let in, over plain HTTP: what there is without a file.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            name: "".into(),
            tls: None,
            headers: headers::Headers::default(),
            passwords: None,
            rate: None,
            fingerprint: [0; 32],
            superseded: CancellationToken::new(),
        }
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether a password is needed.
    #[must_use]
    pub fn requires_auth(&self) -> bool {
        self.passwords.is_some()
    }

    /// Whether a client needs a certificate that is verified.
    #[must_use]
    pub fn verifies_clients(&self) -> bool {
        self.tls
            .as_ref()
            .is_some_and(|tls| tls.clients.policy.keeps_out())
    }

    /// How connections are encrypted.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Cancelled once whoever came in by this door has to come in anew.
    pub(super) fn superseded(&self) -> &CancellationToken {
        &self.superseded
    }
}

// Keys and hashes are nobody's business.
impl std::fmt::Debug for WebConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebConfig")
            .field("name", &self.name)
            .field("tls", &self.has_tls())
            .field("passwords", &self.requires_auth())
            .finish_non_exhaustive()
    }
}
