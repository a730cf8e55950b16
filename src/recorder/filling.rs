//! When a channel's missing samples are requested.

use std::time::Duration;

use super::missing_ranges::MAX_RANGE_MILLIS;
use polyv_client::Outcome;
use polyv_client::clock::Timestamp;

/// The filling of one channel's gaps: one range after the other, while the channel is live.
#[derive(Debug)]
pub(super) struct Filling {
    /// When to look for missing samples; `None` while the channel is not live.
    look_at: Option<Timestamp>,
    /// The longest range to request, in milliseconds.
    pub(super) max_range: i64,
    /// Requests that failed in a row.
    failures: u32,
    /// Responses in a row that were not complete.
    incomplete: u32,
    /// Samples that were filled since the last time that nothing was missing.
    samples: u64,
}

/// Whether a range has to be requested once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// All of it is there, as far as Polyv has it.
    Whole,
    /// Some samples could not be read: the same request may bring them a little later.
    InPart,
}

/// How long a channel is live before its missing samples are requested, and how long to wait
/// after the first failure, or after a call was put off.
const SHORT_WAIT: Duration = Duration::from_secs(5);
/// The wait doubles with each failure, this often at most: to nearly six hours.
const MAX_DOUBLINGS: u32 = 12;
/// How often a range is requested once more because some samples can't be read: within 75
/// seconds. What is unreadable then stays so.
const MAX_INCOMPLETE: u32 = 4;
/// How often is looked for missing samples. A range that was neither received nor failed by then
/// was lost.
const LOOK_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// The shortest range that is requested where longer ones fail.
const MIN_RANGE_MILLIS: i64 = 10 * 60 * 1000;

// === impl Filling ===

impl Filling {
    pub(super) const fn new() -> Self {
        Self {
            look_at: None,
            max_range: MAX_RANGE_MILLIS,
            failures: 0,
            incomplete: 0,
            samples: 0,
        }
    }

    /// The channel is live.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.look_at.get_or_insert(now + SHORT_WAIT);
    }

    /// The channel is not live: Polyv refuses its samples.
    pub(super) fn pause(&mut self) {
        self.look_at = None;
    }

    /// Samples were lost.
    pub(super) fn look_soon(&mut self, now: Timestamp) {
        self.look_at = self.look_at.map(|at| at.min(now));
    }

    /// Whether it is time to look for missing samples. It is again after a while, or as soon as
    /// the range was received or failed.
    pub(super) fn take_turn(&mut self, now: Timestamp) -> bool {
        let is_due = self.look_at.is_some_and(|at| at <= now);
        if is_due {
            self.look_at = Some(now + LOOK_INTERVAL);
        }
        is_due
    }

    /// A range was received, with `samples` that were missing.
    pub(super) fn received(&mut self, samples: u64, is_complete: bool, now: Timestamp) -> Received {
        self.samples += samples;
        self.failures = 0;
        if is_complete || self.incomplete == MAX_INCOMPLETE {
            self.incomplete = 0;
            self.max_range = MAX_RANGE_MILLIS;
            self.look_at = self.look_at.map(|_| now);
            Received::Whole
        } else {
            self.incomplete += 1;
            self.wait(doubled(self.incomplete), now);
            Received::InPart
        }
    }

    /// A range could not be received; whether that is the first time in a row. It is requested
    /// again later, and fewer samples at a time: the response may have been too large.
    pub(super) fn failed(&mut self, outcome: Outcome, now: Timestamp) -> bool {
        // A call that was not sent says nothing about the range.
        let wait = if outcome == Outcome::Throttled {
            SHORT_WAIT
        } else {
            self.max_range = (self.max_range / 2).max(MIN_RANGE_MILLIS);
            self.failures += 1;
            doubled(self.failures)
        };
        self.wait(wait, now);
        self.failures == 1 && outcome != Outcome::Throttled
    }

    /// Nothing is missing. Returns how many samples were filled until then, if any.
    pub(super) fn finish(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.samples)).filter(|samples| *samples > 0)
    }

    fn wait(&mut self, wait: Duration, now: Timestamp) {
        self.look_at = self.look_at.map(|_| now + wait);
    }
}

/// How long to wait after a number of failures in a row.
fn doubled(failures: u32) -> Duration {
    SHORT_WAIT * 2_u32.pow((failures - 1).min(MAX_DOUBLINGS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn failures_wait_longer_each_time_and_request_less() {
        let mut filling = Filling::new();
        assert!(!filling.take_turn(at(0)));
        filling.begin(at(0));
        assert!(!filling.take_turn(at(4)) && filling.take_turn(at(5)));
        assert!(filling.failed(Outcome::BadResponse, at(6)));
        assert_eq!(filling.max_range, MAX_RANGE_MILLIS / 2);
        assert!(!filling.take_turn(at(10)) && filling.take_turn(at(11)));
        assert!(!filling.failed(Outcome::BadResponse, at(12)));
        assert!(!filling.take_turn(at(21)) && filling.take_turn(at(22)));
        assert_eq!(filling.received(3, true, at(23)), Received::Whole);
        assert!(filling.take_turn(at(23)));
        assert_eq!(filling.max_range, MAX_RANGE_MILLIS);
        assert_eq!((filling.finish(), filling.finish()), (Some(3), None));

        for _ in 0..40 {
            filling.failed(Outcome::BadResponse, at(0));
        }
        assert!(!filling.take_turn(at(20_479)) && filling.take_turn(at(20_480)));
    }

    #[test]
    fn unreadable_samples_are_requested_a_few_times_more() {
        let mut filling = Filling::new();
        filling.begin(at(0));
        let mut now = 5;
        for wait in [5, 10, 20, 40] {
            assert!(filling.take_turn(at(now)));
            assert_eq!(filling.received(1, false, at(now)), Received::InPart);
            now += wait;
            assert!(!filling.take_turn(at(now - 1)));
        }
        assert!(filling.take_turn(at(now)));
        assert_eq!(filling.received(1, false, at(now)), Received::Whole);
        assert_eq!(filling.received(1, false, at(now)), Received::InPart);
    }

    #[test]
    fn range_without_a_response_is_looked_for_after_a_while() {
        let mut filling = Filling::new();
        filling.begin(at(0));
        assert!(filling.take_turn(at(5)));
        assert!(!filling.take_turn(at(304)) && filling.take_turn(at(305)));
    }
}
