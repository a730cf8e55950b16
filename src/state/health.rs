//! What is wrong with a channel, judged as the alert rules judge it by default.
//!
//! The rules are the ones that wake people, and can be changed; this is for those who have
//! nothing but the status page. `alerts/polyv.rules.yml` is where the numbers come from.

use std::time::Duration;

use super::channel::ChannelState;
use super::liveness::LiveState;
use super::stream::{Stream, StreamAggregates};
use crate::config::Expect;
use polyv_client::StreamName;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// To be looked at.
    Warning,
    /// Viewers notice.
    Critical,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthIssueKind {
    /// It should be live, and is not.
    OfflineUnexpectedly,
    /// It is live, and samples stopped coming.
    SamplesMissing,
    /// Samples go on without video frames.
    VideoFrozen,
    /// Samples go on without audio frames.
    AudioLost,
    /// The bitrate is far under what it should be.
    BitrateDropped,
    /// The bitrate is under what it should be.
    BitrateLow,
    /// The video frame rate is under what it should be.
    VideoFramerateLow,
    /// It has been live for minutes and never had a sample.
    WithoutSamples,
    /// Nobody knows any more whether it is live.
    StateUnknown,
    /// The last poll brought no answer.
    PollFailed,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthIssue {
    /// What.
    pub kind: HealthIssueKind,
    /// With which stream; `None` where it is about the channel.
    pub stream: Option<StreamName>,
}

/// Under this share of the expected bitrate (or else of the baseline) it has dropped,
const DROPPED: (f64, f64) = (0.5, 0.25);
/// and under this one it is low.
const LOW: (f64, f64) = (0.75, 0.5);
/// Under this share of the expected one a frame rate is low.
const FRAMERATE_LOW: f64 = 0.7;
/// The last frame may be so far behind the newest sample.
const FRAMES: Duration = Duration::from_secs(20);
/// The first frame may take so long.
const FIRST_FRAME: Duration = Duration::from_secs(60);
/// The last new sample may be so far behind the last answer,
const SAMPLES: Duration = Duration::from_secs(60);
/// and Polyv's usual delay counts for so much at most.
const LONGEST_DELAY: Duration = Duration::from_secs(5 * 60);
/// The very first sample may take so long.
const FIRST_SAMPLE: Duration = Duration::from_secs(5 * 60);
/// Two answers so far apart have to say that a channel is offline: an encoder reconnects.
const OFFLINE: Duration = Duration::from_secs(15);
/// A channel may wait for so long to be asked for the first time.
const FIRST_POLL: Duration = Duration::from_secs(2 * 60);
/// A single poll may fail.
const FAILURES: u64 = 2;

// === impl HealthIssueKind ===

impl HealthIssueKind {
    /// All of them, the worst first.
    pub const ALL: [Self; 10] = [
        Self::OfflineUnexpectedly,
        Self::SamplesMissing,
        Self::VideoFrozen,
        Self::AudioLost,
        Self::BitrateDropped,
        Self::BitrateLow,
        Self::VideoFramerateLow,
        Self::WithoutSamples,
        Self::StateUnknown,
        Self::PollFailed,
    ];

    /// Its name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OfflineUnexpectedly => "offline_unexpectedly",
            Self::SamplesMissing => "samples_missing",
            Self::VideoFrozen => "video_frozen",
            Self::AudioLost => "audio_lost",
            Self::BitrateDropped => "bitrate_dropped",
            Self::BitrateLow => "bitrate_low",
            Self::VideoFramerateLow => "video_framerate_low",
            Self::WithoutSamples => "without_samples",
            Self::StateUnknown => "state_unknown",
            Self::PollFailed => "poll_failed",
        }
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::OfflineUnexpectedly
            | Self::SamplesMissing
            | Self::VideoFrozen
            | Self::AudioLost
            | Self::BitrateDropped => Severity::Critical,
            Self::BitrateLow
            | Self::VideoFramerateLow
            | Self::WithoutSamples
            | Self::StateUnknown
            | Self::PollFailed => Severity::Warning,
        }
    }
}

// === impl Severity ===

impl Severity {
    /// Its name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl ChannelState {
    /// What is wrong with it, the worst first. `shown` are its streams that are true now.
    ///
    /// All but a channel that was never asked is judged by answers and by nothing that passes
    /// between them, so what is said changes only where the channel does.
    #[must_use]
    pub fn health_issues(
        &self,
        shown: &[(&Stream, StreamAggregates)],
        expect: &Expect,
        now: TimeSnapshot,
    ) -> Vec<HealthIssue> {
        let mut problems = Vec::new();
        let mut add = |kind, stream: Option<&Stream>| {
            problems.push(HealthIssue {
                kind,
                stream: stream.map(|stream| stream.name().clone()),
            });
        };
        let since = self.liveness().since();
        match self.liveness().state() {
            LiveState::NotLive => {
                if expect.live && self.is_sustained() >= OFFLINE {
                    add(HealthIssueKind::OfflineUnexpectedly, None);
                }
            }
            LiveState::Unknown => {
                let staleness_timeout = self.last_outcome().map_or(FIRST_POLL, |_| Duration::ZERO);
                if now.monotonic.since(since) >= staleness_timeout {
                    add(HealthIssueKind::StateUnknown, None);
                }
            }
            LiveState::Live => {
                if let Some(kind) = self.stale_stream() {
                    add(kind, None);
                }
                let began = now.server_time - now.monotonic.since(since);
                for (stream, figures) in shown {
                    for kind in of_stream(figures, expect, began) {
                        add(kind, Some(stream));
                    }
                }
            }
        }
        if self.failures() >= FAILURES && self.liveness().state() != LiveState::Unknown {
            add(HealthIssueKind::PollFailed, None);
        }
        problems.sort_by_key(|problem| problem.kind);
        problems
    }

    /// When time alone makes it one that should have been asked.
    pub(super) fn missed_from(&self) -> Option<MonotonicInstant> {
        let unasked = self.last_outcome().is_none();
        unasked.then(|| self.liveness().since() + FIRST_POLL)
    }

    /// For how long answers have said what its state is.
    fn is_sustained(&self) -> Duration {
        let since = self.liveness().since();
        self.last_success()
            .map_or(Duration::ZERO, |last| last.since(since))
    }

    /// Whether the newest sample of one of its streams says what would be a problem if it
    /// lasted: it is too early to say that all is right.
    #[must_use]
    pub fn has_transient_issue(
        &self,
        shown: &[(&Stream, StreamAggregates)],
        expect: &Expect,
    ) -> bool {
        shown.iter().any(|(_, figures)| {
            let newest = &figures.newest;
            let stopped =
                |rate: Option<f64>, last: Option<Timestamp>| rate == Some(0.0) && last.is_some();
            bitrate(newest.video_bitrate.get(), figures, expect).is_some()
                || framerate(newest.video_framerate.get(), expect).is_some()
                || stopped(newest.video_framerate.get(), figures.last_video_frame)
                || stopped(newest.audio_framerate.get(), figures.last_audio_frame)
        })
    }

    /// Whether a live channel's samples are missing. Against the last answer: where there is
    /// none, nobody knows.
    fn stale_stream(&self) -> Option<HealthIssueKind> {
        let Some(last) = self.last_new_sample() else {
            return (self.is_sustained() >= FIRST_SAMPLE)
                .then_some(HealthIssueKind::WithoutSamples);
        };
        let quiet = self.last_success()?.since(last);
        // A broadcast that has just begun has no samples until Polyv's delay is over.
        let allowed = SAMPLES + self.sample_delay().min(LONGEST_DELAY);
        (quiet > SAMPLES && (last > self.liveness().since() || self.is_sustained() > allowed))
            .then_some(HealthIssueKind::SamplesMissing)
    }
}

/// What is wrong with a stream of a channel that has been live since `began`, by Polyv's clock.
fn of_stream(
    figures: &StreamAggregates,
    expect: &Expect,
    began: Timestamp,
) -> impl Iterator<Item = HealthIssueKind> {
    let highest = &figures.max;
    let bitrate = bitrate(highest.video_bitrate.get(), figures, expect);
    let framerate = framerate(highest.video_framerate.get(), expect);
    let frames = |last: Option<Timestamp>, expected: Option<f64>| match last {
        Some(last) => figures.newest_time.since(last) >= FRAMES,
        None => expected.is_some() && figures.newest_time.since(began) >= FIRST_FRAME,
    };
    let video = frames(figures.last_video_frame, expect.video_framerate_fps);
    let audio = frames(figures.last_audio_frame, expect.audio_framerate_fps);
    [
        video.then_some(HealthIssueKind::VideoFrozen),
        audio.then_some(HealthIssueKind::AudioLost),
        bitrate,
        framerate,
    ]
    .into_iter()
    .flatten()
}

/// Against what is expected, or else against the stream's own level.
fn bitrate(
    value: Option<f64>,
    figures: &StreamAggregates,
    expect: &Expect,
) -> Option<HealthIssueKind> {
    match expect.video_bitrate_bps {
        Some(_) => fallen(share(value, expect.video_bitrate_bps)?, DROPPED.0, LOW.0),
        None => fallen(
            share(value, figures.video_bitrate_baseline)?,
            DROPPED.1,
            LOW.1,
        ),
    }
}

fn framerate(value: Option<f64>, expect: &Expect) -> Option<HealthIssueKind> {
    let share = share(value, expect.video_framerate_fps)?;
    // One that is 0 is frozen.
    (share > 0.0 && share < FRAMERATE_LOW).then_some(HealthIssueKind::VideoFramerateLow)
}

fn fallen(share: f64, dropped: f64, low: f64) -> Option<HealthIssueKind> {
    if share < dropped {
        Some(HealthIssueKind::BitrateDropped)
    } else if share < low {
        Some(HealthIssueKind::BitrateLow)
    } else {
        None
    }
}

fn share(value: Option<f64>, of: Option<f64>) -> Option<f64> {
    let of = of.filter(|of| *of > 0.0)?;
    Some(value? / of)
}
