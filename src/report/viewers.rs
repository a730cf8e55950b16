//! The viewers of a broadcast, and of its interruptions.

use super::course::Course;
use super::model::ViewerSummary;
use super::spans::{Spans, length};
use crate::recorder::{Period, ViewerCount};
use polyv_client::clock::Timestamp;

/// A count is valid for this long, unless a newer one replaces it.
const VALID_MS: i64 = 120_000;

/// The counts of a broadcast, oldest first.
pub(super) struct ViewerCourse {
    counts: Vec<ViewerCount>,
    broadcast: Period,
}

// === impl ViewerCourse ===

impl ViewerCourse {
    /// Polyv counts no viewers while a channel is off air: those who wait for it stay its viewers.
    pub(super) fn new(counts: &[ViewerCount], off_air: &Spans, broadcast: Period) -> Self {
        let counts = counts.iter().filter(|count| !off_air.contains(count.time));
        Self {
            counts: counts.copied().collect(),
            broadcast,
        }
    }

    /// The viewers at a moment; `None` where the newest count is too old.
    pub(super) fn at(&self, time: Timestamp) -> Option<u64> {
        let after = self.counts.partition_point(|count| count.time <= time);
        let newest = self.counts.get(after.checked_sub(1)?)?;
        (time.millis_after(newest.time) <= VALID_MS).then_some(newest.count)
    }

    /// The counts with the period for which each is valid, within the broadcast.
    fn valid(&self) -> impl Iterator<Item = (Period, u64)> + '_ {
        let broadcast = self.broadcast;
        let next = self.counts.iter().skip(1).map(|count| Some(count.time));
        let with_next = self.counts.iter().zip(next.chain([None]));
        let valid = with_next.map(move |(count, next)| {
            let outdated = count.time.plus_millis(VALID_MS);
            let end = next.map_or(outdated, |next| next.min(outdated));
            let period = Period {
                start: count.time.max(broadcast.start),
                end: end.min(broadcast.end),
            };
            (period, count.count)
        });
        valid.filter(|(period, _)| length(*period) > 0)
    }

    /// The summary; `affected` are the periods with interruptions.
    pub(super) fn summary(&self, affected: &Spans) -> ViewerSummary {
        // The sum of nothing would be -0.
        let affected = affected
            .iter()
            .fold(0.0, |sum, p| sum + self.viewer_time(p));
        let peak = self.valid().map(|(_, count)| count).max();
        let (mut sum, mut time) = (0.0, 0.0);
        for (period, count) in self.valid() {
            sum += product(length(period), count);
            time += product(length(period), 1);
        }
        ViewerSummary {
            peak,
            average: peak.map(|_| sum / time),
            affected_minutes: peak.map(|_| affected / 60_000.0),
        }
    }

    /// The viewers of an interruption times its length in milliseconds. The count at its start
    /// stays valid until a newer one: there are none of a channel that is off air.
    fn viewer_time(&self, period: Period) -> f64 {
        let first = self
            .counts
            .partition_point(|count| count.time <= period.start);
        let within = self.counts.iter().skip(first);
        let within = within.take_while(|count| count.time < period.end);
        let mut present = self.at(period.start).unwrap_or(0);
        let (mut since, mut total) = (period.start, 0.0);
        for count in within {
            total += product(count.time.millis_after(since), present);
            (since, present) = (count.time, count.count);
        }
        total + product(period.end.millis_after(since), present)
    }

    /// The viewers over the broadcast, for a chart.
    #[allow(clippy::cast_precision_loss)] // there are fewer viewers than 2^52
    pub(super) fn course(&self) -> Course {
        let counts = self.valid().map(|(period, count)| (period, count as f64));
        Course::new(self.broadcast, counts)
    }
}

#[allow(clippy::cast_precision_loss)] // both are far under 2^52
fn product(millis: i64, viewers: u64) -> f64 {
    millis as f64 * viewers as f64
}
