//! A stream's usual bitrate, by which a drop is detected where no bitrate is configured.

use std::time::Duration;

use polyv_client::clock::Timestamp;

/// The samples whose median is the baseline.
const MEDIAN_SPAN: Duration = Duration::from_secs(30 * 60);
/// The baseline is unknown until the session's samples span this.
const MIN_SPAN: Duration = Duration::from_secs(2 * 60);
/// The longest time for which the baseline is held while the bitrate is under half of it.
const MAX_HOLD: Duration = Duration::from_secs(30 * 60);
/// Samples that arrive late by up to this make no difference; responses overlap by as much.
const SETTLE_TIME: Duration = Duration::from_secs(60);
/// The samples that the next [`Baseline::update`] needs, counted back from the newest one.
pub(super) const RETENTION: Duration = MEDIAN_SPAN.saturating_add(SETTLE_TIME);

/// The baseline of one session's bitrates.
///
/// It depends on the samples in the order of their *time*: it advances from sample to sample,
/// but only over those that are so old that no late sample comes before them. The baseline at
/// the newest sample is found by advancing a copy, so the order in which samples *arrived*
/// makes no difference.
#[derive(Debug, Clone, Default)]
pub(super) struct Baseline {
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
    /// The baseline at the newest sample.
    pub(super) fn value(&self) -> Option<f64> {
        self.newest.value
    }

    /// Advances to the newest of the session's bitrates, which are sorted by time and reach
    /// back at least by [`RETENTION`] from the newest one of the update before.
    pub(super) fn update(&mut self, bitrates: Vec<(Timestamp, f32)>) {
        let (Some((oldest, _)), Some((newest, _))) = (bitrates.first(), bitrates.last()) else {
            return;
        };
        let (oldest, newest) = (*oldest, *newest);
        let first = self.first.map_or(oldest, |first| first.min(oldest));
        self.first = Some(first);
        let settled_until = newest - SETTLE_TIME;
        let mut window = MedianWindow::new(bitrates, self.settled_until, first);
        window.advance(settled_until, &mut self.settled);
        self.newest = self.settled;
        window.advance(newest, &mut self.newest);
        self.settled_until = self.settled_until.max(Some(settled_until));
    }
}

// === impl BaselineState ===

impl BaselineState {
    /// Advances to the next sample, `median` being that of the samples up to it.
    fn advance(&mut self, time: Timestamp, bitrate: f64, median: f64, enough: bool) {
        match self.value {
            None if !enough => {}
            Some(value) if bitrate < value / 2.0 => {
                let since = *self.held_since.get_or_insert(time);
                if time.since(since) > MAX_HOLD {
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

/// Advances over bitrates with the median of the last half hour before each.
struct MedianWindow {
    points: Vec<(Timestamp, f32)>,
    first: Timestamp,
    /// The index of the next bitrate.
    next: usize,
    /// The index of the oldest bitrate in the window.
    oldest: usize,
    /// The window's bitrates, sorted.
    window: Vec<f32>,
}

impl MedianWindow {
    fn new(points: Vec<(Timestamp, f32)>, after: Option<Timestamp>, first: Timestamp) -> Self {
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

    fn advance(&mut self, until: Timestamp, state: &mut BaselineState) {
        while let Some((time, value)) = self.points.get(self.next).copied()
            && time <= until
        {
            self.next += 1;
            let position = self.window.partition_point(|other| *other < value);
            self.window.insert(position, value);
            while let Some((old, gone)) = self.points.get(self.oldest).copied()
                && old + MEDIAN_SPAN <= time
            {
                self.oldest += 1;
                let position = self.window.partition_point(|other| *other < gone);
                self.window.remove(position);
            }
            let enough = time.since(self.first) >= MIN_SPAN;
            state.advance(time, f64::from(value), median(&self.window), enough);
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

    use super::super::sample_window::SampleWindow;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1000)
    }

    /// A stream's samples and their baseline.
    #[derive(Default)]
    struct Played {
        samples: SampleWindow<f32>,
        baseline: Baseline,
    }

    impl Played {
        fn insert(&mut self, time: Timestamp, bitrate: f32) {
            self.samples.insert(time, bitrate);
        }

        fn update(&mut self) {
            self.baseline.update(self.samples.iter().collect());
            let newest = self.samples.newest_time().unwrap();
            self.samples.expire(newest - RETENTION, 1024, |_, _| {});
        }

        fn value(&self) -> Option<f64> {
            self.baseline.value()
        }
    }

    /// Plays a sample every 5 seconds from `from` until `until`, each in its own response.
    fn play(played: &mut Played, from: i64, until: i64, bitrate: f32) {
        for step in 0..(until - from) / 5 {
            played.insert(at(from + step * 5), bitrate);
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
        play(&mut baseline, 1800, 2695, 600_000.0);
        assert_eq!(baseline.value(), Some(1_000_000.0));
        play(&mut baseline, 2695, 2710, 600_000.0);
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
    fn one_response_gives_the_same_as_one_for_each_sample() {
        let mut live = Played::default();
        play(&mut live, 0, 600, 1_000_000.0);
        play(&mut live, 600, 1900, 200_000.0);
        let mut late = Played::default();
        for step in (0..380).rev() {
            let bitrate = if step * 5 < 600 {
                1_000_000.0
            } else {
                200_000.0
            };
            late.insert(at(step * 5), bitrate);
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
            let mut in_order = Played::default();
            let mut late = Played::default();
            for index in 0..bitrates.len() {
                let time = |index: usize| at(i64::try_from(index).unwrap() * 5);
                in_order.insert(time(index), bitrates[index]);
                in_order.update();
                late.insert(time(order[index]), bitrates[order[index]]);
                late.update();
            }
            prop_assert_eq!(in_order.baseline.newest, late.baseline.newest);
        }
    }
}
