//! Following new update: the first ones, and every reload.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::{info, warn};

use super::account_poller::AccountPoller;
use super::discovery::ChannelDiscovery;
use super::poll_target::{ChannelSource, PollInterval, PollPriority, PollTarget};
use super::poller::{ConfigUpdate, Poller, PollerContext, client_settings};
use super::rate_budget::{self, capacity_warning};
use super::response::{exposure, listed_channel_meta};
use crate::config::{self, Config, StatusMode};
use crate::state::{ChannelKey, ChannelMeta, Exposure};
use crate::state::{FreshnessPolicy, IntervalScale};
use crate::telemetry::Endpoint;
use polyv_client::Client;
use polyv_client::clock::TimeSnapshot;

/// The golden ratio's fractional part. Multiples of it, taken modulo 1, spread evenly however
/// many there are, and none ever moves when another is added: each channel's phase.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

impl Poller {
    /// Works by these update from now on. Channels that stay keep what is known of them, those
    /// that went lose their series at once.
    pub(super) fn apply_config(&mut self, update: ConfigUpdate, now: TimeSnapshot) {
        let ConfigUpdate { config, transport } = update;
        if let Some(warning) = capacity_warning(&config) {
            warn!("{warning}");
        }
        let settings = client_settings(&config);
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
        self.context
            .limiter
            .set_limit(rate_budget::rate_limit_from_config(&config));
        self.context
            .store
            .set_policy(freshness_policy(&config), now);

        let mut before: HashMap<Arc<str>, AccountPoller> = self
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
                        account.reset(now.monotonic);
                        self.context.metrics.forget_auth(&wanted.name);
                    }
                    account
                }
                None => self.begin(wanted, now),
            };
            self.accounts.push(account);
        }
        for (name, gone) in before {
            for (key, _) in gone.queue.iter() {
                self.context.store.remove(key);
            }
            self.context
                .store
                .set_interval_scale(&name, IntervalScale::NONE);
            self.context.metrics.end_account(&name);
        }
        for (index, wanted) in config.accounts.iter().enumerate() {
            self.apply_channels(index, wanted, now);
            self.apply_status_mode(index, now);
            self.apply_discover(index, wanted, now);
        }
        let channels = self
            .accounts
            .iter()
            .flat_map(|account| account.queue.iter());
        self.unpolled = channels.filter(|(_, channel)| !channel.polled).count();
        self.context.channels_changed(&[], now);
        info!(
            accounts = config.accounts.len(),
            channels = config.channel_count(),
            "following the configuration"
        );
    }

    fn begin(&mut self, wanted: &config::Account, now: TimeSnapshot) -> AccountPoller {
        self.context.metrics.begin_account(&wanted.name);
        self.next_account_id += 1;
        AccountPoller::new(
            self.next_account_id,
            wanted.name.as_str().into(),
            self.client(wanted),
            wanted.secret.clone(),
            self.poll.idle_interval,
            now.monotonic,
        )
    }

    fn client(&self, wanted: &config::Account) -> Arc<Client> {
        Arc::new(Client::new(
            self.settings.clone(),
            Arc::clone(&self.transport),
            Arc::clone(&self.context.clock),
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
    fn apply_channels(&mut self, index: usize, wanted: &config::Account, now: TimeSnapshot) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let planned = account.virtual_clock.now(now.monotonic);
        let idle_interval = self.poll.idle_interval;
        account.queue.set_idle_interval(idle_interval, planned);
        if account.queue.len() == 0 {
            // So that what is added is asked rightly from the beginning.
            account.set_batch_status(self.poll.status == StatusMode::Batch, now);
        }
        let mut before: HashMap<Arc<str>, ChannelKey> = account
            .queue
            .iter()
            .map(|(key, channel)| (Arc::clone(&channel.id), key))
            .collect();
        for channel in &wanted.channels {
            match before.remove(&channel.id) {
                Some(key) => self.apply_known(index, key, channel, now),
                None => self.apply_new(index, channel, now),
            }
        }
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        for (_, key) in before {
            let source = account.queue.get(key).map(|target| target.source);
            if source != Some(ChannelSource::Configured) {
                continue;
            }
            let generation = account.discovery.as_ref().map(ChannelDiscovery::generation);
            match (&wanted.discover, generation) {
                // Listed it may still be: the next listing tells.
                (Some(_), Some(generation)) => account.found(key, generation),
                _ => {
                    account.remove(key);
                    self.context.store.remove(key);
                }
            }
        }
    }

    /// A channel that is watched already stays; what is known of it too.
    fn apply_known(
        &mut self,
        index: usize,
        key: ChannelKey,
        channel: &Arc<config::Channel>,
        now: TimeSnapshot,
    ) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let store = &self.context.store;
        let meta = channel_meta(&account.name, channel);
        let live_interval = channel.live_interval;
        store.update_metadata(key, meta, Exposure::Always, now);
        let planned = account.virtual_clock.now(now.monotonic);
        account.discovered.remove(&channel.id);
        let Some(target) = account.queue.get_mut(key) else {
            return;
        };
        target.name = Arc::clone(&channel.name);
        target.source = ChannelSource::Configured;
        target.always_poll_stream = channel.expect.live;
        target.activity.live_interval = live_interval;
        let priority = PollPriority::new(&target.activity, now.monotonic);
        let asked = target.polled;
        let comes_last = target.every == PollInterval::Idle && !target.always_poll_stream;
        if target.always_poll_stream {
            let every = PollInterval::Fixed(self.poll.idle_interval);
            account.queue.enqueue_stream(key, every, planned);
        } else if account.batch_status.is_available() && !target.live && target.alone.is_none() {
            // It may have been expected to be live before.
            account.queue.enqueue_status_also(key, planned);
        }
        let every = if asked {
            account.queue.every(key, priority)
        } else if comes_last {
            // All that were there at the start come last together.
            PollInterval::Idle
        } else {
            PollInterval::Fixed(live_interval)
        };
        account.queue.set_every(key, every, planned);
    }

    fn apply_new(&mut self, index: usize, channel: &Arc<config::Channel>, now: TimeSnapshot) {
        let phase = self.next_phase();
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let store = &self.context.store;
        let meta = channel_meta(&account.name, channel);
        let live_interval = channel.live_interval;
        let key = store.insert(meta, Exposure::Always, now);
        let target = PollTarget::new(
            Arc::clone(&channel.id),
            Arc::clone(&channel.name),
            ChannelSource::Configured,
            phase,
            channel.expect.live,
            live_interval,
        );
        account.add(key, target, live_interval, now.monotonic);
    }

    /// Asks channels that are not live as it is configured.
    fn apply_status_mode(&mut self, index: usize, now: TimeSnapshot) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let batch = self.poll.status == StatusMode::Batch;
        account.set_batch_status(batch, now);
        if batch {
            let metrics = &self.context.metrics;
            metrics.begin_endpoint(&account.name, Endpoint::LiveStatus);
        }
    }

    /// Has channels listed if that is configured; those that were listed go if it is not any
    /// more.
    fn apply_discover(&mut self, index: usize, wanted: &config::Account, now: TimeSnapshot) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let PollerContext { store, metrics, .. } = &self.context;
        let planned = account.virtual_clock.now(now.monotonic);
        match (&wanted.discover, &account.discovery) {
            (Some(discover), Some(discovery)) if discovery.discover == *discover => {}
            (Some(discover), _) => {
                metrics.begin_endpoint(&account.name, Endpoint::ChannelList);
                // Whatever was seen before has to be seen again.
                let generation = account.discovery.as_ref().map_or(1, |l| l.generation() + 1);
                account.discovery = Some(ChannelDiscovery::new(
                    discover.clone(),
                    generation,
                    now.monotonic,
                ));
            }
            (None, _) => {
                account.discovery = None;
                metrics.forget_listing(&account.name);
                for key in account.discovered.values().copied().collect::<Vec<_>>() {
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
            .discovered
            .iter()
            .filter(|(id, _)| self.configured.contains(&***id))
            .map(|(_, key)| *key)
            .collect();
        for key in taken {
            account.remove(key);
            store.remove(key);
        }
        for (id, key) in &account.discovered {
            let Some(target) = account.queue.get_mut(*key) else {
                continue;
            };
            let interval = self.poll.live_interval;
            let meta = listed_channel_meta(&account.name, id, &target.name, interval);
            let exposure = exposure(discover.expose);
            store.update_metadata(*key, meta, exposure, now);
            target.activity.live_interval = interval;
            let priority = PollPriority::new(&target.activity, now.monotonic);
            let every = account.queue.every(*key, priority);
            account.queue.set_every(*key, every, planned);
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

/// The part of a configuration that is about truth and not about asking.
#[must_use]
pub fn freshness_policy(config: &Config) -> FreshnessPolicy {
    let poll = &config.poll;
    FreshnessPolicy {
        lookback: poll.lookback,
        idle_interval: poll.idle_interval,
        stale_after: poll.stale_after,
        max_sample_age: poll.max_sample_age,
        window: poll.window,
        sustain: poll.sustain,
    }
}
