//! The poller: one task that owns all schedules.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::account_poller::AccountPoller;
use super::context::{ConfigUpdate, ConfigUpdates, PollerContext};
use super::discovery::ChannelDiscovery;
use super::global_backoff::GlobalBackoff;
use super::in_flight::{Completion, InFlightRequest};
use super::log_events;
use super::rate_budget::{Demand, RateSplit, capacity};
use super::spare_calls::SpareCalls;
use crate::config::Config;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{BadResponse, ClientSettings, Error, ServerClock, Transport};

/// Polls channels.
pub struct Poller {
    pub(super) context: PollerContext,
    pub(super) config: Config,
    pub(super) transport: Arc<dyn Transport>,
    /// The configured channel ids, if any account discovers channels.
    pub(super) configured: HashSet<Arc<str>>,
    pub(super) accounts: Vec<AccountPoller>,
    pub(super) global_backoff: GlobalBackoff,
    pub(super) tasks: JoinSet<Completion>,
    pub(super) in_flight: HashMap<Id, InFlightRequest>,
    pub(super) next_account_id: u64,
    /// Paces requests for missing samples.
    pub(super) spare_calls: SpareCalls,
    /// When the exporter counts as ready, even if channels were not polled yet.
    ready_at: MonotonicInstant,
    /// Whether it was logged that the host's clock differs from Polyv's.
    clock_skew_logged: bool,
    wall_offset: i64,
}

/// How often changes are checked that happen by time alone.
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// The host's clock was set if it moved by more than this against the monotonic clock.
const CLOCK_STEP_MS: u64 = 250;

// === impl Poller ===

impl Poller {
    /// Creates a poller for an empty store.
    #[must_use]
    pub fn new(context: PollerContext, update: ConfigUpdate) -> Self {
        let now = context.clock.now();
        let poll = &update.config.poll;
        let mut poller = Self {
            ready_at: now.monotonic + poll.idle_interval.max(poll.live_interval),
            config: update.config.clone(),
            transport: Arc::clone(&update.transport),
            configured: HashSet::new(),
            accounts: Vec::new(),
            global_backoff: GlobalBackoff::new(),
            tasks: JoinSet::new(),
            in_flight: HashMap::new(),
            next_account_id: 0,
            spare_calls: SpareCalls::new(now.monotonic),
            clock_skew_logged: false,
            wall_offset: wall_offset(&context.clock),
            context,
        };
        poller.apply_config(update, now);
        poller
    }

    /// Polls until `shutdown`. All requests in flight are cancelled then.
    pub async fn run(mut self, mut updates: ConfigUpdates, shutdown: CancellationToken) {
        let mut tick = Instant::now();
        loop {
            let now = self.context.clock.now();
            if Instant::now() >= tick {
                self.tick(now);
                tick = Instant::now() + TICK_INTERVAL;
            }
            self.update_rates(now);
            let wake = self.dispatch(now);
            self.export_gauges(now);
            let wake = wake.map_or(tick, |wake| {
                tick.min(self.context.clock.host().instant(wake))
            });
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some((update, done)) = updates.recv() => {
                    let now = self.context.clock.now();
                    self.apply_config(update, now);
                    // The sender may have stopped waiting.
                    _ = done.send(());
                }
                Some(result) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => {
                    self.on_completion(result);
                }
                () = sleep_until(wake) => {}
            }
        }
        self.tasks.shutdown().await;
    }

    fn on_completion(&mut self, result: Result<(Id, Completion), JoinError>) {
        let (id, completion) = result.unwrap_or_else(|failure| {
            // An internal error. The channel must be polled again all the same.
            error!(%failure, "a poll ended unexpectedly");
            let internal = BadResponse::Garbled("an internal error of the exporter".to_owned());
            let completion = Completion {
                took: Duration::ZERO,
                result: Err(Error::BadResponse(internal)),
            };
            (failure.id(), completion)
        });
        if let Some(in_flight) = self.in_flight.remove(&id) {
            let now = self.context.clock.now();
            self.handle_completion(&in_flight, completion, now);
        }
    }

    /// Updates what changes by time alone.
    fn tick(&mut self, now: TimeSnapshot) {
        self.global_backoff.finish_slow_start(now.monotonic);
        if !self.accounts.iter().any(AccountPoller::has_work) {
            let transition = self.global_backoff.clear(now.monotonic);
            log_events::global_backoff(transition, None, now.monotonic);
        }
        for account in &mut self.accounts {
            account.try_batch_status(now.monotonic);
            let virtual_now = account.clock.now(now.monotonic);
            account.live_calls.tick(virtual_now, now.monotonic);
            let fallback = account.fallback_channels();
            let metrics = &self.context.metrics;
            metrics.set_status_fallback(&account.name, fallback);
        }
        let wall_offset = wall_offset(&self.context.clock);
        if wall_offset.abs_diff(self.wall_offset) > CLOCK_STEP_MS {
            log_events::clock_stepped(wall_offset - self.wall_offset);
            self.wall_offset = wall_offset;
            self.context.store.set_wall_offset(wall_offset, now);
        }
        let skew = self.context.clock.skew(self.config.poll.stale_after);
        log_events::clock_skew(skew, &mut self.clock_skew_logged);
        self.log_transitions(now);
        self.request_account_data(now);
    }

    /// Sets the speed of every account's clock, so that scheduled calls fit into the capacity.
    fn update_rates(&mut self, now: TimeSnapshot) {
        let mut demand = Demand::default();
        let mut latency = 0.0;
        for account in &self.accounts {
            demand = demand + account.demand();
            latency += account.demand().total() * account.latency();
        }
        let latency = latency / demand.total().max(f64::EPSILON);
        let latency = Duration::from_secs_f64(latency.max(0.0));
        let capacity = capacity(self.context.limiter.sustained_rate(latency));
        self.spare_calls.set_rate(capacity - demand.total());
        let split = RateSplit::new(demand, capacity);
        let slow_start = self.global_backoff.speed(now.monotonic);
        let store = &self.context.store;
        let stretches = self.accounts.iter_mut();
        let stretch = stretches
            .map(|account| account.set_rate(split, slow_start, store, now.monotonic))
            .fold(1.0, f64::max);
        // During a pause there is no interval to compare with the configured one.
        let slow_start = if slow_start > 0.0 { slow_start } else { 1.0 };
        let metrics = &self.context.metrics;
        metrics.set_poll_stretch(stretch / slow_start);
        metrics.set_paused(self.global_backoff.is_paused());
    }

    /// Publishes the heartbeat, when the next poll is due, and whether the exporter is ready.
    fn export_gauges(&self, now: TimeSnapshot) {
        let health = &self.context.health;
        health.heartbeat(now.monotonic);
        let is_complete = |account: &AccountPoller| {
            let discovery = account.discovery.as_ref();
            account.queue.unpolled() == 0 && discovery.is_none_or(ChannelDiscovery::is_complete)
        };
        if now.monotonic >= self.ready_at || self.accounts.iter().all(is_complete) {
            health.set_ready();
        }
        let next = self.accounts.iter().filter_map(AccountPoller::next_due);
        health.set_next_due(next.min());
    }
}

/// Returns the settings that all clients share.
pub(super) fn client_settings(config: &Config) -> ClientSettings {
    ClientSettings {
        base_url: config.api.base_url.clone(),
        timeout: config.api.timeout,
        zone: config.poll.time_zone,
    }
}

/// Returns the host's wall clock minus its monotonic clock, in milliseconds.
#[must_use]
pub fn wall_offset(clock: &ServerClock) -> i64 {
    let monotonic = clock.host().monotonic().as_millis();
    let monotonic = i64::try_from(monotonic).unwrap_or(i64::MAX);
    clock.host().wall().as_millis().saturating_sub(monotonic)
}
