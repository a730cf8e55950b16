//! A stream's usual levels, by which a drop is detected where none are configured.

use std::ops::Range;
use std::time::Duration;

use polyv_client::clock::Timestamp;

/// The span of the bitrates whose median is the baseline.
const MEDIAN_SPAN: Duration = Duration::from_secs(30 * 60);
/// The baseline is unknown until the session's samples span this.
pub(super) const MIN_SPAN: Duration = Duration::from_secs(2 * 60);
/// The longest time for which the baseline is held while the bitrate is under half of it.
pub(super) const MAX_HOLD: Duration = Duration::from_secs(30 * 60);
/// Samples that arrive late by up to a minute make no difference, responses overlap by as much;
/// and they may change the beginning of a bucket of 10 seconds.
const SETTLE_TIME: Duration = Duration::from_secs(60 + 10);

/// The video bitrate and the frame rates of a stream at one time, or its usual ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Levels {
    pub(super) video_bitrate: f64,
    /// Missing where no frame rate is known.
    pub(super) video_framerate: Option<f64>,
    /// Missing where no frame rate is known; 0 for a stream that has no audio.
    pub(super) audio_framerate: Option<f64>,
}

/// The baseline of one session: the medians of its levels.
///
/// It depends on the levels in the order of their *time*: it advances from bucket to bucket of
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

/// The baseline after some of the levels of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct BaselineState {
    pub(super) value: Option<Levels>,
    held_since: Option<Timestamp>,
}

// === impl Baseline ===

impl Baseline {
    /// The baseline at the newest sample.
    pub(super) fn value(&self) -> Option<Levels> {
        self.newest.value
    }

    /// Advances to the newest of the session's levels, which are sorted by time.
    pub(super) fn update(&mut self, levels: &[(Timestamp, Levels)]) {
        let (Some((oldest, _)), Some((newest, _))) = (levels.first(), levels.last()) else {
            return;
        };
        let first = self.first.map_or(*oldest, |first| first.min(*oldest));
        self.first = Some(first);
        let settled_until = *newest - SETTLE_TIME;
        let count_until = |until| levels.partition_point(|(time, _)| Some(*time) <= until);
        let settled_before = count_until(self.settled_until);
        let settled = count_until(Some(settled_until));
        self.settled
            .advance_through(levels, settled_before..settled, first);
        self.newest = self.settled;
        let newer = settled.max(settled_before)..levels.len();
        self.newest.advance_through(levels, newer, first);
        self.settled_until = self.settled_until.max(Some(settled_until));
    }
}

// === impl BaselineState ===

impl BaselineState {
    /// Advances through the levels with these indices, of a session that began at `first`.
    pub(super) fn advance_through(
        &mut self,
        levels: &[(Timestamp, Levels)],
        indices: Range<usize>,
        first: Timestamp,
    ) {
        let windows =
            indices.filter_map(|index| self.advance_bitrate(levels.get(..=index)?, first));
        // Whether a level is held depends on bitrates alone, so the last frame rates suffice.
        let (Some(window), Some(value)) = (windows.last(), &mut self.value) else {
            return;
        };
        value.video_framerate = median_of(window, |level| level.video_framerate);
        value.audio_framerate = median_of(window, |level| level.audio_framerate);
    }

    /// Advances the bitrate to the last of these levels. Returns those that count for its median,
    /// or `None` where it is held.
    fn advance_bitrate<'a>(
        &mut self,
        levels: &'a [(Timestamp, Levels)],
        first: Timestamp,
    ) -> Option<&'a [(Timestamp, Levels)]> {
        let (time, level) = *levels.last()?;
        match self.value {
            None if time.since(first) < MIN_SPAN => return None,
            Some(value) if level.video_bitrate < value.video_bitrate / 2.0 => {
                let since = *self.held_since.get_or_insert(time);
                if time.since(since) < MAX_HOLD {
                    return None;
                }
            }
            _ => {}
        }
        let oldest = levels.partition_point(|(old, _)| *old + MEDIAN_SPAN <= time);
        let window = levels.get(oldest..)?;
        let video_bitrate = median_of(window, |level| Some(level.video_bitrate))?;
        self.value = Some(Levels {
            video_bitrate,
            video_framerate: self.value.and_then(|value| value.video_framerate),
            audio_framerate: self.value.and_then(|value| value.audio_framerate),
        });
        self.held_since = None;
        Some(window)
    }
}

/// The median of a field of levels, as far as they have it.
fn median_of(
    levels: &[(Timestamp, Levels)],
    field: impl Fn(&Levels) -> Option<f64>,
) -> Option<f64> {
    let mut values = Vec::with_capacity(levels.len());
    values.extend(levels.iter().filter_map(|(_, level)| field(level)));
    median(values)
}

/// The median; the middle between the two middle ones of an even number.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    if values.is_empty() {
        return None;
    }
    let (lower, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let lower = lower.iter().copied().reduce(f64::max).filter(|_| is_even);
    Some(f64::midpoint(lower.unwrap_or(upper), upper))
}
