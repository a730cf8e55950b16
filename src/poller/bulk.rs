//! Whether an account's channels can be asked for their status in bulk.
//!
//! Polyv refuses a call as a whole, also where only one of its 200 channels is at fault (a
//! seminar channel, say). A refused call is divided until the channels at fault are found:
//! those are asked for their streams instead, each by itself. Where nothing is accepted any
//! more, or the call fails while others are answered, all of them are, and after a while some
//! are tried in bulk again.

use std::time::Duration;

use super::errand::Batch;
use super::timeline::Planned;
use crate::exposition::ChannelKey;

/// So many refusals in a row are not about single channels: to find two among 200 takes 10.
const REFUSALS: u32 = 20;
/// So many failures in a row, while other calls are answered, are this call's own.
const FAILURES: u32 = 3;
/// Then it is tried again.
const RETRY: Duration = Duration::from_secs(600);

/// An account's calls in bulk.
#[derive(Debug)]
pub(super) struct Bulk {
    state: State,
    /// What is left of refused calls, the next one last: depth first, so that what is
    /// accepted is soon found.
    parts: Vec<(Planned, Vec<ChannelKey>)>,
    refusals: u32,
    failures: u32,
    /// Whether another call was answered since the first of these failures.
    others_answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is not wanted.
    Off,
    Open,
    Closed {
        /// Then some channels are tried.
        until: Planned,
        /// Whether they are being tried.
        trying: bool,
    },
}

/// What a result did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// This channel can't be asked in bulk.
    Alone(ChannelKey),
    /// No channel can.
    Closed,
    /// They can again.
    Opened,
}

// === impl Bulk ===

impl Bulk {
    /// Calls in bulk, if they are wanted.
    pub(super) const fn new(wanted: bool) -> Self {
        Self {
            state: if wanted { State::Open } else { State::Off },
            parts: Vec::new(),
            refusals: 0,
            failures: 0,
            others_answered: false,
        }
    }

    /// Whether channels are asked in bulk.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether it is configured.
    pub(super) fn is_wanted(&self) -> bool {
        self.state != State::Off
    }

    /// When the next part is due.
    pub(super) fn due(&self) -> Option<Planned> {
        self.parts.last().map(|(due, _)| *due)
    }

    /// Takes the next part, due or not.
    pub(super) fn take(&mut self) -> Option<Batch> {
        let (_, channels) = self.parts.pop()?;
        Some(Batch {
            channels,
            apart: true,
        })
    }

    /// Sets channels apart, to be asked at `due`.
    pub(super) fn set_apart(&mut self, channels: Vec<ChannelKey>, due: Planned) {
        if !channels.is_empty() {
            self.parts.push((due, channels));
        }
    }

    /// A channel has left.
    pub(super) fn forget(&mut self, channel: ChannelKey) {
        for (_, channels) in &mut self.parts {
            channels.retain(|other| *other != channel);
        }
        self.parts.retain(|(_, channels)| !channels.is_empty());
    }

    /// Whether it is time to try some channels again.
    pub(super) fn wants_trial(&self, now: Planned) -> bool {
        matches!(self.state, State::Closed { until, trying: false } if until <= now)
    }

    /// Tries these channels.
    pub(super) fn begin_trial(&mut self, channels: Vec<ChannelKey>, now: Planned) {
        if let State::Closed { until, trying } = &mut self.state {
            *trying = !channels.is_empty();
            *until = now + RETRY;
            self.refusals = 0;
            self.failures = 0;
            self.set_apart(channels, now);
        }
    }

    /// Polyv told the status of channels.
    pub(super) fn accepted(&mut self) -> Change {
        self.refusals = 0;
        self.failures = 0;
        if matches!(self.state, State::Closed { .. }) {
            self.state = State::Open;
            return Change::Opened;
        }
        Change::None
    }

    /// Polyv refused to tell the status of these channels.
    pub(super) fn refused(&mut self, mut channels: Vec<ChannelKey>, now: Planned) -> Change {
        self.refusals += 1;
        if self.refusals >= REFUSALS {
            return self.close(now);
        }
        if let [one] = channels[..] {
            return match self.state {
                State::Open => Change::Alone(one),
                State::Closed { .. } if self.parts.is_empty() => self.close(now),
                State::Closed { .. } | State::Off => Change::None,
            };
        }
        let half = channels.split_off(channels.len() / 2);
        self.set_apart(half, now);
        self.set_apart(channels, now);
        Change::None
    }

    /// The call failed, for a reason that is not about channels.
    pub(super) fn failed(&mut self, now: Planned) -> Change {
        if matches!(self.state, State::Closed { .. }) {
            return self.close(now);
        }
        if self.failures == 0 {
            self.others_answered = false;
        }
        self.failures += 1;
        if self.failures >= FAILURES && self.others_answered {
            return self.close(now);
        }
        Change::None
    }

    /// There is no such call.
    pub(super) fn close(&mut self, now: Planned) -> Change {
        let before = self.state;
        if before == State::Off {
            return Change::None;
        }
        self.parts.clear();
        self.refusals = 0;
        self.failures = 0;
        self.state = State::Closed {
            until: now + RETRY,
            trying: false,
        };
        if before == State::Open {
            Change::Closed
        } else {
            Change::None
        }
    }

    /// Another call was answered.
    pub(super) const fn other_answered(&mut self) {
        self.others_answered = true;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn at(seconds: u64) -> Planned {
        Planned::default() + Duration::from_secs(seconds)
    }

    fn keys(count: u64) -> Vec<ChannelKey> {
        (0..count).map(ChannelKey::for_test).collect()
    }

    /// Plays a Polyv that refuses calls with one of `faulty` in them. How many calls it took,
    /// who is alone in the end, and whether bulk is open then.
    fn play(faulty: &[u64], count: u64) -> (usize, BTreeSet<ChannelKey>, bool) {
        let faulty: BTreeSet<_> = faulty.iter().copied().map(ChannelKey::for_test).collect();
        let mut bulk = Bulk::new(true);
        bulk.set_apart(keys(count), at(0));
        let (mut calls, mut alone) = (0, BTreeSet::new());
        while let Some(batch) = bulk.take() {
            calls += 1;
            let change = if batch.channels.iter().any(|key| faulty.contains(key)) {
                bulk.refused(batch.channels, at(0))
            } else {
                bulk.accepted()
            };
            if let Change::Alone(key) = change {
                alone.insert(key);
            }
        }
        (calls, alone, bulk.is_open())
    }

    #[test]
    fn channels_at_fault_are_found_and_no_others() {
        for faulty in [
            &[0][..],
            &[199],
            &[77],
            &[3, 4],
            &[0, 66, 133, 199],
            &[10, 11, 12, 13],
        ] {
            let (calls, alone, open) = play(faulty, 200);
            let expected: BTreeSet<_> = faulty.iter().copied().map(ChannelKey::for_test).collect();
            assert_eq!((alone, open), (expected, true), "{faulty:?}");
            assert!(calls <= 20 * faulty.len(), "{calls}");
        }
        assert_eq!(play(&[], 200), (1, BTreeSet::new(), true));
    }

    #[test]
    fn where_all_is_refused_it_is_given_up_after_a_few_calls() {
        let all: Vec<u64> = (0..200).collect();
        let (calls, alone, open) = play(&all, 200);
        assert!(!open && calls == 20, "{calls}");
        assert!(alone.len() < 20);
    }

    #[test]
    fn what_was_given_up_is_tried_again_and_taken_up_again() {
        let mut bulk = Bulk::new(true);
        assert_eq!(bulk.close(at(0)), Change::Closed);
        assert!(!bulk.wants_trial(at(599)) && bulk.wants_trial(at(600)));
        // In vain: one by one, to the end.
        bulk.begin_trial(keys(4), at(600));
        assert!(!bulk.wants_trial(at(5000)), "it is under way");
        let mut calls = 0;
        while let Some(batch) = bulk.take() {
            calls += 1;
            assert_eq!(bulk.refused(batch.channels, at(601)), Change::None);
        }
        assert_eq!(calls, 7);
        assert!(!bulk.wants_trial(at(1200)) && bulk.wants_trial(at(1201)));
        // One that is accepted is enough.
        bulk.begin_trial(keys(2), at(1201));
        let batch = bulk.take().unwrap();
        bulk.refused(batch.channels, at(1202));
        bulk.take().unwrap();
        assert_eq!(bulk.accepted(), Change::Opened);
        assert!(
            bulk.is_open() && bulk.due().is_some(),
            "the other half is still asked"
        );
    }

    #[test]
    fn failures_close_it_only_where_other_calls_are_answered() {
        let mut bulk = Bulk::new(true);
        for _ in 0..10 {
            assert_eq!(bulk.failed(at(0)), Change::None);
        }
        bulk.other_answered();
        assert_eq!(bulk.failed(at(0)), Change::Closed);
        // An answer before them says nothing.
        let mut bulk = Bulk::new(true);
        bulk.other_answered();
        for _ in 0..10 {
            assert_eq!(bulk.failed(at(0)), Change::None);
        }
    }

    #[test]
    fn a_trial_that_fails_is_one_in_vain() {
        let mut bulk = Bulk::new(true);
        bulk.close(at(0));
        bulk.begin_trial(keys(2), at(600));
        bulk.take().unwrap();
        assert_eq!(bulk.failed(at(615)), Change::None);
        assert!(!bulk.is_open() && !bulk.wants_trial(at(1214)) && bulk.wants_trial(at(1215)));
    }

    #[test]
    fn one_that_is_not_wanted_stays_so() {
        let mut bulk = Bulk::new(false);
        assert!(!bulk.is_open() && !bulk.is_wanted());
        assert_eq!(bulk.close(at(0)), Change::None);
        assert!(!bulk.wants_trial(at(10_000)));
    }
}
