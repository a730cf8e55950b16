//! The ranges of missing samples that are to be requested.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::recording::Period;
use crate::state::ChannelKey;
use polyv_client::clock::Timestamp;

/// The ranges of missing samples that the scheduler has still to take: one of each channel at
/// most.
#[derive(Debug, Default)]
pub(super) struct MissingRanges {
    ranges: Mutex<VecDeque<(ChannelKey, Period)>>,
}

/// Polyv returns at most 3 hours of samples, by its own clock.
pub(super) const MAX_RANGE_MILLIS: i64 = (2 * 60 + 55) * 60 * 1000;
/// Samples may be late or corrected: the time before a gap is requested again.
pub(super) const OVERLAP_MILLIS: i64 = 60_000;

// === impl MissingRanges ===

impl MissingRanges {
    pub(super) fn push(&self, channel: ChannelKey, range: Period) {
        self.lock().push_back((channel, range));
    }

    pub(super) fn take(&self) -> Option<(ChannelKey, Period)> {
        self.lock().pop_front()
    }

    /// Forgets what the scheduler has not taken yet.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(ChannelKey, Period)>> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest part of `wanted`, at most `max_millis` long, that is neither covered nor excluded,
/// with a minute of what is wanted before it. All periods are sorted.
pub(super) fn newest_gap(
    wanted: Period,
    covered: &[Period],
    excluded: &[Period],
    max_millis: i64,
) -> Option<Period> {
    let mut known: Vec<Period> = covered.iter().chain(excluded).copied().collect();
    known.sort_by_key(|period| period.start);
    let mut gap = None;
    let mut from = wanted.start;
    let end_of_wanted = Period {
        start: wanted.end,
        end: wanted.end,
    };
    for period in known.iter().chain([&end_of_wanted]) {
        let until = period.start.min(wanted.end);
        if until > from {
            gap = Some(Period {
                start: from,
                end: until,
            });
        }
        from = from.max(period.end);
    }
    let gap = gap?;
    let earliest = gap.end.plus_millis(-max_millis);
    let start = gap.start.plus_millis(-OVERLAP_MILLIS).max(wanted.start);
    let start = start.max(earliest);
    Some(Period { start, ..gap })
}

/// The part of a time off air in which there are certainly no samples: polls see its beginning
/// late, and its end early at best.
pub(super) fn without_samples(off_air: Period) -> Option<Period> {
    const AFTER_END: i64 = 60_000;
    const BEFORE_START: i64 = 120_000;
    let period = Period {
        start: off_air.start.plus_millis(AFTER_END),
        end: off_air.end.plus_millis(-BEFORE_START),
    };
    (period.start < period.end).then_some(period)
}

/// A time before which Polyv has no samples.
pub(super) fn oldest_at_polyv(now: Timestamp) -> Timestamp {
    const REACH_MILLIS: i64 = (7 * 24 * 60 - 5) * 60 * 1000;
    now.plus_millis(-REACH_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(start: i64, end: i64) -> Period {
        Period {
            start: Timestamp::from_millis(start * 60_000),
            end: Timestamp::from_millis(end * 60_000),
        }
    }

    #[test]
    fn newest_gap_is_requested_first_with_a_minute_before_it() {
        let gap = |covered: &[Period], excluded: &[Period]| {
            newest_gap(period(0, 600), covered, excluded, MAX_RANGE_MILLIS)
        };
        let covered = [period(10, 100), period(120, 500), period(510, 600)];
        assert_eq!(gap(&covered, &[]), Some(period(499, 510)));
        assert_eq!(gap(&covered, &[period(499, 511)]), Some(period(99, 120)));
        // At most 2h55m, from its end.
        assert_eq!(gap(&[period(590, 600)], &[]), Some(period(415, 590)));
        assert_eq!(gap(&[period(0, 600)], &[]), None);
        assert_eq!(gap(&[period(-5, 300)], &[period(200, 700)]), None);
        // Nothing from before what is wanted.
        assert_eq!(gap(&[period(5, 600)], &[]), Some(period(0, 5)));
    }
}
