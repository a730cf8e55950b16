//! A stream's own level of bitrate, from which a fall can be told without configuration.

use std::time::Duration;

use super::points::Points;
use polyv_client::clock::Timestamp;

/// The level is the median of so much history,
const HISTORY: Duration = Duration::from_secs(30 * 60);
/// is unknown until there is so much of it,
const AT_LEAST: Duration = Duration::from_secs(2 * 60);
/// and is held for so long at most while the bitrate stays under half of it.
const HELD: Duration = Duration::from_secs(30 * 60);
/// Samples may come so late without making a difference: what is asked for twice.
const SETTLES: Duration = Duration::from_secs(60);
/// History is bounded whatever is sent; at one sample every 5 seconds it holds 372.
const MAX_POINTS: usize = 1024;

/// The bitrates of one broadcast's stream, and their level.
///
/// The level depends on the samples in the order of their *time*: it is stepped from sample to
/// sample, but only over those old enough that nothing comes in between any more. The level at
/// the newest sample is found by stepping a copy on, so the order in which samples *arrived*
/// makes no difference.
#[derive(Debug, Clone, Default)]
pub(super) struct Baseline {
    points: Points,
    /// Whether samples were taken since the level was found.
    outdated: bool,
    first: Option<Timestamp>,
    settled: BaselineState,
    settled_until: Option<Timestamp>,
    newest: BaselineState,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct BaselineState {
    value: Option<f64>,
    held_since: Option<Timestamp>,
}

// === impl Baseline ===

impl Baseline {
    /// The level at the newest sample.
    pub(super) fn value(&self) -> Option<f64> {
        self.newest.value
    }

    /// Takes a sample (or its correction). [`Self::settle`] has to follow.
    #[allow(clippy::cast_possible_truncation)] // a median needs no more than 7 digits
    pub(super) fn insert(&mut self, time: Timestamp, bitrate: Option<f64>) {
        self.outdated = true;
        match bitrate {
            Some(bitrate) => {
                self.points.insert(time, bitrate as f32);
                self.first = Some(self.first.map_or(time, |first| first.min(time)));
            }
            None => self.points.remove(time),
        }
    }

    /// Finds the level anew after samples were taken.
    pub(super) fn settle(&mut self) {
        if !std::mem::take(&mut self.outdated) {
            return;
        }
        let Some(newest) = self.points.last() else {
            return;
        };
        self.points.keep(newest - HISTORY - 2 * SETTLES, MAX_POINTS);
        let Some(first) = self.first else {
            return;
        };
        let settled_until = newest - SETTLES;
        let mut walk = MedianWindow::new(&self.points, self.settled_until, first);
        walk.step_until(settled_until, &mut self.settled);
        self.newest = self.settled;
        walk.step_until(newest, &mut self.newest);
        self.settled_until = self.settled_until.max(Some(settled_until));
    }
}

// === impl BaselineState ===

impl BaselineState {
    /// Goes on to the next sample, `median` being that of the history up to it.
    fn step(&mut self, time: Timestamp, bitrate: f64, median: f64, enough: bool) {
        match self.value {
            None if !enough => {}
            Some(value) if bitrate < value / 2.0 => {
                let since = *self.held_since.get_or_insert(time);
                if time.since(since) > HELD {
                    self.value = Some(median);
                    self.held_since = None;
                }
            }
            _ => {
                self.value = Some(median);
                self.held_since = None;
            }
        }
    }
}

/// Walks over the points from one on, with the median of the history before each.
struct MedianWindow {
    points: Vec<(Timestamp, f32)>,
    first: Timestamp,
    /// The next point to step to.
    next: usize,
    /// The oldest point in the window.
    oldest: usize,
    /// The window's values, sorted.
    window: Vec<f32>,
}

impl MedianWindow {
    fn new(points: &Points, after: Option<Timestamp>, first: Timestamp) -> Self {
        let points: Vec<_> = points.iter().collect();
        let next = after.map_or(0, |after| {
            points.partition_point(|(time, _)| *time <= after)
        });
        let mut window: Vec<f32> = points.iter().take(next).map(|(_, value)| *value).collect();
        window.sort_unstable_by(f32::total_cmp);
        Self {
            points,
            first,
            next,
            oldest: 0,
            window,
        }
    }

    fn step_until(&mut self, until: Timestamp, level: &mut BaselineState) {
        while let Some((time, value)) = self.points.get(self.next).copied()
            && time <= until
        {
            self.next += 1;
            let position = self.window.partition_point(|other| *other < value);
            self.window.insert(position, value);
            while let Some((old, gone)) = self.points.get(self.oldest).copied()
                && old + HISTORY <= time
            {
                self.oldest += 1;
                let position = self.window.partition_point(|other| *other < gone);
                self.window.remove(position);
            }
            let enough = time.since(self.first) >= AT_LEAST;
            level.step(time, f64::from(value), median(&self.window), enough);
        }
    }
}

fn median(sorted: &[f32]) -> f64 {
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().map_or(0.0, f64::from);
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(at(middle.saturating_sub(1)), at(middle))
    } else {
        at(middle)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1000)
    }

    /// Takes a sample every 5 seconds from `from` until `until` and settles after each.
    fn play(baseline: &mut Baseline, from: i64, until: i64, bitrate: f64) {
        for step in 0..(until - from) / 5 {
            baseline.insert(at(from + step * 5), Some(bitrate));
            baseline.settle();
        }
    }

    #[test]
    fn there_is_none_in_the_first_two_minutes() {
        let mut baseline = Baseline::default();
        play(&mut baseline, 0, 120, 1_200_000.0);
        assert_eq!(baseline.value(), None);
        play(&mut baseline, 120, 125, 1_200_000.0);
        assert_eq!(baseline.value(), Some(1_200_000.0));
    }

    #[test]
    fn it_is_the_median_of_the_last_half_hour() {
        let mut baseline = Baseline::default();
        play(&mut baseline, 0, 1800, 1_000_000.0);
        // Not under half: it is learnt as the half hour goes by.
        play(&mut baseline, 1800, 2695, 600_000.0);
        assert_eq!(baseline.value(), Some(1_000_000.0));
        play(&mut baseline, 2695, 2710, 600_000.0);
        assert_eq!(baseline.value(), Some(600_000.0));
    }

    #[test]
    fn a_fault_is_not_learnt_for_half_an_hour_and_then_it_is() {
        let mut baseline = Baseline::default();
        play(&mut baseline, 0, 600, 1_000_000.0);
        play(&mut baseline, 600, 2400, 300_000.0);
        assert_eq!(baseline.value(), Some(1_000_000.0));
        play(&mut baseline, 2400, 2410, 300_000.0);
        assert_eq!(baseline.value(), Some(300_000.0));
        // And once learnt it is the level.
        play(&mut baseline, 2410, 4000, 300_000.0);
        assert_eq!(baseline.value(), Some(300_000.0));
    }

    #[test]
    fn a_recovery_ends_the_holding() {
        let mut baseline = Baseline::default();
        play(&mut baseline, 0, 600, 1_000_000.0);
        play(&mut baseline, 600, 1500, 300_000.0);
        play(&mut baseline, 1500, 2600, 1_000_000.0);
        play(&mut baseline, 2600, 4300, 300_000.0);
        assert_eq!(baseline.value(), Some(1_000_000.0));
    }

    #[test]
    fn history_taken_at_once_gives_the_same_as_sample_by_sample() {
        let mut live = Baseline::default();
        play(&mut live, 0, 600, 1_000_000.0);
        play(&mut live, 600, 1900, 200_000.0);
        let mut late = Baseline::default();
        for step in (0..380).rev() {
            let bitrate = if step * 5 < 600 {
                1_000_000.0
            } else {
                200_000.0
            };
            late.insert(at(step * 5), Some(bitrate));
        }
        late.settle();
        assert_eq!(late.value(), live.value());
        assert_eq!(late.value(), Some(1_000_000.0));
    }

    #[test]
    fn what_is_kept_is_bounded_whatever_is_sent() {
        let mut baseline = Baseline::default();
        for millis in 0..10_000 {
            baseline.insert(at(0).plus_millis(millis), Some(1.0));
        }
        baseline.settle();
        assert!(baseline.points.len() <= MAX_POINTS);
        play(&mut baseline, 100, 10_000, 1.0);
        assert!(baseline.points.len() <= 30 * 12 + 24 + 1);
    }

    proptest! {
        /// Samples that arrive up to a minute late, in any order, give the same level.
        #[test]
        fn lateness_makes_no_difference(
            bitrates in proptest::collection::vec(
                prop_oneof![Just(1_000_000.0), Just(900_000.0), Just(100_000.0)], 1..600,
            ),
            swaps in proptest::collection::vec((0usize..600, 1usize..11), 0..200),
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
            let mut in_order = Baseline::default();
            let mut late = Baseline::default();
            for index in 0..bitrates.len() {
                let time = |index: usize| at(i64::try_from(index).unwrap() * 5);
                in_order.insert(time(index), Some(bitrates[index]));
                in_order.settle();
                late.insert(time(order[index]), Some(bitrates[order[index]]));
                late.settle();
            }
            prop_assert_eq!(in_order.newest, late.newest);
        }
    }
}
