//! Users and their passwords.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretSlice};
use tokio::sync::Semaphore;
use tracing::error;

use crate::bcrypt_hash::BcryptHash;
use crate::denial::Denial;
use crate::diagnostic::{Diagnostics, Location};
use crate::hash_queue::HashQueue;
use crate::redact::redact;
use crate::settings::Map;
use crate::user::User;

/// The most passwords that are hashed at the same time. Each keeps a core busy, and the program
/// needs one too.
const MAX_CONCURRENT_HASHES: usize = 2;

/// Users and their passwords.
pub(crate) struct BasicAuth {
    users: HashMap<String, Arc<User>>,
    /// Takes the place of users that do not exist, so that the response takes as long.
    dummy: Arc<User>,
    queue: Arc<HashQueue>,
    hash_permits: Arc<Semaphore>,
}

/// The user and password of an `Authorization` header.
struct Credentials {
    user: Vec<u8>,
    password: SecretSlice<u8>,
}

// === impl BasicAuth ===

impl BasicAuth {
    /// The users of `basic_auth_users`; `None` without any. Faults are reported.
    pub(crate) fn from_settings(settings: &Map, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut users = HashMap::new();
        for (key, setting) in settings {
            // The value may be a secret in the wrong place, so it is never quoted.
            let text = setting.get().map_or("", |(text, _)| text.as_str());
            let user = &key.value;
            if user.contains(':') {
                let location = Location::from(key.referenced);
                diagnostics.push(location, "the name of a user can't contain `:`");
            }
            match BcryptHash::parse(text) {
                Ok(hash) => _ = users.insert(user.clone(), Arc::new(User::new(hash))),
                Err(message) => {
                    let message = format!("the password of {} {message}", redact(user));
                    diagnostics.push(setting.location(), message);
                }
            }
        }
        let max_cost = users.values().map(|user| user.hash.cost()).max()?;
        Some(Self {
            users,
            dummy: Arc::new(User::new(BcryptHash::dummy_hash(max_cost))),
            queue: Arc::default(),
            hash_permits: Arc::new(Semaphore::new(MAX_CONCURRENT_HASHES)),
        })
    }

    /// Whether both have the same users with the same hashes.
    pub(crate) fn is_equivalent(&self, other: &Self) -> bool {
        self.users == other.users
    }

    /// Takes over the queue of `old`, and those of its users whose hashes stayed the same.
    pub(crate) fn inherit_from(&mut self, old: &Self) {
        for (name, user) in &mut self.users {
            if let Some(old) = old.users.get(name).filter(|old| *old == user) {
                *user = Arc::clone(old);
            }
        }
        self.queue = Arc::clone(&old.queue);
        self.hash_permits = Arc::clone(&old.hash_permits);
    }

    /// Checks the credentials in a request's headers.
    ///
    /// # Errors
    /// They are wrong, or too many others wait.
    pub(crate) async fn authenticate(
        &self,
        headers: &HeaderMap,
        client: IpAddr,
    ) -> Result<(), Denial> {
        let Some(Credentials { user, password }) = Credentials::from_headers(headers) else {
            return Err(Denial::Unauthorized);
        };
        let known = std::str::from_utf8(&user)
            .ok()
            .and_then(|user| self.users.get(user));
        if known.is_some_and(|user| user.has_verified(password.expose_secret())) {
            return Ok(());
        }
        let user = Arc::clone(known.unwrap_or(&self.dummy));
        let Some(_slot) = self.queue.try_enter(client) else {
            return Err(Denial::Busy);
        };
        let Ok(permit) = Arc::clone(&self.hash_permits).acquire_owned().await else {
            return Err(Denial::Busy);
        };
        let verified = tokio::task::spawn_blocking(move || {
            // A client that disconnects frees no permit: the work goes on.
            let _permit = permit;
            user.verify(password.expose_secret())
        });
        match verified.await {
            Ok(true) if known.is_some() => Ok(()),
            Ok(_) => Err(Denial::Unauthorized),
            Err(failure) => {
                error!(%failure, "a password could not be hashed");
                Err(Denial::Unauthorized)
            }
        }
    }
}

// === impl Credentials ===

impl Credentials {
    /// From exactly one `Authorization: Basic` header (RFC 7617).
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (value, None) = (values.next()?, values.next()) else {
            return None;
        };
        let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = SecretSlice::from(BASE64_STANDARD.decode(encoded.trim()).ok()?);
        let mut parts = decoded.expose_secret().splitn(2, |byte| *byte == b':');
        let (user, password) = (parts.next()?, parts.next()?);
        Some(Self {
            user: user.to_owned(),
            password: SecretSlice::from(password.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::hash_queue::{MAX_QUEUED, MAX_QUEUED_PER_CLIENT};
    use crate::settings::Settings;

    /// `a` with the password `a`, at a cost of 6; and `u` with `U*U` at 5.
    const USERS: &str = "a: $2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe
u: $2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    fn users(yaml: &str) -> BasicAuth {
        let (auth, diagnostics) = try_users(yaml);
        assert!(diagnostics.is_empty(), "{diagnostics}");
        auth.unwrap()
    }

    fn try_users(yaml: &str) -> (Option<BasicAuth>, Diagnostics) {
        let mut diagnostics = Diagnostics::new("test".into());
        let yaml = format!("basic_auth_users:\n  {}", yaml.replace('\n', "\n  "));
        let auth = Settings::parse(&yaml, &mut diagnostics)
            .and_then(|settings| settings.basic_auth_users)
            .and_then(|users| BasicAuth::from_settings(&users, &mut diagnostics));
        (auth, diagnostics)
    }

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn basic(text: impl AsRef<[u8]>) -> HeaderMap {
        let value = format!("Basic {}", BASE64_STANDARD.encode(text));
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[tokio::test]
    async fn only_own_password_is_accepted() {
        let auth = users(USERS);
        for (text, expected) in [
            (&b"a:a"[..], Ok(())),
            (b"u:U*U", Ok(())),
            (b"a:U*U", Err(Denial::Unauthorized)),
            (b"u:a", Err(Denial::Unauthorized)),
            (b"a:", Err(Denial::Unauthorized)),
            (b"a:a:", Err(Denial::Unauthorized)),
            (b":a", Err(Denial::Unauthorized)),
            (b"A:a", Err(Denial::Unauthorized)),
            (b"unknown:a", Err(Denial::Unauthorized)),
            (b"\xff\xfe:a", Err(Denial::Unauthorized)),
            (b"a", Err(Denial::Unauthorized)),
            (b"", Err(Denial::Unauthorized)),
        ] {
            // Twice: the cache gives the same result.
            for _ in 0..2 {
                let verdict = auth.authenticate(&basic(text), CLIENT).await;
                assert_eq!(verdict, expected, "{}", String::from_utf8_lossy(text));
            }
        }
        for (user, right, wrong) in [("a", "a", "U*U"), ("u", "U*U", "a")] {
            let user = &auth.users[user];
            assert!(user.has_verified(right.as_bytes()), "a success is cached");
            assert!(!user.has_verified(wrong.as_bytes()), "a failure is not");
        }
        assert!(!auth.dummy.has_verified(b"a"));
    }

    #[tokio::test]
    async fn malformed_credentials_are_unauthorized() {
        let auth = users(USERS);
        for value in [
            "",
            "Basic",
            "Basic ",
            "Basic %%%",
            "Bearer YTph",
            "YTph",
            "Basic YQ==",
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(
                auth.authenticate(&headers, CLIENT).await,
                Err(Denial::Unauthorized),
                "{value}"
            );
        }
        assert_eq!(
            auth.authenticate(&HeaderMap::new(), CLIENT).await,
            Err(Denial::Unauthorized)
        );
        // Two headers: a proxy may have checked the other one.
        let mut twice = basic("a:a");
        twice.append(AUTHORIZATION, twice[AUTHORIZATION].clone());
        assert_eq!(
            auth.authenticate(&twice, CLIENT).await,
            Err(Denial::Unauthorized)
        );
        // The scheme's case does not matter.
        let mut lower = basic("a:a");
        let text = lower[AUTHORIZATION].to_str().unwrap();
        let text = text.replace("Basic", "bASIC").parse().unwrap();
        lower.insert(AUTHORIZATION, text);
        assert_eq!(auth.authenticate(&lower, CLIENT).await, Ok(()));
    }

    #[tokio::test]
    async fn flood_of_wrong_passwords_is_bounded_and_cached_logins_pass() {
        // From many addresses. 2^11 rounds each, so that the flood outlasts the check.
        let slow = USERS.replace("a: $2a$06$", "b: $2a$11$");
        let auth = Arc::new(users(&format!("{USERS}\n{}", slow.lines().next().unwrap())));
        assert_eq!(auth.authenticate(&basic("u:U*U"), CLIENT).await, Ok(()));
        let flood: Vec<_> = (0..200)
            .map(|n| {
                let auth = Arc::clone(&auth);
                let client = Ipv4Addr::from_bits(n).into();
                tokio::spawn(
                    async move { auth.authenticate(&basic(format!("b:{n}")), client).await },
                )
            })
            .collect();
        while auth.hash_permits.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let begin = Instant::now();
        assert_eq!(auth.authenticate(&basic("u:U*U"), CLIENT).await, Ok(()));
        // Behind the flood it would take many seconds.
        assert!(begin.elapsed() < Duration::from_secs(1));
        let mut busy = 0;
        for (n, one) in flood.into_iter().enumerate() {
            if n < 150 {
                busy += usize::from(one.await.unwrap() == Err(Denial::Busy));
            } else {
                one.abort();
            }
        }
        assert!(busy >= 150 - MAX_QUEUED, "{busy}");
    }

    #[tokio::test]
    async fn flood_from_one_address_does_not_lock_out_others() {
        // 2^11 rounds each, so that the flood outlasts the check.
        let slow = USERS.replace("a: $2a$06$", "b: $2a$11$");
        let first = slow.lines().next().unwrap();
        let auth = Arc::new(users(&format!("{USERS}\n{first}")));
        let flood: Vec<_> = (0..200)
            .map(|n| {
                let auth = Arc::clone(&auth);
                tokio::spawn(
                    async move { auth.authenticate(&basic(format!("b:{n}")), CLIENT).await },
                )
            })
            .collect();
        while auth.queue.try_enter(CLIENT).is_some() {
            tokio::task::yield_now().await;
        }
        // No login is cached yet.
        let right = basic("u:U*U");
        assert_eq!(auth.authenticate(&right, CLIENT).await, Err(Denial::Busy));
        let other = Ipv4Addr::new(10, 0, 0, 1).into();
        assert_eq!(auth.authenticate(&right, other).await, Ok(()));
        let mut busy = 0;
        for one in flood {
            busy += usize::from(one.await.unwrap() == Err(Denial::Busy));
        }
        assert_eq!(busy, 200 - MAX_QUEUED_PER_CLIENT);
    }

    #[tokio::test]
    async fn cache_survives_changes_of_other_users() {
        let old = users(USERS);
        for right in ["a:a", "u:U*U"] {
            assert_eq!(old.authenticate(&basic(right), CLIENT).await, Ok(()));
        }
        // a has another hash now, u the same one; and there is a new user.
        let changed = USERS.replace("a: $2a$06$m0", "a: $2a$06$m1").replace(
            "\nu:",
            "\nnew: $2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\nu:",
        );
        let mut new = users(&changed);
        new.inherit_from(&old);
        // All slots are taken, so that only cached logins pass.
        let slots: Vec<_> = (0..)
            .map_while(|n| old.queue.try_enter(Ipv4Addr::from_bits(n).into()))
            .collect();
        assert_eq!(slots.len(), MAX_QUEUED);
        for (text, expected) in [
            ("u:U*U", Ok(())),
            ("a:a", Err(Denial::Busy)),
            ("new:U*U", Err(Denial::Busy)),
        ] {
            assert_eq!(
                new.authenticate(&basic(text), CLIENT).await,
                expected,
                "{text}"
            );
        }
        drop(slots);
        assert_eq!(
            new.authenticate(&basic("a:a"), CLIENT).await,
            Err(Denial::Unauthorized)
        );
        // A user who is gone.
        let mut without = users(&changed.replace("\nu:", "\nv:"));
        without.inherit_from(&new);
        assert_eq!(
            without.authenticate(&basic("u:U*U"), CLIENT).await,
            Err(Denial::Unauthorized)
        );
    }

    #[test]
    fn faults_do_not_quote_secrets() {
        for yaml in [
            "hunter2",
            "[hunter2]",
            "a: hunter2",
            "a: [hunter2]",
            "a: {hunter2: x}",
            "a: $2a$06$hunter2",
        ] {
            let (_, diagnostics) = try_users(yaml);
            let text = diagnostics.to_string();
            assert!(text.starts_with("test:2:"), "{yaml}: {text}");
            assert!(!text.contains("hunter2"), "{yaml}: {text}");
        }
    }
}
