//! From a recording to a report.

use super::completeness;
use super::course::Course;
use super::model::{BroadcastReport, StreamSummary};
use super::spans::Spans;
use super::timeline::{Field, StreamTimeline};
use super::viewers::ViewerCourse;
use super::{interruptions, off_air, statistics};
use crate::config::Expect;
use crate::recorder::{ChannelRecording, Period};
use crate::state::LiveState;

impl BroadcastReport {
    /// The report on the broadcast in a recording's period; `None` where the channel was not live
    /// in it. `is_running` says that it had not ended when it was last recorded.
    ///
    /// It depends on these alone: neither on the present time nor on the host.
    #[must_use]
    pub fn new(recording: &ChannelRecording, is_running: bool) -> Option<Self> {
        let streams = recording.streams.iter();
        let streams = streams.filter_map(|s| StreamTimeline::new(s, recording));
        let mut streams: Vec<_> = streams.collect();
        let broadcast = extent(recording, &streams)?;
        let off_air = off_air::find(recording, &streams, broadcast);
        for stream in &mut streams {
            stream.learn_baselines(&off_air);
        }
        let viewers = ViewerCourse::new(&recording.viewers, &off_air, broadcast);
        let interruptions = interruptions::find(recording, &streams, &off_air, &viewers);
        let affected = interruptions.iter().map(|interruption| Period {
            start: interruption.start,
            end: interruption.end,
        });
        let affected: Spans = affected.collect();
        let expect = recording.expect;
        let summaries = streams
            .iter()
            .map(|s| summary(s, &off_air, &expect, broadcast));
        Some(Self {
            account: recording.account.clone(),
            channel_id: recording.channel_id.clone(),
            channel_name: recording.channel_name.clone(),
            start: broadcast.start,
            last: broadcast.end,
            is_running,
            plan: recording.plan,
            expect,
            interruptions,
            affected_ms: affected.total(),
            streams: summaries.collect(),
            viewers: viewers.summary(&affected),
            completeness: completeness::of(recording, &streams, &off_air, broadcast),
            viewer_course: viewers.course(),
        })
    }
}

/// From the first sample to the last one; by polls where there are no samples.
fn extent(recording: &ChannelRecording, streams: &[StreamTimeline<'_>]) -> Option<Period> {
    let extents = streams.iter().filter_map(StreamTimeline::extent);
    let by_samples = extents.reduce(|all, extent| Period {
        start: all.start.min(extent.start),
        end: all.end.max(extent.end),
    });
    by_samples.or_else(|| {
        let states = recording.states.iter();
        let first = states.clone().find(|s| s.state == LiveState::Live)?;
        let start = first.time.max(recording.period.start);
        Some(Period {
            start,
            end: completeness::last_live(recording)?.max(start),
        })
    })
}

fn summary(
    stream: &StreamTimeline<'_>,
    off_air: &Spans,
    expect: &Expect,
    broadcast: Period,
) -> StreamSummary {
    let [below_75, below_50] = statistics::below([0.75, 0.5], stream, expect);
    let (bitrate, video, audio): (Field, Field, Field) = (
        |values| values.video_bitrate,
        |values| values.video_framerate,
        |values| values.audio_framerate,
    );
    let distribution = |field| statistics::distribution(stream.values(field));
    let course = |field| Course::new(broadcast, stream.values(field));
    StreamSummary {
        name: stream.name.clone(),
        video_bitrate: distribution(bitrate),
        video_framerate: distribution(video),
        audio_framerate: distribution(audio),
        below_75_percent_ms: below_75,
        below_50_percent_ms: below_50,
        media_missing_ms: Some(statistics::media_missing(stream, off_air)),
        bitrate_course: course(bitrate),
        video_course: course(video),
        audio_course: course(audio),
    }
}
