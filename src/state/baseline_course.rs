//! The baseline over a whole session, for samples that were recorded.

use super::baseline::{BaselineState, Levels};
use super::history::{bucket_number, bucket_start};
use super::sample_values::SampleValues;
use polyv_client::clock::Timestamp;

/// A stream's baseline from a moment on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BaselinePoint {
    /// The first moment at which the baseline is in force.
    pub time: Timestamp,
    /// The baseline of the video bitrate.
    pub video_bitrate: f64,
    /// The baseline of the video frame rate, where frame rates are known.
    pub video_framerate: Option<f64>,
    /// The baseline of the audio frame rate, where frame rates are known.
    pub audio_framerate: Option<f64>,
}

/// The baseline of a session whose samples these are, sorted by time: what a stream's state shows
/// when it has received the samples up to the same moment, bucket by bucket of its history.
#[must_use]
pub fn baseline_course(
    samples: impl Iterator<Item = (Timestamp, SampleValues)>,
) -> Vec<BaselinePoint> {
    let levels = levels(samples);
    let Some((first, _)) = levels.first().copied() else {
        return Vec::new();
    };
    let mut state = BaselineState::default();
    let points = levels.iter().enumerate().filter_map(|(index, (time, _))| {
        state.advance_through(&levels, index..index + 1, first);
        let value = state.value?;
        Some(BaselinePoint {
            time: *time,
            video_bitrate: value.video_bitrate,
            video_framerate: value.video_framerate,
            audio_framerate: value.audio_framerate,
        })
    });
    points.collect()
}

/// The last bitrate and the lowest frame rates of each bucket that has a bitrate.
fn levels(samples: impl Iterator<Item = (Timestamp, SampleValues)>) -> Vec<(Timestamp, Levels)> {
    let mut levels: Vec<(Timestamp, Levels)> = Vec::new();
    let mut lowest_video: Option<f64> = None;
    let mut lowest_audio: Option<f64> = None;
    let mut bucket = None;
    for (time, values) in samples {
        let number = bucket_number(time);
        if bucket != Some(number) {
            bucket = Some(number);
            (lowest_video, lowest_audio) = (None, None);
        }
        lowest_video = lower(lowest_video, values.video_framerate.get());
        lowest_audio = lower(lowest_audio, values.audio_framerate.get());
        let start = bucket_start(number);
        let known = levels.last_mut().filter(|(time, _)| *time == start);
        match (known, values.video_bitrate.get()) {
            (Some((_, level)), bitrate) => {
                level.video_bitrate = bitrate.unwrap_or(level.video_bitrate);
                level.video_framerate = lowest_video;
                level.audio_framerate = lowest_audio;
            }
            (None, Some(video_bitrate)) => levels.push((
                start,
                Levels {
                    video_bitrate,
                    video_framerate: lowest_video,
                    audio_framerate: lowest_audio,
                },
            )),
            (None, None) => {}
        }
    }
    levels
}

fn lower(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::min)
}
