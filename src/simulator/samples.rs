//! Samples: what Polyv's monitoring knows of a stream, one every few seconds of media.
//!
//! A sample's values are a pure function of the seed, the channel, the stream and the
//! sample's own time, so that the same question gets the same answer however often and by
//! whomever it is asked.

use std::time::Duration;

use super::channel::{LiveChannel, Normal, Stream, StreamName};
use super::phase::{Media, Phase};
use super::time::{MediaTime, signed_millis};

/// What one moment of one stream was like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) stream: StreamName,
    pub(super) at: MediaTime,
    /// Bits per second.
    pub(super) bitrate: f64,
    /// Frames per second.
    pub(super) video: f64,
    /// Frames per second.
    pub(super) audio: f64,
}

/// How samples come about, for all channels alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sampling {
    /// The time between two samples.
    pub(super) every: Duration,
    /// How far values stray from what they should be, as a share of it.
    pub(super) noise: f64,
}

// === impl Sampling ===

impl Sampling {
    /// The samples of a channel from `from` to `to`, both included, oldest first.
    pub(super) fn between(
        self,
        channel: &LiveChannel,
        from: MediaTime,
        to: MediaTime,
    ) -> Vec<Sample> {
        let from = channel
            .timeline
            .beginning()
            .map_or(from, |beginning| beginning.max(from));
        let mut samples = Vec::new();
        let mut at = self.first_at_or_after(channel, from);
        while at <= to {
            if let Some(media) = channel.timeline.at(at).and_then(Phase::media) {
                for stream in &channel.spec.streams {
                    samples.push(self.sample(channel, stream, at, media));
                }
                if let Some(further) = further_stream(channel, media) {
                    samples.push(self.sample(channel, &further, at, media));
                }
            }
            at = at.plus_millis(self.every_ms());
        }
        samples
    }

    /// How many sampling intervals lie before that time; the number of the sample, if there
    /// is one.
    pub(super) fn number(self, at: MediaTime) -> u64 {
        at.as_millis().div_euclid(self.every_ms()).cast_unsigned()
    }

    /// Each channel is sampled at an offset of its own, and one that is not on the second.
    fn first_at_or_after(self, channel: &LiveChannel, from: MediaTime) -> MediaTime {
        let every = self.every_ms();
        let bits = channel.chance.and_text("offset").bits() >> 1;
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
        let chance = channel
            .chance
            .and_text(stream.name.text())
            .and_signed(at.as_millis());
        let stray = |part| 1.0 + self.noise * chance.and(part).swing();
        Sample {
            stream: stream.name.clone(),
            at,
            bitrate: stream.normal.bitrate * media.bitrate * stray(1),
            video: stream.normal.video * media.video * stray(2),
            audio: stream.normal.audio * media.audio * stray(3),
        }
    }

    fn every_ms(self) -> i64 {
        signed_millis(self.every).max(1)
    }
}

/// The stream that the phase adds: like the first one, with half its bitrate.
fn further_stream(channel: &LiveChannel, media: Media<'_>) -> Option<Stream> {
    let name = media.further_stream?;
    let first = channel.spec.streams.first()?.normal;
    Some(Stream {
        name: StreamName::new(name),
        normal: Normal {
            bitrate: first.bitrate / 2.0,
            ..first
        },
    })
}
