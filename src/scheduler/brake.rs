//! Holds all calls back when Polyv throttles or blocks us.
//!
//! Polyv blocks a client IP for 5 minutes that asks too much, so everything stops, whatever
//! account it is for: 30 s at first, doubling to 5 minutes and 10 seconds, with one probe at
//! the end of each pause, and after the first success a ramp over 30 s.

use std::time::Duration;

use super::errand::Concern;
use polyv_client::Outcome;
use polyv_client::clock::Moment;

const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// A block lasts 5 minutes (public docs: limits).
const LONGEST_PAUSE: Duration = Duration::from_secs(310);
const RAMP: Duration = Duration::from_secs(30);
/// How fast plans run at the beginning of the ramp.
const RAMP_FROM: f64 = 0.1;
/// So many connections failing in a row, over two or more channels, are a block.
const CONNECTIONS: u32 = 20;

/// The brake for all calls.
#[derive(Debug)]
pub(super) struct Brake {
    state: State,
    /// Connections that failed in a row.
    failed_connections: u32,
    /// Whom the first of them was about, and whether there was somebody else.
    first_failed: Option<Concern>,
    several_failed: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Off,
    On(Pause),
    Ramp { since: Moment, last_delay: Duration },
}

/// A pause: since when, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    /// What made us stop.
    pub(super) reason: Outcome,
    pub(super) since: Moment,
    /// How many probes have failed.
    pub(super) probes: u64,
    /// When the next probe may be sent.
    until: Moment,
    delay: Duration,
}

/// What a result did to the brake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Everything stops.
    Paused(Pause),
    /// The pause is over.
    Resumed(Pause),
}

/// How a call ended, as the brake needs to know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) concern: Concern,
    pub(super) outcome: Outcome,
    pub(super) started: Moment,
    pub(super) role: Role,
}

/// What a call was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It was due.
    Regular,
    /// To see whether its account works again.
    AccountProbe,
    /// To see whether the pause may end.
    PauseProbe,
}

// === impl Pause ===

impl Pause {
    /// How long it was to last when it began, or was prolonged.
    pub(super) const fn delay(&self) -> Duration {
        self.delay
    }
}

// === impl Brake ===

impl Brake {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Off,
            failed_connections: 0,
            first_failed: None,
            several_failed: false,
        }
    }

    /// Whether all calls are held back.
    pub(super) const fn paused(&self) -> Option<&Pause> {
        match &self.state {
            State::On(pause) => Some(pause),
            State::Off | State::Ramp { .. } => None,
        }
    }

    /// When a probe may be sent, if all calls are held back.
    pub(super) fn next_probe(&self) -> Option<Moment> {
        self.paused().map(|pause| pause.until)
    }

    /// How fast plans run.
    pub(super) fn speed(&self, now: Moment) -> f64 {
        match self.state {
            State::Off => 1.0,
            State::On(_) => 0.0,
            State::Ramp { since, .. } => {
                let done = now.since(since).as_secs_f64() / RAMP.as_secs_f64();
                (RAMP_FROM + (1.0 - RAMP_FROM) * done).min(1.0)
            }
        }
    }

    /// Lets time pass.
    pub(super) fn settle(&mut self, now: Moment) {
        if let State::Ramp { since, .. } = self.state
            && now.since(since) >= RAMP
        {
            self.state = State::Off;
        }
    }

    /// Ends a pause that is over but for a probe, where nobody is left to be asked.
    pub(super) fn lift(&mut self, now: Moment) -> Option<Change> {
        let pause = *self.paused().filter(|pause| pause.until <= now)?;
        self.state = State::Off;
        Some(Change::Resumed(pause))
    }

    /// Takes the result of a call.
    pub(super) fn ended(&mut self, ended: Ended, now: Moment) -> Option<Change> {
        self.settle(now);
        self.count_connections(ended);
        let blocked = ended.outcome == Outcome::Throttled
            || self.failed_connections >= CONNECTIONS && self.several_failed;
        match &mut self.state {
            State::On(pause) => {
                if ended.role != Role::PauseProbe {
                    // Begun before the pause: it says nothing new.
                    return None;
                }
                let still = matches!(
                    ended.outcome,
                    Outcome::Throttled | Outcome::ConnectionFailed | Outcome::Timeout
                );
                if still {
                    pause.probes += 1;
                    pause.delay = (pause.delay * 2).min(LONGEST_PAUSE);
                    pause.until = now + pause.delay;
                    return None;
                }
                let pause = *pause;
                self.state = State::Ramp {
                    since: now,
                    last_delay: pause.delay,
                };
                Some(Change::Resumed(pause))
            }
            State::Off if blocked => Some(self.pause(ended, FIRST_PAUSE, now)),
            State::Ramp { since, last_delay } if blocked && ended.started >= *since => {
                let delay = (*last_delay * 2).min(LONGEST_PAUSE);
                Some(self.pause(ended, delay, now))
            }
            State::Off | State::Ramp { .. } => None,
        }
    }

    fn pause(&mut self, ended: Ended, delay: Duration, now: Moment) -> Change {
        let pause = Pause {
            reason: ended.outcome,
            since: now,
            probes: 0,
            until: now + delay,
            delay,
        };
        self.state = State::On(pause);
        self.failed_connections = 0;
        Change::Paused(pause)
    }

    /// Counts connections that fail in a row. Probes of an account that has stepped back do
    /// not count: one call every half minute can offend nobody, and pausing would only keep
    /// us from noticing that an outage is over.
    fn count_connections(&mut self, ended: Ended) {
        match ended.outcome {
            Outcome::ConnectionFailed if ended.role == Role::Regular => {
                self.failed_connections += 1;
                let first = *self.first_failed.get_or_insert(ended.concern);
                self.several_failed |= first.differs(ended.concern);
            }
            Outcome::ConnectionFailed | Outcome::Timeout => {}
            _ => {
                self.failed_connections = 0;
                self.first_failed = None;
                self.several_failed = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ChannelKey;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    fn end(brake: &mut Brake, channel: u64, outcome: Outcome, seconds: u64) -> Option<Change> {
        let role = if brake.paused().is_some() {
            Role::PauseProbe
        } else {
            Role::Regular
        };
        let ended = Ended {
            concern: Concern::One(ChannelKey::for_test(channel)),
            outcome,
            started: at(seconds),
            role,
        };
        brake.ended(ended, at(seconds))
    }

    fn wait(brake: &Brake, seconds: u64) -> u64 {
        brake.next_probe().unwrap().since(at(seconds)).as_secs()
    }

    #[test]
    fn one_throttled_call_stops_everything() {
        let mut brake = Brake::new();
        assert!(matches!(
            end(&mut brake, 1, Outcome::Throttled, 0),
            Some(Change::Paused(_))
        ));
        assert_eq!(brake.speed(at(10)), 0.0);
        let waits = (0..6).map(|_| {
            let wait = wait(&brake, 0);
            end(&mut brake, 1, Outcome::Throttled, 0);
            wait
        });
        assert_eq!(waits.collect::<Vec<_>>(), [30, 60, 120, 240, 310, 310]);
    }

    #[test]
    fn twenty_failed_connections_in_a_row_over_two_channels_are_a_block() {
        let mut brake = Brake::new();
        for _ in 0..100 {
            assert_eq!(end(&mut brake, 1, Outcome::ConnectionFailed, 0), None);
        }
        let change = end(&mut brake, 2, Outcome::ConnectionFailed, 0);
        assert!(matches!(change, Some(Change::Paused(_))));

        let mut brake = Brake::new();
        for round in 0..10 {
            for call in 0..19 {
                let outcome = Outcome::ConnectionFailed;
                assert_eq!(end(&mut brake, call % 2, outcome, round), None);
            }
            end(&mut brake, 1, Outcome::BadResponse, round);
        }
        for call in 0..19 {
            end(&mut brake, call % 2, Outcome::ConnectionFailed, 20);
        }
        assert_eq!(end(&mut brake, 0, Outcome::Timeout, 20), None);
        assert!(end(&mut brake, 0, Outcome::ConnectionFailed, 20).is_some());
    }

    #[test]
    fn probes_of_accounts_do_not_count_as_failed_connections() {
        let mut brake = Brake::new();
        for call in 0..100 {
            let ended = Ended {
                concern: Concern::One(ChannelKey::for_test(call)),
                outcome: Outcome::ConnectionFailed,
                started: at(call),
                role: Role::AccountProbe,
            };
            assert_eq!(brake.ended(ended, at(call)), None);
        }
    }

    #[test]
    fn calls_that_were_under_way_neither_prolong_nor_end_a_pause() {
        let mut brake = Brake::new();
        end(&mut brake, 1, Outcome::Throttled, 0);
        for outcome in [Outcome::Throttled, Outcome::Ok] {
            let ended = Ended {
                concern: Concern::One(ChannelKey::for_test(2)),
                outcome,
                started: at(0),
                role: Role::Regular,
            };
            assert_eq!(brake.ended(ended, at(5)), None);
            assert_eq!(wait(&brake, 0), 30);
        }
    }

    #[test]
    fn after_a_success_plans_speed_up_over_half_a_minute() {
        let mut brake = Brake::new();
        end(&mut brake, 1, Outcome::Throttled, 0);
        let change = end(&mut brake, 1, Outcome::NotLive, 30);
        assert!(matches!(change, Some(Change::Resumed(_))));
        let speeds = [30, 45, 60].map(|seconds| brake.speed(at(seconds)));
        assert_eq!(speeds, [0.1, 0.55, 1.0]);
        brake.settle(at(60));
        // All over: a new pause begins small. While it speeds up it goes on doubling.
        end(&mut brake, 1, Outcome::Throttled, 70);
        assert_eq!(wait(&brake, 70), 30);
        end(&mut brake, 1, Outcome::Ok, 100);
        end(&mut brake, 1, Outcome::Throttled, 110);
        assert_eq!(wait(&brake, 110), 60);
    }

    #[test]
    fn a_probe_that_a_block_may_have_swallowed_prolongs_the_pause() {
        for outcome in [Outcome::Timeout, Outcome::ConnectionFailed] {
            let mut brake = Brake::new();
            end(&mut brake, 1, Outcome::Throttled, 0);
            assert_eq!(end(&mut brake, 1, outcome, 30), None);
            assert_eq!(wait(&brake, 30), 60);
        }
        let mut brake = Brake::new();
        end(&mut brake, 1, Outcome::Throttled, 0);
        assert!(end(&mut brake, 1, Outcome::ServerError, 30).is_some());
    }
}
