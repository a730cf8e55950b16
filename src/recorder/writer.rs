//! The thread that writes the recording.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{error, info, warn};

use super::error::RecorderError;
use super::files::{RecordingFiles, RecordingLock};
use super::log::LogValue;
use super::lost_samples::LostSamples;
use super::message::{Message, Observation};
use super::missing_ranges::MissingRanges;
use super::sample_block::{BLOCK_MILLIS, block_start};
use super::store::{Store, StreamRow};
use super::tracked_channel::{TrackedChannel, WrittenCounts};
use crate::config::RecorderConfig;
use crate::state::ChannelKey;
use crate::telemetry::RecorderMetrics;
use polyv_client::clock::Timestamp;

/// What the writer works with.
pub(super) struct WriterParts {
    pub(super) files: RecordingFiles,
    /// `None` where the directory could not be written at the start.
    pub(super) lock: Option<RecordingLock>,
    pub(super) config: RecorderConfig,
    pub(super) metrics: RecorderMetrics,
    pub(super) lost: Arc<LostSamples>,
    pub(super) missing: Arc<MissingRanges>,
    /// The names of all remote writes.
    pub(super) remotes: watch::Receiver<Vec<String>>,
    /// Counts commits.
    pub(super) committed: watch::Sender<u64>,
}

/// Writes the recording: one transaction a second.
pub(super) struct Writer {
    parts: WriterParts,
    store: Option<Store>,
    /// The database file that is open.
    identity: Option<(u64, u64)>,
    /// When to try again, while nothing can be recorded.
    retry_at: Instant,
    /// Whether it is logged that nothing can be recorded.
    failure_logged: bool,
    channels: HashMap<ChannelKey, TrackedChannel>,
    /// The newest time by Polyv's clock.
    now: Timestamp,
    periods_written: Instant,
    cleaned_up: Instant,
    /// The last stream whose samples were compacted.
    compacted: StreamRow,
    /// What is older is removed, since the recording is too large.
    size_cutoff: Timestamp,
    /// Whether all streams were looked at since that changed.
    is_cut: bool,
}

/// How long samples are collected before they are written.
const BATCH_INTERVAL: Duration = Duration::from_secs(1);
/// The most messages of a batch.
const MAX_BATCH: usize = 16_384;
/// How often what grows with every response is written.
const PERIODS_INTERVAL: Duration = Duration::from_secs(5);
/// How often sizes are measured and what is not needed is removed.
const CLEAN_UP_INTERVAL: Duration = if cfg!(test) {
    Duration::ZERO
} else {
    Duration::from_secs(10)
};
/// How long to wait after a failure.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// The hour of a sample is complete this long after its end, apart from what is filled.
const COMPACT_AFTER: Duration = Duration::from_secs(15 * 60);
/// Streams that are looked at after each batch, and hours that are compacted.
const STREAMS_PER_TURN: i64 = 200;
const BLOCKS_PER_TURN: usize = 32;
/// Entries of the log that are removed at once.
const MAX_PRUNED: i64 = 100_000;
/// Pages that are given back to the file system at once.
const RELEASED_PAGES: u32 = 2_000;
/// A channel without updates for this long is not in the configuration any more.
const FORGET_AFTER: Duration = Duration::from_secs(2 * 3600);

// === impl Writer ===

impl Writer {
    pub(super) fn new(parts: WriterParts) -> Self {
        let start = Instant::now();
        Self {
            parts,
            store: None,
            identity: None,
            retry_at: start,
            failure_logged: false,
            channels: HashMap::new(),
            now: Timestamp::from_millis(0),
            periods_written: start,
            cleaned_up: start,
            compacted: StreamRow(0),
            size_cutoff: Timestamp::from_millis(0),
            is_cut: true,
        }
    }

    /// Records what arrives until all senders are gone.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        self.open();
        loop {
            let (batch, is_last) = collect(messages);
            self.write(batch, is_last);
            if is_last {
                break;
            }
            self.maintain();
        }
        if let Some(store) = &self.store
            && let Err(error) = store.checkpoint()
        {
            warn!(%error, "the recording's last changes stay in its log; they are not lost");
        }
    }

    /// Opens the database, if that is not too soon after a failure. One that was removed would
    /// be written to unseen, so another one begins.
    fn open(&mut self) {
        if self.store.is_some() && self.parts.files.identity() != self.identity {
            self.parts.lock = None;
            let path = self.parts.files.directory().to_owned();
            self.fail(&RecorderError::Removed { path });
            self.retry_at = Instant::now();
        }
        if self.store.is_some() || Instant::now() < self.retry_at {
            return;
        }
        if let Err(error) = self.try_open() {
            self.fail(&error);
        }
    }

    fn try_open(&mut self) -> Result<(), RecorderError> {
        if self.parts.lock.is_none() {
            self.parts.lock = Some(self.parts.files.lock()?);
        }
        let mut store = Store::open(&self.parts.files)?;
        self.identity = self.parts.files.identity();
        store.transaction(|store| {
            store.check_writable()?;
            store.set_remotes(&self.parts.remotes.borrow_and_update())
        })?;
        self.store = Some(store);
        self.cleaned_up = Instant::now();
        self.measure();
        Ok(())
    }

    /// Stops recording until it is tried again. A damaged file is set aside first.
    fn fail(&mut self, error: &RecorderError) {
        self.parts.metrics.count_error();
        self.parts.metrics.set_up(false);
        self.store = None;
        self.channels.clear();
        self.parts.missing.clear();
        self.retry_at = Instant::now() + RETRY_INTERVAL;
        if error.is_damage() {
            match self.parts.files.set_aside(self.now_or_host()) {
                Ok(aside) => {
                    error!(%error, file = %aside.display(), "the recording is damaged; it was set aside, and a new one begins");
                    self.retry_at = Instant::now();
                    return;
                }
                Err(failure) => warn!(%failure, "the damaged recording cannot be set aside"),
            }
        }
        if !std::mem::replace(&mut self.failure_logged, true) {
            error!(%error, "samples cannot be recorded; retrying every 5 seconds");
        }
    }

    /// Writes a batch in one transaction.
    fn write(&mut self, batch: Vec<Message>, is_last: bool) {
        let mut confirmations = Vec::new();
        let mut batch = batch;
        batch.retain(|message| {
            let Message::Flush(confirm) = message else {
                return true;
            };
            confirmations.push(confirm.clone());
            false
        });
        let periods_due = is_last
            || !confirmations.is_empty()
            || self.periods_written.elapsed() >= PERIODS_INTERVAL;
        self.open();
        // Read after the batch was received, so that the log has all of the batch.
        let remotes = self.changed_remotes();
        let result = match self.store.take() {
            None => Err(None),
            Some(mut store) => {
                let written = store.transaction(|store| {
                    if let Some(remotes) = &remotes {
                        store.set_remotes(remotes)?;
                    }
                    let counts = self.apply(&batch, store)?;
                    let cutoff = self.cutoff();
                    for (key, channel) in &mut self.channels {
                        if let Some(range) =
                            channel.missing_range(self.parts.config.backfill, cutoff, store)?
                        {
                            self.parts.missing.push(*key, range);
                        }
                    }
                    if periods_due {
                        for channel in self.channels.values_mut() {
                            channel.write_periods(store)?;
                        }
                    }
                    Ok(counts)
                });
                self.store = Some(store);
                written.map_err(Some)
            }
        };
        match result {
            Ok(counts) => {
                // After a failure, only a batch shows that recording works.
                if !batch.is_empty() || !self.failure_logged {
                    self.parts.metrics.set_up(true);
                    if std::mem::take(&mut self.failure_logged) {
                        info!("samples are recorded again");
                    }
                }
                self.parts.metrics.count_samples(counts.new, counts.filled);
                if periods_due {
                    self.periods_written = Instant::now();
                }
                if !batch.is_empty() {
                    self.parts.committed.send_modify(|commits| *commits += 1);
                }
            }
            Err(error) => {
                for message in &batch {
                    if let Message::Observation(observation) = message
                        && let Some(newest) = observation.newest_sample()
                    {
                        self.parts.lost.add(observation.key, newest);
                    }
                }
                if let Some(error) = error {
                    self.fail(&error);
                }
            }
        }
        for confirm in confirmations {
            // The sender may have stopped waiting.
            _ = confirm.try_send(());
        }
    }

    /// The names of all remote writes, if they changed since the store last took them.
    fn changed_remotes(&mut self) -> Option<Vec<String>> {
        let remotes = &mut self.parts.remotes;
        // An error means that the recorder is gone, and this is the last batch.
        let is_changed = remotes.has_changed().unwrap_or(true);
        is_changed.then(|| remotes.borrow_and_update().clone())
    }

    fn apply(
        &mut self,
        batch: &[Message],
        store: &mut Store,
    ) -> Result<WrittenCounts, RecorderError> {
        let mut sum = WrittenCounts::default();
        for message in batch {
            let counts = self.apply_message(message, store)?;
            sum.new += counts.new;
            sum.filled += counts.filled;
        }
        Ok(sum)
    }

    fn apply_message(
        &mut self,
        message: &Message,
        store: &mut Store,
    ) -> Result<WrittenCounts, RecorderError> {
        match message {
            Message::Observation(observation) => return self.record(observation, store),
            Message::Expired(channels) => {
                for (key, at) in channels {
                    if let Some(channel) = self.channels.get_mut(key) {
                        channel.expire(*at, store)?;
                    }
                }
            }
            Message::Fill(fill) => {
                // A channel that was removed meanwhile needs nothing any more.
                if let Some(channel) = self.channels.get_mut(&fill.key) {
                    return channel.fill(fill, store);
                }
            }
            Message::NotFilled(key, outcome) => {
                if let Some(channel) = self.channels.get_mut(key) {
                    channel.not_filled(*outcome);
                }
            }
            Message::Viewers(meta, viewers) => {
                let row = match store.find_channel(meta)? {
                    Some(row) => row,
                    None => store.write_channel(meta)?,
                };
                if let Some(lane) = store.write_viewers(row, viewers.time, viewers.count)? {
                    let value = LogValue::Viewers(viewers.count);
                    store.log(lane, row.0, viewers.time, value)?;
                }
            }
            Message::Position(remote, lane, sequence) => {
                store.write_position(remote, *lane, *sequence)?;
            }
            Message::Flush(_) => {}
        }
        Ok(WrittenCounts::default())
    }

    fn record(
        &mut self,
        observation: &Observation,
        store: &mut Store,
    ) -> Result<WrittenCounts, RecorderError> {
        self.now = observation.time;
        let lost_until = self.parts.lost.until(observation.key);
        let channel = match self.channels.entry(observation.key) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(TrackedChannel::load(observation.meta.clone(), store)?)
            }
        };
        channel.record(observation, lost_until, store)
    }

    /// Compacts finished hours, and removes what is not needed any more.
    fn maintain(&mut self) {
        let Some(mut store) = self.store.take() else {
            return;
        };
        let cutoff = self.cutoff();
        let clean_up = self.cleaned_up.elapsed() >= CLEAN_UP_INTERVAL;
        let result = store
            .transaction(|store| self.compact(store))
            .and_then(|()| {
                if clean_up {
                    store.transaction(|store| store.prune_log(cutoff, MAX_PRUNED))?;
                    store.release_pages(RELEASED_PAGES)?;
                    self.limit_size(&store)?;
                }
                Ok(())
            });
        self.store = Some(store);
        if let Err(error) = result {
            self.fail(&error);
            return;
        }
        if clean_up {
            self.cleaned_up = Instant::now();
            let oldest_use = self.now - FORGET_AFTER;
            self.channels
                .retain(|_, channel| channel.last_used >= oldest_use);
            self.parts.lost.forget_before(oldest_use - FORGET_AFTER);
            self.measure();
        }
    }

    fn compact(&mut self, store: &mut Store) -> Result<(), RecorderError> {
        let streams = store.streams_after(self.compacted, STREAMS_PER_TURN)?;
        if streams.is_empty() {
            self.compacted = StreamRow(0);
            self.is_cut = true;
        }
        let cutoff = self.cutoff();
        let mut blocks = 0;
        for stream in streams {
            self.compacted = stream;
            store.remove_before(stream, cutoff)?;
            if store.compact_oldest(stream, self.now - COMPACT_AFTER)? {
                blocks += 1;
            }
            if blocks == BLOCKS_PER_TURN {
                break;
            }
        }
        Ok(())
    }

    /// What is older is removed. A clock that is wrong must not remove what is not old, so both
    /// have to agree.
    fn cutoff(&self) -> Timestamp {
        let now = self.now.min(std::time::SystemTime::now().into());
        (now - self.parts.config.retention).max(self.size_cutoff)
    }

    /// Has the oldest hours removed if the recording is too large.
    fn limit_size(&mut self, store: &Store) -> Result<(), RecorderError> {
        let (used, max) = (store.used_bytes()?, self.parts.config.max_size);
        if self.is_cut
            && used > max
            && let Some(oldest) = store.oldest_sample()?
        {
            let hours =
                self.now.millis_after(oldest).max(0).unsigned_abs() / BLOCK_MILLIS.unsigned_abs();
            // Half of what would suffice if all hours had the same size.
            let excess = hours.saturating_mul(used - max) / used / 2;
            let removed = i64::try_from(excess + 1).unwrap_or(1) * BLOCK_MILLIS;
            self.size_cutoff = block_start(oldest).plus_millis(removed);
            self.is_cut = false;
        }
        Ok(())
    }

    fn measure(&self) {
        self.parts.metrics.set_size(self.parts.files.size());
        if let Some(Ok(oldest)) = self.store.as_ref().map(Store::oldest_sample) {
            self.parts.metrics.set_oldest_sample(oldest);
        }
    }

    fn now_or_host(&self) -> Timestamp {
        self.now.max(std::time::SystemTime::now().into())
    }
}

/// The messages of a second, and whether they are the last.
fn collect(messages: &Receiver<Message>) -> (Vec<Message>, bool) {
    let until = Instant::now() + BATCH_INTERVAL;
    let mut batch = Vec::new();
    while batch.len() < MAX_BATCH {
        let left = until.saturating_duration_since(Instant::now());
        match messages.recv_timeout(left) {
            Ok(message) => {
                let is_flush = matches!(message, Message::Flush(_));
                batch.push(message);
                if is_flush {
                    break;
                }
            }
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return (batch, true),
        }
    }
    (batch, false)
}
