//! Applies the stream information of a channel.

use super::update::accept_update;
use crate::scheduler::account_poller::AccountPoller;
use crate::scheduler::context::PollerContext;
use crate::scheduler::failure_class::FailureClass;
use crate::scheduler::in_flight::InFlightRequest;
use crate::scheduler::log_events;
use crate::state::ChannelKey;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{Error, Outcome, Range, StreamInfo};

/// Applies the result of a poll: a channel and the requested range.
pub(super) fn handle_stream_info(
    account: &mut AccountPoller,
    context: &PollerContext,
    in_flight: &InFlightRequest,
    (key, range): (ChannelKey, Range),
    result: &Result<StreamInfo, Error>,
    class: FailureClass,
    now: TimeSnapshot,
) {
    let error = result.as_ref().err();
    let outcome = error.map_or(Outcome::Ok, Error::outcome);
    let store = &context.store;
    let update = match result {
        Ok(info) => {
            let status_is_polled = account.batch_status.is_enabled();
            store.apply_stream_info(key, info, status_is_polled, now)
        }
        Err(Error::NotLive) => store.apply_not_live(key, now),
        Err(error) => store.apply_error(key, error, Some(range), now),
    };
    // Nothing to apply if a reload removed the channel while the request was in flight.
    let Some(update) = update else {
        return;
    };
    accept_update(account, &update, context, now);
    if outcome.is_success() {
        account.batch_status.observe_other_success();
    }
    account.queue.mark_polled(key);
    let Some(target) = account.queue.get_mut(key) else {
        return;
    };
    let was_live = target.live;
    if class == FailureClass::Success {
        target.clock_retried = false;
        target.set_live(outcome == Outcome::Ok, now.monotonic);
    }
    // The server clock was corrected by this response.
    let retry =
        outcome == Outcome::ClockSkew && !std::mem::replace(&mut target.clock_retried, true);
    let is_excluded = account.batch_status.is_excluded(key);
    let virtual_now = account.clock.now(now.monotonic);
    let interval = account.interval_for(key, now.monotonic);
    match outcome {
        Outcome::Ok => {
            account.queue.dequeue_status(key);
            account.queue.enqueue_stream(key, interval, virtual_now);
        }
        Outcome::NotLive => {
            switch_to_status_polling(account, key, was_live, in_flight, now.monotonic);
        }
        // Its status may be available although its stream information is not.
        _ if class != FailureClass::SharedFault
            && !retry
            && !is_excluded
            && account.batch_status.is_available() =>
        {
            account.queue.enqueue_status_also(key, virtual_now);
        }
        _ => {}
    }
    let may_be_shared =
        (class != FailureClass::SharedFault).then_some(class == FailureClass::Transient);
    let tolerated = account.breaker.extra_tolerated_failures();
    let started = in_flight.virtual_started;
    let every = interval.duration();
    let queue = &mut account.queue;
    queue.reschedule(key, interval, may_be_shared, |schedule| match class {
        _ if retry => schedule.due_now(virtual_now),
        FailureClass::Success => schedule.record_success(started, virtual_now, every),
        FailureClass::ChannelFault => schedule.record_failure(started, virtual_now, every, 0),
        FailureClass::Transient => schedule.record_failure(started, virtual_now, every, tolerated),
        FailureClass::SharedFault => schedule.reschedule_unsent(virtual_now, every),
    });

    // Single failures are not worth a log line while many calls fail.
    let quiet = retry || class == FailureClass::Transient && tolerated > 0;
    if let Some(target) = account.queue.get_mut(key) {
        let result = (class, error);
        log_events::poll(
            &account.name,
            target,
            result,
            quiet,
            in_flight,
            now.monotonic,
        );
        log_events::values_ignored(&account.name, target, &update.discarded);
    }
}

/// Polls the status of a channel whose stream information says that it is not live.
fn switch_to_status_polling(
    account: &mut AccountPoller,
    key: ChannelKey,
    was_live: bool,
    in_flight: &InFlightRequest,
    now: MonotonicInstant,
) {
    let virtual_now = account.clock.now(now);
    let idle_interval = account.queue.idle_interval();
    let Some(target) = account.queue.get_mut(key) else {
        return;
    };
    target.last_not_live_at = Some(virtual_now);
    if !account.batch_status.is_available() {
        return;
    }
    if account.batch_status.is_excluded(key) {
        // Its stream information is polled until a response contains its status again.
        if account.batch_status.readmit(key, virtual_now, now) {
            account.queue.enqueue_status_also(key, virtual_now);
        }
        return;
    }
    let (is_batched, keeps_stream) = (target.status.is_some(), target.overrules_status());
    if !keeps_stream {
        account.queue.dequeue_stream(key);
    }
    if was_live {
        // Polyv's status of it is worth knowing at once.
        account.queue.enqueue_status(key, virtual_now);
    } else if !is_batched {
        let due = in_flight.virtual_started + idle_interval;
        account.queue.enqueue_status(key, due);
    }
}
