//! Which broadcasts a recording has.

use std::time::Duration;

use super::recording::Period;
use polyv_client::clock::Timestamp;

/// A broadcast: the time from the first to the last moment live, short interruptions included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broadcast {
    /// The first sample's time; where there are no samples, when the channel was first seen live.
    pub start: Timestamp,
    /// The last sample's time; where there are no samples, when the channel was last seen live.
    pub end: Timestamp,
    /// Whether the channel was still live when it was last recorded.
    pub is_live: bool,
}

/// What is known of one stretch of a broadcast.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    period: Period,
    is_samples: bool,
}

// === impl Broadcast ===

impl Broadcast {
    /// The time span, its end excluded.
    #[must_use]
    pub fn period(&self) -> Period {
        Period {
            start: self.start,
            end: self.end.plus_millis(1),
        }
    }
}

/// Finds broadcasts in the times of samples (sorted) and the periods in which the channel was seen
/// live. A time off air of `gap` or more ends one.
pub(super) fn find_broadcasts(
    sample_times: &[Timestamp],
    live: &[Period],
    still_live: bool,
    gap: Duration,
) -> Vec<Broadcast> {
    let mut stretches: Vec<Stretch> = sample_times
        .chunk_by(|a, b| b.since(*a) < gap)
        .filter_map(|times| {
            let (start, end) = (*times.first()?, *times.last()?);
            Some((Period { start, end }, true))
        })
        .chain(live.iter().map(|period| (*period, false)))
        .map(|(period, is_samples)| Stretch { period, is_samples })
        .collect();
    stretches.sort_by_key(|stretch| stretch.period.start);

    let mut groups: Vec<Vec<Stretch>> = Vec::new();
    let mut end: Option<Timestamp> = None;
    for stretch in stretches {
        let is_next = end.is_none_or(|end| stretch.period.start.since(end) >= gap);
        match groups.last_mut() {
            Some(group) if !is_next => group.push(stretch),
            _ => groups.push(vec![stretch]),
        }
        end = end.max(Some(stretch.period.end));
    }
    let count = groups.len();
    let broadcasts = groups.iter().zip(1..).filter_map(|(group, number)| {
        let has_samples = group.iter().any(|stretch| stretch.is_samples);
        let decisive = || group.iter().filter(|s| s.is_samples == has_samples);
        Some(Broadcast {
            start: decisive().map(|stretch| stretch.period.start).min()?,
            end: decisive().map(|stretch| stretch.period.end).max()?,
            is_live: still_live && number == count,
        })
    });
    broadcasts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_secs(300);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn period(start: i64, end: i64) -> Period {
        Period {
            start: at(start),
            end: at(end),
        }
    }

    fn bounds(broadcasts: &[Broadcast]) -> Vec<(i64, i64)> {
        let bounds = broadcasts.iter();
        let seconds = |time: Timestamp| time.as_millis() / 1000;
        bounds.map(|b| (seconds(b.start), seconds(b.end))).collect()
    }

    #[test]
    fn short_interruption_does_not_end_a_broadcast() {
        let times = [at(0), at(5), at(304), at(309), at(700)];
        let found = find_broadcasts(&times, &[], false, GAP);
        assert_eq!(bounds(&found), [(0, 309), (700, 700)]);
    }

    #[test]
    fn broadcast_lasts_from_its_first_to_its_last_sample() {
        let live = [period(10, 1000), period(1200, 1500)];
        let found = find_broadcasts(&[at(3), at(8), at(1300)], &live, true, GAP);
        assert_eq!(bounds(&found), [(3, 1300)]);
        assert!(found.iter().all(|broadcast| broadcast.is_live));
    }

    #[test]
    fn broadcast_without_samples_lasts_as_long_as_it_was_seen_live() {
        let found = find_broadcasts(&[at(9000)], &[period(10, 1000)], false, GAP);
        assert_eq!(bounds(&found), [(10, 1000), (9000, 9000)]);
    }
}
