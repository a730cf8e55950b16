//! A call of Polyv's that takes many channels at once, such as batch status.
//!
//! Polyv refuses a whole call for one channel at fault (a seminar channel, for example). A refused
//! batch is bisected until the channels at fault are found; these are excluded and polled
//! individually. If every call is refused, or only these calls fail, the endpoint is unavailable:
//! all channels are polled individually, and some are sent as a canary: after 15 seconds where Polyv
//! had accepted calls before, then after twice as long each time, and every 10 minutes in the end.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::request::ChannelBatch;
use super::virtual_clock::VirtualInstant;
use crate::state::ChannelKey;
use polyv_client::clock::MonotonicInstant;
use polyv_client::{BadResponse, Error};

/// Consecutive refusals that are not about single channels: to find two among 200 takes 10.
const MAX_REFUSALS: u32 = 20;
/// Consecutive failures, while other calls succeed, that are a fault of this endpoint.
const MAX_FAILURES: u32 = 3;
/// The first pause of an endpoint that has worked: what befell it may be over soon.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
/// The longest pause, and the only one of an endpoint that has never worked.
const LAST_PAUSE: Duration = Duration::from_secs(600);
/// How long a channel is excluded when calls with it are first refused; twice as long each time.
const FIRST_EXCLUSION: Duration = Duration::from_secs(60);
/// The longest exclusion, and the only one of a channel that responses do not contain.
const LAST_EXCLUSION: Duration = Duration::from_secs(3600);
/// A channel that is excluded for as long as this is not offered the call.
const LASTING_EXCLUSION: Duration = Duration::from_secs(240);

/// One account's use of an endpoint that takes many channels.
#[derive(Debug)]
pub(super) struct BatchEndpoint {
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
    /// Whether Polyv ever accepted a batch.
    ever_accepted: bool,
    /// Channels that are not part of batches.
    exclusions: HashMap<ChannelKey, Exclusion>,
    /// Channels that the last response to a batch with them did not contain.
    missing: HashSet<ChannelKey>,
}

#[derive(Debug, Clone, Copy)]
struct Exclusion {
    until: MonotonicInstant,
    duration: Duration,
    /// Whether calls with the channel are refused; otherwise responses do not contain it.
    refused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BatchState {
    /// The configuration turns the endpoint off.
    Off,
    Available,
    Unavailable {
        /// When the next canary is sent.
        retry_at: MonotonicInstant,
        /// How long to wait after it.
        pause: Duration,
    },
}

/// What a call changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BatchTransition {
    /// The endpoint is no longer available.
    BecameUnavailable,
    /// The endpoint is available again.
    BecameAvailable,
    /// Polyv refuses calls with this channel.
    ChannelRefused(ChannelKey),
}

// === impl BatchEndpoint ===

impl BatchEndpoint {
    pub(super) fn new(enabled: bool) -> Self {
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
            exclusions: HashMap::new(),
            missing: HashSet::new(),
        }
    }

    pub(super) fn is_available(&self) -> bool {
        self.state == BatchState::Available
    }

    /// Returns whether the configuration turns the endpoint on.
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
    pub(super) fn pop_isolated(&mut self) -> Option<ChannelBatch> {
        self.due()?;
        let (_, channels) = self.bisect_queue.pop()?;
        self.isolated_in_flight = true;
        Some(ChannelBatch {
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
        self.include(channel);
        for (_, channels) in &mut self.bisect_queue {
            channels.retain(|other| *other != channel);
        }
        self.bisect_queue
            .retain(|(_, channels)| !channels.is_empty());
    }

    pub(super) fn is_excluded(&self, channel: ChannelKey) -> bool {
        self.exclusions.contains_key(&channel)
    }

    /// Returns how many channels are excluded.
    pub(super) fn excluded(&self) -> usize {
        self.exclusions.len()
    }

    /// Excludes a channel from batches, and returns whether it was not excluded before.
    pub(super) fn exclude(
        &mut self,
        channel: ChannelKey,
        refused: bool,
        now: MonotonicInstant,
    ) -> bool {
        let before = self.exclusions.get(&channel);
        let duration = match before {
            _ if !refused => LAST_EXCLUSION,
            Some(before) => (before.duration * 2).min(LAST_EXCLUSION),
            None => FIRST_EXCLUSION,
        };
        let exclusion = Exclusion {
            until: now + duration,
            duration,
            refused,
        };
        self.exclusions.insert(channel, exclusion).is_none()
    }

    /// Returns whether calls with a channel were refused for minutes.
    pub(super) fn is_exclusion_lasting(&self, channel: ChannelKey) -> bool {
        let exclusion = self.exclusions.get(&channel);
        exclusion.is_some_and(|exclusion| exclusion.duration >= LASTING_EXCLUSION)
    }

    /// Returns how long to wait between two canaries; `None` while none is needed.
    pub(super) fn pause(&self) -> Option<Duration> {
        match self.state {
            BatchState::Unavailable { pause, .. } => Some(pause),
            BatchState::Off | BatchState::Available => None,
        }
    }

    /// Returns whether the endpoint has not been available for a quarter of an hour, or never.
    pub(super) fn is_unavailability_lasting(&self) -> bool {
        self.pause() == Some(LAST_PAUSE)
    }

    /// Makes a channel part of batches, and returns whether it was excluded.
    pub(super) fn include(&mut self, channel: ChannelKey) -> bool {
        self.missing.remove(&channel);
        self.exclusions.remove(&channel).is_some()
    }

    /// Returns the channels whose exclusion lasted long enough.
    pub(super) fn excluded_since(&self, now: MonotonicInstant) -> Vec<ChannelKey> {
        let exclusions = self.exclusions.iter();
        let over = exclusions.filter(|(_, exclusion)| exclusion.until <= now);
        over.map(|(key, _)| *key).collect()
    }

    /// Returns whether a channel whose exclusion lasted long enough may be part of batches again.
    /// A refused one is first sent alone: it must not fail the other channels of a batch.
    pub(super) fn readmit(
        &mut self,
        channel: ChannelKey,
        due: VirtualInstant,
        now: MonotonicInstant,
    ) -> bool {
        let exclusion = self.exclusions.get_mut(&channel);
        let Some(exclusion) = exclusion.filter(|exclusion| exclusion.until <= now) else {
            return false;
        };
        if exclusion.refused {
            exclusion.until = now + exclusion.duration;
            self.bisect(vec![channel], due);
            return false;
        }
        self.include(channel)
    }

    /// Records that a response does not contain a channel, and returns whether it is to be
    /// excluded: a response may lack a channel once.
    pub(super) fn record_missing(&mut self, channel: ChannelKey) -> bool {
        !self.missing.insert(channel) || self.is_excluded(channel)
    }

    /// Returns whether a canary is to be sent.
    pub(super) fn canary_due(&self, now: MonotonicInstant) -> bool {
        let is_idle = self.bisect_queue.is_empty() && !self.isolated_in_flight;
        matches!(self.state, BatchState::Unavailable { retry_at, .. } if retry_at <= now && is_idle)
    }

    /// Queues these channels as a canary.
    pub(super) fn start_canary(
        &mut self,
        channels: Vec<ChannelKey>,
        due: VirtualInstant,
        now: MonotonicInstant,
    ) {
        if let BatchState::Unavailable { retry_at, pause } = &mut self.state {
            *pause = (*pause * 2).min(LAST_PAUSE);
            *retry_at = now + *pause;
            self.refusals = 0;
            self.failures = 0;
            self.bisect(channels, due);
        }
    }

    /// Records an accepted batch.
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

    /// Records a failed batch. The parts of a refused one are due at `due`.
    pub(super) fn record_error(
        &mut self,
        batch: &ChannelBatch,
        error: &Error,
        due: VirtualInstant,
        now: MonotonicInstant,
    ) -> Option<BatchTransition> {
        match error {
            error if is_refusal(error) => self.record_refusal(batch, error, due, now),
            // These are about all calls of the account.
            Error::ClockSkew(_) | Error::Throttled(_) => None,
            // The endpoint does not exist.
            Error::BadResponse(BadResponse::NoEnvelope {
                http_status: 400..=499,
                ..
            }) if self.is_available() && !self.ever_accepted => self.disable(true, now),
            _ => self.record_failure(now),
        }
    }

    fn record_refusal(
        &mut self,
        batch: &ChannelBatch,
        error: &Error,
        due: VirtualInstant,
        now: MonotonicInstant,
    ) -> Option<BatchTransition> {
        match self.state {
            BatchState::Off => return None,
            // The batch was sent before the endpoint became unavailable.
            BatchState::Unavailable { .. } if !batch.isolated => return None,
            BatchState::Unavailable { .. } | BatchState::Available => {}
        }
        let single = match batch.channels[..] {
            [only] => Some(only),
            _ => None,
        };
        if !single.is_some_and(|only| self.is_excluded(only)) {
            self.refusals += 1;
        }
        if self.refusals >= MAX_REFUSALS {
            let is_forbidden = matches!(error, Error::Forbidden(_));
            return self.disable(is_forbidden, now);
        }
        if let Some(only) = single {
            let refused = BatchTransition::ChannelRefused(only);
            return self.is_available().then_some(refused);
        }
        let (first, second) = batch.channels.split_at(batch.channels.len() / 2);
        self.bisect(second.to_vec(), due);
        self.bisect(first.to_vec(), due);
        None
    }

    /// Records a failure that is not about channels.
    pub(super) fn record_failure(&mut self, now: MonotonicInstant) -> Option<BatchTransition> {
        if self.failures == 0 {
            self.other_succeeded = false;
        }
        self.failures += 1;
        if self.is_available() && self.failures >= MAX_FAILURES && self.other_succeeded {
            return self.disable(false, now);
        }
        None
    }

    /// `lasts` says that Polyv does not offer the call to the account.
    fn disable(&mut self, lasts: bool, now: MonotonicInstant) -> Option<BatchTransition> {
        let was_available = self.is_available();
        self.bisect_queue.clear();
        self.refusals = 0;
        self.failures = 0;
        let pause = if self.ever_accepted && !lasts {
            FIRST_PAUSE
        } else {
            LAST_PAUSE
        };
        if was_available {
            let retry_at = now + pause;
            self.state = BatchState::Unavailable { retry_at, pause };
        }
        was_available.then_some(BatchTransition::BecameUnavailable)
    }

    /// Records that a call to another endpoint succeeded.
    pub(super) const fn observe_other_success(&mut self) {
        self.other_succeeded = true;
    }
}

/// Returns whether an error may be about one channel of a batch.
pub(super) const fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Rejected(_)
            | Error::Forbidden(_)
            | Error::NotLive
            | Error::BadResponse(BadResponse::UnexpectedData(_) | BadResponse::TooLarge { .. })
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use polyv_client::ApiRejection;

    const DUE: VirtualInstant = VirtualInstant::ZERO;

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_millis(seconds * 1000)
    }

    fn keys(count: u64) -> Vec<ChannelKey> {
        (0..count).map(ChannelKey::from_index).collect()
    }

    fn rejection() -> ApiRejection {
        ApiRejection {
            http_status: 400,
            code: Some(400),
            message: String::new(),
            retry_after: None,
        }
    }

    fn refuse(
        endpoint: &mut BatchEndpoint,
        batch: &ChannelBatch,
        seconds: u64,
    ) -> Option<BatchTransition> {
        endpoint.record_error(batch, &Error::Rejected(rejection()), DUE, at(seconds))
    }

    /// Records a failure that is not about channels.
    fn fail(endpoint: &mut BatchEndpoint) -> Option<BatchTransition> {
        let error = Error::ServerError(rejection());
        endpoint.record_error(&isolated(keys(2)), &error, DUE, at(0))
    }

    fn not_found(endpoint: &mut BatchEndpoint) -> Option<BatchTransition> {
        let error = Error::BadResponse(BadResponse::NoEnvelope {
            http_status: 404,
            bytes: 0,
        });
        endpoint.record_error(&isolated(keys(2)), &error, DUE, at(0))
    }

    fn isolated(channels: Vec<ChannelKey>) -> ChannelBatch {
        ChannelBatch {
            channels,
            isolated: true,
        }
    }

    /// Takes the next part and ends its call.
    fn next_part(endpoint: &mut BatchEndpoint) -> Option<ChannelBatch> {
        let batch = endpoint.pop_isolated()?;
        assert!(endpoint.due().is_none(), "one at a time");
        endpoint.isolated_done();
        Some(batch)
    }

    fn unavailable() -> BatchEndpoint {
        let mut endpoint = BatchEndpoint::new(true);
        assert_eq!(
            not_found(&mut endpoint),
            Some(BatchTransition::BecameUnavailable)
        );
        endpoint
    }

    /// Plays a Polyv that refuses calls with one of `faulty` in them. Returns the number of calls,
    /// the excluded channels, and whether batch status is still available.
    fn play(faulty: &[u64], count: u64) -> (usize, BTreeSet<ChannelKey>, bool) {
        let faulty: BTreeSet<_> = faulty.iter().copied().map(ChannelKey::from_index).collect();
        let mut endpoint = BatchEndpoint::new(true);
        endpoint.bisect(keys(count), DUE);
        let (mut calls, mut excluded) = (0, BTreeSet::new());
        while let Some(batch) = next_part(&mut endpoint) {
            calls += 1;
            let change = if batch.channels.iter().any(|key| faulty.contains(key)) {
                refuse(&mut endpoint, &batch, 0)
            } else {
                endpoint.record_success(true)
            };
            if let Some(BatchTransition::ChannelRefused(key)) = change {
                excluded.insert(key);
            }
        }
        (calls, excluded, endpoint.is_available())
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
        let mut endpoint = BatchEndpoint::new(true);
        for key in keys(100) {
            let change = {
                endpoint.exclude(key, true, at(0));
                refuse(&mut endpoint, &isolated(vec![key]), 0)
            };
            assert_eq!(change, Some(BatchTransition::ChannelRefused(key)));
        }
        assert!(endpoint.is_available());
    }

    #[test]
    fn accepted_canary_makes_it_available_again() {
        let mut endpoint = unavailable();
        assert!(!endpoint.canary_due(at(599)) && endpoint.canary_due(at(600)));
        // All channels are refused, one after the other.
        endpoint.start_canary(keys(4), DUE, at(600));
        assert!(!endpoint.canary_due(at(5000)), "a canary is queued");
        let mut calls = 0;
        while let Some(batch) = next_part(&mut endpoint) {
            calls += 1;
            assert_eq!(refuse(&mut endpoint, &batch, 601), None);
        }
        assert_eq!(calls, 7);
        assert!(!endpoint.canary_due(at(1199)) && endpoint.canary_due(at(1200)));
        // One accepted batch is enough.
        endpoint.start_canary(keys(2), DUE, at(1200));
        let batch = next_part(&mut endpoint).unwrap();
        refuse(&mut endpoint, &batch, 1202);
        next_part(&mut endpoint).unwrap();
        assert_eq!(
            endpoint.record_success(true),
            Some(BatchTransition::BecameAvailable)
        );
        assert!(
            endpoint.is_available() && endpoint.due().is_some(),
            "the other half is still sent"
        );
    }

    #[test]
    fn endpoint_that_has_worked_is_tried_soon() {
        let mut endpoint = BatchEndpoint::new(true);
        endpoint.record_success(false);
        fail(&mut endpoint);
        endpoint.observe_other_success();
        fail(&mut endpoint);
        assert_eq!(
            fail(&mut endpoint),
            Some(BatchTransition::BecameUnavailable)
        );
        let mut now = 0;
        for pause in [15, 30, 60, 120, 240, 480, 600, 600] {
            assert_eq!(endpoint.is_unavailability_lasting(), pause == 600);
            assert!(!endpoint.canary_due(at(now + pause - 1)));
            now += pause;
            assert!(endpoint.canary_due(at(now)));
            endpoint.start_canary(keys(1), DUE, at(now));
            next_part(&mut endpoint).unwrap();
            fail(&mut endpoint);
        }
        assert!(unavailable().is_unavailability_lasting());
    }

    #[test]
    fn refused_channel_is_left_out_for_longer_each_time() {
        let mut endpoint = BatchEndpoint::new(true);
        let key = ChannelKey::from_index(0);
        let mut now = 0;
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(endpoint.exclude(key, true, at(now)), minutes == 1);
            assert_eq!(endpoint.is_exclusion_lasting(key), minutes >= 4);
            assert!(
                endpoint
                    .excluded_since(at(now + minutes * 60 - 1))
                    .is_empty()
            );
            now += minutes * 60;
            assert_eq!(endpoint.excluded_since(at(now)), [key]);
            // It is tried alone, and refused.
            assert!(!endpoint.readmit(key, DUE, at(now)));
            assert_eq!(next_part(&mut endpoint).unwrap().channels, [key]);
        }
    }

    #[test]
    fn unfinished_canary_is_repeated() {
        let mut endpoint = unavailable();
        endpoint.start_canary(keys(2), DUE, at(600));
        // It is throttled, or its channels are removed.
        next_part(&mut endpoint).unwrap();
        assert!(!endpoint.canary_due(at(1199)) && endpoint.canary_due(at(1200)));
        endpoint.start_canary(keys(1), DUE, at(1200));
        endpoint.drop_channel(ChannelKey::from_index(0));
        assert!(endpoint.canary_due(at(1800)));
        endpoint.start_canary(Vec::new(), DUE, at(1800));
        assert!(!endpoint.canary_due(at(1801)) && endpoint.canary_due(at(2400)));
    }

    #[test]
    fn calls_from_before_it_became_unavailable_are_ignored() {
        let mut endpoint = unavailable();
        assert_eq!(endpoint.record_success(false), None);
        let late = ChannelBatch {
            channels: keys(200),
            isolated: false,
        };
        assert_eq!(refuse(&mut endpoint, &late, 1), None);
        assert!(!endpoint.is_available() && endpoint.due().is_none());
        let mut off = BatchEndpoint::new(false);
        assert_eq!(refuse(&mut off, &late, 1), None);
        assert!(off.due().is_none());
    }

    #[test]
    fn failures_make_it_unavailable_only_while_other_calls_succeed() {
        let mut endpoint = BatchEndpoint::new(true);
        for _ in 0..10 {
            assert_eq!(fail(&mut endpoint), None);
        }
        endpoint.observe_other_success();
        assert_eq!(
            fail(&mut endpoint),
            Some(BatchTransition::BecameUnavailable)
        );
        // A success before the failures does not count.
        let mut endpoint = BatchEndpoint::new(true);
        endpoint.observe_other_success();
        for _ in 0..10 {
            assert_eq!(fail(&mut endpoint), None);
        }
    }

    #[test]
    fn endpoint_that_worked_before_is_not_missing_at_once() {
        let mut endpoint = BatchEndpoint::new(true);
        endpoint.record_success(false);
        assert_eq!(not_found(&mut endpoint), None);
        endpoint.observe_other_success();
        assert_eq!(not_found(&mut endpoint), None);
        assert_eq!(
            not_found(&mut endpoint),
            Some(BatchTransition::BecameUnavailable)
        );
    }

    #[test]
    fn disabled_endpoint_stays_off() {
        let mut endpoint = BatchEndpoint::new(false);
        assert!(!endpoint.is_available() && !endpoint.is_enabled());
        assert_eq!(not_found(&mut endpoint), None);
        assert_eq!(endpoint.record_success(true), None);
        assert!(!endpoint.canary_due(at(10_000)));
    }
}
