//! What came of asking for a channel's stream.

use std::sync::Arc;

use super::Verdict;
use super::statuses::ALONE;
use crate::scheduler::account::Account;
use crate::scheduler::errand::Errand;
use crate::scheduler::flight::Flight;
use crate::scheduler::timeline::Planned;
use crate::scheduler::watched::{Alone, Interest};
use crate::scheduler::{Poller, report};
use crate::state::{Channel, Digest, Rules};
use polyv_client::clock::{Moment, Now};
use polyv_client::{BadResponse, Error, LiveStatus, Outcome, Range, StreamInfo};

impl Poller {
    /// A channel was asked for its stream.
    pub(super) fn land_stream(
        &mut self,
        index: usize,
        flight: &Flight,
        result: Result<StreamInfo, Error>,
        verdict: Verdict,
        now: Now,
    ) {
        let Errand::Stream { channel, asked } = flight.errand else {
            return;
        };
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let parts = &self.parts;
        let error = result.as_ref().err().cloned();
        let outcome = error.as_ref().map_or(Outcome::Ok, Error::outcome);
        // A channel that left the configuration while it was asked has nothing to be told.
        let tells_status = account.bulk.is_wanted();
        let applied = parts.store.update(channel, now, |channel, rules| {
            let digest = apply(channel, result, asked, now, rules);
            if tells_status && outcome == Outcome::Ok {
                // While it is live nobody asks for its status; its stream says it.
                channel.reported(LiveStatus::Live, now);
            }
            (digest, Interest::of(channel, now))
        });
        let Some((digest, interest)) = applied else {
            return;
        };
        for (reason, count) in digest.discarded.counts() {
            parts.metrics.discarded(&account.name, reason, count);
        }
        for delay in &digest.delays {
            parts.metrics.sample_delay(&account.name, *delay);
        }
        if outcome.is_answer() {
            account.bulk.other_answered();
        }

        let retry = outcome == Outcome::ClockSkew
            && account
                .roster
                .get_mut(channel)
                .is_some_and(|channel| !std::mem::replace(&mut channel.clock_retried, true));
        let planned = account.timeline.now(now.moment);
        let every = account.roster.every(channel, interest);
        let interval = account.roster.interval(every);
        match outcome {
            Outcome::Ok => {
                account.roster.leave_status(channel);
                account.roster.ask_stream(channel, every, planned);
            }
            Outcome::NotLive => {
                turn_to_status(account, channel, flight.planned, planned, now.moment);
            }
            _ if verdict != Verdict::NotItsFault && !retry => {
                // Its status can be had, perhaps, where its stream can't.
                let alone = account
                    .roster
                    .get(channel)
                    .is_none_or(|watched| watched.alone.is_some());
                if account.bulk.is_open() && !alone {
                    account.roster.ask_status_too(channel, planned);
                }
            }
            _ => {}
        }
        let forgivable = match verdict {
            Verdict::NotItsFault => None,
            other => Some(other == Verdict::Transient),
        };
        let grace = account.gate.grace();
        account
            .roster
            .replan(channel, every, forgivable, |plan| match verdict {
                // Polyv's clock is known now.
                _ if retry => plan.at_once(planned),
                Verdict::Answered => plan.answered(flight.planned, planned, interval),
                Verdict::OwnFault => plan.failed(flight.planned, planned, interval, 0),
                Verdict::Transient => plan.failed(flight.planned, planned, interval, grace),
                Verdict::NotItsFault => plan.in_vain(planned, interval),
            });

        let quiet = retry || verdict == Verdict::Transient && account.tempo.is_moving();
        let name = Arc::clone(&account.name);
        let Some(watched) = account.roster.get_mut(channel) else {
            return;
        };
        if !std::mem::replace(&mut watched.asked, true) {
            self.unasked = self.unasked.saturating_sub(1);
        }
        if verdict == Verdict::Answered {
            watched.clock_retried = false;
            watched.live = outcome == Outcome::Ok;
        }
        report::poll(
            &name,
            watched,
            verdict,
            error.as_ref(),
            quiet,
            flight,
            now.moment,
        );
        report::discarded(&name, watched, &digest.discarded);
    }
}

/// A channel's stream said that it is not live: its status tells when it is again.
fn turn_to_status(
    account: &mut Account,
    key: crate::metrics::ChannelKey,
    started: Planned,
    planned: Planned,
    now: Moment,
) {
    let bulk = account.bulk.is_open();
    let idle_interval = account.roster.idle_interval();
    let Some(watched) = account.roster.get_mut(key) else {
        return;
    };
    let was_live = watched.live;
    watched.denied = Some(planned);
    if !bulk {
        return;
    }
    match watched.alone {
        Some(alone) if alone.until > now => return,
        // Its refusal would spoil the others' call.
        Some(alone) if alone.refused => {
            let until = now + ALONE;
            account
                .roster
                .set_alone(key, Some(Alone { until, ..alone }));
            account.bulk.set_apart(vec![key], planned);
            return;
        }
        // It is asked for its stream until it is told again.
        Some(_) => {
            account.roster.set_alone(key, None);
            account.roster.ask_status_too(key, planned);
            return;
        }
        None => {}
    }
    let steadfast = watched.steadfast;
    let asked_already = watched.status.is_some();
    if !steadfast {
        account.roster.leave_stream(key);
    }
    if was_live {
        // What it is called now is worth knowing at once.
        account.roster.ask_status(key, planned);
    } else if !asked_already {
        account.roster.ask_status(key, started + idle_interval);
    }
}

/// Applies a result to what is known of the channel.
fn apply(
    channel: &mut Channel,
    result: Result<StreamInfo, Error>,
    asked: Range,
    now: Now,
    rules: &Rules,
) -> Digest {
    match result {
        Ok(info) => return channel.live(now, &info, rules),
        Err(Error::NotLive) => channel.not_live(now, rules),
        Err(error) => {
            if let Error::BadResponse(BadResponse::TooLarge { .. }) = error {
                channel.too_large(asked, now);
            }
            channel.no_answer(error.outcome(), &error.to_string(), now.moment);
        }
    }
    Digest::default()
}
