//! What came of asking for a channel's stream.

use std::sync::Arc;

use super::live_status::BATCH_EXCLUSION_DURATION;
use super::{FailureClass, accept_update};
use crate::scheduler::account_poller::AccountPoller;
use crate::scheduler::in_flight::InFlightRequest;
use crate::scheduler::log_events;
use crate::scheduler::poll_target::{BatchExclusion, PollPriority};
use crate::scheduler::poller::Poller;
use crate::scheduler::request::PollRequest;
use crate::scheduler::virtual_clock::VirtualInstant;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{Error, Outcome, StreamInfo};

impl Poller {
    /// A channel was asked for its stream.
    pub(super) fn handle_stream_info(
        &mut self,
        index: usize,
        in_flight: &InFlightRequest,
        result: Result<StreamInfo, Error>,
        class: FailureClass,
        now: TimeSnapshot,
    ) {
        let PollRequest::StreamInfo { channel, asked } = in_flight.request else {
            return;
        };
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let context = &self.context;
        let error = result.as_ref().err();
        let outcome = error.map_or(Outcome::Ok, Error::outcome);
        let store = &context.store;
        let update = match &result {
            Ok(info) => {
                let status_is_polled = account.batch_status.is_enabled();
                store.apply_stream_info(channel, info, status_is_polled, now)
            }
            Err(Error::NotLive) => store.apply_not_live(channel, now),
            Err(error) => store.apply_error(channel, error, Some(asked), now),
        };
        let Some(update) = update else {
            return;
        };
        accept_update(account, &update, context, now);
        let interest = PollPriority::new(&update.activity, now.monotonic);
        if outcome.is_answer() {
            account.batch_status.observe_other_success();
        }

        let retry = outcome == Outcome::ClockSkew
            && account
                .queue
                .get_mut(channel)
                .is_some_and(|channel| !std::mem::replace(&mut channel.clock_retried, true));
        let planned = account.virtual_clock.now(now.monotonic);
        let every = account.queue.every(channel, interest);
        let interval = account.queue.interval(every);
        match outcome {
            Outcome::Ok => {
                account.queue.dequeue_status(channel);
                account.queue.enqueue_stream(channel, every, planned);
            }
            Outcome::NotLive => {
                switch_to_status_polling(
                    account,
                    channel,
                    in_flight.virtual_started,
                    planned,
                    now.monotonic,
                );
            }
            _ if class != FailureClass::SharedFault && !retry => {
                // Its status can be had, perhaps, where its stream can't.
                let alone = account
                    .queue
                    .get(channel)
                    .is_none_or(|target| target.alone.is_some());
                if account.batch_status.is_available() && !alone {
                    account.queue.enqueue_status_also(channel, planned);
                }
            }
            _ => {}
        }
        let forgivable = match class {
            FailureClass::SharedFault => None,
            other => Some(other == FailureClass::Transient),
        };
        let extra_tolerated_failures = account.breaker.extra_tolerated_failures();
        account
            .queue
            .reschedule(channel, every, forgivable, |schedule| match class {
                // Polyv's clock is known now.
                _ if retry => schedule.due_now(planned),
                FailureClass::Success => {
                    schedule.record_success(in_flight.virtual_started, planned, interval)
                }
                FailureClass::ChannelFault => {
                    schedule.record_failure(in_flight.virtual_started, planned, interval, 0)
                }
                FailureClass::Transient => schedule.record_failure(
                    in_flight.virtual_started,
                    planned,
                    interval,
                    extra_tolerated_failures,
                ),
                FailureClass::SharedFault => schedule.reschedule_unsent(planned, interval),
            });

        let quiet = retry || class == FailureClass::Transient && account.tempo.is_moving();
        let name = Arc::clone(&account.name);
        let Some(target) = account.queue.get_mut(channel) else {
            return;
        };
        if !std::mem::replace(&mut target.polled, true) {
            self.unpolled = self.unpolled.saturating_sub(1);
        }
        if class == FailureClass::Success {
            target.clock_retried = false;
            target.live = outcome == Outcome::Ok;
        }
        log_events::poll(&name, target, class, error, quiet, in_flight, now.monotonic);
        log_events::values_ignored(&name, target, &update.discarded);
    }
}

/// A channel's stream said that it is not live: its status tells when it is again.
fn switch_to_status_polling(
    account: &mut AccountPoller,
    key: crate::state::ChannelKey,
    started: VirtualInstant,
    planned: VirtualInstant,
    now: MonotonicInstant,
) {
    let batching = account.batch_status.is_available();
    let idle_interval = account.queue.idle_interval();
    let Some(target) = account.queue.get_mut(key) else {
        return;
    };
    let was_live = target.live;
    target.last_not_live_at = Some(planned);
    if !batching {
        return;
    }
    match target.alone {
        Some(alone) if alone.until > now => return,
        // Its refusal would spoil the others' call.
        Some(alone) if alone.refused => {
            let until = now + BATCH_EXCLUSION_DURATION;
            account
                .queue
                .exclude_from_batch(key, Some(BatchExclusion { until, ..alone }));
            account.batch_status.bisect(vec![key], planned);
            return;
        }
        // It is asked for its stream until it is told again.
        Some(_) => {
            account.queue.exclude_from_batch(key, None);
            account.queue.enqueue_status_also(key, planned);
            return;
        }
        None => {}
    }
    let always_poll_stream = target.always_poll_stream;
    let asked_already = target.status.is_some();
    if !always_poll_stream {
        account.queue.dequeue_stream(key);
    }
    if was_live {
        // What it is called now is worth knowing at once.
        account.queue.enqueue_status(key, planned);
    } else if !asked_already {
        account.queue.enqueue_status(key, started + idle_interval);
    }
}
