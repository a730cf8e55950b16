//! Where the door in force is, and where a new one takes its place.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::middleware::from_fn_with_state;

use super::{WebConfig, auth_middleware};
use crate::yaml::{Fault, Faults};

/// Where the door in force is. Clones are the same entrance.
#[derive(Debug, Clone)]
pub struct WebConfigHandle(Arc<ArcSwap<WebConfig>>);

/// What a new door changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapResult {
    /// Nothing: it is the one that was there.
    Unchanged,
    /// It is in force.
    Replaced,
}

// === impl WebConfigHandle ===

impl WebConfigHandle {
    /// With this door.
    #[must_use]
    pub fn new(door: WebConfig) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(door)))
    }

    /// The door in force.
    #[must_use]
    pub fn current(&self) -> Arc<WebConfig> {
        self.0.load_full()
    }

    /// Puts the door before everything that a router answers.
    pub fn guard(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), auth_middleware::authorize))
    }

    /// Puts another door into its place: new connections and new requests come by that one.
    /// What did not change is kept, with what it remembers. Only one at a time may do so.
    ///
    /// # Errors
    /// Where it would turn TLS on or off, or protect less than the one in force. A file that is
    /// being written looks as if it did, so that takes a restart.
    pub fn swap(&self, mut new: WebConfig) -> Result<SwapResult, Faults> {
        let old = self.current();
        if new.fingerprint == old.fingerprint {
            return Ok(SwapResult::Unchanged);
        }
        let mut faults = Faults::default();
        for message in new.security_downgrades(&old) {
            faults.push(Fault {
                source: Arc::clone(&new.name),
                place: None,
                message: format!("{message}; restart the exporter if that is meant"),
            });
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        if let (Some(old), Some(new)) = (&old.passwords, &mut new.passwords) {
            if old.is_like(new) {
                *new = Arc::clone(old);
            } else if let Some(new) = Arc::get_mut(new) {
                new.succeed(old);
            }
        }
        if let (Some(old), Some(new)) = (&old.rate, &mut new.rate)
            && old.is_like(new)
        {
            *new = Arc::clone(old);
        }
        let clients = |door: &WebConfig| door.tls.as_ref().map(|tls| tls.clients.clone());
        let same_clients = clients(&old) == clients(&new);
        if same_clients {
            new.superseded = old.superseded.clone();
        }
        self.0.store(Arc::new(new));
        if !same_clients {
            // Whoever came in by other rules has to show a certificate again.
            old.superseded.cancel();
        }
        Ok(SwapResult::Replaced)
    }
}

// === impl WebConfig ===

impl WebConfig {
    /// What it would do less than `old`, which is in force.
    fn security_downgrades(&self, old: &Self) -> Vec<&'static str> {
        let mut found = Vec::new();
        match (&old.tls, &self.tls) {
            (None, None) => {}
            (None, Some(_)) => found.push("TLS can't be turned on while the exporter runs"),
            (Some(_), None) => found.push("TLS can't be turned off while the exporter runs"),
            (Some(old), Some(new)) => {
                let (old, new) = (&old.clients, &new.clients);
                if (old.policy.requires() && !new.policy.requires())
                    || (old.policy.verifies() && !new.policy.verifies())
                {
                    found.push(
                        "`client_auth_type` can't ask for less while the exporter runs than it did",
                    );
                }
                if old.sans.is_some() && new.sans.is_none() {
                    found.push("`client_allowed_sans` can't be taken away while the exporter runs");
                }
            }
        }
        if old.requires_auth() && !self.requires_auth() {
            found
                .push("the last of `basic_auth_users` can't be taken away while the exporter runs");
        }
        found
    }
}
