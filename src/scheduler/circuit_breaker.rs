//! Whether an account's channels may be asked.
//!
//! Some faults are not one channel's but its account's: a refused signature, and failures
//! that hit one channel after the other. Then the account as a whole backoff back and sends one
//! probe at a time, and the first success opens it again for all.

use std::time::Duration;

use super::request::FailureScope;
use polyv_client::Outcome;
use polyv_client::clock::MonotonicInstant;

/// Back-off of a shared fault: from 1 s, doubling to 30 s.
const FAULT_BACKOFF: BackoffRange = BackoffRange {
    initial: Duration::from_secs(1),
    max: Duration::from_secs(30),
};
/// After a refused signature: every 30 s, doubling to 5 minutes.
const AUTH_BACKOFF: BackoffRange = BackoffRange {
    initial: Duration::from_secs(30),
    max: Duration::from_secs(300),
};

/// How much one call counts in the share of calls that fail lately.
const EWMA_ALPHA: f64 = 0.02;
/// So many failures in a streak, over two channels, are a fault that they share.
const MIN_FAILURE_THRESHOLD: u32 = 2;
/// A streak of failures is no chance where chance makes it so rare.
const COINCIDENCE_PROBABILITY: f64 = 0.01;

#[derive(Debug, Clone, Copy)]
struct BackoffRange {
    initial: Duration,
    max: Duration,
}

/// An account's breaker.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    state: BreakerState,
    /// Whether Polyv ever accepted the account's signature.
    auth_verified: bool,
    /// The calls that failed one after the other, up to the last one.
    streak: Option<FailureStreak>,
    /// The share of calls that fail lately.
    error_rate_ewma: f64,
    /// When the latest call was begun of all those that were answered.
    last_response_started: MonotonicInstant,
}

/// Calls that failed one after the other.
#[derive(Debug, Clone, Copy)]
struct FailureStreak {
    /// When the first one began, and whom it was about.
    since: MonotonicInstant,
    first: FailureScope,
    /// Whether there was another channel among them.
    is_multiple: bool,
    calls: u32,
}

#[derive(Debug)]
enum BreakerState {
    Closed,
    Open(Outage),
}

/// Why, since when and until when an account is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) reason: OpenReason,
    /// When the first call failed.
    pub(super) since: MonotonicInstant,
    /// How many calls have failed.
    pub(super) failures: u64,
    /// When the next probe may be sent.
    until: MonotonicInstant,
    delay: Duration,
}

/// Why an account is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenReason {
    /// Its channels fail one after the other.
    Fault,
    /// Polyv refuses its appId or signature.
    Refused,
}

/// What may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    /// Whatever is due.
    Unlimited,
    /// Whatever is due, one call at a time: nothing was ever accepted.
    Serial,
    /// One probe, at that moment or later.
    HalfOpenProbe(MonotonicInstant),
}

/// How a call completed, as a gate needs to know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Completed {
    pub(super) scope: FailureScope,
    pub(super) outcome: Outcome,
    pub(super) started: MonotonicInstant,
    pub(super) probe: bool,
    /// Whether it was about all channels of the account.
    pub(super) all: bool,
}

/// What a result did to a breaker. It may open and close in one: when a fault is over, and Polyv
/// then refuses the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct BreakerTransition {
    /// The outage that is over.
    pub(super) recovered: Option<Outage>,
    /// The outage that has begun.
    pub(super) tripped: Option<Outage>,
}

// === impl CircuitBreaker ===

impl CircuitBreaker {
    /// The gate of an account that was not asked anything yet.
    pub(super) const fn new() -> Self {
        Self {
            state: BreakerState::Closed,
            auth_verified: false,
            streak: None,
            error_rate_ewma: 0.0,
            last_response_started: MonotonicInstant::from_millis(0),
        }
    }

    /// What may be sent now.
    pub(super) const fn permission(&self) -> Permission {
        match &self.state {
            BreakerState::Open(outage) => Permission::HalfOpenProbe(outage.until),
            BreakerState::Closed if self.auth_verified => Permission::Unlimited,
            BreakerState::Closed => Permission::Serial,
        }
    }

    /// Why it is closed, if it is.
    pub(super) const fn outage(&self) -> Option<&Outage> {
        match &self.state {
            BreakerState::Open(outage) => Some(outage),
            BreakerState::Closed => None,
        }
    }

    /// How many failures in a streak more than usual are chance at present.
    pub(super) fn extra_tolerated_failures(&self) -> u32 {
        failure_threshold(self.error_rate_ewma) - MIN_FAILURE_THRESHOLD
    }

    /// Takes the result of a call.
    pub(super) fn record(
        &mut self,
        completed: Completed,
        now: MonotonicInstant,
    ) -> BreakerTransition {
        match completed.outcome {
            Outcome::Ok | Outcome::NotLive => {
                self.auth_verified = true;
                self.record_response(completed);
                self.close()
            }
            Outcome::AuthFailed => {
                self.record_response(completed);
                self.record_auth_failure(completed, now)
            }
            Outcome::ServerError | Outcome::Timeout | Outcome::ConnectionFailed => {
                self.record_failure(completed, now)
            }
            // Polyv answers, so it is there; that it accepts the signature is not said.
            Outcome::Rejected
            | Outcome::Forbidden
            | Outcome::BadResponse
            | Outcome::ClockSkew
            | Outcome::Throttled => {
                self.record_response(completed);
                match &mut self.state {
                    BreakerState::Open(outage) if outage.reason == OpenReason::Refused => {
                        outage.wait(now);
                        BreakerTransition::default()
                    }
                    BreakerState::Open(_) | BreakerState::Closed => self.close(),
                }
            }
        }
    }

    /// Polyv answered, whatever it said.
    fn record_response(&mut self, completed: Completed) {
        self.streak = None;
        self.error_rate_ewma -= EWMA_ALPHA * self.error_rate_ewma;
        self.last_response_started = self.last_response_started.max(completed.started);
    }

    /// Polyv refused the signature.
    fn record_auth_failure(
        &mut self,
        completed: Completed,
        now: MonotonicInstant,
    ) -> BreakerTransition {
        match &mut self.state {
            BreakerState::Open(outage) if !completed.probe => {
                // Begun before the gate closed: it says nothing new.
                outage.failures += 1;
                BreakerTransition::default()
            }
            BreakerState::Open(outage) if outage.reason == OpenReason::Refused => {
                outage.fail_again(AUTH_BACKOFF, now);
                BreakerTransition::default()
            }
            BreakerState::Open(_) | BreakerState::Closed => BreakerTransition {
                recovered: self.close().recovered,
                ..self.trip(OpenReason::Refused, AUTH_BACKOFF, completed.started, 1, now)
            },
        }
    }

    /// There was no answer.
    fn record_failure(&mut self, completed: Completed, now: MonotonicInstant) -> BreakerTransition {
        match &mut self.state {
            BreakerState::Open(outage) => {
                match outage.reason {
                    _ if !completed.probe => outage.failures += 1,
                    OpenReason::Fault => outage.fail_again(FAULT_BACKOFF, now),
                    OpenReason::Refused => outage.wait(now),
                }
                BreakerTransition::default()
            }
            BreakerState::Closed => {
                let needed = failure_threshold(self.error_rate_ewma);
                self.error_rate_ewma += EWMA_ALPHA * (1.0 - self.error_rate_ewma);
                if completed.started < self.last_response_started {
                    // An answer to a call that was begun later is newer news.
                    return BreakerTransition::default();
                }
                let streak = self.streak.get_or_insert(FailureStreak {
                    since: completed.started,
                    first: completed.scope,
                    is_multiple: false,
                    calls: 0,
                });
                streak.calls += 1;
                streak.is_multiple |= streak.first.is_distinct_from(completed.scope);
                let streak = *streak;
                if streak.is_multiple && streak.calls >= needed || completed.all {
                    self.trip(
                        OpenReason::Fault,
                        FAULT_BACKOFF,
                        streak.since,
                        u64::from(streak.calls),
                        now,
                    )
                } else {
                    BreakerTransition::default()
                }
            }
        }
    }

    fn trip(
        &mut self,
        reason: OpenReason,
        backoff: BackoffRange,
        since: MonotonicInstant,
        failures: u64,
        now: MonotonicInstant,
    ) -> BreakerTransition {
        let outage = Outage {
            reason,
            since,
            failures,
            until: now + backoff.initial,
            delay: backoff.initial,
        };
        self.state = BreakerState::Open(outage);
        BreakerTransition {
            recovered: None,
            tripped: Some(outage),
        }
    }

    fn close(&mut self) -> BreakerTransition {
        let recovered = match std::mem::replace(&mut self.state, BreakerState::Closed) {
            BreakerState::Open(outage) => Some(outage),
            BreakerState::Closed => None,
        };
        BreakerTransition {
            recovered,
            tripped: None,
        }
    }
}

/// How many calls have to fail in a streak to be a fault that channels share: two, unless so many
/// fail anyway that two in a streak are chance. (Then the account's tempo is what helps; to stop
/// at every such streak would keep the channels from being asked that can be.)
fn failure_threshold(error_rate_ewma: f64) -> u32 {
    let is_coincidence =
        |calls: &u32| error_rate_ewma.powf(f64::from(*calls)) > COINCIDENCE_PROBABILITY;
    (MIN_FAILURE_THRESHOLD..10)
        .find(|calls| !is_coincidence(calls))
        .unwrap_or(10)
}

// === impl Outage ===

impl Outage {
    /// A probe failed in the same way: the next waits longer.
    fn fail_again(&mut self, backoff: BackoffRange, now: MonotonicInstant) {
        self.failures += 1;
        self.delay = (self.delay * 2).min(backoff.max);
        self.wait(now);
    }

    fn wait(&mut self, now: MonotonicInstant) {
        self.until = now + self.delay;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ChannelKey;

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_millis(seconds * 1000)
    }

    /// Channels' keys, as a store gives them out.
    fn keys() -> (ChannelKey, ChannelKey) {
        (ChannelKey::from_index(1), ChannelKey::from_index(2))
    }

    fn end(
        breaker: &mut CircuitBreaker,
        channel: ChannelKey,
        outcome: Outcome,
        seconds: u64,
    ) -> BreakerTransition {
        let completed = Completed {
            scope: FailureScope::Channel(channel),
            outcome,
            started: at(seconds),
            probe: breaker.outage().is_some(),
            all: false,
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
    fn until_a_signature_was_accepted_calls_go_one_by_one() {
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
    fn two_channels_failing_in_a_row_are_a_shared_fault_and_one_is_not() {
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
    fn two_in_a_row_are_chance_where_a_third_fails_anyway() {
        let (a, b) = keys();
        let mut breaker = CircuitBreaker::new();
        for round in 0..200 {
            // One in three fails, and sometimes two in a streak do.
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
    fn of_an_only_channel_every_failure_is_the_accounts() {
        let (a, _) = keys();
        let mut breaker = CircuitBreaker::new();
        let completed = Completed {
            scope: FailureScope::Channel(a),
            outcome: Outcome::Timeout,
            started: at(0),
            probe: false,
            all: true,
        };
        assert!(breaker.record(completed, at(15)).tripped.is_some());
    }

    #[test]
    fn failures_of_calls_older_than_an_answer_say_nothing_any_more() {
        let (a, b) = keys();
        let mut breaker = CircuitBreaker::new();
        end(&mut breaker, a, Outcome::Ok, 20);
        for channel in [a, b, a, b] {
            let completed = Completed {
                scope: FailureScope::Channel(channel),
                outcome: Outcome::Timeout,
                started: at(10),
                probe: false,
                all: false,
            };
            assert_eq!(
                breaker.record(completed, at(25)),
                BreakerTransition::default()
            );
        }
        assert_eq!(breaker.permission(), Permission::Unlimited);
    }

    #[test]
    fn a_refused_signature_is_tried_again_after_30_s_doubling_to_5_minutes() {
        let (a, b) = keys();
        let mut breaker = CircuitBreaker::new();
        assert_eq!(
            end(&mut breaker, a, Outcome::AuthFailed, 0)
                .tripped
                .unwrap()
                .reason,
            OpenReason::Refused
        );
        // Calls that were under way say nothing new.
        let in_flight = Completed {
            scope: FailureScope::Channel(b),
            outcome: Outcome::AuthFailed,
            started: at(0),
            probe: false,
            all: false,
        };
        breaker.record(in_flight, at(1));
        let waits = (0..6).map(|_| {
            let wait = next_probe(&breaker, 0);
            end(&mut breaker, b, Outcome::AuthFailed, 0);
            wait
        });
        assert_eq!(waits.collect::<Vec<_>>(), [30, 60, 120, 240, 300, 300]);
        // Neither a refusal of another kind nor a failure proves anything.
        end(&mut breaker, a, Outcome::Rejected, 1000);
        assert_eq!(next_probe(&breaker, 1000), 300);
        end(&mut breaker, a, Outcome::Timeout, 2000);
        assert_eq!(next_probe(&breaker, 2000), 300);
        assert!(end(&mut breaker, a, Outcome::Ok, 3000).recovered.is_some());
    }

    #[test]
    fn a_fault_that_ends_in_a_refusal_is_over_and_the_refusal_begins() {
        let (a, b) = keys();
        let mut breaker = CircuitBreaker::new();
        end(&mut breaker, a, Outcome::Timeout, 0);
        end(&mut breaker, b, Outcome::Timeout, 1);
        let change = end(&mut breaker, a, Outcome::AuthFailed, 10);
        assert_eq!(change.recovered.unwrap().reason, OpenReason::Fault);
        assert_eq!(change.tripped.unwrap().reason, OpenReason::Refused);
        assert_eq!(next_probe(&breaker, 10), 30);
    }

    #[test]
    fn two_failures_in_a_row_of_calls_about_many_channels_are_shared_and_one_is_not() {
        let mut breaker = CircuitBreaker::new();
        let completed = Completed {
            scope: FailureScope::Multiple,
            outcome: Outcome::Timeout,
            started: at(0),
            probe: false,
            all: false,
        };
        assert_eq!(
            breaker.record(completed, at(15)),
            BreakerTransition::default()
        );
        assert!(breaker.record(completed, at(16)).tripped.is_some());
    }
}
