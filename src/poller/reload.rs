//! Following new orders: the first ones, and every reload.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::{info, warn};

use super::account::Account;
use super::{Orders, Poller, budget, over_demand, settings_of};
use crate::channel::{Channel, Rules, history_step};
use crate::clock::Now;
use crate::config::{self, Config};
use crate::exposition::{ChannelKey, Identity};
use crate::polyv::Client;

/// The golden ratio's fractional part. Multiples of it, taken modulo 1, spread evenly however
/// many there are, and none ever moves when another is added: each channel's phase.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

impl Poller {
    /// Works by these orders from now on. Channels that stay keep what is known of them, those
    /// that went lose their series at once.
    pub(super) fn follow(&mut self, orders: Orders, now: Now) {
        let Orders { config, transport } = orders;
        if let Some(warning) = over_demand(&config) {
            warn!("{warning}");
        }
        let settings = settings_of(&config);
        let same_polyv = settings.base_url == self.settings.base_url;
        let same_client = settings == self.settings && Arc::ptr_eq(&transport, &self.transport);
        self.settings = settings;
        self.transport = transport;
        self.max_in_flight = config.api.max_in_flight;
        self.parts.limiter.set_limit(budget::limit_of(&config));
        self.parts.store.set_rules(rules_of(&config), now);

        let mut before: HashMap<Arc<str>, Account> = self
            .accounts
            .drain(..)
            .map(|account| (Arc::clone(&account.name), account))
            .collect();
        for wanted in &config.accounts {
            let account = match before.remove(wanted.name.as_str()) {
                Some(mut account) => {
                    let same_credentials = *account.client.credentials() == wanted.credentials;
                    if !same_client || !same_credentials {
                        account.client = self.client(wanted);
                    }
                    account.secret = wanted.secret.clone();
                    if !same_polyv || !same_credentials {
                        account.begin_anew(now.moment);
                        self.parts.metrics.forget_auth(&wanted.name);
                    }
                    account
                }
                None => self.begin(wanted, now),
            };
            self.accounts.push(account);
        }
        for (name, gone) in before {
            for (key, _) in gone.channels() {
                self.parts.store.remove(key);
            }
            self.parts.metrics.end_account(&name);
        }
        for wanted in &config.accounts {
            self.follow_channels(wanted, now);
        }
        let channels = self.accounts.iter().flat_map(Account::channels);
        self.unasked = channels.filter(|(_, channel)| !channel.asked).count();
        info!(
            accounts = config.accounts.len(),
            channels = config.channel_count(),
            "following the configuration"
        );
    }

    fn begin(&mut self, wanted: &config::Account, now: Now) -> Account {
        self.parts.metrics.begin_account(&wanted.name);
        self.next_serial += 1;
        Account::new(
            self.next_serial,
            wanted.name.as_str().into(),
            self.client(wanted),
            wanted.secret.clone(),
            now.moment,
        )
    }

    fn client(&self, wanted: &config::Account) -> Arc<Client> {
        Arc::new(Client::new(
            self.settings.clone(),
            Arc::clone(&self.transport),
            Arc::clone(&self.parts.clock),
            wanted.credentials.clone(),
        ))
    }

    fn follow_channels(&mut self, wanted: &config::Account, now: Now) {
        let Some(account) = self
            .accounts
            .iter_mut()
            .find(|account| *account.name == *wanted.name)
        else {
            return;
        };
        let mut before: HashMap<Arc<str>, ChannelKey> = account
            .channels()
            .map(|(key, channel)| (Arc::clone(&channel.id), key))
            .collect();
        for channel in &wanted.channels {
            let identity = Identity {
                account: wanted.name.clone(),
                channel_id: channel.id.clone(),
                channel_name: channel.name.clone(),
                labels: channel.labels.clone(),
                expected: channel.expect,
            };
            match before.remove(channel.id.as_str()) {
                Some(key) => {
                    let store = &self.parts.store;
                    store.describe(key, identity, channel.live_interval, now);
                    let interval = store.read(key, Channel::interval);
                    if let Some(watched) = account.channel(key) {
                        watched.name = channel.name.as_str().into();
                        let interval = interval.filter(|_| watched.asked);
                        let interval = interval.unwrap_or(channel.live_interval);
                        account.set_interval(key, interval, now.moment);
                    }
                }
                None => {
                    let key = self
                        .parts
                        .store
                        .insert(identity, channel.live_interval, now);
                    // It is asked as rarely as the others, so be as patient with it.
                    let key_alone = std::iter::once(key);
                    self.parts
                        .store
                        .set_stretch(key_alone, account.stretch(), now);
                    let phase = (f64::from(self.next_channel) * GOLDEN).fract();
                    self.next_channel = self.next_channel.wrapping_add(1);
                    account.add(
                        key,
                        channel.id.as_str().into(),
                        channel.name.as_str().into(),
                        channel.live_interval,
                        phase,
                        now.moment,
                    );
                }
            }
        }
        for (_, key) in before {
            account.remove(key);
            self.parts.store.remove(key);
        }
    }
}

/// The part of a configuration that is about truth and not about asking.
#[must_use]
pub fn rules_of(config: &Config) -> Rules {
    let poll = &config.poll;
    Rules {
        lookback: poll.lookback,
        idle_interval: poll.idle_interval,
        stale_after: poll.stale_after,
        max_sample_age: poll.max_sample_age,
        window: poll.window,
        sustain: poll.sustain,
        history_step: history_step(config.channel_count()),
    }
}
