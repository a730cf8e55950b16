//! The circuit breaker of an account.
//!
//! A refused signature, or failures of one channel after the other, are faults of the account.
//! They open the breaker: the account then sends one probe at a time, and the first success closes
//! it. While it is closed, calls flow.

use std::time::Duration;

use super::failure_streak::FailureStreak;
use super::request::{CompletedCall, RequestKind};
use polyv_client::Outcome;
use polyv_client::clock::MonotonicInstant;

/// The weight of one call in the error rate.
const EWMA_ALPHA: f64 = 0.02;
/// Consecutive failures over two channels that open the breaker while few calls fail.
const MIN_FAILURE_THRESHOLD: u32 = 2;
const MAX_FAILURE_THRESHOLD: u32 = 10;
/// A streak of failures is a coincidence if the error rate makes it more likely than this.
const COINCIDENCE_PROBABILITY: f64 = 0.01;

/// The circuit breaker of one account.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    state: BreakerState,
    /// Whether Polyv ever accepted the account's signature.
    auth_verified: bool,
    streak: Option<FailureStreak>,
    /// The share of recent calls that failed.
    error_rate_ewma: f64,
    /// When the newest of all calls with a response started.
    last_response_started: MonotonicInstant,
}

#[derive(Debug)]
enum BreakerState {
    /// Calls flow.
    Closed,
    /// Calls are blocked until the next probe.
    Open(Outage),
    /// A probe is in flight, other calls are blocked.
    HalfOpen(Outage),
}

/// Why, since when and until when a breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) reason: OpenReason,
    /// When the first failed call started.
    pub(super) since: MonotonicInstant,
    pub(super) failures: u64,
    /// When the next probe may be sent.
    until: MonotonicInstant,
    delay: Duration,
}

/// Why a breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenReason {
    /// Channels fail one after the other.
    Fault,
    /// Polyv refuses the account's appId or signature.
    AuthRefused,
}

/// What an account may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    /// Every due call.
    Unlimited,
    /// One call at a time, since no signature was accepted yet.
    Serial,
    /// One probe, at the given time or later.
    HalfOpenProbe(MonotonicInstant),
    /// Nothing while a probe is in flight.
    Blocked,
}

/// What a call changed. One call can do both: it ends a fault when Polyv refuses its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct BreakerTransition {
    /// The outage that is over.
    pub(super) recovered: Option<Outage>,
    /// The outage that has begun.
    pub(super) tripped: Option<Outage>,
}

// === impl CircuitBreaker ===

impl CircuitBreaker {
    /// Creates the closed breaker of an account that made no call yet.
    pub(super) const fn new() -> Self {
        Self {
            state: BreakerState::Closed,
            auth_verified: false,
            streak: None,
            error_rate_ewma: 0.0,
            last_response_started: MonotonicInstant::from_millis(0),
        }
    }

    pub(super) const fn permission(&self) -> Permission {
        match &self.state {
            BreakerState::Open(outage) => Permission::HalfOpenProbe(outage.until),
            BreakerState::HalfOpen(_) => Permission::Blocked,
            BreakerState::Closed if self.auth_verified => Permission::Unlimited,
            BreakerState::Closed => Permission::Serial,
        }
    }

    /// Returns the present outage, if the breaker is not closed.
    pub(super) const fn outage(&self) -> Option<&Outage> {
        match &self.state {
            BreakerState::Open(outage) | BreakerState::HalfOpen(outage) => Some(outage),
            BreakerState::Closed => None,
        }
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.outage().is_none()
    }

    /// Returns whether the account's signature is refused at present.
    pub(super) fn is_auth_refused(&self) -> bool {
        self.outage()
            .is_some_and(|outage| outage.reason == OpenReason::AuthRefused)
    }

    /// Returns how many consecutive failures more than usual are a coincidence at present.
    pub(super) fn extra_tolerated_failures(&self) -> u32 {
        failure_threshold(self.error_rate_ewma) - MIN_FAILURE_THRESHOLD
    }

    /// Records that a probe was sent.
    pub(super) const fn start_probe(&mut self) {
        if let BreakerState::Open(outage) = self.state {
            self.state = BreakerState::HalfOpen(outage);
        }
    }

    /// Records the end of a call.
    pub(super) fn record(
        &mut self,
        call: CompletedCall,
        now: MonotonicInstant,
    ) -> BreakerTransition {
        match call.outcome {
            Outcome::Ok | Outcome::NotLive => {
                self.auth_verified = true;
                self.record_response(call);
                self.close()
            }
            Outcome::AuthFailed => {
                self.record_response(call);
                self.record_fault(OpenReason::AuthRefused, call, call.started, 1, now)
            }
            Outcome::ServerError | Outcome::Timeout | Outcome::ConnectionFailed => {
                self.record_failure(call, now)
            }
            // Polyv responds, but does not say whether it accepts the signature.
            Outcome::Rejected
            | Outcome::Forbidden
            | Outcome::BadResponse
            | Outcome::ClockSkew
            | Outcome::Throttled => {
                self.record_response(call);
                if self.is_auth_refused() {
                    self.await_next_probe(call, now);
                    return BreakerTransition::default();
                }
                self.close()
            }
        }
    }

    fn record_response(&mut self, call: CompletedCall) {
        self.streak = None;
        self.error_rate_ewma -= EWMA_ALPHA * self.error_rate_ewma;
        self.last_response_started = self.last_response_started.max(call.started);
    }

    /// Records a call without a response.
    fn record_failure(&mut self, call: CompletedCall, now: MonotonicInstant) -> BreakerTransition {
        let reason = OpenReason::Fault;
        if !self.is_closed() {
            return self.record_fault(reason, call, call.started, 1, now);
        }
        let threshold = failure_threshold(self.error_rate_ewma);
        self.error_rate_ewma += EWMA_ALPHA * (1.0 - self.error_rate_ewma);
        // A response to a call that started later is newer evidence.
        if call.started < self.last_response_started {
            return BreakerTransition::default();
        }
        let streak = FailureStreak::extend(&mut self.streak, call);
        if call.all_channels || streak.spans_channels && streak.calls >= threshold {
            let failures = u64::from(streak.calls);
            return self.record_fault(reason, call, streak.since, failures, now);
        }
        BreakerTransition::default()
    }

    /// Opens the breaker, or keeps it open.
    fn record_fault(
        &mut self,
        reason: OpenReason,
        call: CompletedCall,
        since: MonotonicInstant,
        failures: u64,
        now: MonotonicInstant,
    ) -> BreakerTransition {
        if let BreakerState::Open(outage) | BreakerState::HalfOpen(outage) = &mut self.state {
            if call.kind == RequestKind::Regular {
                // The call was sent before the breaker opened.
                outage.failures += 1;
                return BreakerTransition::default();
            }
            if outage.reason == reason {
                outage.failures += 1;
                outage.delay = (outage.delay * 2).min(reason.max_delay());
                self.await_next_probe(call, now);
                return BreakerTransition::default();
            }
            if outage.reason == OpenReason::AuthRefused {
                // No response says nothing about the signature.
                self.await_next_probe(call, now);
                return BreakerTransition::default();
            }
        }
        let recovered = self.close().recovered;
        let delay = reason.initial_delay();
        let outage = Outage {
            reason,
            since,
            failures,
            until: now + delay.max(call.retry_after.unwrap_or_default()),
            delay,
        };
        self.state = BreakerState::Open(outage);
        BreakerTransition {
            recovered,
            tripped: Some(outage),
        }
    }

    fn await_next_probe(&mut self, call: CompletedCall, now: MonotonicInstant) {
        if let Some(mut outage) = self.outage().copied() {
            outage.until = now + outage.delay.max(call.retry_after.unwrap_or_default());
            self.state = BreakerState::Open(outage);
        }
    }

    fn close(&mut self) -> BreakerTransition {
        let recovered = self.outage().copied();
        self.state = BreakerState::Closed;
        BreakerTransition {
            recovered,
            tripped: None,
        }
    }
}

/// Returns how many consecutive failures open the breaker: two, or more where calls fail often
/// enough for two in a row to be a coincidence. Opening at each of those would keep the account
/// from polling the channels that respond.
fn failure_threshold(error_rate: f64) -> u32 {
    let is_coincidence = |calls| error_rate.powf(f64::from(calls)) > COINCIDENCE_PROBABILITY;
    (MIN_FAILURE_THRESHOLD..MAX_FAILURE_THRESHOLD)
        .find(|calls| !is_coincidence(*calls))
        .unwrap_or(MAX_FAILURE_THRESHOLD)
}

// === impl OpenReason ===

impl OpenReason {
    const fn initial_delay(self) -> Duration {
        match self {
            Self::Fault => Duration::from_secs(1),
            Self::AuthRefused => Duration::from_secs(30),
        }
    }

    const fn max_delay(self) -> Duration {
        match self {
            Self::Fault => Duration::from_secs(30),
            Self::AuthRefused => Duration::from_secs(300),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ChannelKey;

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_millis(seconds * 1000)
    }

    /// The keys of two channels.
    fn keys() -> (ChannelKey, ChannelKey) {
        (ChannelKey::from_index(1), ChannelKey::from_index(2))
    }

    fn end(
        breaker: &mut CircuitBreaker,
        channel: ChannelKey,
        outcome: Outcome,
        seconds: u64,
    ) -> BreakerTransition {
        let completed = CompletedCall {
            channel: Some(channel),
            outcome,
            started: at(seconds),
            kind: if breaker.is_closed() {
                RequestKind::Regular
            } else {
                RequestKind::AccountProbe
            },
            all_channels: false,
            retry_after: None,
        };
        breaker.record(completed, at(seconds))
    }

    /// How long after `seconds` the next probe comes.
    fn next_probe(breaker: &CircuitBreaker, seconds: u64) -> u64 {
        match breaker.permission() {
            Permission::HalfOpenProbe(until) => until.since(at(seconds)).as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_one_probe_is_in_flight() {
        let (a, b) = keys();
        let mut breaker = CircuitBreaker::new();
        end(&mut breaker, a, Outcome::Timeout, 0);
        end(&mut breaker, b, Outcome::Timeout, 1);
        breaker.start_probe();
        assert_eq!(breaker.permission(), Permission::Blocked);
        end(&mut breaker, a, Outcome::Timeout, 2);
        assert_eq!(next_probe(&breaker, 2), 2);
    }

    #[test]
    fn calls_are_serial_until_a_signature_is_accepted() {
        let (a, _) = keys();
        let mut breaker = CircuitBreaker::new();
        for outcome in [Outcome::Rejected, Outcome::BadResponse, Outcome::ClockSkew] {
            end(&mut breaker, a, outcome, 1);
            assert_eq!(breaker.permission(), Permission::Serial);
        }
        end(&mut breaker, a, Outcome::NotLive, 2);
        assert_eq!(breaker.permission(), Permission::Unlimited);
    }

    #[test]
    fn two_failing_channels_open_the_breaker_and_one_does_not() {
        let (a, b) = keys();
        for outcome in [
            Outcome::Timeout,
            Outcome::ServerError,
            Outcome::ConnectionFailed,
        ] {
            let mut breaker = CircuitBreaker::new();
            end(&mut breaker, a, Outcome::Ok, 0);
            assert_eq!(
                end(&mut breaker, a, outcome, 10),
                BreakerTransition::default()
            );
            assert_eq!(
                end(&mut breaker, a, outcome, 20),
                BreakerTransition::default()
            );
            end(&mut breaker, b, Outcome::Ok, 21);
            assert_eq!(
                end(&mut breaker, a, outcome, 30),
                BreakerTransition::default()
            );
            let closed = end(&mut breaker, b, outcome, 31).tripped.unwrap();
            assert_eq!(closed.reason, OpenReason::Fault);
            let waits = (0..7).map(|_| {
                let wait = next_probe(&breaker, 31);
                end(&mut breaker, a, outcome, 31);
                wait
            });
            assert_eq!(waits.collect::<Vec<_>>(), [1, 2, 4, 8, 16, 30, 30]);
            let opened = end(&mut breaker, a, Outcome::NotLive, 900)
                .recovered
                .unwrap();
            assert_eq!(opened.failures, 9);
            assert_eq!(breaker.permission(), Permission::Unlimited);
        }
    }

    #[test]
    fn threshold_rises_with_the_error_rate() {
        let (a, b) = keys();
        let mut breaker = CircuitBreaker::new();
        for round in 0..200 {
            // One call in three fails, and sometimes two in a row.
            let channel = if round % 2 == 0 { a } else { b };
            let failed = round % 3 == 0 || round % 12 == 1;
            let outcome = if failed {
                Outcome::Timeout
            } else {
                Outcome::Ok
            };
            let change = end(&mut breaker, channel, outcome, round);
            assert!(round < 100 || change.tripped.is_none(), "{round}");
        }
        let tripped_after = (200..210)
            .map(|round| {
                let channel = if round % 2 == 0 { a } else { b };
                end(&mut breaker, channel, Outcome::Timeout, round).tripped
            })
            .position(|tripped| tripped.is_some());
        assert!(
            (3..=6).contains(&tripped_after.unwrap()),
            "{tripped_after:?}"
        );
    }

    #[test]
    fn failure_of_the_only_channel_opens_the_breaker() {
        let (a, _) = keys();
        let mut breaker = CircuitBreaker::new();
        let completed = CompletedCall {
            channel: Some(a),
            outcome: Outcome::Timeout,
            started: at(0),
            kind: RequestKind::Regular,
            all_channels: true,
            retry_after: None,
        };
        assert!(breaker.record(completed, at(15)).tripped.is_some());
    }

    #[test]
    fn failures_of_calls_older_than_a_response_are_ignored() {
        let (a, b) = keys();
        let mut breaker = CircuitBreaker::new();
        end(&mut breaker, a, Outcome::Ok, 20);
        for channel in [a, b, a, b] {
            let completed = CompletedCall {
                channel: Some(channel),
                outcome: Outcome::Timeout,
                started: at(10),
                kind: RequestKind::Regular,
                all_channels: false,
                retry_after: None,
            };
            assert_eq!(
                breaker.record(completed, at(25)),
                BreakerTransition::default()
            );
        }
        assert_eq!(breaker.permission(), Permission::Unlimited);
    }

    #[test]
    fn refused_signature_is_probed_after_30_s_doubling_to_5_minutes() {
        let (a, b) = keys();
        let mut breaker = CircuitBreaker::new();
        assert_eq!(
            end(&mut breaker, a, Outcome::AuthFailed, 0)
                .tripped
                .unwrap()
                .reason,
            OpenReason::AuthRefused
        );
        // Calls that were in flight are ignored.
        let in_flight = CompletedCall {
            channel: Some(b),
            outcome: Outcome::AuthFailed,
            started: at(0),
            kind: RequestKind::Regular,
            all_channels: false,
            retry_after: None,
        };
        breaker.record(in_flight, at(1));
        let waits = (0..6).map(|_| {
            let wait = next_probe(&breaker, 0);
            end(&mut breaker, b, Outcome::AuthFailed, 0);
            wait
        });
        assert_eq!(waits.collect::<Vec<_>>(), [30, 60, 120, 240, 300, 300]);
        // Neither another rejection nor a failure verifies the signature.
        end(&mut breaker, a, Outcome::Rejected, 1000);
        assert_eq!(next_probe(&breaker, 1000), 300);
        end(&mut breaker, a, Outcome::Timeout, 2000);
        assert_eq!(next_probe(&breaker, 2000), 300);
        assert!(end(&mut breaker, a, Outcome::Ok, 3000).recovered.is_some());
    }

    #[test]
    fn refused_signature_ends_a_fault_and_opens_the_breaker_again() {
        let (a, b) = keys();
        let mut breaker = CircuitBreaker::new();
        end(&mut breaker, a, Outcome::Timeout, 0);
        end(&mut breaker, b, Outcome::Timeout, 1);
        let change = end(&mut breaker, a, Outcome::AuthFailed, 10);
        assert_eq!(change.recovered.unwrap().reason, OpenReason::Fault);
        assert_eq!(change.tripped.unwrap().reason, OpenReason::AuthRefused);
        assert_eq!(next_probe(&breaker, 10), 30);
    }

    #[test]
    fn retry_after_delays_the_next_probe() {
        let (a, _) = keys();
        let mut breaker = CircuitBreaker::new();
        let mut fail = |kind, retry_after| {
            let completed = CompletedCall {
                kind,
                channel: Some(a),
                outcome: Outcome::ServerError,
                started: at(0),
                all_channels: true,
                retry_after,
            };
            breaker.record(completed, at(0));
            next_probe(&breaker, 0)
        };
        let ten_minutes = Some(Duration::from_secs(600));
        assert_eq!(fail(RequestKind::Regular, ten_minutes), 600);
        assert_eq!(fail(RequestKind::AccountProbe, ten_minutes), 600);
        // Without it the back-off of its own goes on.
        assert_eq!(fail(RequestKind::AccountProbe, None), 4);
    }

    #[test]
    fn two_failed_batches_open_the_breaker_and_one_does_not() {
        let mut breaker = CircuitBreaker::new();
        let completed = CompletedCall {
            channel: None,
            outcome: Outcome::Timeout,
            started: at(0),
            kind: RequestKind::Regular,
            all_channels: false,
            retry_after: None,
        };
        assert_eq!(
            breaker.record(completed, at(15)),
            BreakerTransition::default()
        );
        assert!(breaker.record(completed, at(16)).tripped.is_some());
    }
}
