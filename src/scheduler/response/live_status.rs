//! Applies the statuses of a batch of channels.

use std::collections::HashMap;
use std::time::Duration;

use super::update::accept_update;
use crate::scheduler::account_poller::AccountPoller;
use crate::scheduler::batch_status::BatchTransition;
use crate::scheduler::context::PollerContext;
use crate::scheduler::failure_class::FailureClass;
use crate::scheduler::in_flight::InFlightRequest;
use crate::scheduler::log_events;
use crate::scheduler::poll_target::{BatchExclusion, PollInterval};
use crate::scheduler::request::StatusBatch;
use crate::scheduler::virtual_clock::VirtualInstant;
use crate::state::ChannelKey;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{BadResponse, ChannelLiveStatus, Error, LiveStatus, Outcome};

/// How long a channel is excluded from batches.
pub(super) const BATCH_EXCLUSION_DURATION: Duration = Duration::from_secs(3600);

/// What a failed batch says about batch status.
enum BatchFailure {
    /// Polyv refused the batch, perhaps because of one channel.
    Refused,
    /// The endpoint does not exist.
    EndpointMissing,
    /// Any other failure.
    Failed,
}

/// The statuses in a response, by channel id. A status may be invalid.
type Statuses = HashMap<String, Result<LiveStatus, String>>;

/// Applies the result of a batch.
pub(super) fn handle_live_status(
    account: &mut AccountPoller,
    context: &PollerContext,
    in_flight: &InFlightRequest,
    batch: &StatusBatch,
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
    if let Some(transition) = transition {
        account.apply_batch_transition(transition, now);
        log_events::batch_status(account, transition, error);
    }
}

/// Checks that a response is about the requested channels, or most of them.
fn check_coverage(
    statuses: Vec<ChannelLiveStatus>,
    batch: &StatusBatch,
    account: &AccountPoller,
) -> Result<Statuses, Error> {
    let statuses: Statuses = statuses
        .into_iter()
        .map(|channel| (channel.channel_id, channel.status))
        .collect();
    let requested = batch
        .channels
        .iter()
        .filter_map(|key| account.queue.get(*key));
    let (present, missing): (Vec<_>, Vec<_>) =
        requested.partition(|target| statuses.contains_key(&*target.id));
    let (present, missing) = (present.len(), missing.len());
    if missing > present {
        let why = format!("the status of {present} channels of {}", present + missing);
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
    let Some(Ok(status)) = statuses.get(&*target.id) else {
        let is_repeated = target.missing_from_last_batch || target.exclusion.is_some();
        if is_repeated || !target.polled {
            poll_individually(account, key, false, now.monotonic);
        } else {
            // A response may lack a channel once.
            target.missing_from_last_batch = true;
            account.queue.enqueue_status(key, next);
        }
        return;
    };
    let is_live = *status == LiveStatus::Live;
    let was_excluded = target.exclusion.is_some() && !target.always_poll_stream;
    let ends_live = !is_live && (target.status_is_authoritative() || was_excluded);
    let store = &context.store;
    let Some(update) = store.apply_reported_status(key, *status, ends_live, now) else {
        return;
    };
    accept_update(account, &update, context, now);
    let Some(target) = account.queue.get_mut(key) else {
        return;
    };
    target.missing_from_last_batch = false;
    let was_polled = target.polled;
    let interval = PollInterval::Guaranteed(target.live_interval);
    let has_newer =
        target.stream.is_some() || target.was_recently_not_live(virtual_now, idle_interval);
    if is_live {
        target.last_live_at = Some(now.monotonic);
    }
    if ends_live {
        target.set_live(false, now.monotonic);
        log_events::status_recovered(&account.name, target, now.monotonic);
    }
    let queue = &mut account.queue;
    queue.set_exclusion(key, None);
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
    let until = now + BATCH_EXCLUSION_DURATION;
    let Some(target) = account.queue.get(key) else {
        return;
    };
    let (has_stream, was_excluded) = (target.stream.is_some(), target.exclusion.is_some());
    let exclusion = BatchExclusion { until, refused };
    account.queue.dequeue_status(key);
    account.queue.set_exclusion(key, Some(exclusion));
    if !has_stream {
        poll_stream_now(account, key, now);
    }
    if !was_excluded {
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
    batch: &StatusBatch,
    error: &Error,
    class: FailureClass,
    context: &PollerContext,
    now: TimeSnapshot,
) {
    log_events::batch_failed(account, batch, error);
    let virtual_now = account.clock.now(now.monotonic);
    let failure = BatchFailure::from(error);
    if matches!(failure, BatchFailure::Refused) {
        let is_known = match batch.channels[..] {
            [only] => account
                .queue
                .get(only)
                .is_some_and(|t| t.exclusion.is_some()),
            _ => false,
        };
        let refusal = batch.clone();
        let status = &mut account.batch_status;
        let transition = status.record_refusal(refusal, is_known, virtual_now, now.monotonic);
        if let Some(BatchTransition::ChannelExcluded(key)) = transition {
            poll_individually(account, key, true, now.monotonic);
        }
        apply_transition(account, transition, Some(error), now.monotonic);
        return;
    }
    let outcome = error.outcome();
    apply_error(account, batch, error, context, now);
    let retry =
        outcome == Outcome::ClockSkew && !std::mem::replace(&mut account.clock_retried, true);
    let at_once = retry || class == FailureClass::SharedFault;
    let due = if at_once {
        virtual_now
    } else {
        (in_flight.virtual_started + account.queue.idle_interval()).max(virtual_now)
    };
    let status = &mut account.batch_status;
    let transition = match failure {
        _ if matches!(outcome, Outcome::ClockSkew | Outcome::Throttled) => None,
        BatchFailure::EndpointMissing => status.endpoint_missing(now.monotonic),
        BatchFailure::Refused | BatchFailure::Failed => status.record_failure(now.monotonic),
    };
    account.requeue(batch, due);
    // Only a call to another endpoint shows whether the fault is this endpoint's.
    if account.batch_status.is_available()
        && let Some(key) = batch.channels.first()
        && !at_once
    {
        poll_stream_now(account, *key, now.monotonic);
    }
    apply_transition(account, transition, Some(error), now.monotonic);
}

/// Applies an error to the channels of a batch.
fn apply_error(
    account: &mut AccountPoller,
    batch: &StatusBatch,
    error: &Error,
    context: &PollerContext,
    now: TimeSnapshot,
) {
    for key in &batch.channels {
        // The result of its stream information counts, where that is polled.
        if account
            .queue
            .get(*key)
            .is_some_and(|target| target.stream.is_none())
        {
            account.queue.mark_polled(*key);
            if let Some(update) = context.store.apply_error(*key, error, None, now) {
                accept_update(account, &update, context, now);
            }
        }
    }
}

// === impl BatchFailure ===

impl From<&Error> for BatchFailure {
    fn from(error: &Error) -> Self {
        match error {
            Error::Rejected(_)
            | Error::Forbidden(_)
            | Error::NotLive
            | Error::BadResponse(BadResponse::UnexpectedData(_) | BadResponse::TooLarge { .. }) => {
                Self::Refused
            }
            Error::BadResponse(BadResponse::NoEnvelope {
                http_status: 400..=499,
                ..
            }) => Self::EndpointMissing,
            _ => Self::Failed,
        }
    }
}
