//! An endpoint: what its two lanes share.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::backoff::Backoff;
use super::batch::{self, SampleBatch};
use super::client::{Client, Response};
use super::delivery::{Delivery, Refusal};
use super::messages::Label;
use super::queue::{Queue, QueueError};
use crate::config::RemoteWrite;
use crate::recorder::{Lane, LogEntry};
use crate::telemetry::{DropReason, EndpointMetrics};
use polyv_client::clock::Clock;

/// Requests that an endpoint is sent at the same time while a lane catches up.
const MAX_CONCURRENT_REQUESTS: usize = 4;
/// Refusals are logged once in this time.
const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// An endpoint.
pub(super) struct Endpoint {
    pub(super) config: Arc<RemoteWrite>,
    queue: Arc<dyn Queue>,
    metrics: EndpointMetrics,
    clock: Clock,
    client: Client,
    external_labels: Vec<Label>,
    new: AtomicI64,
    filled: AtomicI64,
    is_failing: AtomicBool,
    refusal_logged: Mutex<Option<Instant>>,
}

// === impl Endpoint ===

impl Endpoint {
    /// An endpoint that continues at its stored positions.
    ///
    /// # Errors
    /// The queue fails.
    pub(super) fn open(
        config: Arc<RemoteWrite>,
        queue: Arc<dyn Queue>,
        metrics: EndpointMetrics,
        clock: Clock,
    ) -> Result<Self, QueueError> {
        let open = |lane| {
            let position = queue.position(&config.name, lane)?;
            position.ok_or_else(|| QueueError("the endpoint is not known yet".to_owned()))
        };
        let (new, filled) = (open(Lane::New)?, open(Lane::Filled)?);
        Ok(Self {
            client: Client::new(Arc::clone(&config)),
            external_labels: batch::external_labels(&config.external_labels),
            config,
            metrics,
            clock,
            new: AtomicI64::new(new),
            filled: AtomicI64::new(filled),
            queue,
            is_failing: AtomicBool::new(false),
            refusal_logged: Mutex::new(None),
        })
    }

    /// Up to where a lane was sent.
    fn position(&self, lane: Lane) -> i64 {
        self.lane(lane).load(Ordering::Relaxed)
    }

    /// Stores up to where a lane was sent.
    pub(super) fn set_position(&self, lane: Lane, sequence: i64) {
        self.lane(lane).store(sequence, Ordering::Relaxed);
        self.queue.set_position(&self.config.name, lane, sequence);
    }

    /// The next entries of a lane.
    ///
    /// Filled ones have to wait for the new ones that were recorded before them: a corrected value
    /// must not overtake the value that it corrects.
    ///
    /// # Errors
    /// The queue fails.
    pub(super) fn read(&self, lane: Lane) -> Result<Vec<LogEntry>, QueueError> {
        let last = self.queue.last_sequence(lane)?;
        if last < self.position(lane) {
            // The recorder had to set the file aside and began another one.
            let begin = self.queue.position(&self.config.name, lane)?;
            self.lane(lane).store(begin.unwrap_or(0), Ordering::Relaxed);
        }
        let mut entries = self
            .queue
            .read(lane, self.position(lane), self.chunk_size())?;
        self.skip_expired(lane, entries.first());
        if lane == Lane::Filled && !entries.is_empty() {
            let unsent = self.queue.read(Lane::New, self.position(Lane::New), 1)?;
            if let Some(unsent) = unsent.first() {
                let is_older = |entry: &&LogEntry| entry.recorded < unsent.recorded;
                entries.truncate(entries.iter().take_while(is_older).count());
            }
        }
        Ok(entries)
    }

    /// Counts the entries that were removed before they were sent, and begins after them.
    fn skip_expired(&self, lane: Lane, first: Option<&LogEntry>) {
        let Some(before) = first.map(|first| first.sequence - 1) else {
            return;
        };
        let expired = usize::try_from(before - self.position(lane)).unwrap_or(0);
        if expired > 0 {
            self.lane(lane).store(before, Ordering::Relaxed);
            self.metrics.count_dropped(DropReason::Expired, expired);
            let remote_name = &self.config.name;
            warn!(
                remote_name,
                expired,
                "the recorder could not keep samples until the remote write endpoint took them"
            );
        }
    }

    fn lane(&self, lane: Lane) -> &AtomicI64 {
        match lane {
            Lane::New => &self.new,
            Lane::Filled => &self.filled,
        }
    }

    /// The maximum number of entries that are sent together.
    fn chunk_size(&self) -> usize {
        // Most entries have three values, and none has more.
        (MAX_CONCURRENT_REQUESTS * self.config.max_samples_per_send).div_ceil(3)
    }

    /// Brings the metrics of the positions up to date.
    ///
    /// # Errors
    /// The queue fails.
    pub(super) fn observe(&self) -> Result<(), QueueError> {
        // Before the queue is read: what is recorded later is not sent yet.
        let now = self.clock.wall();
        let position = self.position(Lane::New);
        let pending = self.queue.read(Lane::New, position, 1)?;
        let oldest = pending.first().map(|entry| entry.recorded);
        self.metrics.set_position(oldest.unwrap_or(now));
        let pending = |lane| {
            let last = self.queue.last_sequence(lane)?;
            Ok::<_, QueueError>(last.saturating_sub(self.position(lane)).max(0))
        };
        self.metrics
            .set_pending(pending(Lane::New)? + pending(Lane::Filled)?);
        Ok(())
    }

    /// Sends entries, and returns when all were accepted or dropped.
    pub(super) async fn deliver(&self, entries: &[LogEntry]) {
        let batch = SampleBatch::new(entries, &self.external_labels);
        let max_samples = self.config.max_samples_per_send;
        let shards = batch.shards(MAX_CONCURRENT_REQUESTS, max_samples);
        let shards = shards.into_iter().map(|shard| {
            let requests = shard.clone().step_by(max_samples);
            let requests = requests.map(move |start| start..shard.end.min(start + max_samples));
            self.deliver_requests(&batch, requests)
        });
        join_all(shards).await;
    }

    /// Sends the samples of some requests, one request after the other.
    async fn deliver_requests(
        &self,
        batch: &SampleBatch,
        requests: impl Iterator<Item = Range<usize>>,
    ) {
        for request in requests {
            self.deliver_request(batch, request).await;
        }
    }

    /// Sends the samples of one request.
    async fn deliver_request(&self, batch: &SampleBatch, samples: Range<usize>) {
        let mut delivery = Delivery::new(samples);
        while let Some(part) = delivery.next() {
            let count = part.len();
            let Some(why) = self.send_until_decided(batch, part).await else {
                self.metrics.count_samples(count);
                delivery.accepted();
                continue;
            };
            match delivery.refused() {
                Refusal::Divided => {}
                Refusal::Skipped => self.drop_samples(1, 0, &why),
                Refusal::Abandoned(rest) => self.drop_samples(1, rest, &why),
            }
        }
    }

    /// Sends samples until they are accepted (`None`) or refused, and why.
    async fn send_until_decided(
        &self,
        batch: &SampleBatch,
        samples: Range<usize>,
    ) -> Option<String> {
        let body = match batch.encode(samples) {
            Ok(body) => body,
            Err(error) => return Some(format!("the request can't be encoded: {error}")),
        };
        let mut backoff = Backoff::new(self.config.min_backoff, self.config.max_backoff);
        loop {
            match self.client.send(body.clone()).await {
                Response::Failed { why, retry_after } => {
                    self.metrics.count_failure();
                    self.log_failure(&why);
                    tokio::time::sleep(backoff.after_failure(retry_after)).await;
                }
                Response::Accepted => {
                    self.log_success();
                    return None;
                }
                Response::Refused(why) => {
                    self.log_success();
                    return Some(why);
                }
            }
        }
    }

    fn drop_samples(&self, refused: usize, abandoned: usize, why: &str) {
        self.metrics.count_dropped(DropReason::Refused, refused);
        self.metrics.count_dropped(DropReason::Abandoned, abandoned);
        let mut logged = self
            .refusal_logged
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|at| at.elapsed() >= REFUSAL_LOG_INTERVAL) {
            *logged = Some(Instant::now());
            warn!(
                remote_name = self.config.name,
                refused,
                abandoned,
                why,
                "the remote write endpoint refuses samples, which are dropped (logged once a minute)"
            );
        }
    }

    fn log_failure(&self, why: &str) {
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            error!(
                remote_name = self.config.name,
                why, "remote write fails and is repeated; samples wait in the recorder"
            );
        }
    }

    fn log_success(&self) {
        if self.is_failing.swap(false, Ordering::Relaxed) {
            info!(remote_name = self.config.name, "remote write works again");
        }
    }
}
