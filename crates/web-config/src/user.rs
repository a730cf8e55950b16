//! One user.

use std::sync::OnceLock;

use ring::hmac;
use ring::rand::SystemRandom;

use crate::bcrypt_hash::BcryptHash;

/// A user, who is known by the hash of a password. It takes long on purpose to verify a password,
/// so one that was right is recognized by a keyed digest; the key never leaves the process.
pub(crate) struct User {
    pub(crate) hash: BcryptHash,
    /// The key of the digest, and the digest of a password that was right.
    verified: OnceLock<(hmac::Key, hmac::Tag)>,
}

// === impl User ===

impl User {
    pub(crate) fn new(hash: BcryptHash) -> Self {
        let verified = OnceLock::new();
        Self { hash, verified }
    }

    /// Whether the password was right before.
    pub(crate) fn has_verified(&self, password: &[u8]) -> bool {
        self.verified
            .get()
            .is_some_and(|(key, digest)| hmac::verify(key, password, digest.as_ref()).is_ok())
    }

    /// Whether the password is right. Blocks the thread for as long as the hash says.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let is_right = self.hash.verify(password);
        // Without random numbers every check takes long.
        if is_right && let Ok(key) = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()) {
            let digest = hmac::sign(&key, password);
            self.verified.get_or_init(|| (key, digest));
        }
        is_right
    }
}

/// Whether both have the same hash.
impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}
