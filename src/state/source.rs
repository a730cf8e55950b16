//! Where a live channel's samples come from.
//!
//! Polyv offers stream data in three ways. The choice is made once per session and does not go to
//! and fro: the Tencent call is the first choice; where it brings no sample for two minutes of a
//! session, both others are tried at once, and the v4 call wins if it holds a sample. The choice
//! is the first guess for the next session.

use std::time::Duration;

use polyv_client::clock::MonotonicInstant;

/// A way in which Polyv offers stream data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StreamSource {
    /// `list-tencent-stream-info`: a sample every 5 seconds.
    #[default]
    Tencent,
    /// v4 `list-stream-info`: other CDNs too, later and rarer.
    ListStreamInfo,
    /// `get-streams`: the moment of the response, on any CDN.
    Snapshot,
}

/// Why a channel has its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceReason {
    /// The configuration allows only the Tencent call.
    Configured,
    /// No source has brought a sample in this session yet.
    #[default]
    Undecided,
    /// It was the source of the channel's last session.
    LastSession,
    /// The Tencent call brings samples.
    TencentSamples,
    /// The Tencent call brings none, and the v4 call holds some.
    V4Samples,
    /// Neither call brings samples, and a stream is pushed.
    OnlyPush,
}

/// A channel's source, and what follows for its next requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceChoice {
    /// The source.
    pub source: StreamSource,
    /// Why it was chosen.
    pub reason: SourceReason,
    /// Whether the choice is made for this session.
    pub is_settled: bool,
    /// Whether the Tencent call has brought no sample of this session although it had time to, and
    /// is made only to see whether it has some: with what the rate limit leaves.
    pub only_checks_tencent: bool,
    /// From when on and how often the v4 call is to be made; `None` where it is not.
    pub v4_calls: Option<V4Calls>,
}

/// When the v4 call is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V4Calls {
    /// The first one.
    pub from: MonotonicInstant,
    /// The time from one to the next.
    pub interval: Duration,
    /// Whether they last: otherwise they only try whether the call has samples.
    pub is_source: bool,
}

/// The choice of a channel's source.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SourceSelection {
    source: StreamSource,
    reason: SourceReason,
    is_settled: bool,
    /// The time of the session at which the Tencent call last brought no sample.
    tencent_empty_at: Duration,
    /// What the v4 call brought in this session.
    v4: V4Result,
    /// Whether the v4 call was empty more than once in this session.
    retried_v4: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum V4Result {
    #[default]
    None,
    Empty,
    Samples,
}

/// The shortest interval between two v4 calls about a channel.
pub(super) const V4_INTERVAL: Duration = Duration::from_secs(60);
/// The time of a session in which only the first choice and the first guess count.
const FIRST_CHOICE_TIMEOUT: Duration = Duration::from_secs(2 * 60);
/// The time of a session in which the choice is made, if a stream is pushed.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2 * 60 + 30);
/// The time of a session after which the Tencent call holds samples where it is to hold any: they
/// come up to 25 seconds late.
const FIRST_SAMPLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The time of a session at which the Tencent call has to have been empty for another source to be
/// chosen: it may have had to wait for the rate limit.
const MIN_TENCENT_CHECK: Duration = Duration::from_secs(60);
/// The shortest interval of Tencent calls that only check whether there are samples: a channel on
/// another CDN needs some in each session, and they take a sixth of the limit where 20,000 are live.
pub const TENCENT_CHECK_INTERVAL: Duration = Duration::from_secs(30);
/// When an empty v4 call is made again.
const V4_RETRY_INTERVAL: Duration = Duration::from_secs(25);
/// The time of a session within which the v4 call brings a sample where it was the source of the
/// last one: its samples are up to 5 minutes late.
const V4_LATENESS: Duration = Duration::from_secs(6 * 60);

// === impl StreamSource ===

impl StreamSource {
    /// All sources.
    pub const ALL: [Self; 3] = [Self::Tencent, Self::ListStreamInfo, Self::Snapshot];

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tencent => "tencent",
            Self::ListStreamInfo => "list_stream_info",
            Self::Snapshot => "snapshot",
        }
    }
}

// === impl SourceReason ===

impl SourceReason {
    /// The name in JSON and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Undecided => "undecided",
            Self::LastSession => "last_session",
            Self::TencentSamples => "tencent_samples",
            Self::V4Samples => "v4_samples",
            Self::OnlyPush => "only_push",
        }
    }
}

// === impl SourceSelection ===

impl SourceSelection {
    /// Begins a session: the source of the last one is the first guess.
    pub(super) fn begin_session(&mut self) {
        let was_settled = self.is_settled;
        *self = Self {
            source: self.source,
            reason: match self.source {
                StreamSource::Tencent if !was_settled => SourceReason::Undecided,
                _ => SourceReason::LastSession,
            },
            is_settled: false,
            tencent_empty_at: Duration::ZERO,
            v4: V4Result::None,
            retried_v4: false,
        };
    }

    /// Records whether the Tencent call brought a sample of this session, `live_for` after it
    /// began.
    pub(super) fn observe_tencent(&mut self, has_samples: bool, live_for: Duration) {
        if !has_samples {
            self.tencent_empty_at = live_for;
        } else if !self.is_settled {
            self.settle(StreamSource::Tencent, SourceReason::TencentSamples);
        }
    }

    /// Records what the v4 call brought in this session.
    pub(super) fn observe_v4(&mut self, has_samples: bool) {
        if has_samples {
            self.v4 = V4Result::Samples;
        } else if self.v4 == V4Result::None {
            self.v4 = V4Result::Empty;
        } else {
            self.retried_v4 = true;
        }
    }

    /// Makes the choice if its time has come. An empty v4 call is made again before a snapshot is
    /// chosen, since its samples are late; where it was the source before, it has longer. `live_for` is the time since the session began,
    /// `is_pushing` whether a snapshot holds a stream.
    pub(super) fn decide(&mut self, live_for: Duration, is_pushing: bool) {
        if self.is_settled {
            // The v4 call may have had to wait for the rate limit: it still wins.
            if self.source == StreamSource::Snapshot && self.v4 == V4Result::Samples {
                self.settle(StreamSource::ListStreamInfo, SourceReason::V4Samples);
            }
            return;
        }
        if live_for < FIRST_CHOICE_TIMEOUT || self.tencent_empty_at < MIN_TENCENT_CHECK {
            return;
        }
        let settles_at = match (self.source, self.v4) {
            (StreamSource::ListStreamInfo, _) => V4_LATENESS,
            (_, V4Result::Empty) => FIRST_CHOICE_TIMEOUT + V4_RETRY_INTERVAL,
            _ => SETTLE_TIMEOUT,
        };
        if self.v4 == V4Result::Samples {
            self.settle(StreamSource::ListStreamInfo, SourceReason::V4Samples);
        } else if is_pushing && live_for >= settles_at {
            self.settle(StreamSource::Snapshot, SourceReason::OnlyPush);
        }
    }

    /// Gives up a source that is not offered any more.
    pub(super) fn give_up(&mut self, source: StreamSource) {
        match source {
            StreamSource::ListStreamInfo => self.v4 = V4Result::Empty,
            StreamSource::Tencent | StreamSource::Snapshot => {}
        }
        if self.source == source && source != StreamSource::Tencent {
            self.source = StreamSource::Tencent;
            self.reason = SourceReason::Undecided;
            self.is_settled = false;
        }
    }

    /// The choice of a channel whose session began at `began`; `is_live` says whether it lasts.
    pub(super) fn choice(self, is_live: bool, began: MonotonicInstant) -> SourceChoice {
        let from = match (self.source, self.is_settled) {
            (StreamSource::ListStreamInfo, _) => Some(began),
            (_, false) => Some(began + FIRST_CHOICE_TIMEOUT),
            (StreamSource::Snapshot, true) if self.v4 == V4Result::None => {
                Some(began + FIRST_CHOICE_TIMEOUT)
            }
            _ => None,
        };
        let is_source = self.source == StreamSource::ListStreamInfo;
        let interval = if is_source || self.retried_v4 {
            V4_INTERVAL
        } else {
            V4_RETRY_INTERVAL
        };
        let v4_calls = from.filter(|_| is_live).map(|from| V4Calls {
            from,
            interval,
            is_source,
        });
        SourceChoice {
            source: self.source,
            reason: self.reason,
            is_settled: self.is_settled,
            only_checks_tencent: !self.is_settled
                && (self.source != StreamSource::Tencent
                    || self.tencent_empty_at >= FIRST_SAMPLE_TIMEOUT),
            v4_calls,
        }
    }

    const fn settle(&mut self, source: StreamSource, reason: SourceReason) {
        self.source = source;
        self.reason = reason;
        self.is_settled = true;
    }
}

// === impl SourceChoice ===

impl SourceChoice {
    /// The choice where the configuration allows only the Tencent call.
    pub(super) const TENCENT_ONLY: Self = Self {
        source: StreamSource::Tencent,
        reason: SourceReason::Configured,
        is_settled: true,
        only_checks_tencent: false,
        v4_calls: None,
    };

    /// Whether the Tencent call is made for a live channel.
    #[must_use]
    pub fn uses_tencent(&self) -> bool {
        self.source == StreamSource::Tencent || !self.is_settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn chosen(selection: SourceSelection) -> (StreamSource, bool) {
        (selection.source, selection.is_settled)
    }

    #[test]
    fn tencent_wins_as_soon_as_it_brings_a_sample() {
        let mut selection = SourceSelection::default();
        selection.begin_session();
        selection.decide(seconds(5), true);
        assert_eq!(chosen(selection), (StreamSource::Tencent, false));
        selection.observe_tencent(true, seconds(10));
        assert_eq!(chosen(selection), (StreamSource::Tencent, true));
        // Later silence changes nothing.
        selection.observe_v4(true);
        selection.decide(seconds(1000), true);
        assert_eq!(chosen(selection), (StreamSource::Tencent, true));
    }

    #[test]
    fn v4_wins_if_it_holds_a_sample_after_two_minutes() {
        let mut selection = SourceSelection::default();
        selection.begin_session();
        selection.observe_tencent(false, seconds(105));
        selection.observe_v4(true);
        selection.decide(seconds(119), true);
        assert_eq!(chosen(selection), (StreamSource::Tencent, false));
        selection.decide(seconds(120), true);
        assert_eq!(chosen(selection), (StreamSource::ListStreamInfo, true));
    }

    #[test]
    fn snapshot_is_chosen_where_v4_is_empty_or_late() {
        for (v4, at) in [(Some(false), 145), (None, 150)] {
            let mut selection = SourceSelection::default();
            selection.begin_session();
            selection.observe_tencent(false, seconds(105));
            if let Some(has_samples) = v4 {
                selection.observe_v4(has_samples);
            }
            selection.decide(seconds(at - 1), true);
            assert!(!selection.is_settled);
            selection.decide(seconds(at), false);
            assert!(!selection.is_settled, "nothing is pushed");
            selection.decide(seconds(at), true);
            assert_eq!(chosen(selection), (StreamSource::Snapshot, true));
        }
    }

    #[test]
    fn late_v4_samples_change_the_choice_once() {
        let mut selection = SourceSelection::default();
        selection.begin_session();
        selection.observe_tencent(false, seconds(105));
        selection.decide(seconds(150), true);
        let began = MonotonicInstant::from_millis(0);
        assert!(selection.choice(true, began).v4_calls.is_some());
        selection.observe_v4(true);
        selection.decide(seconds(400), true);
        assert_eq!(chosen(selection), (StreamSource::ListStreamInfo, true));
    }

    #[test]
    fn choice_is_the_first_guess_of_the_next_session_and_may_change_there() {
        let mut selection = SourceSelection::default();
        selection.begin_session();
        selection.observe_tencent(false, seconds(105));
        selection.observe_v4(false);
        selection.decide(seconds(145), true);
        selection.begin_session();
        assert_eq!(chosen(selection), (StreamSource::Snapshot, false));
        assert_eq!(selection.reason, SourceReason::LastSession);
        selection.observe_tencent(true, seconds(10));
        assert_eq!(chosen(selection), (StreamSource::Tencent, true));
    }

    #[test]
    fn source_that_is_not_offered_any_more_is_given_up() {
        let mut selection = SourceSelection::default();
        selection.begin_session();
        selection.observe_tencent(false, seconds(105));
        selection.observe_v4(true);
        selection.decide(seconds(130), true);
        selection.give_up(StreamSource::Snapshot);
        assert_eq!(chosen(selection), (StreamSource::ListStreamInfo, true));
        selection.give_up(StreamSource::ListStreamInfo);
        assert_eq!(chosen(selection), (StreamSource::Tencent, false));
        selection.decide(seconds(200), true);
        assert_eq!(chosen(selection), (StreamSource::Snapshot, true));
    }

    #[test]
    fn no_other_source_is_chosen_before_the_tencent_call_had_its_turn() {
        let mut selection = SourceSelection::default();
        selection.begin_session();
        selection.observe_v4(true);
        selection.observe_tencent(false, seconds(15));
        selection.decide(seconds(400), true);
        assert_eq!(chosen(selection), (StreamSource::Tencent, false));
        selection.observe_tencent(false, seconds(405));
        selection.decide(seconds(405), true);
        assert_eq!(chosen(selection), (StreamSource::ListStreamInfo, true));
    }

    #[test]
    fn tencent_call_is_a_mere_check_once_its_samples_are_overdue() {
        let began = MonotonicInstant::from_millis(0);
        let is_check =
            |selection: SourceSelection| selection.choice(true, began).only_checks_tencent;
        let mut selection = SourceSelection::default();
        selection.begin_session();
        selection.observe_tencent(false, seconds(15));
        assert!(!is_check(selection), "samples come 25 seconds late");
        selection.observe_tencent(false, seconds(30));
        assert!(is_check(selection));
        selection.observe_tencent(true, seconds(45));
        assert!(!is_check(selection));

        // Another source brought the samples of the last session.
        let mut selection = SourceSelection::default();
        selection.begin_session();
        selection.observe_tencent(false, seconds(105));
        selection.decide(seconds(150), true);
        assert!(!is_check(selection), "the call is not made");
        selection.begin_session();
        assert!(is_check(selection));
    }
}
