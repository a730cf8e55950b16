//! What came of asking for channels' status.

use std::collections::HashMap;
use std::time::Duration;

use super::{FailureClass, accept_update};
use crate::scheduler::account_poller::AccountPoller;
use crate::scheduler::in_flight::InFlightRequest;
use crate::scheduler::poll_target::{BatchExclusion, PollInterval};
use crate::scheduler::poller::{Poller, PollerContext};
use crate::scheduler::request::StatusBatch;
use crate::scheduler::virtual_clock::VirtualInstant;
use crate::scheduler::{batch_status, log_events};
use crate::state::ChannelKey;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{BadResponse, ChannelLiveStatus, Error, LiveStatus, Outcome};

/// A channel whose status Polyv does not tell is not asked for it again for so long.
pub(super) const BATCH_EXCLUSION_DURATION: Duration = Duration::from_secs(3600);

/// What an answer without data means.
enum BatchFailure {
    /// Polyv refused it, perhaps for one channel's sake.
    Refused,
    /// There is no such call.
    EndpointMissing,
    /// It failed.
    Failed,
}

impl Poller {
    /// Channels were asked for their status.
    pub(super) fn handle_live_status(
        &mut self,
        index: usize,
        in_flight: &InFlightRequest,
        batch: StatusBatch,
        result: Result<Vec<ChannelLiveStatus>, Error>,
        class: FailureClass,
        now: TimeSnapshot,
    ) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        if batch.isolated {
            account.batch_status.isolated_done();
        }
        if in_flight.credentials != account.credentials {
            // It says nothing about what is asked now.
            let planned = account.virtual_clock.now(now.monotonic);
            account.put_back(&batch, planned);
            return;
        }
        let result = result.and_then(|statuses| check_coverage(statuses, &batch, account));
        match result {
            Ok(statuses) => {
                account.clock_retried = false;
                let change = account.batch_status.record_success(batch.isolated);
                account.apply_batch_transition(change, now);
                log_events::batch_status(account, change, None);
                // They may have been asked before it was configured otherwise.
                let channels = if account.batch_status.is_available() {
                    batch.channels
                } else {
                    Vec::new()
                };
                for key in channels {
                    let asked = apply_status(
                        account,
                        key,
                        &statuses,
                        in_flight.virtual_started,
                        &self.context,
                        now,
                    );
                    if asked {
                        self.unpolled = self.unpolled.saturating_sub(1);
                    }
                }
            }
            Err(error) => {
                let asked =
                    handle_failure(account, in_flight, batch, &error, class, &self.context, now);
                self.unpolled = self.unpolled.saturating_sub(asked);
            }
        }
    }
}

/// Sees to it that an answer is about the channels that were asked for, most of them at least.
fn check_coverage(
    statuses: Vec<ChannelLiveStatus>,
    batch: &StatusBatch,
    account: &AccountPoller,
) -> Result<HashMap<String, Result<LiveStatus, String>>, Error> {
    let by_id: HashMap<_, _> = statuses
        .into_iter()
        .map(|of| (of.channel_id, of.status))
        .collect();
    let asked = batch
        .channels
        .iter()
        .filter_map(|key| account.queue.get(*key));
    let (mut there, mut missing) = (0_usize, 0_usize);
    for target in asked {
        match by_id.get(&*target.id) {
            Some(_) => there += 1,
            None => missing += 1,
        }
    }
    if missing > there {
        let why = format!("the status of {there} channels of {}", there + missing);
        return Err(Error::BadResponse(BadResponse::UnexpectedData(why)));
    }
    Ok(by_id)
}

/// Polyv told the status of channels, perhaps this one's. Whether it was asked for the first
/// time.
fn apply_status(
    account: &mut AccountPoller,
    key: ChannelKey,
    statuses: &HashMap<String, Result<LiveStatus, String>>,
    started: VirtualInstant,
    context: &PollerContext,
    now: TimeSnapshot,
) -> bool {
    let planned = account.virtual_clock.now(now.monotonic);
    let idle_interval = account.queue.idle_interval();
    let Some(target) = account.queue.get(key) else {
        return false;
    };
    let asked_before = target.polled;
    let Some(Ok(status)) = statuses.get(&*target.id) else {
        let again = target.missing_from_last_batch || target.alone.is_some();
        if again || !asked_before {
            poll_individually(account, key, false, planned, now.monotonic);
        } else if let Some(target) = account.queue.get_mut(key) {
            // Once may be chance.
            target.missing_from_last_batch = true;
            account.queue.enqueue_status(key, started + idle_interval);
        }
        return false;
    };
    let status = *status;
    let live = status == LiveStatus::Live;
    let authoritative = target.status_is_authoritative();
    let denied = target.was_recently_not_live(planned, idle_interval);
    let was_alone = target.alone.is_some() && !target.always_poll_stream;
    let streams = target.stream.is_some();
    let store = &context.store;
    let update = store.apply_reported_status(key, status, authoritative || was_alone, now);
    let Some(update) = update else {
        return false;
    };
    accept_update(account, &update, context, now);
    let interval = update.activity.live_interval;
    account.queue.exclude_from_batch(key, None);
    if let Some(target) = account.queue.get_mut(key) {
        target.missing_from_last_batch = false;
    }
    let again = started + idle_interval;
    if live {
        if streams || denied {
            account.queue.enqueue_status(key, again);
        } else {
            account.queue.dequeue_status(key);
            if asked_before && account.stretch() <= 1.0 {
                let every = PollInterval::Fixed(interval);
                account.queue.enqueue_stream_now(key, every, planned);
            } else {
                // At the start all that are live are found in a moment, and where the budget
                // does not suffice nobody can be asked out of turn.
                let every = PollInterval::Fixed(interval);
                account.queue.enqueue_stream(key, every, planned);
            }
            return false;
        }
    } else {
        account.queue.enqueue_status(key, again);
        if authoritative || was_alone {
            account.queue.defer_stream(key);
        }
    }
    let Some(target) = account.queue.get_mut(key) else {
        return false;
    };
    if !live && (authoritative || was_alone) {
        target.live = false;
        log_events::status_recovered(&account.name, target, now.monotonic);
    }
    !std::mem::replace(&mut target.polled, true)
}

/// Polyv does not tell this channel's status: it is asked for its stream, at once.
fn poll_individually(
    account: &mut AccountPoller,
    key: ChannelKey,
    refused: bool,
    planned: VirtualInstant,
    now: MonotonicInstant,
) {
    let until = now + BATCH_EXCLUSION_DURATION;
    let Some(target) = account.queue.get(key) else {
        return;
    };
    let (streams, known) = (target.stream.is_some(), target.alone.is_some());
    account.queue.dequeue_status(key);
    account
        .queue
        .exclude_from_batch(key, Some(BatchExclusion { until, refused }));
    if !streams {
        account
            .queue
            .enqueue_stream_now(key, PollInterval::Idle, planned);
    }
    if !known {
        log_events::batch_exclusion(account, key);
    }
}

/// Polyv told no status. How many channels were asked for the first time.
fn handle_failure(
    account: &mut AccountPoller,
    in_flight: &InFlightRequest,
    batch: StatusBatch,
    error: &Error,
    class: FailureClass,
    context: &PollerContext,
    now: TimeSnapshot,
) -> usize {
    let planned = account.virtual_clock.now(now.monotonic);
    let outcome = error.outcome();
    let failure = match error {
        Error::Rejected(_)
        | Error::Forbidden(_)
        | Error::NotLive
        | Error::BadResponse(BadResponse::UnexpectedData(_) | BadResponse::TooLarge { .. }) => {
            BatchFailure::Refused
        }
        Error::BadResponse(BadResponse::NoEnvelope {
            http_status: 400..=499,
            ..
        }) => BatchFailure::EndpointMissing,
        _ => BatchFailure::Failed,
    };
    log_events::batch_failed(account, &batch, error);
    let (change, asked) = match failure {
        BatchFailure::Refused => {
            let again = match batch.channels[..] {
                [one] => account.queue.get(one).is_some_and(|w| w.alone.is_some()),
                _ => false,
            };
            let change = account
                .batch_status
                .record_refusal(batch, again, planned, now.monotonic);
            if let batch_status::BatchTransition::ChannelExcluded(key) = change {
                poll_individually(account, key, true, planned, now.monotonic);
            }
            (change, 0)
        }
        BatchFailure::EndpointMissing | BatchFailure::Failed => {
            let asked = apply_error(account, &batch, error, context, now);
            let retry = outcome == Outcome::ClockSkew
                && !std::mem::replace(&mut account.clock_retried, true);
            let at_once = retry || class == FailureClass::SharedFault;
            let due = if at_once {
                planned
            } else {
                (in_flight.virtual_started + account.queue.idle_interval()).max(planned)
            };
            let change = match outcome {
                Outcome::ClockSkew | Outcome::Throttled => batch_status::BatchTransition::None,
                _ if matches!(failure, BatchFailure::EndpointMissing) => {
                    account.batch_status.endpoint_missing(now.monotonic)
                }
                _ => account.batch_status.record_failure(now.monotonic),
            };
            account.put_back(&batch, due);
            // Whether others are answered is known only where somebody is asked.
            if account.batch_status.is_available()
                && let Some(key) = batch.channels.first()
                && !at_once
            {
                account
                    .queue
                    .enqueue_stream_now(*key, PollInterval::Idle, planned);
            }
            (change, asked)
        }
    };
    account.apply_batch_transition(change, now);
    log_events::batch_status(account, change, Some(error));
    asked
}

/// None of these channels was answered.
fn apply_error(
    account: &mut AccountPoller,
    batch: &StatusBatch,
    error: &Error,
    context: &PollerContext,
    now: TimeSnapshot,
) -> usize {
    let mut asked = 0;
    for key in &batch.channels {
        let Some(target) = account.queue.get_mut(*key) else {
            continue;
        };
        if target.stream.is_some() {
            // What became of that is what counts.
            continue;
        }
        asked += usize::from(!std::mem::replace(&mut target.polled, true));
        let update = context.store.apply_error(*key, error, None, now);
        if let Some(update) = update {
            accept_update(account, &update, context, now);
        }
    }
    asked
}
