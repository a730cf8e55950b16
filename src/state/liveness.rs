//! Whether a channel is live, as far as Polyv's responses tell.

use std::time::Duration;

use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};

/// Whether a channel is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveState {
    /// The channel is live.
    Live,
    /// The channel is not live: a valid response, not an error.
    NotLive,
    /// The channel was not polled yet, or no poll succeeded for too long.
    Unknown,
}

/// A channel's state, since when, and how often it changed.
#[derive(Debug, Clone)]
pub(super) struct Liveness {
    pub(super) state: LiveState,
    /// When the channel entered that state.
    pub(super) since: MonotonicInstant,
    /// The state by the last response; kept while the state is `Unknown`.
    known: Option<Observation>,
    last_response: Option<MonotonicInstant>,
    /// The number of changes between live and not live. Unknown states in between do not count.
    pub(super) transitions: u64,
    /// When the present session began, or the last one.
    pub(super) session_began: MonotonicInstant,
    /// Samples at this time and before do not belong to that session. `None` where the channel
    /// was live at the first poll and ever since.
    pub(super) not_before: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
enum Observation {
    Live,
    NotLive {
        /// When a session was interrupted; `None` where there was none before.
        interrupted: Option<MonotonicInstant>,
        /// The server time of the last such response.
        at: Timestamp,
    },
}

/// A shorter time off air does not end a session, since encoders reconnect: a minute, and half of
/// the default poll interval because responses show its end that much later than its beginning.
const SESSION_GAP: Duration = Duration::from_secs(60 + 15);

// === impl LiveState ===

impl LiveState {
    /// All states, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Live, Self::NotLive, Self::Unknown];

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::NotLive => "not_live",
            Self::Unknown => "unknown",
        }
    }
}

// === impl Liveness ===

impl Liveness {
    /// The state of a channel that was not polled yet.
    pub(super) const fn new(now: MonotonicInstant) -> Self {
        Self {
            state: LiveState::Unknown,
            since: now,
            known: None,
            last_response: None,
            transitions: 0,
            session_began: now,
            not_before: None,
        }
    }

    /// Records a response by which the channel is live; whether a session begins with it.
    pub(super) fn observe_live(&mut self, now: TimeSnapshot) -> bool {
        let begins = match self.known {
            None => true,
            Some(Observation::Live) => false,
            Some(Observation::NotLive { interrupted, at }) => {
                self.transitions += 1;
                let is_over = |since| now.monotonic.since(since) >= SESSION_GAP;
                let begins = interrupted.is_none_or(is_over);
                if begins {
                    self.not_before = Some(at);
                }
                begins
            }
        };
        if begins {
            self.session_began = now.monotonic;
        }
        self.known = Some(Observation::Live);
        self.record_response(LiveState::Live, now.monotonic);
        begins
    }

    /// Records a response by which the channel is not live.
    pub(super) fn observe_not_live(&mut self, now: TimeSnapshot) {
        let interrupted = match self.known {
            None => None,
            Some(Observation::Live) => {
                self.transitions += 1;
                Some(now.monotonic)
            }
            Some(Observation::NotLive { interrupted, .. }) => interrupted,
        };
        self.known = Some(Observation::NotLive {
            interrupted,
            at: now.server_time,
        });
        self.record_response(LiveState::NotLive, now.monotonic);
    }

    /// Whether a session was going on when its state became unknown.
    pub(super) fn is_lost_session(&self) -> bool {
        self.state == LiveState::Unknown && matches!(self.known, Some(Observation::Live))
    }

    /// Until when the state is valid, if no further poll succeeds.
    pub(super) fn valid_until(&self, staleness_timeout: Duration) -> Option<MonotonicInstant> {
        match self.state {
            LiveState::Unknown => None,
            LiveState::Live | LiveState::NotLive => {
                self.last_response.map(|last| last + staleness_timeout)
            }
        }
    }

    /// Turns the state to unknown if it is stale; whether it did.
    pub(super) fn expire(&mut self, now: MonotonicInstant, staleness_timeout: Duration) -> bool {
        match self.valid_until(staleness_timeout) {
            Some(until) if until <= now => {
                self.enter(LiveState::Unknown, until);
                true
            }
            _ => false,
        }
    }

    fn record_response(&mut self, state: LiveState, moment: MonotonicInstant) {
        self.last_response = Some(moment);
        self.enter(state, moment);
    }

    fn enter(&mut self, state: LiveState, moment: MonotonicInstant) {
        if self.state != state {
            self.state = state;
            self.since = moment;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALENESS_TIMEOUT: Duration = Duration::from_secs(120);

    fn at(seconds: u64) -> TimeSnapshot {
        TimeSnapshot {
            monotonic: MonotonicInstant::from_millis(seconds * 1000),
            server_time: Timestamp::from_millis(
                1_700_000_000_000 + i64::try_from(seconds).unwrap() * 1000,
            ),
        }
    }

    #[test]
    fn first_response_is_no_transition() {
        let mut liveness = Liveness::new(at(0).monotonic);
        assert_eq!(liveness.state, LiveState::Unknown);
        liveness.observe_live(at(5));
        assert_eq!(liveness.state, LiveState::Live);
        assert_eq!(liveness.since, at(5).monotonic);
        assert_eq!(liveness.transitions, 0);
        assert_eq!(liveness.not_before, None);
    }

    #[test]
    fn transitions_count_changes_and_not_responses() {
        let mut liveness = Liveness::new(at(0).monotonic);
        liveness.observe_not_live(at(0));
        liveness.observe_not_live(at(30));
        liveness.observe_live(at(60));
        liveness.observe_live(at(75));
        assert_eq!(liveness.transitions, 1);
        assert_eq!(liveness.since, at(60).monotonic);
        // Not live at 30, live at 60: the session began in between.
        assert_eq!(liveness.not_before, Some(at(30).server_time));
        liveness.observe_not_live(at(90));
        assert_eq!(liveness.transitions, 2);
    }

    #[test]
    fn state_becomes_unknown_when_the_timeout_ends() {
        let mut liveness = Liveness::new(at(0).monotonic);
        liveness.observe_live(at(10));
        assert!(!liveness.expire(at(129).monotonic, STALENESS_TIMEOUT));
        // The change is noticed late, and dated back.
        assert!(liveness.expire(at(200).monotonic, STALENESS_TIMEOUT));
        assert_eq!(liveness.state, LiveState::Unknown);
        assert_eq!(liveness.since, at(130).monotonic);
        assert!(!liveness.expire(at(300).monotonic, STALENESS_TIMEOUT));
    }

    #[test]
    fn unknown_state_does_not_count_as_a_transition() {
        let mut liveness = Liveness::new(at(0).monotonic);
        liveness.observe_not_live(at(0));
        liveness.observe_live(at(10));
        liveness.expire(at(1000).monotonic, STALENESS_TIMEOUT);
        liveness.observe_live(at(1000));
        assert_eq!(liveness.transitions, 1);
        assert_eq!(liveness.not_before, Some(at(0).server_time));
        liveness.expire(at(2000).monotonic, STALENESS_TIMEOUT);
        liveness.observe_not_live(at(2000));
        assert_eq!(liveness.transitions, 2);
    }
}
