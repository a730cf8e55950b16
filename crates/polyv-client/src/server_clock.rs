//! Polyv's clock, estimated from the `Date` headers of its responses.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, MonotonicInstant, TimeSnapshot, Timestamp};

/// A `Date` header has whole seconds; on average half of one has passed since.
const MEAN_TRUNCATION_MS: i64 = 500;
/// The number of responses that the estimate is based on. Their median is exact to a few
/// tenths of a second, and neither a slow response nor a single host of Polyv's with a wrong
/// clock moves it.
const MAX_OBSERVATIONS: usize = 9;
/// Polyv accepts timestamps that are up to 3 minutes off its clock; a call takes some time as well.
const MAX_ACCEPTED_SKEW_MS: u64 = 240_000;
/// Polyv rejects timestamps that are over 3 minutes off its clock, less the time that a call takes.
const MIN_REJECTED_SKEW_MS: u64 = 120_000;

/// An estimate of Polyv's clock.
///
/// Signatures are valid for 3 minutes by *Polyv's* clock, and samples carry its time.
/// Therefore "now" is the monotonic clock plus an offset from the `Date` headers of Polyv's
/// responses: monitoring continues on a host whose clock is wrong or is set. Before the first
/// response the host's clock is used.
///
/// A proxy may send a wrong `Date`. A timestamp that Polyv accepts is close to its clock, so a
/// `Date` far from it is ignored. After Polyv rejected the time of the `Date`, the next call is
/// signed with the host's; after it rejected another one, with that of the `Date`. Whichever is
/// accepted is kept.
#[derive(Debug)]
pub struct ServerClock {
    clock: Clock,
    estimate: Mutex<Estimate>,
}

/// What is known of Polyv's clock. Offsets are a clock's time minus the monotonic clock's, in
/// milliseconds.
#[derive(Debug, Default)]
struct Estimate {
    /// The offsets of the latest `Date` headers, oldest first.
    dates: VecDeque<i64>,
    last_date: Option<MonotonicInstant>,
    /// The offset of the latest timestamp that Polyv accepted.
    accepted: Option<i64>,
    /// The offset of Polyv's clock, unless the host's clock is used.
    offset: Option<i64>,
}

/// What a response says about the timestamp of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimestampCheck {
    Accepted,
    Rejected,
    Unknown,
}

/// The difference between Polyv's `Date` headers and the host's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockSkew {
    /// The `Date` minus the host's clock.
    pub seconds: f64,
    /// Whether the `Date` is wrong and not the host's clock: Polyv accepts the host's time.
    pub date_is_wrong: bool,
}

impl ClockSkew {
    /// Whether the clocks differ so much that it is worth a look. Beyond 3 minutes Polyv rejects
    /// signatures.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.seconds.abs() > 30.0
    }
}

impl ServerClock {
    /// A server clock without observations.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            estimate: Mutex::default(),
        }
    }

    /// The host's own clock.
    #[must_use]
    pub fn host(&self) -> &Clock {
        &self.clock
    }

    /// The current time by the monotonic clock and by Polyv's.
    #[must_use]
    pub fn now(&self) -> TimeSnapshot {
        let monotonic = self.clock.monotonic();
        let estimated = self.estimate().offset.map(|offset| at(monotonic, offset));
        TimeSnapshot {
            monotonic,
            server_time: estimated.unwrap_or_else(|| self.clock.wall()),
        }
    }

    /// Records a response with this `Date` header to a call that was signed at `signed`.
    pub(crate) fn record(
        &self,
        signed: TimeSnapshot,
        check: TimestampCheck,
        date: Timestamp,
        arrived: MonotonicInstant,
    ) {
        let mut estimate = self.estimate();
        let signed = offset(signed.server_time, signed.monotonic);
        match check {
            TimestampCheck::Accepted => estimate.accepted = Some(signed),
            TimestampCheck::Rejected => {
                estimate.accepted = None;
                estimate.dates.clear();
            }
            TimestampCheck::Unknown => {}
        }
        estimate.add(date, arrived);
        let is_date = signed.abs_diff(offset(date, arrived)) < MIN_REJECTED_SKEW_MS;
        if check == TimestampCheck::Rejected && is_date {
            // Polyv rejects the time of the `Date` itself: the next call tries the host's clock.
            estimate.offset = None;
        }
    }

    /// The difference between Polyv's clock and the host's; `None` if the last observation is
    /// older than `stale_after`.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // exact for 285,000 years
    pub fn skew(&self, stale_after: Duration) -> Option<ClockSkew> {
        let TimeSnapshot {
            monotonic,
            server_time,
        } = self.now();
        let estimate = self.estimate();
        if monotonic.since(estimate.last_date?) > stale_after {
            return None;
        }
        let date = at(monotonic, median(estimate.dates.iter().copied())?);
        let host = self.clock.wall();
        let date_error = date.millis_after(server_time).abs();
        Some(ClockSkew {
            seconds: date.millis_after(host) as f64 / 1000.0,
            date_is_wrong: date_error > host.millis_after(server_time).abs(),
        })
    }

    fn estimate(&self) -> MutexGuard<'_, Estimate> {
        self.estimate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Estimate {
    /// Adds a `Date` header. One that contradicts an accepted timestamp is wrong, and does not
    /// count; if all are wrong, the accepted timestamp itself tells the time.
    fn add(&mut self, date: Timestamp, arrived: MonotonicInstant) {
        if self.dates.len() == MAX_OBSERVATIONS {
            self.dates.pop_front();
        }
        let date = date.plus_millis(MEAN_TRUNCATION_MS);
        self.dates.push_back(offset(date, arrived));
        self.last_date = Some(arrived);
        let is_plausible = |date: &i64| {
            let accepted = self.accepted;
            accepted.is_none_or(|accepted| accepted.abs_diff(*date) <= MAX_ACCEPTED_SKEW_MS)
        };
        let plausible = self.dates.iter().copied().filter(is_plausible);
        self.offset = median(plausible).or(self.accepted);
    }
}

fn median(offsets: impl Iterator<Item = i64>) -> Option<i64> {
    let mut sorted: Vec<i64> = offsets.collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

fn offset(time: Timestamp, monotonic: MonotonicInstant) -> i64 {
    time.as_millis().saturating_sub(signed_millis(monotonic))
}

fn at(monotonic: MonotonicInstant, offset: i64) -> Timestamp {
    Timestamp::from_millis(offset).plus_millis(signed_millis(monotonic))
}

fn signed_millis(instant: MonotonicInstant) -> i64 {
    i64::try_from(instant.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SettableWallClock;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn setup() -> (Arc<SettableWallClock>, ServerClock) {
        let wall = Arc::new(SettableWallClock::starting_at(NOON));
        let clock = ServerClock::new(Clock::new(Arc::clone(&wall) as _));
        (wall, clock)
    }

    /// A response with the `Date` of a clock that is `ahead` milliseconds of noon's.
    fn respond(clock: &ServerClock, ahead: i64) {
        let moment = clock.host().monotonic();
        let exact = NOON.as_millis() + ahead + i64::try_from(moment.as_millis()).unwrap();
        let date = Timestamp::from_millis(exact.div_euclid(1000) * 1000);
        clock.record(clock.now(), TimestampCheck::Unknown, date, moment);
    }

    /// A response of Polyv, whose clock shows `polyv` milliseconds more than noon's, with a `Date`
    /// that is `date` milliseconds ahead of that clock. Returns whether the call was accepted.
    fn call(clock: &ServerClock, polyv: i64, date: i64) -> bool {
        let signed = clock.now();
        let now = signed.monotonic;
        let polyv_now = at(now, NOON.as_millis()).plus_millis(polyv);
        let accepted = signed.server_time.millis_after(polyv_now).abs() <= 180_000;
        let check = if accepted {
            TimestampCheck::Accepted
        } else {
            TimestampCheck::Rejected
        };
        clock.record(signed, check, polyv_now.plus_millis(date), now);
        accepted
    }

    #[tokio::test(start_paused = true)]
    async fn host_clock_is_used_before_the_first_response() {
        let (wall, clock) = setup();
        assert_eq!(clock.now().server_time, NOON);
        wall.step_millis(5_000);
        assert_eq!(clock.now().server_time, NOON.plus_millis(5_000));
        assert_eq!(clock.skew(Duration::from_secs(120)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn host_clock_steps_have_no_effect_after_a_response() {
        let (wall, clock) = setup();
        for _ in 0..9 {
            respond(&clock, 600_000);
            tokio::time::advance(Duration::from_millis(5_130)).await;
        }
        let before = clock.now().server_time;
        let ahead = before.millis_after(clock.host().wall());
        assert!((ahead - 600_000).abs() <= 300, "{ahead} ms");
        for step in [120_000, -240_000, 3_600_000, 28_800_000] {
            wall.step_millis(step);
            assert_eq!(clock.now().server_time, before);
        }
        let skew = clock.skew(Duration::from_secs(120)).unwrap().seconds;
        assert!((skew - (600.0 - 32_280.0)).abs() <= 0.3, "{skew}");
    }

    #[tokio::test(start_paused = true)]
    async fn single_wrong_date_has_no_effect_but_many_do() {
        let (_wall, clock) = setup();
        for _ in 0..9 {
            respond(&clock, 0);
        }
        let before = clock.now().server_time;
        respond(&clock, 86_400_000);
        assert!(clock.now().server_time.millis_after(before).abs() < 1_000);
        for _ in 0..5 {
            respond(&clock, 86_400_000);
        }
        assert!(clock.now().server_time.millis_after(before) > 86_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn reset_takes_effect_immediately() {
        let (_wall, clock) = setup();
        for _ in 0..9 {
            respond(&clock, 0);
        }
        let signed = clock.now();
        let date = NOON.plus_millis(3_600_000);
        clock.record(signed, TimestampCheck::Rejected, date, signed.monotonic);
        assert_eq!(clock.now().server_time, NOON.plus_millis(3_600_500));
    }

    const HOUR: i64 = 3_600_000;

    #[tokio::test(start_paused = true)]
    async fn wrong_date_is_ignored_while_polyv_accepts_the_time_of_the_host() {
        for date in [8 * HOUR, -8 * HOUR, 10 * 60_000] {
            let (_wall, clock) = setup();
            for _ in 0..30 {
                assert!(call(&clock, 0, date));
                tokio::time::advance(Duration::from_secs(15)).await;
            }
            let skew = clock.skew(Duration::from_secs(120)).unwrap();
            let ahead = f64::from(i32::try_from(date).unwrap()) / 1_000.0;
            assert!(skew.date_is_wrong && (skew.seconds - ahead).abs() < 1.0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn date_that_becomes_wrong_does_not_move_the_clock() {
        let (wall, clock) = setup();
        wall.step_millis(-HOUR);
        assert!(!call(&clock, 0, 0), "the host is wrong");
        for date in [0, 8 * HOUR, 0] {
            for _ in 0..30 {
                assert!(call(&clock, 0, date));
            }
        }
        assert!(!clock.skew(Duration::from_secs(120)).unwrap().date_is_wrong);
    }

    #[tokio::test(start_paused = true)]
    async fn either_clock_is_tried_until_one_is_accepted() {
        let (wall, clock) = setup();
        // Both are wrong at first.
        wall.step_millis(-HOUR);
        let accepted: Vec<bool> = (0..4).map(|_| call(&clock, 0, 8 * HOUR)).collect();
        assert_eq!(accepted, [false; 4]);
        wall.step_millis(HOUR);
        let accepted: Vec<bool> = (0..4).map(|_| call(&clock, 0, 8 * HOUR)).collect();
        assert_eq!(accepted, [true; 4]);
        // Polyv's clock is set: the `Date` tells.
        let accepted: Vec<bool> = (0..4).map(|_| call(&clock, HOUR, 0)).collect();
        assert_eq!(accepted, [false, true, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn skew_is_unknown_without_recent_responses() {
        let (_wall, clock) = setup();
        respond(&clock, 0);
        tokio::time::advance(Duration::from_secs(120)).await;
        assert!(clock.skew(Duration::from_secs(120)).is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.skew(Duration::from_secs(120)), None);
    }
}
