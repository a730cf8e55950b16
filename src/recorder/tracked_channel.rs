//! What the writer remembers of a channel between two batches.

use std::time::Duration;

use chrono::DateTime;
use tracing::info;

use super::error::RecorderError;
use super::filling::{Filling, Received};
use super::log::{Lane, LogValue};
use super::message::{Fill, Observation, ObservedSample};
use super::missing_ranges::{OVERLAP_MILLIS, oldest_at_polyv};
use super::recording::{Period, PlannedBroadcast};
use super::sample_block::block_start;
use super::store::{ChannelRow, PeriodTable, Store, StreamRow, Written};
use crate::state::{ChannelMeta, LiveState};
use polyv_client::clock::Timestamp;
use polyv_client::{Outcome, StreamName};

/// A channel that is recorded.
pub(super) struct TrackedChannel {
    meta: ChannelMeta,
    /// `None` until the channel was live: others have nothing worth recording.
    row: Option<ChannelRow>,
    streams: Vec<TrackedStream>,
    state: Option<LiveState>,
    /// The planned broadcast that was recorded last.
    planned: Option<PlannedBroadcast>,
    /// The period in which its state has been known until now.
    observed: Option<Period>,
    /// The period whose samples were received until now.
    covered: Option<Period>,
    /// Whether the periods changed since they were written.
    has_changed: bool,
    pub(super) last_used: Timestamp,
    /// Whether the newest samples from before the start are requested again: they may have been
    /// corrected since.
    is_rechecked: bool,
    filling: Filling,
}

/// A stream of the channel.
struct TrackedStream {
    name: StreamName,
    row: StreamRow,
    /// The time of the newest sample since the start.
    newest: Option<Timestamp>,
}

/// The samples that were written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct WrittenCounts {
    pub(super) new: u64,
    pub(super) filled: u64,
}

/// Whether a channel is live is logged at every full minute.
const MINUTE_MILLIS: i64 = 60_000;
/// Full minutes that are logged at once, at most: more have passed only after a suspend.
const MAX_MINUTES: i64 = 15;
/// How far Polyv's clock, as it is known, may step back within one period.
const MAX_STEP_BACK: Duration = Duration::from_secs(60);

/// How far a live stream may be behind the channel's others.
const MAX_STREAM_LAG: Duration = Duration::from_secs(5 * 60);

// === impl TrackedChannel ===

impl TrackedChannel {
    pub(super) fn load(meta: ChannelMeta, store: &Store) -> Result<Self, RecorderError> {
        let row = store.find_channel(&meta)?;
        if row.is_some() {
            // Its name or its expectations may have changed since.
            store.write_channel(&meta)?;
        }
        let state = row.map_or(Ok(None), |row| store.last_state(row))?;
        Ok(Self {
            meta,
            row,
            streams: Vec::new(),
            state,
            planned: None,
            observed: None,
            covered: None,
            has_changed: false,
            last_used: Timestamp::from_millis(0),
            is_rechecked: false,
            filling: Filling::new(),
        })
    }

    /// Records what a response showed. Coverage begins after `lost_until`, where samples were
    /// received and could not be recorded.
    pub(super) fn record(
        &mut self,
        observation: &Observation,
        lost_until: Option<Timestamp>,
        store: &mut Store,
    ) -> Result<WrittenCounts, RecorderError> {
        self.last_used = observation.time;
        if self.meta != observation.meta {
            self.meta = observation.meta.clone();
            if self.row.is_some() {
                store.write_channel(&self.meta)?;
            }
        }
        let is_live = observation.state == Some(LiveState::Live);
        if self.row.is_none() && (is_live || !observation.samples.is_empty()) {
            self.begin(store)?;
        }
        let transitions = observation.transitions.as_slice();
        // What was unknown was so before the response.
        let last_unknown = transitions
            .iter()
            .rposition(|(_, state)| *state == LiveState::Unknown);
        let (before, by_response) = transitions
            .split_at_checked(last_unknown.map_or(0, |index| index + 1))
            .unwrap_or((transitions, &[]));
        for (time, state) in before {
            self.enter(*state, *time, store)?;
        }
        if let Some(state) = observation.state {
            self.observe(observation.time, state, store)?;
        }
        for (time, state) in by_response {
            self.enter(*state, *time, store)?;
        }
        if let Some(state) = observation.state {
            // Also the first state after a start, if it is another one than before.
            self.enter(state, observation.time, store)?;
        }
        match observation.state {
            Some(LiveState::Live) => {
                self.filling.begin(observation.time);
                if let Some(row) = self.row.filter(|_| !self.is_rechecked) {
                    self.is_rechecked = true;
                    let oldest = oldest_at_polyv(observation.time);
                    store.shorten_coverage(row, oldest, OVERLAP_MILLIS)?;
                }
            }
            Some(_) => self.filling.pause(),
            None => {}
        }
        let Some(row) = self.row else {
            return Ok(WrittenCounts::default());
        };
        self.plan(row, observation, store)?;
        let counts = self.write_samples(row, &observation.samples, store)?;
        if let Some(since) = observation.received_since
            && !observation.samples.is_empty()
            && let Some(newest) = self.received_until()
        {
            let since = lost_until.map_or(since, |lost| since.max(lost.plus_millis(1)));
            self.cover(row, since, newest.plus_millis(1), store)?;
        }
        Ok(counts)
    }

    /// Records that the channel's state is not known since `at`.
    pub(super) fn expire(&mut self, at: Timestamp, store: &mut Store) -> Result<(), RecorderError> {
        self.enter(LiveState::Unknown, at, store)
    }

    /// The newest range of missing samples, if it is time to request one of a live channel.
    /// `backfill` is how far back the history is wanted; what is older than `cutoff` is not kept.
    pub(super) fn missing_range(
        &mut self,
        backfill: Duration,
        cutoff: Timestamp,
        store: &Store,
    ) -> Result<Option<Period>, RecorderError> {
        let now = self.last_used;
        let (Some(row), Some(covered)) = (self.row, self.covered) else {
            return Ok(None);
        };
        if !self.filling.take_turn(now) {
            return Ok(None);
        }
        self.write_periods(store)?;
        let oldest = oldest_at_polyv(now).max(cutoff);
        let since = (!backfill.is_zero()).then(|| now - backfill);
        let max_range = self.filling.max_range;
        let gap = store.newest_gap(row, since, oldest, covered.end, max_range)?;
        if gap.is_none()
            && let Some(samples) = self.filling.finish()
        {
            let ChannelMeta { account, channel } = &self.meta;
            info!(%account, channel = %channel.id, samples, "recorded what was missing");
        }
        Ok(gap)
    }

    /// Missing samples could not be received: they are requested again later, fewer at a time.
    pub(super) fn not_filled(&mut self, outcome: Outcome) {
        if self.filling.failed(outcome, self.last_used) {
            let ChannelMeta { account, channel } = &self.meta;
            let outcome = outcome.as_str();
            info!(%account, channel = %channel.id, outcome, "samples that are missing were not received");
        }
    }

    /// Writes samples that were missing, and that all of the period are there, unless some could
    /// not be read and are worth another request.
    pub(super) fn fill(
        &mut self,
        fill: &Fill,
        store: &mut Store,
    ) -> Result<WrittenCounts, RecorderError> {
        let row = match self.row {
            Some(row) => row,
            None => self.begin(store)?,
        };
        let counts = self.write_samples(row, &fill.samples, store)?;
        let received = self
            .filling
            .received(counts.new, fill.is_complete, self.last_used);
        if received == Received::Whole {
            if !fill.is_complete {
                let ChannelMeta { account, channel } = &self.meta;
                let [since, until] = [fill.period.start, fill.period.end].map(|time| {
                    DateTime::from_timestamp_millis(time.as_millis()).unwrap_or_default()
                });
                info!(%account, channel = %channel.id, %since, %until, "some samples that were missing cannot be read");
            }
            store.add_period(PeriodTable::Covered, row, fill.period)?;
        }
        Ok(counts)
    }

    /// Writes the periods that grew since the last time.
    pub(super) fn write_periods(&mut self, store: &Store) -> Result<(), RecorderError> {
        let Some(row) = self.row.filter(|_| self.has_changed) else {
            return Ok(());
        };
        if let Some(observed) = self.observed {
            store.add_period(PeriodTable::Observed, row, observed)?;
        }
        if let Some(covered) = self.covered {
            store.add_period(PeriodTable::Covered, row, covered)?;
        }
        self.has_changed = false;
        Ok(())
    }

    /// Begins to record the channel, with the state in which it has been so far.
    fn begin(&mut self, store: &Store) -> Result<ChannelRow, RecorderError> {
        let row = store.write_channel(&self.meta)?;
        self.row = Some(row);
        if let Some((observed, state)) = self.observed.zip(self.state) {
            store.write_state(row, observed.start, state)?;
            store.add_period(PeriodTable::Observed, row, observed)?;
        }
        Ok(row)
    }

    fn enter(
        &mut self,
        state: LiveState,
        time: Timestamp,
        store: &mut Store,
    ) -> Result<(), RecorderError> {
        if self.state == Some(state) {
            return Ok(());
        }
        if state == LiveState::Unknown {
            self.write_periods(store)?;
            self.observed = None;
        } else if self.observed.is_some_and(|known| known.end < time) {
            // The minutes until then had the state before.
            self.observe(time, state, store)?;
        }
        self.state = Some(state);
        if let Some(row) = self.row {
            store.write_state(row, time, state)?;
            if let Some(live) = as_live(state) {
                store.log(Lane::New, row.0, time, LogValue::Live(live))?;
            }
        }
        Ok(())
    }

    /// A response says at `time` which state the channel is in. Until then it was in the state
    /// before, unless that was unknown.
    fn observe(
        &mut self,
        time: Timestamp,
        state: LiveState,
        store: &mut Store,
    ) -> Result<(), RecorderError> {
        if self
            .observed
            .is_some_and(|known| time < known.end - MAX_STEP_BACK)
        {
            // Polyv's clock was wrong before.
            self.write_periods(store)?;
            self.observed = None;
        }
        self.has_changed = true;
        let Some(observed) = &mut self.observed else {
            self.observed = Some(Period {
                start: time,
                end: time,
            });
            return Ok(());
        };
        let before = observed.end;
        observed.end = before.max(time);
        let live = self.state.and_then(as_live);
        // The change itself is logged as well.
        let until = time.plus_millis(-i64::from(self.state != Some(state)));
        let Some((row, live)) = self.row.zip(live) else {
            return Ok(());
        };
        let minute = |time: Timestamp| time.as_millis().div_euclid(MINUTE_MILLIS);
        let last = minute(until);
        for minute in (minute(before) + 1).max(last - MAX_MINUTES)..=last {
            let time = Timestamp::from_millis(minute * MINUTE_MILLIS);
            store.log(Lane::New, row.0, time, LogValue::Live(live))?;
        }
        Ok(())
    }

    fn cover(
        &mut self,
        row: ChannelRow,
        start: Timestamp,
        end: Timestamp,
        store: &Store,
    ) -> Result<(), RecorderError> {
        if end <= start {
            return Ok(());
        }
        self.has_changed = true;
        match &mut self.covered {
            Some(covered) if start <= covered.end => {
                covered.start = covered.start.min(start);
                covered.end = covered.end.max(end);
            }
            covered => {
                let period = Period { start, end };
                if let Some(before) = covered.replace(period) {
                    self.filling.look_soon(self.last_used);
                    store.add_period(PeriodTable::Covered, row, before)?;
                }
                // With its samples, so that what follows the first ones is known to be missing.
                store.add_period(PeriodTable::Covered, row, period)?;
            }
        }
        Ok(())
    }

    /// Records when a broadcast is planned. A plan that was changed before its start is replaced.
    fn plan(
        &mut self,
        row: ChannelRow,
        observation: &Observation,
        store: &Store,
    ) -> Result<(), RecorderError> {
        if self.planned == observation.planned {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.planned, observation.planned);
        if let Some(before) = before.filter(|before| before.start > observation.time) {
            store.remove_plan(row, before.start)?;
        }
        if let Some(planned) = self.planned {
            store.write_plan(row, planned)?;
        }
        Ok(())
    }

    fn write_samples(
        &mut self,
        row: ChannelRow,
        samples: &[ObservedSample],
        store: &mut Store,
    ) -> Result<WrittenCounts, RecorderError> {
        let mut counts = WrittenCounts::default();
        let mut expanded = None;
        for sample in samples {
            let tracked = self.stream(row, &sample.stream, store)?;
            let stream = tracked.row;
            let is_late = tracked.newest >= Some(sample.time);
            tracked.newest = tracked.newest.max(Some(sample.time));
            let block = (stream, block_start(sample.time));
            if expanded.replace(block) != Some(block) {
                store.expand_block(stream, sample.time)?;
            }
            let written = store.write_sample(stream, sample.time, sample.values)?;
            if written == Written::Unchanged {
                continue;
            }
            if written == Written::New {
                counts.new += 1;
                counts.filled += u64::from(sample.lane == Lane::Filled);
            }
            // Receivers that take samples in order only must not refuse what is new for them.
            let lane = if is_late { Lane::Filled } else { sample.lane };
            let value = LogValue::Sample(sample.values);
            store.log(lane, stream.0, sample.time, value)?;
        }
        Ok(counts)
    }

    fn stream(
        &mut self,
        channel: ChannelRow,
        name: &StreamName,
        store: &Store,
    ) -> Result<&mut TrackedStream, RecorderError> {
        let mut known = self.streams.iter();
        let index = match known.position(|known| known.name == *name) {
            Some(index) => index,
            None => {
                self.streams.push(TrackedStream {
                    name: name.clone(),
                    row: store.stream(channel, name.as_str())?,
                    newest: None,
                });
                self.streams.len() - 1
            }
        };
        let stream = self.streams.get_mut(index);
        stream.ok_or_else(|| RecorderError::Damaged("a stream is missing".to_owned()))
    }

    /// Until when all streams were received: the newest sample of the slowest one that is live.
    fn received_until(&self) -> Option<Timestamp> {
        let newest = || self.streams.iter().filter_map(|stream| stream.newest);
        let live_since = newest().max()? - MAX_STREAM_LAG;
        newest().filter(|newest| *newest >= live_since).min()
    }
}

/// Whether the channel is live, if that is known.
fn as_live(state: LiveState) -> Option<bool> {
    match state {
        LiveState::Live => Some(true),
        LiveState::NotLive => Some(false),
        LiveState::Unknown => None,
    }
}
