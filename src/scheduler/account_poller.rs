//! One account: its channels and the calls that it may send.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::account_calls::AccountCalls;
use super::batch_endpoint::BatchEndpoint;
use super::circuit_breaker::{CircuitBreaker, OpenReason, Permission};
use super::discovery::ChannelDiscovery;
use super::in_flight::ReloadableSecret;
use super::live_calls::LiveCalls;
use super::poll_queue::PollQueue;
use super::poll_target::{ChannelSource, PollInterval, PollTarget, discovered_channel};
use super::rate_budget::{Demand, EXPECTED_LATENCY, RateSplit};
use super::request::{ChannelBatch, PollRequest, RequestKind};
use super::virtual_clock::{VirtualClock, VirtualInstant};
use crate::config::{self, Expose};
use crate::state::{ChannelKey, ChannelMeta, ChannelStore, Exposure, IntervalScale};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{Client, Error};

/// An account with its channels.
#[allow(clippy::struct_excessive_bools)] // independent facts, not the states of one machine
pub(super) struct AccountPoller {
    /// Unique, also after an account was removed and added again.
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) client: Arc<Client>,
    pub(super) secret: ReloadableSecret,
    /// Counts the clients that the account had: with other credentials, another address or another
    /// time zone.
    pub(super) client_generation: u64,
    pub(super) clock: VirtualClock,
    pub(super) breaker: CircuitBreaker,
    pub(super) batch_status: BatchEndpoint,
    pub(super) live_calls: LiveCalls,
    /// Whether an exclusion from batches was logged.
    pub(super) exclusion_logged: bool,
    pub(super) queue: PollQueue,
    /// The discovery of its channels, if configured.
    pub(super) discovery: Option<ChannelDiscovery>,
    /// The discovered channels by their ids.
    pub(super) discovered: HashMap<Arc<str>, ChannelKey>,
    /// The calls about the account as a whole.
    pub(super) calls: AccountCalls,
    pub(super) in_flight: usize,
    /// Whether the present outage was logged.
    pub(super) outage_logged: bool,
    /// Why a call last failed.
    pub(super) last_error: Option<Error>,
    /// Whether a status call was repeated at once to correct the server clock.
    pub(super) clock_retried: bool,
    /// Whether the next probe polls statuses, if there is a choice.
    probes_status: bool,
    /// Paces best-effort calls: one per virtual second.
    pub(super) best_effort_clock: VirtualClock,
    pub(super) next_best_effort: VirtualInstant,
    /// The interval scale that the store knows.
    interval_scale: IntervalScale,
    /// The average time to a response, in seconds.
    latency: f64,
}

/// The weight of one call in the average latency.
const LATENCY_EWMA_ALPHA: f64 = 0.1;
/// The store learns an interval scale that differs by more than this share.
const SCALE_TOLERANCE: f64 = 0.1;

// === impl AccountPoller ===

impl AccountPoller {
    pub(super) fn new(
        id: u64,
        name: Arc<str>,
        client: Arc<Client>,
        secret: ReloadableSecret,
        idle_interval: Duration,
        now: MonotonicInstant,
    ) -> Self {
        Self {
            id,
            name,
            client,
            secret,
            client_generation: 0,
            clock: VirtualClock::new(now),
            breaker: CircuitBreaker::new(),
            batch_status: BatchEndpoint::new(false),
            live_calls: LiveCalls::new(),
            exclusion_logged: false,
            queue: PollQueue::new(idle_interval),
            discovery: None,
            discovered: HashMap::new(),
            calls: AccountCalls::new(now),
            in_flight: 0,
            outage_logged: false,
            last_error: None,
            clock_retried: false,
            probes_status: true,
            best_effort_clock: VirtualClock::new(now),
            next_best_effort: VirtualInstant::ZERO,
            interval_scale: IntervalScale::NONE,
            latency: EXPECTED_LATENCY.as_secs_f64(),
        }
    }

    /// Adds a channel.
    pub(super) fn add(
        &mut self,
        channel: Arc<config::Channel>,
        source: ChannelSource,
        store: &ChannelStore,
        now: TimeSnapshot,
    ) {
        let meta = self.channel_meta(&channel);
        let key = store.insert(meta, self.exposure(source), now);
        let is_configured = source == ChannelSource::Configured;
        if !is_configured {
            self.discovered.insert(Arc::clone(&channel.id), key);
        }
        let soon = PollInterval::Guaranteed(channel.live_interval);
        let stream = if channel.expect.live || !self.batch_status.is_enabled() {
            Some(soon)
        } else if self.batch_status.is_available() {
            None
        } else if is_configured {
            // Few are added at a time, and their user waits for them.
            Some(soon)
        } else {
            Some(PollInterval::BestEffort(self.queue.idle_interval()))
        };
        let target = PollTarget::new(key, channel, source);
        let now = self.clock.now(now.monotonic);
        self.queue.add(key, target, stream, now);
    }

    /// Replaces the configuration of a channel.
    pub(super) fn update_channel(
        &mut self,
        key: ChannelKey,
        channel: Arc<config::Channel>,
        source: ChannelSource,
        store: &ChannelStore,
        now: TimeSnapshot,
    ) {
        let meta = self.channel_meta(&channel);
        store.update_metadata(key, meta, self.exposure(source), now);
        if let Some(target) = self.queue.get_mut(key) {
            target.channel = channel;
            target.source = source;
        }
    }

    fn channel_meta(&self, channel: &Arc<config::Channel>) -> ChannelMeta {
        ChannelMeta {
            account: Arc::clone(&self.name),
            channel: Arc::clone(channel),
        }
    }

    /// Returns when a channel has series.
    fn exposure(&self, source: ChannelSource) -> Exposure {
        let expose = self.discovery.as_ref().map(|d| d.discover.expose);
        match (source, expose) {
            (ChannelSource::Discovered { .. }, Some(Expose::Live)) => Exposure::WhileRecentlyLive,
            _ => Exposure::Always,
        }
    }

    /// Removes a channel.
    pub(super) fn remove(&mut self, key: ChannelKey, store: &ChannelStore) {
        if let Some(target) = self.queue.get(key) {
            self.discovered.remove(&target.channel.id);
        }
        self.batch_status.drop_channel(key);
        self.live_calls.drop_channel(key);
        self.queue.remove(key);
        store.remove(key);
    }

    /// Turns a configured channel into a discovered one.
    pub(super) fn mark_discovered(&mut self, key: ChannelKey, generation: u64) {
        if let Some(target) = self.queue.get_mut(key) {
            let before = Arc::clone(&target.channel);
            target.channel = discovered_channel(&before.id, &before.name, before.live_interval);
            target.source = ChannelSource::Discovered { generation };
            self.discovered.insert(Arc::clone(&before.id), key);
        }
    }

    /// Returns whether the account has anything to poll.
    pub(super) fn has_work(&self) -> bool {
        self.queue.len() > 0 || self.discovery.is_some()
    }

    /// Returns whether these are all channels of the account.
    pub(super) fn has_only(&self, channels: &[ChannelKey]) -> bool {
        let known = channels
            .iter()
            .filter(|key| self.queue.get(**key).is_some());
        known.count() == self.queue.len()
    }

    /// Returns how often the stream information of a channel is polled.
    pub(super) fn interval_for(&self, key: ChannelKey, now: MonotonicInstant) -> PollInterval {
        let idle = self.queue.idle_interval();
        let target = self.queue.get(key);
        let interval = target.map(|target| target.poll_interval(idle, &self.batch_status, now));
        interval.unwrap_or(PollInterval::Guaranteed(idle))
    }

    /// Returns the calls per second that its channels need: none while the circuit breaker is
    /// open.
    pub(super) fn demand(&self) -> Demand {
        if self.breaker.is_closed() {
            self.queue.demand() + self.live_calls.demand()
        } else {
            Demand::default()
        }
    }

    pub(super) fn latency(&self) -> f64 {
        self.latency
    }

    /// Records how long a call took.
    pub(super) fn observe_latency(&mut self, took: Duration) {
        self.latency += LATENCY_EWMA_ALPHA * (took.as_secs_f64() - self.latency);
    }

    /// Sets the speed of both clocks, and tells the store how long its intervals are. Returns how
    /// many times longer than configured the longest one is.
    pub(super) fn set_rate(
        &mut self,
        split: RateSplit,
        slow_start: f64,
        store: &ChannelStore,
        now: MonotonicInstant,
    ) -> f64 {
        let calls_flow = if self.is_running() { slow_start } else { 0.0 };
        let best_effort = (self.queue.demand() + self.live_calls.demand()).best_effort;
        self.clock.set_speed(calls_flow * split.speed, now);
        let pace = calls_flow * split.best_effort * best_effort;
        self.best_effort_clock.set_speed(pace, now);
        let all = 1.0 / split.speed;
        let idle = if best_effort > 0.0 {
            split.best_effort_stretch()
        } else {
            all
        };
        let differs = |scale: f64, known: f64| {
            scale <= 1.0 && known > 1.0 || (known / scale - 1.0).abs() > SCALE_TOLERANCE
        };
        if differs(all, self.interval_scale.all) || differs(idle, self.interval_scale.idle) {
            self.interval_scale = IntervalScale { all, idle };
            store.set_interval_scale(&self.name, self.interval_scale);
        }
        idle
    }

    /// Returns whether the rate budget suffices for the configured intervals.
    pub(super) fn is_on_schedule(&self) -> bool {
        self.interval_scale.all <= 1.0
    }

    /// Returns whether regular calls may be sent now.
    pub(super) fn is_running(&self) -> bool {
        match self.breaker.permission() {
            Permission::Unlimited => true,
            Permission::Serial => self.in_flight == 0,
            Permission::HalfOpenProbe(_) | Permission::Blocked => false,
        }
    }

    /// Returns the kind of request that the account may send next, and when it is due, or was.
    pub(super) fn next_request(&self) -> Option<(MonotonicInstant, RequestKind)> {
        match self.breaker.permission() {
            Permission::Unlimited | Permission::Serial if self.is_running() => {
                Some((self.next_due()?, RequestKind::Regular))
            }
            Permission::HalfOpenProbe(at) if self.has_waiting() => {
                Some((at, RequestKind::AccountProbe))
            }
            _ => None,
        }
    }

    /// Returns the secret to read again: a file may have another one by now, other sources cannot.
    pub(super) fn secret_to_reload(&self) -> Option<ReloadableSecret> {
        let may_differ = self.secret.is_file() && self.breaker.is_auth_refused();
        may_differ.then(|| self.secret.clone())
    }

    /// Stops the clock while no regular call may be sent.
    pub(super) fn update_clock(&mut self, now: MonotonicInstant) {
        if !self.is_running() {
            self.clock.set_speed(0.0, now);
            self.best_effort_clock.set_speed(0.0, now);
        }
    }

    /// Returns whether there is anything to poll, due or not.
    pub(super) fn has_waiting(&self) -> bool {
        self.batch_status.due().is_some()
            || self.queue.has_waiting()
            || self.discovery.as_ref().is_some_and(|d| d.due().is_some())
    }

    /// Takes a call for a probe. During a fault, streams and statuses take turns: either endpoint
    /// may fail on its own. Any call shows whether Polyv accepts the signature or throttles.
    pub(super) fn pop_probe(&mut self, now: MonotonicInstant) -> Option<PollRequest> {
        let outage = self.breaker.outage();
        let is_fault = outage.is_some_and(|outage| outage.reason == OpenReason::Fault);
        self.probes_status = is_fault && !self.probes_status;
        let now = self.clock.now(now);
        let statuses = |account: &mut Self| {
            let batch = account.batch_status.pop_isolated();
            batch.or_else(|| account.queue.pop_status_batch(now))
        };
        if self.probes_status
            && let Some(batch) = statuses(self)
        {
            return Some(batch.into());
        }
        if let Some(key) = self.queue.pop_probe() {
            return Some(key.into());
        }
        if let Some(batch) = statuses(self) {
            return Some(batch.into());
        }
        let discovery = self.discovery.as_mut()?;
        discovery.due()?;
        Some(discovery.pop_page())
    }

    /// Queues a request again whose response does not count.
    pub(super) fn requeue_request(&mut self, request: &PollRequest, now: MonotonicInstant) {
        let virtual_now = self.clock.now(now);
        match request {
            PollRequest::StreamInfo { channel, .. } => {
                let interval = self.interval_for(*channel, now);
                self.queue.reschedule(*channel, interval, None, |schedule| {
                    schedule.reschedule_unsent(virtual_now, interval.duration());
                });
            }
            // The caller reports that the range was not received.
            PollRequest::MissingSamples { .. } => {}
            PollRequest::LiveStatus(batch) => {
                if batch.isolated {
                    self.batch_status.isolated_done();
                }
                self.requeue(batch, virtual_now);
            }
            PollRequest::ChannelPage(page) => {
                let discovery = self.discovery.as_mut();
                if let Some(discovery) = discovery.filter(|d| d.expects(*page)) {
                    discovery.reschedule_unsent(now);
                }
            }
            PollRequest::Live { call, batch, .. } => {
                let calls = self.live_calls.get_mut(*call);
                calls.completed(batch);
                calls.requeue(batch, virtual_now);
            }
            PollRequest::Account(_) => self.calls.completed(),
        }
    }

    /// Queues the channels of a batch again.
    pub(super) fn requeue(&mut self, batch: &ChannelBatch, due: VirtualInstant) {
        if !self.batch_status.is_available() {
            return;
        }
        for key in batch.channels.iter().copied() {
            // A channel may have been removed, and a canary's is polled for its stream.
            if self.queue.get(key).is_some_and(|t| t.status.is_some()) {
                self.queue.enqueue_status(key, due);
            }
        }
    }

    /// Polls every channel individually.
    pub(super) fn disable_batching(&mut self, now: MonotonicInstant) {
        let idle = self.queue.idle_interval();
        let status = &self.batch_status;
        let interval = |target: &PollTarget| target.poll_interval(idle, status, now);
        self.queue.disable_batching(interval, self.clock.now(now));
    }

    /// Polls the statuses of channels that are not live.
    pub(super) fn enable_batching(&mut self, now: MonotonicInstant) {
        let now = self.clock.now(now);
        self.queue.enable_batching(&self.batch_status, now);
    }

    /// Sends a canary if one is due.
    pub(super) fn try_batch_status(&mut self, now: MonotonicInstant) {
        if self.batch_status.canary_due(now) {
            let channels = self.queue.canary_batch(&self.batch_status);
            let due = self.clock.now(now);
            self.batch_status.start_canary(channels, due, now);
        }
    }

    /// Turns batch status on or off.
    pub(super) fn set_batch_status(&mut self, enabled: bool, now: MonotonicInstant) {
        if self.batch_status.is_enabled() == enabled {
            return;
        }
        self.batch_status = BatchEndpoint::new(enabled);
        if enabled {
            self.enable_batching(now);
        } else {
            self.disable_batching(now);
        }
    }

    /// Returns how many channels are polled individually although batch status is configured, or
    /// `None` if it is not.
    pub(super) fn fallback_channels(&self) -> Option<usize> {
        let channels = if self.batch_status.is_available() {
            self.batch_status.excluded()
        } else {
            self.queue.len()
        };
        self.batch_status.is_enabled().then_some(channels)
    }

    /// Forgets all faults, since Polyv's address or the credentials changed. All channels are back
    /// on schedule.
    pub(super) fn reset(&mut self, now: MonotonicInstant) {
        self.breaker = CircuitBreaker::new();
        self.outage_logged = false;
        self.exclusion_logged = false;
        let virtual_now = self.clock.now(now);
        self.queue.reset(virtual_now);
        while let Some(batch) = self.batch_status.pop_isolated() {
            self.batch_status.isolated_done();
            self.requeue(&batch, virtual_now);
        }
        self.batch_status = BatchEndpoint::new(self.batch_status.is_enabled());
        if self.batch_status.is_available() {
            self.enable_batching(now);
        }
        self.live_calls.reset(virtual_now);
        self.calls.reset(now);
        if let Some(discovery) = &mut self.discovery {
            discovery.reset(now);
        }
    }
}
