//! Whether a channel is live, as far as anybody knows.

use std::time::Duration;

use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};

/// What is known of a channel's being live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveState {
    /// It is live.
    Live,
    /// It is not: an answer, and no error.
    NotLive,
    /// Not asked yet, or no answer for too long.
    Unknown,
}

/// A channel's state, since when, and how often it changed.
#[derive(Debug, Clone)]
pub struct Liveness {
    state: LiveState,
    since: MonotonicInstant,
    /// What the last answer said; outlives `Unknown`.
    known: Option<Observation>,
    last_answer: Option<MonotonicInstant>,
    transitions: u64,
}

#[derive(Debug, Clone, Copy)]
enum Observation {
    Live {
        /// By Polyv's clock, an instant at which it was not live yet; `None` where it has
        /// been live ever since we first asked.
        not_before: Option<Timestamp>,
    },
    NotLive {
        /// When Polyv last said so, by its own clock.
        at: Timestamp,
    },
}

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
    /// A channel that was not asked yet.
    #[must_use]
    pub const fn new(now: MonotonicInstant) -> Self {
        Self {
            state: LiveState::Unknown,
            since: now,
            known: None,
            last_answer: None,
            transitions: 0,
        }
    }

    /// What is known.
    #[must_use]
    pub const fn state(&self) -> LiveState {
        self.state
    }

    /// When it entered that state.
    #[must_use]
    pub const fn since(&self) -> MonotonicInstant {
        self.since
    }

    /// How often it changed between live and not live. Time spent unknown in between does
    /// not count.
    #[must_use]
    pub const fn transitions(&self) -> u64 {
        self.transitions
    }

    /// Samples at this instant and before do not belong to the present broadcast.
    pub(super) const fn not_before(&self) -> Option<Timestamp> {
        match self.known {
            Some(Observation::Live { not_before }) => not_before,
            _ => None,
        }
    }

    /// Polyv says that it is live.
    pub(super) fn observe_live(&mut self, now: TimeSnapshot) {
        let not_before = match self.known {
            None => None,
            Some(Observation::Live { not_before }) => not_before,
            Some(Observation::NotLive { at }) => {
                self.transitions += 1;
                Some(at)
            }
        };
        self.known = Some(Observation::Live { not_before });
        self.answered(LiveState::Live, now.monotonic);
    }

    /// Polyv says that it is not live.
    pub(super) fn observe_not_live(&mut self, now: TimeSnapshot) {
        if matches!(self.known, Some(Observation::Live { .. })) {
            self.transitions += 1;
        }
        self.known = Some(Observation::NotLive {
            at: now.server_time,
        });
        self.answered(LiveState::NotLive, now.monotonic);
    }

    /// When silence turns into not knowing, if nothing is heard until then.
    pub(super) fn valid_until(&self, staleness_timeout: Duration) -> Option<MonotonicInstant> {
        match self.state {
            LiveState::Unknown => None,
            LiveState::Live | LiveState::NotLive => {
                self.last_answer.map(|last| last + staleness_timeout)
            }
        }
    }

    /// Lets time pass; whether that changed the state.
    pub(super) fn expire(&mut self, now: MonotonicInstant, staleness_timeout: Duration) -> bool {
        match self.valid_until(staleness_timeout) {
            Some(until) if until <= now => {
                self.enter(LiveState::Unknown, until);
                true
            }
            _ => false,
        }
    }

    fn answered(&mut self, state: LiveState, moment: MonotonicInstant) {
        self.last_answer = Some(moment);
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

    const PATIENCE: Duration = Duration::from_secs(120);

    fn at(seconds: u64) -> TimeSnapshot {
        TimeSnapshot {
            monotonic: MonotonicInstant::from_millis(seconds * 1000),
            server_time: Timestamp::from_millis(
                1_700_000_000_000 + i64::try_from(seconds).unwrap() * 1000,
            ),
        }
    }

    #[test]
    fn not_asked_yet_is_unknown_and_the_first_answer_is_no_transition() {
        let mut liveness = Liveness::new(at(0).monotonic);
        assert_eq!(liveness.state(), LiveState::Unknown);
        liveness.observe_live(at(5));
        assert_eq!(liveness.state(), LiveState::Live);
        assert_eq!(liveness.since(), at(5).monotonic);
        assert_eq!(liveness.transitions(), 0);
        assert_eq!(liveness.not_before(), None);
    }

    #[test]
    fn transitions_count_changes_and_not_answers() {
        let mut liveness = Liveness::new(at(0).monotonic);
        liveness.observe_not_live(at(0));
        liveness.observe_not_live(at(30));
        liveness.observe_live(at(60));
        liveness.observe_live(at(75));
        assert_eq!(liveness.transitions(), 1);
        assert_eq!(liveness.since(), at(60).monotonic);
        // Not live at 30, live at 60: it began somewhere in between.
        assert_eq!(liveness.not_before(), Some(at(30).server_time));
        liveness.observe_not_live(at(90));
        assert_eq!(liveness.transitions(), 2);
    }

    #[test]
    fn silence_becomes_not_knowing_at_the_instant_when_patience_ends() {
        let mut liveness = Liveness::new(at(0).monotonic);
        liveness.observe_live(at(10));
        assert!(!liveness.expire(at(129).monotonic, PATIENCE));
        // Noticed late, entered in time.
        assert!(liveness.expire(at(200).monotonic, PATIENCE));
        assert_eq!(liveness.state(), LiveState::Unknown);
        assert_eq!(liveness.since(), at(130).monotonic);
        assert!(!liveness.expire(at(300).monotonic, PATIENCE));
    }

    #[test]
    fn time_spent_unknown_does_not_count_as_a_transition() {
        let mut liveness = Liveness::new(at(0).monotonic);
        liveness.observe_not_live(at(0));
        liveness.observe_live(at(10));
        liveness.expire(at(1000).monotonic, PATIENCE);
        liveness.observe_live(at(1000));
        assert_eq!(liveness.transitions(), 1);
        assert_eq!(liveness.not_before(), Some(at(0).server_time));
        liveness.expire(at(2000).monotonic, PATIENCE);
        liveness.observe_not_live(at(2000));
        assert_eq!(liveness.transitions(), 2);
    }
}
