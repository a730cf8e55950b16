//! A stream's usual bitrate, by which a drop is detected where no bitrate is configured.

use std::time::Duration;

use super::history::HISTORY_BUCKET;
use polyv_client::clock::Timestamp;

/// The span of the bitrates whose median is the baseline.
const MEDIAN_SPAN: Duration = Duration::from_secs(30 * 60);
/// The baseline is unknown until the session's samples span this.
const MIN_SPAN: Duration = Duration::from_secs(2 * 60);
/// The longest time for which the baseline is held while the bitrate is under half of it.
const MAX_HOLD: Duration = Duration::from_secs(30 * 60);
/// Samples that arrive late by up to a minute make no difference; responses overlap by as much.
const SETTLE_TIME: Duration = Duration::from_secs(60).saturating_add(HISTORY_BUCKET);

/// The baseline of one session's bitrates.
///
/// It depends on the bitrates in the order of their *time*: it advances from bucket to bucket of
/// the stream's history, but only over those that are so old that no late sample changes them.
/// The baseline at the newest sample is found by advancing a copy, so the order in which samples
/// *arrived* makes no difference.
#[derive(Debug, Clone, Default)]
pub(super) struct Baseline {
    first: Option<Timestamp>,
    settled: BaselineState,
    settled_until: Option<Timestamp>,
    newest: BaselineState,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct BaselineState {
    value: Option<f64>,
    held_since: Option<Timestamp>,
}

// === impl Baseline ===

impl Baseline {
    /// The baseline at the newest sample.
    pub(super) fn value(&self) -> Option<f64> {
        self.newest.value
    }

    /// Advances to the newest of the session's bitrates, which are sorted by time.
    pub(super) fn update(&mut self, bitrates: &[(Timestamp, f32)]) {
        let (Some((oldest, _)), Some((newest, _))) = (bitrates.first(), bitrates.last()) else {
            return;
        };
        let first = self.first.map_or(*oldest, |first| first.min(*oldest));
        self.first = Some(first);
        let settled_until = *newest - SETTLE_TIME;
        let count_until = |until| bitrates.partition_point(|(time, _)| Some(*time) <= until);
        let settled_before = count_until(self.settled_until);
        let settled = count_until(Some(settled_until));
        for count in settled_before..settled {
            self.settled.advance(bitrates.get(..=count), first);
        }
        self.newest = self.settled;
        for count in settled.max(settled_before)..bitrates.len() {
            self.newest.advance(bitrates.get(..=count), first);
        }
        self.settled_until = self.settled_until.max(Some(settled_until));
    }
}

// === impl BaselineState ===

impl BaselineState {
    /// Advances to the last of these bitrates of a session that began at `first`.
    fn advance(&mut self, bitrates: Option<&[(Timestamp, f32)]>, first: Timestamp) {
        let Some((bitrates, (time, bitrate))) = bitrates.and_then(|b| Some((b, *b.last()?))) else {
            return;
        };
        match self.value {
            None if time.since(first) < MIN_SPAN => return,
            Some(value) if f64::from(bitrate) < value / 2.0 => {
                let since = *self.held_since.get_or_insert(time);
                if time.since(since) < MAX_HOLD {
                    return;
                }
            }
            _ => {}
        }
        let window = bitrates.iter().rev();
        let window = window.take_while(|(old, _)| *old + MEDIAN_SPAN > time);
        self.value = median(window.map(|(_, bitrate)| *bitrate).collect());
        self.held_since = None;
    }
}

fn median(mut values: Vec<f32>) -> Option<f64> {
    let middle = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    if values.is_empty() {
        return None;
    }
    let (lower, upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    let lower = lower.iter().copied().max_by(f32::total_cmp);
    let lower = lower.filter(|_| is_even).unwrap_or(*upper);
    Some(f64::midpoint(f64::from(lower), f64::from(*upper)))
}
