//! Figures of one stream: distributions, time under thresholds, media that is missing.

use super::model::Distribution;
use super::spans::{Spans, length};
use super::timeline::StreamTimeline;
use crate::config::Expect;
use crate::recorder::Period;

/// An audio frame rate from this share of the usual one on is complete: Polyv rounds.
const AUDIO_COMPLETE_FROM: f64 = 0.95;

/// The distribution of values that hold for a period each.
pub(super) fn distribution(values: impl Iterator<Item = (Period, f64)>) -> Distribution {
    let mut values: Vec<_> = values
        .map(|(period, value)| (value, length(period)))
        .collect();
    values.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    Distribution {
        median: quantile(&values, 1, 2),
        p5: quantile(&values, 1, 20),
    }
}

/// The lowest value at which the weights of it and all lower ones are a share of all.
fn quantile(sorted: &[(f64, i64)], share: i64, of: i64) -> Option<f64> {
    let total: i64 = sorted.iter().map(|(_, weight)| weight).sum();
    let mut so_far = 0;
    let value = sorted.iter().find(|(_, weight)| {
        so_far += weight;
        so_far.saturating_mul(of) >= total.saturating_mul(share)
    });
    value.map(|(value, _)| *value)
}

/// How long the bitrate was under shares of the expected one, or of the baseline, in
/// milliseconds. `None` where there is neither.
pub(super) fn below<const N: usize>(
    shares: [f64; N],
    stream: &StreamTimeline<'_>,
    expect: &Expect,
) -> [Option<i64>; N] {
    let mut below = [None; N];
    for (period, bitrate) in stream.values(|values| values.video_bitrate) {
        let baseline = || Some(stream.baseline_at(period.start)?.video_bitrate);
        let Some(reference) = expect.video_bitrate_bps.or_else(baseline) else {
            continue;
        };
        for (share, total) in shares.iter().zip(&mut below) {
            let total = total.get_or_insert(0);
            if bitrate < reference * share {
                *total += length(period);
            }
        }
    }
    below
}

/// How much media of a stream is missing, in milliseconds: gaps between samples, and audio frames
/// that are fewer than usual. `docs/reports.md` has the method and its error.
///
/// Frames that stop altogether are no missing media: a picture that froze, or a microphone that
/// was switched off. Periods that Polyv has not delivered yet are not missing either.
pub(super) fn media_missing(stream: &StreamTimeline<'_>, off_air: &Spans) -> i64 {
    let in_gaps = stream.gaps().map(|gap| {
        let known: Spans = stream.covered.iter().chain(off_air.iter()).collect();
        (known.within(gap).total() - stream.interval).max(0)
    });
    let in_gaps: i64 = in_gaps.sum();
    let usual = stream.usual_audio_framerate.filter(|rate| *rate > 0.0);
    let in_samples = usual.map_or(0.0, |usual| {
        let values = stream.values(|values| values.audio_framerate);
        let shares = values.map(|(period, rate)| (period, rate / usual));
        shares
            .filter(|(_, share)| *share > 0.0 && *share < AUDIO_COMPLETE_FROM)
            .map(|(period, share)| milliseconds(period) * (1.0 - share))
            .sum()
    });
    #[allow(clippy::cast_possible_truncation)] // months at most
    let in_samples = in_samples.round() as i64;
    in_gaps + in_samples
}

#[allow(clippy::cast_precision_loss)] // exact for 285,000 years
fn milliseconds(period: Period) -> f64 {
    length(period) as f64
}
