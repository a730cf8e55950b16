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

/// An estimate of Polyv's clock.
///
/// Signatures are valid for 3 minutes by *Polyv's* clock, and samples carry its time.
/// Therefore "now" is the monotonic clock plus an offset from the `Date` headers of Polyv's
/// responses: monitoring continues on a host whose clock is wrong or is set. Before the first
/// response the host's clock is used.
#[derive(Debug)]
pub struct ServerClock {
    clock: Clock,
    offset: Mutex<Offset>,
}

/// Polyv's time minus the monotonic clock's, in milliseconds.
#[derive(Debug, Default)]
struct Offset {
    /// The latest observations, oldest first.
    observed: VecDeque<i64>,
    median: Option<i64>,
    last_observed: Option<MonotonicInstant>,
}

impl ServerClock {
    /// A server clock without observations.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            offset: Mutex::default(),
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
        TimeSnapshot {
            monotonic,
            server_time: self.at(monotonic).unwrap_or_else(|| self.clock.wall()),
        }
    }

    /// Adds an observation: a response with this `Date` header arrived at `arrived`.
    pub fn observe(&self, date: Timestamp, arrived: MonotonicInstant) {
        self.offset().add(date, arrived);
    }

    /// Replaces all earlier observations: Polyv rejected a timestamp, so they were wrong.
    pub fn reset_to(&self, date: Timestamp, arrived: MonotonicInstant) {
        let mut offset = self.offset();
        offset.observed.clear();
        offset.add(date, arrived);
    }

    /// Polyv's clock minus the host's, in seconds; `None` if the last observation is older
    /// than `stale_after`.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // exact for 285,000 years
    pub fn skew_seconds(&self, stale_after: Duration) -> Option<f64> {
        let now = self.clock.monotonic();
        let last = self.offset().last_observed?;
        if now.since(last) > stale_after {
            return None;
        }
        Some(self.at(now)?.millis_after(self.clock.wall()) as f64 / 1000.0)
    }

    fn at(&self, instant: MonotonicInstant) -> Option<Timestamp> {
        let median = self.offset().median?;
        Some(Timestamp::from_millis(median).plus_millis(signed_millis(instant)))
    }

    fn offset(&self) -> MutexGuard<'_, Offset> {
        self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Offset {
    fn add(&mut self, date: Timestamp, arrived: MonotonicInstant) {
        if self.observed.len() == MAX_OBSERVATIONS {
            self.observed.pop_front();
        }
        let offset = date.as_millis() + MEAN_TRUNCATION_MS - signed_millis(arrived);
        self.observed.push_back(offset);
        let mut sorted: Vec<i64> = self.observed.iter().copied().collect();
        sorted.sort_unstable();
        self.median = sorted.get(sorted.len() / 2).copied();
        self.last_observed = Some(arrived);
    }
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
        clock.observe(date, moment);
    }

    #[tokio::test(start_paused = true)]
    async fn host_clock_is_used_before_the_first_response() {
        let (wall, clock) = setup();
        assert_eq!(clock.now().server_time, NOON);
        wall.step_millis(5_000);
        assert_eq!(clock.now().server_time, NOON.plus_millis(5_000));
        assert_eq!(clock.skew_seconds(Duration::from_secs(120)), None);
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
        let skew = clock.skew_seconds(Duration::from_secs(120)).unwrap();
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
        clock.reset_to(NOON.plus_millis(3_600_000), clock.host().monotonic());
        assert_eq!(clock.now().server_time, NOON.plus_millis(3_600_500));
    }

    #[tokio::test(start_paused = true)]
    async fn skew_is_unknown_without_recent_responses() {
        let (_wall, clock) = setup();
        respond(&clock, 0);
        tokio::time::advance(Duration::from_secs(120)).await;
        assert!(clock.skew_seconds(Duration::from_secs(120)).is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.skew_seconds(Duration::from_secs(120)), None);
    }
}
