//! Applying what came of a poll.

use std::sync::Arc;
use std::time::Duration;

use super::account::Account;
use super::brake::{self, Role};
use super::flight::{Flight, Landing};
use super::gate::{self, Reason};
use super::{Parts, Poller, report};
use crate::channel::{Channel, Digest, Rules};
use crate::clock::{Moment, Now};
use crate::polyv::{BadResponse, Error, Outcome, StreamInfo};

impl Poller {
    /// A poll has ended.
    pub(super) fn land(&mut self, flight: &Flight, landing: Landing, now: Now) {
        let outcome = landing.outcome();
        self.tell_brake(flight, outcome, now.moment);
        let paused = self.brake.paused().is_some();
        let Some(account) = self
            .accounts
            .iter_mut()
            .find(|account| account.serial == flight.account)
        else {
            return;
        };
        let parts = &self.parts;
        parts.metrics.polled(&account.name, outcome, landing.took);
        let error = landing.result.as_ref().err().cloned();
        tell_account(
            account,
            flight,
            outcome,
            landing.took,
            error.as_ref(),
            now,
            parts,
        );

        // A channel that left the configuration while it was asked has nothing to be told.
        let applied = parts.store.update(flight.channel, now, |channel, rules| {
            let digest = apply(channel, landing.result, flight, now, rules);
            (digest, channel.interval(rules))
        });
        let Some((digest, interval)) = applied else {
            return;
        };
        for (reason, count) in digest.discarded.counts() {
            parts.metrics.discarded(&account.name, reason, count);
        }
        for delay in &digest.delays {
            parts.metrics.sample_delay(&account.name, *delay);
        }

        let others_can_be_asked = account.gate.closure().is_none() && !paused;
        let verdict = Verdict::of(outcome, others_can_be_asked);
        let retry = outcome == Outcome::ClockSkew
            && account
                .channel(flight.channel)
                .is_some_and(|channel| !std::mem::replace(&mut channel.clock_retried, true));
        let forgivable = match verdict {
            Verdict::NotItsFault => None,
            other => Some(other == Verdict::Transient),
        };
        let grace = account.gate.grace();
        account.replan(
            flight.channel,
            interval,
            forgivable,
            now.moment,
            |plan, planned| match verdict {
                // Polyv's clock is known now.
                _ if retry => plan.at_once(planned),
                Verdict::Answered => plan.answered(flight.planned, planned, interval),
                Verdict::OwnFault => plan.failed(flight.planned, planned, interval, 0),
                Verdict::Transient => plan.failed(flight.planned, planned, interval, grace),
                Verdict::NotItsFault => plan.in_vain(planned, interval),
            },
        );

        let quiet = retry || verdict == Verdict::Transient && account.tempo.is_moving();
        let name = Arc::clone(&account.name);
        let Some(channel) = account.channel(flight.channel) else {
            return;
        };
        if !std::mem::replace(&mut channel.asked, true) {
            self.unasked = self.unasked.saturating_sub(1);
        }
        if verdict == Verdict::Answered {
            channel.clock_retried = false;
        }
        report::poll(
            &name,
            channel,
            verdict,
            error.as_ref(),
            quiet,
            flight,
            now.moment,
        );
        report::discarded(&name, channel, &digest.discarded);
    }

    fn tell_brake(&mut self, flight: &Flight, outcome: Outcome, now: Moment) {
        if flight.role == Role::PauseProbe {
            self.pause_probing = false;
        }
        let ended = brake::Ended {
            channel: flight.channel,
            outcome,
            started: flight.started,
            role: flight.role,
        };
        report::brake(self.brake.ended(ended, now), now);
    }

    /// Logs which channels turned live or not live.
    pub(super) fn report_turned(&mut self, now: Now) {
        for turned in self.parts.store.expire(now) {
            for account in &mut self.accounts {
                let name = Arc::clone(&account.name);
                if let Some(channel) = account.channel(turned.key) {
                    report::turned(&name, channel, &turned);
                }
            }
        }
    }
}

/// Tells an account how a call of its channels ended.
fn tell_account(
    account: &mut Account,
    flight: &Flight,
    outcome: Outcome,
    took: Duration,
    error: Option<&Error>,
    now: Now,
    parts: &Parts,
) {
    account.in_flight = account.in_flight.saturating_sub(1);
    if flight.role == Role::AccountProbe {
        account.probing = false;
    }
    if !matches!(outcome, Outcome::Timeout | Outcome::ConnectionFailed) {
        account.answered_after(took);
    }
    if flight.credentials != account.credentials {
        // What the call was signed with is not what the next ones will be.
        return;
    }
    match outcome {
        Outcome::Ok | Outcome::NotLive => parts.metrics.set_auth_success(&account.name, true),
        Outcome::AuthFailed => parts.metrics.set_auth_success(&account.name, false),
        _ => {}
    }
    let ended = gate::Ended {
        channel: flight.channel,
        outcome,
        started: flight.started,
        probe: flight.role != Role::Regular,
        only_one: account.channel_count() == 1,
    };
    let change = account.gate.ended(ended, now.moment);
    if let Some(opened) = change.opened {
        account.forgive_all(now.moment);
        report::opened(account, &opened, outcome, now.moment);
    }
    if let Some(closed) = change.closed {
        // A refusal is told at once, a fault once it lasts until the first probe.
        account.closure_told = closed.reason == Reason::Refused;
        if account.closure_told {
            report::refused(account, error);
        }
    }
    if account.gate.closure().is_none() {
        let failed = matches!(outcome, Outcome::Timeout | Outcome::ServerError);
        let change = account.tempo.ended(flight.channel, failed, now.moment);
        report::tempo(&account.name, change, now.moment);
    }
}

/// Applies a result to what is known of the channel.
fn apply(
    channel: &mut Channel,
    result: Result<StreamInfo, Error>,
    flight: &Flight,
    now: Now,
    rules: &Rules,
) -> Digest {
    match result {
        Ok(info) => return channel.live(now, &info, rules),
        Err(Error::NotLive) => channel.not_live(now, rules),
        Err(error) => {
            if let Error::BadResponse(BadResponse::TooLarge { .. }) = error {
                channel.too_large(flight.asked, now);
            }
            channel.no_answer(error.outcome(), &error.to_string(), now.moment);
        }
    }
    Digest::default()
}

/// What a result means for the channel's own plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Live or not live.
    Answered,
    /// The channel can't be asked.
    OwnFault,
    /// It could not be asked this time, while others could.
    Transient,
    /// Nobody can be asked at present.
    NotItsFault,
}

impl Verdict {
    fn of(outcome: Outcome, others_can_be_asked: bool) -> Self {
        match outcome {
            Outcome::Ok | Outcome::NotLive => Self::Answered,
            Outcome::Rejected | Outcome::Forbidden | Outcome::BadResponse | Outcome::ClockSkew => {
                Self::OwnFault
            }
            Outcome::ServerError | Outcome::Timeout | Outcome::ConnectionFailed
                if others_can_be_asked =>
            {
                Self::Transient
            }
            Outcome::ServerError
            | Outcome::Timeout
            | Outcome::ConnectionFailed
            | Outcome::AuthFailed
            | Outcome::Throttled => Self::NotItsFault,
        }
    }
}

/// How long something lasted, in whole seconds, for the log.
pub(super) fn lasted(since: Moment, now: Moment) -> String {
    crate::yaml::format_duration(Duration::from_secs(now.since(since).as_secs()))
}
