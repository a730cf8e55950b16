//! What a stream was like over the last half hour, compactly: what its chart is drawn from.

use std::collections::VecDeque;
use std::time::Duration;

use super::series::Measurement;
use super::stream::SampleValues;
use polyv_client::clock::Timestamp;

/// So much is kept.
pub const HISTORY_SPAN: Duration = Duration::from_secs(30 * 60);
/// The finest step, of which every other one is a power of two: merging never splits a step.
const FINEST: Duration = Duration::from_secs(10);
/// A sample's time may be ahead of Polyv's clock by so much, as elsewhere.
const FUTURE: Duration = Duration::from_secs(60);
/// All channels' histories together are to take no more memory than this, in bytes.
const BUDGET: usize = 16 << 20;
/// A point's size, in bytes.
const POINT: usize = size_of::<Point>();

/// The lowest readings of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryPoint {
    /// The step's beginning.
    pub time: Timestamp,
    /// The lowest reading of each field: a dip must not vanish in an average.
    pub values: SampleValues,
}

/// The steps of a stream's last half hour in which there were samples.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    points: VecDeque<Point>,
}

/// One step, in 12 bytes.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// Seconds since 1970: enough until 2106.
    start: u32,
    video_bitrate: f32,
    video_framerate: FixedPointFps,
    audio_framerate: FixedPointFps,
}

/// A frame rate in 64ths, of which 16 bits hold the highest that is believed (1,000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FixedPointFps(u16);

/// The step at which the histories of so many channels fit the budget, with one stream each.
#[must_use]
pub fn history_bucket_width(channels: usize) -> Duration {
    let points = BUDGET / POINT / channels.max(1);
    steps()
        .find(|step| points_of(*step) <= points)
        .unwrap_or(HISTORY_SPAN)
}

/// The step for one of `streams` streams of a channel, so that all of them take no more than
/// one alone.
pub(super) fn shared_bucket_width(step: Duration, streams: usize) -> Duration {
    let streams = u32::try_from(streams).unwrap_or(u32::MAX);
    step.saturating_mul(streams.max(1).next_power_of_two())
}

fn steps() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(FINEST), |step| Some(*step * 2))
        .take_while(|step| *step < HISTORY_SPAN)
}

fn points_of(step: Duration) -> usize {
    usize::try_from(HISTORY_SPAN.as_secs() / step.as_secs().max(1)).map_or(usize::MAX, |n| n + 1)
}

// === impl History ===

impl History {
    /// Adds a sample to its step.
    pub(super) fn push(&mut self, time: Timestamp, values: SampleValues, step: Duration) {
        let Some(point) = Point::new(time, values, step) else {
            return;
        };
        let place = self.points.partition_point(|p| p.start < point.start);
        match self.points.get_mut(place) {
            Some(same) if same.start == point.start => same.merge(point),
            _ => {
                if self.points.len() == self.points.capacity() {
                    // Doubling would leave up to half of the space of every stream unused.
                    self.points.reserve_exact((self.points.len() / 8).max(8));
                }
                self.points.insert(place, point);
            }
        }
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Forgets what is too old (or of a future that was none: Polyv's clock was set), and
    /// merges what is in finer steps than this.
    pub(super) fn settle(&mut self, polyv: Timestamp, step: Duration) {
        let oldest = polyv - HISTORY_SPAN;
        while let Some(first) = self.points.front()
            && first.time() + step < oldest
        {
            self.points.pop_front();
        }
        while let Some(last) = self.points.back()
            && last.time() > polyv + FUTURE
        {
            self.points.pop_back();
        }
        if self.points.len() > points_of(step) {
            let finer = std::mem::take(&mut self.points);
            for point in finer {
                self.push(point.time(), point.values(), step);
            }
            // Those of the time that is a little too old, or a little ahead.
            while self.points.len() > points_of(step) {
                self.points.pop_front();
            }
        }
    }

    /// All steps, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = HistoryPoint> {
        self.points.iter().map(|point| HistoryPoint {
            time: point.time(),
            values: point.values(),
        })
    }
}

// === impl Point ===

impl Point {
    /// `None` for a time that no sample can have.
    #[allow(clippy::cast_possible_truncation)] // a chart needs no more than 7 digits
    fn new(time: Timestamp, values: SampleValues, step: Duration) -> Option<Self> {
        let step = i64::try_from(step.as_secs()).ok()?.max(1);
        let seconds = time.as_millis().div_euclid(1000);
        Some(Self {
            start: u32::try_from(seconds - seconds.rem_euclid(step)).ok()?,
            video_bitrate: values.video_bitrate.get().map_or(f32::NAN, |v| v as f32),
            video_framerate: values.video_framerate.into(),
            audio_framerate: values.audio_framerate.into(),
        })
    }

    fn merge(&mut self, other: Self) {
        // What is not a number is never the lower one.
        self.video_bitrate = self.video_bitrate.min(other.video_bitrate);
        self.video_framerate = self.video_framerate.min(other.video_framerate);
        self.audio_framerate = self.audio_framerate.min(other.audio_framerate);
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.start) * 1000)
    }

    fn values(&self) -> SampleValues {
        let bitrate = f64::from(self.video_bitrate);
        SampleValues {
            video_bitrate: Some(bitrate).filter(|v| !v.is_nan()).into(),
            video_framerate: self.video_framerate.into(),
            audio_framerate: self.audio_framerate.into(),
        }
    }
}

// === impl FixedPointFps ===

impl FixedPointFps {
    /// Higher than any: a missing one is never the lower one.
    const NONE: Self = Self(u16::MAX);
    const PARTS: f64 = 64.0;
}

impl From<Measurement> for FixedPointFps {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    fn from(reading: Measurement) -> Self {
        match reading.get() {
            Some(rate) => Self(((rate * Self::PARTS).round() as u16).min(u16::MAX - 1)),
            None => Self::NONE,
        }
    }
}

impl From<FixedPointFps> for Measurement {
    fn from(rate: FixedPointFps) -> Self {
        let known = rate != FixedPointFps::NONE;
        known
            .then(|| f64::from(rate.0) / FixedPointFps::PARTS)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1000)
    }

    fn values(bitrate: f64) -> SampleValues {
        SampleValues {
            video_bitrate: Some(bitrate).into(),
            video_framerate: Some(14.985).into(),
            audio_framerate: Measurement::NONE,
        }
    }

    #[test]
    fn a_step_shows_the_lowest_of_its_samples() {
        let mut history = History::default();
        for (seconds, bitrate) in [(0, 5.0), (5, 3.0), (9, 4.0), (10, 9.0)] {
            history.push(at(seconds), values(bitrate), FINEST);
        }
        let shown: Vec<_> = history.iter().collect();
        assert_eq!(shown.len(), 2);
        assert_eq!(shown[0].time, at(0));
        assert_eq!(shown[0].values.video_bitrate.get(), Some(3.0));
        assert_eq!(shown[1].values.video_bitrate.get(), Some(9.0));
        // In 64ths.
        assert_eq!(shown[0].values.video_framerate.get(), Some(14.984_375));
        assert_eq!(shown[0].values.audio_framerate.get(), None);
    }

    #[test]
    fn a_missing_reading_does_not_hide_another_one_of_the_step() {
        let mut history = History::default();
        history.push(at(0), SampleValues::NONE, FINEST);
        history.push(at(1), values(7.0), FINEST);
        history.push(at(2), SampleValues::NONE, FINEST);
        let shown = history.iter().next().unwrap();
        assert_eq!(shown.values.video_bitrate.get(), Some(7.0));
    }

    #[test]
    fn the_highest_frame_rate_that_is_believed_fits() {
        assert_eq!(
            Measurement::from(FixedPointFps::from(Measurement::from(Some(1000.0)))).get(),
            Some(1000.0)
        );
    }

    #[test]
    fn a_step_is_chosen_that_fits_the_budget() {
        assert_eq!(POINT, 12);
        for channels in [0, 1, 1000, 7_000] {
            assert_eq!(history_bucket_width(channels), FINEST, "{channels}");
        }
        for channels in [10_000, 30_000, 100_000] {
            let step = history_bucket_width(channels);
            assert!(step > FINEST && step < HISTORY_SPAN, "{channels}: {step:?}");
            assert!(points_of(step) * POINT * channels <= BUDGET, "{channels}");
        }
        assert_eq!(history_bucket_width(usize::MAX), HISTORY_SPAN);
        assert_eq!(shared_bucket_width(FINEST, 1), FINEST);
        assert_eq!(shared_bucket_width(FINEST, 3), 4 * FINEST);
        assert_eq!(shared_bucket_width(FINEST, 8), 8 * FINEST);
    }

    proptest! {
        /// Whatever comes in whatever order, it is bounded, in order, and holds the lowest.
        #[test]
        fn it_is_bounded_and_sorted_and_loses_no_dip(
            samples in prop::collection::vec((0_i64..7200, 1.0_f64..1e7), 1..400),
            coarser in 0_u32..4,
        ) {
            let mut history = History::default();
            let step = FINEST * 2_u32.pow(coarser);
            for (seconds, bitrate) in &samples {
                history.push(at(*seconds), values(*bitrate), FINEST);
            }
            let newest = samples.iter().map(|(seconds, _)| *seconds).max().unwrap();
            history.settle(at(newest), step);
            let shown: Vec<_> = history.iter().collect();
            prop_assert!(shown.len() <= points_of(step));
            prop_assert!(shown.windows(2).all(|pair| pair[0].time < pair[1].time));
            // The oldest step may have to make room for the newest.
            let kept = |seconds: i64| at(seconds) >= at(newest) - HISTORY_SPAN + step;
            let lowest = samples.iter().filter(|(s, _)| kept(*s)).map(|(_, b)| *b);
            let lowest = lowest.fold(f64::INFINITY, f64::min);
            let shown = shown.iter().filter_map(|point| point.values.video_bitrate.get());
            prop_assert!(shown.fold(f64::INFINITY, f64::min) <= lowest * 1.000_001);
        }
    }
}
