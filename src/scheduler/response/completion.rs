//! What every completed request changes: the global back-off and its account.

use super::handler::ResponseHandler;
use crate::scheduler::account_poller::AccountPoller;
use crate::scheduler::context::PollerContext;
use crate::scheduler::failure_class::FailureClass;
use crate::scheduler::in_flight::{Completion, InFlightRequest, Response};
use crate::scheduler::log_events;
use crate::scheduler::poller::Poller;
use crate::scheduler::request::{CompletedCall, PollRequest};
use crate::state::{ChannelKey, requested_samples};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{Error, Outcome, Range, StreamInfo};

impl Poller {
    /// Applies the result of a request.
    pub(in crate::scheduler) fn handle_completion(
        &mut self,
        in_flight: &InFlightRequest,
        completion: Completion,
        now: TimeSnapshot,
    ) {
        let Completion { took, result } = completion;
        let outcome = result.as_ref().map_or_else(Error::outcome, |_| Outcome::Ok);
        let mut accounts = self.accounts.iter_mut().enumerate();
        let account = accounts.find(|(_, account)| account.id == in_flight.account);
        self.global_backoff.end_probe(in_flight.kind);
        if matches!(in_flight.request, PollRequest::MissingSamples { .. }) {
            self.spare_calls.in_flight = self.spare_calls.in_flight.saturating_sub(1);
        }
        let Some((index, account)) = account else {
            return;
        };
        let metrics = &self.context.metrics;
        let endpoint = in_flight.request.endpoint();
        metrics.observe_request(&account.name, endpoint, outcome, took);
        account.in_flight = account.in_flight.saturating_sub(1);
        // A response to earlier credentials, or from an earlier address, says nothing about the
        // present ones.
        if in_flight.client_generation != account.client_generation {
            account.requeue_request(&in_flight.request, now.monotonic);
            if let PollRequest::MissingSamples { channel, range, .. } = &in_flight.request {
                let failed = Err(Error::NotLive);
                report_missing_samples(&self.context, *channel, *range, failed);
            }
            return;
        }
        if let PollRequest::Live { call, batch, range } = &in_flight.request {
            let mut handler = ResponseHandler {
                virtual_now: account.clock.now(now.monotonic),
                account,
                context: &self.context,
                in_flight,
                class: FailureClass::new(outcome, true),
                now,
            };
            handler.live_call(*call, batch, *range, result);
            return;
        }
        if let PollRequest::Account(call) = in_flight.request {
            self.handle_account_call(index, call, result, now);
            return;
        }
        if !matches!(outcome, Outcome::Timeout | Outcome::ConnectionFailed) {
            account.observe_latency(took);
        }
        let channels = in_flight.request.channels();
        let error = result.as_ref().err();
        let call = CompletedCall {
            kind: in_flight.kind,
            channel: channels.first().copied().filter(|_| channels.len() == 1),
            all_channels: account.has_only(channels),
            outcome,
            retry_after: error.and_then(Error::retry_after),
            started: in_flight.started,
        };
        let transition = self.global_backoff.record(call, now.monotonic);
        log_events::global_backoff(transition, error, now.monotonic);
        match outcome {
            Outcome::Ok | Outcome::NotLive => metrics.set_auth_success(&account.name, true),
            Outcome::AuthFailed => metrics.set_auth_success(&account.name, false),
            _ => {}
        }
        update_breaker(account, call, error, now.monotonic);
        let calls_flow = account.breaker.is_closed() && !self.global_backoff.is_paused();
        let class = FailureClass::new(outcome, calls_flow);
        let mut handler = ResponseHandler {
            virtual_now: account.clock.now(now.monotonic),
            account,
            context: &self.context,
            in_flight,
            class,
            now,
        };
        match &in_flight.request {
            PollRequest::StreamInfo { channel, range } => {
                let result = result.and_then(Response::into_stream_info);
                handler.stream_info(*channel, *range, &result);
            }
            PollRequest::MissingSamples { channel, range, .. } => {
                let result = result.and_then(Response::into_stream_info);
                report_missing_samples(&self.context, *channel, *range, result);
            }
            PollRequest::LiveStatus(batch) => {
                let result = result.and_then(Response::into_live_status);
                handler.live_status(batch, result);
            }
            PollRequest::ChannelPage(page) => {
                let result = result.and_then(Response::into_channel_page);
                self.handle_channel_page(index, *page, result, class, now);
            }
            // Handled above.
            PollRequest::Live { .. } | PollRequest::Account(_) => {}
        }
    }

    /// Logs which channels became live, not live or unknown.
    pub(in crate::scheduler) fn log_transitions(&self, now: TimeSnapshot) {
        let expired = self.context.store.expire(now);
        for transition in &expired {
            for account in &self.accounts {
                if let Some(channel) = account.queue.get(transition.key) {
                    log_events::state_changed(&account.name, channel, transition);
                }
            }
        }
        self.context.channels_changed(&expired, now);
    }
}

/// Passes the result of a request for missing samples on.
fn report_missing_samples(
    context: &PollerContext,
    channel: ChannelKey,
    range: Range,
    result: Result<StreamInfo, Error>,
) {
    let Some(missing) = &context.missing_samples else {
        return;
    };
    match (result, range.end) {
        (Ok(info), Some(end)) => {
            missing.range_received(channel, range, requested_samples(&info, end));
        }
        (Ok(_), None) => missing.range_failed(channel, range, Outcome::BadResponse),
        (Err(error), _) => missing.range_failed(channel, range, error.outcome()),
    }
}

/// Records the end of a call in its account's circuit breaker.
fn update_breaker(
    account: &mut AccountPoller,
    call: CompletedCall,
    error: Option<&Error>,
    now: MonotonicInstant,
) {
    if let Some(error) = error {
        account.last_error = Some(error.clone());
    }
    let transition = account.breaker.record(call, now);
    if let Some(outage) = transition.recovered {
        let virtual_now = account.clock.now(now);
        account.queue.reset_shared_backoff(virtual_now);
        log_events::breaker_closed(account, &outage, call.outcome, now);
    }
    if transition.tripped.is_some() {
        // A fault is logged once it lasts until the first probe, unless that is long to come.
        let is_auth_refused = account.breaker.is_auth_refused();
        account.outage_logged = is_auth_refused || call.retry_after.is_some();
        match error {
            Some(error) if is_auth_refused => log_events::auth_refused(account, error),
            _ if account.outage_logged => log_events::breaker_opened(account, now),
            _ => {}
        }
    }
}
