//! The valid samples of a range that was requested for its own sake.

use super::past_samples::past_samples;
use super::sample_validation::ValidSample;
use super::update::CorrectedSample;
use polyv_client::StreamInfo;
use polyv_client::clock::Timestamp;

/// The valid samples of a response to a request for the samples until `end`, sorted by stream and
/// time, one for each time.
#[must_use]
pub fn requested_samples(info: &StreamInfo, end: Timestamp) -> Vec<CorrectedSample> {
    let samples = past_samples(info, end).map(|(stream, time, values)| ValidSample {
        stream: stream.clone(),
        time,
        values,
    });
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
