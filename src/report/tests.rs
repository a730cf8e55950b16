//! Reports on recordings that are made here.

#![allow(clippy::cast_precision_loss)] // seconds of hours, and thousands of viewers

mod any_recording;
mod sample;

use std::time::Duration;

use super::*;
use crate::config::{Content, Expect};
use crate::recorder::{
    ChannelRecording, Period, PlannedBroadcast, RecordedSample, RecordedState, StreamRecording,
    ViewerCount,
};
use crate::state::{LikelyCause, LiveState, SampleValues};
use polyv_client::clock::Timestamp;

const START: i64 = 1_796_126_403_000;
const HOUR: i64 = 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START + seconds * 1000)
}

fn period(start: i64, end: i64) -> Period {
    Period {
        start: at(start),
        end: at(end),
    }
}

fn values(bitrate: f64, video: f64, audio: f64) -> SampleValues {
    SampleValues {
        video_bitrate: Some(bitrate).into(),
        video_framerate: Some(video).into(),
        audio_framerate: Some(audio).into(),
    }
}

fn normal() -> SampleValues {
    values(1_200_000.0, 25.0, 43.0)
}

/// What a stream is at each second; `None` where there is no sample.
type Script = fn(i64) -> Option<SampleValues>;

fn stream(name: &str, end: i64, step: usize, script: Script) -> StreamRecording {
    let times = (0..=end).step_by(step);
    let samples = times.filter_map(|second| {
        Some(RecordedSample {
            time: at(second),
            values: script(second)?,
        })
    });
    StreamRecording {
        name: name.into(),
        samples: samples.collect(),
        covered: vec![period(-100, end + 100)],
    }
}

/// A broadcast of some seconds that was observed all the time.
fn recording(end: i64, streams: Vec<StreamRecording>) -> ChannelRecording {
    let state = |second, state| RecordedState {
        time: at(second),
        state,
    };
    ChannelRecording {
        account: "main".into(),
        channel_id: "3880533".into(),
        channel_name: "Main stage".into(),
        expect: Expect::default(),
        period: period(-60, end + 60),
        streams,
        states: vec![
            state(-60, LiveState::NotLive),
            state(2, LiveState::Live),
            state(end + 4, LiveState::NotLive),
        ],
        observed: vec![period(-60, end + 60)],
        viewers: (0..=end / 30)
            .map(|n| ViewerCount {
                time: at(n * 30),
                count: 2340,
            })
            .collect(),
        plan: None,
    }
}

fn report(recording: &ChannelRecording) -> BroadcastReport {
    let is_running = recording.states.last().map(|s| s.state) == Some(LiveState::Live);
    BroadcastReport::new(recording, is_running).expect("the channel was live")
}

/// Kind, seconds of start and end, and stream of each interruption.
fn found(report: &BroadcastReport) -> Vec<(&'static str, i64, i64, Option<&str>)> {
    let all = report.interruptions.iter();
    all.map(|interruption| {
        (
            interruption.kind.as_str(),
            interruption.start.millis_after(at(0)) / 1000,
            interruption.end.millis_after(at(0)) / 1000,
            interruption.stream.as_deref(),
        )
    })
    .collect()
}

#[test]
fn broadcast_with_every_kind_of_interruption_says_what_was_played() {
    let script: Script = |second| match second {
        600..640 => Some(values(200_000.0, 0.0, 43.0)),
        900..960 => Some(values(1_200_000.0, 25.0, 0.0)),
        1201..1260 | 2001..2100 => None,
        1500..1560 => Some(values(240_000.0, 10.0, 20.0)),
        _ => Some(normal()),
    };
    let mut recording = recording(HOUR, vec![stream("recordf", HOUR, 5, script)]);
    let off_air = [(2010, LiveState::NotLive), (2105, LiveState::Live)].map(|(second, state)| {
        RecordedState {
            time: at(second),
            state,
        }
    });
    recording.states.splice(2..2, off_air);
    let report = report(&recording);
    assert_eq!(
        found(&report),
        [
            ("no_video", 600, 640, Some("recordf")),
            ("no_audio", 900, 960, Some("recordf")),
            ("no_samples", 1200, 1260, Some("recordf")),
            ("bitrate_dropped", 1500, 1560, Some("recordf")),
            ("off_air", 2000, 2100, None),
        ]
    );
    let causes: Vec<_> = report
        .interruptions
        .iter()
        .map(|i| i.likely_cause)
        .collect();
    let unknown = LikelyCause::Unknown;
    assert_eq!(
        causes,
        [
            LikelyCause::Source,
            unknown,
            unknown,
            LikelyCause::Uplink,
            unknown
        ]
    );
    assert_eq!((report.start, report.end()), (at(0), Some(at(HOUR))));
    assert_eq!(report.affected_ms, 320_000);
    assert_eq!(report.longest_interruption_ms(), 100_000);
    let stream = &report.streams[0];
    // The picture that froze for 40 s and the drop of 60 s.
    assert_eq!(stream.below_75_percent_ms, Some(100_000));
    assert_eq!(stream.below_50_percent_ms, Some(100_000));
    // Gaps of 60 s and of 100 s, each beyond an interval, and 23 of 43 audio frames in 60 s.
    assert_eq!(stream.media_missing_ms, Some(55_000 + 95_000 + 32_093));
    let affected = report.viewers.affected_minutes.unwrap();
    assert!(
        (affected - 2340.0 * 320.0 / 60.0).abs() < 1e-6,
        "{affected}"
    );
    assert_eq!(report.viewers.peak, Some(2340));
    // 721 samples, of which 11 and 19 are missing; nothing is expected while off air.
    assert_eq!(report.completeness.samples, 691);
    assert_eq!(report.completeness.expected_samples, 702);
    assert_eq!(report.completeness.unobserved_ms, 0);
    assert_eq!(report.completeness.pending_tail_ms, 0);
}

#[test]
fn json_is_the_documented_form_to_the_letter() {
    let script: Script = |second| match second {
        3600..3640 => Some(values(1_200_000.0, 0.0, 43.0)),
        7195.. => None,
        // 5 % of the time.
        0..360 => Some(values(1_080_000.0, 24.0, 43.0)),
        _ => Some(normal()),
    };
    let mut recording = recording(7195, vec![stream("recordf", 7194, 5, script)]);
    recording.plan = Some(PlannedBroadcast {
        start: at(-3),
        end: None,
    });
    let text = json(&report(&recording)).unwrap();
    let expected = r#"{
  "account": "main",
  "channel_id": "3880533",
  "channel_name": "Main stage",
  "start": "2026-12-01T12:00:03.000Z",
  "end": "2026-12-01T13:59:53.000Z",
  "planned_start": "2026-12-01T12:00:00.000Z",
  "planned_end": null,
  "interruptions": [
    {
      "kind": "no_video",
      "start": "2026-12-01T13:00:03.000Z",
      "end": "2026-12-01T13:00:43.000Z",
      "seconds": 40.0,
      "stream": "recordf",
      "likely_cause": "source",
      "viewers": 2340
    }
  ],
  "affected_seconds": 40.0,
  "longest_interruption_seconds": 40.0,
  "streams": [
    {
      "stream": "recordf",
      "video_bitrate_bps": {
        "median": 1200000,
        "p5": 1080000
      },
      "video_framerate_fps": {
        "median": 25,
        "p5": 24
      },
      "audio_framerate_fps": {
        "median": 43,
        "p5": 43
      },
      "below_75_percent_seconds": 0.0,
      "below_50_percent_seconds": 0.0,
      "media_missing_seconds": 0.0
    }
  ],
  "viewers": {
    "peak": 2340,
    "average": 2340.0,
    "affected_minutes": 1560.0
  },
  "completeness": {
    "samples": 1439,
    "expected_samples": 1439,
    "ratio": 1.0,
    "pending_tail_seconds": 0.0,
    "unobserved_seconds": 0.0
  }
}
"#;
    assert_eq!(text, expected);
    let csv = csv(&report(&recording));
    assert_eq!(
        csv,
        "kind,start,end,seconds,stream,likely_cause,viewers\n\
         no_video,2026-12-01T13:00:03.000Z,2026-12-01T13:00:43.000Z,40.0,recordf,source,2340\n"
    );
}

#[test]
fn nothing_known_is_null_and_no_interruption() {
    let mut recording = recording(55, vec![stream("recordf", 55, 5, |_| Some(normal()))]);
    recording.viewers.clear();
    let report = report(&recording);
    assert_eq!(found(&report), []);
    assert_eq!(report.viewers, ViewerSummary::default());
    // The baseline is unknown in the first two minutes.
    assert_eq!(report.streams[0].below_50_percent_ms, None);
    assert_eq!(report.completeness.ratio(), Some(1.0));
    assert_eq!(
        BroadcastReport::new(
            &ChannelRecording {
                streams: Vec::new(),
                states: Vec::new(),
                ..recording
            },
            false
        ),
        None
    );
}

#[test]
fn running_broadcast_has_no_end_and_a_pending_tail() {
    let mut recording = recording(
        HOUR,
        vec![stream("recordf", HOUR - 120, 5, |_| Some(normal()))],
    );
    recording.states.pop();
    recording.observed = vec![period(-60, HOUR)];
    let report = report(&recording);
    assert_eq!(report.end(), None);
    assert_eq!(report.last, at(HOUR - 120));
    assert_eq!(report.completeness.pending_tail_ms, 120_000);
}

#[test]
fn time_that_was_not_observed_is_no_pending_tail() {
    let mut recording = recording(600, vec![stream("recordf", 600, 5, |_| Some(normal()))]);
    // The exporter was stopped, and the channel ended meanwhile.
    recording.states[2].time = at(5000);
    recording.observed = vec![period(-60, 610), period(5000, 5060)];
    recording.period = period(-60, 5060);
    assert_eq!(report(&recording).completeness.pending_tail_ms, 0);
}

#[test]
fn viewers_stay_while_the_channel_is_off_air() {
    let mut recording = recording(
        600,
        vec![stream("recordf", 600, 5, |second| {
            (!(200..260).contains(&second)).then(normal)
        })],
    );
    let off_air =
        [(200, LiveState::NotLive), (262, LiveState::Live)].map(|(second, state)| RecordedState {
            time: at(second),
            state,
        });
    recording.states.splice(2..2, off_air);
    for viewers in &mut recording.viewers {
        // Polyv counts none then.
        if (at(200)..at(260)).contains(&viewers.time) {
            viewers.count = 0;
        }
    }
    let report = report(&recording);
    let seconds = report.affected_ms as f64 / 1000.0;
    let affected = report.viewers.affected_minutes.unwrap();
    assert!(
        (affected - 2340.0 * seconds / 60.0).abs() < 1e-6,
        "{affected}"
    );
    assert!((report.viewers.average.unwrap() - 2340.0).abs() < 1e-6);
}

#[test]
fn live_channel_without_samples_has_times_by_polls() {
    let mut recording = recording(HOUR, Vec::new());
    let off_air =
        [(600, LiveState::NotLive), (660, LiveState::Live)].map(|(second, state)| RecordedState {
            time: at(second),
            state,
        });
    recording.states.splice(2..2, off_air);
    let report = report(&recording);
    assert_eq!((report.start, report.end()), (at(2), Some(at(HOUR + 4))));
    assert_eq!(found(&report), [("off_air", 600, 660, None)]);
    assert_eq!(report.completeness.ratio(), None);
}

#[test]
fn snapshots_have_no_audio_and_their_own_interval() {
    let recording = recording(
        HOUR,
        vec![stream("ingest", HOUR, 30, |second| {
            // A missing snapshot is no gap; four are.
            (!matches!(second, 1230 | 1830..1950)).then(|| SampleValues {
                audio_framerate: None.into(),
                ..if (600..720).contains(&second) {
                    values(0.0, 0.0, 0.0)
                } else {
                    normal()
                }
            })
        })],
    );
    let report = report(&recording);
    assert_eq!(
        found(&report),
        [
            ("no_video", 600, 720, Some("ingest")),
            ("no_samples", 1800, 1950, Some("ingest")),
        ]
    );
    assert_eq!(report.streams[0].audio_framerate, Distribution::default());
}

#[test]
fn slide_is_no_drop_without_lost_frames() {
    let script: Script = |second| match second {
        1500..1560 => Some(values(240_000.0, 25.0, 43.0)),
        _ => Some(normal()),
    };
    let mut recording = recording(HOUR, vec![stream("recordf", HOUR, 5, script)]);
    assert_eq!(found(&report(&recording)), []);
    recording.expect.content = Some(Content::Camera);
    let dropped = [("bitrate_dropped", 1500, 1560, Some("recordf"))];
    assert_eq!(found(&report(&recording)), dropped);
    recording.expect = Expect {
        video_bitrate_bps: Some(1_200_000.0),
        ..Expect::default()
    };
    assert_eq!(found(&report(&recording)), dropped);
}

#[test]
fn short_faults_are_none() {
    let script: Script = |second| match second {
        300 => Some(values(1_200_000.0, 0.0, 0.0)),
        600..610 => Some(values(100_000.0, 10.0, 43.0)),
        901..920 => None,
        _ => Some(normal()),
    };
    let recording = recording(HOUR, vec![stream("recordf", HOUR, 5, script)]);
    assert_eq!(found(&report(&recording)), []);
}

#[test]
fn frames_that_never_came_are_missing_only_where_expected() {
    let script: Script = |_| Some(values(1_200_000.0, 25.0, 0.0));
    let mut recording = recording(600, vec![stream("recordf", 600, 5, script)]);
    assert_eq!(found(&report(&recording)), []);
    recording.expect.audio_framerate_fps = Some(43.0);
    assert_eq!(
        found(&report(&recording)),
        [("no_audio", 0, 600, Some("recordf"))]
    );
}

#[test]
fn gap_that_was_not_delivered_is_no_interruption() {
    let script: Script = |second| (!(1201..1500).contains(&second)).then(normal);
    let mut recording = recording(HOUR, vec![stream("recordf", HOUR, 5, script)]);
    recording.streams[0].covered = vec![period(0, 1200), period(1500, HOUR)];
    recording.observed = vec![period(0, 1200), period(1500, HOUR)];
    let incomplete = report(&recording);
    assert_eq!(found(&incomplete), []);
    assert_eq!(incomplete.completeness.unobserved_ms, 300_000);
    assert!(incomplete.completeness.ratio() < Some(0.93));
    // Once Polyv has said that there is nothing, the channel was off air then.
    recording.streams[0].covered = vec![period(0, HOUR)];
    assert_eq!(found(&report(&recording)), [("off_air", 1200, 1500, None)]);
}

#[test]
fn short_reconnect_is_dated_by_samples() {
    let script: Script = |second| (!(1201..1210).contains(&second)).then(normal);
    let mut recording = recording(HOUR, vec![stream("recordf", HOUR, 5, script)]);
    let off_air = [(1207, LiveState::NotLive), (1222, LiveState::Live)].map(|(second, state)| {
        RecordedState {
            time: at(second),
            state,
        }
    });
    recording.states.splice(2..2, off_air);
    assert_eq!(found(&report(&recording)), [("off_air", 1200, 1210, None)]);
}

#[test]
fn fault_of_one_stream_is_that_streams() {
    let fails: Script = |second| (!(601..700).contains(&second)).then(normal);
    let recording = recording(
        HOUR,
        vec![
            stream("backup", HOUR, 5, fails),
            stream("main", HOUR, 5, |_| Some(normal())),
            // It ended, which is no interruption.
            stream("rehearsal", 900, 5, |_| Some(normal())),
        ],
    );
    let report = report(&recording);
    assert_eq!(found(&report), [("no_samples", 600, 700, Some("backup"))]);
    assert_eq!(report.streams.len(), 3);
}

#[test]
fn median_weighs_each_sample_by_its_time() {
    // Samples come twice as often in the second half of the time.
    let mut stream = stream("recordf", 1190, 10, |_| Some(values(1e6, 25.0, 43.0)));
    stream.samples.retain(|sample| sample.time < at(600));
    let more = (600..=1200).step_by(4).map(|second| RecordedSample {
        time: at(second),
        values: values(2e6, 25.0, 43.0),
    });
    stream.samples.extend(more);
    let report = report(&recording(1200, vec![stream]));
    // 60 of 211 samples are 600 of 1204 seconds.
    assert_eq!(report.streams[0].video_bitrate.median, Some(2e6));
    assert_eq!(report.streams[0].video_bitrate.p5, Some(1e6));
}

#[test]
fn media_that_was_played_as_missing_is_found_by_gaps_and_audio_frames() {
    // Whole losses show as gaps, and partial ones in the audio frames, at any nominal rate; Polyv
    // rounds rates down.
    for (nominal, lost, share) in [
        (46.875_f64, 30, 0.5),
        (43.066, 60, 0.25),
        (23.437, 120, 0.9),
        (21.533, 20, 0.1),
    ] {
        let mut stream = stream("recordf", HOUR, 5, |second| {
            (!(1001..1060).contains(&second)).then(normal)
        });
        for sample in &mut stream.samples {
            let second = sample.time.millis_after(at(0)) / 1000;
            let part = if (2000..2000 + lost).contains(&second) {
                1.0 - share
            } else {
                1.0
            };
            sample.values = values(1_200_000.0, 25.0, (nominal * part).floor());
        }
        let missing = report(&recording(HOUR, vec![stream])).streams[0]
            .media_missing_ms
            .unwrap();
        #[allow(clippy::cast_precision_loss)] // minutes in milliseconds
        let (missing, played) = (missing as f64 / 1000.0, 55.0 + lost as f64 * share);
        // A sample of the gap, and half a frame of each second's.
        let error = 5.0 + lost as f64 / nominal;
        assert!(
            (missing - played).abs() <= error,
            "{missing}, not {played} ± {error}"
        );
    }
}

#[test]
fn week_of_eight_streams_is_reported() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let streams = names.map(|name| stream(name, 7 * 24 * HOUR, 60, |_| Some(normal())));
    let report = report(&recording(7 * 24 * HOUR, streams.into()));
    assert_eq!(found(&report), []);
    let length = Duration::from_millis(report.length_ms().unsigned_abs());
    assert_eq!(length, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(report.completeness.ratio(), Some(1.0));
}
