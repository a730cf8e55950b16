//! Applies the result of a call about an account.

use crate::scheduler::account_call::AccountCall;
use crate::scheduler::in_flight::{Response, mismatch};
use crate::scheduler::log_events;
use crate::scheduler::plan_reader::PlanProgress;
use crate::scheduler::poller::Poller;
use polyv_client::clock::TimeSnapshot;
use polyv_client::{Error, Outcome};

impl Poller {
    /// Applies the result of a call about an account.
    pub(super) fn handle_account_call(
        &mut self,
        index: usize,
        call: AccountCall,
        result: Result<Response, Error>,
        now: TimeSnapshot,
    ) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        account.calls.completed();
        let metrics = &self.context.metrics;
        let refused =
            |error: &Error| matches!(error.outcome(), Outcome::Forbidden | Outcome::Rejected);
        let result = match (call, result) {
            (AccountCall::Minutes, Ok(Response::Minutes(minutes))) => {
                account.calls.minutes_read(now.monotonic);
                metrics.set_minutes(&account.name, Some(minutes));
                return;
            }
            (AccountCall::Minutes, result) => {
                let is_refused = result.is_err_and(|error| refused(&error));
                if account.calls.minutes_failed(is_refused, now.monotonic) {
                    metrics.set_minutes(&account.name, None);
                }
                return;
            }
            (_, Ok(Response::Plans(page))) => Ok(page),
            (_, Ok(_)) => Err(mismatch()),
            (_, Err(error)) => Err(error),
        };
        // The configuration may have turned it off meanwhile.
        let Some(plans) = &mut account.calls.plans else {
            return;
        };
        match result {
            Err(error) => {
                let is_first = plans.record_failure(refused(&error), now.monotonic);
                if let Some(is_first) = is_first {
                    log_events::plan_failed(&account.name, &error, is_first);
                }
            }
            Ok(page) => {
                let progress = plans.accept_page(page, now);
                let PlanProgress::Complete { changes, failures } = progress else {
                    return;
                };
                let store = &self.context.store;
                for (channel_id, schedule) in changes {
                    let key = store.find(&channel_id);
                    if let Some(key) = key.filter(|key| account.queue.get(*key).is_some()) {
                        store.set_polyv_schedule(key, schedule, now);
                    }
                }
                let at = self.context.clock.host().wall();
                metrics.set_schedule_read(&account.name, at);
                if failures > 0 {
                    log_events::plan_read_again(&account.name, failures);
                }
                self.context.channels_changed(&[], now);
            }
        }
    }
}
