use std::sync::Arc;
use std::time::Duration;

use super::{WARM_UP, replay};
use crate::config::{Channel, Expect, Source};
use crate::recorder::{ChannelRecording, Period, RecordedSample, RecordedState, StreamRecording};
use crate::scheduler::freshness_policy;
use crate::state::{ChannelMeta, LiveState, SampleValues};
use polyv_client::clock::Timestamp;

const EXPECT: Expect = Expect {
    live: false,
    content: None,
    video_bitrate_bps: Some(1_200_000.0),
    video_framerate_fps: None,
    audio_framerate_fps: None,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_219_200_000 + seconds * 1000)
}

/// An hour of a live channel, whose picture is frozen from 1200 to 2400, as far as it is in the period.
fn recording(period: Period) -> ChannelRecording {
    let times = (0..720)
        .map(|n| n * 5)
        .map(|seconds| (seconds, at(seconds)));
    let within = times.filter(|(_, time)| *time >= period.start && *time < period.end);
    let samples = within.map(|(seconds, time)| {
        let is_frozen = (1200..2400).contains(&seconds);
        let (bitrate, framerate) = if is_frozen { (0.0, 0.0) } else { (1.2e6, 25.0) };
        let values = SampleValues {
            video_bitrate: Some(bitrate).into(),
            video_framerate: Some(framerate).into(),
            audio_framerate: Some(43.0).into(),
        };
        RecordedSample { time, values }
    });
    let observed = Period {
        start: period.start.max(at(0)),
        end: period.end.min(at(3600)),
    };
    ChannelRecording {
        account: "main".into(),
        channel_id: "1".into(),
        channel_name: "Main stage".into(),
        expect: EXPECT,
        period,
        streams: vec![StreamRecording {
            name: "camera".into(),
            samples: samples.collect(),
            covered: vec![observed],
        }],
        states: vec![RecordedState {
            time: observed.start,
            state: LiveState::Live,
        }],
        observed: vec![observed],
        viewers: Vec::new(),
        plan: None,
    }
}

/// The problems of a replay since a moment, with start and end in seconds.
fn problems(since: i64) -> Vec<(&'static str, i64, i64)> {
    let config = "accounts: [{app_id: a, app_secret: b, channels: [{id: '1'}]}]";
    let config = Source::text("test", config).load().unwrap();
    let channel = Channel {
        expect: EXPECT,
        ..Channel::new("1".into(), Duration::from_secs(15))
    };
    let meta = ChannelMeta {
        account: "main".into(),
        channel: Arc::new(channel),
    };
    let period = Period {
        start: at(since) - WARM_UP,
        end: at(3600),
    };
    let issues = replay(
        &recording(period),
        meta,
        freshness_policy(&config),
        at(since),
    );
    let seconds = |time: Timestamp| time.millis_after(at(0)) / 1000;
    let issues = issues.iter().map(|replayed| {
        let Period { start, end } = replayed.period;
        (replayed.issue.kind.as_str(), seconds(start), seconds(end))
    });
    issues.collect()
}

#[test]
fn replay_from_within_a_fault_says_the_same_as_one_from_before() {
    let whole = problems(0);
    let [("no_video", start, end)] = whole.as_slice() else {
        panic!("{whole:?}");
    };
    assert!((1200..1240).contains(start) && (2400..2440).contains(end));
    for since in [1100, 1300, 1800, 2390] {
        assert_eq!(problems(since), whole, "{since}");
    }
    assert_eq!(problems(2500), []);
}
