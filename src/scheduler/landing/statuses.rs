//! What came of asking for channels' status.

use std::collections::HashMap;
use std::time::Duration;

use super::Verdict;
use crate::metrics::ChannelKey;
use crate::scheduler::account::Account;
use crate::scheduler::errand::Batch;
use crate::scheduler::flight::Flight;
use crate::scheduler::timeline::Planned;
use crate::scheduler::watched::{Alone, Every};
use crate::scheduler::{Parts, Poller, bulk, report};
use crate::state::State;
use polyv_client::clock::{Moment, Now};
use polyv_client::{BadResponse, Error, LiveStatus, LiveStatusOf, Outcome};

/// A channel whose status Polyv does not tell is not asked for it again for so long.
pub(super) const ALONE: Duration = Duration::from_secs(3600);

/// What an answer without data means.
enum Failure {
    /// Polyv refused it, perhaps for one channel's sake.
    Refused,
    /// There is no such call.
    Absent,
    /// It failed.
    Failed,
}

impl Poller {
    /// Channels were asked for their status.
    pub(super) fn land_statuses(
        &mut self,
        index: usize,
        flight: &Flight,
        batch: Batch,
        result: Result<Vec<LiveStatusOf>, Error>,
        verdict: Verdict,
        now: Now,
    ) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        if batch.apart {
            account.bulk.returned();
        }
        if flight.credentials != account.credentials {
            // It says nothing about what is asked now.
            let planned = account.timeline.now(now.moment);
            account.put_back(&batch, planned);
            return;
        }
        let result = result.and_then(|statuses| check(statuses, &batch, account));
        match result {
            Ok(statuses) => {
                account.clock_retried = false;
                let change = account.bulk.accepted(batch.apart);
                account.bulk_changed(change, &self.parts.store, now);
                report::bulk(account, change, None);
                // They may have been asked before it was configured otherwise.
                let channels = if account.bulk.is_open() {
                    batch.channels
                } else {
                    Vec::new()
                };
                for key in channels {
                    let asked = answered(account, key, &statuses, flight.planned, &self.parts, now);
                    if asked {
                        self.unasked = self.unasked.saturating_sub(1);
                    }
                }
            }
            Err(error) => {
                let asked = failed(account, flight, batch, &error, verdict, &self.parts, now);
                self.unasked = self.unasked.saturating_sub(asked);
            }
        }
    }
}

/// Sees to it that an answer is about the channels that were asked for, most of them at least.
fn check(
    statuses: Vec<LiveStatusOf>,
    batch: &Batch,
    account: &Account,
) -> Result<HashMap<String, Result<LiveStatus, String>>, Error> {
    let by_id: HashMap<_, _> = statuses
        .into_iter()
        .map(|of| (of.channel_id, of.status))
        .collect();
    let asked = batch
        .channels
        .iter()
        .filter_map(|key| account.roster.get(*key));
    let (mut there, mut missing) = (0_usize, 0_usize);
    for watched in asked {
        match by_id.get(&*watched.id) {
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
fn answered(
    account: &mut Account,
    key: ChannelKey,
    statuses: &HashMap<String, Result<LiveStatus, String>>,
    started: Planned,
    parts: &Parts,
    now: Now,
) -> bool {
    let planned = account.timeline.now(now.moment);
    let idle_interval = account.roster.idle_interval();
    let Some(watched) = account.roster.get(key) else {
        return false;
    };
    let asked_before = watched.asked;
    let Some(Ok(status)) = statuses.get(&*watched.id) else {
        let again = watched.left_out || watched.alone.is_some();
        if again || !asked_before {
            leave_alone(account, key, false, planned, now.moment);
        } else if let Some(watched) = account.roster.get_mut(key) {
            // Once may be chance.
            watched.left_out = true;
            account.roster.ask_status(key, started + idle_interval);
        }
        return false;
    };
    let status = *status;
    let live = status == LiveStatus::Live;
    let heeded = watched.heeds_status();
    let denied = watched.was_denied(planned, idle_interval);
    let was_alone = watched.alone.is_some() && !watched.steadfast;
    let streams = watched.stream.is_some();
    let interval = parts.store.update(key, now, |channel, rules| {
        if !live && (heeded || was_alone) {
            channel.not_live(now, rules);
        }
        // Of one whose stream says that it is live, any other status is out of date.
        if live || channel.presence().state() != State::Live {
            channel.reported(status, now);
        }
        channel.live_interval()
    });
    let Some(interval) = interval else {
        return false;
    };
    account.roster.set_alone(key, None);
    if let Some(watched) = account.roster.get_mut(key) {
        watched.left_out = false;
    }
    let again = started + idle_interval;
    if live {
        if streams || denied {
            account.roster.ask_status(key, again);
        } else {
            account.roster.leave_status(key);
            if asked_before && account.stretch() <= 1.0 {
                let every = Every::Fixed(interval);
                account.roster.ask_stream_at_once(key, every, planned);
            } else {
                // At the start all that are live are found in a moment, and where the budget
                // does not suffice nobody can be asked out of turn.
                let every = Every::Fixed(interval);
                account.roster.ask_stream(key, every, planned);
            }
            return false;
        }
    } else {
        account.roster.ask_status(key, again);
        if heeded || was_alone {
            account.roster.rest_stream(key);
        }
    }
    let Some(watched) = account.roster.get_mut(key) else {
        return false;
    };
    if !live && (heeded || was_alone) {
        watched.live = false;
        report::status_answered(&account.name, watched, now.moment);
    }
    !std::mem::replace(&mut watched.asked, true)
}

/// Polyv does not tell this channel's status: it is asked for its stream, at once.
fn leave_alone(
    account: &mut Account,
    key: ChannelKey,
    refused: bool,
    planned: Planned,
    now: Moment,
) {
    let until = now + ALONE;
    let Some(watched) = account.roster.get(key) else {
        return;
    };
    let (streams, known) = (watched.stream.is_some(), watched.alone.is_some());
    account.roster.leave_status(key);
    account
        .roster
        .set_alone(key, Some(Alone { until, refused }));
    if !streams {
        account.roster.ask_stream_at_once(key, Every::Idle, planned);
    }
    if !known {
        report::alone(account, key);
    }
}

/// Polyv told no status. How many channels were asked for the first time.
fn failed(
    account: &mut Account,
    flight: &Flight,
    batch: Batch,
    error: &Error,
    verdict: Verdict,
    parts: &Parts,
    now: Now,
) -> usize {
    let planned = account.timeline.now(now.moment);
    let outcome = error.outcome();
    let failure = match error {
        Error::Rejected(_)
        | Error::Forbidden(_)
        | Error::NotLive
        | Error::BadResponse(BadResponse::UnexpectedData(_) | BadResponse::TooLarge { .. }) => {
            Failure::Refused
        }
        Error::BadResponse(BadResponse::NoEnvelope {
            http_status: 400..=499,
            ..
        }) => Failure::Absent,
        _ => Failure::Failed,
    };
    report::status_failed(account, &batch, error);
    let (change, asked) = match failure {
        Failure::Refused => {
            let again = match batch.channels[..] {
                [one] => account.roster.get(one).is_some_and(|w| w.alone.is_some()),
                _ => false,
            };
            let change = account.bulk.refused(batch, again, planned, now.moment);
            if let bulk::Change::Alone(key) = change {
                leave_alone(account, key, true, planned, now.moment);
            }
            (change, 0)
        }
        Failure::Absent | Failure::Failed => {
            let asked = no_answer(account, &batch, outcome, error, parts, now);
            let retry = outcome == Outcome::ClockSkew
                && !std::mem::replace(&mut account.clock_retried, true);
            let at_once = retry || verdict == Verdict::NotItsFault;
            let due = if at_once {
                planned
            } else {
                (flight.planned + account.roster.idle_interval()).max(planned)
            };
            let change = match outcome {
                Outcome::ClockSkew | Outcome::Throttled => bulk::Change::None,
                _ if matches!(failure, Failure::Absent) => account.bulk.absent(now.moment),
                _ => account.bulk.failed(now.moment),
            };
            account.put_back(&batch, due);
            // Whether others are answered is known only where somebody is asked.
            if account.bulk.is_open()
                && let Some(key) = batch.channels.first()
                && !at_once
            {
                account
                    .roster
                    .ask_stream_at_once(*key, Every::Idle, planned);
            }
            (change, asked)
        }
    };
    account.bulk_changed(change, &parts.store, now);
    report::bulk(account, change, Some(error));
    asked
}

/// None of these channels was answered.
fn no_answer(
    account: &mut Account,
    batch: &Batch,
    outcome: Outcome,
    error: &Error,
    parts: &Parts,
    now: Now,
) -> usize {
    let words = error.to_string();
    let mut asked = 0;
    for key in &batch.channels {
        let Some(watched) = account.roster.get_mut(*key) else {
            continue;
        };
        if watched.stream.is_some() {
            // What became of that is what counts.
            continue;
        }
        asked += usize::from(!std::mem::replace(&mut watched.asked, true));
        parts.store.update(*key, now, |channel, _| {
            channel.no_answer(outcome, &words, now.moment);
        });
    }
    asked
}
