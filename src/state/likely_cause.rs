//! The likely cause of a fault, by rule, from the samples of its time.
//!
//! A sample says nothing about the picture, the network or the encoder itself. So a cause is
//! named only where the samples tell it from all others, and is unknown everywhere else.

use std::time::Duration;

use super::sample_values::{Field, SampleValues};
use polyv_client::clock::Timestamp;

/// What most likely caused a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LikelyCause {
    /// The network between the encoder and Polyv.
    Uplink,
    /// The encoder, or the program that encodes.
    Encoder,
    /// What the encoder gets its picture from: a camera, a cable, a capture card.
    Source,
    /// Polyv, or the CDN behind it.
    Polyv,
    /// The samples do not tell.
    Unknown,
}

/// What is usual for a stream: what is expected of it or, where nothing is, its baselines.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct UsualRates {
    /// Bits per second.
    pub video_bitrate: Option<f64>,
    /// Frames per second.
    pub video_framerate: Option<f64>,
    /// Frames per second; 0 for a stream that has no audio.
    pub audio_framerate: Option<f64>,
    /// The usual time between two samples.
    pub sample_interval: Option<Duration>,
}

/// The samples of a fault, oldest first, beside what is usual.
struct Evidence<'a> {
    samples: &'a [(Timestamp, SampleValues)],
    usual: &'a UsualRates,
}

/// A bitrate has fallen that was under this share of the usual one all the time.
const BITRATE_FELL_BELOW: f64 = 0.5;
/// A frame rate has fallen that was under this share of the usual one all the time.
const FRAMERATE_FELL_BELOW: f64 = 0.8;
/// A frame rate is steady that is usually over this share of the usual one.
const FRAMERATE_STEADY_FROM: f64 = 0.9;
/// Samples come apart when they are usually this many times as far from each other as before.
const APART_FROM: f64 = 2.0;
/// One sample proves nothing: the last one of a connection counts a part of its time.
const MIN_SAMPLES: usize = 2;
/// The samples before a silence that may tell its cause.
const SAMPLES_BEFORE_SILENCE: usize = 3;

/// The likely cause of a fault whose samples these are, oldest first.
///
/// Only samples of the fault itself belong there: a healthy one among them contradicts every
/// cause.
#[must_use]
pub fn likely_cause(samples: &[(Timestamp, SampleValues)], usual: &UsualRates) -> LikelyCause {
    let evidence = Evidence { samples, usual };
    if samples.len() < MIN_SAMPLES {
        LikelyCause::Unknown
    } else if evidence.is_all_zero() {
        // Samples continue, so the connection stands, and nothing is sent.
        LikelyCause::Encoder
    } else if evidence.did_all_rates_fall() {
        // Only what both share slows both.
        LikelyCause::Uplink
    } else if evidence.has_no_video() && evidence.is_audio_steady() {
        LikelyCause::Source
    } else if evidence.do_samples_come_apart() {
        LikelyCause::Uplink
    } else if evidence.are_frames_lost() && evidence.is_audio_steady() {
        LikelyCause::Encoder
    } else {
        LikelyCause::Unknown
    }
}

/// The likely cause of a silence (no more samples, or off air) before which these samples were
/// the last ones, oldest first.
///
/// An encoder that is switched off and a cable that is pulled look the same. Only an uplink
/// that failed step by step shows in the samples before.
#[must_use]
pub fn likely_cause_of_silence(
    before: &[(Timestamp, SampleValues)],
    usual: &UsualRates,
) -> LikelyCause {
    let newest = before.len().saturating_sub(SAMPLES_BEFORE_SILENCE);
    match likely_cause(before.get(newest..).unwrap_or_default(), usual) {
        LikelyCause::Uplink => LikelyCause::Uplink,
        _ => LikelyCause::Unknown,
    }
}

// === impl LikelyCause ===

impl LikelyCause {
    /// All causes.
    pub const ALL: [Self; 5] = [
        Self::Uplink,
        Self::Encoder,
        Self::Source,
        Self::Polyv,
        Self::Unknown,
    ];

    /// The value of the label, and the name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uplink => "uplink",
            Self::Encoder => "encoder",
            Self::Source => "source",
            Self::Polyv => "polyv",
            Self::Unknown => "unknown",
        }
    }
}

// === impl Evidence ===

impl Evidence<'_> {
    /// Whether nothing at all was sent, by a stream that has audio, or may have.
    fn is_all_zero(&self) -> bool {
        let fields: [Field; 3] = [
            |values| values.video_bitrate,
            |values| values.video_framerate,
            |values| values.audio_framerate,
        ];
        self.usual.audio_framerate != Some(0.0)
            && fields
                .into_iter()
                .all(|field| self.highest(field) == Some(0.0))
    }

    /// Whether audio and video came all the time, and both were slower than usual.
    fn did_all_rates_fall(&self) -> bool {
        let audio = |values: &SampleValues| values.audio_framerate;
        let highest = self.highest(audio);
        let is_slow = is_below(highest, self.usual.audio_framerate, FRAMERATE_FELL_BELOW);
        is_slow && highest > Some(0.0) && (self.are_frames_lost() || self.did_bitrate_fall())
    }

    fn did_bitrate_fall(&self) -> bool {
        let highest = self.highest(|values| values.video_bitrate);
        is_below(highest, self.usual.video_bitrate, BITRATE_FELL_BELOW)
    }

    fn are_frames_lost(&self) -> bool {
        let highest = self.highest(|values| values.video_framerate);
        is_below(highest, self.usual.video_framerate, FRAMERATE_FELL_BELOW)
    }

    fn has_no_video(&self) -> bool {
        self.highest(|values| values.video_framerate) == Some(0.0)
    }

    fn is_audio_steady(&self) -> bool {
        let rates = self.samples.iter();
        let rates = rates.filter_map(|(_, values)| values.audio_framerate.get());
        let usual = self.usual.audio_framerate.filter(|usual| *usual > 0.0);
        usual
            .zip(median(rates.collect()))
            .is_some_and(|(usual, rate)| rate >= usual * FRAMERATE_STEADY_FROM)
    }

    /// Whether there are far fewer samples than usual.
    fn do_samples_come_apart(&self) -> bool {
        let later = self.samples.iter().skip(1);
        let pairs = self.samples.iter().zip(later);
        let distances = pairs.map(|((earlier, _), (later, _))| later.since(*earlier).as_secs_f64());
        let distances: Vec<f64> = distances.collect();
        let is_enough = distances.len() >= MIN_SAMPLES;
        let usual = self.usual.sample_interval.filter(|_| is_enough);
        usual
            .zip(median(distances))
            .is_some_and(|(usual, distance)| distance >= usual.as_secs_f64() * APART_FROM)
    }

    fn highest(&self, field: Field) -> Option<f64> {
        let values = self.samples.iter();
        values
            .filter_map(|(_, values)| field(values).get())
            .reduce(f64::max)
    }
}

fn is_below(value: Option<f64>, usual: Option<f64>, share: f64) -> bool {
    value
        .zip(usual)
        .is_some_and(|(value, usual)| value < usual * share)
}

/// The median, the lower one of two.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::LikelyCause::{Encoder, Source, Unknown, Uplink};
    use super::*;

    const USUAL: UsualRates = UsualRates {
        video_bitrate: Some(1_200_000.0),
        video_framerate: Some(25.0),
        audio_framerate: Some(43.0),
        sample_interval: Some(Duration::from_secs(5)),
    };

    fn values(bitrate: f64, video: f64, audio: Option<f64>) -> SampleValues {
        SampleValues {
            video_bitrate: Some(bitrate).into(),
            video_framerate: Some(video).into(),
            audio_framerate: audio.into(),
        }
    }

    /// Equal samples, some seconds apart.
    fn samples(count: i64, step: i64, values: SampleValues) -> Vec<(Timestamp, SampleValues)> {
        let times = (0..count).map(|n| Timestamp::from_millis(1_700_000_000_000 + n * step * 1000));
        times.map(|time| (time, values)).collect()
    }

    /// The cause of a fault of half a minute with these values.
    fn cause(bitrate: f64, video: f64, audio: f64) -> LikelyCause {
        likely_cause(&samples(7, 5, values(bitrate, video, Some(audio))), &USUAL)
    }

    #[test]
    fn audio_and_video_that_fall_together_are_the_uplink() {
        assert_eq!(cause(240e3, 11.0, 20.0), Uplink);
        assert_eq!(cause(240e3, 25.0, 30.0), Uplink);
        // A slide, and audio as ever.
        assert_eq!(cause(240e3, 25.0, 43.0), Unknown);
        // A little less audio is no evidence of either.
        assert_eq!(cause(240e3, 11.0, 36.0), Unknown);
    }

    #[test]
    fn samples_that_come_apart_are_the_uplink() {
        let steady = values(240e3, 25.0, Some(43.0));
        assert_eq!(likely_cause(&samples(4, 10, steady), &USUAL), Uplink);
        assert_eq!(likely_cause(&samples(4, 9, steady), &USUAL), Unknown);
        // One distance may be a lost sample.
        assert_eq!(likely_cause(&samples(2, 10, steady), &USUAL), Unknown);
    }

    #[test]
    fn video_that_stops_while_audio_continues_is_the_source() {
        assert_eq!(cause(0.0, 0.0, 43.0), Source);
        assert_eq!(cause(20e3, 0.0, 41.0), Source);
    }

    #[test]
    fn fewer_frames_while_audio_is_steady_are_the_encoder() {
        assert_eq!(cause(1_200e3, 12.0, 43.0), Encoder);
        assert_eq!(cause(240e3, 12.0, 43.0), Encoder);
    }

    #[test]
    fn nothing_in_samples_that_continue_is_the_encoder() {
        assert_eq!(cause(0.0, 0.0, 0.0), Encoder);
        // Of a stream that has no audio, the picture alone has stopped.
        let usual = UsualRates {
            audio_framerate: Some(0.0),
            ..USUAL
        };
        let nothing = samples(7, 5, values(0.0, 0.0, Some(0.0)));
        assert_eq!(likely_cause(&nothing, &usual), Unknown);
    }

    #[test]
    fn lost_audio_has_no_cause_that_samples_tell() {
        assert_eq!(cause(1_200e3, 25.0, 0.0), Unknown);
    }

    #[test]
    fn nothing_is_said_without_audio_rates_or_usual_ones() {
        for video in [0.0, 11.0, 25.0] {
            let of_snapshots = samples(7, 5, values(240e3, video, None));
            assert_eq!(likely_cause(&of_snapshots, &USUAL), Unknown);
            let unusual = samples(7, 5, values(240e3, video, Some(20.0)));
            assert_eq!(likely_cause(&unusual, &UsualRates::default()), Unknown);
        }
    }

    #[test]
    fn silence_has_a_cause_only_where_the_uplink_failed_before() {
        let failing = samples(4, 5, values(240e3, 11.0, Some(20.0)));
        assert_eq!(likely_cause_of_silence(&failing, &USUAL), Uplink);
        for before in [
            values(1_200e3, 25.0, Some(43.0)),
            values(0.0, 0.0, Some(0.0)),
            values(0.0, 0.0, Some(43.0)),
        ] {
            let before = samples(4, 5, before);
            assert_eq!(likely_cause_of_silence(&before, &USUAL), Unknown);
        }
        assert_eq!(likely_cause_of_silence(&[], &USUAL), Unknown);
    }

    proptest! {
        #[test]
        fn usual_samples_and_single_ones_have_no_cause(
            count in 1_i64..9, share in 0.8_f64..1.3, single in (0.0..2e6, 0.0..60.0, 0.0..60.0),
        ) {
            let usual = values(1_200e3 * share, 25.0 * share, Some(43.0 * share));
            prop_assert_eq!(likely_cause(&samples(count, 5, usual), &USUAL), Unknown);
            let (bitrate, video, audio) = single;
            let one = samples(1, 5, values(bitrate, video, Some(audio)));
            prop_assert_eq!(likely_cause(&one, &USUAL), Unknown);
        }

        #[test]
        fn healthy_sample_contradicts_every_cause_but_lost_samples(
            fault in (0.0..2e6, 0.0..60.0, 0.0..60.0), at in 0_usize..7,
        ) {
            let (bitrate, video, audio) = fault;
            let mut samples = samples(7, 5, values(bitrate, video, Some(audio)));
            samples[at].1 = values(1_200e3, 25.0, Some(43.0));
            prop_assert_eq!(likely_cause(&samples, &USUAL), Unknown);
        }
    }
}
