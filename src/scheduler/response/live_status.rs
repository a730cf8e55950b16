//! Applies the statuses of a batch of channels.

use std::collections::HashMap;

use super::handler::ResponseHandler;
use crate::scheduler::batch_endpoint::{BatchTransition, is_refusal};
use crate::scheduler::failure_class::FailureClass;
use crate::scheduler::log_events;
use crate::scheduler::poll_target::PollInterval;
use crate::scheduler::request::ChannelBatch;
use crate::state::ChannelKey;
use polyv_client::{BadResponse, ChannelLiveStatus, Error, LiveStatus};

/// The statuses in a response, by channel id. A status may be invalid.
type Statuses = HashMap<String, Result<LiveStatus, String>>;

impl ResponseHandler<'_> {
    /// Applies the result of a batch.
    pub(super) fn live_status(
        &mut self,
        batch: &ChannelBatch,
        result: Result<Vec<ChannelLiveStatus>, Error>,
    ) {
        if batch.isolated {
            self.account.batch_status.isolated_done();
        }
        let result = result.and_then(|statuses| {
            let statuses = statuses.into_iter();
            let by_id = statuses.map(|channel| (channel.channel_id, channel.status));
            self.check_coverage(batch, by_id.collect(), "the status")
        });
        match result {
            Ok(statuses) => {
                self.account.clock_retried = false;
                let status = &mut self.account.batch_status;
                let transition = status.record_success(batch.isolated);
                self.apply_transition(transition, None);
                // The configuration may have turned batch status off meanwhile.
                if self.account.batch_status.is_available() {
                    for key in &batch.channels {
                        self.apply_status(*key, &statuses);
                    }
                }
            }
            Err(error) => self.batch_failed(batch, &error),
        }
    }

    fn apply_transition(&mut self, transition: Option<BatchTransition>, error: Option<&Error>) {
        let account = &mut *self.account;
        match (transition, error) {
            (Some(BatchTransition::BecameUnavailable), Some(error)) => {
                account.exclusion_logged = false;
                account.disable_batching(self.now.monotonic);
                log_events::batch_unavailable(account, error);
            }
            (Some(BatchTransition::BecameAvailable), _) => {
                account.enable_batching(self.now.monotonic);
                log_events::batch_available(account);
            }
            (Some(BatchTransition::ChannelRefused(key)), _) => self.poll_individually(key, true),
            _ => {}
        }
    }

    /// Checks that a response is about the requested channels, or most of them.
    pub(super) fn check_coverage<T>(
        &self,
        batch: &ChannelBatch,
        by_id: HashMap<String, T>,
        what: &str,
    ) -> Result<HashMap<String, T>, Error> {
        let channels = batch.channels.iter();
        let targets = channels.filter_map(|key| self.account.queue.get(*key));
        let is_present = targets.map(|target| by_id.contains_key(&*target.channel.id));
        let is_present: Vec<bool> = is_present.collect();
        let present = is_present.iter().filter(|is_present| **is_present).count();
        if 2 * present < is_present.len() {
            let why = format!("{what} of {present} channels of {}", is_present.len());
            return Err(Error::BadResponse(BadResponse::UnexpectedData(why)));
        }
        Ok(by_id)
    }

    /// Applies the status of one channel.
    fn apply_status(&mut self, key: ChannelKey, statuses: &Statuses) {
        let account = &mut *self.account;
        let idle_interval = account.queue.idle_interval();
        let next = self.in_flight.virtual_started + idle_interval;
        let is_on_schedule = account.is_on_schedule();
        let Some(target) = account.queue.get_mut(key) else {
            return;
        };
        let Some(Ok(status)) = statuses.get(&*target.channel.id) else {
            if account.batch_status.record_missing(key) || !target.polled {
                self.poll_individually(key, false);
            } else {
                account.queue.enqueue_status(key, next);
            }
            return;
        };
        let is_live = *status == LiveStatus::Live;
        let has_other_source = target.has_other_source;
        let was_excluded = account.batch_status.include(key) && !target.overrules_status();
        let ends_live = !is_live && (target.status_is_authoritative() || was_excluded);
        let store = &self.context.store;
        let Some(update) = store.apply_reported_status(key, *status, ends_live, self.now) else {
            return;
        };
        self.accept_update(&update);
        let (account, now) = (&mut *self.account, self.now.monotonic);
        let Some(target) = account.queue.get_mut(key) else {
            return;
        };
        let was_polled = target.polled;
        let interval = PollInterval::Guaranteed(target.channel.live_interval);
        let has_newer = target.stream.is_some()
            || target.was_recently_not_live(self.virtual_now, idle_interval);
        if is_live {
            target.last_live_at = Some(now);
        }
        if ends_live {
            target.set_live(false, now);
            let message = "the channel responds again: it is not live";
            log_events::recovered(&account.name, target, message, now);
        }
        let starts_stream = target.overrules_status() && target.stream.is_none();
        let queue = &mut account.queue;
        if is_live && !has_newer && !has_other_source {
            // Its stream information is polled instead: at once, unless many live channels are
            // found together at the start, or the rate budget does not suffice.
            queue.dequeue_status(key);
            if was_polled && is_on_schedule {
                queue.enqueue_stream_now(key, interval, self.virtual_now);
            } else {
                queue.enqueue_stream(key, interval, self.virtual_now);
            }
            return;
        }
        queue.enqueue_status(key, next);
        if ends_live {
            queue.defer_stream(key);
        }
        queue.mark_polled(key);
        if starts_stream {
            // Its planned broadcast has started.
            self.poll_stream_now(key);
        }
    }

    /// Polls the stream information of a channel without a status, and excludes it from batches.
    fn poll_individually(&mut self, key: ChannelKey, refused: bool) {
        let account = &mut *self.account;
        let Some(target) = account.queue.get(key) else {
            return;
        };
        let has_stream = target.stream.is_some();
        let has_other_source = target.has_other_source;
        account.queue.dequeue_status(key);
        let status = &mut account.batch_status;
        if status.exclude(key, refused, self.now.monotonic) {
            log_events::batch_exclusion(account, key);
        }
        if !has_stream && !has_other_source {
            self.poll_stream_now(key);
        }
    }

    /// Applies a batch without statuses.
    fn batch_failed(&mut self, batch: &ChannelBatch, error: &Error) {
        let account = &mut *self.account;
        log_events::batch_failed(account, batch, error);
        let status = &mut account.batch_status;
        let now = self.now.monotonic;
        let transition = status.record_error(batch, error, self.virtual_now, now);
        if !is_refusal(error) {
            self.requeue_failed(batch, error);
        }
        self.apply_transition(transition, Some(error));
    }

    /// Applies an error that is not about channels, and queues them again.
    fn requeue_failed(&mut self, batch: &ChannelBatch, error: &Error) {
        for key in &batch.channels {
            let target = self.account.queue.get(*key);
            // The result of its stream information counts, where that is polled, or of its source.
            if target.is_some_and(|target| target.stream.is_none() && !target.live) {
                self.account.queue.mark_polled(*key);
                let store = &self.context.store;
                if let Some(update) = store.apply_error(*key, error, None, self.now) {
                    self.accept_update(&update);
                }
            }
        }
        let account = &mut *self.account;
        let retry = matches!(error, Error::ClockSkew(_))
            && !std::mem::replace(&mut account.clock_retried, true);
        let at_once = retry || self.class == FailureClass::SharedFault;
        let next = self.in_flight.virtual_started + account.queue.idle_interval();
        let retry_after = error.retry_after();
        let due = if at_once {
            self.virtual_now
        } else {
            next.max(self.virtual_now + retry_after.unwrap_or_default())
        };
        account.requeue(batch, due);
        // Only a call to another endpoint shows whether the fault is this endpoint's.
        if account.batch_status.is_available()
            && let Some(key) = batch.channels.first()
            && !at_once
            && retry_after.is_none()
        {
            self.poll_stream_now(*key);
        }
    }
}
