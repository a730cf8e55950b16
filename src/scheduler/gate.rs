//! Whether an account's channels may be asked.
//!
//! Some faults are not one channel's but its account's: a refused signature, and failures
//! that hit one channel after the other. Then the account as a whole steps back and sends one
//! probe at a time, and the first success opens it again for all.

use std::time::Duration;

use super::errand::Concern;
use polyv_client::Outcome;
use polyv_client::clock::Moment;

/// Back-off of a shared fault: from 1 s, doubling to 30 s.
const FAULT: Steps = Steps {
    first: Duration::from_secs(1),
    most: Duration::from_secs(30),
};
/// After a refused signature: every 30 s, doubling to 5 minutes.
const REFUSED: Steps = Steps {
    first: Duration::from_secs(30),
    most: Duration::from_secs(300),
};

/// How much one call counts in the share of calls that fail lately.
const SHARE_WEIGHT: f64 = 0.02;
/// So many failures in a row, over two channels, are a fault that they share.
const USUALLY_NEEDED: u32 = 2;
/// A row of failures is no chance where chance makes it so rare.
const CHANCE: f64 = 0.01;

#[derive(Debug, Clone, Copy)]
struct Steps {
    first: Duration,
    most: Duration,
}

/// An account's gate.
#[derive(Debug)]
pub(super) struct Gate {
    state: State,
    /// Whether Polyv ever accepted the account's signature.
    proven: bool,
    /// The calls that failed one after the other, up to the last one.
    row: Option<Row>,
    /// The share of calls that fail lately.
    failing_share: f64,
    /// When the latest call was begun of all those that were answered.
    answered_since: Moment,
}

/// Calls that failed one after the other.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// When the first one began, and whom it was about.
    since: Moment,
    first: Concern,
    /// Whether there was another channel among them.
    several: bool,
    calls: u32,
}

#[derive(Debug)]
enum State {
    Open,
    Closed(Closure),
}

/// Why, since when and until when an account is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closure {
    pub(super) reason: Reason,
    /// When the first call failed.
    pub(super) since: Moment,
    /// How many calls have failed.
    pub(super) failures: u64,
    /// When the next probe may be sent.
    until: Moment,
    delay: Duration,
}

/// Why an account is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Its channels fail one after the other.
    Fault,
    /// Polyv refuses its appId or signature.
    Refused,
}

/// What may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Whatever is due.
    All,
    /// Whatever is due, one call at a time: nothing was ever accepted.
    OneByOne,
    /// One probe, at that moment or later.
    Probe(Moment),
}

/// How a call ended, as a gate needs to know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) concern: Concern,
    pub(super) outcome: Outcome,
    pub(super) started: Moment,
    pub(super) probe: bool,
    /// Whether it was about all channels of the account.
    pub(super) all: bool,
}

/// What a result did to a gate. It may open and close in one: when a fault is over, and Polyv
/// then refuses the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Change {
    /// The closure that is over.
    pub(super) opened: Option<Closure>,
    /// The closure that has begun.
    pub(super) closed: Option<Closure>,
}

// === impl Gate ===

impl Gate {
    /// The gate of an account that was not asked anything yet.
    pub(super) const fn new() -> Self {
        Self {
            state: State::Open,
            proven: false,
            row: None,
            failing_share: 0.0,
            answered_since: Moment::from_millis(0),
        }
    }

    /// What may be sent now.
    pub(super) const fn admits(&self) -> Admission {
        match &self.state {
            State::Closed(closure) => Admission::Probe(closure.until),
            State::Open if self.proven => Admission::All,
            State::Open => Admission::OneByOne,
        }
    }

    /// Why it is closed, if it is.
    pub(super) const fn closure(&self) -> Option<&Closure> {
        match &self.state {
            State::Closed(closure) => Some(closure),
            State::Open => None,
        }
    }

    /// How many failures in a row more than usual are chance at present.
    pub(super) fn grace(&self) -> u32 {
        needed_in_a_row(self.failing_share) - USUALLY_NEEDED
    }

    /// Takes the result of a call.
    pub(super) fn ended(&mut self, ended: Ended, now: Moment) -> Change {
        match ended.outcome {
            Outcome::Ok | Outcome::NotLive => {
                self.proven = true;
                self.answered(ended);
                self.open()
            }
            Outcome::AuthFailed => {
                self.answered(ended);
                self.refused(ended, now)
            }
            Outcome::ServerError | Outcome::Timeout | Outcome::ConnectionFailed => {
                self.failed(ended, now)
            }
            // Polyv answers, so it is there; that it accepts the signature is not said.
            Outcome::Rejected
            | Outcome::Forbidden
            | Outcome::BadResponse
            | Outcome::ClockSkew
            | Outcome::Throttled => {
                self.answered(ended);
                match &mut self.state {
                    State::Closed(closure) if closure.reason == Reason::Refused => {
                        closure.wait(now);
                        Change::default()
                    }
                    State::Closed(_) | State::Open => self.open(),
                }
            }
        }
    }

    /// Polyv answered, whatever it said.
    fn answered(&mut self, ended: Ended) {
        self.row = None;
        self.failing_share -= SHARE_WEIGHT * self.failing_share;
        self.answered_since = self.answered_since.max(ended.started);
    }

    /// Polyv refused the signature.
    fn refused(&mut self, ended: Ended, now: Moment) -> Change {
        match &mut self.state {
            State::Closed(closure) if !ended.probe => {
                // Begun before the gate closed: it says nothing new.
                closure.failures += 1;
                Change::default()
            }
            State::Closed(closure) if closure.reason == Reason::Refused => {
                closure.fail_again(REFUSED, now);
                Change::default()
            }
            State::Closed(_) | State::Open => Change {
                opened: self.open().opened,
                ..self.close(Reason::Refused, REFUSED, ended.started, 1, now)
            },
        }
    }

    /// There was no answer.
    fn failed(&mut self, ended: Ended, now: Moment) -> Change {
        match &mut self.state {
            State::Closed(closure) => {
                match closure.reason {
                    _ if !ended.probe => closure.failures += 1,
                    Reason::Fault => closure.fail_again(FAULT, now),
                    Reason::Refused => closure.wait(now),
                }
                Change::default()
            }
            State::Open => {
                let needed = needed_in_a_row(self.failing_share);
                self.failing_share += SHARE_WEIGHT * (1.0 - self.failing_share);
                if ended.started < self.answered_since {
                    // An answer to a call that was begun later is newer news.
                    return Change::default();
                }
                let row = self.row.get_or_insert(Row {
                    since: ended.started,
                    first: ended.concern,
                    several: false,
                    calls: 0,
                });
                row.calls += 1;
                row.several |= row.first.differs(ended.concern);
                let row = *row;
                if row.several && row.calls >= needed || ended.all {
                    self.close(Reason::Fault, FAULT, row.since, u64::from(row.calls), now)
                } else {
                    Change::default()
                }
            }
        }
    }

    fn close(
        &mut self,
        reason: Reason,
        steps: Steps,
        since: Moment,
        failures: u64,
        now: Moment,
    ) -> Change {
        let closure = Closure {
            reason,
            since,
            failures,
            until: now + steps.first,
            delay: steps.first,
        };
        self.state = State::Closed(closure);
        Change {
            opened: None,
            closed: Some(closure),
        }
    }

    fn open(&mut self) -> Change {
        let opened = match std::mem::replace(&mut self.state, State::Open) {
            State::Closed(closure) => Some(closure),
            State::Open => None,
        };
        Change {
            opened,
            closed: None,
        }
    }
}

/// How many calls have to fail in a row to be a fault that channels share: two, unless so many
/// fail anyway that two in a row are chance. (Then the account's tempo is what helps; to stop
/// at every such row would keep the channels from being asked that can be.)
fn needed_in_a_row(failing_share: f64) -> u32 {
    let by_chance = |calls: &u32| failing_share.powf(f64::from(*calls)) > CHANCE;
    (USUALLY_NEEDED..10)
        .find(|calls| !by_chance(calls))
        .unwrap_or(10)
}

// === impl Closure ===

impl Closure {
    /// A probe failed in the same way: the next waits longer.
    fn fail_again(&mut self, steps: Steps, now: Moment) {
        self.failures += 1;
        self.delay = (self.delay * 2).min(steps.most);
        self.wait(now);
    }

    fn wait(&mut self, now: Moment) {
        self.until = now + self.delay;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ChannelKey;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    /// Channels' keys, as a store gives them out.
    fn keys() -> (ChannelKey, ChannelKey) {
        (ChannelKey::for_test(1), ChannelKey::for_test(2))
    }

    fn end(gate: &mut Gate, channel: ChannelKey, outcome: Outcome, seconds: u64) -> Change {
        let ended = Ended {
            concern: Concern::One(channel),
            outcome,
            started: at(seconds),
            probe: gate.closure().is_some(),
            all: false,
        };
        gate.ended(ended, at(seconds))
    }

    /// How long after `seconds` the next probe comes.
    fn next_probe(gate: &Gate, seconds: u64) -> u64 {
        match gate.admits() {
            Admission::Probe(until) => until.since(at(seconds)).as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn until_a_signature_was_accepted_calls_go_one_by_one() {
        let (a, _) = keys();
        let mut gate = Gate::new();
        for outcome in [Outcome::Rejected, Outcome::BadResponse, Outcome::ClockSkew] {
            end(&mut gate, a, outcome, 1);
            assert_eq!(gate.admits(), Admission::OneByOne);
        }
        end(&mut gate, a, Outcome::NotLive, 2);
        assert_eq!(gate.admits(), Admission::All);
    }

    #[test]
    fn two_channels_failing_in_a_row_are_a_shared_fault_and_one_is_not() {
        let (a, b) = keys();
        for outcome in [
            Outcome::Timeout,
            Outcome::ServerError,
            Outcome::ConnectionFailed,
        ] {
            let mut gate = Gate::new();
            end(&mut gate, a, Outcome::Ok, 0);
            assert_eq!(end(&mut gate, a, outcome, 10), Change::default());
            assert_eq!(end(&mut gate, a, outcome, 20), Change::default());
            end(&mut gate, b, Outcome::Ok, 21);
            assert_eq!(end(&mut gate, a, outcome, 30), Change::default());
            let closed = end(&mut gate, b, outcome, 31).closed.unwrap();
            assert_eq!(closed.reason, Reason::Fault);
            let waits = (0..7).map(|_| {
                let wait = next_probe(&gate, 31);
                end(&mut gate, a, outcome, 31);
                wait
            });
            assert_eq!(waits.collect::<Vec<_>>(), [1, 2, 4, 8, 16, 30, 30]);
            let opened = end(&mut gate, a, Outcome::NotLive, 900).opened.unwrap();
            assert_eq!(opened.failures, 9);
            assert_eq!(gate.admits(), Admission::All);
        }
    }

    #[test]
    fn two_in_a_row_are_chance_where_a_third_fails_anyway() {
        let (a, b) = keys();
        let mut gate = Gate::new();
        for round in 0..200 {
            // One in three fails, and sometimes two in a row do.
            let channel = if round % 2 == 0 { a } else { b };
            let failed = round % 3 == 0 || round % 12 == 1;
            let outcome = if failed {
                Outcome::Timeout
            } else {
                Outcome::Ok
            };
            let change = end(&mut gate, channel, outcome, round);
            assert!(round < 100 || change.closed.is_none(), "{round}");
        }
        let closed = (200..210)
            .map(|round| {
                let channel = if round % 2 == 0 { a } else { b };
                end(&mut gate, channel, Outcome::Timeout, round).closed
            })
            .position(|closed| closed.is_some());
        assert!((3..=6).contains(&closed.unwrap()), "{closed:?}");
    }

    #[test]
    fn of_an_only_channel_every_failure_is_the_accounts() {
        let (a, _) = keys();
        let mut gate = Gate::new();
        let ended = Ended {
            concern: Concern::One(a),
            outcome: Outcome::Timeout,
            started: at(0),
            probe: false,
            all: true,
        };
        assert!(gate.ended(ended, at(15)).closed.is_some());
    }

    #[test]
    fn failures_of_calls_older_than_an_answer_say_nothing_any_more() {
        let (a, b) = keys();
        let mut gate = Gate::new();
        end(&mut gate, a, Outcome::Ok, 20);
        for channel in [a, b, a, b] {
            let ended = Ended {
                concern: Concern::One(channel),
                outcome: Outcome::Timeout,
                started: at(10),
                probe: false,
                all: false,
            };
            assert_eq!(gate.ended(ended, at(25)), Change::default());
        }
        assert_eq!(gate.admits(), Admission::All);
    }

    #[test]
    fn a_refused_signature_is_tried_again_after_30_s_doubling_to_5_minutes() {
        let (a, b) = keys();
        let mut gate = Gate::new();
        assert_eq!(
            end(&mut gate, a, Outcome::AuthFailed, 0)
                .closed
                .unwrap()
                .reason,
            Reason::Refused
        );
        // Calls that were under way say nothing new.
        let under_way = Ended {
            concern: Concern::One(b),
            outcome: Outcome::AuthFailed,
            started: at(0),
            probe: false,
            all: false,
        };
        gate.ended(under_way, at(1));
        let waits = (0..6).map(|_| {
            let wait = next_probe(&gate, 0);
            end(&mut gate, b, Outcome::AuthFailed, 0);
            wait
        });
        assert_eq!(waits.collect::<Vec<_>>(), [30, 60, 120, 240, 300, 300]);
        // Neither a refusal of another kind nor a failure proves anything.
        end(&mut gate, a, Outcome::Rejected, 1000);
        assert_eq!(next_probe(&gate, 1000), 300);
        end(&mut gate, a, Outcome::Timeout, 2000);
        assert_eq!(next_probe(&gate, 2000), 300);
        assert!(end(&mut gate, a, Outcome::Ok, 3000).opened.is_some());
    }

    #[test]
    fn a_fault_that_ends_in_a_refusal_is_over_and_the_refusal_begins() {
        let (a, b) = keys();
        let mut gate = Gate::new();
        end(&mut gate, a, Outcome::Timeout, 0);
        end(&mut gate, b, Outcome::Timeout, 1);
        let change = end(&mut gate, a, Outcome::AuthFailed, 10);
        assert_eq!(change.opened.unwrap().reason, Reason::Fault);
        assert_eq!(change.closed.unwrap().reason, Reason::Refused);
        assert_eq!(next_probe(&gate, 10), 30);
    }

    #[test]
    fn two_failures_in_a_row_of_calls_about_many_channels_are_shared_and_one_is_not() {
        let mut gate = Gate::new();
        let ended = Ended {
            concern: Concern::Several,
            outcome: Outcome::Timeout,
            started: at(0),
            probe: false,
            all: false,
        };
        assert_eq!(gate.ended(ended, at(15)), Change::default());
        assert!(gate.ended(ended, at(16)).closed.is_some());
    }
}
