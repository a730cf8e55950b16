//! Stops all calls when Polyv throttles or blocks the exporter.
//!
//! Polyv blocks a client IP for 5 minutes after too many calls, whatever account they are for. All
//! calls stop: for 30 s at first, doubling to 5 minutes and 10 seconds, with one probe at the end
//! of each pause. After the first success calls speed up over 30 s.

use std::time::Duration;

use super::failure_streak::FailureStreak;
use super::request::{CompletedCall, RequestKind};
use polyv_client::Outcome;
use polyv_client::clock::MonotonicInstant;

const INITIAL_PAUSE: Duration = Duration::from_secs(30);
/// A block lasts 5 minutes (public docs: limits).
const MAX_PAUSE: Duration = Duration::from_secs(310);
const SLOW_START_DURATION: Duration = Duration::from_secs(30);
/// The speed at the beginning of the slow start.
const SLOW_START_SPEED: f64 = 0.1;
/// Consecutive connection failures over two or more channels that count as a block.
const MAX_FAILED_CONNECTIONS: u32 = 20;

/// The back-off of all accounts.
#[derive(Debug)]
pub(super) struct GlobalBackoff {
    state: BackoffState,
    failed_connections: Option<FailureStreak>,
    probe_in_flight: bool,
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

/// A pause of all calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BackoffPause {
    /// The outcome that caused it.
    pub(super) reason: Outcome,
    pub(super) since: MonotonicInstant,
    pub(super) failed_probes: u64,
    /// The present length of the pause.
    pub(super) delay: Duration,
    /// When the next probe may be sent.
    until: MonotonicInstant,
}

/// What a call changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BackoffTransition {
    /// All calls stop.
    Paused(BackoffPause),
    /// The pause is over.
    Resumed(BackoffPause),
}

// === impl GlobalBackoff ===

impl GlobalBackoff {
    pub(super) const fn new() -> Self {
        Self {
            state: BackoffState::Normal,
            failed_connections: None,
            probe_in_flight: false,
        }
    }

    const fn pause(&self) -> Option<&BackoffPause> {
        match &self.state {
            BackoffState::Paused(pause) => Some(pause),
            BackoffState::Normal | BackoffState::SlowStart { .. } => None,
        }
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.pause().is_some()
    }

    /// Returns when a probe may be sent: only during a pause, and only one at a time.
    pub(super) fn next_probe(&self) -> Option<MonotonicInstant> {
        let pause = self.pause().filter(|_| !self.probe_in_flight);
        pause.map(|pause| pause.until)
    }

    pub(super) const fn start_probe(&mut self) {
        self.probe_in_flight = true;
    }

    /// Records that a call is no longer in flight.
    pub(super) fn end_probe(&mut self, kind: RequestKind) {
        self.probe_in_flight &= kind != RequestKind::GlobalProbe;
    }

    /// Returns the speed of all virtual clocks, from 0 during a pause to 1.
    pub(super) fn speed(&self, now: MonotonicInstant) -> f64 {
        match self.state {
            BackoffState::Normal => 1.0,
            BackoffState::Paused(_) => 0.0,
            BackoffState::SlowStart { since, .. } => {
                let done = now.since(since).div_duration_f64(SLOW_START_DURATION);
                (SLOW_START_SPEED + (1.0 - SLOW_START_SPEED) * done).min(1.0)
            }
        }
    }

    /// Ends a slow start that lasted long enough.
    pub(super) fn finish_slow_start(&mut self, now: MonotonicInstant) {
        if let BackoffState::SlowStart { since, .. } = self.state
            && now.since(since) >= SLOW_START_DURATION
        {
            self.state = BackoffState::Normal;
        }
    }

    /// Ends a pause that waits for a probe only, for want of a channel to probe.
    pub(super) fn clear(&mut self, now: MonotonicInstant) -> Option<BackoffTransition> {
        self.next_probe().filter(|until| *until <= now)?;
        let pause = *self.pause()?;
        self.state = BackoffState::Normal;
        Some(BackoffTransition::Resumed(pause))
    }

    /// Records the end of a call.
    pub(super) fn record(
        &mut self,
        call: CompletedCall,
        now: MonotonicInstant,
    ) -> Option<BackoffTransition> {
        let is_probe = call.kind == RequestKind::GlobalProbe;
        self.end_probe(call.kind);
        self.finish_slow_start(now);
        let many_failed = self.track_connection_failures(call);
        let is_blocked = many_failed || call.outcome == Outcome::Throttled;
        match &mut self.state {
            // The call was sent before the pause.
            BackoffState::Paused(_) if !is_probe => None,
            BackoffState::Paused(pause) => {
                if matches!(
                    call.outcome,
                    Outcome::Throttled | Outcome::ConnectionFailed | Outcome::Timeout
                ) {
                    pause.failed_probes += 1;
                    pause.delay = (pause.delay * 2).min(MAX_PAUSE);
                    pause.until = now + pause.delay.max(call.retry_after.unwrap_or_default());
                    return None;
                }
                let pause = *pause;
                self.state = BackoffState::SlowStart {
                    since: now,
                    last_delay: pause.delay,
                };
                Some(BackoffTransition::Resumed(pause))
            }
            BackoffState::Normal if is_blocked => Some(self.begin_pause(call, INITIAL_PAUSE, now)),
            BackoffState::SlowStart { since, last_delay }
                if is_blocked && call.started >= *since =>
            {
                let delay = (*last_delay * 2).min(MAX_PAUSE);
                Some(self.begin_pause(call, delay, now))
            }
            BackoffState::Normal | BackoffState::SlowStart { .. } => None,
        }
    }

    fn begin_pause(
        &mut self,
        call: CompletedCall,
        delay: Duration,
        now: MonotonicInstant,
    ) -> BackoffTransition {
        let delay = delay.max(call.retry_after.unwrap_or_default());
        let pause = BackoffPause {
            reason: call.outcome,
            since: now,
            failed_probes: 0,
            delay,
            until: now + delay,
        };
        self.state = BackoffState::Paused(pause);
        self.failed_connections = None;
        BackoffTransition::Paused(pause)
    }

    /// Counts consecutive connection failures, and returns whether they count as a block. Probes
    /// of an account do not count: one call every 30 s cannot cause a block, and a pause would
    /// only delay noticing that an outage is over.
    fn track_connection_failures(&mut self, call: CompletedCall) -> bool {
        let streak = &mut self.failed_connections;
        match call.outcome {
            Outcome::ConnectionFailed if call.kind == RequestKind::Regular => {
                FailureStreak::extend(streak, call);
            }
            Outcome::ConnectionFailed | Outcome::Timeout => {}
            _ => *streak = None,
        }
        streak.is_some_and(|streak| streak.spans_channels && streak.calls >= MAX_FAILED_CONNECTIONS)
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
        let kind = if global_backoff.is_paused() {
            RequestKind::GlobalProbe
        } else {
            RequestKind::Regular
        };
        let completed = CompletedCall {
            channel: Some(ChannelKey::from_index(channel)),
            all_channels: false,
            retry_after: None,
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
    fn one_throttled_call_stops_all_calls() {
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
    fn twenty_consecutive_failed_connections_over_two_channels_are_a_block() {
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
    fn account_probes_do_not_count_as_failed_connections() {
        let mut global_backoff = GlobalBackoff::new();
        for call in 0..100 {
            let completed = CompletedCall {
                channel: Some(ChannelKey::from_index(call)),
                all_channels: false,
                retry_after: None,
                outcome: Outcome::ConnectionFailed,
                started: at(call),
                kind: RequestKind::AccountProbe,
            };
            assert_eq!(global_backoff.record(completed, at(call)), None);
        }
    }

    #[test]
    fn calls_in_flight_neither_prolong_nor_end_a_pause() {
        let mut global_backoff = GlobalBackoff::new();
        end(&mut global_backoff, 1, Outcome::Throttled, 0);
        for outcome in [Outcome::Throttled, Outcome::Ok] {
            let completed = CompletedCall {
                channel: Some(ChannelKey::from_index(2)),
                all_channels: false,
                retry_after: None,
                outcome,
                started: at(0),
                kind: RequestKind::Regular,
            };
            assert_eq!(global_backoff.record(completed, at(5)), None);
            assert_eq!(wait(&global_backoff, 0), 30);
        }
    }

    #[test]
    fn speed_rises_over_30_s_after_a_success() {
        let mut global_backoff = GlobalBackoff::new();
        end(&mut global_backoff, 1, Outcome::Throttled, 0);
        let change = end(&mut global_backoff, 1, Outcome::NotLive, 30);
        assert!(matches!(change, Some(BackoffTransition::Resumed(_))));
        let speeds = [30, 45, 60].map(|seconds| global_backoff.speed(at(seconds)));
        assert_eq!(speeds, [0.1, 0.55, 1.0]);
        global_backoff.finish_slow_start(at(60));
        // The slow start is over: the next pause is short. A pause during a slow start is doubled.
        end(&mut global_backoff, 1, Outcome::Throttled, 70);
        assert_eq!(wait(&global_backoff, 70), 30);
        end(&mut global_backoff, 1, Outcome::Ok, 100);
        end(&mut global_backoff, 1, Outcome::Throttled, 110);
        assert_eq!(wait(&global_backoff, 110), 60);
    }

    #[test]
    fn retry_after_prolongs_a_pause() {
        let mut global_backoff = GlobalBackoff::new();
        let mut throttle = |kind, seconds| {
            let completed = CompletedCall {
                kind,
                channel: None,
                all_channels: false,
                outcome: Outcome::Throttled,
                retry_after: Some(Duration::from_secs(seconds)),
                started: at(0),
            };
            global_backoff.record(completed, at(0));
            wait(&global_backoff, 0)
        };
        assert_eq!(throttle(RequestKind::Regular, 90), 90);
        assert_eq!(throttle(RequestKind::GlobalProbe, 600), 600);
        assert_eq!(throttle(RequestKind::GlobalProbe, 1), 310);
    }

    #[test]
    fn probe_without_a_response_prolongs_the_pause() {
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
