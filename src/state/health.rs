//! Health issues of channels, by the default thresholds of the alert rules.
//!
//! The alert rules notify people and can be changed; health issues are for the status page and
//! need no Prometheus. The thresholds are those of `alerts/polyv.rules.yml`.

use std::time::Duration;

use super::channel::ChannelState;
use super::freshness::FreshnessPolicy;
use super::likely_cause::{LikelyCause, likely_cause, likely_cause_of_silence};
use super::liveness::LiveState;
use super::sample_values::SampleValues;
use super::source::StreamSource;
use super::stream::{FRAMES_LOST_BELOW, MIN_INTERVALS, StreamAggregates, StreamSnapshot};
use crate::config::{Content, Expect};
use polyv_client::StreamName;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};

/// The severity of a health issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// An operator should look at it soon.
    Warning,
    /// Viewers are affected: it pages the person on duty.
    Page,
}

/// The kind of a health issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthIssueKind {
    /// The channel is expected to be live, and is not.
    OffAir,
    /// The channel is live, and no new samples arrive.
    NoSamples,
    /// Samples arrive without video frames.
    NoVideo,
    /// Samples arrive without audio frames.
    NoAudio,
    /// The bitrate is far under the expected one; or under the baseline, and frames are lost too.
    BitrateDropped,
    /// The bitrate is under the expected one, or under what is low for the stream.
    BitrateLow,
    /// The video frame rate is under the expected one.
    FramerateLow,
    /// A stream never had a frame or a bit.
    StreamEmpty,
    /// The channel has been live for minutes and never had a usable sample.
    NeverASample,
    /// Whether the channel is live is not known.
    StateUnknown,
    /// The last polls failed.
    PollFailed,
}

/// A health issue of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthIssue {
    /// The kind of the issue.
    pub kind: HealthIssueKind,
    /// The affected stream; `None` where the channel is affected.
    pub stream: Option<StreamName>,
    /// What most likely caused it.
    pub likely_cause: LikelyCause,
}

/// A bitrate under these shares of the expected one has dropped, or is low.
const OF_EXPECTED: (f64, f64) = (0.5, 0.75);
/// A bitrate under this share of the baseline has dropped, if frames are lost too.
const DROPPED_BELOW: f64 = 0.25;
/// A bitrate under this share of the low baseline is low.
const LOW_BELOW: f64 = 0.5;
/// A frame rate under this share of the expected one, or else of the baseline, is low.
const FRAMERATE_LOW_BELOW: f64 = 0.7;
/// How far the last frame may be behind the newest sample.
const MAX_FRAME_GAP: Duration = Duration::from_secs(20);
/// The same in intervals of the stream's samples, where that is longer.
const MAX_FRAME_GAP_INTERVALS: u32 = 2;
/// The time for the first frame, where frames are expected.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(60);
/// The time for a stream's first frame or bit, where none is expected.
const EMPTY_TIMEOUT: Duration = Duration::from_secs(2 * 60);
/// How far the last new sample may be behind the last response: two polls in a row may bring
/// none at the default interval, and the third is late or early by a little.
const MAX_SAMPLE_GAP: Duration = Duration::from_secs(40);
/// The time between a stream's first two samples, at most.
const UNKNOWN_INTERVAL: Duration = Duration::from_secs(60);
/// The time for the first sample of a session, beside Polyv's delay.
const FIRST_SAMPLE_GAP: Duration = Duration::from_secs(60);
/// The most that Polyv's delay may add to that at the start of a session.
const MAX_SAMPLE_DELAY: Duration = Duration::from_secs(5 * 60);
/// The time for a channel's first sample.
const FIRST_SAMPLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// How long responses have to say that a channel is not live: encoders reconnect.
const MIN_OFFLINE: Duration = Duration::from_secs(15);
/// The time for a channel's first poll.
const FIRST_POLL_TIMEOUT: Duration = Duration::from_secs(2 * 60);
/// Consecutive failed polls that are an issue: a single one may fail.
const MIN_FAILURES: u64 = 2;

// === impl HealthIssueKind ===

impl HealthIssueKind {
    /// All kinds, the most severe first.
    pub const ALL: [Self; 11] = [
        Self::OffAir,
        Self::NoSamples,
        Self::NoVideo,
        Self::NoAudio,
        Self::BitrateDropped,
        Self::BitrateLow,
        Self::FramerateLow,
        Self::StreamEmpty,
        Self::NeverASample,
        Self::StateUnknown,
        Self::PollFailed,
    ];

    /// The value of the label `problem`, and the name in JSON. An empty stream is one without
    /// video, of which there never was any.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OffAir => "off_air",
            Self::NoSamples => "no_samples",
            Self::NoVideo | Self::StreamEmpty => "no_video",
            Self::NoAudio => "no_audio",
            Self::BitrateDropped => "bitrate_dropped",
            Self::BitrateLow => "bitrate_low",
            Self::FramerateLow => "framerate_low",
            Self::NeverASample => "never_a_sample",
            Self::StateUnknown => "state_unknown",
            Self::PollFailed => "poll_failed",
        }
    }

    /// The severity of issues of this kind.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::OffAir
            | Self::NoSamples
            | Self::NoVideo
            | Self::NoAudio
            | Self::BitrateDropped => Severity::Page,
            Self::BitrateLow
            | Self::FramerateLow
            | Self::StreamEmpty
            | Self::NeverASample
            | Self::StateUnknown
            | Self::PollFailed => Severity::Warning,
        }
    }
}

// === impl Severity ===

impl Severity {
    /// The value of the label `severity`, and the name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Page => "page",
        }
    }
}

impl ChannelState {
    /// The channel's health issues, the most severe first. `streams` are its visible ones;
    /// `should_be_live` is whether being off air is an issue.
    ///
    /// Issues depend on responses and not on the time that passed since, except for a channel
    /// that was never polled: they change only when the channel does.
    pub(super) fn health_issues(
        &self,
        streams: &[StreamSnapshot],
        expect: &Expect,
        should_be_live: bool,
        policy: &FreshnessPolicy,
        now: TimeSnapshot,
    ) -> Vec<HealthIssue> {
        let mut problems = Vec::new();
        let mut add = |kind, stream: Option<&StreamSnapshot>| {
            problems.push(HealthIssue {
                kind,
                stream: stream.map(|stream| stream.name.clone()),
                likely_cause: self.likely_cause_of(kind, stream, expect, policy),
            });
        };
        let since = self.liveness.since;
        match self.liveness.state {
            LiveState::NotLive => {
                if should_be_live && self.sustained_for() >= MIN_OFFLINE {
                    add(HealthIssueKind::OffAir, None);
                }
            }
            LiveState::Unknown => {
                let staleness_timeout = self
                    .last_outcome
                    .map_or(FIRST_POLL_TIMEOUT, |_| Duration::ZERO);
                if now.monotonic.since(since) >= staleness_timeout {
                    add(HealthIssueKind::StateUnknown, None);
                }
            }
            LiveState::Live => {
                if let Some(kind) = self.stale_stream(streams, now) {
                    add(kind, None);
                }
                let began = now.server_time - now.monotonic.since(self.liveness.session_began);
                let source = self.source(policy);
                for stream in streams {
                    for kind in of_stream(&stream.aggregates, source, expect, began) {
                        add(kind, Some(stream));
                    }
                }
            }
        }
        if self.poll_log.failures() >= MIN_FAILURES && self.liveness.state != LiveState::Unknown {
            add(HealthIssueKind::PollFailed, None);
        }
        problems.sort_by_key(|problem| problem.kind);
        problems
    }

    /// The likely cause of an issue: of its stream's samples since it began, or of the last ones
    /// before a silence.
    fn likely_cause_of(
        &self,
        kind: HealthIssueKind,
        affected: Option<&StreamSnapshot>,
        expect: &Expect,
        policy: &FreshnessPolicy,
    ) -> LikelyCause {
        let stream = match affected {
            Some(affected) => self.stream(&affected.name),
            None => self.newest_stream(),
        };
        let Some((stream, newest)) = stream.and_then(|s| Some((s, s.newest_time()?))) else {
            return LikelyCause::Unknown;
        };
        let usual = stream.usual_rates(expect);
        let last_frame = |last: fn(&StreamAggregates) -> Option<Timestamp>| {
            affected.and_then(|affected| last(&affected.aggregates))
        };
        let last_good = match kind {
            HealthIssueKind::OffAir | HealthIssueKind::NoSamples => {
                let before = stream.newest_samples(newest);
                return likely_cause_of_silence(&before, &usual);
            }
            HealthIssueKind::NoVideo => last_frame(|aggregates| aggregates.last_video_frame),
            HealthIssueKind::NoAudio => last_frame(|aggregates| aggregates.last_audio_frame),
            HealthIssueKind::BitrateDropped
            | HealthIssueKind::BitrateLow
            | HealthIssueKind::FramerateLow
            | HealthIssueKind::StreamEmpty => None,
            HealthIssueKind::NeverASample
            | HealthIssueKind::StateUnknown
            | HealthIssueKind::PollFailed => return LikelyCause::Unknown,
        };
        let mut samples = stream.newest_samples(newest - policy.sustain);
        samples.retain(|(time, _)| last_good.is_none_or(|last| *time > last));
        likely_cause(&samples, &usual)
    }

    /// When a channel that was never polled becomes an issue.
    pub(super) fn missed_from(&self) -> Option<MonotonicInstant> {
        let unasked = self.last_outcome.is_none();
        unasked.then(|| self.liveness.since + FIRST_POLL_TIMEOUT)
    }

    /// How long responses have confirmed the present state.
    fn sustained_for(&self) -> Duration {
        let since = self.liveness.since;
        self.last_success
            .map_or(Duration::ZERO, |last| last.since(since))
    }

    /// Whether a live channel's samples are missing, as of the last response.
    fn stale_stream(
        &self,
        streams: &[StreamSnapshot],
        now: TimeSnapshot,
    ) -> Option<HealthIssueKind> {
        let Some(last) = self.last_new_sample else {
            return (self.sustained_for() >= FIRST_SAMPLE_TIMEOUT)
                .then_some(HealthIssueKind::NeverASample);
        };
        let quiet = self.last_success?.since(last);
        // A session that has just begun has no samples until Polyv's delay is over.
        let allowed = FIRST_SAMPLE_GAP + self.sample_delay.min(MAX_SAMPLE_DELAY);
        let intervals = streams.iter();
        let intervals = intervals.map(|stream| {
            let known = stream.aggregates.sample_interval;
            known.unwrap_or(UNKNOWN_INTERVAL)
        });
        let longest = intervals.max().unwrap_or_default();
        let max_gap = MAX_SAMPLE_GAP.max(longest * MIN_INTERVALS);
        // After a time off air the samples of the time before still come for as long as Polyv's
        // delay, and then there is a gap as long as the channel was off air.
        let live_since = now.server_time - now.monotonic.since(self.liveness.since);
        let has_own_samples = self.last_sample > Some(live_since);
        (quiet > max_gap && (has_own_samples || self.sustained_for() > allowed))
            .then_some(HealthIssueKind::NoSamples)
    }
}

/// Whether the newest sample of a stream shows what would be an issue if it lasted: the
/// channel is not reported as healthy meanwhile.
pub(super) fn has_transient_issue(streams: &[StreamSnapshot], expect: &Expect) -> bool {
    streams.iter().any(|stream| {
        let aggregates = &stream.aggregates;
        let newest = &aggregates.newest;
        let stopped =
            |rate: Option<f64>, last: Option<Timestamp>| rate == Some(0.0) && last.is_some();
        bitrate(newest, aggregates, expect).is_some()
            || framerate(newest, aggregates, expect).is_some()
            || stopped(newest.video_framerate.get(), aggregates.last_video_frame)
            || stopped(newest.audio_framerate.get(), aggregates.last_audio_frame)
    })
}

/// The issues of a stream whose session began at `began`, in server time.
fn of_stream(
    aggregates: &StreamAggregates,
    source: StreamSource,
    expect: &Expect,
    began: Timestamp,
) -> impl Iterator<Item = HealthIssueKind> {
    let highest = &aggregates.max;
    let bitrate = bitrate(highest, aggregates, expect);
    let framerate = framerate(highest, aggregates, expect);
    let interval = aggregates.sample_interval.unwrap_or_default();
    let max_frame_gap = MAX_FRAME_GAP.max(interval * MAX_FRAME_GAP_INTERVALS);
    let frames = |last: Option<Timestamp>, expected: Option<f64>| match last {
        Some(last) => aggregates.newest_time.since(last) >= max_frame_gap,
        None => expected.is_some() && aggregates.newest_time.since(began) >= FIRST_FRAME_TIMEOUT,
    };
    let video = frames(aggregates.last_video_frame, expect.video_framerate_fps);
    let has_audio = source != StreamSource::Snapshot;
    let expected_audio = expect.audio_framerate_fps.filter(|_| has_audio);
    let audio = frames(aggregates.last_audio_frame, expected_audio);
    let empty = is_empty(aggregates) && aggregates.newest_time.since(began) >= EMPTY_TIMEOUT;
    [
        video.then_some(HealthIssueKind::NoVideo),
        audio.then_some(HealthIssueKind::NoAudio),
        bitrate,
        framerate,
        empty.then_some(HealthIssueKind::StreamEmpty),
    ]
    .into_iter()
    .flatten()
}

/// Whether a stream never had a frame, and has no bit.
fn is_empty(aggregates: &StreamAggregates) -> bool {
    let bitrates = [
        aggregates.newest.video_bitrate.get(),
        aggregates.max.video_bitrate.get(),
        aggregates.video_bitrate_baseline,
    ];
    aggregates.last_video_frame.is_none()
        && aggregates.last_audio_frame.is_none()
        && bitrates.into_iter().flatten().all(|bitrate| bitrate <= 0.0)
}

/// Compares a bitrate with the expected one, or else with the stream's usual ones.
fn bitrate(
    values: &SampleValues,
    aggregates: &StreamAggregates,
    expect: &Expect,
) -> Option<HealthIssueKind> {
    let framerate = values.video_framerate.get();
    let should_have_frames =
        expect.video_framerate_fps.is_some() || aggregates.last_video_frame.is_some();
    // Without frames it is `NoVideo`.
    if framerate == Some(0.0) && should_have_frames {
        return None;
    }
    let is_below = |level: Option<f64>, limit: f64| {
        let share = share(values.video_bitrate.get(), level);
        share.is_some_and(|share| share < limit)
    };
    let (is_dropped, is_low) = if expect.video_bitrate_bps.is_some() {
        let (dropped, low) = OF_EXPECTED;
        let expected = expect.video_bitrate_bps;
        (is_below(expected, dropped), is_below(expected, low))
    } else {
        let frames = share(framerate, aggregates.video_framerate_baseline);
        let is_confirmed = expect.content == Some(Content::Camera)
            || frames.is_some_and(|share| share < FRAMES_LOST_BELOW);
        let is_screen = expect.content == Some(Content::Screen);
        (
            is_confirmed && is_below(aggregates.video_bitrate_baseline, DROPPED_BELOW),
            !is_screen && is_below(aggregates.video_bitrate_baseline_low, LOW_BELOW),
        )
    };
    if is_dropped {
        Some(HealthIssueKind::BitrateDropped)
    } else {
        is_low.then_some(HealthIssueKind::BitrateLow)
    }
}

/// Compares a frame rate with the expected one, or else with the stream's usual one. That of a
/// shared screen may vary, and a bitrate that dropped has lost frames as well.
fn framerate(
    values: &SampleValues,
    aggregates: &StreamAggregates,
    expect: &Expect,
) -> Option<HealthIssueKind> {
    let is_screen = expect.content == Some(Content::Screen);
    let bitrate = share(
        values.video_bitrate.get(),
        aggregates.video_bitrate_baseline,
    );
    let is_alone = !is_screen && bitrate.is_some_and(|share| share >= DROPPED_BELOW);
    let usual = aggregates.video_framerate_baseline.filter(|_| is_alone);
    let value = values.video_framerate.get();
    let share = share(value, expect.video_framerate_fps.or(usual))?;
    // A frame rate of 0 is `NoVideo`.
    (share > 0.0 && share < FRAMERATE_LOW_BELOW).then_some(HealthIssueKind::FramerateLow)
}

fn share(value: Option<f64>, of: Option<f64>) -> Option<f64> {
    let of = of.filter(|of| *of > 0.0)?;
    Some(value? / of)
}
