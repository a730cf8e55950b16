//! When one channel is asked next.

use std::time::Duration;

use super::timeline::Planned;

/// A channel that can't be asked is left alone for so long at most.
const MAX_BACK_OFF: Duration = Duration::from_secs(300);

/// The plan for one channel.
///
/// Its instants are those of its account's [timeline](super::timeline), and always a whole
/// number of intervals after the one before: that keeps the channel's phase, so that polls
/// which were spread evenly stay so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    due: Planned,
    /// How often in a row it could not be asked, by a fault of its own.
    failures: u32,
}

// === impl Plan ===

impl Plan {
    /// To be asked first at `due`.
    pub(super) const fn first(due: Planned) -> Self {
        Self { due, failures: 0 }
    }

    /// When it is to be asked.
    pub(super) const fn due(&self) -> Planned {
        self.due
    }

    /// How often in a row it could not be asked.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// It was asked, beginning at `started`, and answered.
    pub(super) fn answered(&mut self, started: Planned, now: Planned, interval: Duration) {
        self.failures = 0;
        self.advance(started, now, interval, interval);
    }

    /// It was asked and could not be: again at the next interval, and then ever later. The
    /// first `grace` failures in a row more than one may be chance.
    pub(super) fn failed(
        &mut self,
        started: Planned,
        now: Planned,
        interval: Duration,
        grace: u32,
    ) {
        let times = 1u32 << self.failures.saturating_sub(grace).min(16);
        self.failures = self.failures.saturating_add(1);
        let most = MAX_BACK_OFF.max(interval);
        let intervals = whole_intervals(interval.saturating_mul(times).min(most), interval);
        self.advance(started, now, interval.saturating_mul(intervals), interval);
    }

    /// It was asked in vain, by no fault of its own.
    pub(super) fn in_vain(&mut self, started: Planned, now: Planned, interval: Duration) {
        self.advance(started, now, interval, interval);
    }

    /// To be asked again at once.
    pub(super) fn at_once(&mut self, now: Planned) {
        self.due = now;
    }

    /// A fault that was not the channel's own is over: back on schedule.
    pub(super) fn forgive(&mut self, now: Planned, interval: Duration) {
        self.failures = 0;
        self.hurry(now, interval);
    }

    /// To be asked within one interval from now, in its phase.
    pub(super) fn hurry(&mut self, now: Planned, interval: Duration) {
        let surplus = self.due.since(now + interval);
        if !surplus.is_zero() {
            let intervals = whole_intervals(surplus, interval) + 1;
            self.due = self.due - interval.saturating_mul(intervals);
        }
    }

    /// Moves on by `by` at first, and then by whole intervals until that is not too soon: in
    /// the future, and half an interval after the beginning of the poll before. (A probe may
    /// have come before the time that was planned.)
    fn advance(&mut self, started: Planned, now: Planned, by: Duration, interval: Duration) {
        let earliest = now.max(started + interval / 2);
        self.due = self.due + by;
        let missing = earliest.since(self.due);
        if !missing.is_zero() {
            let intervals = whole_intervals(missing, interval) + 1;
            self.due = self.due + interval.saturating_mul(intervals);
        }
    }
}

/// How many whole intervals there are in a duration.
fn whole_intervals(duration: Duration, interval: Duration) -> u32 {
    let whole = duration.as_micros() / interval.as_micros().max(1);
    u32::try_from(whole).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(15);

    fn at(seconds: u64) -> Planned {
        Planned::default() + Duration::from_secs(seconds)
    }

    #[test]
    fn polls_keep_their_phase_however_long_they_take() {
        let mut plan = Plan::first(at(7));
        for poll in 1..10 {
            let due = plan.due();
            plan.answered(due, due + Duration::from_secs(poll), INTERVAL);
            assert_eq!(plan.due(), due + INTERVAL);
        }
        let due = plan.due();
        plan.answered(due, due + Duration::from_secs(40), INTERVAL);
        assert_eq!(plan.due(), due + 3 * INTERVAL);
    }

    #[test]
    fn a_channel_that_turns_live_is_asked_at_the_shorter_interval_from_then_on() {
        let mut plan = Plan::first(at(30));
        plan.answered(at(30), at(30), Duration::from_secs(30));
        assert_eq!(plan.due(), at(60));
        plan.answered(at(60), at(60), Duration::from_secs(5));
        assert_eq!(plan.due(), at(65));
    }

    #[test]
    fn a_poll_before_its_time_does_not_bring_a_second_one_close_behind() {
        let mut plan = Plan::first(at(30));
        plan.answered(at(29), at(29), INTERVAL);
        assert_eq!(plan.due(), at(45));
        // The one that was planned is soon enough.
        let mut plan = Plan::first(at(30));
        plan.answered(at(10), at(10), INTERVAL);
        assert_eq!(plan.due(), at(45));
    }

    #[test]
    fn faults_back_off_by_doubling_up_to_five_minutes_in_phase() {
        let mut plan = Plan::first(at(7));
        let mut waits = Vec::new();
        for _ in 0..8 {
            let due = plan.due();
            plan.failed(due, due + Duration::from_millis(300), INTERVAL, 0);
            waits.push(plan.due().since(due).as_secs());
        }
        assert_eq!(waits, [15, 30, 60, 120, 240, 300, 300, 300]);
        let due = plan.due();
        plan.answered(due, due, INTERVAL);
        assert_eq!(plan.due(), due + INTERVAL);
        assert_eq!(plan.failures(), 0);
    }

    #[test]
    fn failures_that_may_be_chance_are_followed_by_the_next_poll_as_usual() {
        let mut plan = Plan::first(at(0));
        let mut waits = Vec::new();
        for _ in 0..6 {
            let due = plan.due();
            plan.failed(due, due, INTERVAL, 3);
            waits.push(plan.due().since(due).as_secs());
        }
        assert_eq!(waits, [15, 15, 15, 15, 30, 60]);
    }

    #[test]
    fn a_channel_asked_rarely_anyway_is_not_asked_more_often_for_failing() {
        let mut plan = Plan::first(at(0));
        let rarely = Duration::from_secs(1800);
        plan.failed(at(0), at(1), rarely, 0);
        plan.failed(at(1800), at(1801), rarely, 0);
        assert_eq!(plan.due(), at(3600));
    }

    #[test]
    fn what_is_forgiven_is_back_on_schedule_within_an_interval_and_in_phase() {
        let mut plan = Plan::first(at(7));
        for _ in 0..5 {
            let due = plan.due();
            plan.failed(due, due, INTERVAL, 0);
        }
        let due = plan.due();
        plan.forgive(at(230), INTERVAL);
        assert!(plan.due() > at(230) && plan.due() <= at(245));
        assert_eq!(due.since(plan.due()).as_secs() % 15, 0);
        // What is due soon anyway stays.
        let due = plan.due();
        plan.forgive(at(230), INTERVAL);
        assert_eq!(plan.due(), due);
    }
}
