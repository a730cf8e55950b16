//! Healthy broadcasts of every kind, each generated from a seed.

use std::f64::consts::TAU;
use std::ops::Range;

use fastrand::Rng;

use crate::expectation::Expectation;
use crate::track::{Sample, Track};

/// A kind of healthy broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broadcast {
    /// A camera with variable bitrate: slow swings, noise, scene cuts.
    Camera,
    /// A camera whose encoder keeps the bitrate constant.
    ConstantBitrate,
    /// The same, then slides: the encoder does not pad what a still picture saves.
    ConstantBitrateThenSlides,
    /// Slides: the picture stands still for 5 seconds to 10 minutes.
    Slides,
    /// A camera for 10 minutes, then slides for 10 minutes, and so on.
    Lecture,
    /// A shared screen on which video clips are played.
    ScreenWithClips,
    /// No video at all.
    AudioOnly,
    /// A camera at night: low bitrate, and bursts when something moves.
    NightCamera,
    /// An encoder that adapts to its uplink: down to 40 % for 20 seconds, and back.
    AdaptiveEncoder,
    /// An encoder that reconnects every few minutes, within 4 to 14 seconds.
    Reconnects,
    /// Live for some minutes and off air for some.
    ComesAndGoes,
    /// A camera, and slides as a second stream.
    TwoStreams,
    /// A camera with a sample each minute, as on other CDNs than Tencent's.
    SampleEachMinute,
}

/// Seconds between two samples on Tencent's CDN.
const SAMPLE_SECONDS: usize = 5;
const FRAMERATES: [f64; 7] = [15.0, 20.0, 24.0, 25.0, 30.0, 50.0, 60.0];
/// The bitrate of a picture that stands still.
const STILL: Range<f64> = 0.03..0.12;
/// The bitrate of a lecture's slides, which change now and then.
const LECTURE_SLIDES: f64 = 0.18;

// === impl Broadcast ===

impl Broadcast {
    pub const ALL: [Self; 13] = [
        Self::Camera,
        Self::ConstantBitrate,
        Self::ConstantBitrateThenSlides,
        Self::Slides,
        Self::Lecture,
        Self::ScreenWithClips,
        Self::AudioOnly,
        Self::NightCamera,
        Self::AdaptiveEncoder,
        Self::Reconnects,
        Self::ComesAndGoes,
        Self::TwoStreams,
        Self::SampleEachMinute,
    ];

    /// The name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Camera => "camera, variable bitrate",
            Self::ConstantBitrate => "camera, constant bitrate",
            Self::ConstantBitrateThenSlides => "constant bitrate unpadded, then slides",
            Self::Slides => "slides",
            Self::Lecture => "lecture: camera, slides, camera",
            Self::ScreenWithClips => "screen with video clips",
            Self::AudioOnly => "audio only",
            Self::NightCamera => "night camera",
            Self::AdaptiveEncoder => "adaptive encoder",
            Self::Reconnects => "reconnects of 4 to 14 s",
            Self::ComesAndGoes => "comes and goes",
            Self::TwoStreams => "two streams",
            Self::SampleEachMinute => "camera, a sample each minute",
        }
    }

    /// What operators configure for it; broadcasts take turns.
    pub const fn expectations(self) -> &'static [Expectation] {
        match self {
            Self::Camera
            | Self::ConstantBitrate
            | Self::AdaptiveEncoder
            | Self::Reconnects
            | Self::ComesAndGoes
            | Self::SampleEachMinute => &[
                Expectation::Nothing,
                Expectation::Levels,
                Expectation::Camera,
            ],
            Self::NightCamera | Self::AudioOnly => &[Expectation::Nothing],
            Self::ConstantBitrateThenSlides
            | Self::Slides
            | Self::Lecture
            | Self::ScreenWithClips
            | Self::TwoStreams => &[
                Expectation::Nothing,
                Expectation::Nothing,
                Expectation::Screen,
            ],
        }
    }

    /// Generates a broadcast of some seconds.
    pub fn generate(self, seconds: usize, rng: &mut Rng) -> Track {
        let level = 600_000.0 * 10.0_f64.powf(rng.f64());
        let framerate = FRAMERATES[rng.usize(..FRAMERATES.len())];
        let mut track = Track {
            video_bitrate: level,
            video_framerate: framerate,
            audio_framerate: if rng.bool() { 43.0 } else { 47.0 },
            live: self.live(seconds, rng),
            samples: Vec::new(),
        };
        let step = match self {
            Self::SampleEachMinute => 60,
            _ => SAMPLE_SECONDS,
        };
        let shares = self.shares(seconds / SAMPLE_SECONDS, rng);
        track.add_stream("main", &shares, step / SAMPLE_SECONDS, rng);
        match self {
            Self::TwoStreams => {
                let slides = Self::Slides.shares(seconds / SAMPLE_SECONDS, rng);
                track.add_stream("slides", &slides, 1, rng);
            }
            Self::AudioOnly => {
                // Some encoders send no video field, others a zero.
                let nothing = rng.bool().then_some(0.0);
                for sample in &mut track.samples {
                    (sample.video_bitrate, sample.video_framerate) = (nothing, nothing);
                }
            }
            _ => {}
        }
        track
    }

    /// The seconds in which it is live.
    fn live(self, seconds: usize, rng: &mut Rng) -> Vec<Range<i64>> {
        let (on, off) = match self {
            Self::Reconnects => (120.0..900.0, 4.0..14.0),
            Self::ComesAndGoes => (240.0..1800.0, 120.0..600.0),
            _ => return std::iter::once(0..milliseconds(seconds as f64)).collect(),
        };
        let mut live = Vec::new();
        let mut from = 0.0;
        while from < seconds as f64 {
            let until = from + between(&on, rng);
            live.push(milliseconds(from)..milliseconds(until));
            from = until + between(&off, rng);
        }
        live
    }

    /// The bitrate of each sample as a share of the stream's level.
    fn shares(self, samples: usize, rng: &mut Rng) -> Vec<f64> {
        match self {
            Self::ConstantBitrate => (0..samples).map(|_| 1.0 + 0.02 * normal(rng)).collect(),
            Self::ConstantBitrateThenSlides => {
                let mut shares = Self::ConstantBitrate.shares(samples, rng);
                let begin = samples / 4 + rng.usize(..=samples / 4);
                let slides = Self::Slides.shares(samples - begin, rng);
                shares.splice(begin.., slides);
                shares
            }
            Self::Slides => alternate(
                samples,
                rng,
                (5.0..600.0, |rng| (1.0 + 0.15 * normal(rng)).max(0.3)),
                (5.0..600.0, |rng| between(&STILL, rng)),
            ),
            Self::Lecture => {
                let mut shares = camera(samples, rng);
                let part = 600 / SAMPLE_SECONDS;
                for (n, share) in shares.iter_mut().enumerate() {
                    if n / part % 2 == 1 {
                        *share = LECTURE_SLIDES * (1.0 + 0.1 * normal(rng));
                    }
                }
                shares
            }
            Self::ScreenWithClips => alternate(
                samples,
                rng,
                (60.0..900.0, |rng| 0.1 * (1.0 + 0.3 * normal(rng)).max(0.3)),
                (20.0..300.0, |rng| 1.0 + 0.12 * normal(rng)),
            ),
            Self::NightCamera => alternate(
                samples,
                rng,
                (30.0..900.0, |rng| 0.2 * (1.0 + 0.05 * normal(rng))),
                (10.0..120.0, |rng| 0.2 * (3.0 + normal(rng)).max(1.0)),
            ),
            Self::AdaptiveEncoder => {
                let mut shares = Self::ConstantBitrate.shares(samples, rng);
                let mut at = 0;
                while at < samples {
                    at += rng.usize(24..180);
                    for share in shares.iter_mut().skip(at).take(20 / SAMPLE_SECONDS) {
                        *share *= 0.4;
                    }
                }
                shares
            }
            Self::Camera
            | Self::AudioOnly
            | Self::Reconnects
            | Self::ComesAndGoes
            | Self::TwoStreams
            | Self::SampleEachMinute => camera(samples, rng),
        }
    }
}

// === impl Track ===

impl Track {
    /// Adds a stream with every `step`-th sample while the channel is live.
    fn add_stream(&mut self, stream: &'static str, shares: &[f64], step: usize, rng: &mut Rng) {
        let offset = rng.i64(0..1000 * (SAMPLE_SECONDS * step) as i64);
        for (n, share) in shares.iter().enumerate().step_by(step) {
            let time = offset + milliseconds((n * SAMPLE_SECONDS) as f64);
            if !self.is_live(time) {
                continue;
            }
            let jitter = 1.0 + 0.02 * normal(rng);
            self.samples.push(Sample {
                stream,
                time,
                available: vec![time],
                video_bitrate: Some((self.video_bitrate * share.max(0.01)).round()),
                video_framerate: Some((self.video_framerate * jitter).round()),
                audio_framerate: Some(self.audio_framerate + f64::from(rng.u8(0..2))),
            });
        }
    }
}

/// A camera with variable bitrate: swings of 20 %, noise of 12 %, and scene cuts, after which the
/// picture needs a little more or less.
fn camera(samples: usize, rng: &mut Rng) -> Vec<f64> {
    let period = between(&(180.0..900.0), rng) / SAMPLE_SECONDS as f64;
    let phase = rng.f64();
    let mut scene = 1.0;
    (0..samples)
        .map(|n| {
            let is_cut = rng.f64() < 0.02;
            if is_cut {
                scene = between(&(0.9..1.1), rng);
            }
            let burst = if is_cut { 1.5 } else { 1.0 };
            let swing = 1.0 + 0.2 * (TAU * (n as f64 / period + phase)).sin();
            burst * scene * swing * (1.0 + 0.12 * normal(rng)).max(0.5)
        })
        .collect()
}

/// How long a state lasts (seconds), and the share of a sample in it.
type State = (Range<f64>, fn(&mut Rng) -> f64);

/// Two states that follow each other; their lengths are distributed evenly by magnitude.
fn alternate(samples: usize, rng: &mut Rng, first: State, second: State) -> Vec<f64> {
    let mut shares = Vec::with_capacity(samples);
    let states = [first, second];
    let mut next = rng.usize(..2);
    while shares.len() < samples {
        let (seconds, share) = &states[next];
        let seconds = seconds.start * (seconds.end / seconds.start).powf(rng.f64());
        let count = (seconds / SAMPLE_SECONDS as f64).round().max(1.0) as usize;
        for _ in 0..count.min(samples - shares.len()) {
            shares.push(share(rng));
        }
        next = 1 - next;
    }
    shares
}

pub fn between(range: &Range<f64>, rng: &mut Rng) -> f64 {
    range.start + (range.end - range.start) * rng.f64()
}

/// A number of the standard normal distribution (Irwin and Hall's approximation).
fn normal(rng: &mut Rng) -> f64 {
    (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0
}

fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}
