//! Sends due requests.

use std::sync::Arc;
use std::time::Duration;

use super::account_poller::AccountPoller;
use super::circuit_breaker::Permission;
use super::in_flight::{ApiCall, InFlightRequest, SecretRefresh, send_request};
use super::log_events;
use super::poller::Poller;
use super::request::{PollRequest, RequestKind};
use crate::config::SecretSource;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{Permit, Wait};

impl Poller {
    /// Sends every request that is due and allowed. Returns when to look again at the latest, or
    /// `None` if only a completion or a configuration can change anything.
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

    /// Selects the account whose next request is the most overdue, and the kind of that request.
    fn select(&self, now: MonotonicInstant) -> Option<(usize, RequestKind)> {
        let accounts = self.accounts.iter().enumerate();
        if self.global_backoff.is_paused() {
            self.global_backoff.next_probe().filter(|at| *at <= now)?;
            // An account that works says more than one with a fault of its own.
            let waiting = accounts.filter(|(_, account)| account.has_waiting());
            let (index, _) = waiting.min_by_key(|(_, account)| !account.breaker.is_closed())?;
            return Some((index, RequestKind::GlobalProbe));
        }
        let reserved: usize = self.accounts.iter().map(|a| self.reserved_slots(a)).sum();
        let in_flight: usize = self.accounts.iter().map(|a| a.in_flight).sum();
        let candidates = accounts.filter_map(|(index, account)| {
            let (kind, since) = next_candidate(account, now)?;
            let own = self.reserved_slots(account);
            let has_slot = own > 0 || in_flight + reserved - own < self.max_in_flight;
            has_slot.then_some((since, index, kind))
        });
        let (_, index, kind) = candidates.min_by_key(|(since, index, _)| (*since, *index))?;
        Some((index, kind))
    }

    /// Returns how many in-flight slots are reserved for an account, beyond those that it uses:
    /// what it needs while responses take a second. An account whose calls hang does not delay the
    /// others.
    fn reserved_slots(&self, account: &AccountPoller) -> usize {
        if !account.has_work() {
            return 0;
        }
        let needed = account.demand().total().ceil();
        // A float becomes the nearest integer, and the share bounds it.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let needed = needed as usize;
        let share = self.max_in_flight / (2 * self.accounts.len().max(1));
        let slots = needed.clamp(1, share.max(1));
        slots.saturating_sub(account.in_flight)
    }

    fn start(&mut self, index: usize, kind: RequestKind, permit: Permit, now: TimeSnapshot) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let (request, waited) = match kind {
            RequestKind::Regular => {
                let due = account.next_due().unwrap_or(now.monotonic);
                (account.pop_due(now.monotonic), now.monotonic.since(due))
            }
            RequestKind::AccountProbe | RequestKind::GlobalProbe => {
                (account.pop_probe(now.monotonic), Duration::ZERO)
            }
        };
        let Some((request, call)) =
            request.and_then(|request| build_call(request, account, self.poll.lookback, now))
        else {
            return;
        };
        self.context.metrics.observe_rate_limit_wait(waited);
        let secret_refresh = secret_refresh(account);
        account.in_flight += 1;
        match kind {
            RequestKind::Regular => {}
            RequestKind::AccountProbe => {
                account.breaker.start_probe();
                // The outage lasted until its first probe, so it is worth a log line.
                if !std::mem::replace(&mut account.outage_logged, true) {
                    log_events::breaker_opened(account, now.monotonic);
                }
            }
            RequestKind::GlobalProbe => self.global_backoff.start_probe(),
        }
        let in_flight = InFlightRequest {
            account: account.id,
            credentials: account.credentials,
            request,
            kind,
            started: now.monotonic,
            virtual_started: account.clock.now(now.monotonic),
        };
        let client = Arc::clone(&account.client);
        let task = send_request(client, secret_refresh, permit, call);
        let task = self.tasks.spawn(task);
        self.in_flight.insert(task.id(), in_flight);
        account.update_clock(now.monotonic);
    }

    /// Returns when a request may be sent that may not be sent yet.
    fn next_wake(&self, now: MonotonicInstant) -> Option<MonotonicInstant> {
        // A request that is due already waits for a completion, or for a channel to poll.
        if self.global_backoff.is_paused() {
            return self.global_backoff.next_probe().filter(|at| *at > now);
        }
        let wakes = self
            .accounts
            .iter()
            .filter_map(|account| match account.breaker.permission() {
                Permission::HalfOpenProbe(at) => Some(at),
                Permission::Blocked => None,
                Permission::Unlimited | Permission::Serial => account.next_due(),
            });
        wakes.filter(|at| *at > now).min()
    }
}

/// Returns the kind of request that an account may send now, and since when that has been due.
fn next_candidate(
    account: &AccountPoller,
    now: MonotonicInstant,
) -> Option<(RequestKind, MonotonicInstant)> {
    let (kind, due) = match account.breaker.permission() {
        Permission::Unlimited | Permission::Serial if account.is_running() => {
            (RequestKind::Regular, account.next_due()?)
        }
        Permission::HalfOpenProbe(at) if account.has_waiting() => (RequestKind::AccountProbe, at),
        _ => return None,
    };
    (due <= now).then_some((kind, due))
}

/// Returns the secret to read again: a file may have another one by now, other sources cannot.
fn secret_refresh(account: &AccountPoller) -> Option<SecretRefresh> {
    match &account.secret {
        source @ SecretSource::File(_) if account.breaker.is_auth_refused() => {
            Some(SecretRefresh {
                source: source.clone(),
                reading: Arc::clone(&account.reading_secret),
            })
        }
        _ => None,
    }
}

/// Builds the call for a request: channel ids, and the range of samples. Returns `None` if all of
/// its channels were removed.
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
            let range = target.next_range.at(now, lookback);
            let request = PollRequest::StreamInfo { channel, range };
            Some((request, ApiCall::StreamInfo(id, range)))
        }
        PollRequest::LiveStatus(batch) => {
            let targets = batch
                .channels
                .iter()
                .filter_map(|key| account.queue.get(*key));
            let ids: Vec<Arc<str>> = targets.map(|target| Arc::clone(&target.id)).collect();
            if ids.is_empty() {
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
