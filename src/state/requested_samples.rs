//! The valid samples of a range that was requested for its own sake.

use std::collections::HashMap;

use super::past_samples::past_samples;
use super::sample_validation::{ValidSample, valid_values};
use super::update::{CorrectedSample, RequestedSamples};
use polyv_client::clock::Timestamp;
use polyv_client::{NumericField, RawSample, SampleTime, StreamInfo, StreamName};

/// The valid samples of a response to a request for the samples until `end`, sorted by stream and
/// time, one for each time.
#[must_use]
pub fn requested_samples(info: &StreamInfo, end: Timestamp) -> RequestedSamples {
    RequestedSamples {
        samples: valid_samples(info, end),
        is_complete: is_complete(info),
    }
}

fn valid_samples(info: &StreamInfo, end: Timestamp) -> Vec<CorrectedSample> {
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

/// Whether each item is a sample with a valid time, and with a valid value for each field that its
/// stream has at all: audio alone has no video.
fn is_complete(info: &StreamInfo) -> bool {
    let mut fields: HashMap<&StreamName, [bool; 3]> = HashMap::new();
    for raw in &info.samples {
        let known = fields.entry(&raw.stream).or_default();
        for (known, field) in known.iter_mut().zip(present_fields(raw)) {
            *known |= field;
        }
    }
    info.unreadable == 0
        && info.samples.iter().all(|raw| {
            let valid = valid_fields(raw);
            matches!(raw.time, SampleTime::At(_))
                && valid != [false; 3]
                && fields.get(&raw.stream) == Some(&valid)
        })
}

fn present_fields(raw: &RawSample) -> [bool; 3] {
    [
        &raw.video_bitrate,
        &raw.video_framerate,
        &raw.audio_framerate,
    ]
    .map(|field| *field != NumericField::Missing)
}

fn valid_fields(raw: &RawSample) -> [bool; 3] {
    let values = valid_values(raw);
    [
        values.video_bitrate,
        values.video_framerate,
        values.audio_framerate,
    ]
    .map(|value| value.get().is_some())
}

/// Sorts samples by stream and time, and keeps one for each time: the lowest.
pub(super) fn unique(mut samples: Vec<ValidSample>) -> Vec<ValidSample> {
    samples.sort_unstable_by(|a, b| {
        (&a.stream, a.time, a.values.rank()).cmp(&(&b.stream, b.time, b.values.rank()))
    });
    samples.dedup_by(|later, first| later.stream == first.stream && later.time == first.time);
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Timestamp = Timestamp::from_millis(60_000);

    fn sample(seconds: i64, video: NumericField, audio: NumericField) -> RawSample {
        RawSample {
            stream: StreamName::new("main"),
            time: SampleTime::At(Timestamp::from_millis(seconds * 1000)),
            video_bitrate: video,
            video_framerate: NumericField::Missing,
            audio_framerate: audio,
        }
    }

    fn is_complete(samples: Vec<RawSample>, unreadable: usize) -> bool {
        let info = StreamInfo {
            samples,
            unreadable,
        };
        requested_samples(&info, END).is_complete
    }

    #[test]
    fn response_is_complete_where_each_sample_has_what_its_stream_has() {
        use NumericField::{Missing, Number};
        let whole = || sample(5, Number(1e6), Number(47.0));
        let bad = NumericField::Unreadable("?".to_owned());
        assert!(is_complete(Vec::new(), 0));
        assert!(is_complete(vec![whole(), whole()], 0));
        assert!(is_complete(vec![sample(5, Missing, Number(47.0))], 0));

        assert!(!is_complete(vec![whole()], 1));
        assert!(!is_complete(
            vec![whole(), sample(10, Missing, Number(47.0))],
            0
        ));
        assert!(!is_complete(
            vec![whole(), sample(10, bad, Number(47.0))],
            0
        ));
        assert!(!is_complete(vec![sample(5, Number(1e12), Missing)], 0));
        assert!(!is_complete(vec![sample(5, Missing, Missing)], 0));
        let time = SampleTime::Unreadable("?".to_owned());
        assert!(!is_complete(vec![RawSample { time, ..whole() }], 0));
    }
}
