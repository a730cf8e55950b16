//! Holds all calls back when Polyv throttles or blocks us.
//!
//! Polyv blocks a client IP for 5 minutes that asks too much, so everything stops, whatever
//! account it is for: 30 s at first, doubling to 5 minutes and 10 seconds, with one probe at
//! the end of each pause, and after the first success a ramp over 30 s.

use std::time::Duration;

use super::request::FailureScope;
use polyv_client::Outcome;
use polyv_client::clock::MonotonicInstant;

const INITIAL_PAUSE: Duration = Duration::from_secs(30);
/// A block lasts 5 minutes (public docs: limits).
const MAX_PAUSE: Duration = Duration::from_secs(310);
const SLOW_START_DURATION: Duration = Duration::from_secs(30);
/// How fast plans run at the beginning of the ramp.
const SLOW_START_SPEED: f64 = 0.1;
/// So many connections failing in a row, over two or more channels, are a block.
const MAX_FAILED_CONNECTIONS: u32 = 20;

/// The brake for all calls.
#[derive(Debug)]
pub(super) struct GlobalBackoff {
    state: BackoffState,
    /// Connections that failed in a row.
    failed_connections: u32,
    /// Whom the first of them was about, and whether there was somebody else.
    first_failed_scope: Option<FailureScope>,
    scopes_differ: bool,
}

#[derive(Debug, Clone, Copy)]
enum BackoffState {
    Normal,
    Paused(BackoffPause),
    SlowStart {
        since: MonotonicInstant,
        last_delay: Duration,
    },
}

/// A pause: since when, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BackoffPause {
    /// What made us stop.
    pub(super) reason: Outcome,
    pub(super) since: MonotonicInstant,
    /// How many probes have failed.
    pub(super) probes: u64,
    /// When the next probe may be sent.
    until: MonotonicInstant,
    delay: Duration,
}

/// What a result did to the global_backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BackoffTransition {
    /// Everything stops.
    Paused(BackoffPause),
    /// The pause is over.
    Resumed(BackoffPause),
}

/// How a call completed, as the brake needs to know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Completed {
    pub(super) scope: FailureScope,
    pub(super) outcome: Outcome,
    pub(super) started: MonotonicInstant,
    pub(super) kind: RequestKind,
}

/// What a call was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// It was due.
    Regular,
    /// To see whether its account works again.
    AccountProbe,
    /// To see whether the pause may end.
    GlobalProbe,
}

// === impl BackoffPause ===

impl BackoffPause {
    /// How long it was to last when it began, or was prolonged.
    pub(super) const fn delay(&self) -> Duration {
        self.delay
    }
}

// === impl GlobalBackoff ===

impl GlobalBackoff {
    pub(super) const fn new() -> Self {
        Self {
            state: BackoffState::Normal,
            failed_connections: 0,
            first_failed_scope: None,
            scopes_differ: false,
        }
    }

    /// Whether all calls are held back.
    pub(super) const fn paused(&self) -> Option<&BackoffPause> {
        match &self.state {
            BackoffState::Paused(pause) => Some(pause),
            BackoffState::Normal | BackoffState::SlowStart { .. } => None,
        }
    }

    /// When a probe may be sent, if all calls are held back.
    pub(super) fn next_probe(&self) -> Option<MonotonicInstant> {
        self.paused().map(|pause| pause.until)
    }

    /// How fast plans run.
    pub(super) fn speed(&self, now: MonotonicInstant) -> f64 {
        match self.state {
            BackoffState::Normal => 1.0,
            BackoffState::Paused(_) => 0.0,
            BackoffState::SlowStart { since, .. } => {
                let done = now.since(since).as_secs_f64() / SLOW_START_DURATION.as_secs_f64();
                (SLOW_START_SPEED + (1.0 - SLOW_START_SPEED) * done).min(1.0)
            }
        }
    }

    /// Lets time pass.
    pub(super) fn finish_slow_start(&mut self, now: MonotonicInstant) {
        if let BackoffState::SlowStart { since, .. } = self.state
            && now.since(since) >= SLOW_START_DURATION
        {
            self.state = BackoffState::Normal;
        }
    }

    /// Ends a pause that is over but for a probe, where nobody is left to be asked.
    pub(super) fn clear(&mut self, now: MonotonicInstant) -> Option<BackoffTransition> {
        let pause = *self.paused().filter(|pause| pause.until <= now)?;
        self.state = BackoffState::Normal;
        Some(BackoffTransition::Resumed(pause))
    }

    /// Takes the result of a call.
    pub(super) fn record(
        &mut self,
        completed: Completed,
        now: MonotonicInstant,
    ) -> Option<BackoffTransition> {
        self.finish_slow_start(now);
        self.track_connection_failures(completed);
        let blocked = completed.outcome == Outcome::Throttled
            || self.failed_connections >= MAX_FAILED_CONNECTIONS && self.scopes_differ;
        match &mut self.state {
            BackoffState::Paused(pause) => {
                if completed.kind != RequestKind::GlobalProbe {
                    // Begun before the pause: it says nothing new.
                    return None;
                }
                let still = matches!(
                    completed.outcome,
                    Outcome::Throttled | Outcome::ConnectionFailed | Outcome::Timeout
                );
                if still {
                    pause.probes += 1;
                    pause.delay = (pause.delay * 2).min(MAX_PAUSE);
                    pause.until = now + pause.delay;
                    return None;
                }
                let pause = *pause;
                self.state = BackoffState::SlowStart {
                    since: now,
                    last_delay: pause.delay,
                };
                Some(BackoffTransition::Resumed(pause))
            }
            BackoffState::Normal if blocked => Some(self.pause(completed, INITIAL_PAUSE, now)),
            BackoffState::SlowStart { since, last_delay }
                if blocked && completed.started >= *since =>
            {
                let delay = (*last_delay * 2).min(MAX_PAUSE);
                Some(self.pause(completed, delay, now))
            }
            BackoffState::Normal | BackoffState::SlowStart { .. } => None,
        }
    }

    fn pause(
        &mut self,
        completed: Completed,
        delay: Duration,
        now: MonotonicInstant,
    ) -> BackoffTransition {
        let pause = BackoffPause {
            reason: completed.outcome,
            since: now,
            probes: 0,
            until: now + delay,
            delay,
        };
        self.state = BackoffState::Paused(pause);
        self.failed_connections = 0;
        BackoffTransition::Paused(pause)
    }

    /// Counts connections that fail in a row. Probes of an account that has stepped back do
    /// not count: one call every half minute can offend nobody, and pausing would only keep
    /// us from noticing that an outage is over.
    fn track_connection_failures(&mut self, completed: Completed) {
        match completed.outcome {
            Outcome::ConnectionFailed if completed.kind == RequestKind::Regular => {
                self.failed_connections += 1;
                let first = *self.first_failed_scope.get_or_insert(completed.scope);
                self.scopes_differ |= first.is_distinct_from(completed.scope);
            }
            Outcome::ConnectionFailed | Outcome::Timeout => {}
            _ => {
                self.failed_connections = 0;
                self.first_failed_scope = None;
                self.scopes_differ = false;
            }
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

    fn end(
        global_backoff: &mut GlobalBackoff,
        channel: u64,
        outcome: Outcome,
        seconds: u64,
    ) -> Option<BackoffTransition> {
        let kind = if global_backoff.paused().is_some() {
            RequestKind::GlobalProbe
        } else {
            RequestKind::Regular
        };
        let completed = Completed {
            scope: FailureScope::Channel(ChannelKey::from_index(channel)),
            outcome,
            started: at(seconds),
            kind,
        };
        global_backoff.record(completed, at(seconds))
    }

    fn wait(global_backoff: &GlobalBackoff, seconds: u64) -> u64 {
        global_backoff
            .next_probe()
            .unwrap()
            .since(at(seconds))
            .as_secs()
    }

    #[test]
    fn one_throttled_call_stops_everything() {
        let mut global_backoff = GlobalBackoff::new();
        assert!(matches!(
            end(&mut global_backoff, 1, Outcome::Throttled, 0),
            Some(BackoffTransition::Paused(_))
        ));
        assert_eq!(global_backoff.speed(at(10)), 0.0);
        let waits = (0..6).map(|_| {
            let wait = wait(&global_backoff, 0);
            end(&mut global_backoff, 1, Outcome::Throttled, 0);
            wait
        });
        assert_eq!(waits.collect::<Vec<_>>(), [30, 60, 120, 240, 310, 310]);
    }

    #[test]
    fn twenty_failed_connections_in_a_row_over_two_channels_are_a_block() {
        let mut global_backoff = GlobalBackoff::new();
        for _ in 0..100 {
            assert_eq!(
                end(&mut global_backoff, 1, Outcome::ConnectionFailed, 0),
                None
            );
        }
        let change = end(&mut global_backoff, 2, Outcome::ConnectionFailed, 0);
        assert!(matches!(change, Some(BackoffTransition::Paused(_))));

        let mut global_backoff = GlobalBackoff::new();
        for round in 0..10 {
            for call in 0..19 {
                let outcome = Outcome::ConnectionFailed;
                assert_eq!(end(&mut global_backoff, call % 2, outcome, round), None);
            }
            end(&mut global_backoff, 1, Outcome::BadResponse, round);
        }
        for call in 0..19 {
            end(&mut global_backoff, call % 2, Outcome::ConnectionFailed, 20);
        }
        assert_eq!(end(&mut global_backoff, 0, Outcome::Timeout, 20), None);
        assert!(end(&mut global_backoff, 0, Outcome::ConnectionFailed, 20).is_some());
    }

    #[test]
    fn probes_of_accounts_do_not_count_as_failed_connections() {
        let mut global_backoff = GlobalBackoff::new();
        for call in 0..100 {
            let completed = Completed {
                scope: FailureScope::Channel(ChannelKey::from_index(call)),
                outcome: Outcome::ConnectionFailed,
                started: at(call),
                kind: RequestKind::AccountProbe,
            };
            assert_eq!(global_backoff.record(completed, at(call)), None);
        }
    }

    #[test]
    fn calls_that_were_under_way_neither_prolong_nor_end_a_pause() {
        let mut global_backoff = GlobalBackoff::new();
        end(&mut global_backoff, 1, Outcome::Throttled, 0);
        for outcome in [Outcome::Throttled, Outcome::Ok] {
            let completed = Completed {
                scope: FailureScope::Channel(ChannelKey::from_index(2)),
                outcome,
                started: at(0),
                kind: RequestKind::Regular,
            };
            assert_eq!(global_backoff.record(completed, at(5)), None);
            assert_eq!(wait(&global_backoff, 0), 30);
        }
    }

    #[test]
    fn after_a_success_plans_speed_up_over_half_a_minute() {
        let mut global_backoff = GlobalBackoff::new();
        end(&mut global_backoff, 1, Outcome::Throttled, 0);
        let change = end(&mut global_backoff, 1, Outcome::NotLive, 30);
        assert!(matches!(change, Some(BackoffTransition::Resumed(_))));
        let speeds = [30, 45, 60].map(|seconds| global_backoff.speed(at(seconds)));
        assert_eq!(speeds, [0.1, 0.55, 1.0]);
        global_backoff.finish_slow_start(at(60));
        // All over: a new pause begins small. While it speeds up it goes on doubling.
        end(&mut global_backoff, 1, Outcome::Throttled, 70);
        assert_eq!(wait(&global_backoff, 70), 30);
        end(&mut global_backoff, 1, Outcome::Ok, 100);
        end(&mut global_backoff, 1, Outcome::Throttled, 110);
        assert_eq!(wait(&global_backoff, 110), 60);
    }

    #[test]
    fn a_probe_that_a_block_may_have_swallowed_prolongs_the_pause() {
        for outcome in [Outcome::Timeout, Outcome::ConnectionFailed] {
            let mut global_backoff = GlobalBackoff::new();
            end(&mut global_backoff, 1, Outcome::Throttled, 0);
            assert_eq!(end(&mut global_backoff, 1, outcome, 30), None);
            assert_eq!(wait(&global_backoff, 30), 60);
        }
        let mut global_backoff = GlobalBackoff::new();
        end(&mut global_backoff, 1, Outcome::Throttled, 0);
        assert!(end(&mut global_backoff, 1, Outcome::ServerError, 30).is_some());
    }
}
