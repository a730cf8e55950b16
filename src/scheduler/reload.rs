//! Following new orders: the first ones, and every reload.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::{info, warn};

use super::account::Account;
use super::landing::{exposure, listed_channel_meta};
use super::listing::Listing;
use super::watched::{Every, Interest, Origin, Watched};
use super::{Orders, Parts, Poller, budget, over_demand, settings_of};
use crate::config::{self, Config, StatusMode};
use crate::metrics::{ChannelKey, ChannelMeta, Exposure};
use crate::state::{Rules, Stretch, history_step};
use crate::telemetry::Endpoint;
use polyv_client::Client;
use polyv_client::clock::Now;

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
        self.poll = config.poll.clone();
        self.shard = config.shard;
        // Only those who look for more have to know what is theirs already.
        let discovers = config.accounts.iter().any(|a| a.discover.is_some());
        let accounts = config.accounts.iter().filter(|_| discovers);
        let channels = accounts.flat_map(|account| &account.channels);
        self.configured = channels.map(|channel| Arc::clone(&channel.id)).collect();
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
            for (key, _) in gone.roster.iter() {
                self.parts.store.remove(key);
            }
            self.parts.store.set_interval_scale(&name, Stretch::NONE);
            self.parts.metrics.end_account(&name);
        }
        for (index, wanted) in config.accounts.iter().enumerate() {
            self.follow_channels(index, wanted, now);
            self.follow_status_call(index, now);
            self.follow_discover(index, wanted, now);
        }
        let channels = self
            .accounts
            .iter()
            .flat_map(|account| account.roster.iter());
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
            self.poll.idle_interval,
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

    /// A phase for one channel more.
    pub(super) fn next_phase(&mut self) -> f64 {
        let phase = (f64::from(self.next_channel) * GOLDEN).fract();
        self.next_channel = self.next_channel.wrapping_add(1);
        phase
    }

    /// Watches the channels that the configuration names. They are in the order of the
    /// configuration, as accounts are.
    fn follow_channels(&mut self, index: usize, wanted: &config::Account, now: Now) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let planned = account.timeline.now(now.moment);
        let idle_interval = self.poll.idle_interval;
        account.roster.set_idle_interval(idle_interval, planned);
        if account.roster.len() == 0 {
            // So that what is added is asked rightly from the beginning.
            account.set_bulk(
                self.poll.status == StatusMode::Batch,
                &self.parts.store,
                now,
            );
        }
        let mut before: HashMap<Arc<str>, ChannelKey> = account
            .roster
            .iter()
            .map(|(key, channel)| (Arc::clone(&channel.id), key))
            .collect();
        for channel in &wanted.channels {
            match before.remove(&channel.id) {
                Some(key) => self.follow_known(index, key, channel, now),
                None => self.follow_new(index, channel, now),
            }
        }
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        for (_, key) in before {
            let origin = account.roster.get(key).map(|watched| watched.origin);
            if origin != Some(Origin::Configured) {
                continue;
            }
            let round = account.listing.as_ref().map(Listing::round);
            match (&wanted.discover, round) {
                // Listed it may still be: the next listing tells.
                (Some(_), Some(round)) => account.found(key, round),
                _ => {
                    account.remove(key);
                    self.parts.store.remove(key);
                }
            }
        }
    }

    /// A channel that is watched already stays; what is known of it too.
    fn follow_known(
        &mut self,
        index: usize,
        key: ChannelKey,
        channel: &Arc<config::Channel>,
        now: Now,
    ) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let store = &self.parts.store;
        let meta = channel_meta(&account.name, channel);
        let live_interval = channel.live_interval;
        store.update_metadata(key, meta, Exposure::Always, now);
        let interest = store.read(key, |channel, _| Interest::of(channel, now));
        let planned = account.timeline.now(now.moment);
        account.listed.remove(&channel.id);
        let Some(watched) = account.roster.get_mut(key) else {
            return;
        };
        watched.name = Arc::clone(&channel.name);
        watched.origin = Origin::Configured;
        watched.steadfast = channel.expect.live;
        let asked = watched.asked;
        let comes_last = watched.every == Every::Idle && !watched.steadfast;
        if watched.steadfast {
            let every = Every::Fixed(self.poll.idle_interval);
            account.roster.ask_stream(key, every, planned);
        } else if account.bulk.is_open() && !watched.live && watched.alone.is_none() {
            // It may have been expected to be live before.
            account.roster.ask_status_too(key, planned);
        }
        let every = match interest {
            Some(interest) if asked => account.roster.every(key, interest),
            // All that were there at the start come last together.
            _ if comes_last => Every::Idle,
            _ => Every::Fixed(live_interval),
        };
        account.roster.set_every(key, every, planned);
    }

    fn follow_new(&mut self, index: usize, channel: &Arc<config::Channel>, now: Now) {
        let phase = self.next_phase();
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let store = &self.parts.store;
        let meta = channel_meta(&account.name, channel);
        let live_interval = channel.live_interval;
        let key = store.insert(meta, Exposure::Always, now);
        let watched = Watched::new(
            Arc::clone(&channel.id),
            Arc::clone(&channel.name),
            Origin::Configured,
            phase,
            channel.expect.live,
        );
        account.add(key, watched, live_interval, now.moment);
    }

    /// Asks channels that are not live as it is configured.
    fn follow_status_call(&mut self, index: usize, now: Now) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let batch = self.poll.status == StatusMode::Batch;
        account.set_bulk(batch, &self.parts.store, now);
        if batch {
            let metrics = &self.parts.metrics;
            metrics.begin_endpoint(&account.name, Endpoint::LiveStatus);
        }
    }

    /// Has channels listed if that is configured; those that were listed go if it is not any
    /// more.
    fn follow_discover(&mut self, index: usize, wanted: &config::Account, now: Now) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let Parts { store, metrics, .. } = &self.parts;
        let planned = account.timeline.now(now.moment);
        match (&wanted.discover, &account.listing) {
            (Some(discover), Some(listing)) if listing.discover == *discover => {}
            (Some(discover), _) => {
                metrics.begin_endpoint(&account.name, Endpoint::ChannelList);
                // Whatever was seen before has to be seen again.
                let round = account.listing.as_ref().map_or(1, |l| l.round() + 1);
                account.listing = Some(Listing::new(discover.clone(), round, now.moment));
            }
            (None, _) => {
                account.listing = None;
                metrics.forget_listing(&account.name);
                for key in account.listed.values().copied().collect::<Vec<_>>() {
                    account.remove(key);
                    store.remove(key);
                }
            }
        }
        let Some(discover) = &wanted.discover else {
            return;
        };
        // What another account has configured now is that one's.
        let taken: Vec<ChannelKey> = account
            .listed
            .iter()
            .filter(|(id, _)| self.configured.contains(&***id))
            .map(|(_, key)| *key)
            .collect();
        for key in taken {
            account.remove(key);
            store.remove(key);
        }
        for (id, key) in &account.listed {
            let Some(watched) = account.roster.get_mut(*key) else {
                continue;
            };
            let interval = self.poll.live_interval;
            let meta = listed_channel_meta(&account.name, id, &watched.name, interval);
            let exposure = exposure(discover.expose);
            store.update_metadata(*key, meta, exposure, now);
            if let Some(interest) = store.read(*key, |channel, _| Interest::of(channel, now)) {
                let every = account.roster.every(*key, interest);
                account.roster.set_every(*key, every, planned);
            }
        }
    }
}

/// What the configuration says of a channel, as far as it is shown.
fn channel_meta(account: &Arc<str>, channel: &Arc<config::Channel>) -> ChannelMeta {
    ChannelMeta {
        account: Arc::clone(account),
        channel: Arc::clone(channel),
    }
}

/// So many of the channels that are found are taken to be live at once, and to have a history:
/// more than the usual budget of calls can ask about.
const FOUND_LIVE: usize = 2000;

fn found_live(config: &Config) -> usize {
    let discovers = config.accounts.iter().any(|a| a.discover.is_some());
    if discovers { FOUND_LIVE } else { 0 }
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
        history_step: history_step(config.channel_count() + found_live(config)),
    }
}
