//! What a low bitrate is for a stream: the 10th percentile of its session.

use std::time::Duration;

use super::baseline::{MAX_HOLD, MIN_SPAN};
use polyv_client::clock::Timestamp;

/// The 10th percentile of a session's bitrates, of its last one and a half to three hours.
///
/// Bitrates are counted on a logarithmic scale, in the order of their time. While they are under
/// half of the percentile they wait: a fault is not learnt, but the slides of a lecture are once
/// they are over. They count as well when they have waited as long as a baseline is held.
///
/// A tenth of an hour is six minutes, and slides of two are usual too. So what was low for a
/// minute is usual for some time after it is over, however few bitrates that are: it warns once.
#[derive(Debug, Clone, Default)]
pub(super) struct LowBitrate {
    bins: Vec<Bin>,
    /// When the newer half of the span began.
    half_began: Option<Timestamp>,
    /// Boxed, since few streams have any.
    waiting: Option<Box<Waiting>>,
    /// What was low before, if that is less than the percentile; and since when it is over.
    known_low: Option<(Timestamp, f64)>,
}

/// Bitrates that are under half of the percentile.
#[derive(Debug, Clone)]
struct Waiting {
    since: Timestamp,
    bins: Vec<Bin>,
}

/// How many bitrates there are within 5 % of a power of [`RATIO`].
#[derive(Debug, Clone, Copy)]
struct Bin {
    exponent: u8,
    newer: u16,
    older: u16,
}

const RATIO: f64 = 1.1;
const SHARE: f64 = 0.1;
const MEDIAN: f64 = 0.5;
/// How long a bitrate has to be low to be usual for some time.
const MIN_LOW: Duration = Duration::from_secs(60);
/// Half of the span that is counted, and how long a low bitrate is usual after it is over.
const HALF_SPAN: Duration = Duration::from_secs(90 * 60);

// === impl LowBitrate ===

impl LowBitrate {
    /// Adds a bitrate that is later than all others. Where frames were lost at a low one, it is a
    /// fault and never counts.
    pub(super) fn add(&mut self, time: Timestamp, bitrate: f64, frames_lost: bool) {
        self.age(time);
        let is_known = self
            .half_began
            .is_some_and(|began| time.since(began) >= MIN_SPAN)
            || self.bins.iter().any(|bin| bin.older > 0);
        let low = self.value().filter(|_| is_known);
        if low.is_none_or(|low| bitrate >= low / 2.0) {
            self.stop_waiting(time);
            count(&mut self.bins, Bin::with(exponent(bitrate)));
            return;
        }
        let waiting = self.waiting.get_or_insert_with(|| {
            Box::new(Waiting {
                since: time,
                bins: Vec::new(),
            })
        });
        if !frames_lost {
            count(&mut waiting.bins, Bin::with(exponent(bitrate)));
        }
        if time.since(waiting.since) >= MAX_HOLD {
            self.stop_waiting(time);
        }
    }

    /// The 10th percentile within 5 %, or less where a bitrate was low before; `None` before the
    /// first bitrate.
    pub(super) fn value(&self) -> Option<f64> {
        let percentile = quantile(&self.bins, SHARE)?;
        Some(
            self.known_low
                .map_or(percentile, |(_, low)| low.min(percentile)),
        )
    }

    /// Begins the next half of the span when its time has come.
    fn age(&mut self, time: Timestamp) {
        let began = *self.half_began.get_or_insert(time);
        if time.since(began) >= HALF_SPAN {
            self.half_began = Some(time);
            for bin in &mut self.bins {
                bin.older = std::mem::take(&mut bin.newer);
            }
            self.bins.retain(|bin| bin.older > 0);
        }
        self.known_low = self
            .known_low
            .filter(|(over, _)| time.since(*over) < HALF_SPAN);
    }

    fn stop_waiting(&mut self, time: Timestamp) {
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        if time.since(waiting.since) >= MIN_LOW
            && let Some(low) = quantile(&waiting.bins, MEDIAN)
        {
            let lower = self.known_low.map_or(low, |(_, known)| known.min(low));
            self.known_low = Some((time, lower));
        }
        for bin in waiting.bins {
            count(&mut self.bins, bin);
        }
    }
}

// === impl Bin ===

impl Bin {
    /// One bitrate.
    const fn with(exponent: u8) -> Self {
        Self {
            exponent,
            newer: 1,
            older: 0,
        }
    }

    fn total(self) -> u32 {
        u32::from(self.newer) + u32::from(self.older)
    }
}

/// The bitrate under or at which this share of all bitrates is, within 5 %.
fn quantile(bins: &[Bin], share: f64) -> Option<f64> {
    let total: u32 = bins.iter().map(|bin| bin.total()).sum();
    let rank = f64::from(total) * share;
    let mut counted = 0;
    let bin = bins.iter().find(|bin| {
        counted += bin.total();
        f64::from(counted) >= rank
    })?;
    Some(bitrate(bin.exponent))
}

/// Adds a bin's bitrates to those of bins that are sorted by their exponents.
fn count(bins: &mut Vec<Bin>, added: Bin) {
    match bins.binary_search_by_key(&added.exponent, |bin| bin.exponent) {
        Ok(index) => {
            if let Some(bin) = bins.get_mut(index) {
                bin.newer = bin.newer.saturating_add(added.newer);
            }
        }
        Err(index) => {
            // There are few bins, and many streams.
            bins.reserve_exact(1);
            bins.insert(index, added);
        }
    }
}

/// The power of [`RATIO`] nearest to a bitrate.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates beyond 36 Gbit/s
fn exponent(bitrate: f64) -> u8 {
    (bitrate.max(1.0).ln() / RATIO.ln()).round() as u8
}

fn bitrate(exponent: u8) -> f64 {
    match exponent {
        0 => 0.0,
        _ => RATIO.powi(exponent.into()).round(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1000)
    }

    /// Plays a bitrate every 5 seconds.
    fn play(low: &mut LowBitrate, from: i64, until: i64, bitrate: f64) {
        for seconds in (from..until).step_by(5) {
            low.add(at(seconds), bitrate, false);
        }
    }

    fn assert_near(low: &LowBitrate, expected: f64) {
        let value = low.value().unwrap();
        assert!(
            (value / expected - 1.0).abs() <= 0.05,
            "{value}, not {expected}"
        );
    }

    #[test]
    fn drop_counts_when_it_is_over() {
        let mut low = LowBitrate::default();
        play(&mut low, 0, 600, 1e6);
        play(&mut low, 600, 1200, 180e3);
        assert_near(&low, 1e6);
        play(&mut low, 1200, 1205, 1e6);
        assert_near(&low, 180e3);
    }

    #[test]
    fn drop_counts_after_half_an_hour() {
        let mut low = LowBitrate::default();
        play(&mut low, 0, 600, 1e6);
        play(&mut low, 600, 2400, 180e3);
        assert_near(&low, 1e6);
        play(&mut low, 2400, 2405, 180e3);
        assert_near(&low, 180e3);
    }

    #[test]
    fn what_was_low_for_a_minute_is_usual_for_a_while() {
        let mut low = LowBitrate::default();
        play(&mut low, 0, 3600, 1e6);
        play(&mut low, 3600, 3655, 180e3);
        play(&mut low, 3655, 3700, 1e6);
        assert_near(&low, 1e6);
        play(&mut low, 3700, 3800, 100e3);
        assert_near(&low, 1e6);
        play(&mut low, 3800, 3805, 1e6);
        assert_near(&low, 100e3);
        play(&mut low, 3805, 3800 + 5400, 1e6);
        assert_near(&low, 100e3);
        play(&mut low, 3800 + 5400, 3800 + 5405, 1e6);
        assert_near(&low, 1e6);
    }

    #[test]
    fn drop_with_loss_of_frames_never_counts() {
        let mut low = LowBitrate::default();
        play(&mut low, 0, 600, 1e6);
        for seconds in (600..1200).step_by(5) {
            low.add(at(seconds), 180e3, true);
        }
        play(&mut low, 1200, 1205, 1e6);
        assert_near(&low, 1e6);
    }

    #[test]
    fn burst_at_the_start_is_not_what_later_bitrates_are_measured_by() {
        let mut low = LowBitrate::default();
        play(&mut low, 0, 15, 5e6);
        play(&mut low, 15, 300, 1e6);
        assert_near(&low, 1e6);
    }

    #[test]
    fn bitrates_of_more_than_three_hours_ago_do_not_count() {
        let mut low = LowBitrate::default();
        play(&mut low, 0, 3600, 600e3);
        play(&mut low, 3600, 3 * 3600 + 5, 1e6);
        assert_near(&low, 1e6);
    }

    proptest! {
        #[test]
        fn value_is_the_tenth_percentile_within_5_percent(
            bitrates in proptest::collection::vec(1e6..1.9e6, 1..800),
        ) {
            let mut low = LowBitrate::default();
            for (index, bitrate) in bitrates.iter().enumerate() {
                low.add(at(i64::try_from(index).unwrap() * 5), *bitrate, false);
            }
            let mut sorted = bitrates;
            sorted.sort_by(f64::total_cmp);
            let exact = sorted[sorted.len().div_ceil(10) - 1];
            let value = low.value().unwrap();
            prop_assert!((value / exact - 1.0).abs() <= 0.05, "{} is not near {}", value, exact);
        }
    }
}
