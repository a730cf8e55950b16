//! The accounts of the simulated Polyv.

use secrecy::SecretString;
use serde::Deserialize;

use super::fields::non_empty;

/// The `appId` of the default account.
const DEFAULT_APP_ID: &str = "simulated-app";
/// What it was before: existing configurations have it.
const FORMER_DEFAULT_APP_ID: &str = "simulated";

/// An account of the simulated Polyv.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// `appId`.
    #[serde(deserialize_with = "non_empty")]
    pub app_id: String,
    /// `appSecret`. It is kept as a secret because a scenario file may contain a real one.
    #[serde(deserialize_with = "non_empty")]
    pub app_secret: SecretString,
    /// Whether the account has the optional feature video moderation.
    #[serde(default = "enabled")]
    pub(crate) video_moderation: bool,
    /// The minutes of viewing that are left.
    #[serde(default = "plenty")]
    pub(crate) minutes_available: u64,
    /// The minutes of viewing that were used.
    #[serde(default)]
    pub(crate) minutes_used: u64,
}

fn plenty() -> u64 {
    1_000_000
}

fn enabled() -> bool {
    true
}

impl Account {
    /// An account with these credentials.
    #[must_use]
    pub fn new(app_id: &str, app_secret: &str) -> Self {
        Self {
            app_id: app_id.to_owned(),
            app_secret: SecretString::from(app_secret),
            video_moderation: true,
            minutes_available: plenty(),
            minutes_used: 0,
        }
    }

    /// Whether a call with this `appId` is the account's.
    pub(crate) fn is_called(&self, app_id: &str) -> bool {
        let is_former = self.app_id == DEFAULT_APP_ID && app_id == FORMER_DEFAULT_APP_ID;
        self.app_id == app_id || is_former
    }
}

impl Default for Account {
    /// The account of a scenario that lists none. Polyv's command line refuses an appId under 10
    /// and an appSecret under 16 characters.
    fn default() -> Self {
        Self::new(DEFAULT_APP_ID, "simulated-secret")
    }
}
