//! A stream's last half hour in buckets, from which its charts and its baseline are computed.

use std::time::Duration;

use super::baseline::Levels;
use super::sample_values::{Measurement, SampleValues};
use polyv_client::StreamName;
use polyv_client::clock::Timestamp;

/// How far back the points of a history go.
pub const HISTORY_SPAN: Duration = Duration::from_secs(30 * 60);
/// The width of a history's buckets.
pub(super) const HISTORY_BUCKET: Duration = Duration::from_millis(BUCKET_MS.unsigned_abs());
const BUCKET_MS: i64 = 10_000;
/// The buckets of half an hour, and of the minute for which the [baseline](super::baseline)
/// waits for late samples.
const BUCKETS: i64 = 188;

/// The lowest values of one bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryPoint {
    /// The bucket's beginning.
    pub time: Timestamp,
    /// The lowest value of each field: an average would hide a dip.
    pub values: SampleValues,
}

/// A stream's last half hour.
#[derive(Debug, Clone)]
pub struct StreamHistory {
    /// The stream's name.
    pub name: StreamName,
    /// The width of a step.
    pub step: Duration,
    /// The lowest values, step by step, oldest first.
    pub steps: Vec<HistoryPoint>,
}

/// A ring of buckets that ends with the newest sample's.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    /// The number of the newest bucket, counted from the epoch.
    newest: i64,
    /// Each at its number modulo [`BUCKETS`]; no bucket at all where there are no samples.
    ring: Vec<Bucket>,
}

/// What is kept of the samples of one bucket.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    lowest: CompactValues,
    /// The bitrate that was added last. The median of these is close to the median of all
    /// samples; the median of the lowest ones is not.
    last_bitrate: f32,
}

/// The values of a sample in 8 bytes: bitrates to 7 digits, frame rates to a 64th.
#[derive(Debug, Clone, Copy)]
struct CompactValues {
    video_bitrate: f32,
    video_framerate: FixedPointFps,
    audio_framerate: FixedPointFps,
}

/// A frame rate in 64ths, of which 16 bits hold the highest valid one (1,000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FixedPointFps(u16);

// === impl History ===

impl History {
    /// Adds a sample, unless it is older than all buckets. Samples come in the order of time as
    /// far as possible.
    pub(super) fn add(&mut self, time: Timestamp, values: SampleValues) {
        let number = bucket_number(time);
        if self.ring.is_empty() {
            self.ring = (0..BUCKETS).map(|_| Bucket::EMPTY).collect();
            self.newest = number;
        }
        let first_passed = (self.newest + 1).max(number - BUCKETS + 1);
        for passed in first_passed..=number {
            if let Some(bucket) = self.bucket_mut(passed) {
                *bucket = Bucket::EMPTY;
            }
        }
        self.newest = self.newest.max(number);
        if self.newest - number < BUCKETS
            && let Some(bucket) = self.bucket_mut(number)
        {
            bucket.add(values.into());
        }
    }

    /// Removes all samples.
    pub(super) fn clear(&mut self) {
        self.ring = Vec::new();
    }

    /// The points of the half hour before `server_time`, oldest first.
    pub(super) fn points(&self, server_time: Timestamp) -> Vec<HistoryPoint> {
        let oldest = bucket_number(server_time - HISTORY_SPAN);
        let buckets = self.buckets().filter(|(number, _)| *number >= oldest);
        let points = buckets.map(|(number, bucket)| HistoryPoint {
            time: bucket_start(number),
            values: bucket.lowest.into(),
        });
        points
            .filter(|point| point.values != SampleValues::NONE)
            .collect()
    }

    /// The levels of each bucket that has a bitrate, oldest first.
    pub(super) fn levels(&self) -> impl Iterator<Item = (Timestamp, Levels)> {
        let buckets = self.buckets();
        let buckets = buckets.filter(|(_, bucket)| !bucket.last_bitrate.is_nan());
        buckets.map(|(number, bucket)| {
            let lowest = SampleValues::from(bucket.lowest);
            let levels = Levels {
                video_bitrate: f64::from(bucket.last_bitrate),
                video_framerate: lowest.video_framerate.get(),
                audio_framerate: lowest.audio_framerate.get(),
            };
            (bucket_start(number), levels)
        })
    }

    fn buckets(&self) -> impl Iterator<Item = (i64, Bucket)> {
        let numbers = self.newest - BUCKETS + 1..=self.newest;
        numbers.filter_map(|number| Some((number, *self.ring.get(index(number))?)))
    }

    fn bucket_mut(&mut self, number: i64) -> Option<&mut Bucket> {
        self.ring.get_mut(index(number))
    }
}

pub(super) fn bucket_number(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(BUCKET_MS)
}

pub(super) fn bucket_start(number: i64) -> Timestamp {
    Timestamp::from_millis(number.saturating_mul(BUCKET_MS))
}

fn index(number: i64) -> usize {
    usize::try_from(number.rem_euclid(BUCKETS)).unwrap_or(0)
}

// === impl Bucket ===

impl Bucket {
    const EMPTY: Self = Self {
        lowest: CompactValues::NONE,
        last_bitrate: f32::NAN,
    };

    fn add(&mut self, values: CompactValues) {
        self.lowest = self.lowest.min(values);
        if !values.video_bitrate.is_nan() {
            self.last_bitrate = values.video_bitrate;
        }
    }
}

// === impl CompactValues ===

impl CompactValues {
    const NONE: Self = Self {
        video_bitrate: f32::NAN,
        video_framerate: FixedPointFps::NONE,
        audio_framerate: FixedPointFps::NONE,
    };

    /// The lower of both, field by field; a missing value is never the lower one.
    fn min(self, other: Self) -> Self {
        Self {
            video_bitrate: self.video_bitrate.min(other.video_bitrate),
            video_framerate: self.video_framerate.min(other.video_framerate),
            audio_framerate: self.audio_framerate.min(other.audio_framerate),
        }
    }
}

impl From<SampleValues> for CompactValues {
    #[allow(clippy::cast_possible_truncation)] // charts and medians need no more than 7 digits
    fn from(values: SampleValues) -> Self {
        Self {
            video_bitrate: values.video_bitrate.get().map_or(f32::NAN, |v| v as f32),
            video_framerate: values.video_framerate.into(),
            audio_framerate: values.audio_framerate.into(),
        }
    }
}

impl From<CompactValues> for SampleValues {
    fn from(values: CompactValues) -> Self {
        Self {
            video_bitrate: Some(f64::from(values.video_bitrate)).into(),
            video_framerate: values.video_framerate.into(),
            audio_framerate: values.audio_framerate.into(),
        }
    }
}

// === impl FixedPointFps ===

impl FixedPointFps {
    /// Higher than any other: a missing frame rate is never the lower one.
    const NONE: Self = Self(u16::MAX);
    const PARTS: f64 = 64.0;
}

impl From<Measurement> for FixedPointFps {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    fn from(measurement: Measurement) -> Self {
        match measurement.get() {
            Some(fps) => Self(((fps * Self::PARTS).round() as u16).min(u16::MAX - 1)),
            None => Self::NONE,
        }
    }
}

impl From<FixedPointFps> for Measurement {
    fn from(fps: FixedPointFps) -> Self {
        let known = fps != FixedPointFps::NONE;
        known
            .then(|| f64::from(fps.0) / FixedPointFps::PARTS)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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

    fn history_at(seconds: i64, samples: &[(i64, SampleValues)]) -> Vec<HistoryPoint> {
        let mut history = History::default();
        for (seconds, values) in samples {
            history.add(at(*seconds), *values);
        }
        history.points(at(seconds))
    }

    #[test]
    fn bucket_has_the_lowest_of_its_samples() {
        let samples = [(0, 5.0), (5, 3.0), (9, 4.0), (10, 9.0)].map(|(s, b)| (s, values(b)));
        let points = history_at(10, &samples);
        assert_eq!(points.len(), 2);
        assert_eq!(points[0].time, at(0));
        assert_eq!(points[0].values.video_bitrate.get(), Some(3.0));
        assert_eq!(points[1].values.video_bitrate.get(), Some(9.0));
        // In 64ths.
        assert_eq!(points[0].values.video_framerate.get(), Some(14.984_375));
        assert_eq!(points[0].values.audio_framerate.get(), None);
    }

    #[test]
    fn missing_value_does_not_hide_another_one_of_the_bucket() {
        let none = SampleValues::NONE;
        let points = history_at(9, &[(0, none), (1, values(7.0)), (2, none)]);
        assert_eq!(points.len(), 1);
        assert_eq!(points[0].values.video_bitrate.get(), Some(7.0));
    }

    #[test]
    fn history_ends_half_an_hour_back() {
        let samples = [0, 9, 10, 1800].map(|seconds| (seconds, values(1.0)));
        let times = |seconds| -> Vec<_> {
            let points = history_at(seconds, &samples);
            points.into_iter().map(|point| point.time).collect()
        };
        assert_eq!(times(1809), [at(0), at(10), at(1800)]);
        assert_eq!(times(1810), [at(10), at(1800)]);
    }

    #[test]
    fn highest_valid_frame_rate_fits() {
        let highest = FixedPointFps::from(Measurement::from(Some(1000.0)));
        assert_eq!(Measurement::from(highest).get(), Some(1000.0));
        assert_eq!(size_of::<Bucket>(), 12);
    }
    proptest! {
        #[test]
        fn points_are_the_lowest_values_of_each_bucket(
            samples in proptest::collection::vec((0_i64..4_000, 0_u16..9), 1..300),
        ) {
            let newest = samples.iter().map(|(seconds, _)| *seconds).max().unwrap_or(0);
            let mut lowest = BTreeMap::new();
            for (seconds, value) in &samples {
                let bucket = lowest.entry(seconds / 10).or_insert(*value);
                *bucket = (*bucket).min(*value);
            }
            // A sample that comes after much newer ones may be too old for the ring.
            let mut sorted = samples.clone();
            sorted.sort_by_key(|(seconds, _)| seconds / 900);
            let sorted: Vec<_> = sorted.iter().map(|(s, v)| (*s, values(f64::from(*v)))).collect();
            let points = history_at(newest, &sorted).into_iter();
            let points = points.map(|point| (point.time, point.values.video_bitrate.get()));
            let expected = lowest.range((newest - 1800).div_euclid(10)..);
            let expected = expected.map(|(bucket, v)| (at(bucket * 10), Some(f64::from(*v))));
            prop_assert_eq!(points.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }
}
