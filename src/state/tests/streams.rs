//! Sessions with interruptions, and channels with several streams.

use super::*;

fn of(name: &str, seconds: i64) -> RawSample {
    RawSample {
        stream: StreamName::new(name),
        ..sample(seconds)
    }
}

/// A sample every 5 seconds.
fn samples(name: &str, seconds: std::ops::Range<i64>) -> Vec<RawSample> {
    seconds.step_by(5).map(|at| of(name, at)).collect()
}

fn visible_names(channel: &ChannelState, seconds: i64) -> Vec<String> {
    let streams = visible(channel, seconds).into_iter();
    streams.map(|stream| stream.name.to_string()).collect()
}

/// Where the next request's range starts, in seconds.
fn next_start(channel: &ChannelState, seconds: i64) -> i64 {
    let range = channel.next_range(now(seconds), &POLICY, IntervalScale::NONE);
    let start = range.at(now(seconds), POLICY.lookback).start.unwrap();
    start.millis_after(time(0)) / 1000
}

#[test]
fn push_that_ended_before_the_first_response_is_not_visible() {
    // The exporter has just started: its monotonic clock is younger than the samples.
    for (ended_before, is_visible) in [(90, true), (130, false), (360, false), (2000, false)] {
        let mut channel = channel();
        let ended = samples("main", -2100..-ended_before);
        let live = samples("backup", -ended_before..0);
        let response = [ended, live].concat();
        channel.apply_stream_info(now(1), &info(response), &POLICY);
        let names = visible_names(&channel, 1);
        assert_eq!(
            names.contains(&"main".to_owned()),
            is_visible,
            "{ended_before}"
        );
        assert!(names.contains(&"backup".to_owned()));
    }
}

#[test]
fn push_that_ended_while_polls_failed_is_not_visible() {
    let mut channel = channel();
    channel.apply_stream_info(now(100), &info(samples("main", 0..100)), &POLICY);
    for seconds in (115..700).step_by(15) {
        channel.apply_error(Outcome::Timeout, "no response", now(seconds).monotonic);
    }
    let response = [samples("main", 40..300), samples("backup", 300..700)].concat();
    channel.apply_stream_info(now(700), &info(response), &POLICY);
    assert_eq!(visible_names(&channel, 700), ["backup"]);
}

#[test]
fn stream_with_later_samples_stays_visible_and_requested() {
    for lag in [90, 170, 290] {
        let mut channel = channel();
        for seconds in (15..1500).step_by(15) {
            let start = next_start(&channel, seconds);
            let fast = samples("fast", (start + 4) / 5 * 5..seconds);
            let slow = samples("slow", (start + 4) / 5 * 5..seconds - lag);
            let response = [fast, slow].concat();
            channel.apply_stream_info(now(seconds), &info(response), &POLICY);
            if seconds > 400 {
                assert_eq!(visible_names(&channel, seconds), ["fast", "slow"], "{lag}");
            }
        }
        assert_eq!(next_start(&channel, 1500), 1485 - lag - 5 - 60, "{lag}");
    }
}

#[test]
fn slow_stream_that_begins_later_is_found() {
    let mut channel = channel();
    for seconds in (15..2000).step_by(15) {
        let start = (next_start(&channel, seconds) + 4) / 5 * 5;
        let slow = samples("slow", start.max(900)..seconds - 90);
        let response = [samples("fast", start..seconds), slow].concat();
        channel.apply_stream_info(now(seconds), &info(response), &POLICY);
        if seconds > 900 + 90 + 330 {
            assert_eq!(
                visible_names(&channel, seconds),
                ["fast", "slow"],
                "{seconds}"
            );
        }
    }
}

#[test]
fn stream_that_ended_widens_the_range_for_minutes_only() {
    let mut channel = channel();
    let response = [samples("main", 0..300), samples("backup", 0..1000)].concat();
    channel.apply_stream_info(now(1000), &info(response), &POLICY);
    assert_eq!(next_start(&channel, 1015), 995 - 60);
}

#[test]
fn live_stream_replaces_one_of_eight_that_ended() {
    let mut channel = channel();
    // An encoder that comes back with another name each time.
    for (n, seconds) in (0..20).zip((0..400).step_by(20)) {
        let name = format!("push{n}");
        for response in [seconds + 10, seconds + 20] {
            let samples = samples(&name, seconds..response);
            channel.apply_stream_info(now(response), &info(samples), &POLICY);
            let names = visible_names(&channel, response);
            assert!(names.contains(&name), "{name} of {names:?}");
            assert!(names.len() <= MAX_STREAMS);
        }
    }
}

#[test]
fn streams_that_are_live_do_not_replace_each_other() {
    let mut channel = channel();
    let names: Vec<String> = (0..12).map(|n| format!("s{n:02}")).collect();
    for seconds in (5..300).step_by(5) {
        // Each stream's samples are received in every third response.
        let names = (0..)
            .zip(&names)
            .filter(|(n, _)| (seconds / 5 + n) % 3 == 0);
        let response = names.map(|(_, name)| of(name, seconds));
        channel.apply_stream_info(now(seconds), &info(response), &POLICY);
        if seconds > 30 {
            assert_eq!(visible(&channel, seconds).len(), MAX_STREAMS);
        }
    }
    let kept = visible(&channel, 295).into_iter();
    assert!(kept.map(|stream| stream.samples_total).min() > Some(15));
}

/// A channel that was live for 10 minutes, with a fault for the last 100 seconds, and is live
/// again `off_air` seconds after the first response by which it is not.
fn interrupted(off_air: i64) -> ChannelState {
    let mut channel = channel();
    live(&mut channel, 600, 0..500);
    let fault: Vec<_> = (500..600)
        .step_by(5)
        .map(|at| RawSample {
            audio_framerate: NumericField::Number(0.0),
            ..bitrate(at, 200_000.0)
        })
        .collect();
    channel.apply_stream_info(now(600), &info(fault), &POLICY);
    for seconds in (0..off_air).step_by(30) {
        channel.apply_not_live(now(600 + seconds));
        assert!(visible(&channel, 600 + seconds).is_empty());
    }
    let back = 600 + off_air;
    channel.apply_stream_info(now(back), &StreamInfo::default(), &POLICY);
    let samples = (back..back + 200)
        .step_by(5)
        .map(|at| bitrate(at, 200_000.0));
    channel.apply_stream_info(now(back + 200), &info(samples), &POLICY);
    channel
}

#[test]
fn short_time_off_air_does_not_end_the_session() {
    for off_air in [1, 15, 30, 60] {
        let channel = interrupted(off_air);
        let shown = aggregates(&channel, 600 + off_air + 200).unwrap();
        assert_eq!(shown.video_bitrate_baseline, Some(1_200_000.0), "{off_air}");
        assert_eq!(shown.last_audio_frame, Some(time(600 + off_air + 195)));
        assert_eq!(channel.liveness.transitions, 2);
        assert_eq!(channel.liveness.session_began, now(600).monotonic);
    }
}

#[test]
fn longer_time_off_air_ends_the_session() {
    for off_air in [90, 120, 600] {
        let channel = interrupted(off_air);
        let shown = aggregates(&channel, 600 + off_air + 200).unwrap();
        assert_eq!(shown.video_bitrate_baseline, Some(200_000.0), "{off_air}");
        let began = now(600 + off_air).monotonic;
        assert_eq!(channel.liveness.session_began, began);
    }
}

#[test]
fn windows_reach_over_a_short_time_off_air() {
    let mut channel = channel();
    let dip = bitrate(590, 100_000.0);
    let before = samples("recordf", 0..590);
    channel.apply_stream_info(now(600), &info([before, vec![dip]].concat()), &POLICY);
    channel.apply_not_live(now(610));
    live(&mut channel, 640, 625..640);
    let shown = aggregates(&channel, 640).unwrap();
    assert_eq!(shown.min.video_bitrate.get(), Some(100_000.0));
    assert_eq!(shown.last_video_frame, Some(time(635)));
}
