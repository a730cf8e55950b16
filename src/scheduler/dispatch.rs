//! Sending what is due.

use std::sync::Arc;
use std::time::Duration;

use super::account_poller::AccountPoller;
use super::circuit_breaker::{OpenReason, Permission};
use super::global_backoff::RequestKind;
use super::in_flight::{ApiCall, InFlightRequest, SecretRefresh, send_request};
use super::log_events;
use super::poller::Poller;
use super::request::PollRequest;
use crate::config::SecretSource;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{Permit, Wait};

impl Poller {
    /// Sends all that is due and allowed now. Returns when to look again at the latest;
    /// `None` where only the end of a call or new update can change anything.
    pub(super) fn dispatch(&mut self, now: TimeSnapshot) -> Option<MonotonicInstant> {
        loop {
            let Some((index, kind)) = self.select(now.monotonic) else {
                return self.next_wake(now.monotonic);
            };
            match self.context.limiter.try_acquire() {
                Ok(permit) => self.start(index, kind, permit, now),
                Err(Wait::Until(instant)) => {
                    let until = self.context.clock.host().monotonic_at(instant);
                    return Some(until + Duration::from_millis(1));
                }
                Err(Wait::UntilSlotFree) => return None,
            }
        }
    }

    /// Which account sends next, and what for: among those that may, the one whose call is
    /// the most overdue.
    fn select(&mut self, now: MonotonicInstant) -> Option<(usize, RequestKind)> {
        if let Some(until) = self.global_backoff.next_probe() {
            if now < until || self.global_probe_in_flight {
                return None;
            }
            // An account that works tells more than one that is closed for its own reasons.
            let waiting = self
                .accounts
                .iter()
                .enumerate()
                .filter(|(_, account)| account.has_waiting());
            let (index, _) =
                waiting.min_by_key(|(_, account)| account.breaker.outage().is_some())?;
            return Some((index, RequestKind::GlobalProbe));
        }
        let reserved: usize = self
            .accounts
            .iter()
            .map(|account| self.reserved_slots(account))
            .sum();
        let in_flight: usize = self.accounts.iter().map(|account| account.in_flight).sum();
        self.accounts
            .iter()
            .enumerate()
            .filter_map(|(index, account)| {
                let (kind, since) = next_candidate(account, now)?;
                let own = self.reserved_slots(account);
                let others = reserved - own;
                let room = own > 0 || in_flight + others < self.max_in_flight;
                room.then_some((since, index, kind))
            })
            .min_by_key(|(since, index, _)| (*since, *index))
            .map(|(_, index, kind)| (index, kind))
    }

    /// How many of the calls under way are kept free for an account, beyond those it has:
    /// what it needs when answers take a second. So an account whose calls hang never takes
    /// the others' turns.
    fn reserved_slots(&self, account: &AccountPoller) -> usize {
        if !account.has_work() {
            return 0;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let needs = account.calls_per_second().ceil() as usize;
        let share = self.max_in_flight / (2 * self.accounts.len().max(1));
        needs
            .clamp(1, share.max(1))
            .saturating_sub(account.in_flight)
    }

    fn start(&mut self, index: usize, kind: RequestKind, permit: Permit, now: TimeSnapshot) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let waited = match (kind, account.next_due()) {
            (RequestKind::Regular, Some(due)) => now.monotonic.since(due),
            _ => Duration::ZERO,
        };
        let request = match kind {
            RequestKind::Regular => account.pop_due(now.monotonic),
            RequestKind::AccountProbe | RequestKind::GlobalProbe => {
                account.pop_probe(now.monotonic)
            }
        };
        let Some((request, question)) =
            request.and_then(|request| build_call(request, account, self.poll.lookback, now))
        else {
            return;
        };
        self.context.metrics.waited(waited);
        // A file may hold another secret by now; the other sources can't have changed.
        let refused = account
            .breaker
            .outage()
            .is_some_and(|outage| outage.reason == OpenReason::Refused);
        let secret_refresh = match &account.secret {
            source @ SecretSource::File(_) if refused => Some(SecretRefresh {
                source: source.clone(),
                reading: Arc::clone(&account.reading_secret),
            }),
            _ => None,
        };
        account.in_flight += 1;
        match kind {
            RequestKind::Regular => {}
            RequestKind::AccountProbe => account.probe_in_flight = true,
            RequestKind::GlobalProbe => self.global_probe_in_flight = true,
        }
        if kind == RequestKind::AccountProbe && !account.outage_logged {
            // It lasted until its first probe, so it is worth a line.
            account.outage_logged = true;
            log_events::breaker_opened(account, now.monotonic);
        }
        let in_flight = InFlightRequest {
            account: account.id,
            credentials: account.credentials,
            request,
            kind,
            started: now.monotonic,
            virtual_started: account.virtual_clock.now(now.monotonic),
        };
        let client = Arc::clone(&account.client);
        let task = self
            .tasks
            .spawn(send_request(client, secret_refresh, permit, question));
        self.in_flight.insert(task.id(), in_flight);
        // One call may be all that is allowed.
        let speed = if account.is_running() {
            account.virtual_clock.speed()
        } else {
            0.0
        };
        account.virtual_clock.set_speed(speed, now.monotonic);
    }

    /// When something may be sent that may not yet.
    fn next_wake(&self, now: MonotonicInstant) -> Option<MonotonicInstant> {
        if let Some(until) = self.global_backoff.next_probe() {
            // A probe that is due already waits for a channel to ask.
            return Some(until).filter(|until| !self.global_probe_in_flight && *until > now);
        }
        self.accounts
            .iter()
            .filter_map(|account| match account.breaker.permission() {
                Permission::HalfOpenProbe(until) => (!account.probe_in_flight).then_some(until),
                Permission::Unlimited | Permission::Serial => account.next_due(),
            })
            // What is due already waits for the end of a call.
            .filter(|moment| *moment > now)
            .min()
    }
}

/// What an account could send now, and since when that has been due.
fn next_candidate(
    account: &AccountPoller,
    now: MonotonicInstant,
) -> Option<(RequestKind, MonotonicInstant)> {
    if !account.has_waiting() {
        return None;
    }
    match account.breaker.permission() {
        Permission::Unlimited | Permission::Serial => {
            let due = account.is_due(now).then(|| account.next_due()).flatten()?;
            Some((RequestKind::Regular, due))
        }
        Permission::HalfOpenProbe(until) => {
            (until <= now && !account.probe_in_flight).then_some((RequestKind::AccountProbe, until))
        }
    }
}

/// What an request comes to, now that it is sent: which samples are asked for, and by which
/// numbers channels are called. `None` where nobody is left to be asked about.
fn build_call(
    request: PollRequest,
    account: &mut AccountPoller,
    lookback: Duration,
    now: TimeSnapshot,
) -> Option<(PollRequest, ApiCall)> {
    match request {
        PollRequest::StreamInfo { channel, .. } => {
            let target = account.queue.get(channel)?;
            let id = Arc::clone(&target.id);
            let asked = target.next_range.at(now, lookback);
            Some((
                PollRequest::StreamInfo { channel, asked },
                ApiCall::StreamInfo(id, asked),
            ))
        }
        PollRequest::LiveStatus(batch) => {
            let targets = batch.channels.iter();
            let ids: Vec<Arc<str>> = targets
                .filter_map(|key| Some(Arc::clone(&account.queue.get(*key)?.id)))
                .collect();
            if ids.is_empty() {
                // All of them have left.
                if batch.isolated {
                    account.batch_status.isolated_done();
                }
                return None;
            }
            Some((PollRequest::LiveStatus(batch), ApiCall::LiveStatus(ids)))
        }
        PollRequest::ChannelPage(page) => {
            Some((PollRequest::ChannelPage(page), ApiCall::ChannelPage(page)))
        }
    }
}
