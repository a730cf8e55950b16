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
use crate::metrics::ChannelKey;
use polyv_client::clock::Moment;

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
    /// What stands apart: what is left of refused calls, the next one last, so that it goes
    /// depth first, and what is accepted is soon found.
    parts: Vec<(Planned, Vec<ChannelKey>)>,
    /// Whether one of these is under way: they go one at a time.
    apart_under_way: bool,
    refusals: u32,
    failures: u32,
    /// Whether another call was answered since the first of these failures.
    others_answered: bool,
    /// Whether Polyv ever told the status of channels.
    ever_accepted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is not wanted.
    Off,
    Open,
    Closed {
        /// Then some channels are tried.
        until: Moment,
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
            apart_under_way: false,
            refusals: 0,
            failures: 0,
            others_answered: false,
            ever_accepted: false,
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

    /// When the next part is due; `None` while one is under way.
    pub(super) fn due(&self) -> Option<Planned> {
        let (due, _) = self.parts.last().filter(|_| !self.apart_under_way)?;
        Some(*due)
    }

    /// Takes the next part, due or not.
    pub(super) fn take(&mut self) -> Option<Batch> {
        self.due()?;
        let (_, channels) = self.parts.pop()?;
        self.apart_under_way = true;
        Some(Batch {
            channels,
            apart: true,
        })
    }

    /// The part that was taken is not under way any more.
    pub(super) const fn returned(&mut self) {
        self.apart_under_way = false;
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
    pub(super) fn wants_trial(&self, now: Moment) -> bool {
        let idle = self.parts.is_empty() && !self.apart_under_way;
        matches!(self.state, State::Closed { until } if until <= now && idle)
    }

    /// Tries these channels, at `due`.
    pub(super) fn begin_trial(&mut self, channels: Vec<ChannelKey>, due: Planned, now: Moment) {
        if let State::Closed { until } = &mut self.state {
            *until = now + RETRY;
            self.refusals = 0;
            self.failures = 0;
            self.set_apart(channels, due);
        }
    }

    /// Polyv told the status of channels.
    pub(super) fn accepted(&mut self, apart: bool) -> Change {
        self.refusals = 0;
        self.failures = 0;
        self.ever_accepted = true;
        // What was asked before it was closed is no trial.
        if apart && matches!(self.state, State::Closed { .. }) {
            self.state = State::Open;
            return Change::Opened;
        }
        Change::None
    }

    /// Polyv refused to tell the status of these channels. `again` says whether it is one that
    /// was refused before.
    pub(super) fn refused(
        &mut self,
        batch: Batch,
        again: bool,
        due: Planned,
        now: Moment,
    ) -> Change {
        let Batch {
            mut channels,
            apart,
        } = batch;
        match self.state {
            State::Off => return Change::None,
            // It was asked before it was closed.
            State::Closed { .. } if !apart => return Change::None,
            State::Closed { .. } | State::Open => {}
        }
        if !again {
            self.refusals += 1;
        }
        if self.refusals >= REFUSALS {
            return self.close(now);
        }
        if let [one] = channels[..] {
            return if self.is_open() {
                Change::Alone(one)
            } else {
                Change::None
            };
        }
        let half = channels.split_off(channels.len() / 2);
        self.set_apart(half, due);
        self.set_apart(channels, due);
        Change::None
    }

    /// The call failed, for a reason that is not about channels.
    pub(super) fn failed(&mut self, now: Moment) -> Change {
        if self.failures == 0 {
            self.others_answered = false;
        }
        self.failures += 1;
        if self.is_open() && self.failures >= FAILURES && self.others_answered {
            return self.close(now);
        }
        Change::None
    }

    /// There is no such call, it seems.
    pub(super) fn absent(&mut self, now: Moment) -> Change {
        if self.is_open() && !self.ever_accepted {
            return self.close(now);
        }
        self.failed(now)
    }

    /// Asks nobody in bulk for a while.
    fn close(&mut self, now: Moment) -> Change {
        let before = self.state;
        self.parts.clear();
        self.refusals = 0;
        self.failures = 0;
        self.state = State::Closed { until: now + RETRY };
        if before == State::Open {
            Change::Closed
        } else {
            Change::None
        }
    }

    /// Another call was answered: with data, or that a channel is not live.
    pub(super) const fn other_answered(&mut self) {
        self.others_answered = true;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DUE: Planned = Planned::ZERO;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    fn keys(count: u64) -> Vec<ChannelKey> {
        (0..count).map(ChannelKey::for_test).collect()
    }

    fn apart(channels: Vec<ChannelKey>) -> Batch {
        Batch {
            channels,
            apart: true,
        }
    }

    /// Takes the next part, and puts it back as a call that has ended.
    fn turn(bulk: &mut Bulk) -> Option<Batch> {
        let batch = bulk.take()?;
        assert!(bulk.due().is_none(), "one at a time");
        bulk.returned();
        Some(batch)
    }

    fn closed() -> Bulk {
        let mut bulk = Bulk::new(true);
        assert_eq!(bulk.absent(at(0)), Change::Closed);
        bulk
    }

    /// Plays a Polyv that refuses calls with one of `faulty` in them. How many calls it took,
    /// who is alone in the end, and whether bulk is open then.
    fn play(faulty: &[u64], count: u64) -> (usize, BTreeSet<ChannelKey>, bool) {
        let faulty: BTreeSet<_> = faulty.iter().copied().map(ChannelKey::for_test).collect();
        let mut bulk = Bulk::new(true);
        bulk.set_apart(keys(count), DUE);
        let (mut calls, mut alone) = (0, BTreeSet::new());
        while let Some(batch) = turn(&mut bulk) {
            calls += 1;
            let change = if batch.channels.iter().any(|key| faulty.contains(key)) {
                bulk.refused(batch, false, DUE, at(0))
            } else {
                bulk.accepted(true)
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
    fn channels_that_are_known_to_be_refused_do_not_close_it() {
        let mut bulk = Bulk::new(true);
        for key in keys(100) {
            let change = bulk.refused(apart(vec![key]), true, DUE, at(0));
            assert_eq!(change, Change::Alone(key));
        }
        assert!(bulk.is_open());
    }

    #[test]
    fn what_was_given_up_is_tried_again_and_taken_up_again() {
        let mut bulk = closed();
        assert!(!bulk.wants_trial(at(599)) && bulk.wants_trial(at(600)));
        // In vain: one by one, to the end.
        bulk.begin_trial(keys(4), DUE, at(600));
        assert!(!bulk.wants_trial(at(5000)), "it is to be made");
        let mut calls = 0;
        while let Some(batch) = turn(&mut bulk) {
            calls += 1;
            assert_eq!(bulk.refused(batch, false, DUE, at(601)), Change::None);
        }
        assert_eq!(calls, 7);
        assert!(!bulk.wants_trial(at(1199)) && bulk.wants_trial(at(1200)));
        // One that is accepted is enough.
        bulk.begin_trial(keys(2), DUE, at(1200));
        let batch = turn(&mut bulk).unwrap();
        bulk.refused(batch, false, DUE, at(1202));
        turn(&mut bulk).unwrap();
        assert_eq!(bulk.accepted(true), Change::Opened);
        assert!(
            bulk.is_open() && bulk.due().is_some(),
            "the other half is still asked"
        );
    }

    #[test]
    fn a_trial_that_comes_to_nothing_is_made_again() {
        let mut bulk = closed();
        bulk.begin_trial(keys(2), DUE, at(600));
        // It is throttled, or its channels leave.
        turn(&mut bulk).unwrap();
        assert!(!bulk.wants_trial(at(1199)) && bulk.wants_trial(at(1200)));
        bulk.begin_trial(keys(1), DUE, at(1200));
        bulk.forget(ChannelKey::for_test(0));
        assert!(bulk.wants_trial(at(1800)));
        bulk.begin_trial(Vec::new(), DUE, at(1800));
        assert!(!bulk.wants_trial(at(1801)) && bulk.wants_trial(at(2400)));
    }

    #[test]
    fn calls_from_before_it_was_closed_neither_open_it_nor_go_on() {
        let mut bulk = closed();
        assert_eq!(bulk.accepted(false), Change::None);
        let late = Batch {
            channels: keys(200),
            apart: false,
        };
        assert_eq!(bulk.refused(late.clone(), false, DUE, at(1)), Change::None);
        assert!(!bulk.is_open() && bulk.due().is_none());
        let mut off = Bulk::new(false);
        assert_eq!(off.refused(late, false, DUE, at(1)), Change::None);
        assert!(off.due().is_none());
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
    fn a_call_that_was_there_before_is_not_believed_to_be_gone_at_once() {
        let mut bulk = Bulk::new(true);
        bulk.accepted(false);
        assert_eq!(bulk.absent(at(0)), Change::None);
        bulk.other_answered();
        assert_eq!(bulk.absent(at(0)), Change::None);
        assert_eq!(bulk.absent(at(0)), Change::Closed);
    }

    #[test]
    fn one_that_is_not_wanted_stays_so() {
        let mut bulk = Bulk::new(false);
        assert!(!bulk.is_open() && !bulk.is_wanted());
        assert_eq!(bulk.absent(at(0)), Change::None);
        assert_eq!(bulk.accepted(true), Change::None);
        assert!(!bulk.wants_trial(at(10_000)));
    }
}
