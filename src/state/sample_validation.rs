//! Which samples count.
//!
//! A bad value spoils its field only, a bad time its sample. Nothing here spoils an answer.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::series::Measurement;
use super::stream::SampleValues;
use polyv_client::clock::Timestamp;
use polyv_client::{NumericField, RawSample, SampleTime, StreamName};

/// Why a sample was not used: the `reason` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiscardReason {
    /// Its time can't be read.
    BadTime,
    /// It has no valid field.
    BadValue,
    /// It is over a minute in the future.
    Future,
    /// It is so old that nobody could tell whether it was seen before.
    TooOld,
    /// Its channel has too many streams already.
    TooManyStreams,
}

/// What was discarded of an answer, for the counters and the log. A sample that several
/// answers bring counts once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiscardCounts {
    counts: [u64; DiscardReason::ALL.len()],
    /// Of samples that were used, the fields that were not.
    pub invalid_fields: u64,
    /// One of the things that were wrong, in message.
    pub example: Option<String>,
}

/// A sample fit for use.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValidSample {
    pub(super) stream: StreamName,
    pub(super) time: Timestamp,
    pub(super) values: SampleValues,
}

/// Remembers what was discarded of the answer before, so that it is counted once: answers
/// overlap, and where no sample was ever fit for use the same history is asked for again.
#[derive(Debug, Clone, Default)]
pub(super) struct SampleValidator {
    /// Of the answer before, sorted.
    before: Box<[u64]>,
    /// Of this one.
    present: HashSet<u64>,
    /// How many elements of the answer before were no samples.
    unreadable: usize,
}

/// A sample may be so far ahead of Polyv's clock.
const AHEAD: Duration = Duration::from_secs(60);
/// The identities of samples are kept for so long.
pub(super) const IDENTITIES: Duration = Duration::from_secs(3 * 3600);
/// Higher bitrates (10 Gbit/s) and frame rates are mistakes.
const MAX_BITRATE: f64 = 10e9;
const MAX_FRAMERATE: f64 = 1000.0;
/// How many discarded samples are remembered at most, for each channel.
const REMEMBERED: usize = 4096;

// === impl DiscardReason ===

impl DiscardReason {
    /// All of them, in the contract's order.
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
    /// How many samples were discarded, by reason.
    pub fn counts(&self) -> impl Iterator<Item = (DiscardReason, u64)> {
        DiscardReason::ALL.into_iter().zip(self.counts)
    }

    /// Whether everything was used.
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
    /// Makes a sample of what Polyv sent, if it is fit for use.
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
        if time > polyv + AHEAD {
            self.discard(DiscardReason::Future, &raw.stream, time, discarded);
            return None;
        }
        if time + IDENTITIES < polyv {
            self.discard(DiscardReason::TooOld, &raw.stream, time, discarded);
            return None;
        }
        let fields = [
            ("bitRate", &raw.video_bitrate, MAX_BITRATE),
            ("videoFrameRate", &raw.video_framerate, MAX_FRAMERATE),
            ("audioFrameRate", &raw.audio_framerate, MAX_FRAMERATE),
        ];
        let values = SampleValues {
            video_bitrate: reading(&raw.video_bitrate, MAX_BITRATE),
            video_framerate: reading(&raw.video_framerate, MAX_FRAMERATE),
            audio_framerate: reading(&raw.audio_framerate, MAX_FRAMERATE),
        };
        if values == SampleValues::NONE {
            self.discard(DiscardReason::BadValue, &raw.stream, time, discarded);
            return None;
        }
        for (name, field, max) in fields {
            if *field != NumericField::Missing
                && reading(field, max).get().is_none()
                && self.is_new(("field", name, &raw.stream, time))
            {
                discarded.invalid_fields += 1;
                discarded
                    .example
                    .get_or_insert_with(|| format!("{name} {}", shown(field)));
            }
        }
        Some(ValidSample {
            stream: raw.stream.clone(),
            time,
            values,
        })
    }

    /// Counts a sample as discarded, unless that very sample was before.
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

    /// Counts what was no sample at all. Such an element has no identity; but where there are
    /// no more of them than in the answer before, they are taken for the same.
    pub(super) fn discard_unreadable(&mut self, count: usize, discarded: &mut DiscardCounts) {
        let before = std::mem::replace(&mut self.unreadable, count);
        for _ in before..count {
            discarded.add(DiscardReason::BadValue, || {
                "an element that is no sample".to_owned()
            });
        }
    }

    /// The answer is through.
    pub(super) fn settle(&mut self) {
        let present = std::mem::take(&mut self.present);
        let mut before: Box<[u64]> = present.into_iter().take(REMEMBERED).collect();
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

/// 0 is a value; a negative number and an absurd one are none.
fn reading(field: &NumericField, max: f64) -> Measurement {
    let valid = field
        .number()
        .filter(|number| (0.0..=max).contains(number))
        // Of -0, which is in the range, only the sign is absurd.
        .map(f64::abs);
    Measurement::from(valid)
}

fn shown(field: &NumericField) -> String {
    match field {
        NumericField::Missing => "missing".to_owned(),
        NumericField::Number(number) => number.to_string(),
        NumericField::Unreadable(text) => format!("`{text}`"),
    }
}
