//! Sends due requests.

use std::sync::Arc;
use std::time::Duration;

use super::account_poller::AccountPoller;
use super::circuit_breaker::Permission;
use super::in_flight::{InFlightRequest, send_request};
use super::log_events;
use super::poll_target::PollTarget;
use super::poller::Poller;
use super::request::{PollRequest, RequestKind};
use crate::state::{NextRange, StreamSource};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{Outcome, Permit, Range, Wait};

impl Poller {
    /// Sends every request that is due and allowed. Returns when to look again at the latest, or
    /// `None` if only a completion or a configuration can change anything.
    pub(super) fn dispatch(&mut self, now: TimeSnapshot) -> Option<MonotonicInstant> {
        loop {
            let next = self.next_request();
            let Some((_, index, kind)) = next.filter(|(due, ..)| *due <= now.monotonic) else {
                self.request_missing_samples(now);
                return next.map(|(due, ..)| due);
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

    /// Sends a request for missing samples, if polls leave calls for it. What is not sent now is
    /// sent with a later tick.
    fn request_missing_samples(&mut self, now: TimeSnapshot) {
        let Some(missing) = self.context.missing_samples.clone() else {
            return;
        };
        let is_due = self
            .spare_calls
            .next()
            .is_some_and(|at| at <= now.monotonic);
        let is_slow =
            self.global_backoff.is_paused() || self.global_backoff.speed(now.monotonic) < 1.0;
        if !is_due || is_slow {
            return;
        }
        let Some((channel, range)) = missing.take_range() else {
            return;
        };
        self.spare_calls.advance(now.monotonic);
        let mut accounts = self.accounts.iter_mut();
        let account = accounts.find(|account| account.queue.get(channel).is_some());
        let account = account.filter(|account| {
            let target = account.queue.get(channel);
            // Another call than that of the channel's source would find nothing.
            matches!(account.breaker.permission(), Permission::Unlimited)
                && target.is_some_and(|target| target.sources.is_settled)
        });
        let permit = account.and_then(|account| {
            let permit = self.context.limiter.try_acquire().ok()?;
            Some((account, permit))
        });
        let Some((account, permit)) = permit else {
            missing.range_failed(channel, range, Outcome::Throttled);
            return;
        };
        let target = account.queue.get(channel);
        let source = target.map_or(StreamSource::Tencent, |target| target.sources.source);
        let channel_ids = target.map(|target| Arc::clone(&target.channel.id));
        let request = PollRequest::MissingSamples {
            channel,
            range,
            source,
        };
        let client = Arc::clone(&account.client);
        let channel_ids = channel_ids.into_iter().collect();
        let call = send_request(client, None, permit, request.clone(), channel_ids);
        account.in_flight += 1;
        self.spare_calls.in_flight += 1;
        let in_flight = InFlightRequest {
            account: account.id,
            client_generation: account.client_generation,
            request,
            kind: RequestKind::Regular,
            started: now.monotonic,
            virtual_started: account.clock.now(now.monotonic),
        };
        let task = self.tasks.spawn(call);
        self.in_flight.insert(task.id(), in_flight);
        account.update_clock(now.monotonic);
    }

    /// Sends due calls about accounts, one an account, where calls flow.
    pub(super) fn request_account_data(&mut self, now: TimeSnapshot) {
        if self.global_backoff.is_paused() {
            return;
        }
        for account in &mut self.accounts {
            if !matches!(account.breaker.permission(), Permission::Unlimited) {
                continue;
            }
            let Some(call) = account.calls.next(now) else {
                continue;
            };
            // Only now: a permit counts against the limit, used or not.
            let Ok(permit) = self.context.limiter.try_acquire() else {
                return;
            };
            account.calls.sent();
            let request = PollRequest::Account(call);
            let client = Arc::clone(&account.client);
            let call = send_request(client, None, permit, request.clone(), Vec::new());
            account.in_flight += 1;
            let in_flight = InFlightRequest {
                account: account.id,
                client_generation: account.client_generation,
                request,
                kind: RequestKind::Regular,
                started: now.monotonic,
                virtual_started: account.clock.now(now.monotonic),
            };
            let task = self.tasks.spawn(call);
            self.in_flight.insert(task.id(), in_flight);
        }
    }

    /// Returns when the next request is due, or was, the account's index, and the kind of request.
    fn next_request(&self) -> Option<(MonotonicInstant, usize, RequestKind)> {
        let accounts = self.accounts.iter().enumerate();
        if self.global_backoff.is_paused() {
            let due = self.global_backoff.next_probe()?;
            // An account that works says more than one with a fault of its own.
            let waiting = accounts.filter(|(_, account)| account.has_waiting());
            let (index, _) = waiting.min_by_key(|(_, account)| !account.breaker.is_closed())?;
            return Some((due, index, RequestKind::GlobalProbe));
        }
        let reserved: usize = self.accounts.iter().map(|a| self.reserved_slots(a)).sum();
        let in_flight: usize = self.accounts.iter().map(|a| a.in_flight).sum();
        let requests = accounts.filter_map(|(index, account)| {
            let own = self.reserved_slots(account);
            let has_slot = own > 0 || in_flight + reserved - own < self.config.api.max_in_flight;
            let (due, kind) = account.next_request().filter(|_| has_slot)?;
            Some((due, index, kind))
        });
        requests.min_by_key(|(due, index, _)| (*due, *index))
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
        let share = self.config.api.max_in_flight / (2 * self.accounts.len().max(1));
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
        let Some(mut request) = request else {
            return;
        };
        if let PollRequest::StreamInfo { channel, range } = &mut request
            && let Some(target) = account.queue.get(*channel)
        {
            *range = range_of(
                target,
                StreamSource::Tencent,
                now,
                self.config.poll.lookback,
            );
        }
        if let PollRequest::Live { batch, range, .. } = &mut request
            && let Some(target) = batch.channels.first().and_then(|k| account.queue.get(*k))
        {
            let v4 = StreamSource::ListStreamInfo;
            *range = range_of(target, v4, now, self.config.poll.lookback);
        }
        let channels = request.channels().iter();
        let targets = channels.filter_map(|key| account.queue.get(*key));
        let channel_ids = targets.map(|target| Arc::clone(&target.channel.id));
        let client = Arc::clone(&account.client);
        let secret = account.secret_to_reload();
        let call = send_request(
            client,
            secret,
            permit,
            request.clone(),
            channel_ids.collect(),
        );
        self.context.metrics.observe_rate_limit_wait(waited);
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
            client_generation: account.client_generation,
            request,
            kind,
            started: now.monotonic,
            virtual_started: account.clock.now(now.monotonic),
        };
        let task = self.tasks.spawn(call);
        self.in_flight.insert(task.id(), in_flight);
        account.update_clock(now.monotonic);
    }
}

/// Returns the samples to request from a source: where the known samples are another source's,
/// the whole of `lookback`.
fn range_of(
    target: &PollTarget,
    source: StreamSource,
    now: TimeSnapshot,
    lookback: Duration,
) -> Range {
    let range = if target.sources.source == source {
        target.next_range
    } else {
        NextRange::default()
    };
    range.at(now, lookback)
}
