//! The poller: one task that owns all schedules.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::account_poller::AccountPoller;
use super::discovery::ChannelDiscovery;
use super::global_backoff::GlobalBackoff;
use super::health::PollerHealth;
use super::in_flight::{Completion, InFlightRequest};
use super::{log_events, rate_budget};
use crate::config::{self, Config};
use crate::state::{ChannelStore, UpdateSubscriber};
use crate::telemetry::Metrics;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{BadResponse, ClientSettings, Error, Limiter, ServerClock, Transport};

/// What the poller works with.
#[derive(Clone)]
pub struct PollerContext {
    /// Polyv's clock.
    pub clock: Arc<ServerClock>,
    /// The one limiter of the process.
    pub limiter: Arc<Limiter>,
    /// The channels.
    pub store: Arc<ChannelStore>,
    /// Those that receive every update of a channel.
    pub subscribers: Vec<Arc<dyn UpdateSubscriber>>,
    /// The exporter's own metrics.
    pub metrics: Metrics,
    /// What others see of the poller.
    pub health: Arc<PollerHealth>,
}

/// A configuration to work by, with what it needs of the outside world.
pub struct ConfigUpdate {
    /// What to ask.
    pub config: Config,
    /// How to reach Polyv.
    pub transport: Arc<dyn Transport>,
}

/// Where new update are sent; the answer comes when they are in force.
pub type ConfigUpdates = mpsc::Receiver<(ConfigUpdate, oneshot::Sender<()>)>;

/// Polls channels.
pub struct Poller {
    pub(super) context: PollerContext,
    pub(super) settings: ClientSettings,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) max_in_flight: usize,
    /// How channels are asked.
    pub(super) poll: config::Poll,
    /// Which channels are this exporter's, of those that are found.
    pub(super) shard: config::Shard,
    /// The ids of all channels that the configuration names, where others are to be found.
    pub(super) configured: HashSet<Arc<str>>,
    pub(super) accounts: Vec<AccountPoller>,
    pub(super) global_backoff: GlobalBackoff,
    /// How much longer the interval is of channels that are not live and yet asked each by itself.
    pub(super) idle_stretch: f64,
    /// Whether the probe that may end a pause is under way.
    pub(super) global_probe_in_flight: bool,
    pub(super) tasks: JoinSet<Completion>,
    pub(super) in_flight: HashMap<tokio::task::Id, InFlightRequest>,
    /// Numbers accounts.
    pub(super) next_account_id: u64,
    /// Numbers channels, for their phases.
    pub(super) next_channel: u32,
    /// How many channels were not asked yet.
    pub(super) unpolled: usize,
    /// Then it is ready even so.
    pub(super) ready_at: MonotonicInstant,
    /// Whether the host's clock is far from Polyv's, for the log.
    pub(super) clock_is_off: bool,
    pub(super) wall_offset: i64,
}

/// How often things are looked after that change by time alone.
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// The host's clock was set if it moved by more than this against the monotonic one.
const CLOCK_STEP_MS: u64 = 250;

// === impl Poller ===

impl Poller {
    /// A poller that works by `update`. The store has to be empty.
    #[must_use]
    pub fn new(context: PollerContext, update: ConfigUpdate) -> Self {
        let now = context.clock.now();
        let ConfigUpdate { config, transport } = update;
        let mut poller = Self {
            settings: client_settings(&config),
            transport: Arc::clone(&transport),
            max_in_flight: config.api.max_in_flight,
            poll: config.poll.clone(),
            shard: config.shard,
            configured: HashSet::new(),
            accounts: Vec::new(),
            global_backoff: GlobalBackoff::new(),
            idle_stretch: 1.0,
            global_probe_in_flight: false,
            tasks: JoinSet::new(),
            in_flight: HashMap::new(),
            next_account_id: 0,
            next_channel: 0,
            unpolled: 0,
            ready_at: now.monotonic + config.poll.idle_interval.max(config.poll.live_interval),
            clock_is_off: false,
            wall_offset: wall_offset(&context.clock),
            context,
        };
        poller.apply_config(ConfigUpdate { config, transport }, now);
        poller
    }

    /// Polls until `shutdown`; then nothing of it is left running.
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
                    // Whoever sent them may be gone.
                    _ = done.send(());
                }
                Some(landed) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => {
                    self.on_completion(landed);
                }
                () = sleep_until(wake) => {}
            }
        }
        self.tasks.shutdown().await;
    }

    fn on_completion(
        &mut self,
        landed: Result<(tokio::task::Id, Completion), tokio::task::JoinError>,
    ) {
        let (id, completion) = match landed {
            Ok((id, completion)) => (id, completion),
            Err(failure) => {
                // A mistake of ours; the channel must not be lost by it.
                error!(%failure, "a poll ended in a way that it should not");
                let garbled = BadResponse::Garbled("a fault of the exporter's own".to_owned());
                let completion = Completion {
                    took: Duration::ZERO,
                    result: Err(Error::BadResponse(garbled)),
                };
                (failure.id(), completion)
            }
        };
        if let Some(in_flight) = self.in_flight.remove(&id) {
            let now = self.context.clock.now();
            self.handle_completion(&in_flight, completion, now);
        }
    }

    /// Looks after what changes by time alone.
    fn tick(&mut self, now: TimeSnapshot) {
        self.global_backoff.finish_slow_start(now.monotonic);
        if !self.accounts.iter().any(AccountPoller::has_work) && !self.global_probe_in_flight {
            log_events::global_backoff(self.global_backoff.clear(now.monotonic), now.monotonic);
        }
        for account in &mut self.accounts {
            let change = account.tempo.settle(now.monotonic);
            log_events::throttled(&account.name, change, now.monotonic);
            account.try_batch_status(now.monotonic);
            let fallen_back = account.fallen_back();
            self.context
                .metrics
                .set_status_fallback(&account.name, fallen_back);
        }
        let wall_offset = wall_offset(&self.context.clock);
        if wall_offset.abs_diff(self.wall_offset) > CLOCK_STEP_MS {
            log_events::clock_stepped(wall_offset - self.wall_offset);
            self.wall_offset = wall_offset;
            self.context.store.set_wall_offset(wall_offset, now);
        }
        let skew = self.context.clock.skew_seconds(self.poll.stale_after);
        log_events::clock_skew(skew, &mut self.clock_is_off);
        self.expire(now);
    }

    /// Lets every account's plans run as fast as they may.
    fn update_rates(&mut self, now: TimeSnapshot) {
        let (mut first, mut idle, mut calls, mut weighted) = (0.0, 0.0, 0.0, 0.0);
        for account in &self.accounts {
            let demand = account.demand();
            first += demand.guaranteed;
            idle += demand.best_effort;
            calls += account.calls_per_second();
            weighted += account.calls_per_second() * account.latency();
        }
        let latency = if calls > 0.0 { weighted / calls } else { 0.0 };
        let latency = Duration::from_secs_f64(latency.max(0.0));
        let capacity = rate_budget::capacity(self.context.limiter.sustained_rate(latency));
        self.idle_stretch = rate_budget::idle_stretch(first, idle, capacity, self.idle_stretch);
        for account in &mut self.accounts {
            account.set_idle_stretch(self.idle_stretch, now.monotonic);
        }
        let calls = self
            .accounts
            .iter()
            .map(AccountPoller::calls_per_second)
            .sum();
        let budget = rate_budget::speed(calls, capacity);
        let ramp = self.global_backoff.speed(now.monotonic);
        let mut stretch: f64 = 1.0;
        for account in &mut self.accounts {
            let rate = budget * account.tempo.speed(now.monotonic);
            account.set_rate(rate, &self.context.store);
            let speed = ramp * rate;
            // An account that is closed, or all of them paused, has no interval at present to
            // be compared with the configured one.
            let compared = if ramp > 0.0 { speed } else { rate };
            stretch = stretch.max(account.idle_stretch() / compared);
            let speed = if account.is_running() { speed } else { 0.0 };
            account.virtual_clock.set_speed(speed, now.monotonic);
        }
        self.context.metrics.set_poll_stretch(stretch);
        self.context
            .metrics
            .set_paused(self.global_backoff.paused().is_some());
    }

    /// Tells others that it looked, when the next poll is due, and whether it is ready.
    fn export_gauges(&self, now: TimeSnapshot) {
        self.context.health.heartbeat(now.monotonic);
        let listed = |account: &AccountPoller| {
            let discovery = account.discovery.as_ref();
            discovery.is_none_or(ChannelDiscovery::is_complete)
        };
        if self.unpolled == 0 && self.accounts.iter().all(listed) || now.monotonic >= self.ready_at
        {
            self.context.health.set_ready();
        }
        let next = self
            .accounts
            .iter()
            .filter_map(AccountPoller::next_due)
            .min();
        self.context.health.set_next_due(next);
    }
}

/// What all clients have in common.
pub(super) fn client_settings(config: &Config) -> ClientSettings {
    ClientSettings {
        base_url: config.api.base_url.clone(),
        timeout: config.api.timeout,
        zone: config.poll.time_zone,
    }
}

/// The host's wall clock minus the monotonic one, in milliseconds.
#[must_use]
pub fn wall_offset(clock: &ServerClock) -> i64 {
    let moment = i64::try_from(clock.host().monotonic().as_millis()).unwrap_or(i64::MAX);
    clock.host().wall().as_millis().saturating_sub(moment)
}
