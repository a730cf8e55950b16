//! The likely causes of interruptions.

use std::time::Duration;

use super::timeline::StreamTimeline;
use crate::config::Expect;
use crate::recorder::RecordedSample;
use crate::state::{LikelyCause, SampleValues, UsualRates, likely_cause, likely_cause_of_silence};
use polyv_client::clock::Timestamp;

/// More samples than the rule for silences looks at.
const SAMPLES_BEFORE_SILENCE: usize = 12;

/// The likely cause of a fault whose samples these are.
pub(super) fn of_fault(
    samples: &[RecordedSample],
    stream: &StreamTimeline<'_>,
    expect: &Expect,
) -> LikelyCause {
    let Some(first) = samples.first() else {
        return LikelyCause::Unknown;
    };
    likely_cause(&pairs(samples), &usual_rates(stream, expect, first.time))
}

/// The likely cause of a silence of a stream that began with its sample at `start`.
pub(super) fn of_silence(
    stream: &StreamTimeline<'_>,
    expect: &Expect,
    start: Timestamp,
) -> LikelyCause {
    let count = stream.count_until(start);
    let first = count.saturating_sub(SAMPLES_BEFORE_SILENCE);
    let before = stream.samples.get(first..count).unwrap_or_default();
    likely_cause_of_silence(&pairs(before), &usual_rates(stream, expect, start))
}

/// The likely cause of going off air: what the last samples of all streams show alike.
pub(super) fn of_off_air(
    streams: &[StreamTimeline<'_>],
    expect: &Expect,
    start: Timestamp,
) -> LikelyCause {
    let causes = streams.iter().filter_map(|stream| {
        let newest = stream.count_until(start).checked_sub(1)?;
        let newest = stream.samples.get(newest)?.time;
        // A stream that ended long before says nothing of this.
        let is_recent = start.millis_after(newest) <= stream.max_gap();
        is_recent.then(|| of_silence(stream, expect, start))
    });
    causes
        .reduce(|a, b| if a == b { a } else { LikelyCause::Unknown })
        .unwrap_or(LikelyCause::Unknown)
}

fn pairs(samples: &[RecordedSample]) -> Vec<(Timestamp, SampleValues)> {
    let samples = samples.iter();
    samples.map(|sample| (sample.time, sample.values)).collect()
}

/// What is usual for a stream at a time.
fn usual_rates(stream: &StreamTimeline<'_>, expect: &Expect, time: Timestamp) -> UsualRates {
    let baseline = stream.baseline_at(time);
    let bitrate = baseline.map(|baseline| baseline.video_bitrate);
    let framerate = baseline.and_then(|baseline| baseline.video_framerate);
    let interval = u64::try_from(stream.interval);
    UsualRates {
        video_bitrate: expect.video_bitrate_bps.or(bitrate),
        video_framerate: expect.video_framerate_fps.or(framerate),
        audio_framerate: expect.audio_framerate_fps.or(stream.usual_audio_framerate),
        sample_interval: interval.ok().map(Duration::from_millis),
    }
}
