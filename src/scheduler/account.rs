//! One account: its channels' plans, and whether they may be carried out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::budget;
use super::bulk::{self, Bulk};
use super::errand::{Batch, Errand};
use super::gate::{Admission, Gate, Reason};
use super::listing::Listing;
use super::roster::{Demand, Roster};
use super::tempo::Tempo;
use super::timeline::{Planned, Timeline};
use super::watched::{Every, Interest, Origin, Watched};
use crate::config::SecretSource;
use crate::metrics::{ChannelKey, ChannelStore};
use crate::state::Stretch;
use polyv_client::clock::{Moment, Now};
use polyv_client::{Client, Range};

/// An account with its channels.
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub(super) struct Account {
    /// A number of its own, never used again.
    pub(super) serial: u64,
    pub(super) name: Arc<str>,
    pub(super) client: Arc<Client>,
    pub(super) secret: SecretSource,
    /// Held while the secret is read anew.
    pub(super) reading_secret: Arc<Mutex<()>>,
    /// Counts the credentials it has had.
    pub(super) credentials: u64,
    pub(super) timeline: Timeline,
    pub(super) gate: Gate,
    pub(super) tempo: Tempo,
    pub(super) bulk: Bulk,
    /// Whether the present fallback for single channels was logged.
    pub(super) alone_told: bool,
    pub(super) roster: Roster,
    /// The listing of its channels, where that is configured.
    pub(super) listing: Option<Listing>,
    /// The channels that Polyv listed, by their ids.
    pub(super) listed: HashMap<Arc<str>, ChannelKey>,
    pub(super) in_flight: usize,
    /// Whether a probe is under way.
    pub(super) probing: bool,
    /// Whether the present closure of the gate was logged.
    pub(super) closure_told: bool,
    /// Whether its status was asked again because Polyv found our clock wrong.
    pub(super) clock_retried: bool,
    /// Whether the next probe asks for status, where there is a choice.
    probes_status: bool,
    /// How far intervals are stretched, as far as the store knows.
    told: Stretch,
    /// How long its calls take, those that are answered.
    latency: f64,
}

/// How much a new latency counts.
const LATENCY_WEIGHT: f64 = 0.1;

// === impl Account ===

impl Account {
    pub(super) fn new(
        serial: u64,
        name: Arc<str>,
        client: Arc<Client>,
        secret: SecretSource,
        idle_interval: Duration,
        now: Moment,
    ) -> Self {
        Self {
            serial,
            name,
            client,
            secret,
            reading_secret: Arc::default(),
            credentials: 0,
            timeline: Timeline::new(now),
            gate: Gate::new(),
            tempo: Tempo::default(),
            bulk: Bulk::new(false),
            alone_told: false,
            roster: Roster::new(idle_interval),
            listing: None,
            listed: HashMap::new(),
            in_flight: 0,
            probing: false,
            closure_told: false,
            clock_retried: false,
            probes_status: true,
            told: Stretch::NONE,
            latency: budget::EXPECTED_LATENCY.as_secs_f64(),
        }
    }

    /// Adds a channel, to be asked first within one `interval`.
    pub(super) fn add(
        &mut self,
        key: ChannelKey,
        watched: Watched,
        interval: Duration,
        now: Moment,
    ) {
        let planned = self.timeline.now(now);
        let stream = if watched.steadfast || !self.bulk.is_wanted() {
            Some(Every::Fixed(interval))
        } else if self.bulk.is_open() {
            None
        } else if watched.origin == Origin::Configured {
            // Few are added at a time, and somebody waits for them.
            Some(Every::Fixed(interval))
        } else {
            Some(Every::Idle)
        };
        self.roster.add(key, watched, stream, interval, planned);
    }

    /// Removes a channel.
    pub(super) fn remove(&mut self, key: ChannelKey) {
        if let Some(watched) = self.roster.get(key) {
            self.listed.remove(&watched.id);
        }
        self.bulk.forget(key);
        self.roster.remove(key);
    }

    /// A channel that was configured counts as one that was found.
    pub(super) fn found(&mut self, key: ChannelKey, round: u64) {
        if let Some(watched) = self.roster.get_mut(key) {
            watched.origin = Origin::Listed { round };
            watched.steadfast = false;
            self.listed.insert(Arc::clone(&watched.id), key);
        }
    }

    /// Whether it has something to ask at all.
    pub(super) fn has_errands(&self) -> bool {
        self.roster.len() > 0 || self.listing.is_some()
    }

    /// Whether a call about these channels is about all that it has.
    pub(super) fn is_all(&self, channels: &[ChannelKey]) -> bool {
        let there = channels
            .iter()
            .filter(|key| self.roster.get(**key).is_some());
        there.count() == self.roster.len() && self.roster.len() > 0
    }

    /// Calls a second that its channels need, whether they can be made at present or not. Only
    /// those come last that would be asked in bulk if Polyv answered that.
    pub(super) fn demand(&self) -> Demand {
        let Demand { first, idle } = self.roster.demand();
        if self.bulk.is_wanted() {
            Demand { first, idle }
        } else {
            let first = first + idle;
            Demand { first, idle: 0.0 }
        }
    }

    /// Calls a second that it makes at present: none while its gate is closed.
    pub(super) fn calls_a_second(&self) -> f64 {
        if self.gate.closure().is_some() {
            return 0.0;
        }
        let Demand { first, idle } = self.roster.demand();
        first + idle / self.roster.idle_stretch()
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
    pub(super) fn set_idle_stretch(&mut self, stretch: f64, now: Moment) {
        let stretch = if self.bulk.is_wanted() { stretch } else { 1.0 };
        let planned = self.timeline.now(now);
        self.roster.set_idle_stretch(stretch, planned);
    }

    /// How much longer than all others the longest of its intervals is.
    pub(super) fn idle_stretch(&self) -> f64 {
        self.roster.idle_stretch()
    }

    /// Tells the store how patient to be with this account's channels, now that plans run at
    /// `pace`. Small changes are none.
    pub(super) fn set_pace(&mut self, pace: f64, store: &ChannelStore) {
        let all = 1.0 / pace;
        let present = Stretch {
            all,
            idle: all * self.idle_stretch(),
        };
        let told = self.told;
        let differs = |present: f64, told: f64| {
            let back_to_normal = present <= 1.0 && told > 1.0;
            back_to_normal || (told / present - 1.0).abs() > 0.1
        };
        if differs(present.all, told.all) || differs(present.idle, told.idle) {
            self.told = present;
            store.set_interval_scale(&self.name, present);
        }
    }

    /// By how much all intervals are stretched, as far as the store knows.
    pub(super) fn stretch(&self) -> f64 {
        self.told.all
    }

    /// Whether plans may run at all: not while the gate is closed, nor while the one call is
    /// under way that goes alone.
    pub(super) fn runs(&self) -> bool {
        match self.gate.admits() {
            Admission::All => true,
            Admission::OneByOne => self.in_flight == 0,
            Admission::Probe(_) => false,
        }
    }

    /// When the next call about channels is planned.
    fn planned(&self) -> Option<Planned> {
        let dues = [
            self.roster.stream_due(),
            self.roster.status_due(),
            self.bulk.due(),
        ];
        dues.into_iter().flatten().min()
    }

    /// When the next page is due: by the clock, since listings are few, and what stretches the
    /// plans for channels must not keep them from being found.
    fn page_due(&self) -> Option<Moment> {
        self.listing.as_ref().and_then(Listing::due)
    }

    /// When the next call is due, or was, as plans run at present.
    pub(super) fn next_due(&self) -> Option<Moment> {
        let page = self.page_due().filter(|_| self.timeline.speed() > 0.0);
        let planned = self.planned().and_then(|due| self.timeline.when(due));
        planned.into_iter().chain(page).min()
    }

    /// Whether a call is due.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        let planned = self.timeline.now(now);
        self.runs()
            && (self.planned().is_some_and(|due| due <= planned)
                || self.page_due().is_some_and(|due| due <= now))
    }

    /// Whether there is something that could be asked.
    pub(super) fn has_waiting(&self) -> bool {
        self.planned().is_some() || self.page_due().is_some()
    }

    /// Takes what is due first, due or not, to be asked.
    pub(super) fn take_first(&mut self, now: Moment) -> Option<Errand> {
        // What concerns many comes before what concerns one.
        if self.page_due().is_some_and(|due| due <= now) {
            return self.listing.as_mut().map(Listing::take);
        }
        let due = self.planned()?;
        let now = self.timeline.now(now);
        if self.bulk.due() == Some(due) {
            return self.bulk.take().map(Errand::Statuses);
        }
        if self.roster.status_due() == Some(due) {
            return self.roster.take_statuses(now).map(Errand::Statuses);
        }
        self.roster.take_stream().map(stream)
    }

    /// Takes something to be probed. Where calls fail, streams and statuses are in turn: either
    /// call may fail by a fault of its own. Whether Polyv accepts the signature, or throttles us,
    /// any call tells.
    pub(super) fn take_probe(&mut self, now: Moment) -> Option<Errand> {
        let now = self.timeline.now(now);
        let fails = self
            .gate
            .closure()
            .is_some_and(|closure| closure.reason == Reason::Fault);
        self.probes_status = fails && !self.probes_status;
        let statuses = |account: &mut Self| {
            let batch = account.bulk.take();
            batch.or_else(|| account.roster.take_statuses(now))
        };
        if self.probes_status
            && let Some(batch) = statuses(self)
        {
            return Some(Errand::Statuses(batch));
        }
        if let Some(key) = self.roster.take_probe() {
            return Some(stream(key));
        }
        if let Some(batch) = statuses(self) {
            return Some(Errand::Statuses(batch));
        }
        let listing = self.listing.as_mut()?;
        listing.due().is_some().then(|| listing.take())
    }

    /// Puts channels back that were taken to be asked for their status, to be asked at `due`.
    pub(super) fn put_back(&mut self, batch: &Batch, due: Planned) {
        if !self.bulk.is_open() {
            return;
        }
        for key in batch.channels.iter().copied() {
            // One may have left meanwhile, and one that is only tried waits for its stream.
            let watched = self.roster.get(key);
            if watched.is_some_and(|watched| watched.status.is_some()) {
                self.roster.ask_status(key, due);
            }
        }
    }

    /// Asks each channel for its stream: those first of which something new may be heard.
    fn leave_bulk(&mut self, store: &ChannelStore, now: Now) {
        let planned = self.timeline.now(now.moment);
        let interest = |key| {
            let interest = store.read(key, |channel, _| Interest::of(channel, now));
            interest.unwrap_or(Interest::None)
        };
        self.roster.leave_bulk(interest, planned);
    }

    /// Polyv tells no status of any channel, or tells it again.
    pub(super) fn bulk_changed(&mut self, change: bulk::Change, store: &ChannelStore, now: Now) {
        let planned = self.timeline.now(now.moment);
        match change {
            bulk::Change::Closed => {
                self.alone_told = false;
                self.leave_bulk(store, now);
            }
            bulk::Change::Opened => self.roster.enter_bulk(planned),
            bulk::Change::None | bulk::Change::Alone(_) => {}
        }
    }

    /// Tries whether Polyv tells channels' status again, if it is time.
    pub(super) fn try_bulk(&mut self, now: Moment) {
        if self.bulk.wants_trial(now) {
            let due = self.timeline.now(now);
            let channels = self.roster.some_to_try();
            self.bulk.begin_trial(channels, due, now);
        }
    }

    /// Asks for status in bulk from now on, or not any more.
    pub(super) fn set_bulk(&mut self, wanted: bool, store: &ChannelStore, now: Now) {
        if self.bulk.is_wanted() == wanted {
            return;
        }
        self.bulk = Bulk::new(wanted);
        if wanted {
            let planned = self.timeline.now(now.moment);
            self.roster.enter_bulk(planned);
        } else {
            self.leave_bulk(store, now);
        }
    }

    /// How many channels are asked each by itself although that is not configured; `None`
    /// where it is.
    pub(super) fn fallen_back(&self) -> Option<usize> {
        if !self.bulk.is_wanted() {
            return None;
        }
        Some(if self.bulk.is_open() {
            self.roster.alone()
        } else {
            self.roster.len()
        })
    }

    /// All that was found out about asking Polyv is void: there is another one to ask, or
    /// with other credentials. All channels are back on schedule.
    pub(super) fn begin_anew(&mut self, now: Moment) {
        self.credentials += 1;
        self.gate = Gate::new();
        self.tempo = Tempo::default();
        self.closure_told = false;
        self.alone_told = false;
        let planned = self.timeline.now(now);
        self.roster.begin_anew(planned);
        while let Some(batch) = self.bulk.take() {
            self.bulk.returned();
            self.put_back(&batch, planned);
        }
        self.bulk = Bulk::new(self.bulk.is_wanted());
        if self.bulk.is_open() {
            self.roster.enter_bulk(planned);
        }
        if let Some(listing) = &mut self.listing {
            listing.begin_anew(now);
        }
    }

    /// A fault that all channels shared is over: those that were put off by it are not any
    /// more.
    pub(super) fn forgive_all(&mut self, now: Moment) {
        let planned = self.timeline.now(now);
        self.roster.forgive_all(planned);
    }
}

/// A question for a channel's stream; which samples is decided when it is sent.
fn stream(channel: ChannelKey) -> Errand {
    Errand::Stream {
        channel,
        asked: Range::default(),
    }
}
