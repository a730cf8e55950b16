//! How responses change a channel's state.

mod baseline;
mod health;
mod nodes;
mod streams;

use std::time::Duration;

use proptest::prelude::*;

use super::channel::{ChannelState, UpdateSummary};
use super::channel_samples::MAX_STREAMS;
use super::*;

use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{NumericField, Outcome, Range, RawSample, SampleTime, StreamInfo, StreamName};

const POLICY: FreshnessPolicy = FreshnessPolicy {
    lookback: Duration::from_secs(35 * 60),
    idle_interval: Duration::from_secs(30),
    stale_after: Duration::from_secs(120),
    max_sample_age: Duration::from_secs(15 * 60),
    window: Duration::from_secs(90),
    sustain: Duration::from_secs(30),
    sources: crate::config::Sources::Auto,
};
const INTERVAL: Duration = Duration::from_secs(15);
const START: i64 = 1_700_000_000_000;

/// That many seconds after the start, by both clocks.
fn now(seconds: i64) -> TimeSnapshot {
    TimeSnapshot {
        monotonic: MonotonicInstant::from_millis(u64::try_from(seconds).unwrap() * 1000),
        server_time: time(seconds),
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START + seconds * 1000)
}

fn channel() -> ChannelState {
    ChannelState::new(INTERVAL, now(0).monotonic)
}

/// A healthy sample, taken that many seconds after the start.
fn sample(seconds: i64) -> RawSample {
    RawSample {
        stream: StreamName::new("recordf"),
        time: SampleTime::At(time(seconds)),
        video_bitrate: NumericField::Number(1_200_000.0),
        video_framerate: NumericField::Number(15.0),
        audio_framerate: NumericField::Number(43.0),
    }
}

fn bitrate(seconds: i64, bitrate: f64) -> RawSample {
    RawSample {
        video_bitrate: NumericField::Number(bitrate),
        ..sample(seconds)
    }
}

fn info(samples: impl IntoIterator<Item = RawSample>) -> StreamInfo {
    StreamInfo {
        samples: samples.into_iter().collect(),
        unreadable: 0,
    }
}

/// `PollLog` a live channel at `seconds` with a sample every 5 seconds of the time before.
fn live(channel: &mut ChannelState, seconds: i64, samples: std::ops::Range<i64>) -> UpdateSummary {
    let samples = samples.step_by(5).map(sample);
    channel.apply_stream_info(now(seconds), &info(samples), &POLICY)
}

fn aggregates(channel: &ChannelState, seconds: i64) -> Option<StreamAggregates> {
    let shown = visible(channel, seconds);
    assert!(shown.len() <= 1, "more streams than expected");
    shown.into_iter().next().map(|stream| stream.aggregates)
}

fn visible(channel: &ChannelState, seconds: i64) -> Vec<StreamSnapshot> {
    channel.visible_streams(now(seconds), &POLICY, IntervalScale::NONE)
}

fn discarded(digest: &UpdateSummary) -> Vec<(DiscardReason, u64)> {
    digest.discarded.counts().filter(|(_, n)| *n > 0).collect()
}

#[test]
fn channel_that_is_not_live_has_no_visible_stream() {
    let mut channel = channel();
    live(&mut channel, 60, 0..60);
    assert!(aggregates(&channel, 60).is_some());
    channel.apply_not_live(now(75));
    assert!(aggregates(&channel, 75).is_none());
    // Time stamps of past events stay.
    assert_eq!(channel.last_sample, Some(time(55)));
    assert_eq!(channel.last_new_sample, Some(now(60).monotonic));
}

#[test]
fn repeated_sample_counts_once_with_its_latest_values() {
    let mut channel = channel();
    let first = channel.apply_stream_info(now(10), &info([sample(5)]), &POLICY);
    assert_eq!(first.new_samples.len(), 1);
    let second = channel.apply_stream_info(now(15), &info([bitrate(5, 700_000.0)]), &POLICY);
    assert_eq!(second.new_samples.len(), 0);
    let stream = visible(&channel, 15).remove(0);
    assert_eq!(stream.samples_total, 1);
    assert_eq!(
        stream.aggregates.newest.video_bitrate.get(),
        Some(700_000.0)
    );
    // A repeated sample is not a new one.
    assert_eq!(channel.last_new_sample, Some(now(10).monotonic));
}

#[test]
fn samples_of_a_long_first_response_count_once() {
    let mut channel = channel();
    let count = |summary: UpdateSummary| summary.new_samples.len();
    // Three times as much as is kept, and the same again with what came meanwhile.
    assert_eq!(count(live(&mut channel, 6_000, 0..6_000)), 1_200);
    assert_eq!(count(live(&mut channel, 6_015, 5_100..6_015)), 3);
    let late = [sample(5_112), bitrate(5_104, 1.0), bitrate(3_000, 1.0)];
    let summary = channel.apply_stream_info(now(6_020), &info(late), &POLICY);
    assert_eq!(discarded(&summary), []);
    assert_eq!(
        count(summary),
        1,
        "within 15 minutes of the newest sample, 6010"
    );
    let stream = visible(&channel, 6_020).remove(0);
    assert_eq!(stream.samples_total, 1_204);
}

#[test]
fn repeated_samples_are_known_however_long_the_stream_is_silent() {
    let mut channel = channel();
    live(&mut channel, 600, 0..600);
    for seconds in (615..10_000).step_by(15) {
        let summary = live(&mut channel, seconds, 540..600);
        assert_eq!(summary, UpdateSummary::default(), "{seconds}");
    }
    let summary = live(&mut channel, 10_000, 540..605);
    assert_eq!(summary.new_samples.len(), 1);
    let histories = channel.histories(time(10_000));
    assert!(histories.iter().all(|history| history.steps.is_empty()));
}

#[test]
fn lower_bitrate_of_two_samples_with_one_time_counts() {
    for samples in [[900.0, 500.0], [500.0, 900.0]] {
        let mut channel = channel();
        channel.apply_stream_info(now(10), &info(samples.map(|b| bitrate(5, b))), &POLICY);
        let newest = aggregates(&channel, 10).unwrap().newest;
        assert_eq!(newest.video_bitrate.get(), Some(500.0));
    }
}

#[test]
fn stream_without_new_samples_is_visible_until_stale_after() {
    let mut channel = channel();
    live(&mut channel, 60, 0..60);
    for seconds in (75..=300).step_by(15) {
        // Live all the time, with the same old samples.
        live(&mut channel, seconds, 30..60);
        assert_eq!(
            aggregates(&channel, seconds).is_some(),
            seconds < 180,
            "{seconds}"
        );
        assert_eq!(channel.liveness.state, LiveState::Live);
    }
}

#[test]
fn delayed_samples_are_visible_until_max_sample_age() {
    let mut channel = channel();
    for seconds in (15..3600).step_by(15) {
        live(&mut channel, seconds + 899, seconds - 15..seconds + 1);
        let shown = aggregates(&channel, seconds + 899).unwrap();
        assert_eq!(shown.newest_time, time(seconds));
    }
    let mut channel = ChannelState::new(INTERVAL, now(0).monotonic);
    live(&mut channel, 960, 55..60);
    assert!(
        aggregates(&channel, 960).is_none(),
        "55 s is over 15 minutes ago"
    );
}

#[test]
fn next_expiry_is_known_in_advance() {
    let mut channel = channel();
    live(&mut channel, 60, 0..60);
    assert_eq!(
        channel.next_expiry(now(60), &POLICY, IntervalScale::NONE),
        Some(now(180).monotonic)
    );
    // Longer intervals extend it: three times 15 s times 4.
    assert_eq!(
        channel.next_expiry(
            now(60),
            &POLICY,
            IntervalScale {
                all: 4.0,
                idle: 9.0
            }
        ),
        Some(now(240).monotonic)
    );
    assert!(!channel.expire(now(179), &POLICY, IntervalScale::NONE));
    assert!(channel.expire(now(180), &POLICY, IntervalScale::NONE));
    assert_eq!(channel.liveness.state, LiveState::Unknown);
    assert!(aggregates(&channel, 180).is_none());
    assert_eq!(
        channel.next_expiry(now(180), &POLICY, IntervalScale::NONE),
        None
    );

    // An old newest sample goes by its own age: the last millisecond at which it is 15
    // minutes old still counts.
    let mut channel = ChannelState::new(INTERVAL, now(0).monotonic);
    live(&mut channel, 890, 0..5);
    let change = channel
        .next_expiry(now(890), &POLICY, IntervalScale::NONE)
        .unwrap();
    assert_eq!(change.as_millis(), 900_001);
}

#[test]
fn channel_without_responses_is_unknown_and_keeps_its_samples() {
    let mut channel = channel();
    live(&mut channel, 60, 0..60);
    for seconds in (75..900).step_by(15) {
        channel.apply_error(Outcome::Timeout, "no response", now(0).monotonic);
        channel.expire(now(seconds), &POLICY, IntervalScale::NONE);
    }
    assert_eq!(channel.liveness.state, LiveState::Unknown);
    assert_eq!(channel.last_outcome, Some(Outcome::Timeout));
    let digest = live(&mut channel, 900, 0..900);
    assert_eq!(digest.new_samples.len(), 180 - 12);
    assert_eq!(channel.liveness.transitions, 0);
    assert!(
        aggregates(&channel, 900)
            .unwrap()
            .video_bitrate_baseline
            .is_some()
    );
}

#[test]
fn samples_of_the_last_session_count_and_are_not_visible() {
    let mut channel = channel();
    live(&mut channel, 60, 0..60);
    channel.apply_not_live(now(90));
    channel.apply_not_live(now(150));
    // The last samples of the session that ended arrive late.
    let digest = live(&mut channel, 180, 40..90);
    assert_eq!(digest.new_samples.len(), 6);
    assert_eq!(channel.last_sample, Some(time(85)));
    assert!(aggregates(&channel, 180).is_none());
    live(&mut channel, 195, 140..190);
    let shown = aggregates(&channel, 195).unwrap();
    assert_eq!(shown.newest_time, time(185));
    assert_eq!(
        shown.max.video_bitrate.get(),
        Some(1_200_000.0),
        "155 to 185 is covered"
    );
    assert_eq!(shown.video_bitrate_baseline, None);
    let stream = visible(&channel, 195).remove(0);
    assert_eq!(stream.samples_total, 28);
}

#[test]
fn minima_look_back_over_the_window_and_maxima_over_sustain() {
    let mut channel = channel();
    let samples = (0..40).map(|step| {
        let seconds = step * 5;
        match seconds {
            100 => bitrate(seconds, 300_000.0),
            105 => bitrate(seconds, 2_000_000.0),
            170 => bitrate(seconds, 1_500_000.0),
            _ => sample(seconds),
        }
    });
    let samples: Vec<_> = samples.collect();
    channel.apply_stream_info(now(200), &info(samples.clone()), &POLICY);
    let shown = aggregates(&channel, 200).unwrap();
    // From 195 back: the dip at 100 is over 90 s old, the peak at 170 within 30 s.
    assert_eq!(shown.min.video_bitrate.get(), Some(1_200_000.0));
    assert_eq!(shown.max.video_bitrate.get(), Some(1_500_000.0));
    assert_eq!(shown.min.video_framerate.get(), Some(15.0));
    assert_eq!(shown.min.audio_framerate.get(), Some(43.0));

    let mut channel = ChannelState::new(INTERVAL, now(0).monotonic);
    channel.apply_stream_info(now(190), &info(samples.into_iter().take(39)), &POLICY);
    let shown = aggregates(&channel, 190).unwrap();
    assert_eq!(
        shown.min.video_bitrate.get(),
        Some(300_000.0),
        "190 - 90 = 100"
    );
}

#[test]
fn maximum_needs_samples_that_cover_its_span() {
    let mut channel = channel();
    for seconds in (5..60).step_by(5) {
        channel.apply_stream_info(now(seconds), &info([bitrate(seconds, 100.0)]), &POLICY);
        let max = aggregates(&channel, seconds).unwrap().max;
        let covered = seconds >= 35;
        assert_eq!(max.video_bitrate.get().is_some(), covered, "{seconds}");
        assert_eq!(max.video_framerate.get().is_some(), covered, "{seconds}");
    }
}

#[test]
fn sample_after_a_gap_does_not_cover_the_gap() {
    let mut channel = channel();
    live(&mut channel, 100, 0..101);
    channel.apply_stream_info(now(165), &info([bitrate(165, 10.0)]), &POLICY);
    assert_eq!(
        aggregates(&channel, 165).unwrap().max.video_bitrate.get(),
        None
    );
}

#[test]
fn maximum_of_sparse_samples_covers_three_of_them() {
    let mut channel = channel();
    // The distances differ by a second, and one sample is lost.
    let times = [0, 61, 119, 181, 300, 361, 419, 480];
    let mut highest = Vec::new();
    for (n, seconds) in times.into_iter().enumerate() {
        let bitrate = bitrate(seconds, if n < 4 { 1000.0 } else { 10.0 });
        channel.apply_stream_info(now(seconds), &info([bitrate]), &POLICY);
        let shown = aggregates(&channel, seconds).unwrap();
        highest.push(shown.max.video_bitrate.get());
    }
    let (high, low) = (Some(1000.0), Some(10.0));
    assert_eq!(highest, [None, None, high, high, high, high, low, low]);
}

#[test]
fn usual_interval_is_the_median_of_the_last_distances() {
    let mut channel = channel();
    let mut interval_at = |seconds| {
        channel.apply_stream_info(now(seconds), &info([sample(seconds)]), &POLICY);
        let interval = aggregates(&channel, seconds).unwrap().sample_interval;
        interval.map(|interval| interval.as_secs())
    };
    assert_eq!(interval_at(0), None);
    assert_eq!(interval_at(60), Some(60));
    let until = |until: i64, step: usize| ((until - 100)..until).step_by(step);
    // 20 of 5 seconds; then 9, 10 and 11 of 10 seconds among the last 20.
    assert_eq!(until(165, 5).map(&mut interval_at).last().unwrap(), Some(5));
    assert_eq!(
        until(260, 10).map(&mut interval_at).last().unwrap(),
        Some(5)
    );
    assert_eq!([260, 270].map(&mut interval_at), [Some(7), Some(10)]);
}

#[test]
fn stream_with_rare_samples_is_visible_for_three_intervals() {
    let mut channel = channel();
    let samples = [0, 90, 180].map(sample);
    channel.apply_stream_info(now(180), &info(samples), &POLICY);
    for (seconds, is_visible) in [(300, true), (449, true), (450, false)] {
        channel.apply_stream_info(now(seconds), &info([]), &POLICY);
        assert_eq!(
            visible(&channel, seconds).len(),
            usize::from(is_visible),
            "{seconds}"
        );
    }
}

#[test]
fn last_frame_is_kept_for_the_whole_session() {
    let mut channel = channel();
    live(&mut channel, 60, 0..60);
    for seconds in (60..1200).step_by(5) {
        let frozen = RawSample {
            video_framerate: NumericField::Number(0.0),
            ..sample(seconds)
        };
        channel.apply_stream_info(now(seconds), &info([frozen]), &POLICY);
    }
    let shown = aggregates(&channel, 1195).unwrap();
    assert_eq!(shown.last_video_frame, Some(time(55)));
    assert_eq!(shown.last_audio_frame, Some(time(1195)));
    channel.apply_not_live(now(1200));
    let audio_only = RawSample {
        video_bitrate: NumericField::Missing,
        video_framerate: NumericField::Missing,
        ..sample(1295)
    };
    channel.apply_stream_info(now(1300), &info([audio_only]), &POLICY);
    let shown = aggregates(&channel, 1300).unwrap();
    assert_eq!(shown.last_video_frame, None);
    assert_eq!(shown.newest.video_bitrate.get(), None);
    assert_eq!(shown.newest.audio_framerate.get(), Some(43.0));
}

#[test]
fn invalid_value_is_missing_and_not_replaced_by_an_older_one() {
    let bad = [
        NumericField::Missing,
        NumericField::Unreadable("fast".to_owned()),
        NumericField::Number(-1.0),
        NumericField::Number(10_000_000_001.0),
    ];
    for (index, field) in bad.into_iter().enumerate() {
        let mut channel = channel();
        channel.apply_stream_info(now(5), &info([sample(5)]), &POLICY);
        let spoiled = RawSample {
            video_bitrate: field,
            ..sample(10)
        };
        let digest = channel.apply_stream_info(now(10), &info([spoiled.clone()]), &POLICY);
        assert_eq!(digest.new_samples.len(), 1);
        assert_eq!(discarded(&digest), []);
        assert_eq!(digest.discarded.invalid_fields, u64::from(index > 0));
        let newest = aggregates(&channel, 10).unwrap().newest;
        assert_eq!(newest.video_bitrate.get(), None);
        assert_eq!(newest.video_framerate.get(), Some(15.0));
        let again = channel.apply_stream_info(now(15), &info([spoiled]), &POLICY);
        assert_eq!(
            again.discarded.invalid_fields, 0,
            "a repeated one counts once"
        );
    }
}

#[test]
fn values_at_the_limits_are_valid() {
    let limit = RawSample {
        video_bitrate: NumericField::Number(10e9),
        video_framerate: NumericField::Number(1000.0),
        audio_framerate: NumericField::Number(0.0),
        ..sample(5)
    };
    let mut channel = channel();
    channel.apply_stream_info(now(5), &info([limit]), &POLICY);
    let newest = aggregates(&channel, 5).unwrap().newest;
    assert_eq!(newest.video_bitrate.get(), Some(10e9));
    assert_eq!(newest.video_framerate.get(), Some(1000.0));
    assert_eq!(newest.audio_framerate.get(), Some(0.0));
}

#[test]
fn discarded_samples_count_once_by_reason_and_change_nothing() {
    let bad_time = RawSample {
        time: SampleTime::Unreadable("yesterday".to_owned()),
        ..sample(0)
    };
    let no_value = RawSample {
        video_bitrate: NumericField::Missing,
        video_framerate: NumericField::Number(1001.0),
        audio_framerate: NumericField::Unreadable("x".to_owned()),
        ..sample(4)
    };
    let response = StreamInfo {
        samples: vec![
            bad_time,
            no_value,
            sample(161),
            sample(-10_801 + 100),
            sample(90),
        ],
        unreadable: 0,
    };
    let mut channel = channel();
    let digest = channel.apply_stream_info(now(100), &response, &POLICY);
    assert_eq!(
        discarded(&digest),
        [
            (DiscardReason::BadTime, 1),
            (DiscardReason::BadValue, 1),
            (DiscardReason::Future, 1),
            (DiscardReason::TooOld, 1),
        ]
    );
    assert_eq!(digest.new_samples.len(), 1);
    assert_eq!(channel.last_sample, Some(time(90)));
    let digest = channel.apply_stream_info(now(101), &response, &POLICY);
    // What was in the future a second ago is now a minute ahead at most, and counts.
    assert_eq!(discarded(&digest), []);
    assert_eq!(digest.new_samples.len(), 1);
}

#[test]
fn repeated_discarded_samples_count_once() {
    let mut channel = channel();
    let response = StreamInfo {
        samples: (0..420).map(|n| sample(3600 + 5 * n)).collect(),
        unreadable: 3,
    };
    let first = channel.apply_stream_info(now(100), &response, &POLICY);
    assert_eq!(
        discarded(&first),
        [(DiscardReason::BadValue, 3), (DiscardReason::Future, 420)]
    );
    for seconds in [115, 130, 145] {
        let again = channel.apply_stream_info(now(seconds), &response, &POLICY);
        assert_eq!(discarded(&again), []);
    }
    // What is new among them counts.
    let more = StreamInfo {
        samples: (1..421).map(|n| sample(3600 + 5 * n)).collect(),
        unreadable: 4,
    };
    let next = channel.apply_stream_info(now(160), &more, &POLICY);
    assert_eq!(
        discarded(&next),
        [(DiscardReason::BadValue, 1), (DiscardReason::Future, 1)]
    );
}

#[test]
fn newest_eight_streams_are_kept() {
    let of = |name: &str, seconds: i64| RawSample {
        stream: StreamName::new(name),
        ..sample(seconds)
    };
    let mut channel = channel();
    let names: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let response = names
        .iter()
        .enumerate()
        .map(|(n, name)| of(name, i64::try_from(n).unwrap()));
    let digest = channel.apply_stream_info(now(20), &info(response), &POLICY);
    assert_eq!(discarded(&digest), [(DiscardReason::TooManyStreams, 2)]);
    let shown = visible(&channel, 20).into_iter();
    let shown: Vec<_> = shown.map(|stream| stream.name.to_string()).collect();
    assert_eq!(shown, names[2..]);

    // A stale stream is replaced, a visible one is not.
    for seconds in (35..170).step_by(15) {
        let response = names[3..].iter().map(|name| of(name, seconds));
        channel.apply_stream_info(now(seconds), &info(response), &POLICY);
    }
    let digest = channel.apply_stream_info(now(171), &info([of("new", 171)]), &POLICY);
    assert_eq!(digest.new_samples.len(), 1);
    let digest = channel.apply_stream_info(now(172), &info([of("newer", 172)]), &POLICY);
    assert_eq!(discarded(&digest), [(DiscardReason::TooManyStreams, 1)]);
}

#[test]
fn query_range_starts_before_the_newest_sample() {
    let mut channel = channel();
    let start = |channel: &ChannelState, seconds| {
        channel
            .next_range(now(seconds), &POLICY, IntervalScale::NONE)
            .at(now(seconds), POLICY.lookback)
            .start
            .unwrap()
    };
    assert_eq!(start(&channel, 10_000), time(10_000 - 35 * 60));
    live(&mut channel, 10_000, 9_000..9_996);
    assert_eq!(start(&channel, 10_015), time(9_995 - 60));
    // After an outage of the exporter the gap is closed, as far as one call reaches.
    assert_eq!(start(&channel, 15_000), time(9_995 - 60));
    assert_eq!(start(&channel, 30_000), time(30_000 - 10_500));
    // A sample that is a little ahead of Polyv's clock does not make an empty range.
    channel.apply_stream_info(now(30_000), &info([sample(30_050)]), &POLICY);
    // After 5 minutes the next request looks back for streams that have begun.
    assert_eq!(start(&channel, 30_000), time(30_000 - 300 - 60));
    channel.apply_stream_info(now(30_015), &info([sample(30_065)]), &POLICY);
    assert_eq!(start(&channel, 30_015), time(30_015 - 60));
}

#[test]
fn query_range_is_halved_after_a_too_large_response() {
    let mut channel = channel();
    let mut requested = channel
        .next_range(now(10_000), &POLICY, IntervalScale::NONE)
        .at(now(10_000), POLICY.lookback);
    for seconds in [1050, 525, 262] {
        channel.shrink_query_range(requested, now(10_000));
        requested = channel
            .next_range(now(10_000), &POLICY, IntervalScale::NONE)
            .at(now(10_000), POLICY.lookback);
        let length = now(10_000).server_time.since(requested.start.unwrap());
        assert_eq!(length.as_secs(), seconds);
    }
    live(&mut channel, 10_000, 9_000..9_500);
    assert_eq!(
        channel
            .next_range(now(10_000), &POLICY, IntervalScale::NONE)
            .at(now(10_000), POLICY.lookback),
        Range::since(time(9_435))
    );
}

#[test]
fn delays_are_measured_from_the_first_response_on() {
    let mut channel = channel();
    let delays = |digest: UpdateSummary| -> Vec<Duration> {
        digest
            .new_samples
            .iter()
            .filter_map(|sample| sample.delay)
            .collect()
    };
    assert!(delays(live(&mut channel, 1000, 0..1000)).is_empty());
    let digest = live(&mut channel, 1030, 990..1011);
    assert_eq!(
        delays(digest),
        [Duration::from_secs(25), Duration::from_secs(20)]
    );
}

#[test]
fn sample_without_a_stream_name_is_valid() {
    let mut channel = channel();
    let unnamed = RawSample {
        stream: StreamName::new("unnamed"),
        ..sample(5)
    };
    assert_eq!(
        channel
            .apply_stream_info(now(5), &info([unnamed]), &POLICY)
            .new_samples
            .len(),
        1
    );
}

#[test]
fn memory_of_a_channel_is_bounded() {
    let mut channel = channel();
    for round in 0..20 {
        let samples = (0..10_000).map(|n| RawSample {
            stream: StreamName::new(&format!("s{}", n % 10)),
            time: SampleTime::At(time(100).plus_millis(round * 10_000 + n)),
            ..sample(0)
        });
        channel.apply_stream_info(now(300), &info(samples), &POLICY);
    }
    assert_eq!(visible(&channel, 300).len(), MAX_STREAMS);
    // Hours after a first response of hours, nothing of it is left.
    channel.apply_not_live(now(100_000));
    channel.apply_stream_info(now(100_010), &StreamInfo::default(), &POLICY);
    assert_eq!(visible(&channel, 100_010).len(), 0);
}

proptest! {
    /// Samples give the same result however they are cut into responses, repeated and shuffled.
    #[test]
    fn order_and_repetition_make_no_difference(
        values in proptest::collection::vec((0u32..3, 0u32..2, 1u32..3), 1..60),
        cuts in proptest::collection::vec(0usize..60, 0..6),
        seed in any::<u64>(),
    ) {
        let samples: Vec<RawSample> = values
            .iter()
            .enumerate()
            .map(|(n, (bitrate, frames, stream))| RawSample {
                stream: StreamName::new(&format!("s{stream}")),
                time: SampleTime::At(time(i64::try_from(n).unwrap() * 5 + 100)),
                video_bitrate: NumericField::Number(f64::from(*bitrate) * 400_000.0),
                video_framerate: NumericField::Number(f64::from(*frames) * 15.0),
                audio_framerate: NumericField::Missing,
            })
            .collect();
        let end = 100 + 60 * 5;
        let mut at_once = channel();
        at_once.apply_stream_info(now(end), &info(samples.clone()), &POLICY);

        let mut piecemeal = channel();
        let mut shuffled = samples.clone();
        let mut state = seed;
        for index in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(index, usize::try_from(state >> 33).unwrap() % (index + 1));
        }
        for cut in cuts {
            let cut = cut % shuffled.len();
            piecemeal.apply_stream_info(now(end), &info(shuffled[cut..].to_vec()), &POLICY);
        }
        piecemeal.apply_stream_info(now(end), &info(shuffled), &POLICY);

        let observed = |channel: &ChannelState| -> Vec<_> {
            visible(channel, end)
                .into_iter()
                .map(|stream| (
                    stream.name,
                    stream.samples_total,
                    // The baselines depend on samples that are late by over a minute.
                    StreamAggregates {
                        video_bitrate_baseline: None,
                        video_bitrate_baseline_low: None,
                        video_framerate_baseline: None,
                        ..stream.aggregates
                    },
                ))
                .collect()
        };
        prop_assert_eq!(observed(&at_once), observed(&piecemeal));
        prop_assert_eq!(at_once.last_sample, piecemeal.last_sample);
    }
}
