//! Applies the results of calls about live channels beside the polls of their streams.

use std::collections::HashMap;
use std::time::Duration;

use super::handler::ResponseHandler;
use crate::scheduler::batch_endpoint::{BatchTransition, is_refusal};
use crate::scheduler::in_flight::Response;
use crate::scheduler::live_call::LiveCall;
use crate::scheduler::log_events;
use crate::scheduler::request::ChannelBatch;
use crate::state::{ChannelKey, StreamSource};
use polyv_client::{ChannelPush, ChannelViewers, Error, Range, StreamInfo};

impl ResponseHandler<'_> {
    /// Applies the result of a call.
    pub(super) fn live_call(
        &mut self,
        call: LiveCall,
        batch: &ChannelBatch,
        range: Range,
        result: Result<Response, Error>,
    ) {
        self.account.live_calls.get_mut(call).completed(batch);
        match call {
            LiveCall::Streams => {
                let pushes = result.and_then(Response::into_streams);
                self.streams(batch, pushes);
            }
            LiveCall::Viewers => {
                let viewers = result.and_then(Response::into_viewers);
                self.viewers(batch, viewers);
            }
            LiveCall::StreamInfoV4 => {
                let info = result.and_then(Response::into_stream_info);
                self.stream_info_v4(batch, range, info);
            }
        }
    }

    fn streams(&mut self, batch: &ChannelBatch, result: Result<Vec<ChannelPush>, Error>) {
        let result = result.and_then(|pushes| {
            let pushes = pushes.into_iter();
            let by_id = pushes.map(|push| (push.channel_id.clone(), push)).collect();
            self.check_coverage(batch, by_id, "the streams")
        });
        match result {
            Ok(pushes) => {
                self.live_call_succeeded(LiveCall::Streams, batch);
                for key in &batch.channels {
                    self.apply_push(*key, &pushes);
                }
            }
            Err(error) => self.live_call_failed(LiveCall::Streams, batch, &error),
        }
    }

    fn apply_push(&mut self, key: ChannelKey, pushes: &HashMap<String, ChannelPush>) {
        let Some(target) = self.account.queue.get(key) else {
            return;
        };
        let calls = self.account.live_calls.get_mut(LiveCall::Streams);
        let Some(push) = pushes.get(&*target.channel.id) else {
            if calls.record_missing(key, self.now.monotonic) {
                self.give_up_source(key, StreamSource::Snapshot);
            } else {
                calls.reschedule(key, self.in_flight.virtual_started);
            }
            return;
        };
        calls.include(key);
        calls.reschedule(key, self.in_flight.virtual_started);
        let is_over = target.live && !push.live && !target.sources.uses_tencent();
        if let Some(update) = self.context.store.apply_push(key, push, self.now) {
            self.accept_update(&update);
        }
        if is_over {
            // The call that tells the end of every other channel confirms it.
            self.poll_stream_now(key);
        }
    }

    /// Applies the viewers of several channels. One without a count is requested again with the
    /// others: few people may have begun to watch.
    fn viewers(&mut self, batch: &ChannelBatch, result: Result<Vec<ChannelViewers>, Error>) {
        let viewers = match result {
            Ok(viewers) => viewers,
            Err(error) => return self.live_call_failed(LiveCall::Viewers, batch, &error),
        };
        self.live_call_succeeded(LiveCall::Viewers, batch);
        let viewers = viewers.into_iter();
        let viewers: HashMap<String, ChannelViewers> = viewers
            .map(|channel| (channel.channel_id.clone(), channel))
            .collect();
        for key in &batch.channels {
            let calls = self.account.live_calls.get_mut(LiveCall::Viewers);
            calls.include(*key);
            calls.reschedule(*key, self.in_flight.virtual_started);
            let target = self.account.queue.get(*key);
            let channel = target.and_then(|target| viewers.get(&*target.channel.id));
            let store = &self.context.store;
            let update =
                channel.and_then(|channel| store.apply_viewers(*key, &channel.counts, self.now));
            if let Some(update) = update {
                self.accept_update(&update);
            }
        }
    }

    /// Applies the samples of the one channel of a v4 call.
    fn stream_info_v4(
        &mut self,
        batch: &ChannelBatch,
        range: Range,
        result: Result<StreamInfo, Error>,
    ) {
        let Some(key) = batch.channels.first().copied() else {
            return;
        };
        let store = &self.context.store;
        match result {
            Ok(info) => {
                self.live_call_succeeded(LiveCall::StreamInfoV4, batch);
                self.reschedule_v4(key);
                if let Some(mut update) = store.apply_stream_info_v4(key, &info, self.now) {
                    update.received = Some(range);
                    self.accept_update(&update);
                }
            }
            Err(Error::NotLive) => {
                self.live_call_succeeded(LiveCall::StreamInfoV4, batch);
                self.reschedule_v4(key);
                self.apply_source_error(key, LiveCall::StreamInfoV4, &Error::NotLive);
                let target = self.account.queue.get(key);
                if target.is_some_and(|target| target.live && !target.sources.uses_tencent()) {
                    self.poll_stream_now(key);
                }
            }
            Err(error) => self.live_call_failed(LiveCall::StreamInfoV4, batch, &error),
        }
    }

    fn reschedule_v4(&mut self, key: ChannelKey) {
        let started = self.in_flight.virtual_started;
        let calls = self.account.live_calls.get_mut(LiveCall::StreamInfoV4);
        calls.include(key);
        calls.reschedule(key, started);
    }

    fn live_call_succeeded(&mut self, call: LiveCall, batch: &ChannelBatch) {
        let calls = self.account.live_calls.get_mut(call);
        let transition = calls.record_success(batch, self.virtual_now);
        if transition == Some(BatchTransition::BecameAvailable) {
            log_events::live_call_available(&self.account.name, call);
        }
    }

    /// Applies a failed call. It changes nothing of what the account polls otherwise.
    fn live_call_failed(&mut self, call: LiveCall, batch: &ChannelBatch, error: &Error) {
        log_events::live_call_failed(&self.account.name, call, batch, error);
        let now = self.now.monotonic;
        let calls = self.account.live_calls.get_mut(call);
        let transition = calls.record_error(batch, error, self.virtual_now, now);
        if !is_refusal(error) {
            let retry_after = error.retry_after().unwrap_or(Duration::ZERO);
            let due = self.virtual_now + retry_after.max(FAILED_CALL_DELAY);
            calls.requeue(batch, due);
            for key in &batch.channels {
                self.apply_source_error(*key, call, error);
            }
        }
        match transition {
            Some(BatchTransition::BecameUnavailable) => {
                log_events::live_call_unavailable(&self.account.name, call, error);
            }
            Some(BatchTransition::ChannelRefused(key)) => {
                let calls = self.account.live_calls.get_mut(call);
                calls.exclude(key, true, now);
                self.apply_source_error(key, call, error);
            }
            Some(BatchTransition::BecameAvailable) | None => {}
        }
        self.give_up_denied(call, batch);
    }

    /// Gives up the source where its call is not possible for long: a fault of some minutes would
    /// otherwise leave channels without samples for far longer.
    fn give_up_denied(&mut self, call: LiveCall, batch: &ChannelBatch) {
        let Some(source) = source_of(call) else {
            return;
        };
        let calls = self.account.live_calls.get(call);
        let denied: Vec<ChannelKey> = if calls.is_unavailability_lasting() {
            let targets = self.account.queue.iter();
            let affected = targets.filter(|(_, target)| target.sources.source == source);
            affected.map(|(key, _)| key).collect()
        } else {
            let channels = batch.channels.iter().copied();
            channels
                .filter(|key| calls.is_exclusion_lasting(*key))
                .collect()
        };
        for key in denied {
            self.give_up_source(key, source);
        }
    }

    fn apply_source_error(&mut self, key: ChannelKey, call: LiveCall, error: &Error) {
        let store = &self.context.store;
        let Some(source) = source_of(call) else {
            return;
        };
        if let Some(update) = store.apply_source_error(key, source, error, self.now) {
            self.accept_update(&update);
        }
    }

    fn give_up_source(&mut self, key: ChannelKey, source: StreamSource) {
        if let Some(update) = self.context.store.give_up_source(key, source, self.now) {
            self.accept_update(&update);
        }
    }
}

/// How soon a failed call is made again.
const FAILED_CALL_DELAY: Duration = Duration::from_secs(15);

/// Returns the source to which a call belongs, if it is about samples.
const fn source_of(call: LiveCall) -> Option<StreamSource> {
    match call {
        LiveCall::Streams => Some(StreamSource::Snapshot),
        LiveCall::StreamInfoV4 => Some(StreamSource::ListStreamInfo),
        LiveCall::Viewers => None,
    }
}
