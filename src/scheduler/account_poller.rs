//! One account: its channels' plans, and whether they may be carried out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::batch_status::{self, BatchStatus};
use super::circuit_breaker::{CircuitBreaker, OpenReason, Permission};
use super::discovery::ChannelDiscovery;
use super::poll_queue::{Demand, PollQueue};
use super::poll_target::{ChannelSource, PollInterval, PollPriority, PollTarget};
use super::rate_budget;
use super::request::{PollRequest, StatusBatch};
use super::tempo::Tempo;
use super::virtual_clock::{VirtualClock, VirtualInstant};
use crate::config::SecretSource;
use crate::state::IntervalScale;
use crate::state::{ChannelKey, ChannelStore};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{Client, Range};

/// An account with its channels.
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub(super) struct AccountPoller {
    /// A number of its own, never used again.
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) client: Arc<Client>,
    pub(super) secret: SecretSource,
    /// Held while the secret is read anew.
    pub(super) reading_secret: Arc<Mutex<()>>,
    /// Counts the credentials it has had.
    pub(super) credentials: u64,
    pub(super) virtual_clock: VirtualClock,
    pub(super) breaker: CircuitBreaker,
    pub(super) tempo: Tempo,
    pub(super) batch_status: BatchStatus,
    /// Whether the present fallback for single channels was logged.
    pub(super) exclusion_logged: bool,
    pub(super) queue: PollQueue,
    /// The listing of its channels, where that is configured.
    pub(super) discovery: Option<ChannelDiscovery>,
    /// The channels that Polyv listed, by their ids.
    pub(super) discovered: HashMap<Arc<str>, ChannelKey>,
    pub(super) in_flight: usize,
    /// Whether a probe is under way.
    pub(super) probe_in_flight: bool,
    /// Whether the present outage of the gate was logged.
    pub(super) outage_logged: bool,
    /// Whether its status was asked again because Polyv found our clock wrong.
    pub(super) clock_retried: bool,
    /// Whether the next probe asks for status, where there is a choice.
    probes_status: bool,
    /// How far intervals are stretched, as far as the store knows.
    stretch_reported: IntervalScale,
    /// How long its calls take, those that are answered.
    latency: f64,
}

/// How much a new latency counts.
const LATENCY_WEIGHT: f64 = 0.1;

// === impl Account ===

impl AccountPoller {
    pub(super) fn new(
        id: u64,
        name: Arc<str>,
        client: Arc<Client>,
        secret: SecretSource,
        idle_interval: Duration,
        now: MonotonicInstant,
    ) -> Self {
        Self {
            id,
            name,
            client,
            secret,
            reading_secret: Arc::default(),
            credentials: 0,
            virtual_clock: VirtualClock::new(now),
            breaker: CircuitBreaker::new(),
            tempo: Tempo::default(),
            batch_status: BatchStatus::new(false),
            exclusion_logged: false,
            queue: PollQueue::new(idle_interval),
            discovery: None,
            discovered: HashMap::new(),
            in_flight: 0,
            probe_in_flight: false,
            outage_logged: false,
            clock_retried: false,
            probes_status: true,
            stretch_reported: IntervalScale::NONE,
            latency: rate_budget::EXPECTED_LATENCY.as_secs_f64(),
        }
    }

    /// Adds a channel, to be asked first within one `interval`.
    pub(super) fn add(
        &mut self,
        key: ChannelKey,
        target: PollTarget,
        interval: Duration,
        now: MonotonicInstant,
    ) {
        let planned = self.virtual_clock.now(now);
        let stream = if target.always_poll_stream || !self.batch_status.is_enabled() {
            Some(PollInterval::Fixed(interval))
        } else if self.batch_status.is_available() {
            None
        } else if target.source == ChannelSource::Configured {
            // Few are added at a time, and somebody waits for them.
            Some(PollInterval::Fixed(interval))
        } else {
            Some(PollInterval::Idle)
        };
        self.queue.add(key, target, stream, interval, planned);
    }

    /// Removes a channel.
    pub(super) fn remove(&mut self, key: ChannelKey) {
        if let Some(target) = self.queue.get(key) {
            self.discovered.remove(&target.id);
        }
        self.batch_status.drop_channel(key);
        self.queue.remove(key);
    }

    /// A channel that was configured counts as one that was found.
    pub(super) fn found(&mut self, key: ChannelKey, generation: u64) {
        if let Some(target) = self.queue.get_mut(key) {
            target.source = ChannelSource::Discovered { generation };
            target.always_poll_stream = false;
            self.discovered.insert(Arc::clone(&target.id), key);
        }
    }

    /// Whether it has something to ask at all.
    pub(super) fn has_work(&self) -> bool {
        self.queue.len() > 0 || self.discovery.is_some()
    }

    /// Whether a call about these channels is about all that it has.
    pub(super) fn is_all(&self, channels: &[ChannelKey]) -> bool {
        let there = channels
            .iter()
            .filter(|key| self.queue.get(**key).is_some());
        there.count() == self.queue.len() && self.queue.len() > 0
    }

    /// Calls a second that its channels need, whether they can be made at present or not. Only
    /// those come last that would be asked in bulk if Polyv answered that.
    pub(super) fn demand(&self) -> Demand {
        let Demand {
            guaranteed,
            best_effort,
        } = self.queue.demand();
        if self.batch_status.is_enabled() {
            Demand {
                guaranteed,
                best_effort,
            }
        } else {
            let guaranteed = guaranteed + best_effort;
            Demand {
                guaranteed,
                best_effort: 0.0,
            }
        }
    }

    /// Calls a second that it makes at present: none while its gate is closed.
    pub(super) fn calls_per_second(&self) -> f64 {
        if self.breaker.outage().is_some() {
            return 0.0;
        }
        let Demand {
            guaranteed,
            best_effort,
        } = self.queue.demand();
        guaranteed + best_effort / self.queue.idle_stretch()
    }

    /// How long its calls take.
    pub(super) fn latency(&self) -> f64 {
        self.latency
    }

    /// Learns how long an answer took.
    pub(super) fn answered_after(&mut self, took: Duration) {
        self.latency += LATENCY_WEIGHT * (took.as_secs_f64() - self.latency);
    }

    /// Lets those who come last come so much more rarely.
    pub(super) fn set_idle_stretch(&mut self, stretch: f64, now: MonotonicInstant) {
        let stretch = if self.batch_status.is_enabled() {
            stretch
        } else {
            1.0
        };
        let planned = self.virtual_clock.now(now);
        self.queue.set_idle_stretch(stretch, planned);
    }

    /// How much longer than all others the longest of its intervals is.
    pub(super) fn idle_stretch(&self) -> f64 {
        self.queue.idle_stretch()
    }

    /// Tells the store how patient to be with this account's channels, now that plans run at
    /// `rate`. Small changes are none.
    pub(super) fn set_rate(&mut self, rate: f64, store: &ChannelStore) {
        let all = 1.0 / rate;
        let present = IntervalScale {
            all,
            idle: all * self.idle_stretch(),
        };
        let told = self.stretch_reported;
        let differs = |present: f64, told: f64| {
            let back_to_normal = present <= 1.0 && told > 1.0;
            back_to_normal || (told / present - 1.0).abs() > 0.1
        };
        if differs(present.all, told.all) || differs(present.idle, told.idle) {
            self.stretch_reported = present;
            store.set_interval_scale(&self.name, present);
        }
    }

    /// By how much all intervals are stretched, as far as the store knows.
    pub(super) fn stretch(&self) -> f64 {
        self.stretch_reported.all
    }

    /// Whether plans may run at all: not while the gate is closed, nor while the one call is
    /// under way that goes alone.
    pub(super) fn is_running(&self) -> bool {
        match self.breaker.permission() {
            Permission::Unlimited => true,
            Permission::Serial => self.in_flight == 0,
            Permission::HalfOpenProbe(_) => false,
        }
    }

    /// When the next call about channels is planned.
    fn planned(&self) -> Option<VirtualInstant> {
        let dues = [
            self.queue.stream_due(),
            self.queue.status_due(),
            self.batch_status.due(),
        ];
        dues.into_iter().flatten().min()
    }

    /// When the next page is due: by the clock, since listings are few, and what stretches the
    /// plans for channels must not keep them from being found.
    fn page_due(&self) -> Option<MonotonicInstant> {
        self.discovery.as_ref().and_then(ChannelDiscovery::due)
    }

    /// When the next call is due, or was, as plans run at present.
    pub(super) fn next_due(&self) -> Option<MonotonicInstant> {
        let page = self.page_due().filter(|_| self.virtual_clock.speed() > 0.0);
        let planned = self
            .planned()
            .and_then(|due| self.virtual_clock.real_time(due));
        planned.into_iter().chain(page).min()
    }

    /// Whether a call is due.
    pub(super) fn is_due(&self, now: MonotonicInstant) -> bool {
        let planned = self.virtual_clock.now(now);
        self.is_running()
            && (self.planned().is_some_and(|due| due <= planned)
                || self.page_due().is_some_and(|due| due <= now))
    }

    /// Whether there is something that could be asked.
    pub(super) fn has_waiting(&self) -> bool {
        self.planned().is_some() || self.page_due().is_some()
    }

    /// Takes what is due first, due or not, to be asked.
    pub(super) fn pop_due(&mut self, now: MonotonicInstant) -> Option<PollRequest> {
        // What concerns many comes before what concerns one.
        if self.page_due().is_some_and(|due| due <= now) {
            return self.discovery.as_mut().map(ChannelDiscovery::pop_page);
        }
        let due = self.planned()?;
        let now = self.virtual_clock.now(now);
        if self.batch_status.due() == Some(due) {
            return self
                .batch_status
                .pop_isolated()
                .map(PollRequest::LiveStatus);
        }
        if self.queue.status_due() == Some(due) {
            return self
                .queue
                .pop_status_batch(now)
                .map(PollRequest::LiveStatus);
        }
        self.queue.pop_stream().map(stream)
    }

    /// Takes something to be probed. Where calls fail, streams and statuses are in turn: either
    /// call may fail by a fault of its own. Whether Polyv accepts the signature, or throttles us,
    /// any call tells.
    pub(super) fn pop_probe(&mut self, now: MonotonicInstant) -> Option<PollRequest> {
        let now = self.virtual_clock.now(now);
        let fails = self
            .breaker
            .outage()
            .is_some_and(|outage| outage.reason == OpenReason::Fault);
        self.probes_status = fails && !self.probes_status;
        let statuses = |account: &mut Self| {
            let batch = account.batch_status.pop_isolated();
            batch.or_else(|| account.queue.pop_status_batch(now))
        };
        if self.probes_status
            && let Some(batch) = statuses(self)
        {
            return Some(PollRequest::LiveStatus(batch));
        }
        if let Some(key) = self.queue.pop_probe() {
            return Some(stream(key));
        }
        if let Some(batch) = statuses(self) {
            return Some(PollRequest::LiveStatus(batch));
        }
        let discovery = self.discovery.as_mut()?;
        discovery.due().is_some().then(|| discovery.pop_page())
    }

    /// Puts channels back that were taken to be asked for their status, to be asked at `due`.
    pub(super) fn put_back(&mut self, batch: &StatusBatch, due: VirtualInstant) {
        if !self.batch_status.is_available() {
            return;
        }
        for key in batch.channels.iter().copied() {
            // One may have left meanwhile, and one that is only tried waits for its stream.
            let target = self.queue.get(key);
            if target.is_some_and(|target| target.status.is_some()) {
                self.queue.enqueue_status(key, due);
            }
        }
    }

    /// Asks each channel for its stream: those first of which something new may be heard.
    fn disable_batching(&mut self, now: TimeSnapshot) {
        let planned = self.virtual_clock.now(now.monotonic);
        let priority = |target: &PollTarget| PollPriority::new(&target.activity, now.monotonic);
        self.queue.disable_batching(priority, planned);
    }

    /// Polyv tells no status of any channel, or tells it again.
    pub(super) fn apply_batch_transition(
        &mut self,
        change: batch_status::BatchTransition,
        now: TimeSnapshot,
    ) {
        let planned = self.virtual_clock.now(now.monotonic);
        match change {
            batch_status::BatchTransition::BecameUnavailable => {
                self.exclusion_logged = false;
                self.disable_batching(now);
            }
            batch_status::BatchTransition::BecameAvailable => self.queue.enable_batching(planned),
            batch_status::BatchTransition::None
            | batch_status::BatchTransition::ChannelExcluded(_) => {}
        }
    }

    /// Tries whether Polyv tells channels' status again, if it is time.
    pub(super) fn try_batch_status(&mut self, now: MonotonicInstant) {
        if self.batch_status.canary_due(now) {
            let due = self.virtual_clock.now(now);
            let channels = self.queue.canary_batch();
            self.batch_status.start_canary(channels, due, now);
        }
    }

    /// Asks for status in bulk from now on, or not any more.
    pub(super) fn set_batch_status(&mut self, wanted: bool, now: TimeSnapshot) {
        if self.batch_status.is_enabled() == wanted {
            return;
        }
        self.batch_status = BatchStatus::new(wanted);
        if wanted {
            let planned = self.virtual_clock.now(now.monotonic);
            self.queue.enable_batching(planned);
        } else {
            self.disable_batching(now);
        }
    }

    /// How many channels are asked each by itself although that is not configured; `None`
    /// where it is.
    pub(super) fn fallen_back(&self) -> Option<usize> {
        if !self.batch_status.is_enabled() {
            return None;
        }
        Some(if self.batch_status.is_available() {
            self.queue.alone()
        } else {
            self.queue.len()
        })
    }

    /// All that was found out about asking Polyv is void: there is another one to ask, or
    /// with other credentials. All channels are back on schedule.
    pub(super) fn reset(&mut self, now: MonotonicInstant) {
        self.credentials += 1;
        self.breaker = CircuitBreaker::new();
        self.tempo = Tempo::default();
        self.outage_logged = false;
        self.exclusion_logged = false;
        let planned = self.virtual_clock.now(now);
        self.queue.reset(planned);
        while let Some(batch) = self.batch_status.pop_isolated() {
            self.batch_status.isolated_done();
            self.put_back(&batch, planned);
        }
        self.batch_status = BatchStatus::new(self.batch_status.is_enabled());
        if self.batch_status.is_available() {
            self.queue.enable_batching(planned);
        }
        if let Some(discovery) = &mut self.discovery {
            discovery.reset(now);
        }
    }

    /// A fault that all channels shared is over: those that were put off by it are not any
    /// more.
    pub(super) fn reset_all_backoff(&mut self, now: MonotonicInstant) {
        let planned = self.virtual_clock.now(now);
        self.queue.reset_all_backoff(planned);
    }
}

/// A question for a channel's stream; which samples is decided when it is sent.
fn stream(channel: ChannelKey) -> PollRequest {
    PollRequest::StreamInfo {
        channel,
        asked: Range::default(),
    }
}
