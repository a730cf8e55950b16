//! Whether an account's channels are polled by status, 200 in a call.
//!
//! Polyv refuses a whole call for one channel at fault (a seminar channel, for example). A refused
//! batch is bisected until the channels at fault are found; these are excluded and polled
//! individually. If every call is refused, or only these calls fail, batch status is unavailable:
//! all channels are polled individually, and some are sent as a canary every 10 minutes.

use std::time::Duration;

use super::request::StatusBatch;
use super::virtual_clock::VirtualInstant;
use crate::state::ChannelKey;
use polyv_client::clock::MonotonicInstant;

/// Consecutive refusals that are not about single channels: to find two among 200 takes 10.
const MAX_REFUSALS: u32 = 20;
/// Consecutive failures, while other calls succeed, that are a fault of this endpoint.
const MAX_FAILURES: u32 = 3;
const CANARY_INTERVAL: Duration = Duration::from_secs(600);

/// The batch status of one account.
#[derive(Debug)]
pub(super) struct BatchStatus {
    state: BatchState,
    /// Parts of refused batches. The newest part is sent first, so that working channels are
    /// found early.
    bisect_queue: Vec<(VirtualInstant, Vec<ChannelKey>)>,
    /// Whether such a part is in flight. They are sent one at a time.
    isolated_in_flight: bool,
    refusals: u32,
    failures: u32,
    /// Whether a call to another endpoint succeeded since the first of the failures.
    other_succeeded: bool,
    /// Whether Polyv ever responded with a status.
    ever_accepted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BatchState {
    /// The configuration turns batch status off.
    Off,
    Available,
    Unavailable {
        /// When the next canary is sent.
        retry_at: MonotonicInstant,
    },
}

/// What a call changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BatchTransition {
    /// Batch status is no longer available.
    BecameUnavailable,
    /// Batch status is available again.
    BecameAvailable,
    /// One channel is not part of batches any more.
    ChannelExcluded(ChannelKey),
}

// === impl BatchStatus ===

impl BatchStatus {
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

    pub(super) fn is_available(&self) -> bool {
        self.state == BatchState::Available
    }

    /// Returns whether the configuration asks for batch status.
    pub(super) fn is_enabled(&self) -> bool {
        self.state != BatchState::Off
    }

    /// Returns when the next part of a refused batch is due, or `None` while one is in flight.
    pub(super) fn due(&self) -> Option<VirtualInstant> {
        let (due, _) = self
            .bisect_queue
            .last()
            .filter(|_| !self.isolated_in_flight)?;
        Some(*due)
    }

    /// Takes the next part of a refused batch, due or not.
    pub(super) fn pop_isolated(&mut self) -> Option<StatusBatch> {
        self.due()?;
        let (_, channels) = self.bisect_queue.pop()?;
        self.isolated_in_flight = true;
        Some(StatusBatch {
            channels,
            isolated: true,
        })
    }

    /// Records that the part which was taken is no longer in flight.
    pub(super) const fn isolated_done(&mut self) {
        self.isolated_in_flight = false;
    }

    /// Queues channels to be sent apart from other batches.
    pub(super) fn bisect(&mut self, channels: Vec<ChannelKey>, due: VirtualInstant) {
        if !channels.is_empty() {
            self.bisect_queue.push((due, channels));
        }
    }

    /// Forgets a channel that was removed.
    pub(super) fn drop_channel(&mut self, channel: ChannelKey) {
        for (_, channels) in &mut self.bisect_queue {
            channels.retain(|other| *other != channel);
        }
        self.bisect_queue
            .retain(|(_, channels)| !channels.is_empty());
    }

    /// Returns whether a canary is to be sent.
    pub(super) fn canary_due(&self, now: MonotonicInstant) -> bool {
        let is_idle = self.bisect_queue.is_empty() && !self.isolated_in_flight;
        matches!(self.state, BatchState::Unavailable { retry_at } if retry_at <= now && is_idle)
    }

    /// Queues these channels as a canary.
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

    /// Records a response with statuses.
    pub(super) fn record_success(&mut self, isolated: bool) -> Option<BatchTransition> {
        self.refusals = 0;
        self.failures = 0;
        self.ever_accepted = true;
        // Only a canary counts, and not a call from before.
        if isolated && matches!(self.state, BatchState::Unavailable { .. }) {
            self.state = BatchState::Available;
            return Some(BatchTransition::BecameAvailable);
        }
        None
    }

    /// Records a refused batch. `known` says whether it is a single channel that was refused
    /// before.
    pub(super) fn record_refusal(
        &mut self,
        batch: StatusBatch,
        known: bool,
        due: VirtualInstant,
        now: MonotonicInstant,
    ) -> Option<BatchTransition> {
        let mut channels = batch.channels;
        match self.state {
            BatchState::Off => return None,
            // The batch was sent before batch status became unavailable.
            BatchState::Unavailable { .. } if !batch.isolated => return None,
            BatchState::Unavailable { .. } | BatchState::Available => {}
        }
        if !known {
            self.refusals += 1;
        }
        if self.refusals >= MAX_REFUSALS {
            return self.disable(now);
        }
        if let [only] = channels[..] {
            return self
                .is_available()
                .then_some(BatchTransition::ChannelExcluded(only));
        }
        let half = channels.split_off(channels.len() / 2);
        self.bisect(half, due);
        self.bisect(channels, due);
        None
    }

    /// Records a failure that is not about channels.
    pub(super) fn record_failure(&mut self, now: MonotonicInstant) -> Option<BatchTransition> {
        if self.failures == 0 {
            self.other_succeeded = false;
        }
        self.failures += 1;
        if self.is_available() && self.failures >= MAX_FAILURES && self.other_succeeded {
            return self.disable(now);
        }
        None
    }

    /// Records a response which says that the endpoint does not exist.
    pub(super) fn endpoint_missing(&mut self, now: MonotonicInstant) -> Option<BatchTransition> {
        if self.is_available() && !self.ever_accepted {
            return self.disable(now);
        }
        self.record_failure(now)
    }

    fn disable(&mut self, now: MonotonicInstant) -> Option<BatchTransition> {
        let was_available = self.is_available();
        self.bisect_queue.clear();
        self.refusals = 0;
        self.failures = 0;
        self.state = BatchState::Unavailable {
            retry_at: now + CANARY_INTERVAL,
        };
        was_available.then_some(BatchTransition::BecameUnavailable)
    }

    /// Records that a call to another endpoint succeeded.
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

    /// Takes the next part and ends its call.
    fn next_part(batch_status: &mut BatchStatus) -> Option<StatusBatch> {
        let batch = batch_status.pop_isolated()?;
        assert!(batch_status.due().is_none(), "one at a time");
        batch_status.isolated_done();
        Some(batch)
    }

    fn unavailable() -> BatchStatus {
        let mut batch_status = BatchStatus::new(true);
        assert_eq!(
            batch_status.endpoint_missing(at(0)),
            Some(BatchTransition::BecameUnavailable)
        );
        batch_status
    }

    /// Plays a Polyv that refuses calls with one of `faulty` in them. Returns the number of calls,
    /// the excluded channels, and whether batch status is still available.
    fn play(faulty: &[u64], count: u64) -> (usize, BTreeSet<ChannelKey>, bool) {
        let faulty: BTreeSet<_> = faulty.iter().copied().map(ChannelKey::from_index).collect();
        let mut batch_status = BatchStatus::new(true);
        batch_status.bisect(keys(count), DUE);
        let (mut calls, mut excluded) = (0, BTreeSet::new());
        while let Some(batch) = next_part(&mut batch_status) {
            calls += 1;
            let change = if batch.channels.iter().any(|key| faulty.contains(key)) {
                batch_status.record_refusal(batch, false, DUE, at(0))
            } else {
                batch_status.record_success(true)
            };
            if let Some(BatchTransition::ChannelExcluded(key)) = change {
                excluded.insert(key);
            }
        }
        (calls, excluded, batch_status.is_available())
    }

    #[test]
    fn bisection_finds_the_channels_at_fault() {
        for faulty in [
            &[0][..],
            &[199],
            &[77],
            &[3, 4],
            &[0, 66, 133, 199],
            &[10, 11, 12, 13],
        ] {
            let (calls, excluded, available) = play(faulty, 200);
            let expected: BTreeSet<_> =
                faulty.iter().copied().map(ChannelKey::from_index).collect();
            assert_eq!((excluded, available), (expected, true), "{faulty:?}");
            assert!(calls <= 20 * faulty.len(), "{calls}");
        }
        assert_eq!(play(&[], 200), (1, BTreeSet::new(), true));
    }

    #[test]
    fn refusing_all_channels_makes_it_unavailable() {
        let all: Vec<u64> = (0..200).collect();
        let (calls, excluded, available) = play(&all, 200);
        assert!(!available && calls == 20, "{calls}");
        assert!(excluded.len() < 20);
    }

    #[test]
    fn known_refused_channels_do_not_make_it_unavailable() {
        let mut batch_status = BatchStatus::new(true);
        for key in keys(100) {
            let change = batch_status.record_refusal(isolated(vec![key]), true, DUE, at(0));
            assert_eq!(change, Some(BatchTransition::ChannelExcluded(key)));
        }
        assert!(batch_status.is_available());
    }

    #[test]
    fn accepted_canary_makes_it_available_again() {
        let mut batch_status = unavailable();
        assert!(!batch_status.canary_due(at(599)) && batch_status.canary_due(at(600)));
        // All channels are refused, one after the other.
        batch_status.start_canary(keys(4), DUE, at(600));
        assert!(!batch_status.canary_due(at(5000)), "a canary is queued");
        let mut calls = 0;
        while let Some(batch) = next_part(&mut batch_status) {
            calls += 1;
            assert_eq!(
                batch_status.record_refusal(batch, false, DUE, at(601)),
                None
            );
        }
        assert_eq!(calls, 7);
        assert!(!batch_status.canary_due(at(1199)) && batch_status.canary_due(at(1200)));
        // One accepted batch is enough.
        batch_status.start_canary(keys(2), DUE, at(1200));
        let batch = next_part(&mut batch_status).unwrap();
        batch_status.record_refusal(batch, false, DUE, at(1202));
        next_part(&mut batch_status).unwrap();
        assert_eq!(
            batch_status.record_success(true),
            Some(BatchTransition::BecameAvailable)
        );
        assert!(
            batch_status.is_available() && batch_status.due().is_some(),
            "the other half is still sent"
        );
    }

    #[test]
    fn unfinished_canary_is_repeated() {
        let mut batch_status = unavailable();
        batch_status.start_canary(keys(2), DUE, at(600));
        // It is throttled, or its channels are removed.
        next_part(&mut batch_status).unwrap();
        assert!(!batch_status.canary_due(at(1199)) && batch_status.canary_due(at(1200)));
        batch_status.start_canary(keys(1), DUE, at(1200));
        batch_status.drop_channel(ChannelKey::from_index(0));
        assert!(batch_status.canary_due(at(1800)));
        batch_status.start_canary(Vec::new(), DUE, at(1800));
        assert!(!batch_status.canary_due(at(1801)) && batch_status.canary_due(at(2400)));
    }

    #[test]
    fn calls_from_before_it_became_unavailable_are_ignored() {
        let mut batch_status = unavailable();
        assert_eq!(batch_status.record_success(false), None);
        let late = StatusBatch {
            channels: keys(200),
            isolated: false,
        };
        assert_eq!(
            batch_status.record_refusal(late.clone(), false, DUE, at(1)),
            None
        );
        assert!(!batch_status.is_available() && batch_status.due().is_none());
        let mut off = BatchStatus::new(false);
        assert_eq!(off.record_refusal(late, false, DUE, at(1)), None);
        assert!(off.due().is_none());
    }

    #[test]
    fn failures_make_it_unavailable_only_while_other_calls_succeed() {
        let mut batch_status = BatchStatus::new(true);
        for _ in 0..10 {
            assert_eq!(batch_status.record_failure(at(0)), None);
        }
        batch_status.observe_other_success();
        assert_eq!(
            batch_status.record_failure(at(0)),
            Some(BatchTransition::BecameUnavailable)
        );
        // A success before the failures does not count.
        let mut batch_status = BatchStatus::new(true);
        batch_status.observe_other_success();
        for _ in 0..10 {
            assert_eq!(batch_status.record_failure(at(0)), None);
        }
    }

    #[test]
    fn endpoint_that_worked_before_is_not_missing_at_once() {
        let mut batch_status = BatchStatus::new(true);
        batch_status.record_success(false);
        assert_eq!(batch_status.endpoint_missing(at(0)), None);
        batch_status.observe_other_success();
        assert_eq!(batch_status.endpoint_missing(at(0)), None);
        assert_eq!(
            batch_status.endpoint_missing(at(0)),
            Some(BatchTransition::BecameUnavailable)
        );
    }

    #[test]
    fn disabled_batch_status_stays_off() {
        let mut batch_status = BatchStatus::new(false);
        assert!(!batch_status.is_available() && !batch_status.is_enabled());
        assert_eq!(batch_status.endpoint_missing(at(0)), None);
        assert_eq!(batch_status.record_success(true), None);
        assert!(!batch_status.canary_due(at(10_000)));
    }
}
