//! The valid samples of a range that was requested for its own sake.

use super::sample_validation::{DiscardCounts, SampleValidator, ValidSample};
use super::update::CorrectedSample;
use polyv_client::StreamInfo;
use polyv_client::clock::Timestamp;

/// The valid samples of a response, sorted by stream and time, one for each time. Those that are
/// long before or after `end`, the end of the requested range, are invalid.
#[must_use]
pub fn requested_samples(info: &StreamInfo, end: Timestamp) -> Vec<CorrectedSample> {
    let mut validator = SampleValidator::default();
    let mut discarded = DiscardCounts::default();
    let raw = info.samples.iter();
    let samples = raw.filter_map(|raw| validator.validate(raw, end, &mut discarded));
    unique(samples.collect())
        .into_iter()
        .map(|sample| CorrectedSample {
            stream: sample.stream,
            time: sample.time,
            values: sample.values,
        })
        .collect()
}

/// Sorts samples by stream and time, and keeps one for each time: the lowest.
pub(super) fn unique(mut samples: Vec<ValidSample>) -> Vec<ValidSample> {
    samples.sort_unstable_by(|a, b| {
        (&a.stream, a.time, a.values.rank()).cmp(&(&b.stream, b.time, b.values.rank()))
    });
    samples.dedup_by(|later, first| later.stream == first.stream && later.time == first.time);
    samples
}
