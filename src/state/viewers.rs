//! How many people watch a channel.

use std::time::Duration;

use polyv_client::ViewerCount;
use polyv_client::clock::Timestamp;

/// An older count does not say how many are watching.
const MAX_AGE: Duration = Duration::from_secs(2 * 60);

/// The newest count of a channel's viewers.
#[derive(Debug, Clone, Default)]
pub(super) struct Viewers {
    newest: Option<ViewerCount>,
}

// === impl Viewers ===

impl Viewers {
    /// Takes the counts of a response, oldest first. Returns those that were not known before.
    pub(super) fn ingest(&mut self, counts: &[ViewerCount], now: Timestamp) -> Vec<ViewerCount> {
        let is_new = |count: &&ViewerCount| {
            let newest = self.newest.map(|newest| newest.time);
            // Clocks differ by a little. A count from the future would hide those that follow.
            Some(count.time) > newest && count.time <= now + MAX_AGE
        };
        let new: Vec<ViewerCount> = counts.iter().filter(is_new).copied().collect();
        self.newest = new.last().copied().or(self.newest);
        new
    }

    /// The number of viewers, unless the newest count is too old.
    pub(super) fn current(&self, now: Timestamp) -> Option<u64> {
        let newest = self.newest.filter(|_| self.fresh_for(now).is_some())?;
        Some(newest.count)
    }

    /// For how long the newest count is not too old.
    pub(super) fn fresh_for(&self, now: Timestamp) -> Option<Duration> {
        let left = (self.newest?.time + MAX_AGE).since(now);
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + second * 1000)
    }

    fn counts(points: &[(i64, u64)]) -> Vec<ViewerCount> {
        let count = |(second, count): &(i64, u64)| ViewerCount {
            time: at(*second),
            count: *count,
        };
        points.iter().map(count).collect()
    }

    #[test]
    fn known_counts_are_not_new_again_and_an_old_one_is_not_shown() {
        let mut viewers = Viewers::default();
        assert_eq!(viewers.current(at(0)), None);
        let first = counts(&[(0, 10), (10, 20)]);
        assert_eq!(viewers.ingest(&first, at(12)), first);
        let more = counts(&[(0, 10), (10, 20), (20, 30)]);
        assert_eq!(viewers.ingest(&more, at(22)), counts(&[(20, 30)]));
        assert_eq!(viewers.ingest(&first, at(23)), []);
        assert_eq!(viewers.current(at(139)), Some(30));
        assert_eq!(viewers.fresh_for(at(139)), Some(Duration::from_secs(1)));
        assert_eq!(viewers.current(at(140)), None);
        // A count from the future is ignored.
        assert_eq!(viewers.ingest(&counts(&[(900, 1)]), at(23)), []);
    }
}
