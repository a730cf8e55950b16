//! The web configuration in force, and how a new one replaces it.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::WebConfig;
use crate::diagnostic::Diagnostics;

/// The web configuration in force. Clones share it.
#[derive(Debug, Clone)]
pub struct WebConfigHandle(Arc<ArcSwap<WebConfig>>);

/// The result of [`WebConfigHandle::swap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapResult {
    /// The files have the same content as before.
    Unchanged,
    /// The new configuration is in force.
    Replaced,
}

// === impl WebConfigHandle ===

impl WebConfigHandle {
    /// A handle with this configuration in force.
    #[must_use]
    pub fn new(config: WebConfig) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(config)))
    }

    /// The configuration in force.
    #[must_use]
    pub fn current(&self) -> Arc<WebConfig> {
        self.0.load_full()
    }

    /// Replaces the configuration for new connections and new requests. Parts that did not
    /// change stay, with cached logins and the state of the rate limit. Not to be called
    /// concurrently.
    ///
    /// # Errors
    /// The new configuration would turn TLS on or off, or protect less than the one in force. A
    /// half-written file looks the same, so this takes a restart.
    pub fn swap(&self, mut new: WebConfig) -> Result<SwapResult, Diagnostics> {
        let old = self.current();
        if new.fingerprint == old.fingerprint {
            return Ok(SwapResult::Unchanged);
        }
        let mut diagnostics = Diagnostics::new(Arc::clone(&new.file));
        for message in security_downgrades(&old, &new) {
            let message = format!("{message} at runtime; restart if you want that");
            diagnostics.push(None, message);
        }
        diagnostics.or(Some(()))?;
        if let (Some(old), Some(new)) = (&old.basic_auth, &mut new.basic_auth) {
            if old.is_equivalent(new) {
                *new = Arc::clone(old);
            } else if let Some(new) = Arc::get_mut(new) {
                new.inherit_from(old);
            }
        }
        if let (Some(old), Some(new)) = (&old.rate_limit, &mut new.rate_limit)
            && old.is_equivalent(new)
        {
            *new = Arc::clone(old);
        }
        let client_auth =
            |config: &WebConfig| config.tls.as_ref().map(|tls| tls.client_auth.clone());
        let same_client_auth = client_auth(&old) == client_auth(&new);
        if same_client_auth {
            new.superseded = old.superseded.clone();
        }
        self.0.store(Arc::new(new));
        if !same_client_auth {
            // Their clients have to show a certificate again.
            old.superseded.cancel();
        }
        Ok(SwapResult::Replaced)
    }
}

/// What `new` protects less than `old`, which is in force.
fn security_downgrades(old: &WebConfig, new: &WebConfig) -> Vec<&'static str> {
    let mut found = Vec::new();
    match (&old.tls, &new.tls) {
        (None, None) => {}
        (None, Some(_)) => found.push("TLS can't be turned on"),
        (Some(_), None) => found.push("TLS can't be turned off"),
        (Some(old), Some(new)) => {
            let (old, new) = (&old.client_auth, &new.client_auth);
            if (old.policy.requires && !new.policy.requires)
                || (old.policy.verifies && !new.policy.verifies)
            {
                found.push("`client_auth_type` can't require less");
            }
            if old.allowed_sans.is_some() && new.allowed_sans.is_none() {
                found.push("`client_allowed_sans` can't be removed");
            }
        }
    }
    if old.requires_auth() && !new.requires_auth() {
        found.push("the last of `basic_auth_users` can't be removed");
    }
    found
}
