//! Sets of moments, as periods that do not overlap.

use crate::recorder::Period;
use polyv_client::clock::Timestamp;

/// Periods in the order of time, which neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spans(Vec<Period>);

/// The milliseconds of a period.
pub(super) fn length(period: Period) -> i64 {
    period.end.millis_after(period.start).max(0)
}

/// Milliseconds as seconds.
#[allow(clippy::cast_precision_loss)] // exact for 285,000 years
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

// === impl Spans ===

impl Spans {
    /// The periods, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Period> + '_ {
        self.0.iter().copied()
    }

    /// The sum of the lengths in milliseconds.
    pub(super) fn total(&self) -> i64 {
        self.iter().map(length).sum()
    }

    /// The part of a period that is in this set.
    pub(super) fn within(&self, period: Period) -> Self {
        let first = self.0.partition_point(|span| span.end <= period.start);
        let overlapping = self.0.iter().skip(first);
        let overlapping = overlapping.take_while(|span| span.start < period.end);
        let clipped = overlapping.map(|span| Period {
            start: span.start.max(period.start),
            end: span.end.min(period.end),
        });
        Self(clipped.collect())
    }

    /// The part of a period that is not in this set.
    pub(super) fn missing_in(&self, period: Period) -> Self {
        let mut rest = Vec::new();
        let mut start = period.start;
        for span in self.within(period).iter() {
            rest.push(Period {
                start,
                end: span.start,
            });
            start = span.end;
        }
        rest.push(Period {
            start,
            end: period.end,
        });
        rest.into_iter().collect()
    }

    /// Whether a moment is in this set.
    pub(super) fn contains(&self, time: Timestamp) -> bool {
        let after = self.0.partition_point(|span| span.end <= time);
        self.0.get(after).is_some_and(|span| span.start <= time)
    }
}

impl FromIterator<Period> for Spans {
    /// Unites periods in any order.
    fn from_iter<T: IntoIterator<Item = Period>>(periods: T) -> Self {
        let mut periods: Vec<_> = periods.into_iter().filter(|p| length(*p) > 0).collect();
        periods.sort_by_key(|period| period.start);
        let mut united: Vec<Period> = Vec::new();
        for period in periods {
            match united.last_mut() {
                Some(last) if period.start <= last.end => last.end = last.end.max(period.end),
                _ => united.push(period),
            }
        }
        Self(united)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn period(start: i64, length: i64) -> Period {
        Period {
            start: Timestamp::from_millis(start),
            end: Timestamp::from_millis(start + length),
        }
    }

    proptest! {
        #[test]
        fn spans_are_a_set_of_moments(
            periods in proptest::collection::vec((0_i64..60, 0_i64..20), 0..12),
            (start, length) in (0_i64..70, 0_i64..40),
        ) {
            let spans: Spans = periods.iter().map(|(start, l)| period(*start, *l)).collect();
            let is_in = |moment: i64| periods.iter().any(|(s, l)| (*s..s + l).contains(&moment));
            let count = |moments: std::ops::Range<i64>, inside: bool| {
                i64::try_from(moments.filter(|m| is_in(*m) == inside).count()).unwrap()
            };
            for moment in 0..90 {
                prop_assert_eq!(spans.contains(Timestamp::from_millis(moment)), is_in(moment));
            }
            prop_assert_eq!(spans.total(), count(0..90, true));
            let part = period(start, length);
            prop_assert_eq!(spans.within(part).total(), count(start..start + length, true));
            prop_assert_eq!(spans.missing_in(part).total(), count(start..start + length, false));
        }
    }
}
