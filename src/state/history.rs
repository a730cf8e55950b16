//! A stream's last half hour, from which its charts are drawn.

use std::time::Duration;

use super::sample_values::{Measurement, SampleValues};
use polyv_client::clock::Timestamp;

/// How far back a history goes.
pub const HISTORY_SPAN: Duration = Duration::from_secs(30 * 60);
/// The width of a history's buckets.
pub const HISTORY_BUCKET: Duration = Duration::from_secs(10);

/// The lowest values of one bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryPoint {
    /// The bucket's beginning.
    pub time: Timestamp,
    /// The lowest value of each field: an average would hide a dip.
    pub values: SampleValues,
}

/// The values of a sample in 8 bytes: bitrates to 7 digits, frame rates to a 64th.
#[derive(Debug, Clone, Copy)]
pub(super) struct CompactValues {
    video_bitrate: f32,
    video_framerate: FixedPointFps,
    audio_framerate: FixedPointFps,
}

/// A frame rate in 64ths, of which 16 bits hold the highest valid one (1,000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FixedPointFps(u16);

/// The history of samples that come in the order of time, as far as they lie within the half
/// hour before `server_time`.
pub(super) fn history(
    samples: impl Iterator<Item = (Timestamp, CompactValues)>,
    server_time: Timestamp,
) -> Vec<HistoryPoint> {
    let oldest = bucket_of(server_time - HISTORY_SPAN);
    let mut buckets: Vec<(Timestamp, CompactValues)> = Vec::new();
    for (time, values) in samples.skip_while(|(time, _)| *time < oldest) {
        let bucket = bucket_of(time);
        match buckets.last_mut() {
            Some((last, lowest)) if *last == bucket => *lowest = lowest.min(values),
            _ => buckets.push((bucket, values)),
        }
    }
    let points = buckets.into_iter().map(|(time, values)| HistoryPoint {
        time,
        values: values.into(),
    });
    points.collect()
}

fn bucket_of(time: Timestamp) -> Timestamp {
    let width = i64::try_from(HISTORY_BUCKET.as_millis()).unwrap_or(i64::MAX);
    time.plus_millis(-time.as_millis().rem_euclid(width))
}

// === impl CompactValues ===

impl CompactValues {
    /// The bitrate, if there is one.
    pub(super) fn video_bitrate(self) -> Option<f32> {
        (!self.video_bitrate.is_nan()).then_some(self.video_bitrate)
    }

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
            video_bitrate: values.video_bitrate().map(f64::from).into(),
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
        let samples = samples.iter().map(|(s, v)| (at(*s), (*v).into()));
        history(samples, at(seconds))
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
        assert_eq!(size_of::<CompactValues>(), 8);
    }
}
