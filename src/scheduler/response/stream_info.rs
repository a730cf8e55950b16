//! Applies the stream information of a channel.

use super::handler::ResponseHandler;
use crate::scheduler::failure_class::FailureClass;
use crate::scheduler::log_events;
use crate::state::ChannelKey;
use polyv_client::{Error, Outcome, Range, StreamInfo};

impl ResponseHandler<'_> {
    /// Applies the result of a poll of a channel.
    pub(super) fn stream_info(
        &mut self,
        key: ChannelKey,
        range: Range,
        result: &Result<StreamInfo, Error>,
    ) {
        let error = result.as_ref().err();
        let outcome = error.map_or(Outcome::Ok, Error::outcome);
        let (store, now) = (&self.context.store, self.now);
        let update = match result {
            Ok(info) => {
                let status_is_polled = self.account.batch_status.is_enabled();
                store.apply_stream_info(key, info, status_is_polled, now)
            }
            Err(Error::NotLive) => store.apply_not_live(key, now),
            Err(error) => store.apply_error(key, error, Some(range), now),
        };
        // Nothing to apply if a reload removed the channel while the request was in flight.
        let Some(mut update) = update else {
            return;
        };
        update.received = result.is_ok().then_some(range);
        self.accept_update(&update);
        let (account, class, virtual_now) = (&mut *self.account, self.class, self.virtual_now);
        if outcome.is_success() {
            account.batch_status.observe_other_success();
            account.live_calls.observe_other_success();
        }
        account.queue.mark_polled(key);
        let Some(target) = account.queue.get_mut(key) else {
            return;
        };
        let was_live = target.live;
        let uses_tencent = target.sources.uses_tencent();
        if class == FailureClass::Success {
            target.clock_retried = false;
            target.set_live(outcome == Outcome::Ok, now.monotonic);
        }
        // The server clock was corrected by this response.
        let retry =
            outcome == Outcome::ClockSkew && !std::mem::replace(&mut target.clock_retried, true);
        let interval = account.interval_for(key, now.monotonic);
        match outcome {
            // Otherwise another source has its samples, and its status is polled.
            Outcome::Ok if uses_tencent => {
                account.queue.dequeue_status(key);
                account.queue.enqueue_stream(key, interval, virtual_now);
            }
            Outcome::NotLive => self.switch_to_status_polling(key, was_live),
            // Its status may be available although its stream information is not.
            _ if class != FailureClass::SharedFault
                && !retry
                && !account.batch_status.is_excluded(key)
                && account.batch_status.is_available() =>
            {
                account.queue.enqueue_status_also(key, virtual_now);
            }
            _ => {}
        }
        let account = &mut *self.account;
        let may_be_shared =
            (class != FailureClass::SharedFault).then_some(class == FailureClass::Transient);
        let tolerated = account.breaker.extra_tolerated_failures();
        let started = self.in_flight.virtual_started;
        let every = interval.duration();
        let retry_after = error.and_then(Error::retry_after);
        let queue = &mut account.queue;
        queue.reschedule(key, interval, may_be_shared, |schedule| {
            match class {
                _ if retry => schedule.due_now(virtual_now),
                FailureClass::Success => schedule.record_success(started, virtual_now, every),
                FailureClass::ChannelFault => {
                    schedule.record_failure(started, virtual_now, every, 0);
                }
                FailureClass::Transient => {
                    schedule.record_failure(started, virtual_now, every, tolerated);
                }
                FailureClass::SharedFault => schedule.reschedule_unsent(virtual_now, every),
            }
            // A shared fault stops the account's clock.
            if let Some(retry_after) = retry_after
                && class != FailureClass::SharedFault
            {
                schedule.postpone(virtual_now + retry_after, every);
            }
        });

        // Single failures are not worth a log line while many calls fail.
        let quiet = retry || class == FailureClass::Transient && tolerated > 0;
        if let Some(target) = queue.get_mut(key) {
            let result = (class, error);
            let name = &account.name;
            log_events::poll(name, target, result, quiet, self.in_flight, now.monotonic);
            log_events::values_ignored(name, target, &update.discarded);
        }
    }

    /// Polls the status of a channel whose stream information says that it is not live.
    fn switch_to_status_polling(&mut self, key: ChannelKey, was_live: bool) {
        let (account, now) = (&mut *self.account, self.virtual_now);
        let Some(target) = account.queue.get_mut(key) else {
            return;
        };
        target.last_not_live_at = Some(now);
        let (is_batched, keeps_stream) = (target.status.is_some(), target.overrules_status());
        if !account.batch_status.is_available() {
            return;
        }
        if account.batch_status.is_excluded(key) {
            // Its stream information is polled until a response contains its status again.
            let status = &mut account.batch_status;
            if status.readmit(key, now, self.now.monotonic) {
                account.queue.enqueue_status_also(key, now);
            }
            return;
        }
        if !keeps_stream {
            account.queue.dequeue_stream(key);
        }
        if was_live {
            // Polyv's status of it is worth knowing at once.
            account.queue.enqueue_status(key, now);
        } else if !is_batched {
            let due = self.in_flight.virtual_started + account.queue.idle_interval();
            account.queue.enqueue_status(key, due);
        }
    }
}
