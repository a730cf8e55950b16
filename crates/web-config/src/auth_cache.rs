//! Passwords that were right before.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use ring::hmac;
use ring::rand::SystemRandom;

use crate::bcrypt_hash::BcryptHash;

/// The most logins that are cached.
const MAX_CACHED_LOGINS: usize = 256;

/// Logins that succeeded. It holds no passwords, only a keyed digest of user, hash and password;
/// the key never leaves the process. Failures are not cached, so that no flood of them evicts a
/// success.
pub(crate) struct AuthCache {
    key: hmac::Key,
    logins: Mutex<VecDeque<CachedLogin>>,
}

/// A login that succeeded.
struct CachedLogin {
    user: String,
    hash: Arc<BcryptHash>,
    key: CacheKey,
}

/// The keyed digest of a login.
pub(crate) type CacheKey = hmac::Tag;

// === impl AuthCache ===

impl AuthCache {
    /// An empty cache; `None` if the system has no random numbers.
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            key: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?,
            logins: Mutex::default(),
        })
    }

    /// The digest by which a login is cached.
    pub(crate) fn cache_key(&self, user: &[u8], hash: &BcryptHash, password: &[u8]) -> CacheKey {
        let mut context = hmac::Context::with_key(&self.key);
        // With its length, so that no other user and password have the same digest.
        context.update(&user.len().to_be_bytes());
        context.update(user);
        context.update(hash.as_bytes());
        context.update(password);
        context.sign()
    }

    pub(crate) fn contains(&self, key: &CacheKey) -> bool {
        let logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins
            .iter()
            .any(|login| login.key.as_ref() == key.as_ref())
    }

    /// Adds a login, in place of the oldest one if the cache is full.
    pub(crate) fn insert(&self, user: &str, hash: Arc<BcryptHash>, key: CacheKey) {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if logins
            .iter()
            .any(|login| login.key.as_ref() == key.as_ref())
        {
            return;
        }
        if logins.len() >= MAX_CACHED_LOGINS {
            logins.pop_front();
        }
        let user = user.to_owned();
        logins.push_back(CachedLogin { user, hash, key });
    }

    /// Removes the logins of users that are gone or have another hash.
    pub(crate) fn retain(&self, users: &HashMap<String, Arc<BcryptHash>>) {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.retain(|login| users.get(&login.user) == Some(&login.hash));
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.logins.lock().unwrap().len()
    }
}
