//! Plays the recording of one channel.

use std::time::Duration;

use crate::recorder::{ChannelRecording, Period, RecordedSample, StreamRecording};
use crate::state::{
    ChannelMeta, ChannelStore, Exposure, FreshnessPolicy, HealthIssue, HealthIssueKind,
    LikelyCause, LiveState,
};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{NumericField, RawSample, SampleTime, StreamInfo, StreamName};

/// A health issue that a channel would have had.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayedIssue {
    /// The issue, with the last cause that its samples showed.
    pub issue: HealthIssue,
    /// When it began and ended, by the polls that would have shown it.
    pub period: Period,
    /// Whether it lasted at the end of the recording.
    pub is_open: bool,
}

/// How often a channel that is not live is played.
const IDLE_INTERVAL: Duration = Duration::from_secs(30);

/// How long before the period of interest a recording is to begin, so that streams have the baselines
/// and last frames that an exporter had then.
pub const WARM_UP: Duration = Duration::from_secs(3 * 3600);

/// Plays a recording with a channel's configuration: a poll at every live interval in the periods
/// that were observed, with the samples of that time. The health issues come by their start; those that were over before
/// `since` are left out.
///
/// Samples are played at their own time. An exporter receives them later by Polyv's delay.
#[must_use]
pub fn replay(
    recording: &ChannelRecording,
    meta: ChannelMeta,
    policy: FreshnessPolicy,
    since: Timestamp,
) -> Vec<ReplayedIssue> {
    let Some((first, last)) = extent(recording) else {
        return Vec::new();
    };
    let live_interval = meta.channel.live_interval;
    let at = |time: Timestamp| TimeSnapshot {
        monotonic: MonotonicInstant::from_millis(
            u64::try_from(time.millis_after(first)).unwrap_or(0),
        ),
        server_time: time,
    };
    let store = ChannelStore::new(policy, first.as_millis());
    let key = store.insert(meta, Exposure::Always, at(first));
    let mut cursors = vec![0; recording.streams.len()];
    let mut state_cursor = 0;
    let mut observed = recording.observed.iter().peekable();
    let mut open: Vec<ReplayedIssue> = Vec::new();
    let mut over = Vec::new();
    let mut time = first;
    while time <= last {
        state_cursor += recording
            .states
            .get(state_cursor..)
            .map_or(0, |later| later.partition_point(|state| state.time <= time));
        let state = state_cursor
            .checked_sub(1)
            .and_then(|index| recording.states.get(index))
            .map_or(LiveState::Unknown, |state| state.state);
        while observed.next_if(|period| period.end < time).is_some() {}
        let is_observed = observed.peek().is_some_and(|period| period.start <= time);
        match state {
            LiveState::Live if is_observed => {
                let info = samples_until(recording, &mut cursors, time);
                _ = store.apply_stream_info(key, &info, false, at(time));
            }
            LiveState::NotLive if is_observed => _ = store.apply_not_live(key, at(time)),
            _ => {}
        }
        let issues = store.snapshot(key, at(time));
        let issues = issues.map_or_else(Vec::new, |snapshot| snapshot.problems);
        update(&mut open, &mut over, issues, time);
        time = match state {
            LiveState::Live => time + live_interval,
            _ => time + live_interval.max(IDLE_INTERVAL),
        };
    }
    let unfinished = open.into_iter().map(|issue| ReplayedIssue {
        is_open: true,
        ..issue
    });
    over.extend(unfinished);
    over.retain(|replayed| replayed.period.end > since);
    over.sort_by_key(|replayed| (replayed.period.start, replayed.issue.kind));
    over
}

/// Ends the issues that are not there any more, and begins those that are new.
fn update(
    open: &mut Vec<ReplayedIssue>,
    over: &mut Vec<ReplayedIssue>,
    issues: Vec<HealthIssue>,
    time: Timestamp,
) {
    for replayed in open.iter_mut() {
        replayed.period.end = time;
    }
    let is_same = |a: &HealthIssue, b: &HealthIssue| a.kind == b.kind && a.stream == b.stream;
    let ended = open.extract_if(.., |replayed| {
        !issues.iter().any(|issue| is_same(issue, &replayed.issue))
    });
    over.extend(ended);
    for issue in issues {
        let known = open
            .iter_mut()
            .find(|replayed| is_same(&issue, &replayed.issue));
        if let Some(known) = known {
            if issue.likely_cause != LikelyCause::Unknown {
                known.issue.likely_cause = issue.likely_cause;
            }
        } else if issue.kind != HealthIssueKind::PollFailed {
            // Failed polls are not recorded.
            open.push(ReplayedIssue {
                issue,
                period: Period {
                    start: time,
                    end: time,
                },
                is_open: false,
            });
        }
    }
}

/// From the first to the last moment of which something was recorded, within the period.
fn extent(recording: &ChannelRecording) -> Option<(Timestamp, Timestamp)> {
    let observed = recording.observed.iter();
    let starts = observed.clone().map(|period| period.start);
    let first = starts.min()?.max(recording.period.start);
    let last = observed.map(|period| period.end).max()?;
    Some((first, last.min(recording.period.end)))
}

/// The samples up to a time that were not played yet.
fn samples_until(
    recording: &ChannelRecording,
    cursors: &mut [usize],
    time: Timestamp,
) -> StreamInfo {
    let mut samples = Vec::new();
    for (stream, cursor) in recording.streams.iter().zip(cursors) {
        let rest = stream.samples.get(*cursor..).unwrap_or_default();
        let count = rest.partition_point(|sample| sample.time <= time);
        samples.extend(rest.iter().take(count).map(|sample| raw(stream, sample)));
        *cursor += count;
    }
    StreamInfo {
        samples,
        unreadable: 0,
    }
}

fn raw(stream: &StreamRecording, sample: &RecordedSample) -> RawSample {
    let field = |value: Option<f64>| value.map_or(NumericField::Missing, NumericField::Number);
    let values = &sample.values;
    RawSample {
        stream: StreamName::new(&stream.name),
        time: SampleTime::At(sample.time),
        video_bitrate: field(values.video_bitrate.get()),
        video_framerate: field(values.video_framerate.get()),
        audio_framerate: field(values.audio_framerate.get()),
    }
}
