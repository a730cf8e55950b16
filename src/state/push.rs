//! What is pushed to a channel, as Polyv's `get-streams` said last.

use std::sync::Arc;
use std::time::Duration;

use super::sample_validation::ValidSample;
use super::sample_values::{Measurement, SampleValues};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};
use polyv_client::{ChannelPush, StreamName};

/// What is pushed to a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Push {
    /// Whether a stream is pushed; `None` where that is not known.
    pub is_pushing: Option<bool>,
    /// The share of lost frames as Polyv reports it: whether of 1 or of 100 is undocumented.
    pub lost_frames: Option<f64>,
    /// The CDN's node that receives the push.
    pub ingest_node: Option<Arc<str>>,
}

/// A [`Push`], when it was received, and its sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PushState {
    pub(super) push: Push,
    /// Whether the channel is live by that response.
    pub(super) is_live: bool,
    at: MonotonicInstant,
}

/// The stream to which the samples of snapshots belong.
pub(super) const STREAM: &str = "ingest";
/// A snapshot older than this says nothing of the present: three times the longest interval.
const MAX_AGE: Duration = Duration::from_secs(90);
/// Higher bitrates (10 Gbit/s) and frame rates are mistakes, as in samples.
const MAX_BITRATE: f64 = 10e9;
const MAX_FRAMERATE: f64 = 1000.0;
/// A greater share of lost frames is a mistake.
const MAX_LOST_FRAMES: f64 = 100.0;

impl PushState {
    pub(super) fn new(push: &ChannelPush, now: TimeSnapshot) -> Self {
        let stream = push.stream.as_ref();
        let lost_frames = stream.and_then(|stream| stream.lost_frames.number());
        Self {
            push: Push {
                is_pushing: stream.map_or(Some(false), polyv_client::PushedStream::is_pushing),
                lost_frames: lost_frames.filter(|share| (0.0..=MAX_LOST_FRAMES).contains(share)),
                ingest_node: stream.and_then(|s| s.ingest_node.as_deref().map(Into::into)),
            },
            is_live: push.live,
            at: now.monotonic,
        }
    }

    /// Until when it is valid.
    pub(super) fn valid_until(&self) -> MonotonicInstant {
        self.at + MAX_AGE
    }

    pub(super) fn is_valid(&self, now: MonotonicInstant) -> bool {
        now < self.valid_until()
    }
}

/// The sample of a snapshot, with the response's time; `None` where nothing is pushed.
pub(super) fn sample(push: &ChannelPush, now: TimeSnapshot) -> Option<ValidSample> {
    let stream = push.stream.as_ref()?;
    if stream.is_pushing() != Some(true) {
        return None;
    }
    let within = |number: Option<f64>, max: f64| {
        Measurement::from(number.filter(|number| (0.0..=max).contains(number)))
    };
    let values = SampleValues {
        video_bitrate: within(stream.bitrate.number(), MAX_BITRATE),
        video_framerate: within(stream.video_framerate.number(), MAX_FRAMERATE),
        audio_framerate: Measurement::NONE,
    };
    (values != SampleValues::NONE).then(|| ValidSample {
        stream: StreamName::new(STREAM),
        time: now.server_time,
        values,
    })
}
