//! What every completed request changes: the global back-off and its account.

use super::live_status::handle_live_status;
use super::stream_info::handle_stream_info;
use crate::scheduler::account_poller::AccountPoller;
use crate::scheduler::failure_class::FailureClass;
use crate::scheduler::in_flight::{Completion, InFlightRequest, Response};
use crate::scheduler::log_events;
use crate::scheduler::poller::Poller;
use crate::scheduler::request::{CompletedCall, PollRequest};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{Error, Outcome};

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
        let channels = in_flight.request.channels();
        let mut accounts = self.accounts.iter_mut().enumerate();
        let account = accounts.find(|(_, account)| account.id == in_flight.account);
        let call = CompletedCall {
            kind: in_flight.kind,
            channel: channels.first().copied().filter(|_| channels.len() == 1),
            all_channels: account.as_ref().is_some_and(|(_, a)| a.has_only(channels)),
            outcome,
            started: in_flight.started,
        };
        let transition = self.global_backoff.record(call, now.monotonic);
        log_events::global_backoff(transition, now.monotonic);
        let Some((index, account)) = account else {
            return;
        };
        let metrics = &self.context.metrics;
        let endpoint = in_flight.request.endpoint();
        metrics.observe_request(&account.name, endpoint, outcome, took);
        account.in_flight = account.in_flight.saturating_sub(1);
        if !matches!(outcome, Outcome::Timeout | Outcome::ConnectionFailed) {
            account.observe_latency(took);
        }
        // The credentials of earlier calls say nothing about the present ones.
        if in_flight.credentials == account.credentials {
            match outcome {
                Outcome::Ok | Outcome::NotLive => metrics.set_auth_success(&account.name, true),
                Outcome::AuthFailed => metrics.set_auth_success(&account.name, false),
                _ => {}
            }
            update_breaker(account, call, result.as_ref().err(), now.monotonic);
        }
        let calls_flow = account.breaker.is_closed() && !self.global_backoff.is_paused();
        let class = FailureClass::new(outcome, calls_flow);
        let context = &self.context;
        match &in_flight.request {
            PollRequest::StreamInfo { channel, range } => {
                let result = result.and_then(Response::into_stream_info);
                let poll = (*channel, *range);
                handle_stream_info(account, context, in_flight, poll, &result, class, now);
            }
            PollRequest::LiveStatus(batch) => {
                let result = result.and_then(Response::into_live_status);
                handle_live_status(account, context, in_flight, batch, result, class, now);
            }
            PollRequest::ChannelPage(page) => {
                let result = result.and_then(Response::into_channel_page);
                self.handle_channel_page(index, in_flight, *page, result, class, now);
            }
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

/// Records the end of a call in its account's circuit breaker.
fn update_breaker(
    account: &mut AccountPoller,
    call: CompletedCall,
    error: Option<&Error>,
    now: MonotonicInstant,
) {
    let transition = account.breaker.record(call, now);
    if let Some(outage) = transition.recovered {
        let virtual_now = account.clock.now(now);
        account.queue.reset_all_backoff(virtual_now);
        log_events::breaker_closed(account, &outage, call.outcome, now);
    }
    if transition.tripped.is_some() {
        // A refused signature is logged at once, a fault once it lasts until the first probe.
        account.outage_logged = account.breaker.is_auth_refused();
        if let (true, Some(error)) = (account.outage_logged, error) {
            log_events::auth_refused(account, error);
        }
    }
}
