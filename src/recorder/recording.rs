//! What was recorded of one channel in one period: what reports, replays and exports work on.

use std::sync::Arc;

use crate::config::Expect;
pub use crate::plan::PlannedBroadcast;
use crate::state::{LiveState, SampleValues};
pub use polyv_client::ViewerCount;
use polyv_client::clock::Timestamp;

/// A time span, its end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first moment.
    pub start: Timestamp,
    /// The first moment after.
    pub end: Timestamp,
}

/// What was recorded of a channel in a period.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelRecording {
    /// The account's name.
    pub account: Arc<str>,
    /// The channel's number at Polyv.
    pub channel_id: Arc<str>,
    /// The channel's name when it was last recorded.
    pub channel_name: Arc<str>,
    /// What was expected of the channel when it was last recorded.
    pub expect: Expect,
    /// The period that was read.
    pub period: Period,
    /// The channel's streams, sorted by name.
    pub streams: Vec<StreamRecording>,
    /// The changes of the channel's state as the exporter saw them, oldest first. The first one
    /// is the state at the start of the period, where it is known.
    pub states: Vec<RecordedState>,
    /// When successful polls said whether the channel is live. What is between was not observed.
    pub observed: Vec<Period>,
    /// The viewers, oldest first.
    pub viewers: Vec<ViewerCount>,
    /// The planned broadcast that overlaps the period most.
    pub plan: Option<PlannedBroadcast>,
}

/// What was recorded of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamRecording {
    /// The stream's name: the label `stream`.
    pub name: Arc<str>,
    /// The samples, oldest first, one for each time.
    pub samples: Vec<RecordedSample>,
    /// The periods whose samples were received, as far as Polyv had any. Outside of them samples
    /// may be missing that Polyv still has.
    pub covered: Vec<Period>,
}

/// A sample as it was recorded last: a corrected value replaces an older one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordedSample {
    /// The sample's own time.
    pub time: Timestamp,
    /// The sample's values.
    pub values: SampleValues,
}

/// A channel's state from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedState {
    /// When the channel entered the state, as the exporter saw it, by Polyv's clock.
    pub time: Timestamp,
    /// The state.
    pub state: LiveState,
}
