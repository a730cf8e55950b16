//! Which channel is asked when.
//!
//! One task owns all plans: it sends what is due, within the limiter, applies answers to
//! channels in the [store](crate::metrics::ChannelStore), and plans anew. Polls themselves run
//! beside it, one task each, and are gone when it ends.
//!
//! A channel that is live is asked for its stream, by itself. Those that are not are asked for
//! their status, [in bulk](bulk), as long as Polyv tells it; and accounts that want it have their
//! channels [listed](listing). All three are [errands](errand) that an account plans.
//!
//! What may hold a call back, from the inside out: its channel's [plan](plan) (phase and
//! back-off), its account's [gate](gate) (a shared fault, a refused signature) and
//! [tempo](tempo) (too many failures), the [brake](brake) for all calls (throttled or
//! blocked), and the limiter. All but the limiter act on the [timeline](timeline) that plans
//! stand on, so that nothing has to be planned anew when they let go.

mod account;
mod brake;
mod budget;
mod bulk;
mod dispatch;
mod errand;
mod flight;
mod gate;
mod landing;
mod listing;
mod plan;
mod reload;
mod report;
mod roster;
mod status;
mod tempo;
mod timeline;
mod watched;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::error;

pub use budget::{limit_of, over_demand};
pub use reload::rules_of;
pub use status::Status;

use account::Account;
use brake::Brake;
use flight::{Flight, Landing};

use crate::config::{self, Config};
use crate::metrics::ChannelStore;
use crate::telemetry::Metrics;
use polyv_client::clock::{Moment, Now};
use polyv_client::{BadResponse, Error, Limiter, PolyvClock, Settings, Transport};

/// What the poller works with.
#[derive(Clone)]
pub struct Parts {
    /// Polyv's clock.
    pub clock: Arc<PolyvClock>,
    /// The one limiter of the process.
    pub limiter: Arc<Limiter>,
    /// The channels.
    pub store: Arc<ChannelStore>,
    /// The exporter's own metrics.
    pub metrics: Metrics,
    /// What others see of the poller.
    pub status: Arc<Status>,
}

/// A configuration to work by, with what it needs of the outside world.
pub struct Orders {
    /// What to ask.
    pub config: Config,
    /// How to reach Polyv.
    pub transport: Arc<dyn Transport>,
}

/// Where new orders are sent; the answer comes when they are in force.
pub type Inbox = mpsc::Receiver<(Orders, oneshot::Sender<()>)>;

/// Polls channels.
pub struct Poller {
    parts: Parts,
    settings: Settings,
    transport: Arc<dyn Transport>,
    max_in_flight: usize,
    /// How channels are asked.
    poll: config::Poll,
    /// Which channels are this exporter's, of those that are found.
    shard: config::Shard,
    /// The ids of all channels that the configuration names, where others are to be found.
    configured: HashSet<Arc<str>>,
    accounts: Vec<Account>,
    brake: Brake,
    /// How much longer the interval is of channels that are not live and yet asked each by itself.
    idle_stretch: f64,
    /// Whether the probe that may end a pause is under way.
    pause_probing: bool,
    flights: JoinSet<Landing>,
    under_way: HashMap<tokio::task::Id, Flight>,
    /// Numbers accounts.
    next_serial: u64,
    /// Numbers channels, for their phases.
    next_channel: u32,
    /// How many channels were not asked yet.
    unasked: usize,
    /// Then it is ready even so.
    ready_at: Moment,
    /// Whether the host's clock is far from Polyv's, for the log.
    clock_is_off: bool,
    wall_offset: i64,
}

/// How often things are looked after that change by time alone.
const TICK: Duration = Duration::from_secs(1);
/// The host's clock was set if it moved by more than this against the monotonic one.
const CLOCK_SET: u64 = 250;

// === impl Poller ===

impl Poller {
    /// A poller that works by `orders`. The store has to be empty.
    #[must_use]
    pub fn new(parts: Parts, orders: Orders) -> Self {
        let now = parts.clock.now();
        let Orders { config, transport } = orders;
        let mut poller = Self {
            settings: settings_of(&config),
            transport: Arc::clone(&transport),
            max_in_flight: config.api.max_in_flight,
            poll: config.poll.clone(),
            shard: config.shard,
            configured: HashSet::new(),
            accounts: Vec::new(),
            brake: Brake::new(),
            idle_stretch: 1.0,
            pause_probing: false,
            flights: JoinSet::new(),
            under_way: HashMap::new(),
            next_serial: 0,
            next_channel: 0,
            unasked: 0,
            ready_at: now.moment + config.poll.idle_interval.max(config.poll.live_interval),
            clock_is_off: false,
            wall_offset: wall_offset(&parts.clock),
            parts,
        };
        poller.follow(Orders { config, transport }, now);
        poller
    }

    /// Polls until `shutdown`; then nothing of it is left running.
    pub async fn run(mut self, mut inbox: Inbox, shutdown: CancellationToken) {
        let mut tick = Instant::now();
        loop {
            let now = self.parts.clock.now();
            if Instant::now() >= tick {
                self.tick(now);
                tick = Instant::now() + TICK;
            }
            self.retime(now);
            let wake = self.dispatch(now);
            self.publish(now);
            let wake = wake.map_or(tick, |wake| tick.min(self.parts.clock.host().instant(wake)));
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some((orders, done)) = inbox.recv() => {
                    let now = self.parts.clock.now();
                    self.follow(orders, now);
                    // Whoever sent them may be gone.
                    _ = done.send(());
                }
                Some(landed) = self.flights.join_next_with_id(), if !self.flights.is_empty() => {
                    self.landed(landed);
                }
                () = sleep_until(wake) => {}
            }
        }
        self.flights.shutdown().await;
    }

    fn landed(&mut self, landed: Result<(tokio::task::Id, Landing), tokio::task::JoinError>) {
        let (id, landing) = match landed {
            Ok((id, landing)) => (id, landing),
            Err(failure) => {
                // A mistake of ours; the channel must not be lost by it.
                error!(%failure, "a poll ended in a way that it should not");
                let garbled = BadResponse::Garbled("a fault of the exporter's own".to_owned());
                let landing = Landing {
                    took: Duration::ZERO,
                    result: Err(Error::BadResponse(garbled)),
                };
                (failure.id(), landing)
            }
        };
        if let Some(flight) = self.under_way.remove(&id) {
            let now = self.parts.clock.now();
            self.land(&flight, landing, now);
        }
    }

    /// Looks after what changes by time alone.
    fn tick(&mut self, now: Now) {
        self.brake.settle(now.moment);
        if !self.accounts.iter().any(Account::has_errands) && !self.pause_probing {
            report::brake(self.brake.lift(now.moment), now.moment);
        }
        for account in &mut self.accounts {
            let change = account.tempo.settle(now.moment);
            report::tempo(&account.name, change, now.moment);
            account.try_bulk(now.moment);
            let fallen_back = account.fallen_back();
            self.parts
                .metrics
                .set_status_fallback(&account.name, fallen_back);
        }
        let wall_offset = wall_offset(&self.parts.clock);
        if wall_offset.abs_diff(self.wall_offset) > CLOCK_SET {
            report::clock_set(wall_offset - self.wall_offset);
            self.wall_offset = wall_offset;
            self.parts.store.set_wall_offset(wall_offset, now);
        }
        let skew = self
            .parts
            .clock
            .skew_seconds(self.parts.store.rules().stale_after);
        report::clock_skew(skew, &mut self.clock_is_off);
        self.report_turned(now);
    }

    /// Lets every account's plans run as fast as they may.
    fn retime(&mut self, now: Now) {
        let (mut first, mut idle, mut calls, mut weighted) = (0.0, 0.0, 0.0, 0.0);
        for account in &self.accounts {
            let demand = account.demand();
            first += demand.first;
            idle += demand.idle;
            calls += account.calls_a_second();
            weighted += account.calls_a_second() * account.latency();
        }
        let latency = if calls > 0.0 { weighted / calls } else { 0.0 };
        let latency = Duration::from_secs_f64(latency.max(0.0));
        let capacity = budget::capacity(self.parts.limiter.sustained_rate(latency));
        self.idle_stretch = budget::idle_stretch(first, idle, capacity, self.idle_stretch);
        for account in &mut self.accounts {
            account.set_idle_stretch(self.idle_stretch, now.moment);
        }
        let calls = self.accounts.iter().map(Account::calls_a_second).sum();
        let budget = budget::speed(calls, capacity);
        let ramp = self.brake.speed(now.moment);
        let mut stretch: f64 = 1.0;
        for account in &mut self.accounts {
            let pace = budget * account.tempo.speed(now.moment);
            account.set_pace(pace, &self.parts.store);
            let speed = ramp * pace;
            // An account that is closed, or all of them paused, has no interval at present to
            // be compared with the configured one.
            let compared = if ramp > 0.0 { speed } else { pace };
            stretch = stretch.max(account.idle_stretch() / compared);
            let speed = if account.runs() { speed } else { 0.0 };
            account.timeline.set_speed(speed, now.moment);
        }
        self.parts.metrics.set_poll_stretch(stretch);
        self.parts.metrics.set_paused(self.brake.paused().is_some());
    }

    /// Tells others that it looked, when the next poll is due, and whether it is ready.
    fn publish(&self, now: Now) {
        self.parts.status.set_looked(now.moment);
        let listed = |account: &Account| {
            let listing = account.listing.as_ref();
            listing.is_none_or(listing::Listing::is_complete)
        };
        if self.unasked == 0 && self.accounts.iter().all(listed) || now.moment >= self.ready_at {
            self.parts.status.set_ready();
        }
        let next = self.accounts.iter().filter_map(Account::next_due).min();
        self.parts.status.set_next_due(next);
    }
}

/// What all clients have in common.
fn settings_of(config: &Config) -> Settings {
    Settings {
        base_url: config.api.base_url.clone(),
        timeout: config.api.timeout,
        zone: config.poll.time_zone,
    }
}

/// The host's wall clock minus the monotonic one, in milliseconds.
#[must_use]
pub fn wall_offset(clock: &PolyvClock) -> i64 {
    let moment = i64::try_from(clock.host().moment().as_millis()).unwrap_or(i64::MAX);
    clock.host().wall().as_millis().saturating_sub(moment)
}
