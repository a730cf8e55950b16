//! Which samples are valid.
//!
//! An invalid value invalidates its field only, an invalid time its sample, and nothing the
//! whole response.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::sample_values::{Measurement, SampleValues};
use polyv_client::clock::Timestamp;
use polyv_client::{NumericField, RawSample, SampleTime, StreamName};

/// Why a sample was not used: the `reason` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiscardReason {
    /// The sample's time is unreadable.
    BadTime,
    /// The sample has no valid field.
    BadValue,
    /// The sample is over a minute in the future.
    Future,
    /// The sample is so old that it may be a repetition.
    TooOld,
    /// The sample's channel has too many streams already.
    TooManyStreams,
}

/// What was discarded of a response, for the counters and the log. A sample that several
/// responses contain counts once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiscardCounts {
    counts: [u64; DiscardReason::ALL.len()],
    /// The invalid fields of valid samples.
    pub invalid_fields: u64,
    /// A description of one of them.
    pub example: Option<String>,
}

/// A sample with a valid time and at least one valid field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValidSample {
    pub(super) stream: StreamName,
    pub(super) time: Timestamp,
    pub(super) values: SampleValues,
}

/// Validates samples. It remembers what was discarded of the last response, so that it is
/// counted once: responses overlap, and where no sample was ever valid the same history is
/// requested again.
#[derive(Debug, Clone, Default)]
pub(super) struct SampleValidator {
    /// Hashes of what was discarded of the last response, sorted.
    before: Box<[u64]>,
    /// Hashes of what was discarded of the present response.
    present: HashSet<u64>,
    /// The number of elements of the last response that were no samples.
    unreadable: usize,
}

/// How far a sample may be ahead of the server's clock.
pub(super) const MAX_AHEAD: Duration = Duration::from_secs(60);
/// Samples that are older than this are discarded: no request reaches further back.
pub(super) const MAX_SAMPLE_AGE: Duration = Duration::from_secs(3 * 3600);
/// Higher bitrates (10 Gbit/s) and frame rates are mistakes.
const MAX_BITRATE: f64 = 10e9;
const MAX_FRAMERATE: f64 = 1000.0;
/// The number of discarded samples that are remembered for a channel.
const MAX_REMEMBERED: usize = 4096;

// === impl DiscardReason ===

impl DiscardReason {
    /// All reasons, in the documented order.
    pub const ALL: [Self; 5] = [
        Self::BadTime,
        Self::BadValue,
        Self::Future,
        Self::TooOld,
        Self::TooManyStreams,
    ];

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadTime => "bad_time",
            Self::BadValue => "bad_value",
            Self::Future => "future",
            Self::TooOld => "too_old",
            Self::TooManyStreams => "too_many_streams",
        }
    }
}

// === impl DiscardCounts ===

impl DiscardCounts {
    /// The number of discarded samples, by reason.
    pub fn counts(&self) -> impl Iterator<Item = (DiscardReason, u64)> {
        DiscardReason::ALL.into_iter().zip(self.counts)
    }

    /// Whether nothing was discarded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.invalid_fields == 0 && self.counts.iter().all(|count| *count == 0)
    }

    fn add(&mut self, reason: DiscardReason, example: impl FnOnce() -> String) {
        for (known, count) in DiscardReason::ALL.into_iter().zip(&mut self.counts) {
            *count += u64::from(known == reason);
        }
        self.example.get_or_insert_with(example);
    }
}

// === impl SampleValidator ===

impl SampleValidator {
    /// Returns the sample if it is valid, and counts it as discarded otherwise.
    pub(super) fn validate(
        &mut self,
        raw: &RawSample,
        polyv: Timestamp,
        discarded: &mut DiscardCounts,
    ) -> Option<ValidSample> {
        let time = match &raw.time {
            SampleTime::At(time) => *time,
            SampleTime::Unreadable(text) => {
                self.discard(DiscardReason::BadTime, &raw.stream, text, discarded);
                return None;
            }
        };
        if time > polyv + MAX_AHEAD {
            self.discard(DiscardReason::Future, &raw.stream, time, discarded);
            return None;
        }
        if time + MAX_SAMPLE_AGE < polyv {
            self.discard(DiscardReason::TooOld, &raw.stream, time, discarded);
            return None;
        }
        let fields = [
            ("bitRate", &raw.video_bitrate, MAX_BITRATE),
            ("videoFrameRate", &raw.video_framerate, MAX_FRAMERATE),
            ("audioFrameRate", &raw.audio_framerate, MAX_FRAMERATE),
        ];
        let values = valid_values(raw);
        if values == SampleValues::NONE {
            self.discard(DiscardReason::BadValue, &raw.stream, time, discarded);
            return None;
        }
        for (name, field, max) in fields {
            if *field != NumericField::Missing
                && measurement(field, max).get().is_none()
                && self.is_new(("field", name, &raw.stream, time))
            {
                discarded.invalid_fields += 1;
                discarded
                    .example
                    .get_or_insert_with(|| format!("{name} {}", display_value(field)));
            }
        }
        Some(ValidSample {
            stream: raw.stream.clone(),
            time,
            values,
        })
    }

    /// Counts a sample as discarded, unless the last response contained it as well.
    pub(super) fn discard(
        &mut self,
        reason: DiscardReason,
        stream: &StreamName,
        time: impl Hash + std::fmt::Debug,
        discarded: &mut DiscardCounts,
    ) {
        if self.is_new((reason, stream, &time)) {
            discarded.add(reason, || match reason {
                DiscardReason::BadTime => format!("time {time:?}"),
                other => format!("{} in stream {stream}", other.as_str()),
            });
        }
    }

    /// Counts elements that are no samples. They have no identity: where there are no more of
    /// them than in the last response, they count as repeated.
    pub(super) fn discard_unreadable(&mut self, count: usize, discarded: &mut DiscardCounts) {
        let before = std::mem::replace(&mut self.unreadable, count);
        for _ in before..count {
            discarded.add(DiscardReason::BadValue, || {
                "an element that is no sample".to_owned()
            });
        }
    }

    /// Ends the present response.
    pub(super) fn finish_response(&mut self) {
        let present = std::mem::take(&mut self.present);
        let mut before: Box<[u64]> = present.into_iter().take(MAX_REMEMBERED).collect();
        before.sort_unstable();
        self.before = before;
    }

    fn is_new(&mut self, identity: impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        identity.hash(&mut hasher);
        let hash = hasher.finish();
        self.present.insert(hash) && self.before.binary_search(&hash).is_err()
    }
}

/// The valid values of a sample.
pub(super) fn valid_values(raw: &RawSample) -> SampleValues {
    SampleValues {
        video_bitrate: measurement(&raw.video_bitrate, MAX_BITRATE),
        video_framerate: measurement(&raw.video_framerate, MAX_FRAMERATE),
        audio_framerate: measurement(&raw.audio_framerate, MAX_FRAMERATE),
    }
}

/// The value of a field, if it is within its limits; 0 is a value.
fn measurement(field: &NumericField, max: f64) -> Measurement {
    let valid = field
        .number()
        .filter(|number| (0.0..=max).contains(number))
        // -0 is in the range, too.
        .map(f64::abs);
    Measurement::from(valid)
}

fn display_value(field: &NumericField) -> String {
    match field {
        NumericField::Missing => "missing".to_owned(),
        NumericField::Number(number) => number.to_string(),
        NumericField::Unreadable(text) => format!("`{text}`"),
    }
}
