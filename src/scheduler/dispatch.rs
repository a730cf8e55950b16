//! Sending what is due.

use std::sync::Arc;
use std::time::Duration;

use super::account::Account;
use super::brake::Role;
use super::errand::Errand;
use super::flight::{Flight, Question, Renewal, fly};
use super::gate::{Admission, Reason};
use super::{Poller, report};
use crate::config::SecretSource;
use crate::metrics::ChannelStore;
use polyv_client::clock::{Moment, Now};
use polyv_client::{Permit, Wait};

impl Poller {
    /// Sends all that is due and allowed now. Returns when to look again at the latest;
    /// `None` where only the end of a call or new orders can change anything.
    pub(super) fn dispatch(&mut self, now: Now) -> Option<Moment> {
        loop {
            let Some((index, role)) = self.choose(now.moment) else {
                return self.next_wake(now.moment);
            };
            match self.parts.limiter.try_acquire() {
                Ok(permit) => self.launch(index, role, permit, now),
                Err(Wait::Until(instant)) => {
                    let until = self.parts.clock.host().moment_of(instant);
                    return Some(until + Duration::from_millis(1));
                }
                Err(Wait::UntilOneEnds) => return None,
            }
        }
    }

    /// Which account sends next, and what for: among those that may, the one whose call is
    /// the most overdue.
    fn choose(&mut self, now: Moment) -> Option<(usize, Role)> {
        if let Some(until) = self.brake.next_probe() {
            if now < until || self.pause_probing {
                return None;
            }
            // An account that works tells more than one that is closed for its own reasons.
            let waiting = self
                .accounts
                .iter()
                .enumerate()
                .filter(|(_, account)| account.has_waiting());
            let (index, _) = waiting.min_by_key(|(_, account)| account.gate.closure().is_some())?;
            return Some((index, Role::PauseProbe));
        }
        let reserved: usize = self
            .accounts
            .iter()
            .map(|account| self.reserve(account))
            .sum();
        let in_flight: usize = self.accounts.iter().map(|account| account.in_flight).sum();
        self.accounts
            .iter()
            .enumerate()
            .filter_map(|(index, account)| {
                let (role, since) = candidate(account, now)?;
                let own = self.reserve(account);
                let others = reserved - own;
                let room = own > 0 || in_flight + others < self.max_in_flight;
                room.then_some((since, index, role))
            })
            .min_by_key(|(since, index, _)| (*since, *index))
            .map(|(_, index, role)| (index, role))
    }

    /// How many of the calls under way are kept free for an account, beyond those it has:
    /// what it needs when answers take a second. So an account whose calls hang never takes
    /// the others' turns.
    fn reserve(&self, account: &Account) -> usize {
        if !account.has_errands() {
            return 0;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let needs = account.calls_a_second().ceil() as usize;
        let share = self.max_in_flight / (2 * self.accounts.len().max(1));
        needs
            .clamp(1, share.max(1))
            .saturating_sub(account.in_flight)
    }

    fn launch(&mut self, index: usize, role: Role, permit: Permit, now: Now) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let waited = match (role, account.next_due()) {
            (Role::Regular, Some(due)) => now.moment.since(due),
            _ => Duration::ZERO,
        };
        let errand = match role {
            Role::Regular => account.take_first(now.moment),
            Role::AccountProbe | Role::PauseProbe => account.take_probe(now.moment),
        };
        let Some((errand, question)) =
            errand.and_then(|errand| question(errand, account, &self.parts.store, now))
        else {
            return;
        };
        self.parts.metrics.waited(waited);
        // A file may hold another secret by now; the other sources can't have changed.
        let refused = account
            .gate
            .closure()
            .is_some_and(|closure| closure.reason == Reason::Refused);
        let renewal = match &account.secret {
            source @ SecretSource::File(_) if refused => Some(Renewal {
                source: source.clone(),
                reading: Arc::clone(&account.reading_secret),
            }),
            _ => None,
        };
        account.in_flight += 1;
        match role {
            Role::Regular => {}
            Role::AccountProbe => account.probing = true,
            Role::PauseProbe => self.pause_probing = true,
        }
        if role == Role::AccountProbe && !account.closure_told {
            // It lasted until its first probe, so it is worth a line.
            account.closure_told = true;
            report::closed(account, now.moment);
        }
        let flight = Flight {
            account: account.serial,
            credentials: account.credentials,
            errand,
            role,
            started: now.moment,
            planned: account.timeline.now(now.moment),
        };
        let client = Arc::clone(&account.client);
        let task = self.flights.spawn(fly(client, renewal, permit, question));
        self.under_way.insert(task.id(), flight);
        // One call may be all that is allowed.
        let speed = if account.runs() {
            account.timeline.speed()
        } else {
            0.0
        };
        account.timeline.set_speed(speed, now.moment);
    }

    /// When something may be sent that may not yet.
    fn next_wake(&self, now: Moment) -> Option<Moment> {
        if let Some(until) = self.brake.next_probe() {
            // A probe that is due already waits for a channel to ask.
            return Some(until).filter(|until| !self.pause_probing && *until > now);
        }
        self.accounts
            .iter()
            .filter_map(|account| match account.gate.admits() {
                Admission::Probe(until) => (!account.probing).then_some(until),
                Admission::All | Admission::OneByOne => account.next_due(),
            })
            // What is due already waits for the end of a call.
            .filter(|moment| *moment > now)
            .min()
    }
}

/// What an account could send now, and since when that has been due.
fn candidate(account: &Account, now: Moment) -> Option<(Role, Moment)> {
    if !account.has_waiting() {
        return None;
    }
    match account.gate.admits() {
        Admission::All | Admission::OneByOne => {
            let due = account.is_due(now).then(|| account.next_due()).flatten()?;
            Some((Role::Regular, due))
        }
        Admission::Probe(until) => {
            (until <= now && !account.probing).then_some((Role::AccountProbe, until))
        }
    }
}

/// What an errand comes to, now that it is sent: which samples are asked for, and by which
/// numbers channels are called. `None` where nobody is left to be asked about.
fn question(
    errand: Errand,
    account: &mut Account,
    store: &ChannelStore,
    now: Now,
) -> Option<(Errand, Question)> {
    match errand {
        Errand::Stream { channel, .. } => {
            let id = Arc::clone(&account.roster.get(channel)?.id);
            let asked = store
                .read(channel, |channel, rules| channel.question(now, rules))
                .unwrap_or_default();
            Some((
                Errand::Stream { channel, asked },
                Question::Stream(id, asked),
            ))
        }
        Errand::Statuses(batch) => {
            let watched = batch.channels.iter();
            let ids: Vec<Arc<str>> = watched
                .filter_map(|key| Some(Arc::clone(&account.roster.get(*key)?.id)))
                .collect();
            if ids.is_empty() {
                // All of them have left.
                if batch.apart {
                    account.bulk.returned();
                }
                return None;
            }
            Some((Errand::Statuses(batch), Question::Statuses(ids)))
        }
        Errand::Page(page) => Some((Errand::Page(page), Question::Page(page))),
    }
}
