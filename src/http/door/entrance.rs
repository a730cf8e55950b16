//! Where the door in force is, and where a new one takes its place.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::middleware::from_fn_with_state;

use super::{Door, guard};
use crate::yaml::{Fault, Faults};

/// Where the door in force is. Clones are the same entrance.
#[derive(Debug, Clone)]
pub struct Entrance(Arc<ArcSwap<Door>>);

/// What a new door changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing: it is the one that was there.
    None,
    /// It is in force.
    Replaced,
}

// === impl Entrance ===

impl Entrance {
    /// With this door.
    #[must_use]
    pub fn new(door: Door) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(door)))
    }

    /// The door in force.
    #[must_use]
    pub fn door(&self) -> Arc<Door> {
        self.0.load_full()
    }

    /// Puts the door before everything that a router answers.
    pub fn guard(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), guard::guard))
    }

    /// Puts another door into its place: new connections and new requests come by that one.
    /// What did not change is kept, with what it remembers. Only one at a time may do so.
    ///
    /// # Errors
    /// Where it would turn TLS on or off, or protect less than the one in force. A file that is
    /// being written looks as if it did, so that takes a restart.
    pub fn replace(&self, mut new: Door) -> Result<Change, Faults> {
        let old = self.door();
        if new.fingerprint == old.fingerprint {
            return Ok(Change::None);
        }
        let mut faults = Faults::default();
        for message in new.weaknesses(&old) {
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
        let clients = |door: &Door| door.tls.as_ref().map(|tls| tls.clients.clone());
        let same_clients = clients(&old) == clients(&new);
        if same_clients {
            new.retired = old.retired.clone();
        }
        self.0.store(Arc::new(new));
        if !same_clients {
            // Whoever came in by other rules has to show a certificate again.
            old.retired.cancel();
        }
        Ok(Change::Replaced)
    }
}

// === impl Door ===

impl Door {
    /// What it would do less than `old`, which is in force.
    fn weaknesses(&self, old: &Self) -> Vec<&'static str> {
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
        if old.has_passwords() && !self.has_passwords() {
            found
                .push("the last of `basic_auth_users` can't be taken away while the exporter runs");
        }
        found
    }
}
