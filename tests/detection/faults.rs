//! Faults of broadcasts, in several depths and lengths, and the alerts that are to find them.

use std::ops::Range;

use crate::expectation::Expectation;
use crate::track::Track;
use fastrand::Rng;

/// A kind of fault, with what is configured of the channel that has it.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub name: &'static str,
    effect: Effect,
    /// How long it lasts, in seconds.
    pub lengths: &'static [i64],
    pub onset: Onset,
    pub expectation: Expectation,
    /// The alerts of which one has to fire.
    pub alerts: &'static [&'static str],
}

/// When a fault begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onset {
    /// With the broadcast.
    Start,
    /// At some time, each channel at its own.
    Random,
    /// At some time, with all channels of a playback: an outage of what they share.
    Shared,
}

#[derive(Debug, Clone, Copy)]
enum Effect {
    /// The bitrate is limited to one of these shares of its level, and frames fall to a share.
    Drop {
        bitrates: &'static [f64],
        frames: f64,
    },
    /// The same, but the limit sags over 10 minutes and then stays.
    Sag {
        bitrates: &'static [f64],
        frames: f64,
    },
    /// Samples without video frames.
    Frozen,
    /// Samples without audio frames.
    Muted,
    /// Live, and no samples.
    SamplesStop,
    OffAir,
}

const DROPPED: &[&str] = &["PolyvStreamBitrateDropped"];
const LOW: &[&str] = &["PolyvStreamBitrateLow"];
/// How long a sag takes.
const SAG_MS: i64 = 600_000;

// === impl Fault ===

impl Fault {
    pub const ALL: &'static [Self] = &[
        Self {
            name: "bitrate to 10 to 40 %, expected",
            effect: Effect::Drop {
                bitrates: &[0.1, 0.2, 0.4],
                frames: 1.0,
            },
            lengths: &[70, 120, 300],
            onset: Onset::Random,
            expectation: Expectation::Levels,
            alerts: DROPPED,
        },
        Self {
            name: "bitrate to 5 to 20 %, frames to 45 %",
            effect: Effect::Drop {
                bitrates: &[0.05, 0.1, 0.2],
                frames: 0.45,
            },
            lengths: &[70, 120, 300],
            onset: Onset::Random,
            expectation: Expectation::Nothing,
            alerts: DROPPED,
        },
        Self {
            name: "bitrate to 5 to 20 %, all frames",
            effect: Effect::Drop {
                bitrates: &[0.05, 0.1, 0.2],
                frames: 1.0,
            },
            lengths: &[120, 180, 300],
            onset: Onset::Random,
            expectation: Expectation::Nothing,
            alerts: LOW,
        },
        Self {
            name: "bitrate to 5 to 20 %, all frames, `content: camera`",
            effect: Effect::Drop {
                bitrates: &[0.05, 0.1, 0.2],
                frames: 1.0,
            },
            lengths: &[70, 120, 300],
            onset: Onset::Random,
            expectation: Expectation::Camera,
            alerts: DROPPED,
        },
        Self {
            name: "sag to 15 to 30 %, expected",
            effect: Effect::Sag {
                bitrates: &[0.15, 0.3],
                frames: 1.0,
            },
            lengths: &[900],
            onset: Onset::Random,
            expectation: Expectation::Levels,
            alerts: DROPPED,
        },
        Self {
            name: "sag to 5 to 15 %, frames to 45 %",
            effect: Effect::Sag {
                bitrates: &[0.05, 0.1, 0.15],
                frames: 0.45,
            },
            lengths: &[900],
            onset: Onset::Random,
            expectation: Expectation::Nothing,
            alerts: DROPPED,
        },
        Self {
            name: "sag to 5 to 15 %, all frames",
            effect: Effect::Sag {
                bitrates: &[0.05, 0.1, 0.15],
                frames: 1.0,
            },
            lengths: &[900],
            onset: Onset::Random,
            expectation: Expectation::Nothing,
            alerts: LOW,
        },
        Self {
            name: "video frozen",
            effect: Effect::Frozen,
            lengths: &[60, 120, 300],
            onset: Onset::Random,
            expectation: Expectation::Nothing,
            alerts: &["PolyvStreamVideoFrozen"],
        },
        Self {
            name: "audio muted",
            effect: Effect::Muted,
            lengths: &[60, 120, 300],
            onset: Onset::Random,
            expectation: Expectation::Nothing,
            alerts: &["PolyvStreamAudioLost"],
        },
        Self {
            name: "samples stop",
            effect: Effect::SamplesStop,
            lengths: &[120, 170, 300],
            onset: Onset::Random,
            expectation: Expectation::Nothing,
            alerts: &["PolyvStreamSamplesMissing"],
        },
        Self {
            name: "off air, expected live",
            effect: Effect::OffAir,
            lengths: &[100, 180, 300],
            onset: Onset::Random,
            expectation: Expectation::Live,
            alerts: &["PolyvChannelOfflineUnexpectedly"],
        },
        Self {
            name: "half the frames, expected",
            effect: Effect::Drop {
                bitrates: &[f64::INFINITY],
                frames: 0.5,
            },
            lengths: &[90, 180, 300],
            onset: Onset::Random,
            expectation: Expectation::Levels,
            alerts: &["PolyvStreamVideoFramerateLow"],
        },
        Self {
            name: "half the frames, none expected",
            effect: Effect::Drop {
                bitrates: &[f64::INFINITY],
                frames: 0.5,
            },
            lengths: &[90, 180, 300],
            onset: Onset::Random,
            expectation: Expectation::Nothing,
            alerts: &["PolyvStreamVideoFramerateLow"],
        },
        Self {
            name: "a node's outage: bitrate and frames",
            effect: Effect::Drop {
                bitrates: &[0.1],
                frames: 0.4,
            },
            lengths: &[120],
            onset: Onset::Shared,
            expectation: Expectation::Nothing,
            alerts: DROPPED,
        },
        Self {
            name: "bitrate to 20 or 40 % from the start, expected",
            effect: Effect::Drop {
                bitrates: &[0.2, 0.4],
                frames: 1.0,
            },
            lengths: &[300],
            onset: Onset::Start,
            expectation: Expectation::Levels,
            alerts: DROPPED,
        },
        Self {
            name: "no video from the start, expected",
            effect: Effect::Frozen,
            lengths: &[300],
            onset: Onset::Start,
            expectation: Expectation::Levels,
            alerts: &["PolyvStreamVideoFrozen"],
        },
        Self {
            name: "no audio from the start, expected",
            effect: Effect::Muted,
            lengths: &[300],
            onset: Onset::Start,
            expectation: Expectation::Levels,
            alerts: &["PolyvStreamAudioLost"],
        },
    ];

    /// Whether Polyv's delay comes before what the exporter sees of it.
    pub const fn is_in_samples(&self) -> bool {
        !matches!(self.effect, Effect::OffAir)
    }

    /// Makes a part of a broadcast faulty.
    pub fn apply(&self, track: &mut Track, during: &Range<i64>, rng: &mut Rng) {
        let affected = |time: &i64| during.contains(time);
        match self.effect {
            Effect::Drop { bitrates, frames } => {
                let bitrate = bitrates[rng.usize(..bitrates.len())];
                track.limit(during, |_| (bitrate, frames));
            }
            Effect::Sag { bitrates, frames } => {
                let bitrate = bitrates[rng.usize(..bitrates.len())];
                let start = during.start;
                track.limit(during, move |time| {
                    let progress = ((time - start) as f64 / SAG_MS as f64).min(1.0);
                    let at = |end: f64| 1.0 + (end - 1.0) * progress;
                    (at(bitrate), at(frames))
                });
            }
            Effect::Frozen => track.limit(during, |_| (0.0, 0.0)),
            Effect::Muted => {
                for sample in &mut track.samples {
                    if affected(&sample.time) {
                        sample.audio_framerate = Some(0.0);
                    }
                }
            }
            Effect::SamplesStop => track.samples.retain(|sample| !affected(&sample.time)),
            Effect::OffAir => {
                track.samples.retain(|sample| !affected(&sample.time));
                let end = track.live.last().map_or(during.end, |live| live.end);
                track.live = vec![0..during.start, during.end..end];
            }
        }
    }
}

// === impl Track ===

impl Track {
    /// Limits the bitrate to a share of its level, and scales the video frame rate.
    fn limit(&mut self, during: &Range<i64>, shares: impl Fn(i64) -> (f64, f64)) {
        for sample in &mut self.samples {
            if during.contains(&sample.time) {
                let (bitrate, frames) = shares(sample.time);
                let limit = (self.video_bitrate * bitrate).round();
                sample.video_bitrate = sample.video_bitrate.map(|value| value.min(limit));
                sample.video_framerate =
                    sample.video_framerate.map(|value| (value * frames).round());
            }
        }
    }
}
