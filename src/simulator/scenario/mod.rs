//! The scenario file: who there is, what happens, and what goes wrong.
//!
//! `docs/simulator.md` explains every key for people.

mod acts;
mod channels;
mod keys;
mod life;
mod limits;
mod troubles;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::channel::Channel;
use super::envelope::Nothing;
use super::limits::Limits;
use super::samples::Sampling;
use super::settings::{CensorGet, CensorUpdate, Order, Settings};
use super::troubles::Trouble;
use crate::yaml::{Faults, Mapping, Node, Reader};

pub(super) use channels::read_one_channel;
pub(super) use keys::signed_duration_ms;
pub(super) use life::read_life;
pub(super) use troubles::read_troubles;

/// The scenario that is played where none is given.
pub const DEFAULT_SCENARIO: &str = include_str!("default.yml");

/// A simulation before it begins: parsed and found in order.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub(super) settings: Settings,
    pub(super) accounts: Vec<Account>,
    pub(super) channels: Vec<Channel>,
    pub(super) troubles: Vec<Trouble>,
    pub(super) limits: Limits,
    pub(super) sample_delay: Duration,
    pub(super) clock_skew_ms: i64,
}

/// An account of the simulated Polyv.
#[derive(Debug, Clone)]
pub struct Account {
    /// `appId`.
    pub app_id: String,
    /// `appSecret`: of no use with the real Polyv, but a secret all the same where somebody
    /// writes a real one into a scenario.
    pub app_secret: SecretString,
    /// Whether it has the feature that has to be enabled for an account.
    pub(super) video_moderation: bool,
}

// === impl Account ===

impl Account {
    /// An account with these credentials.
    #[must_use]
    pub fn new(app_id: &str, app_secret: &str) -> Self {
        Self {
            app_id: app_id.to_owned(),
            app_secret: SecretString::from(app_secret),
            video_moderation: true,
        }
    }

    fn default_one() -> Self {
        Self::new("simulated", "simulated-secret")
    }
}

// === impl Scenario ===

impl Default for Scenario {
    /// The scenario of [`DEFAULT_SCENARIO`].
    fn default() -> Self {
        // A test sees to it that the default is in order.
        Self::parse("default scenario", DEFAULT_SCENARIO).unwrap_or_else(|_| Self::empty())
    }
}

impl Scenario {
    /// Reads a scenario file; `source` names it in faults.
    ///
    /// # Errors
    /// All that is wrong with it, with places.
    pub fn parse(source: &str, text: &str) -> Result<Self, Faults> {
        let source = Arc::from(source);
        let node = Node::parse(&source, text)?;
        let mut reader = Reader::new(source);
        let scenario = Self::read(&mut reader, &node);
        reader.into_faults().or(scenario)
    }

    /// The accounts.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The channels, in the order in which they were written.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn empty() -> Self {
        Self {
            settings: Settings {
                seed: 1,
                sampling: Sampling {
                    every: Duration::from_secs(5),
                    noise: 0.03,
                },
                order: Order::OldestFirst,
                decimals: false,
                gzip: false,
                http_status_is_code: false,
                unknown_channel: "illegal channel id".to_owned(),
                invalid_signature_code: 400,
                refusal_data: Nothing::EmptyText,
                censor_update: CensorUpdate::After,
                censor_get: CensorGet::Letters,
            },
            accounts: vec![Account::default_one()],
            channels: Vec::new(),
            troubles: Vec::new(),
            limits: Limits::default(),
            sample_delay: Duration::ZERO,
            clock_skew_ms: 0,
        }
    }

    fn read(reader: &mut Reader, node: &Node) -> Self {
        let mut scenario = Self::empty();
        let Some(mut keys) = reader.mapping(node, "a scenario") else {
            return scenario;
        };
        scenario.read_settings(reader, &mut keys);
        if let Some(node) = keys.get("accounts") {
            scenario.accounts = read_accounts(reader, node);
        }
        if let Some(node) = keys.get("limits") {
            scenario.limits = limits::read(reader, node);
        }
        if let Some(node) = keys.get("channels") {
            scenario.channels = channels::read(reader, node, &scenario.accounts);
        }
        if let Some(node) = keys.get("troubles") {
            scenario.troubles = read_troubles(reader, node, Some(&scenario));
        }
        keys.finish(reader);
        scenario
    }

    fn read_settings(&mut self, reader: &mut Reader, keys: &mut Mapping<'_>) {
        let settings = &mut self.settings;
        keys::parsed(reader, keys, "seed", "a whole number", &mut settings.seed);
        if let Some(node) = keys.get("sample_every")
            && let Some(every) = reader.duration(node, "`sample_every`")
        {
            settings.sampling.every = every;
            if every < Duration::from_millis(100) {
                reader.fault(node.place, "`sample_every` must be at least 100ms");
            }
        }
        keys::share(reader, keys, "noise", &mut settings.sampling.noise);
        keys::choice(
            reader,
            keys,
            "order",
            &[
                ("oldest_first", Order::OldestFirst),
                ("newest_first", Order::NewestFirst),
                ("shuffled", Order::Shuffled),
            ],
            &mut settings.order,
        );
        keys::truth(reader, keys, "decimals", &mut settings.decimals);
        keys::truth(reader, keys, "gzip", &mut settings.gzip);
        let as_code = &mut settings.http_status_is_code;
        keys::truth(reader, keys, "http_status_is_code", as_code);
        keys::text(
            reader,
            keys,
            "unknown_channel",
            &mut settings.unknown_channel,
        );
        read_contradictions(reader, keys, settings);
        keys::duration(reader, keys, "sample_delay", &mut self.sample_delay);
        if let Some(node) = keys.get("clock_skew")
            && let Some(ms) = signed_duration_ms(reader, node, "`clock_skew`")
        {
            self.clock_skew_ms = ms;
        }
    }
}

/// What Polyv's pages contradict each other in.
fn read_contradictions(reader: &mut Reader, keys: &mut Mapping<'_>, settings: &mut Settings) {
    keys::choice(
        reader,
        keys,
        "invalid_signature_code",
        &[("400", 400), ("401", 401), ("403", 403)],
        &mut settings.invalid_signature_code,
    );
    keys::choice(
        reader,
        keys,
        "refusal_data",
        &[
            ("empty_text", Nothing::EmptyText),
            ("null_value", Nothing::Null),
            ("absent", Nothing::Absent),
        ],
        &mut settings.refusal_data,
    );
    keys::choice(
        reader,
        keys,
        "censor_update_answers",
        &[
            ("after", CensorUpdate::After),
            ("before", CensorUpdate::Before),
        ],
        &mut settings.censor_update,
    );
    keys::choice(
        reader,
        keys,
        "censor_get_answers",
        &[
            ("letters", CensorGet::Letters),
            ("booleans", CensorGet::Booleans),
        ],
        &mut settings.censor_get,
    );
}

fn read_accounts(reader: &mut Reader, node: &Node) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for item in reader.list(node, "`accounts`") {
        let Some(mut keys) = reader.mapping(item, "an account") else {
            continue;
        };
        let app_id = keys::required_text(reader, &mut keys, "app_id", "an account");
        let secret = keys::required_text(reader, &mut keys, "app_secret", "an account");
        let mut video_moderation = true;
        keys::truth(reader, &mut keys, "video_moderation", &mut video_moderation);
        keys.finish(reader);
        let (Some(app_id), Some(secret)) = (app_id, secret) else {
            continue;
        };
        if accounts.iter().any(|known| known.app_id == app_id) {
            let message = format!("there already is an account with the app id `{app_id}`");
            reader.fault(item.place, message);
            continue;
        }
        accounts.push(Account {
            video_moderation,
            ..Account::new(&app_id, &secret)
        });
    }
    if accounts.is_empty() {
        reader.fault(node.place, "`accounts` must have at least one account");
    }
    accounts
}

#[cfg(test)]
mod tests;
