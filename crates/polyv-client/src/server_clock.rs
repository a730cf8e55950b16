//! Polyv's clock, as learnt from its answers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, MonotonicInstant, TimeSnapshot, Timestamp};

/// A `Date` header says whole seconds; on average half of one has passed since.
const HALF_A_SECOND: i64 = 500;
/// How many answers the estimate rests on. The median of so many is exact to a few tenths of
/// a second, and neither a slow answer nor one host of Polyv's with a wrong clock moves it.
const ANSWERS: usize = 9;

/// What Polyv's clock says.
///
/// Signatures are valid for 3 minutes by *Polyv's* clock, and samples carry its time. So
/// "now" is the monotonic clock anchored on the `Date` header of Polyv's answers: a host
/// whose clock is wrong, or is set while we run, keeps monitoring. Until Polyv has answered
/// the host's clock has to do.
#[derive(Debug)]
pub struct ServerClock {
    clock: Clock,
    learnt: Mutex<Learnt>,
}

#[derive(Debug, Default)]
struct Learnt {
    /// Polyv's time minus the monotonic clock's, in milliseconds, by the latest answers.
    offsets: VecDeque<i64>,
    /// Their median.
    offset: Option<i64>,
    last: Option<MonotonicInstant>,
}

// === impl ServerClock ===

impl ServerClock {
    /// A clock that has learnt nothing yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            learnt: Mutex::default(),
        }
    }

    /// The host's own clock underneath.
    #[must_use]
    pub fn host(&self) -> &Clock {
        &self.clock
    }

    /// The present, by the monotonic clock and by Polyv's.
    #[must_use]
    pub fn now(&self) -> TimeSnapshot {
        let moment = self.clock.monotonic();
        TimeSnapshot {
            monotonic: moment,
            server_time: self.at(moment).unwrap_or_else(|| self.clock.wall()),
        }
    }

    /// Learns from an answer that said `date` and arrived at `moment`.
    pub fn observe(&self, date: Timestamp, moment: MonotonicInstant) {
        self.learnt().add(date, moment);
    }

    /// Learns from an answer that found our time wrong: what was believed before is
    /// forgotten at once.
    pub fn reset_to(&self, date: Timestamp, moment: MonotonicInstant) {
        let mut learnt = self.learnt();
        learnt.offsets.clear();
        learnt.add(date, moment);
    }

    /// Polyv's clock minus the host's, in seconds; `None` where Polyv has not answered for
    /// longer than `stale_after`.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn skew_seconds(&self, stale_after: Duration) -> Option<f64> {
        let moment = self.clock.monotonic();
        let last = self.learnt().last?;
        if moment.since(last) > stale_after {
            return None;
        }
        let polyv = self.at(moment)?;
        Some(polyv.millis_after(self.clock.wall()) as f64 / 1000.0)
    }

    fn at(&self, moment: MonotonicInstant) -> Option<Timestamp> {
        let offset = self.learnt().offset?;
        Some(Timestamp::from_millis(offset).plus_millis(signed(moment)))
    }

    fn learnt(&self) -> MutexGuard<'_, Learnt> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Learnt {
    fn add(&mut self, date: Timestamp, moment: MonotonicInstant) {
        if self.offsets.len() == ANSWERS {
            self.offsets.pop_front();
        }
        let offset = date.as_millis() + HALF_A_SECOND - signed(moment);
        self.offsets.push_back(offset);
        let mut sorted: Vec<i64> = self.offsets.iter().copied().collect();
        sorted.sort_unstable();
        self.offset = sorted.get(sorted.len() / 2).copied();
        self.last = Some(moment);
    }
}

fn signed(moment: MonotonicInstant) -> i64 {
    i64::try_from(moment.as_millis()).unwrap_or(i64::MAX)
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

    /// An answer whose `Date` is the present of a clock that is `ahead` of noon's.
    fn answer(clock: &ServerClock, ahead: i64) {
        let moment = clock.host().monotonic();
        let exact = NOON.as_millis() + ahead + i64::try_from(moment.as_millis()).unwrap();
        let date = Timestamp::from_millis(exact.div_euclid(1000) * 1000);
        clock.observe(date, moment);
    }

    #[tokio::test(start_paused = true)]
    async fn until_polyv_answers_the_hosts_clock_has_to_do() {
        let (wall, clock) = setup();
        assert_eq!(clock.now().server_time, NOON);
        wall.step_millis(5_000);
        assert_eq!(clock.now().server_time, NOON.plus_millis(5_000));
        assert_eq!(clock.skew_seconds(Duration::from_secs(120)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn steps_of_the_hosts_clock_move_nothing_once_polyv_has_answered() {
        let (wall, clock) = setup();
        for _ in 0..9 {
            answer(&clock, 600_000);
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
    async fn one_answer_with_a_wrong_date_moves_nothing_and_many_do() {
        let (_wall, clock) = setup();
        for _ in 0..9 {
            answer(&clock, 0);
        }
        let before = clock.now().server_time;
        answer(&clock, 86_400_000);
        assert!(clock.now().server_time.millis_after(before).abs() < 1_000);
        for _ in 0..5 {
            answer(&clock, 86_400_000);
        }
        assert!(clock.now().server_time.millis_after(before) > 86_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_finds_our_time_wrong_is_believed_at_once() {
        let (_wall, clock) = setup();
        for _ in 0..9 {
            answer(&clock, 0);
        }
        clock.reset_to(NOON.plus_millis(3_600_000), clock.host().monotonic());
        assert_eq!(clock.now().server_time, NOON.plus_millis(3_600_500));
    }

    #[tokio::test(start_paused = true)]
    async fn the_skew_is_not_told_when_polyv_has_been_silent() {
        let (_wall, clock) = setup();
        answer(&clock, 0);
        tokio::time::advance(Duration::from_secs(120)).await;
        assert!(clock.skew_seconds(Duration::from_secs(120)).is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.skew_seconds(Duration::from_secs(120)), None);
    }
}
