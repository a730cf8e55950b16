//! The recorder as the rest of the exporter sees it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{debug, warn};

use super::error::RecorderError;
use super::files::RecordingFiles;
use super::log::Lane;
use super::lost_samples::LostSamples;
use super::message::{Fill, Message, Observation, ObservedSample};
use super::missing_ranges::MissingRanges;
use super::recording::{Period, ViewerCount};
use super::writer::{Writer, WriterParts};
use crate::config::RecorderConfig;
use crate::state::{
    ChannelKey, ChannelMeta, ChannelStore, ChannelUpdate, LiveState, MissingSamples,
    RequestedSamples, StateTransition, UpdateSubscriber,
};
use crate::telemetry::RecorderMetrics;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{Outcome, Range};

/// Records every update of a channel. Clones share the queue to the thread that writes; the
/// scheduler never waits for it.
#[derive(Clone)]
pub struct Recorder {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
    remotes: watch::Sender<Vec<String>>,
    committed: watch::Receiver<u64>,
}

struct Shared {
    store: Arc<ChannelStore>,
    metrics: RecorderMetrics,
    lost: Arc<LostSamples>,
    missing: Arc<MissingRanges>,
    /// When a channel that is not live was last recorded as such.
    idle: Mutex<HashMap<ChannelKey, MonotonicInstant>>,
    /// Whether it is logged that the queue is full.
    full_logged: AtomicBool,
}

/// The thread that writes. It ends when all clones of the [`Recorder`] are gone.
pub struct RecorderThread(JoinHandle<()>);

/// The messages that may wait: more than ten seconds of 10,000 live channels.
const QUEUE_LENGTH: usize = 16_384;
/// How long the end of the process waits for the disk.
const END_TIMEOUT: Duration = Duration::from_secs(3);
const END_CHECK_INTERVAL: Duration = Duration::from_millis(10);
/// How often a channel that is not live is recorded as such.
const IDLE_INTERVAL: Duration = Duration::from_secs(60);

// === impl RecorderThread ===

impl RecorderThread {
    /// Waits until everything is written, for 3 seconds at most: the disk may hang, and what is
    /// not written is requested again at the next start.
    pub fn join(self) {
        let begin = Instant::now();
        while !self.0.is_finished() {
            if begin.elapsed() > END_TIMEOUT {
                warn!("the recording could not be finished in time");
                return;
            }
            std::thread::sleep(END_CHECK_INTERVAL);
        }
        if self.0.join().is_err() {
            warn!("the recorder ended unexpectedly");
        }
    }
}

// === impl Recorder ===

impl Recorder {
    /// Starts to record. If the directory cannot be written, that is tried again until it can.
    ///
    /// # Errors
    /// Another process records there, or there can be no further thread.
    pub fn start(
        config: RecorderConfig,
        store: Arc<ChannelStore>,
        metrics: RecorderMetrics,
    ) -> Result<(Self, RecorderThread), RecorderError> {
        let directory = config.path.clone();
        let files = RecordingFiles::new(&directory);
        let lock = match files.lock() {
            Ok(lock) => Some(lock),
            Err(error @ RecorderError::InUse { .. }) => return Err(error),
            // The writer tries again.
            Err(_) => None,
        };
        let (queue, messages) = sync_channel(QUEUE_LENGTH);
        let (commits, committed) = watch::channel(0);
        let (remotes, configured_remotes) = watch::channel(Vec::new());
        let lost = Arc::new(LostSamples::default());
        let missing = Arc::new(MissingRanges::default());
        let writer = Writer::new(WriterParts {
            files,
            lock,
            config,
            metrics: metrics.clone(),
            lost: Arc::clone(&lost),
            missing: Arc::clone(&missing),
            remotes: configured_remotes,
            committed: commits,
        });
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || writer.run(&messages))
            .map_err(|source| RecorderError::Io {
                path: directory,
                source,
            })?;
        let shared = Arc::new(Shared {
            store,
            metrics,
            lost,
            missing,
            idle: Mutex::default(),
            full_logged: AtomicBool::new(false),
        });
        let recorder = Self {
            queue,
            shared,
            remotes,
            committed,
        };
        Ok((recorder, RecorderThread(thread)))
    }

    /// Records how many people are watching a channel.
    pub fn record_viewers(&self, channel: ChannelMeta, viewers: ViewerCount) {
        self.send(Message::Viewers(channel, viewers));
    }

    /// Keeps the log for these remote writes, and for none other: it has all that is sent to the
    /// recorder from now on. One that is new begins at the log's end.
    pub fn set_remotes(&self, names: Vec<String>) {
        self.remotes.send_replace(names);
    }

    /// Records up to which entry of a lane a remote write has sent or dropped all. That is durable
    /// with the next commit; a position that is lost leads to entries that are sent twice.
    pub fn set_position(&self, remote: &str, lane: Lane, sequence: i64) {
        self.send(Message::Position(remote.to_owned(), lane, sequence));
    }

    /// Changes with every commit, about once a second: the log may have new entries.
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }

    /// Waits until everything that was sent before is written, or cannot be.
    pub fn flush(&self) {
        let (confirm, confirmed) = sync_channel(1);
        if self.queue.send(Message::Flush(confirm)).is_ok() {
            // An error means that the writer has ended.
            _ = confirmed.recv();
        }
    }

    /// Sends a message to the writer, or drops it where the queue is full.
    fn send(&self, message: Message) {
        let dropped = match self.queue.try_send(message) {
            Ok(()) => {
                self.shared.full_logged.store(false, Ordering::Relaxed);
                return;
            }
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => message,
        };
        if let Message::Observation(observation) = dropped
            && let Some(newest) = observation.newest_sample()
        {
            self.shared.lost.add(observation.key, newest);
        }
        self.shared.metrics.count_error();
        if !self.shared.full_logged.swap(true, Ordering::Relaxed) {
            warn!("the disk is too slow to record all samples; some will be requested again");
        }
    }

    /// Records new counts of viewers.
    fn record_audience(&self, update: &ChannelUpdate) {
        if update.viewers.is_empty() {
            return;
        }
        let Some(meta) = self.shared.store.metadata(update.key) else {
            return;
        };
        for viewers in &update.viewers {
            self.record_viewers(meta.clone(), *viewers);
        }
    }

    /// Whether an update says nothing new of a channel that is not live.
    fn is_idle_repetition(&self, update: &ChannelUpdate, now: MonotonicInstant) -> bool {
        let mut idle = self
            .shared
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if update.observed != Some(LiveState::NotLive) || !update.transitions.is_empty() {
            idle.remove(&update.key);
            return false;
        }
        match idle.get(&update.key) {
            Some(last) if now.since(*last) < IDLE_INTERVAL => true,
            _ => {
                idle.insert(update.key, now);
                false
            }
        }
    }
}

impl MissingSamples for Recorder {
    fn take_range(&self) -> Option<(ChannelKey, Range)> {
        let (channel, period) = self.shared.missing.take()?;
        let range = Range {
            start: Some(period.start),
            end: Some(period.end),
        };
        Some((channel, range))
    }

    fn range_received(&self, key: ChannelKey, range: Range, received: RequestedSamples) {
        let Some((start, end)) = range.start.zip(range.end) else {
            return;
        };
        let samples = received.samples.into_iter().map(|sample| ObservedSample {
            stream: sample.stream,
            time: sample.time,
            values: sample.values,
            lane: Lane::Filled,
        });
        self.send(Message::Fill(Box::new(Fill {
            key,
            samples: samples.collect(),
            period: Period { start, end },
            is_complete: received.is_complete,
        })));
    }

    fn range_failed(&self, key: ChannelKey, range: Range, outcome: Outcome) {
        debug!(
            ?range,
            outcome = outcome.as_str(),
            "missing samples were not received"
        );
        self.send(Message::NotFilled(key, outcome));
    }
}

impl UpdateSubscriber for Recorder {
    fn channel_updated(&self, update: &ChannelUpdate, now: TimeSnapshot) {
        self.record_audience(update);
        if update.observed.is_none() && update.transitions.is_empty()
            || self.is_idle_repetition(update, now.monotonic)
        {
            return;
        }
        let Some(meta) = self.shared.store.metadata(update.key) else {
            return;
        };
        let new = update.new_samples.iter().map(|sample| ObservedSample {
            stream: sample.stream.clone(),
            time: sample.time,
            values: sample.values,
            // Samples from before the first poll are a whole history.
            lane: if sample.delay.is_some() {
                Lane::New
            } else {
                Lane::Filled
            },
        });
        let corrected = update
            .corrected_samples
            .iter()
            .map(|sample| ObservedSample {
                stream: sample.stream.clone(),
                time: sample.time,
                values: sample.values,
                lane: Lane::New,
            });
        let transitions = update.transitions.iter();
        self.send(Message::Observation(Box::new(Observation {
            key: update.key,
            meta,
            time: now.server_time,
            state: update.observed,
            transitions: transitions
                .map(|transition| (server_time(transition.at, now), transition.to))
                .collect(),
            samples: new.chain(corrected).collect(),
            planned: update.planned,
            received_since: update.received.and_then(|range| range.start),
        })));
    }

    fn channels_changed(&self, expired: &[StateTransition], now: TimeSnapshot) {
        let unknown = expired
            .iter()
            .filter(|transition| transition.to == LiveState::Unknown);
        let unknown = unknown.map(|transition| (transition.key, server_time(transition.at, now)));
        let unknown: Vec<_> = unknown.collect();
        if !unknown.is_empty() {
            self.send(Message::Expired(unknown));
        }
    }
}

/// The same moment by Polyv's clock.
fn server_time(at: MonotonicInstant, now: TimeSnapshot) -> Timestamp {
    now.server_time - now.monotonic.since(at)
}
