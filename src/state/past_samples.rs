//! The samples of a response about the past.

use super::sample_validation::{MAX_AHEAD, valid_values};
use super::sample_values::SampleValues;
use polyv_client::clock::Timestamp;
use polyv_client::{SampleTime, StreamInfo, StreamName};

/// The valid samples of a response, of any age, in its order. A channel's state takes only those of
/// the last hours.
pub fn past_samples(
    info: &StreamInfo,
    now: Timestamp,
) -> impl Iterator<Item = (&StreamName, Timestamp, SampleValues)> {
    info.samples.iter().filter_map(move |raw| {
        let SampleTime::At(time) = raw.time else {
            return None;
        };
        let values = valid_values(raw);
        let is_valid = time <= now + MAX_AHEAD && values != SampleValues::NONE;
        is_valid.then_some((&raw.stream, time, values))
    })
}
