//! Applying what came of a call.

mod channel_page;
mod live_status;
mod stream_info;

pub(super) use channel_page::{channel_meta as listed_channel_meta, exposure};

use std::time::Duration;

use super::account_poller::AccountPoller;
use super::circuit_breaker::{self, OpenReason};
use super::global_backoff::{self, RequestKind};
use super::in_flight::{Completion, InFlightRequest, Response};
use super::log_events;
use super::poller::{Poller, PollerContext};
use super::request::PollRequest;
use crate::state::{ChannelUpdate, StateTransition};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{Error, Outcome};

impl Poller {
    /// A call has completed.
    pub(super) fn handle_completion(
        &mut self,
        in_flight: &InFlightRequest,
        completion: Completion,
        now: TimeSnapshot,
    ) {
        let outcome = completion.outcome();
        self.update_global_backoff(in_flight, outcome, now.monotonic);
        let paused = self.global_backoff.paused().is_some();
        let Some(index) = self
            .accounts
            .iter()
            .position(|account| account.id == in_flight.account)
        else {
            return;
        };
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let context = &self.context;
        context.metrics.polled(
            &account.name,
            in_flight.request.endpoint(),
            outcome,
            completion.took,
        );
        update_account(
            account,
            in_flight,
            outcome,
            completion.took,
            completion.result.as_ref().err(),
            now,
            context,
        );
        let others_can_be_asked = account.breaker.outage().is_none() && !paused;
        let class = FailureClass::from_outcome(outcome, others_can_be_asked);
        match (&in_flight.request, completion.result) {
            (PollRequest::StreamInfo { .. }, Ok(Response::StreamInfo(info))) => {
                self.handle_stream_info(index, in_flight, Ok(info), class, now);
            }
            (PollRequest::StreamInfo { .. }, Err(error)) => {
                self.handle_stream_info(index, in_flight, Err(error), class, now);
            }
            (PollRequest::LiveStatus(batch), Ok(Response::LiveStatus(statuses))) => {
                self.handle_live_status(index, in_flight, batch.clone(), Ok(statuses), class, now);
            }
            (PollRequest::LiveStatus(batch), Err(error)) => {
                self.handle_live_status(index, in_flight, batch.clone(), Err(error), class, now);
            }
            (PollRequest::ChannelPage(page), Ok(Response::ChannelPage(got))) => {
                self.handle_channel_page(index, in_flight, *page, Ok(got), class, now);
            }
            (PollRequest::ChannelPage(page), Err(error)) => {
                self.handle_channel_page(index, in_flight, *page, Err(error), class, now);
            }
            // No call returns the response of another.
            (request, Ok(_)) => debug_assert!(false, "{request:?}"),
        }
    }

    fn update_global_backoff(
        &mut self,
        in_flight: &InFlightRequest,
        outcome: Outcome,
        now: MonotonicInstant,
    ) {
        if in_flight.kind == RequestKind::GlobalProbe {
            self.global_probe_in_flight = false;
        }
        let completed = global_backoff::Completed {
            scope: in_flight.request.failure_scope(),
            outcome,
            started: in_flight.started,
            kind: in_flight.kind,
        };
        log_events::global_backoff(self.global_backoff.record(completed, now), now);
    }

    /// Lets expire what is due, and logs which channels' state that changed.
    pub(super) fn expire(&mut self, now: TimeSnapshot) {
        let expired = self.context.store.expire(now);
        for transition in &expired {
            for account in &mut self.accounts {
                if let Some(target) = account.queue.get_mut(transition.key) {
                    target.activity.state = transition.to;
                    log_events::state_changed(&account.name, target, transition);
                }
            }
        }
        self.context.channels_changed(&expired, now);
    }
}

/// Takes note of what a response changed: for the channel's next request, the log, the
/// exporter's own metrics, and the subscribers.
fn accept_update(
    account: &mut AccountPoller,
    update: &ChannelUpdate,
    context: &PollerContext,
    now: TimeSnapshot,
) {
    for (reason, count) in update.discarded.counts() {
        context.metrics.discarded(&account.name, reason, count);
    }
    for delay in update.new_samples.iter().filter_map(|sample| sample.delay) {
        context.metrics.sample_delay(&account.name, delay);
    }
    if let Some(target) = account.queue.get_mut(update.key) {
        target.activity = update.activity;
        target.next_range = update.next_range;
        for transition in &update.transitions {
            log_events::state_changed(&account.name, target, transition);
        }
    }
    for subscriber in &context.subscribers {
        subscriber.channel_updated(update, now);
    }
}

impl PollerContext {
    /// Tells the subscribers that channels changed without a response.
    pub(super) fn channels_changed(&self, expired: &[StateTransition], now: TimeSnapshot) {
        for subscriber in &self.subscribers {
            subscriber.channels_changed(expired, now);
        }
    }
}

/// Tells an account how a call of its channels completed.
fn update_account(
    account: &mut AccountPoller,
    in_flight: &InFlightRequest,
    outcome: Outcome,
    took: Duration,
    error: Option<&Error>,
    now: TimeSnapshot,
    context: &PollerContext,
) {
    account.in_flight = account.in_flight.saturating_sub(1);
    if in_flight.kind == RequestKind::AccountProbe {
        account.probe_in_flight = false;
    }
    if !matches!(outcome, Outcome::Timeout | Outcome::ConnectionFailed) {
        account.answered_after(took);
    }
    if in_flight.credentials != account.credentials {
        // What the call was signed with is not what the next ones will be.
        return;
    }
    match outcome {
        Outcome::Ok | Outcome::NotLive => context.metrics.set_auth_success(&account.name, true),
        Outcome::AuthFailed => context.metrics.set_auth_success(&account.name, false),
        _ => {}
    }
    let completed = circuit_breaker::Completed {
        scope: in_flight.request.failure_scope(),
        outcome,
        started: in_flight.started,
        probe: in_flight.kind != RequestKind::Regular,
        all: match &in_flight.request {
            PollRequest::StreamInfo { channel, .. } => account.is_all(&[*channel]),
            PollRequest::LiveStatus(batch) => account.is_all(&batch.channels),
            PollRequest::ChannelPage(_) => account.queue.len() == 0,
        },
    };
    let change = account.breaker.record(completed, now.monotonic);
    if let Some(opened) = change.recovered {
        account.reset_all_backoff(now.monotonic);
        log_events::breaker_closed(account, &opened, outcome, now.monotonic);
    }
    if let Some(closed) = change.tripped {
        // A refusal is told at once, a fault once it lasts until the first probe.
        account.outage_logged = closed.reason == OpenReason::Refused;
        if account.outage_logged {
            log_events::auth_refused(account, error);
        }
    }
    if account.breaker.outage().is_none() {
        let failed = matches!(outcome, Outcome::Timeout | Outcome::ServerError);
        let scope = in_flight.request.failure_scope();
        let change = account.tempo.record(scope, failed, now.monotonic);
        log_events::throttled(&account.name, change, now.monotonic);
    }
}

/// What a result means for the channel's own schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureClass {
    /// Live or not live.
    Success,
    /// The channel can't be asked.
    ChannelFault,
    /// It could not be asked this time, while others could.
    Transient,
    /// Nobody can be asked at present.
    SharedFault,
}

impl FailureClass {
    fn from_outcome(outcome: Outcome, others_can_be_asked: bool) -> Self {
        match outcome {
            Outcome::Ok | Outcome::NotLive => Self::Success,
            Outcome::Rejected | Outcome::Forbidden | Outcome::BadResponse | Outcome::ClockSkew => {
                Self::ChannelFault
            }
            Outcome::ServerError | Outcome::Timeout | Outcome::ConnectionFailed
                if others_can_be_asked =>
            {
                Self::Transient
            }
            Outcome::ServerError
            | Outcome::Timeout
            | Outcome::ConnectionFailed
            | Outcome::AuthFailed
            | Outcome::Throttled => Self::SharedFault,
        }
    }
}

/// How long something format_elapsed, in whole seconds, for the log.
pub(super) fn format_elapsed(since: MonotonicInstant, now: MonotonicInstant) -> String {
    crate::config::format_duration(Duration::from_secs(now.since(since).as_secs()))
}
