//! Health issues, histories and poll logs.

use super::*;
use crate::config::{Content, Expect};

fn frames(seconds: i64, video: f64, audio: f64) -> RawSample {
    RawSample {
        video_framerate: NumericField::Number(video),
        audio_framerate: NumericField::Number(audio),
        ..sample(seconds)
    }
}

/// A channel that was well for `well` seconds and has sent `then` for 60 seconds since.
fn after(well: i64, then: impl Fn(i64) -> RawSample) -> (ChannelState, i64) {
    let mut channel = channel();
    live(&mut channel, 0, -10..0);
    live(&mut channel, well, 0..well);
    let until = well + 60;
    let samples = (well..until).step_by(5).map(then);
    channel.apply_stream_info(now(until), &info(samples), &POLICY);
    (channel, until)
}

fn kinds(channel: &ChannelState, seconds: i64, expect: &Expect) -> Vec<HealthIssueKind> {
    let shown = visible(channel, seconds);
    let problems = channel.health_issues(&shown, expect, expect.live, &POLICY, now(seconds));
    problems.iter().map(|problem| problem.kind).collect()
}

fn has_transient_issue(channel: &ChannelState, seconds: i64, expect: &Expect) -> bool {
    let shown = visible(channel, seconds);
    crate::state::health::has_transient_issue(&shown, expect)
}

const NOTHING: Expect = Expect {
    live: false,
    content: None,
    video_bitrate_bps: None,
    video_framerate_fps: None,
    audio_framerate_fps: None,
};
const ALL: Expect = Expect {
    live: true,
    content: None,
    video_bitrate_bps: Some(1_200_000.0),
    video_framerate_fps: Some(15.0),
    audio_framerate_fps: Some(43.0),
};

#[test]
fn healthy_channel_has_no_issue() {
    let (channel, seconds) = after(600, sample);
    for expect in [NOTHING, ALL] {
        assert_eq!(kinds(&channel, seconds, &expect), []);
        assert!(!has_transient_issue(&channel, seconds, &expect));
    }
    let fresh = super::channel();
    assert_eq!(kinds(&fresh, 0, &ALL), []);
}

/// What is expected of a channel of which only its content is known.
fn content(content: Content) -> Expect {
    Expect {
        content: Some(content),
        ..NOTHING
    }
}

#[test]
fn bitrate_is_compared_with_the_expected_one_or_the_baselines() {
    use HealthIssueKind::{BitrateDropped, BitrateLow};
    let camera = content(Content::Camera);
    let screen = content(Content::Screen);
    for (bitrate_then, of_expected, of_usual, of_camera) in [
        (1_000_000.0, None, None, None),
        (899_000.0, Some(BitrateLow), None, None),
        (650_000.0, Some(BitrateLow), None, None),
        (
            550_000.0,
            Some(BitrateDropped),
            Some(BitrateLow),
            Some(BitrateLow),
        ),
        (
            301_000.0,
            Some(BitrateDropped),
            Some(BitrateLow),
            Some(BitrateLow),
        ),
        (
            299_000.0,
            Some(BitrateDropped),
            Some(BitrateLow),
            Some(BitrateDropped),
        ),
        (
            0.0,
            Some(BitrateDropped),
            Some(BitrateLow),
            Some(BitrateDropped),
        ),
    ] {
        let (channel, seconds) = after(600, |seconds| bitrate(seconds, bitrate_then));
        for (expect, problem) in [
            (ALL, of_expected),
            (NOTHING, of_usual),
            (camera, of_camera),
            (screen, None),
        ] {
            let found = kinds(&channel, seconds, &expect);
            assert_eq!(found, Vec::from_iter(problem), "{bitrate_then} {expect:?}");
            assert_eq!(
                has_transient_issue(&channel, seconds, &expect),
                problem.is_some()
            );
        }
    }
}

#[test]
fn bitrate_has_dropped_where_frames_are_lost_too() {
    use HealthIssueKind::{BitrateDropped, BitrateLow};
    for (bitrate_then, framerate, problem) in [
        (299_000.0, 12.0, Some(BitrateLow)),
        (299_000.0, 11.0, Some(BitrateDropped)),
        (301_000.0, 11.0, Some(BitrateLow)),
        (899_000.0, 11.0, None),
    ] {
        let (channel, seconds) = after(600, |seconds| RawSample {
            video_framerate: NumericField::Number(framerate),
            ..bitrate(seconds, bitrate_then)
        });
        let found = kinds(&channel, seconds, &NOTHING);
        assert_eq!(found, Vec::from_iter(problem), "{bitrate_then} {framerate}");
    }
}

#[test]
fn short_drop_is_a_transient_issue() {
    let mut channel = channel();
    live(&mut channel, 300, 0..300);
    let low = (300..320)
        .step_by(5)
        .map(|seconds| bitrate(seconds, 1000.0));
    channel.apply_stream_info(now(320), &info(low), &POLICY);
    assert_eq!(kinds(&channel, 320, &ALL), []);
    assert!(has_transient_issue(&channel, 320, &ALL));
}

#[test]
fn missing_frames_are_an_issue_where_there_were_some_or_some_are_expected() {
    use HealthIssueKind::{FramerateLow, NoAudio, NoVideo};
    for (video, audio, expected, otherwise) in [
        (15.0, 43.0, vec![], vec![]),
        (0.0, 43.0, vec![NoVideo], vec![NoVideo]),
        (15.0, 0.0, vec![NoAudio], vec![NoAudio]),
        (10.0, 43.0, vec![FramerateLow], vec![FramerateLow]),
        (11.0, 43.0, vec![], vec![]),
    ] {
        let (channel, seconds) = after(600, |seconds| frames(seconds, video, audio));
        assert_eq!(kinds(&channel, seconds, &ALL), expected, "{video} {audio}");
        assert_eq!(kinds(&channel, seconds, &NOTHING), otherwise);
    }
    // The first minute is one of samples, however late they come.
    let mut early = channel();
    early.apply_stream_info(now(100), &info([frames(30, 0.0, 43.0)]), &POLICY);
    early.apply_stream_info(now(170), &info([frames(159, 0.0, 43.0)]), &POLICY);
    assert_eq!(kinds(&early, 170, &ALL), []);

    let mut silent = channel();
    let samples = |range: std::ops::Range<i64>| range.step_by(5).map(|s| frames(s, 0.0, 43.0));
    silent.apply_stream_info(now(0), &info(samples(-60..0)), &POLICY);
    silent.apply_stream_info(now(90), &info(samples(0..90)), &POLICY);
    assert_eq!(kinds(&silent, 90, &NOTHING), []);
    assert_eq!(kinds(&silent, 90, &ALL), [NoVideo]);
}

#[test]
fn samples_are_missing_after_three_responses_without_new_ones() {
    let mut channel = channel();
    live(&mut channel, 0, -60..0);
    live(&mut channel, 60, 0..60);
    for seconds in [75, 90] {
        channel.apply_stream_info(now(seconds), &info([sample(55)]), &POLICY);
    }
    assert_eq!(kinds(&channel, 90, &NOTHING), []);
    channel.apply_stream_info(now(105), &info([sample(55)]), &POLICY);
    assert_eq!(kinds(&channel, 105, &NOTHING), [HealthIssueKind::NoSamples]);
    // A sample each minute, and none for over three.
    let mut sparse = self::channel();
    sparse.apply_stream_info(now(240), &info([60, 120, 180, 240].map(sample)), &POLICY);
    sparse.apply_stream_info(now(419), &info([sample(240)]), &POLICY);
    assert_eq!(kinds(&sparse, 419, &NOTHING), []);
    sparse.apply_stream_info(now(421), &info([sample(240)]), &POLICY);
    assert_eq!(kinds(&sparse, 421, &NOTHING), [HealthIssueKind::NoSamples]);
    // Without responses, whether there are samples is not known.
    let mut unanswered = self::channel();
    live(&mut unanswered, 0, -60..0);
    for seconds in [75, 90] {
        assert_eq!(kinds(&unanswered, seconds, &NOTHING), []);
        unanswered.apply_error(Outcome::Timeout, "late", now(seconds).monotonic);
    }
    assert_eq!(
        kinds(&unanswered, 90, &NOTHING),
        [HealthIssueKind::PollFailed]
    );
}

#[test]
fn samples_of_the_last_session_do_not_hide_missing_ones() {
    let mut channel = channel();
    live(&mut channel, 0, -60..0);
    // They arrive 10 seconds late.
    live(&mut channel, 15, 0..6);
    channel.apply_not_live(now(30));
    for seconds in [60, 75, 90, 105, 120, 130] {
        channel.apply_stream_info(now(seconds), &info([sample(5)]), &POLICY);
        assert_eq!(kinds(&channel, seconds, &NOTHING), [], "{seconds}");
    }
    channel.apply_stream_info(now(135), &info([sample(5)]), &POLICY);
    assert_eq!(kinds(&channel, 135, &NOTHING), [HealthIssueKind::NoSamples]);
}

#[test]
fn channel_without_samples_is_an_issue_after_five_minutes() {
    let mut channel = channel();
    for seconds in [0, 150, 300] {
        channel.apply_stream_info(now(seconds), &info([]), &POLICY);
    }
    assert_eq!(kinds(&channel, 300, &ALL), [HealthIssueKind::NeverASample]);
    let mut younger = self::channel();
    for seconds in [0, 150, 299] {
        younger.apply_stream_info(now(seconds), &info([]), &POLICY);
    }
    assert_eq!(kinds(&younger, 299, &ALL), []);
}

#[test]
fn offline_channel_is_an_issue_where_it_is_expected_live() {
    let mut channel = channel();
    live(&mut channel, 0, -60..0);
    channel.apply_not_live(now(15));
    channel.apply_not_live(now(29));
    // Time without a response does not count.
    assert_eq!(kinds(&channel, 59, &ALL), []);
    channel.apply_not_live(now(30));
    let missed = [HealthIssueKind::OffAir];
    assert_eq!(kinds(&channel, 30, &ALL), missed);
    assert_eq!(kinds(&channel, 30, &NOTHING), []);
}

#[test]
fn unknown_state_is_an_issue() {
    let mut channel = channel();
    live(&mut channel, 0, -60..0);
    channel.apply_error(Outcome::Timeout, "late", now(100).monotonic);
    assert!(channel.expire(now(121), &POLICY, IntervalScale::NONE));
    assert_eq!(kinds(&channel, 121, &ALL), [HealthIssueKind::StateUnknown]);

    let fresh = self::channel();
    assert_eq!(kinds(&fresh, 119, &ALL), []);
    assert_eq!(kinds(&fresh, 120, &ALL), [HealthIssueKind::StateUnknown]);
    // That changes without a response, so it has to be known in advance.
    let change = fresh.next_expiry(now(0), &POLICY, IntervalScale::NONE);
    assert_eq!(change, Some(now(120).monotonic));
    assert_eq!(
        fresh.next_expiry(now(120), &POLICY, IntervalScale::NONE),
        None
    );
}

#[test]
fn stream_without_a_frame_or_a_bit_is_an_issue_after_two_minutes() {
    let empty = |seconds: i64| RawSample {
        video_bitrate: NumericField::Number(0.0),
        ..frames(seconds, 0.0, 0.0)
    };
    let found = |sample: &dyn Fn(i64) -> RawSample, until: i64| {
        let mut channel = channel();
        live(&mut channel, 0, 0..0);
        let samples = (0..=until).step_by(5).map(sample);
        channel.apply_stream_info(now(until), &info(samples), &POLICY);
        kinds(&channel, until, &NOTHING)
    };
    assert_eq!(found(&empty, 115), []);
    assert_eq!(found(&empty, 120), [HealthIssueKind::StreamEmpty]);
    assert_eq!(found(&empty, 600), [HealthIssueKind::StreamEmpty]);
    let without_frames = |seconds: i64| RawSample {
        video_framerate: NumericField::Missing,
        audio_framerate: NumericField::Missing,
        ..empty(seconds)
    };
    assert_eq!(found(&without_frames, 120), [HealthIssueKind::StreamEmpty]);
    // Sound alone, or bits alone, are something.
    let audio_only = |seconds: i64| RawSample {
        audio_framerate: NumericField::Number(43.0),
        ..empty(seconds)
    };
    assert_eq!(found(&audio_only, 600), []);
    let bits_only = |seconds: i64| RawSample {
        video_bitrate: NumericField::Number(9_000.0),
        ..empty(seconds)
    };
    assert_eq!(found(&bits_only, 600), []);
    // A frame in the first minute tells that the stream froze.
    let froze = |seconds: i64| match seconds {
        0..60 => frames(seconds, 15.0, 0.0),
        _ => empty(seconds),
    };
    assert_eq!(found(&froze, 600), [HealthIssueKind::NoVideo]);
}

#[test]
fn short_time_off_air_does_not_restart_the_wait_for_the_first_frame() {
    let mut channel = channel();
    live(&mut channel, 0, 0..0);
    let frozen = |seconds: i64| frames(seconds, 0.0, 43.0);
    channel.apply_stream_info(now(40), &info((0..40).step_by(5).map(frozen)), &POLICY);
    assert_eq!(kinds(&channel, 40, &ALL), []);
    channel.apply_not_live(now(45));
    channel.apply_stream_info(now(70), &info([frozen(65)]), &POLICY);
    assert_eq!(kinds(&channel, 70, &ALL), [HealthIssueKind::NoVideo]);
}

#[test]
fn issues_name_their_stream_with_the_most_severe_first() {
    let mut channel = channel();
    let both = |seconds: i64| {
        let backup = RawSample {
            stream: StreamName::new("backup"),
            ..bitrate(seconds, 100_000.0)
        };
        [bitrate(seconds, 800_000.0), backup]
    };
    let samples = (-60..0).step_by(5).flat_map(both);
    channel.apply_stream_info(now(0), &info(samples), &POLICY);
    let shown = visible(&channel, 0);
    let problems = channel.health_issues(&shown, &ALL, true, &POLICY, now(0));
    let said: Vec<_> = problems
        .iter()
        .map(|p| (p.kind, p.stream.as_ref().unwrap().as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (HealthIssueKind::BitrateDropped, "backup"),
            (HealthIssueKind::BitrateLow, "recordf")
        ]
    );
}

/// A sample whose values are these shares of the usual ones.
fn share(seconds: i64, bitrate_share: f64, video: f64, audio: f64) -> RawSample {
    RawSample {
        video_framerate: NumericField::Number(15.0 * video),
        audio_framerate: NumericField::Number(43.0 * audio),
        ..bitrate(seconds, 1_200_000.0 * bitrate_share)
    }
}

#[test]
fn issues_have_the_likely_cause_that_their_samples_show() {
    use HealthIssueKind::{BitrateDropped, BitrateLow, FramerateLow, NoAudio, NoVideo};
    use LikelyCause::{Encoder, Source, Unknown, Uplink};
    for (then, expect, found) in [
        ((0.2, 0.4, 0.5), &NOTHING, vec![(BitrateDropped, Uplink)]),
        ((0.2, 0.4, 1.0), &NOTHING, vec![(BitrateDropped, Encoder)]),
        ((0.3, 1.0, 1.0), &NOTHING, vec![(BitrateLow, Unknown)]),
        ((1.0, 0.5, 1.0), &ALL, vec![(FramerateLow, Encoder)]),
        ((0.0, 0.0, 1.0), &NOTHING, vec![(NoVideo, Source)]),
        ((1.0, 1.0, 0.0), &NOTHING, vec![(NoAudio, Unknown)]),
        (
            (0.0, 0.0, 0.0),
            &NOTHING,
            vec![(NoVideo, Encoder), (NoAudio, Encoder)],
        ),
    ] {
        let (bitrate, video, audio) = then;
        let (channel, at) = after(600, |seconds| share(seconds, bitrate, video, audio));
        let issues = channel.health_issues(&visible(&channel, at), expect, false, &POLICY, now(at));
        let issues: Vec<_> = issues.iter().map(|i| (i.kind, i.likely_cause)).collect();
        assert_eq!(issues, found, "{then:?}");
    }
}

#[test]
fn silence_is_the_uplinks_only_if_that_failed_before() {
    for (before, cause) in [
        ((0.2, 0.4, 0.5), LikelyCause::Uplink),
        ((1.0, 1.0, 1.0), LikelyCause::Unknown),
    ] {
        let (bitrate, video, audio) = before;
        let (mut channel, at) = after(600, |seconds| share(seconds, bitrate, video, audio));
        let mut silent = channel.clone();
        for seconds in [15, 30, 45].map(|seconds| at + seconds) {
            channel.apply_not_live(now(seconds));
            silent.apply_stream_info(now(seconds), &info([]), &POLICY);
        }
        for (channel, kind) in [
            (channel, HealthIssueKind::OffAir),
            (silent, HealthIssueKind::NoSamples),
        ] {
            let shown = visible(&channel, at + 45);
            let issues = channel.health_issues(&shown, &NOTHING, true, &POLICY, now(at + 45));
            let found = issues.iter().find(|issue| issue.kind == kind).unwrap();
            assert_eq!(found.likely_cause, cause);
        }
    }
}

#[test]
fn every_kind_has_a_name_of_the_contract_and_they_are_sorted_by_severity() {
    let names: std::collections::BTreeSet<_> =
        HealthIssueKind::ALL.map(HealthIssueKind::as_str).into();
    let contract = [
        "bitrate_dropped",
        "bitrate_low",
        "framerate_low",
        "never_a_sample",
        "no_audio",
        "no_samples",
        "no_video",
        "off_air",
        "poll_failed",
        "state_unknown",
    ];
    assert_eq!(Vec::from_iter(names), contract);
    assert!(HealthIssueKind::ALL.is_sorted());
    assert!(HealthIssueKind::ALL.is_sorted_by_key(|kind| std::cmp::Reverse(kind.severity())));
}

#[test]
fn history_outlives_a_session_and_expires_after_half_an_hour() {
    let mut channel = channel();
    live(&mut channel, 0, -1200..0);
    let steps = |channel: &ChannelState, seconds: i64| -> Vec<HistoryPoint> {
        let mut histories = channel.histories(now(seconds).server_time);
        assert_eq!(histories.len(), 1);
        histories.remove(0).steps
    };
    // Sample times are no multiples of 10 seconds of 1970's.
    assert!((120..=121).contains(&steps(&channel, 0).len()));
    channel.apply_not_live(now(10));
    assert!(visible(&channel, 10).is_empty());
    assert!((120..=121).contains(&steps(&channel, 10).len()));
    // Samples of the last session are history as well.
    let late = (5..10).step_by(5).map(sample);
    channel.apply_stream_info(now(100), &info(late), &POLICY);
    assert!(visible(&channel, 100).is_empty());
    assert!((120..=122).contains(&steps(&channel, 100).len()));

    channel.apply_not_live(now(110));
    channel.apply_not_live(now(1500));
    let left = steps(&channel, 1500);
    assert!(left.iter().all(|step| step.time >= time(-310)), "{left:?}");
    assert!((30..40).contains(&left.len()), "{}", left.len());
}

#[test]
fn poll_log_merges_equal_outcomes() {
    let mut channel = channel();
    live(&mut channel, 0, -60..0);
    live(&mut channel, 15, 0..15);
    channel.apply_error(Outcome::Rejected, "channel is not exist", now(30).monotonic);
    channel.apply_not_live(now(45));
    let said: Vec<_> = channel
        .poll_log
        .recent()
        .map(|run| {
            (
                run.outcome,
                run.count,
                run.new_samples,
                run.message.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (Outcome::NotLive, 1, 0, None),
            (Outcome::Rejected, 1, 0, Some("channel is not exist")),
            (Outcome::Ok, 2, 15, None),
        ]
    );
}

/// A live channel's response at `seconds`, whose samples Polyv has after two minutes.
fn delayed(channel: &mut ChannelState, seconds: i64, is_on: impl Fn(i64) -> bool) {
    let available = (seconds - 300..seconds - 120).filter(|at| at % 5 == 0 && is_on(*at));
    let samples = available.filter(|at| *at >= 0).map(sample);
    channel.apply_stream_info(now(seconds), &info(samples), &POLICY);
}

#[test]
fn delayed_samples_of_the_time_before_a_pause_do_not_hide_that_the_next_are_due_later() {
    let mut channel = channel();
    // Off air from 900 to 990: so no samples come from 1020 to 1110.
    let is_on = |at: i64| !(900..990).contains(&at);
    let no_samples = |channel: &ChannelState, at: i64| {
        kinds(channel, at, &NOTHING).contains(&HealthIssueKind::NoSamples)
    };
    for at in (15..=900).step_by(15) {
        delayed(&mut channel, at, is_on);
    }
    for at in (915..990).step_by(15) {
        channel.apply_not_live(now(at));
    }
    for at in (990..=1200).step_by(15) {
        delayed(&mut channel, at, is_on);
        assert!(!no_samples(&channel, at), "{at}");
    }
    // When they stop later on, it is a fault.
    for at in (1215..=1260).step_by(15) {
        channel.apply_stream_info(now(at), &info([]), &POLICY);
    }
    assert!(no_samples(&channel, 1260));
}
