//! Generates the samples of Polyv's monitoring, one every few seconds of media.
//!
//! A sample's values depend only on the seed, the channel, the stream and the sample's own time,
//! so that the same request always gets the same response.

use std::time::Duration;

use super::channel::LiveChannel;
use super::phase::{Media, Phase};
use super::stream::{NormalValues, Sample, Stream, StreamName};
use super::time::{MediaTime, signed_millis};

/// How samples are generated, for all channels alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampling {
    /// The time between two samples.
    pub(crate) every: Duration,
    /// The largest deviation of a value, as a share of it.
    pub(crate) noise: f64,
}

impl Sampling {
    /// The samples of a channel from `from` to `to`, both included, oldest first, as far as those
    /// up to `visible_until` have appeared.
    pub(crate) fn between(
        self,
        channel: &LiveChannel,
        from: MediaTime,
        to: MediaTime,
        visible_until: MediaTime,
    ) -> Vec<Sample> {
        let beginning = channel.timeline.beginning().unwrap_or(from);
        let mut samples = Vec::new();
        let mut at = self.first_at_or_after(channel, from.max(beginning));
        while at <= to.min(visible_until) {
            if let Some(media) = channel.timeline.at(at).and_then(Phase::media) {
                let has_appeared = |stream: &&Stream| at <= visible_until.minus(stream.lag);
                for stream in channel.spec.streams.iter().filter(has_appeared) {
                    samples.push(self.sample(channel, stream, at, media));
                }
                if let Some(second) = second_stream(channel, media) {
                    samples.push(self.sample(channel, &second, at, media));
                }
            }
            at = at.plus_millis(self.every_ms());
        }
        samples
    }

    /// The first stream of a channel as it is at that time; `None` where nothing is pushed. Where
    /// only samples are missing, the push goes on.
    pub(crate) fn at(self, channel: &LiveChannel, now: MediaTime) -> Option<Sample> {
        let media = match channel.timeline.at(now)? {
            Phase::NoSamples => Phase::Steady.media(),
            phase => phase.media(),
        }?;
        let stream = channel.spec.streams.first()?;
        Some(self.sample(channel, stream, now, media))
    }

    /// The number of sampling intervals before that time, which numbers the samples.
    pub(crate) fn number(self, at: MediaTime) -> u64 {
        at.as_millis().div_euclid(self.every_ms()).cast_unsigned()
    }

    /// Each channel is sampled at its own offset, which is never a full second.
    fn first_at_or_after(self, channel: &LiveChannel, from: MediaTime) -> MediaTime {
        let every = self.every_ms();
        let bits = channel.rng.with_text("offset").bits() >> 1;
        let mut offset = bits.cast_signed() % every;
        if offset % 1000 == 0 {
            offset = (offset + 443) % every;
        }
        from.plus_millis((offset - from.as_millis()).rem_euclid(every))
    }

    fn sample(
        self,
        channel: &LiveChannel,
        stream: &Stream,
        at: MediaTime,
        media: Media<'_>,
    ) -> Sample {
        let rng = channel.rng.with_text(stream.name.text());
        let rng = rng.with_signed(at.as_millis());
        let noise = |part| 1.0 + self.noise * rng.with(part).symmetric();
        Sample {
            stream: stream.name.clone(),
            at,
            bitrate: stream.normal.bitrate * media.bitrate * noise(1),
            video: stream.normal.video * media.video * noise(2),
            audio: stream.normal.audio * media.audio * noise(3),
        }
    }

    fn every_ms(self) -> i64 {
        signed_millis(self.every).max(1)
    }
}

/// The stream that the phase adds: like the first one, with half its bitrate.
fn second_stream(channel: &LiveChannel, media: Media<'_>) -> Option<Stream> {
    let name = media.second_stream?;
    let first = channel.spec.streams.first()?.normal;
    Some(Stream {
        name: StreamName::new(name),
        normal: NormalValues {
            bitrate: first.bitrate / 2.0,
            ..first
        },
        lag: Duration::ZERO,
    })
}
