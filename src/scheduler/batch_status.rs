//! Whether an account's channels can be asked for their status in batch_status.
//!
//! Polyv refuses a call as a whole, also where only one of its 200 channels is at fault (a
//! seminar channel, say). A refused call is divided until the channels at fault are found:
//! those are asked for their streams instead, each by itself. Where nothing is accepted any
//! more, or the call fails while others are answered, all of them are, and after a while some
//! are tried in bulk again.

use std::time::Duration;

use super::request::StatusBatch;
use super::virtual_clock::VirtualInstant;
use crate::state::ChannelKey;
use polyv_client::clock::MonotonicInstant;

/// So many refusals in a row are not about single channels: to find two among 200 takes 10.
const MAX_REFUSALS: u32 = 20;
/// So many failures in a row, while other calls are answered, are this call's own.
const MAX_FAILURES: u32 = 3;
/// Then it is tried again.
const CANARY_INTERVAL: Duration = Duration::from_secs(600);

/// An account's calls in batch_status.
#[derive(Debug)]
pub(super) struct BatchStatus {
    state: BatchState,
    /// What stands isolated: what is left of refused calls, the next one last, so that it goes
    /// depth first, and what is accepted is soon found.
    bisect_queue: Vec<(VirtualInstant, Vec<ChannelKey>)>,
    /// Whether one of these is under way: they go one at a time.
    isolated_in_flight: bool,
    refusals: u32,
    failures: u32,
    /// Whether another call was answered since the first of these failures.
    other_succeeded: bool,
    /// Whether Polyv ever told the status of channels.
    ever_accepted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BatchState {
    /// It is not enabled.
    Off,
    Available,
    Unavailable {
        /// Then some channels are tried.
        retry_at: MonotonicInstant,
    },
}

/// What a result did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BatchTransition {
    /// Nothing.
    None,
    /// This channel can't be asked in batch_status.
    ChannelExcluded(ChannelKey),
    /// No channel can.
    BecameUnavailable,
    /// They can again.
    BecameAvailable,
}

// === impl Bulk ===

impl BatchStatus {
    /// Calls in batch_status, if they are enabled.
    pub(super) const fn new(enabled: bool) -> Self {
        Self {
            state: if enabled {
                BatchState::Available
            } else {
                BatchState::Off
            },
            bisect_queue: Vec::new(),
            isolated_in_flight: false,
            refusals: 0,
            failures: 0,
            other_succeeded: false,
            ever_accepted: false,
        }
    }

    /// Whether channels are asked in batch_status.
    pub(super) fn is_available(&self) -> bool {
        self.state == BatchState::Available
    }

    /// Whether it is configured.
    pub(super) fn is_enabled(&self) -> bool {
        self.state != BatchState::Off
    }

    /// When the next part is due; `None` while one is under way.
    pub(super) fn due(&self) -> Option<VirtualInstant> {
        let (due, _) = self
            .bisect_queue
            .last()
            .filter(|_| !self.isolated_in_flight)?;
        Some(*due)
    }

    /// Takes the next part, due or not.
    pub(super) fn pop_isolated(&mut self) -> Option<StatusBatch> {
        self.due()?;
        let (_, channels) = self.bisect_queue.pop()?;
        self.isolated_in_flight = true;
        Some(StatusBatch {
            channels,
            isolated: true,
        })
    }

    /// The part that was taken is not under way any more.
    pub(super) const fn isolated_done(&mut self) {
        self.isolated_in_flight = false;
    }

    /// Sets channels isolated, to be asked at `due`.
    pub(super) fn bisect(&mut self, channels: Vec<ChannelKey>, due: VirtualInstant) {
        if !channels.is_empty() {
            self.bisect_queue.push((due, channels));
        }
    }

    /// A channel has left.
    pub(super) fn drop_channel(&mut self, channel: ChannelKey) {
        for (_, channels) in &mut self.bisect_queue {
            channels.retain(|other| *other != channel);
        }
        self.bisect_queue
            .retain(|(_, channels)| !channels.is_empty());
    }

    /// Whether it is time to try some channels again.
    pub(super) fn canary_due(&self, now: MonotonicInstant) -> bool {
        let idle = self.bisect_queue.is_empty() && !self.isolated_in_flight;
        matches!(self.state, BatchState::Unavailable { retry_at } if retry_at <= now && idle)
    }

    /// Tries these channels, at `due`.
    pub(super) fn start_canary(
        &mut self,
        channels: Vec<ChannelKey>,
        due: VirtualInstant,
        now: MonotonicInstant,
    ) {
        if let BatchState::Unavailable { retry_at } = &mut self.state {
            *retry_at = now + CANARY_INTERVAL;
            self.refusals = 0;
            self.failures = 0;
            self.bisect(channels, due);
        }
    }

    /// Polyv told the status of channels.
    pub(super) fn record_success(&mut self, isolated: bool) -> BatchTransition {
        self.refusals = 0;
        self.failures = 0;
        self.ever_accepted = true;
        // What was asked before it was closed is no trial.
        if isolated && matches!(self.state, BatchState::Unavailable { .. }) {
            self.state = BatchState::Available;
            return BatchTransition::BecameAvailable;
        }
        BatchTransition::None
    }

    /// Polyv refused to tell the status of these channels. `again` says whether it is one that
    /// was refused before.
    pub(super) fn record_refusal(
        &mut self,
        batch: StatusBatch,
        again: bool,
        due: VirtualInstant,
        now: MonotonicInstant,
    ) -> BatchTransition {
        let StatusBatch {
            mut channels,
            isolated,
        } = batch;
        match self.state {
            BatchState::Off => return BatchTransition::None,
            // It was asked before it was closed.
            BatchState::Unavailable { .. } if !isolated => return BatchTransition::None,
            BatchState::Unavailable { .. } | BatchState::Available => {}
        }
        if !again {
            self.refusals += 1;
        }
        if self.refusals >= MAX_REFUSALS {
            return self.disable(now);
        }
        if let [one] = channels[..] {
            return if self.is_available() {
                BatchTransition::ChannelExcluded(one)
            } else {
                BatchTransition::None
            };
        }
        let half = channels.split_off(channels.len() / 2);
        self.bisect(half, due);
        self.bisect(channels, due);
        BatchTransition::None
    }

    /// The call failed, for a reason that is not about channels.
    pub(super) fn record_failure(&mut self, now: MonotonicInstant) -> BatchTransition {
        if self.failures == 0 {
            self.other_succeeded = false;
        }
        self.failures += 1;
        if self.is_available() && self.failures >= MAX_FAILURES && self.other_succeeded {
            return self.disable(now);
        }
        BatchTransition::None
    }

    /// There is no such call, it seems.
    pub(super) fn endpoint_missing(&mut self, now: MonotonicInstant) -> BatchTransition {
        if self.is_available() && !self.ever_accepted {
            return self.disable(now);
        }
        self.record_failure(now)
    }

    /// Asks nobody in bulk for a while.
    fn disable(&mut self, now: MonotonicInstant) -> BatchTransition {
        let before = self.state;
        self.bisect_queue.clear();
        self.refusals = 0;
        self.failures = 0;
        self.state = BatchState::Unavailable {
            retry_at: now + CANARY_INTERVAL,
        };
        if before == BatchState::Available {
            BatchTransition::BecameUnavailable
        } else {
            BatchTransition::None
        }
    }

    /// Another call was answered: with data, or that a channel is not live.
    pub(super) const fn observe_other_success(&mut self) {
        self.other_succeeded = true;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DUE: VirtualInstant = VirtualInstant::ZERO;

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_millis(seconds * 1000)
    }

    fn keys(count: u64) -> Vec<ChannelKey> {
        (0..count).map(ChannelKey::from_index).collect()
    }

    fn isolated(channels: Vec<ChannelKey>) -> StatusBatch {
        StatusBatch {
            channels,
            isolated: true,
        }
    }

    /// Takes the next part, and puts it back as a call that has completed.
    fn turn(batch_status: &mut BatchStatus) -> Option<StatusBatch> {
        let batch = batch_status.pop_isolated()?;
        assert!(batch_status.due().is_none(), "one at a time");
        batch_status.isolated_done();
        Some(batch)
    }

    fn unavailable() -> BatchStatus {
        let mut batch_status = BatchStatus::new(true);
        assert_eq!(
            batch_status.endpoint_missing(at(0)),
            BatchTransition::BecameUnavailable
        );
        batch_status
    }

    /// Plays a Polyv that refuses calls with one of `faulty` in them. How many calls it took,
    /// who is alone in the end, and whether bulk is open then.
    fn play(faulty: &[u64], count: u64) -> (usize, BTreeSet<ChannelKey>, bool) {
        let faulty: BTreeSet<_> = faulty.iter().copied().map(ChannelKey::from_index).collect();
        let mut batch_status = BatchStatus::new(true);
        batch_status.bisect(keys(count), DUE);
        let (mut calls, mut alone) = (0, BTreeSet::new());
        while let Some(batch) = turn(&mut batch_status) {
            calls += 1;
            let change = if batch.channels.iter().any(|key| faulty.contains(key)) {
                batch_status.record_refusal(batch, false, DUE, at(0))
            } else {
                batch_status.record_success(true)
            };
            if let BatchTransition::ChannelExcluded(key) = change {
                alone.insert(key);
            }
        }
        (calls, alone, batch_status.is_available())
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
            let expected: BTreeSet<_> =
                faulty.iter().copied().map(ChannelKey::from_index).collect();
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
        let mut batch_status = BatchStatus::new(true);
        for key in keys(100) {
            let change = batch_status.record_refusal(isolated(vec![key]), true, DUE, at(0));
            assert_eq!(change, BatchTransition::ChannelExcluded(key));
        }
        assert!(batch_status.is_available());
    }

    #[test]
    fn what_was_given_up_is_tried_again_and_taken_up_again() {
        let mut batch_status = unavailable();
        assert!(!batch_status.canary_due(at(599)) && batch_status.canary_due(at(600)));
        // In vain: one by one, to the end.
        batch_status.start_canary(keys(4), DUE, at(600));
        assert!(!batch_status.canary_due(at(5000)), "it is to be made");
        let mut calls = 0;
        while let Some(batch) = turn(&mut batch_status) {
            calls += 1;
            assert_eq!(
                batch_status.record_refusal(batch, false, DUE, at(601)),
                BatchTransition::None
            );
        }
        assert_eq!(calls, 7);
        assert!(!batch_status.canary_due(at(1199)) && batch_status.canary_due(at(1200)));
        // One that is accepted is enough.
        batch_status.start_canary(keys(2), DUE, at(1200));
        let batch = turn(&mut batch_status).unwrap();
        batch_status.record_refusal(batch, false, DUE, at(1202));
        turn(&mut batch_status).unwrap();
        assert_eq!(
            batch_status.record_success(true),
            BatchTransition::BecameAvailable
        );
        assert!(
            batch_status.is_available() && batch_status.due().is_some(),
            "the other half is still asked"
        );
    }

    #[test]
    fn a_trial_that_comes_to_nothing_is_made_again() {
        let mut batch_status = unavailable();
        batch_status.start_canary(keys(2), DUE, at(600));
        // It is throttled, or its channels leave.
        turn(&mut batch_status).unwrap();
        assert!(!batch_status.canary_due(at(1199)) && batch_status.canary_due(at(1200)));
        batch_status.start_canary(keys(1), DUE, at(1200));
        batch_status.drop_channel(ChannelKey::from_index(0));
        assert!(batch_status.canary_due(at(1800)));
        batch_status.start_canary(Vec::new(), DUE, at(1800));
        assert!(!batch_status.canary_due(at(1801)) && batch_status.canary_due(at(2400)));
    }

    #[test]
    fn calls_from_before_it_was_closed_neither_open_it_nor_go_on() {
        let mut batch_status = unavailable();
        assert_eq!(batch_status.record_success(false), BatchTransition::None);
        let late = StatusBatch {
            channels: keys(200),
            isolated: false,
        };
        assert_eq!(
            batch_status.record_refusal(late.clone(), false, DUE, at(1)),
            BatchTransition::None
        );
        assert!(!batch_status.is_available() && batch_status.due().is_none());
        let mut off = BatchStatus::new(false);
        assert_eq!(
            off.record_refusal(late, false, DUE, at(1)),
            BatchTransition::None
        );
        assert!(off.due().is_none());
    }

    #[test]
    fn failures_close_it_only_where_other_calls_are_answered() {
        let mut batch_status = BatchStatus::new(true);
        for _ in 0..10 {
            assert_eq!(batch_status.record_failure(at(0)), BatchTransition::None);
        }
        batch_status.observe_other_success();
        assert_eq!(
            batch_status.record_failure(at(0)),
            BatchTransition::BecameUnavailable
        );
        // An answer before them says nothing.
        let mut batch_status = BatchStatus::new(true);
        batch_status.observe_other_success();
        for _ in 0..10 {
            assert_eq!(batch_status.record_failure(at(0)), BatchTransition::None);
        }
    }

    #[test]
    fn a_call_that_was_there_before_is_not_believed_to_be_gone_at_once() {
        let mut batch_status = BatchStatus::new(true);
        batch_status.record_success(false);
        assert_eq!(batch_status.endpoint_missing(at(0)), BatchTransition::None);
        batch_status.observe_other_success();
        assert_eq!(batch_status.endpoint_missing(at(0)), BatchTransition::None);
        assert_eq!(
            batch_status.endpoint_missing(at(0)),
            BatchTransition::BecameUnavailable
        );
    }

    #[test]
    fn one_that_is_not_wanted_stays_so() {
        let mut batch_status = BatchStatus::new(false);
        assert!(!batch_status.is_available() && !batch_status.is_enabled());
        assert_eq!(batch_status.endpoint_missing(at(0)), BatchTransition::None);
        assert_eq!(batch_status.record_success(true), BatchTransition::None);
        assert!(!batch_status.canary_due(at(10_000)));
    }
}
