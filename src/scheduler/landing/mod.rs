//! Applying what came of a call.

mod page;
mod statuses;
mod stream;

pub(super) use page::{channel_meta as listed_channel_meta, exposure};

use std::time::Duration;

use super::account::Account;
use super::brake::{self, Role};
use super::errand::Errand;
use super::flight::{Answer, Flight, Landing};
use super::gate::{self, Reason};
use super::{Parts, Poller, report};
use polyv_client::clock::{Moment, Now};
use polyv_client::{Error, Outcome};

impl Poller {
    /// A call has ended.
    pub(super) fn land(&mut self, flight: &Flight, landing: Landing, now: Now) {
        let outcome = landing.outcome();
        self.tell_brake(flight, outcome, now.moment);
        let paused = self.brake.paused().is_some();
        let Some(index) = self
            .accounts
            .iter()
            .position(|account| account.serial == flight.account)
        else {
            return;
        };
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let parts = &self.parts;
        parts.metrics.polled(
            &account.name,
            flight.errand.endpoint(),
            outcome,
            landing.took,
        );
        tell_account(
            account,
            flight,
            outcome,
            landing.took,
            landing.result.as_ref().err(),
            now,
            parts,
        );
        let others_can_be_asked = account.gate.closure().is_none() && !paused;
        let verdict = Verdict::of(outcome, others_can_be_asked);
        match (&flight.errand, landing.result) {
            (Errand::Stream { .. }, Ok(Answer::Stream(info))) => {
                self.land_stream(index, flight, Ok(info), verdict, now);
            }
            (Errand::Stream { .. }, Err(error)) => {
                self.land_stream(index, flight, Err(error), verdict, now);
            }
            (Errand::Statuses(batch), Ok(Answer::Statuses(statuses))) => {
                self.land_statuses(index, flight, batch.clone(), Ok(statuses), verdict, now);
            }
            (Errand::Statuses(batch), Err(error)) => {
                self.land_statuses(index, flight, batch.clone(), Err(error), verdict, now);
            }
            (Errand::Page(page), Ok(Answer::Page(got))) => {
                self.land_page(index, flight, *page, Ok(got), verdict, now);
            }
            (Errand::Page(page), Err(error)) => {
                self.land_page(index, flight, *page, Err(error), verdict, now);
            }
            // An answer to another question: no flight brings one.
            (errand, Ok(_)) => debug_assert!(false, "{errand:?}"),
        }
    }

    fn tell_brake(&mut self, flight: &Flight, outcome: Outcome, now: Moment) {
        if flight.role == Role::PauseProbe {
            self.pause_probing = false;
        }
        let ended = brake::Ended {
            concern: flight.errand.concern(),
            outcome,
            started: flight.started,
            role: flight.role,
        };
        report::brake(self.brake.ended(ended, now), now);
    }

    /// Logs which channels turned live or not live.
    pub(super) fn report_turned(&mut self, now: Now) {
        for turned in self.parts.store.expire(now) {
            for account in &self.accounts {
                if let Some(channel) = account.roster.get(turned.key) {
                    report::turned(&account.name, channel, &turned);
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
        concern: flight.errand.concern(),
        outcome,
        started: flight.started,
        probe: flight.role != Role::Regular,
        all: match &flight.errand {
            Errand::Stream { channel, .. } => account.is_all(&[*channel]),
            Errand::Statuses(batch) => account.is_all(&batch.channels),
            Errand::Page(_) => account.roster.len() == 0,
        },
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
        let concern = flight.errand.concern();
        let change = account.tempo.ended(concern, failed, now.moment);
        report::tempo(&account.name, change, now.moment);
    }
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
    crate::config::format_duration(Duration::from_secs(now.since(since).as_secs()))
}
