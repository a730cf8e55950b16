//! Who has a password.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret as _, SecretSlice};
use tokio::sync::Semaphore;
use tracing::error;

use super::bcrypt_hash::Hash;
use super::file::Invalid;
use super::hash_queue::HashQueue;
use crate::yaml::{Node, Reader, Value, shown};

/// So many passwords are checked at the same time. Each keeps a core busy, and polling needs
/// one too.
const CHECKS: usize = 2;
/// So many right passwords are remembered.
const REMEMBERED: usize = 256;

/// Who has a password, and which were right lately.
///
/// Checking one is dear on purpose, so what was right once is remembered: not the password, but
/// a mark of user, hash and password under a key that never leaves this process. Only what was
/// right is remembered, so that no flood of wrong ones displaces it.
pub(super) struct BasicAuth {
    users: HashMap<String, Arc<Hash>>,
    /// What a password is compared with where there is no such user, so that it takes as long.
    decoy: Arc<Hash>,
    memory: Arc<AuthCache>,
    waiting: Arc<HashQueue>,
    checks: Arc<Semaphore>,
}

/// What was right lately.
struct AuthCache {
    key: hmac::Key,
    right: Mutex<VecDeque<CachedLogin>>,
}

/// A password that was right.
struct CachedLogin {
    user: String,
    hash: Arc<Hash>,
    mark: [u8; 32],
}

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthOutcome {
    /// The password is right.
    CachedLogin,
    /// It is wrong, or there is none.
    Wrong,
    /// Too many others wait for theirs to be checked.
    Busy,
}

/// What a client says who it is.
struct Credentials {
    user: Vec<u8>,
    password: SecretSlice<u8>,
}

// === impl BasicAuth ===

impl BasicAuth {
    /// Reads `basic_auth_users`; `None` where there is nobody in it.
    ///
    /// # Errors
    /// Where something is wrong, which is on record: never to be taken for "no password".
    pub(super) fn read(node: &Node, reader: &mut Reader) -> Result<Option<Self>, Invalid> {
        // What stands there may be a secret that slipped, so nothing of it is ever shown.
        if !matches!(node.value, Value::Map(_)) && !node.is_null() {
            let message = "`basic_auth_users` must be a mapping (`user: bcrypt hash` lines)";
            reader.fault(node.place, message);
            return Err(Invalid);
        }
        let map = reader.mapping(node, "`basic_auth_users`").ok_or(Invalid)?;
        let mut users = HashMap::new();
        let mut faulty = false;
        for entry in map.entries() {
            let hash = match &entry.value.value {
                Value::Scalar { text, .. } => Hash::parse(text),
                Value::List(_) | Value::Map(_) => Err("is no text".to_owned()),
            };
            if entry.key.contains(':') {
                reader.fault(entry.place, "a user's name can't contain `:`");
                faulty = true;
            }
            match hash {
                Ok(hash) => _ = users.insert(entry.key.clone(), Arc::new(hash)),
                Err(message) => {
                    let message = format!("the password of {} {message}", shown(&entry.key));
                    reader.fault(entry.value.place, message);
                    faulty = true;
                }
            }
        }
        if faulty {
            return Err(Invalid);
        }
        let Some(dearest) = users.values().map(|hash| hash.cost()).max() else {
            return Ok(None);
        };
        let Ok(key) = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()) else {
            reader.fault(node.place, "the system has no random numbers to give");
            return Err(Invalid);
        };
        Ok(Some(Self {
            users,
            decoy: Arc::new(Hash::decoy(dearest)),
            memory: Arc::new(AuthCache {
                key,
                right: Mutex::default(),
            }),
            waiting: Arc::default(),
            checks: Arc::new(Semaphore::new(CHECKS)),
        }))
    }

    /// Whether the same users have the same passwords in another one.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.users == other.users
    }

    /// Takes the place of `old`: whoever was right stays so where user and hash stayed, and
    /// those who wait there count here.
    pub(super) fn succeed(&mut self, old: &Self) {
        self.memory = Arc::clone(&old.memory);
        self.memory.keep(&self.users);
        self.waiting = Arc::clone(&old.waiting);
        self.checks = Arc::clone(&old.checks);
    }

    /// Judges a request by its headers; `client` is where it comes from.
    pub(super) async fn authenticate(&self, headers: &HeaderMap, client: IpAddr) -> AuthOutcome {
        let Some(Credentials { user, password }) = Credentials::of(headers) else {
            return AuthOutcome::Wrong;
        };
        let known = std::str::from_utf8(&user)
            .ok()
            .and_then(|user| self.users.get_key_value(user));
        let hash = Arc::clone(known.map_or(&self.decoy, |(_, hash)| hash));
        let mark = self.memory.mark(&user, &hash, password.expose_secret());
        if known.is_some() && self.memory.remembers(&mark) {
            return AuthOutcome::CachedLogin;
        }
        let Some(_place) = self.waiting.enter(client) else {
            return AuthOutcome::Busy;
        };
        let Ok(turn) = Arc::clone(&self.checks).acquire_owned().await else {
            return AuthOutcome::Busy;
        };
        let checked = tokio::task::spawn_blocking(move || {
            // Whoever goes away before the end does not make room: the work goes on.
            let _turn = turn;
            hash.is_of(password.expose_secret())
        });
        match checked.await {
            Ok(true) => {
                let Some((user, hash)) = known else {
                    return AuthOutcome::Wrong;
                };
                self.memory.remember(CachedLogin {
                    user: user.clone(),
                    hash: Arc::clone(hash),
                    mark,
                });
                AuthOutcome::CachedLogin
            }
            Ok(false) => AuthOutcome::Wrong,
            Err(failure) => {
                error!(%failure, "a password cannot be checked");
                AuthOutcome::Wrong
            }
        }
    }
}

// === impl AuthCache ===

impl AuthCache {
    /// What a right password is remembered by.
    fn mark(&self, user: &[u8], hash: &Hash, password: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        // With its length, so that no other user and password come to the same.
        context.update(&user.len().to_be_bytes());
        context.update(user);
        context.update(&hash.bytes().collect::<Vec<u8>>());
        context.update(password);
        let mut mark = [0; 32];
        for (to, from) in mark.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        mark
    }

    fn remembers(&self, mark: &[u8; 32]) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.iter().any(|right| right.mark == *mark)
    }

    fn remember(&self, new: CachedLogin) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.iter().any(|right| right.mark == new.mark) {
            return;
        }
        if right.len() >= REMEMBERED {
            right.pop_front();
        }
        right.push_back(new);
    }

    /// Forgets what can't be right any more: a mark is one of user and hash.
    fn keep(&self, users: &HashMap<String, Arc<Hash>>) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.retain(|right| users.get(&right.user) == Some(&right.hash));
    }
}

// === impl Credentials ===

impl Credentials {
    /// From exactly one `Authorization: Basic` (RFC 7617).
    fn of(headers: &HeaderMap) -> Option<Self> {
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

    use super::super::hash_queue::{OF_ONE, WAITING};
    use super::*;

    /// `a` with the password `a`, at a cost of 6; and `u` with `U*U` at 5.
    const USERS: &str = "a: $2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe
u: $2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    fn passwords(yaml: &str) -> BasicAuth {
        let name = "test".into();
        let node = Node::parse(&name, yaml).unwrap();
        let read = BasicAuth::read(&node, &mut Reader::new(name));
        read.ok().flatten().unwrap()
    }

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn basic(text: impl AsRef<[u8]>) -> HeaderMap {
        let value = format!("Basic {}", BASE64_STANDARD.encode(text));
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[tokio::test]
    async fn only_a_users_own_password_is_right() {
        let passwords = passwords(USERS);
        for (text, expected) in [
            (&b"a:a"[..], AuthOutcome::CachedLogin),
            (b"u:U*U", AuthOutcome::CachedLogin),
            (b"a:U*U", AuthOutcome::Wrong),
            (b"u:a", AuthOutcome::Wrong),
            (b"a:", AuthOutcome::Wrong),
            (b"a:a:", AuthOutcome::Wrong),
            (b":a", AuthOutcome::Wrong),
            (b"A:a", AuthOutcome::Wrong),
            (b"nobody:a", AuthOutcome::Wrong),
            (b"\xff\xfe:a", AuthOutcome::Wrong),
            (b"a", AuthOutcome::Wrong),
            (b"", AuthOutcome::Wrong),
        ] {
            // Twice: what is remembered says the same.
            for _ in 0..2 {
                let verdict = passwords.authenticate(&basic(text), CLIENT).await;
                assert_eq!(verdict, expected, "{}", String::from_utf8_lossy(text));
            }
        }
        let right = passwords.memory.right.lock().unwrap().len();
        assert_eq!(right, 2, "nothing else is remembered");
    }

    #[tokio::test]
    async fn malformed_credentials_are_wrong() {
        let passwords = passwords(USERS);
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
                passwords.authenticate(&headers, CLIENT).await,
                AuthOutcome::Wrong,
                "{value}"
            );
        }
        assert_eq!(
            passwords.authenticate(&HeaderMap::new(), CLIENT).await,
            AuthOutcome::Wrong
        );
        // Two of them, though both are right: whoever is before us may have looked at another.
        let mut twice = basic("a:a");
        twice.append(AUTHORIZATION, twice[AUTHORIZATION].clone());
        assert_eq!(
            passwords.authenticate(&twice, CLIENT).await,
            AuthOutcome::Wrong
        );
        // The scheme's case does not matter.
        let mut lower = basic("a:a");
        let text = lower[AUTHORIZATION].to_str().unwrap();
        let text = text.replace("Basic", "bASIC").parse().unwrap();
        lower.insert(AUTHORIZATION, text);
        assert_eq!(
            passwords.authenticate(&lower, CLIENT).await,
            AuthOutcome::CachedLogin
        );
    }

    #[tokio::test]
    async fn a_flood_of_wrong_passwords_is_bounded_and_keeps_nobody_out_who_was_right() {
        // From many addresses: not even that does.
        // 2^11 rounds each, so that the flood is still there while we look.
        let dear = USERS.replace("a: $2a$06$", "b: $2a$11$");
        let passwords = Arc::new(passwords(&format!(
            "{USERS}\n{}",
            dear.lines().next().unwrap()
        )));
        assert_eq!(
            passwords.authenticate(&basic("u:U*U"), CLIENT).await,
            AuthOutcome::CachedLogin
        );
        let flood: Vec<_> = (0..200)
            .map(|n| {
                let passwords = Arc::clone(&passwords);
                let client = Ipv4Addr::from_bits(n).into();
                tokio::spawn(async move {
                    passwords
                        .authenticate(&basic(format!("b:{n}")), client)
                        .await
                })
            })
            .collect();
        while passwords.checks.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let begin = Instant::now();
        assert_eq!(
            passwords.authenticate(&basic("u:U*U"), CLIENT).await,
            AuthOutcome::CachedLogin
        );
        // Not a measurement: behind the flood it would take many seconds.
        assert!(begin.elapsed() < Duration::from_secs(1));
        let mut busy = 0;
        for (n, one) in flood.into_iter().enumerate() {
            if n < 150 {
                busy += usize::from(one.await.unwrap() == AuthOutcome::Busy);
            } else {
                one.abort();
            }
        }
        assert!(busy >= 150 - WAITING, "{busy}");
    }

    #[tokio::test]
    async fn a_flood_from_one_address_keeps_nobody_out_who_comes_from_another() {
        // 2^11 rounds each, so that the flood is still there while we look.
        let dear = USERS.replace("a: $2a$06$", "b: $2a$11$");
        let first = dear.lines().next().unwrap();
        let passwords = Arc::new(passwords(&format!("{USERS}\n{first}")));
        let flood: Vec<_> = (0..200)
            .map(|n| {
                let passwords = Arc::clone(&passwords);
                tokio::spawn(async move {
                    passwords
                        .authenticate(&basic(format!("b:{n}")), CLIENT)
                        .await
                })
            })
            .collect();
        while passwords.waiting.enter(CLIENT).is_some() {
            tokio::task::yield_now().await;
        }
        // Nobody was remembered yet.
        let right = basic("u:U*U");
        assert_eq!(
            passwords.authenticate(&right, CLIENT).await,
            AuthOutcome::Busy
        );
        let other = Ipv4Addr::new(10, 0, 0, 1).into();
        assert_eq!(
            passwords.authenticate(&right, other).await,
            AuthOutcome::CachedLogin
        );
        let mut busy = 0;
        for one in flood {
            busy += usize::from(one.await.unwrap() == AuthOutcome::Busy);
        }
        assert_eq!(busy, 200 - OF_ONE);
    }

    #[tokio::test]
    async fn whoever_was_right_is_remembered_when_other_users_change_and_nobody_else() {
        let old = passwords(USERS);
        for right in ["a:a", "u:U*U"] {
            assert_eq!(
                old.authenticate(&basic(right), CLIENT).await,
                AuthOutcome::CachedLogin
            );
        }
        // a has another password now, u the same; and somebody is new.
        let changed = USERS.replace("a: $2a$06$m0", "a: $2a$06$m1").replace(
            "\nu:",
            "\nnew: $2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\nu:",
        );
        let mut new = passwords(&changed);
        new.succeed(&old);
        // All places are taken, so that only what is remembered gets in.
        let places: Vec<_> = (0..)
            .map_while(|n| old.waiting.enter(Ipv4Addr::from_bits(n).into()))
            .collect();
        assert_eq!(places.len(), WAITING);
        for (text, expected) in [
            ("u:U*U", AuthOutcome::CachedLogin),
            ("a:a", AuthOutcome::Busy),
            ("new:U*U", AuthOutcome::Busy),
        ] {
            assert_eq!(
                new.authenticate(&basic(text), CLIENT).await,
                expected,
                "{text}"
            );
        }
        drop(places);
        assert_eq!(
            new.authenticate(&basic("a:a"), CLIENT).await,
            AuthOutcome::Wrong
        );
        // Somebody who is gone.
        let mut without = passwords(&changed.replace("\nu:", "\nv:"));
        without.succeed(&new);
        assert_eq!(
            without.authenticate(&basic("u:U*U"), CLIENT).await,
            AuthOutcome::Wrong
        );
        assert_eq!(without.memory.right.lock().unwrap().len(), 0);
    }

    #[test]
    fn what_is_wrong_with_users_is_told_without_their_secrets() {
        for yaml in [
            "hunter2",
            "[hunter2]",
            "a: hunter2",
            "a: [hunter2]",
            "a: {hunter2: x}",
            "a: $2a$06$hunter2",
        ] {
            let name = "test".into();
            let node = Node::parse(&name, yaml).unwrap();
            let mut reader = Reader::new(name);
            assert!(BasicAuth::read(&node, &mut reader).is_err());
            let faults = reader.into_faults().to_string();
            assert!(faults.starts_with("test:1:"), "{yaml}: {faults}");
            assert!(!faults.contains("hunter2"), "{yaml}: {faults}");
        }
    }
}
