//! An account's calls that are about no channel in particular: Polyv's plan of broadcasts, every
//! 5 minutes where it is configured, and the minutes of viewing that are left, once an hour.
//!
//! They supplement what is polled anyway: a failure of theirs opens no circuit breaker and pauses
//! nothing else, and one at a time is in flight.

use std::time::Duration;

use super::account_call::AccountCall;
use super::plan_reader::PlanReader;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};

/// One account's calls of this kind.
#[derive(Debug)]
pub(super) struct AccountCalls {
    /// The reading of Polyv's plan, if configured.
    pub(super) plans: Option<PlanReader>,
    minutes_due: MonotonicInstant,
    minutes_read_at: Option<MonotonicInstant>,
    in_flight: bool,
}

const FIRST_MINUTES_DELAY: Duration = Duration::from_secs(60);
const MINUTES_INTERVAL: Duration = Duration::from_secs(3600);
const MINUTES_RETRY_INTERVAL: Duration = Duration::from_secs(300);
/// Minutes that were read longer ago are not shown.
const MAX_MINUTES_AGE: Duration = Duration::from_secs(3 * 3600);

// === impl AccountCalls ===

impl AccountCalls {
    pub(super) fn new(now: MonotonicInstant) -> Self {
        Self {
            plans: None,
            minutes_due: now + FIRST_MINUTES_DELAY,
            minutes_read_at: None,
            in_flight: false,
        }
    }

    /// Returns the call that is due, if one is and none is in flight.
    pub(super) fn next(&self, now: TimeSnapshot) -> Option<AccountCall> {
        if self.in_flight {
            return None;
        }
        let plans = self.plans.as_ref();
        let plans = plans.and_then(|plans| plans.next_call(now));
        let minutes = (self.minutes_due <= now.monotonic).then_some(AccountCall::Minutes);
        plans.or(minutes)
    }

    /// Records that a call was sent.
    pub(super) fn sent(&mut self) {
        self.in_flight = true;
    }

    /// Records that a call is over, whatever its result.
    pub(super) fn completed(&mut self) {
        self.in_flight = false;
    }

    /// Records that the minutes were read.
    pub(super) fn minutes_read(&mut self, now: MonotonicInstant) {
        self.minutes_read_at = Some(now);
        self.minutes_due = now + MINUTES_INTERVAL;
    }

    /// Records that the minutes could not be read, and returns whether those that are known are
    /// not shown any more: Polyv does not say, or has not said for too long.
    pub(super) fn minutes_failed(&mut self, is_refused: bool, now: MonotonicInstant) -> bool {
        let wait = if is_refused {
            MINUTES_INTERVAL
        } else {
            MINUTES_RETRY_INTERVAL
        };
        self.minutes_due = now + wait;
        let read_at = self.minutes_read_at;
        is_refused || read_at.is_some_and(|at| now.since(at) > MAX_MINUTES_AGE)
    }

    /// Makes all calls due, since Polyv's address or the credentials changed.
    pub(super) fn reset(&mut self, now: MonotonicInstant) {
        self.minutes_due = now + FIRST_MINUTES_DELAY;
        if let Some(plans) = &mut self.plans {
            plans.restart(now);
        }
    }
}
