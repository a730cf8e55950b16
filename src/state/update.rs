//! What a response changes, for those who act on it.

use std::time::Duration;

use super::channel_key::ChannelKey;
use super::liveness::LiveState;
use super::sample_validation::DiscardCounts;
use super::sample_values::SampleValues;
use super::source::{SourceChoice, StreamSource};
use super::transition::StateTransition;
use crate::plan::PlannedBroadcast;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{Outcome, Range, StreamName, ViewerCount};

/// The older part of the next range: late samples and corrections of known ones.
pub(super) const RANGE_OVERLAP: Duration = Duration::from_secs(60);
/// The longest range. The call takes 3 hours at most, and clocks differ.
const MAX_RANGE: Duration = Duration::from_secs(3 * 3600 - 5 * 60);

/// Receives every change of a channel, from the scheduler and in order. Whatever keeps or shows
/// what becomes known of channels is one: the renderer of metrics, and a recorder of samples.
pub trait UpdateSubscriber: Send + Sync {
    /// A response was applied to a channel.
    fn channel_updated(&self, update: &ChannelUpdate, now: TimeSnapshot);

    /// Channels changed without a response: by time, in these ways, or by configuration.
    fn channels_changed(&self, expired: &[StateTransition], now: TimeSnapshot);
}

/// Knows samples that are missing, and that Polyv still has. The scheduler requests them with
/// calls that polls leave; they never change the state of a channel.
pub trait MissingSamples: Send + Sync {
    /// Takes the next range to request of a live channel, at most 2h55m long.
    fn take_range(&self) -> Option<(ChannelKey, Range)>;

    /// A range was received.
    fn range_received(&self, key: ChannelKey, range: Range, received: RequestedSamples);

    /// A range could not be received.
    fn range_failed(&self, key: ChannelKey, range: Range, outcome: Outcome);
}

/// What a response changed of a channel, and what follows for its next request.
#[derive(Debug, Clone)]
pub struct ChannelUpdate {
    /// The channel.
    pub key: ChannelKey,
    /// The samples that were not known before, sorted by time within each stream.
    pub new_samples: Vec<NewSample>,
    /// The known samples whose values changed, or may have: the values of older ones are not
    /// kept here.
    pub corrected_samples: Vec<CorrectedSample>,
    /// Whether the channel is live, if the response says so.
    pub observed: Option<LiveState>,
    /// The range whose samples the response contained, as far as Polyv had any.
    pub received: Option<Range>,
    /// The samples and values that could not be used.
    pub discarded: DiscardCounts,
    /// The counts of viewers that were not known before, oldest first.
    pub viewers: Vec<ViewerCount>,
    /// The changes of the channel's state since its last update, oldest first: by the response,
    /// and by silence before it.
    pub transitions: Vec<StateTransition>,
    /// The planned broadcast that is running or comes next, as
    /// [`PlanStatus::broadcast`](crate::plan::PlanStatus::broadcast) says.
    pub planned: Option<PlannedBroadcast>,
    /// The channel's activity from now on.
    pub activity: ChannelActivity,
    /// The samples to request next.
    pub next_range: NextRange,
}

/// A sample that was not known before.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSample {
    /// The stream's name.
    pub stream: StreamName,
    /// The sample's own time.
    pub time: Timestamp,
    /// The sample's values.
    pub values: SampleValues,
    /// The sample's age when it was first seen. `None` for samples from before the channel's
    /// first response: their age shows when the exporter was started, not how late Polyv is.
    pub delay: Option<Duration>,
}

/// A known sample with values that may differ from those before.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrectedSample {
    /// The stream's name.
    pub stream: StreamName,
    /// The sample's own time.
    pub time: Timestamp,
    /// The sample's values from now on.
    pub values: SampleValues,
}

/// What a response to a request for missing samples has of them.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestedSamples {
    /// The valid ones, sorted by stream and time, one for each time.
    pub samples: Vec<CorrectedSample>,
    /// Whether all of the response was valid. What was not may be so a little later.
    pub is_complete: bool,
}

/// How active a channel is, which decides how often it is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelActivity {
    /// The channel's state.
    pub state: LiveState,
    /// Whether the channel should be live, by its configuration or its plan.
    pub is_expected_live: bool,
    /// The channel's poll interval while it is live.
    pub live_interval: Duration,
    /// An hour after the channel was last live.
    pub recently_live_until: Option<MonotonicInstant>,
    /// Until when the channel counts as live because Polyv last reported that status.
    pub reported_live_until: Option<MonotonicInstant>,
    /// Where the channel's samples come from.
    pub sources: SourceChoice,
}

/// The samples to request next: all that are not known yet, and a few that are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NextRange {
    /// What is older than this is known.
    pub(super) newest: Option<Timestamp>,
    /// The longest range, after a response that was too large.
    pub(super) limit: Option<Duration>,
}

// === impl ChannelUpdate ===

impl ChannelUpdate {
    /// The update by a response of a source: where it is the channel's, the response says that
    /// the channel is live.
    pub(super) fn observed_by(mut self, source: StreamSource) -> Self {
        let is_source = self.activity.sources.source == source;
        if is_source && self.activity.state == LiveState::Live {
            self.observed = Some(LiveState::Live);
        }
        self
    }
}

// === impl ChannelActivity ===

impl ChannelActivity {
    /// The activity of a channel that was not polled yet.
    #[must_use]
    pub fn unknown(live_interval: Duration) -> Self {
        Self {
            state: LiveState::Unknown,
            is_expected_live: false,
            live_interval,
            recently_live_until: None,
            reported_live_until: None,
            sources: SourceChoice::default(),
        }
    }

    /// Whether the channel was live within the last hour.
    #[must_use]
    pub fn was_recently_live(&self, now: MonotonicInstant) -> bool {
        self.recently_live_until.is_some_and(|until| now < until)
    }

    /// Whether Polyv last reported that the channel is live, and that recently.
    #[must_use]
    pub fn is_reported_live(&self, now: MonotonicInstant) -> bool {
        self.reported_live_until.is_some_and(|until| now < until)
    }
}

// === impl NextRange ===

impl NextRange {
    /// The range of a request that is sent now. The first one looks back by `lookback`.
    #[must_use]
    pub fn at(self, now: TimeSnapshot, lookback: Duration) -> Range {
        let now = now.server_time;
        let wanted = match self.newest {
            Some(newest) => newest - RANGE_OVERLAP,
            None => now - lookback,
        };
        let earliest = now - self.limit.unwrap_or(MAX_RANGE).min(MAX_RANGE);
        Range::since(wanted.max(earliest).min(now - RANGE_OVERLAP))
    }
}
