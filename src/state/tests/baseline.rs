//! The baseline of a stream's video bitrate.

use proptest::prelude::*;

use super::super::stream::Stream;
use super::*;

/// A stream whose samples have a bitrate only.
struct Played(Stream);

impl Default for Played {
    fn default() -> Self {
        let name = StreamName::new("recordf");
        Self(Stream::new(name, None, MonotonicInstant::default()))
    }
}

impl Played {
    fn insert(&mut self, seconds: i64, bitrate: f64) {
        self.insert_with_frames(seconds, bitrate, None);
    }

    fn insert_with_frames(&mut self, seconds: i64, bitrate: f64, framerate: Option<f64>) {
        let values = SampleValues {
            video_bitrate: Some(bitrate).into(),
            video_framerate: framerate.into(),
            ..SampleValues::NONE
        };
        self.0.ingest(time(seconds), values, &POLICY);
    }

    fn update(&mut self) {
        let newest = self.0.newest_time().unwrap();
        self.0.compact(newest);
    }

    fn aggregates(&self) -> StreamAggregates {
        self.0.snapshot(&POLICY).unwrap().aggregates
    }

    fn value(&self) -> Option<f64> {
        self.aggregates().video_bitrate_baseline
    }

    fn low(&self) -> Option<f64> {
        self.aggregates().video_bitrate_baseline_low
    }
}

/// Plays a sample every 5 seconds from `from` until `until`, each in its own response.
fn play(played: &mut Played, from: i64, until: i64, bitrate: f64) {
    for step in 0..(until - from) / 5 {
        played.insert(from + step * 5, bitrate);
        played.update();
    }
}

#[test]
fn baseline_is_unknown_in_the_first_two_minutes() {
    let mut baseline = Played::default();
    play(&mut baseline, 0, 120, 1_200_000.0);
    assert_eq!(baseline.value(), None);
    play(&mut baseline, 120, 125, 1_200_000.0);
    assert_eq!(baseline.value(), Some(1_200_000.0));
}

#[test]
fn baseline_is_the_median_of_the_last_half_hour() {
    let mut baseline = Played::default();
    play(&mut baseline, 0, 1800, 1_000_000.0);
    // Not under half: the median follows.
    play(&mut baseline, 1800, 2690, 600_000.0);
    assert_eq!(baseline.value(), Some(1_000_000.0));
    play(&mut baseline, 2690, 2710, 600_000.0);
    assert_eq!(baseline.value(), Some(600_000.0));
}

#[test]
fn drop_changes_the_baseline_after_half_an_hour() {
    let mut baseline = Played::default();
    play(&mut baseline, 0, 600, 1_000_000.0);
    play(&mut baseline, 600, 2400, 300_000.0);
    assert_eq!(baseline.value(), Some(1_000_000.0));
    play(&mut baseline, 2400, 2410, 300_000.0);
    assert_eq!(baseline.value(), Some(300_000.0));
    // From then on it is the baseline.
    play(&mut baseline, 2410, 4000, 300_000.0);
    assert_eq!(baseline.value(), Some(300_000.0));
}

#[test]
fn recovery_ends_the_hold() {
    let mut baseline = Played::default();
    play(&mut baseline, 0, 600, 1_000_000.0);
    play(&mut baseline, 600, 1500, 300_000.0);
    play(&mut baseline, 1500, 2600, 1_000_000.0);
    play(&mut baseline, 2600, 4300, 300_000.0);
    assert_eq!(baseline.value(), Some(1_000_000.0));
}

#[test]
fn frame_rate_of_the_baseline_is_held_like_it() {
    let mut baseline = Played::default();
    for step in 0..480 {
        let (bitrate, framerate) = if step < 120 { (1e6, 25.0) } else { (3e5, 10.0) };
        baseline.insert_with_frames(step * 5, bitrate, Some(framerate));
        baseline.update();
    }
    assert_eq!(baseline.aggregates().video_framerate_baseline, Some(25.0));
    baseline.insert_with_frames(2400, 3e5, Some(10.0));
    baseline.update();
    assert_eq!(baseline.aggregates().video_framerate_baseline, Some(10.0));
}

#[test]
fn low_bitrate_is_the_tenth_percentile_of_the_session() {
    let mut baseline = Played::default();
    play(&mut baseline, 0, 120, 1e6);
    assert_eq!(baseline.low(), None);
    play(&mut baseline, 120, 1000, 1e6);
    play(&mut baseline, 1000, 1095, 6e5);
    let near = |expected: f64, low: Option<f64>| (low.unwrap() / expected - 1.0).abs() <= 0.05;
    assert!(near(1e6, baseline.low()));
    play(&mut baseline, 1095, 1125, 6e5);
    assert!(near(6e5, baseline.low()));
    // Under half of it: slides, perhaps, which count when they are over.
    play(&mut baseline, 1125, 1500, 2e5);
    assert!(near(6e5, baseline.low()));
    play(&mut baseline, 1500, 1510, 1e6);
    assert!(near(2e5, baseline.low()));
}

#[test]
fn low_bitrates_without_all_frames_are_no_usual_ones() {
    let mut baseline = Played::default();
    for step in 0..302 {
        let is_faulty = (200..300).contains(&step);
        let (bitrate, framerate) = if is_faulty { (2e5, 15.0) } else { (1e6, 25.0) };
        baseline.insert_with_frames(step * 5, bitrate, Some(framerate));
        baseline.update();
    }
    assert!((baseline.low().unwrap() / 1e6 - 1.0).abs() <= 0.05);
}

#[test]
fn one_response_gives_the_same_as_one_for_each_sample() {
    let mut live = Played::default();
    play(&mut live, 0, 600, 1_000_000.0);
    play(&mut live, 600, 1900, 200_000.0);
    let mut late = Played::default();
    for step in 0..380 {
        let bitrate = if step * 5 < 600 {
            1_000_000.0
        } else {
            200_000.0
        };
        late.insert(step * 5, bitrate);
    }
    late.update();
    assert_eq!(late.value(), live.value());
    assert_eq!(late.value(), Some(1_000_000.0));
}

proptest! {
    /// Samples that arrive up to a minute late, in any order, give the same baseline.
    #[test]
    fn late_samples_make_no_difference(
        bitrates in proptest::collection::vec(
            prop_oneof![Just(1_000_000.0), Just(900_000.0), Just(100_000.0)], 1..300,
        ),
        swaps in proptest::collection::vec((0usize..300, 1usize..11), 0..100),
    ) {
        let mut order: Vec<usize> = (0..bitrates.len()).collect();
        let mut moved = vec![false; order.len()];
        for (from, by) in swaps {
            let to = from + by;
            if to < order.len() && !moved[from] && !moved[to] {
                order.swap(from, to);
                (moved[from], moved[to]) = (true, true);
            }
        }
        let mut in_order = Played::default();
        let mut late = Played::default();
        for index in 0..bitrates.len() {
            let seconds = |index: usize| i64::try_from(index).unwrap() * 5;
            in_order.insert(seconds(index), bitrates[index]);
            in_order.update();
            late.insert(seconds(order[index]), bitrates[order[index]]);
            late.update();
        }
        prop_assert_eq!(in_order.value(), late.value());
        prop_assert_eq!(in_order.low(), late.low());
    }

    /// The bitrates of an encoder with variable bitrate have a baseline near their median.
    #[test]
    fn baseline_is_near_the_median_of_all_samples(
        bitrates in proptest::collection::vec(800_000.0..1_600_000.0, 372),
        offset in 0_i64..5,
    ) {
        let mut played = Played::default();
        for (step, bitrate) in (0..).zip(&bitrates) {
            played.insert(offset + step * 5, *bitrate);
        }
        played.update();
        let mut window = bitrates[12..].to_vec();
        window.sort_by(f64::total_cmp);
        let share = played.value().unwrap() / window[180];
        prop_assert!((0.9..1.1).contains(&share), "{share}");
    }
}
