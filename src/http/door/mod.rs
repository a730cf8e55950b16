//! The door: who is let in, and how; the file that says so is Prometheus' web configuration.
//!
//! A [`DoorFile`] is read into a [`Door`], which never changes afterwards; an [`Entrance`]
//! holds the one in force and is where a new one takes its place. What protects once in force
//! goes only with a restart: a file that somebody is in the middle of writing looks just like
//! one that protects nothing.
//!
//! The format is that of Prometheus' exporter-toolkit (`docs/web-configuration.md` there); what
//! of it is not supported is a fault and never ignored.

mod client_cert;
mod cross_site;
mod curves;
mod entrance;
mod file;
mod guard;
mod hash;
mod headers;
mod host;
mod material;
mod passwords;
mod queue;
mod rate;
mod suites;
mod tls;
mod versions;

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::yaml::Faults;

pub(super) use cross_site::refusal as cross_site_refusal;
pub use entrance::{Change, Entrance};
pub use file::DoorFile;
pub(super) use tls::Tls;

/// Who is let in, and how.
pub struct Door {
    /// What the file is called in faults.
    name: Arc<str>,
    /// How connections are encrypted; `None` where they are not.
    tls: Option<Tls>,
    /// What every answer carries.
    headers: headers::Headers,
    /// Who has a password; `None` where nobody needs one.
    passwords: Option<Arc<passwords::Passwords>>,
    /// How many requests there may be.
    rate: Option<Arc<rate::RateLimit>>,
    /// What all files of it held, so that what did not change is known not to have.
    fingerprint: [u8; 32],
    /// Cancelled once whoever came in by this door has to come in anew.
    retired: CancellationToken,
}

/// What came of reading a door's file.
#[derive(Debug)]
pub struct Reading {
    /// The door, or everything that is wrong with it.
    pub door: Result<Door, Faults>,
    /// The directories of all its files, also of those that are not there.
    pub watched: Vec<PathBuf>,
}

// === impl Door ===

impl Door {
    /// Everybody is let in, over plain HTTP: what there is without a file.
    #[must_use]
    pub fn open() -> Self {
        Self {
            name: "".into(),
            tls: None,
            headers: headers::Headers::default(),
            passwords: None,
            rate: None,
            fingerprint: [0; 32],
            retired: CancellationToken::new(),
        }
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether a password is needed.
    #[must_use]
    pub fn has_passwords(&self) -> bool {
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
    pub(super) fn retired(&self) -> &CancellationToken {
        &self.retired
    }
}

// Keys and hashes are nobody's business.
impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door")
            .field("name", &self.name)
            .field("tls", &self.has_tls())
            .field("passwords", &self.has_passwords())
            .finish_non_exhaustive()
    }
}
