//! Applies the statuses of a batch of channels.

use std::collections::HashMap;

use super::update::accept_update;
use crate::scheduler::account_poller::AccountPoller;
use crate::scheduler::batch_endpoint::{BatchTransition, is_refusal};
use crate::scheduler::context::PollerContext;
use crate::scheduler::failure_class::FailureClass;
use crate::scheduler::in_flight::InFlightRequest;
use crate::scheduler::log_events;
use crate::scheduler::poll_target::PollInterval;
use crate::scheduler::request::ChannelBatch;
use crate::scheduler::virtual_clock::VirtualInstant;
use crate::state::ChannelKey;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{BadResponse, ChannelLiveStatus, Error, LiveStatus};

/// The statuses in a response, by channel id. A status may be invalid.
type Statuses = HashMap<String, Result<LiveStatus, String>>;

/// Applies the result of a batch.
pub(super) fn handle_live_status(
    account: &mut AccountPoller,
    context: &PollerContext,
    in_flight: &InFlightRequest,
    batch: &ChannelBatch,
    result: Result<Vec<ChannelLiveStatus>, Error>,
    class: FailureClass,
    now: TimeSnapshot,
) {
    if batch.isolated {
        account.batch_status.isolated_done();
    }
    if in_flight.credentials != account.credentials {
        // The result says nothing about the present credentials.
        let due = account.clock.now(now.monotonic);
        account.requeue(batch, due);
        return;
    }
    match result.and_then(|statuses| check_coverage(statuses, batch, account)) {
        Ok(statuses) => {
            account.clock_retried = false;
            let transition = account.batch_status.record_success(batch.isolated);
            apply_transition(account, transition, None, now.monotonic);
            // The configuration may have turned batch status off meanwhile.
            if account.batch_status.is_available() {
                for key in &batch.channels {
                    let started = in_flight.virtual_started;
                    apply_status(account, *key, &statuses, started, context, now);
                }
            }
        }
        Err(error) => handle_failure(account, in_flight, batch, &error, class, context, now),
    }
}

fn apply_transition(
    account: &mut AccountPoller,
    transition: Option<BatchTransition>,
    error: Option<&Error>,
    now: MonotonicInstant,
) {
    match (transition, error) {
        (Some(BatchTransition::BecameUnavailable), Some(error)) => {
            account.exclusion_logged = false;
            account.disable_batching(now);
            log_events::batch_unavailable(account, error);
        }
        (Some(BatchTransition::BecameAvailable), _) => {
            account.enable_batching(now);
            log_events::batch_available(account);
        }
        (Some(BatchTransition::ChannelRefused(key)), _) => {
            poll_individually(account, key, true, now);
        }
        _ => {}
    }
}

/// Checks that a response is about the requested channels, or most of them.
fn check_coverage(
    statuses: Vec<ChannelLiveStatus>,
    batch: &ChannelBatch,
    account: &AccountPoller,
) -> Result<Statuses, Error> {
    let statuses: Statuses = statuses
        .into_iter()
        .map(|channel| (channel.channel_id, channel.status))
        .collect();
    let channels = batch.channels.iter();
    let targets = channels.filter_map(|key| account.queue.get(*key));
    let is_present = targets.map(|target| statuses.contains_key(&*target.channel.id));
    let is_present: Vec<bool> = is_present.collect();
    let present = is_present.iter().filter(|is_present| **is_present).count();
    if 2 * present < is_present.len() {
        let why = format!("the status of {present} channels of {}", is_present.len());
        return Err(Error::BadResponse(BadResponse::UnexpectedData(why)));
    }
    Ok(statuses)
}

/// Applies the status of one channel.
fn apply_status(
    account: &mut AccountPoller,
    key: ChannelKey,
    statuses: &Statuses,
    started: VirtualInstant,
    context: &PollerContext,
    now: TimeSnapshot,
) {
    let virtual_now = account.clock.now(now.monotonic);
    let idle_interval = account.queue.idle_interval();
    let next = started + idle_interval;
    let is_on_schedule = account.is_on_schedule();
    let Some(target) = account.queue.get_mut(key) else {
        return;
    };
    let Some(Ok(status)) = statuses.get(&*target.channel.id) else {
        if account.batch_status.record_missing(key) || !target.polled {
            poll_individually(account, key, false, now.monotonic);
        } else {
            account.queue.enqueue_status(key, next);
        }
        return;
    };
    let is_live = *status == LiveStatus::Live;
    let was_excluded = account.batch_status.include(key) && !target.overrules_status();
    let ends_live = !is_live && (target.status_is_authoritative() || was_excluded);
    let store = &context.store;
    let Some(update) = store.apply_reported_status(key, *status, ends_live, now) else {
        return;
    };
    accept_update(account, &update, context, now);
    let Some(target) = account.queue.get_mut(key) else {
        return;
    };
    let was_polled = target.polled;
    let interval = PollInterval::Guaranteed(target.channel.live_interval);
    let has_newer =
        target.stream.is_some() || target.was_recently_not_live(virtual_now, idle_interval);
    if is_live {
        target.last_live_at = Some(now.monotonic);
    }
    if ends_live {
        target.set_live(false, now.monotonic);
        let message = "the channel responds again: it is not live";
        log_events::recovered(&account.name, target, message, now.monotonic);
    }
    let queue = &mut account.queue;
    if is_live && !has_newer {
        // Its stream information is polled instead: at once, unless many live channels are found
        // together at the start, or the rate budget does not suffice.
        queue.dequeue_status(key);
        if was_polled && is_on_schedule {
            queue.enqueue_stream_now(key, interval, virtual_now);
        } else {
            queue.enqueue_stream(key, interval, virtual_now);
        }
        return;
    }
    queue.enqueue_status(key, next);
    if ends_live {
        queue.defer_stream(key);
    }
    queue.mark_polled(key);
}

/// Polls the stream information of a channel without a status, and excludes it from batches.
fn poll_individually(
    account: &mut AccountPoller,
    key: ChannelKey,
    refused: bool,
    now: MonotonicInstant,
) {
    let Some(target) = account.queue.get(key) else {
        return;
    };
    let has_stream = target.stream.is_some();
    account.queue.dequeue_status(key);
    let is_new = account.batch_status.exclude(key, refused, now);
    if !has_stream {
        poll_stream_now(account, key, now);
    }
    if is_new {
        log_events::batch_exclusion(account, key);
    }
}

fn poll_stream_now(account: &mut AccountPoller, key: ChannelKey, now: MonotonicInstant) {
    let interval = account.interval_for(key, now);
    let virtual_now = account.clock.now(now);
    account.queue.enqueue_stream_now(key, interval, virtual_now);
}

/// Applies a batch without statuses.
fn handle_failure(
    account: &mut AccountPoller,
    in_flight: &InFlightRequest,
    batch: &ChannelBatch,
    error: &Error,
    class: FailureClass,
    context: &PollerContext,
    now: TimeSnapshot,
) {
    log_events::batch_failed(account, batch, error);
    let virtual_now = account.clock.now(now.monotonic);
    let status = &mut account.batch_status;
    let transition = status.record_error(batch, error, virtual_now, now.monotonic);
    if !is_refusal(error) {
        apply_error(account, batch, error, context, now);
        let retry = matches!(error, Error::ClockSkew(_))
            && !std::mem::replace(&mut account.clock_retried, true);
        let at_once = retry || class == FailureClass::SharedFault;
        let due = if at_once {
            virtual_now
        } else {
            (in_flight.virtual_started + account.queue.idle_interval()).max(virtual_now)
        };
        account.requeue(batch, due);
        // Only a call to another endpoint shows whether the fault is this endpoint's.
        if account.batch_status.is_available()
            && let Some(key) = batch.channels.first()
            && !at_once
        {
            poll_stream_now(account, *key, now.monotonic);
        }
    }
    apply_transition(account, transition, Some(error), now.monotonic);
}

/// Applies an error to the channels of a batch.
fn apply_error(
    account: &mut AccountPoller,
    batch: &ChannelBatch,
    error: &Error,
    context: &PollerContext,
    now: TimeSnapshot,
) {
    for key in &batch.channels {
        let target = account.queue.get(*key);
        // The result of its stream information counts, where that is polled.
        if target.is_some_and(|target| target.stream.is_none()) {
            account.queue.mark_polled(*key);
            if let Some(update) = context.store.apply_error(*key, error, None, now) {
                accept_update(account, &update, context, now);
            }
        }
    }
}
