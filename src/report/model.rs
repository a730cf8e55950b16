//! What a report says of one broadcast.

use std::sync::Arc;

use super::course::Course;
use crate::config::Expect;
use crate::recorder::PlannedBroadcast;
use crate::state::LikelyCause;
use polyv_client::clock::Timestamp;

/// The report on one broadcast.
#[derive(Debug, Clone, PartialEq)]
pub struct BroadcastReport {
    /// The account's name.
    pub account: Arc<str>,
    /// The channel's number at Polyv.
    pub channel_id: Arc<str>,
    /// The channel's name.
    pub channel_name: Arc<str>,
    /// The first sample, or the first moment live where there are no samples.
    pub start: Timestamp,
    /// The last sample, or the last moment live where there are no samples.
    pub last: Timestamp,
    /// Whether the broadcast was still running when it was last observed.
    pub is_running: bool,
    /// When the broadcast was planned.
    pub plan: Option<PlannedBroadcast>,
    /// What was expected of the channel.
    pub expect: Expect,
    /// The interruptions, by their start.
    pub interruptions: Vec<Interruption>,
    /// The milliseconds in which there was any interruption.
    pub affected_ms: i64,
    /// The streams, sorted by name.
    pub streams: Vec<StreamSummary>,
    /// The viewers.
    pub viewers: ViewerSummary,
    /// How complete the data are.
    pub completeness: Completeness,
    /// The viewers over the broadcast.
    pub viewer_course: Course,
}

/// A time in which viewers did not get what they should have.
#[derive(Debug, Clone, PartialEq)]
pub struct Interruption {
    /// What was missing.
    pub kind: InterruptionKind,
    /// The first moment: the last sample before a gap, or the first sample of a fault.
    pub start: Timestamp,
    /// The first sample after it, or the last one of the stream.
    pub end: Timestamp,
    /// The affected stream; `None` where the channel was off air.
    pub stream: Option<Arc<str>>,
    /// Where the cause is likely to be.
    pub likely_cause: LikelyCause,
    /// The viewers at its start.
    pub viewers: Option<u64>,
}

/// What was missing in an interruption. One fault is reported once, by the first kind that fits;
/// audio is reported beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterruptionKind {
    /// The channel was not live.
    OffAir,
    /// There were no samples of a stream while the channel was live.
    NoSamples,
    /// There were samples without video frames.
    NoVideo,
    /// There were samples without audio frames.
    NoAudio,
    /// The bitrate was far under the expected or the usual one.
    BitrateDropped,
}

/// What a report says of one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSummary {
    /// The stream's name.
    pub name: Arc<str>,
    /// Bits per second.
    pub video_bitrate: Distribution,
    /// Frames per second.
    pub video_framerate: Distribution,
    /// Frames per second.
    pub audio_framerate: Distribution,
    /// The milliseconds with a bitrate under 75 % of the expected one, or of the baseline.
    pub below_75_percent_ms: Option<i64>,
    /// The same for 50 %.
    pub below_50_percent_ms: Option<i64>,
    /// How much media was missing, in milliseconds.
    pub media_missing_ms: Option<i64>,
    /// The bitrate over the broadcast.
    pub bitrate_course: Course,
    /// The video frame rate over the broadcast.
    pub video_course: Course,
    /// The audio frame rate over the broadcast.
    pub audio_course: Course,
}

/// The distribution of a field: each sample weighs as much as the time until the next one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Distribution {
    /// The median.
    pub median: Option<f64>,
    /// The 5th percentile.
    pub p5: Option<f64>,
}

/// What a report says of the viewers; all are `None` where none were counted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ViewerSummary {
    /// The highest count.
    pub peak: Option<u64>,
    /// The average over the time for which counts are known.
    pub average: Option<f64>,
    /// The sum of the times that viewers spent in interruptions, in minutes.
    pub affected_minutes: Option<f64>,
}

/// How complete the data of a report are.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Completeness {
    /// The samples of all streams.
    pub samples: u64,
    /// The samples that their intervals let expect while the channel was live.
    pub expected_samples: u64,
    /// The milliseconds at the end for which Polyv has not delivered samples.
    pub pending_tail_ms: i64,
    /// The milliseconds in which no poll said whether the channel was live.
    pub unobserved_ms: i64,
    /// The milliseconds of which nothing is known: no poll, and no samples were received later.
    pub unknown_ms: i64,
}

// === impl BroadcastReport ===

impl BroadcastReport {
    /// When the broadcast ended; `None` while it is running.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        (!self.is_running).then_some(self.last)
    }

    /// How long it lasted so far, in milliseconds.
    #[must_use]
    pub fn length_ms(&self) -> i64 {
        self.last.millis_after(self.start)
    }

    /// The longest interruption in milliseconds; 0 where there was none.
    #[must_use]
    pub fn longest_interruption_ms(&self) -> i64 {
        let lengths = self.interruptions.iter().map(Interruption::length_ms);
        lengths.max().unwrap_or(0)
    }

    /// How late the broadcast began, in milliseconds; negative if it was early. `None` without a
    /// plan.
    #[must_use]
    pub fn start_delay_ms(&self) -> Option<i64> {
        let plan = self.plan.as_ref()?;
        Some(self.start.millis_after(plan.start))
    }

    /// How late the broadcast ended, in milliseconds. `None` without a planned end, and while it
    /// is running.
    #[must_use]
    pub fn end_delay_ms(&self) -> Option<i64> {
        let planned = self.plan.as_ref()?.end?;
        Some(self.end()?.millis_after(planned))
    }
}

// === impl Interruption ===

impl Interruption {
    /// How long it lasted, in milliseconds.
    #[must_use]
    pub fn length_ms(&self) -> i64 {
        self.end.millis_after(self.start)
    }
}

// === impl InterruptionKind ===

impl InterruptionKind {
    /// All kinds, in the order in which they are tried.
    pub const ALL: [Self; 5] = [
        Self::OffAir,
        Self::NoSamples,
        Self::NoVideo,
        Self::NoAudio,
        Self::BitrateDropped,
    ];

    /// The name in JSON and CSV.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OffAir => "off_air",
            Self::NoSamples => "no_samples",
            Self::NoVideo => "no_video",
            Self::NoAudio => "no_audio",
            Self::BitrateDropped => "bitrate_dropped",
        }
    }
}

// === impl Completeness ===

impl Completeness {
    /// The share of the expected samples that there are; `None` where none are expected.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // samples are counted in millions
    pub fn ratio(&self) -> Option<f64> {
        let expected = self.expected_samples;
        (expected > 0).then(|| (self.samples as f64 / expected as f64).min(1.0))
    }
}
