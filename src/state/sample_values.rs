//! The values of one sample.

/// A number that may be missing, in the space of a number.
#[derive(Debug, Clone, Copy)]
pub struct Measurement(f64);

/// The fields of one sample, exactly as Polyv reported them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleValues {
    /// Bits per second.
    pub video_bitrate: Measurement,
    /// Frames per second.
    pub video_framerate: Measurement,
    /// Frames per second.
    pub audio_framerate: Measurement,
}

/// One of the fields of a sample.
pub(super) type Field = fn(&SampleValues) -> Measurement;

// === impl Measurement ===

impl Measurement {
    /// A missing number.
    pub const NONE: Self = Self(f64::NAN);

    /// The number, if there is one.
    #[must_use]
    pub fn get(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(self.0)
    }
}

impl From<Option<f64>> for Measurement {
    fn from(number: Option<f64>) -> Self {
        Self(number.unwrap_or(f64::NAN))
    }
}

impl PartialEq for Measurement {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

// === impl SampleValues ===

impl SampleValues {
    /// No value at all.
    pub const NONE: Self = Self {
        video_bitrate: Measurement::NONE,
        video_framerate: Measurement::NONE,
        audio_framerate: Measurement::NONE,
    };

    /// Values that are computed field by field.
    pub(super) fn for_each_field(compute: impl Fn(Field) -> Measurement) -> Self {
        Self {
            video_bitrate: compute(|values| values.video_bitrate),
            video_framerate: compute(|values| values.video_framerate),
            audio_framerate: compute(|values| values.audio_framerate),
        }
    }

    /// The order among several samples with one stream and time in one response: the lowest
    /// counts, by bitrate first. A main and a backup push may share a name, and the healthy one
    /// must not hide a fault of the other.
    pub(super) fn rank(&self) -> [u64; 3] {
        // The bits of numbers that are not negative sort as the numbers do; missing sorts last.
        [
            self.video_bitrate,
            self.video_framerate,
            self.audio_framerate,
        ]
        .map(|value| value.get().map_or(u64::MAX, f64::to_bits))
    }
}
