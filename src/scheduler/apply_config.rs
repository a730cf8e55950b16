//! Applies a configuration: the first one, and every reload.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::{info, warn};

use super::account_poller::AccountPoller;
use super::context::{ConfigUpdate, PollerContext};
use super::discovery::ChannelDiscovery;
use super::in_flight::ReloadableSecret;
use super::live_call::LiveCall;
use super::plan_reader::PlanReader;
use super::poll_target::{ChannelSource, PollInterval, discovered_channel};
use super::poller::{Poller, client_settings};
use super::rate_budget::{capacity_warning, rate_limit_from_config};
use crate::config::{self, Config, ScheduleSource, Sources, StatusMode};
use crate::state::{ChannelKey, FreshnessPolicy, IntervalScale};
use crate::telemetry::Endpoint;
use polyv_client::Client;
use polyv_client::clock::TimeSnapshot;

impl Poller {
    /// Applies a configuration. Channels that stay keep their state, channels that are gone lose
    /// their series at once.
    pub(super) fn apply_config(&mut self, update: ConfigUpdate, now: TimeSnapshot) {
        let ConfigUpdate { config, transport } = update;
        if let Some(warning) = capacity_warning(&config) {
            warn!("{warning}");
        }
        let same_polyv = config.api.base_url == self.config.api.base_url;
        let same_client = client_settings(&config) == client_settings(&self.config)
            && Arc::ptr_eq(&transport, &self.transport);
        let same_zone = config.poll.time_zone == self.config.poll.time_zone;
        self.transport = transport;
        self.config = config.clone();
        // Only discovery needs the configured ids.
        let discovers = config.accounts.iter().any(|a| a.discover.is_some());
        let accounts = config.accounts.iter().filter(|_| discovers);
        let channels = accounts.flat_map(|account| &account.channels);
        self.configured = channels.map(|channel| Arc::clone(&channel.id)).collect();
        let PollerContext { limiter, store, .. } = &self.context;
        limiter.set_limit(rate_limit_from_config(&config));
        store.set_policy(freshness_policy(&config), now);

        let before = self.accounts.drain(..);
        let mut before: HashMap<Arc<str>, AccountPoller> = before
            .map(|account| (Arc::clone(&account.name), account))
            .collect();
        for wanted in &config.accounts {
            let account = match before.remove(wanted.name.as_str()) {
                Some(mut account) => {
                    let same_credentials = *account.client.credentials() == wanted.credentials;
                    if !same_client || !same_credentials {
                        account.client = self.client(wanted);
                    }
                    account.secret = ReloadableSecret::new(wanted.secret.clone());
                    if !same_polyv || !same_credentials || !same_zone {
                        account.client_generation += 1;
                    }
                    if !same_polyv || !same_credentials {
                        account.reset(now.monotonic);
                        self.context.metrics.forget_auth(&wanted.name);
                    }
                    account
                }
                None => self.add_account(wanted, now),
            };
            self.accounts.push(account);
        }
        for (name, removed) in before {
            let PollerContext { store, metrics, .. } = &self.context;
            for (key, _) in removed.queue.iter() {
                store.remove(key);
            }
            store.set_interval_scale(&name, IntervalScale::NONE);
            metrics.remove_account(&name);
        }
        let mut accounts = std::mem::take(&mut self.accounts);
        for (account, wanted) in accounts.iter_mut().zip(&config.accounts) {
            self.apply_poll(account, now);
            self.apply_channels(account, wanted, now);
            self.apply_discover(account, wanted, now);
            self.apply_schedule_source(account, wanted, now);
        }
        self.accounts = accounts;
        self.context.channels_changed(&[], now);
        info!(
            accounts = config.accounts.len(),
            channels = config.channel_count(),
            "configuration applied"
        );
    }

    fn add_account(&mut self, wanted: &config::Account, now: TimeSnapshot) -> AccountPoller {
        self.context.metrics.init_account(&wanted.name);
        self.next_account_id += 1;
        AccountPoller::new(
            self.next_account_id,
            wanted.name.as_str().into(),
            self.client(wanted),
            ReloadableSecret::new(wanted.secret.clone()),
            self.config.poll.idle_interval,
            now.monotonic,
        )
    }

    fn client(&self, wanted: &config::Account) -> Arc<Client> {
        Arc::new(Client::new(
            client_settings(&self.config),
            Arc::clone(&self.transport),
            Arc::clone(&self.context.clock),
            wanted.credentials.clone(),
        ))
    }

    /// Applies how often channels are polled, and whether their statuses are.
    fn apply_poll(&self, account: &mut AccountPoller, now: TimeSnapshot) {
        let poll = &self.config.poll;
        let virtual_now = account.clock.now(now.monotonic);
        account
            .queue
            .set_idle_interval(poll.idle_interval, virtual_now);
        let batch = poll.status == StatusMode::Batch;
        account.set_batch_status(batch, now.monotonic);
        if batch {
            let metrics = &self.context.metrics;
            metrics.begin_endpoint(&account.name, Endpoint::LiveStatus);
        }
        let uses_others = poll.sources == Sources::Auto;
        if !uses_others {
            account.use_tencent_only(now.monotonic);
        }
        let viewers_interval = Some(poll.viewers_interval);
        account.live_calls.viewers_interval = viewers_interval.filter(|i| !i.is_zero());
        for call in LiveCall::ALL {
            let is_enabled = match call {
                LiveCall::Viewers => !poll.viewers_interval.is_zero(),
                LiveCall::Streams | LiveCall::StreamInfoV4 => uses_others,
            };
            let calls = account.live_calls.get_mut(call);
            calls.set_max_in_flight(self.config.api.max_in_flight);
            calls.set_enabled(is_enabled);
            if is_enabled {
                let metrics = &self.context.metrics;
                metrics.begin_endpoint(&account.name, call.endpoint());
            }
        }
    }

    /// Applies the configured channels of an account, in the order of the configuration.
    fn apply_channels(
        &self,
        account: &mut AccountPoller,
        wanted: &config::Account,
        now: TimeSnapshot,
    ) {
        let store = &self.context.store;
        let targets = account.queue.iter();
        let mut before: HashMap<Arc<str>, ChannelKey> = targets
            .map(|(key, target)| (Arc::clone(&target.channel.id), key))
            .collect();
        for channel in &wanted.channels {
            match before.remove(&channel.id) {
                Some(key) => self.apply_known(account, key, channel, now),
                None => account.add(Arc::clone(channel), ChannelSource::Configured, store, now),
            }
        }
        for (_, key) in before {
            let target = account.queue.get(key);
            if target.is_none_or(|target| target.source != ChannelSource::Configured) {
                continue;
            }
            let generation = account.discovery.as_ref().map(ChannelDiscovery::generation);
            match generation.filter(|_| wanted.discover.is_some()) {
                // The next list shows whether Polyv still has it.
                Some(generation) => account.mark_discovered(key, generation),
                None => account.remove(key, store),
            }
        }
    }

    /// Applies the configuration of a channel that exists already.
    fn apply_known(
        &self,
        account: &mut AccountPoller,
        key: ChannelKey,
        channel: &Arc<config::Channel>,
        now: TimeSnapshot,
    ) {
        account.discovered.remove(&channel.id);
        let store = &self.context.store;
        account.update_channel(
            key,
            Arc::clone(channel),
            ChannelSource::Configured,
            store,
            now,
        );
        let virtual_now = account.clock.now(now.monotonic);
        let interval = account.interval_for(key, now.monotonic);
        let Some(target) = account.queue.get(key) else {
            return;
        };
        let (is_polled, is_live) = (target.polled, target.live);
        let is_best_effort = matches!(target.interval, PollInterval::BestEffort(_));
        let status = &account.batch_status;
        if channel.expect.live {
            account.queue.enqueue_stream(key, interval, virtual_now);
        } else if status.is_available() && !is_live && !status.is_excluded(key) {
            // It may have been expected to be live before.
            account.queue.enqueue_status_also(key, virtual_now);
        }
        // A channel that was not polled yet is new, unless it waits with many others.
        let interval = if is_polled || is_best_effort {
            interval
        } else {
            PollInterval::Guaranteed(channel.live_interval)
        };
        account.queue.set_interval(key, interval, virtual_now);
    }

    /// Starts or stops reading Polyv's plan.
    fn apply_schedule_source(
        &self,
        account: &mut AccountPoller,
        wanted: &config::Account,
        now: TimeSnapshot,
    ) {
        let PollerContext { store, metrics, .. } = &self.context;
        metrics.begin_endpoint(&account.name, Endpoint::Minutes);
        match (&account.calls.plans, wanted.schedule_from) {
            (None, ScheduleSource::Polyv) => {
                for endpoint in [Endpoint::Sessions, Endpoint::ChannelPlans] {
                    metrics.begin_endpoint(&account.name, endpoint);
                }
                let wall = self.context.clock.host().wall();
                metrics.set_schedule_read(&account.name, wall);
                account.calls.plans = Some(PlanReader::new(now.monotonic));
            }
            (Some(plans), ScheduleSource::None) => {
                for key in plans.channels().filter_map(|id| store.find(id)) {
                    store.set_polyv_schedule(key, None, now);
                }
                metrics.forget_schedule(&account.name);
                account.calls.plans = None;
            }
            (None, ScheduleSource::None) | (Some(_), ScheduleSource::Polyv) => {}
        }
    }

    /// Starts, changes or stops the discovery of an account's channels.
    fn apply_discover(
        &self,
        account: &mut AccountPoller,
        wanted: &config::Account,
        now: TimeSnapshot,
    ) {
        let PollerContext { store, metrics, .. } = &self.context;
        let Some(discover) = &wanted.discover else {
            account.discovery = None;
            metrics.forget_listing(&account.name);
            for key in account.discovered.values().copied().collect::<Vec<_>>() {
                account.remove(key, store);
            }
            return;
        };
        let before = account.discovery.as_ref();
        if before.is_none_or(|before| before.discover != *discover) {
            metrics.begin_endpoint(&account.name, Endpoint::ChannelList);
            // Every channel must be listed again to stay.
            let generation = before.map_or(1, |before| before.generation() + 1);
            let discovery = ChannelDiscovery::new(discover.clone(), generation, now.monotonic);
            account.discovery = Some(discovery);
        }
        let virtual_now = account.clock.now(now.monotonic);
        let live_interval = self.config.poll.live_interval;
        for (id, key) in account.discovered.clone() {
            // A channel that another account configures now belongs to that account.
            if self.configured.contains(&id) {
                account.remove(key, store);
                continue;
            }
            let Some(target) = account.queue.get(key) else {
                continue;
            };
            let channel = discovered_channel(&id, &target.channel.name, live_interval);
            account.update_channel(key, channel, target.source, store, now);
            let interval = account.interval_for(key, now.monotonic);
            account.queue.set_interval(key, interval, virtual_now);
        }
    }
}

/// Returns the part of a configuration that says how long data is fresh.
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
        sources: poll.sources,
    }
}
