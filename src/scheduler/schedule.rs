//! When one channel is asked next.

use std::time::Duration;

use super::virtual_clock::VirtualInstant;

/// A channel that can't be asked is left alone for so long at most.
const MAX_CHANNEL_BACKOFF: Duration = Duration::from_secs(300);

/// The plan for one channel.
///
/// Its instants are those of its account's [timeline](super::virtual_clock), and of the channel's
/// own grid on it: at an interval of 15 s and a phase of 0.4 those are 6 s, 21 s, 36 s and so
/// on. So polls that are spread evenly at one interval are at any other, and stay so whatever
/// happens in between.
#[derive(Debug, Clone, Copy)]
pub(super) struct PollSchedule {
    /// Which part of an interval its instants lie behind the beginning of one, below 1.
    phase: f64,
    due: VirtualInstant,
    /// How often in a row it could not be asked, by a fault of its own.
    failures: u32,
}

// === impl PollSchedule ===

impl PollSchedule {
    /// To be asked first within one interval from now.
    pub(super) fn new(phase: f64, now: VirtualInstant, interval: Duration) -> Self {
        Self {
            phase,
            due: next_slot(phase, now, interval),
            failures: 0,
        }
    }

    /// When it is to be asked.
    pub(super) const fn due(&self) -> VirtualInstant {
        self.due
    }

    /// How often in a row it could not be asked.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// It was asked, beginning at `started`, and answered.
    pub(super) fn record_success(
        &mut self,
        started: VirtualInstant,
        now: VirtualInstant,
        interval: Duration,
    ) {
        self.failures = 0;
        self.due = self.next_after(started, now, interval);
    }

    /// It was asked and could not be: again at the next interval, and then ever later. The
    /// first `extra_tolerated_failures` failures in a row more than one may be chance.
    pub(super) fn record_failure(
        &mut self,
        started: VirtualInstant,
        now: VirtualInstant,
        interval: Duration,
        extra_tolerated_failures: u32,
    ) {
        let factor = 1u32
            << self
                .failures
                .saturating_sub(extra_tolerated_failures)
                .min(16);
        self.failures = self.failures.saturating_add(1);
        let most = MAX_CHANNEL_BACKOFF.max(interval);
        let intervals = whole_intervals(interval.saturating_mul(factor).min(most), interval);
        let more = interval.saturating_mul(intervals.saturating_sub(1));
        self.due = self.next_after(started, now, interval) + more;
    }

    /// It was asked in vain, by no fault of its own, and so is as due as it was: the account's
    /// time stands still while it is asked in vain, and its own plan with it.
    pub(super) fn reschedule_unsent(&mut self, now: VirtualInstant, interval: Duration) {
        self.due = next_slot(self.phase, now, interval);
    }

    /// To be asked again at once.
    pub(super) fn due_now(&mut self, now: VirtualInstant) {
        self.due = now;
    }

    /// A fault that was not the channel's own is over: back on schedule.
    pub(super) fn reset_backoff(&mut self, now: VirtualInstant, interval: Duration) {
        self.failures = 0;
        self.pull_forward(now, interval);
    }

    /// Its interval has become so many factor as long: so has the time that is left. Nobody who
    /// was near to being asked begins anew, and all stay as spread as they were; the next answer
    /// brings it back to its own instants.
    pub(super) fn rescale(&mut self, now: VirtualInstant, factor: f64) {
        // What is overdue stays so.
        self.due = self.due.min(now) + self.due.since(now).mul_f64(factor);
    }

    /// To be asked within one interval from now.
    pub(super) fn pull_forward(&mut self, now: VirtualInstant, interval: Duration) {
        self.due = self.due.min(next_slot(self.phase, now, interval));
    }

    /// The next instant after a poll: in the future, and not close behind the poll's
    /// beginning, which may have been at any time (a probe, or another interval).
    fn next_after(
        &self,
        started: VirtualInstant,
        now: VirtualInstant,
        interval: Duration,
    ) -> VirtualInstant {
        let earliest = (now + Duration::from_micros(1)).max(started + interval / 4);
        next_slot(self.phase, earliest, interval)
    }
}

/// The first instant of a grid at `from` or after it.
pub(super) fn next_slot(phase: f64, from: VirtualInstant, interval: Duration) -> VirtualInstant {
    let first = VirtualInstant::default() + interval.mul_f64(phase);
    let missing = from.since(first);
    if missing.is_zero() {
        return first;
    }
    let intervals = missing.as_micros().div_ceil(interval.as_micros().max(1));
    first + interval.saturating_mul(u32::try_from(intervals).unwrap_or(u32::MAX))
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

    fn at(seconds: u64) -> VirtualInstant {
        VirtualInstant::default() + Duration::from_secs(seconds)
    }

    /// A plan whose instants are 7 s, 22 s, 37 s and so on.
    fn schedule() -> PollSchedule {
        let schedule = PollSchedule::new(7.0 / 15.0, at(0), INTERVAL);
        assert_eq!(schedule.due(), at(7));
        schedule
    }

    #[test]
    fn polls_keep_their_phase_however_long_they_take() {
        let mut schedule = schedule();
        for poll in 1..10 {
            let due = schedule.due();
            schedule.record_success(due, due + Duration::from_secs(poll), INTERVAL);
            assert_eq!(schedule.due(), due + INTERVAL);
        }
        let due = schedule.due();
        schedule.record_success(due, due + Duration::from_secs(40), INTERVAL);
        assert_eq!(schedule.due(), due + 3 * INTERVAL);
    }

    #[test]
    fn channels_that_are_spread_at_one_interval_are_at_another() {
        for (before, after) in [(5, 60), (60, 5), (15, 30), (30, 15), (7, 11)] {
            let (before, after) = (Duration::from_secs(before), Duration::from_secs(after));
            let mut dues: Vec<u128> = (0..100u32)
                .map(|channel| {
                    let phase = f64::from(channel) / 100.0;
                    let mut schedule = PollSchedule::new(phase, at(1000), before);
                    schedule.record_success(schedule.due(), schedule.due(), after);
                    schedule.record_success(schedule.due(), schedule.due(), after);
                    schedule.due().since(VirtualInstant::default()).as_micros() % after.as_micros()
                })
                .collect();
            dues.sort_unstable();
            let widest = dues.windows(2).map(|two| two[1] - two[0]).max().unwrap();
            assert!(widest <= after.as_micros() / 99, "{before:?} to {after:?}");
        }
    }

    #[test]
    fn a_poll_before_its_time_does_not_bring_a_second_one_close_behind() {
        let mut schedule = schedule();
        schedule.record_success(at(20), at(20), INTERVAL);
        assert_eq!(schedule.due(), at(37));
        // The one that was planned is soon enough.
        schedule.record_success(at(30), at(30), INTERVAL);
        assert_eq!(schedule.due(), at(37));
    }

    #[test]
    fn faults_back_off_by_doubling_up_to_five_minutes_in_phase() {
        let mut schedule = schedule();
        let mut waits = Vec::new();
        for _ in 0..8 {
            let due = schedule.due();
            schedule.record_failure(due, due + Duration::from_millis(300), INTERVAL, 0);
            waits.push(schedule.due().since(due).as_secs());
        }
        assert_eq!(waits, [15, 30, 60, 120, 240, 300, 300, 300]);
        let due = schedule.due();
        schedule.record_success(due, due, INTERVAL);
        assert_eq!(schedule.due(), due + INTERVAL);
        assert_eq!(schedule.failures(), 0);
    }

    #[test]
    fn failures_that_may_be_chance_are_followed_by_the_next_poll_as_usual() {
        let mut schedule = schedule();
        let mut waits = Vec::new();
        for _ in 0..6 {
            let due = schedule.due();
            schedule.record_failure(due, due, INTERVAL, 3);
            waits.push(schedule.due().since(due).as_secs());
        }
        assert_eq!(waits, [15, 15, 15, 15, 30, 60]);
    }

    #[test]
    fn a_channel_asked_rarely_anyway_is_not_asked_more_often_for_failing() {
        let rarely = Duration::from_secs(1800);
        let mut schedule = PollSchedule::new(0.0, at(0), rarely);
        schedule.record_failure(at(0), at(1), rarely, 0);
        schedule.record_failure(at(1800), at(1801), rarely, 0);
        assert_eq!(schedule.due(), at(3600));
    }

    #[test]
    fn asked_in_vain_however_often_it_is_as_due_as_it_was() {
        let mut schedule = schedule();
        for _ in 0..100 {
            schedule.reschedule_unsent(at(10), INTERVAL);
        }
        assert_eq!(schedule.due(), at(22));
    }

    #[test]
    fn a_longer_interval_stretches_what_is_left_and_nothing_else() {
        let mut schedule = schedule();
        schedule.rescale(at(3), 10.0);
        assert_eq!(schedule.due(), at(43));
        schedule.rescale(at(33), 0.1);
        assert_eq!(schedule.due(), at(34));
        // What is overdue stays so.
        schedule.rescale(at(40), 10.0);
        assert_eq!(schedule.due(), at(34));
        schedule.record_success(at(40), at(40), INTERVAL);
        assert_eq!(schedule.due(), at(52));
    }

    #[test]
    fn what_is_forgiven_is_back_on_schedule_within_an_interval_and_in_phase() {
        let mut schedule = schedule();
        for _ in 0..5 {
            let due = schedule.due();
            schedule.record_failure(due, due, INTERVAL, 0);
        }
        schedule.reset_backoff(at(230), INTERVAL);
        assert_eq!(schedule.due(), at(232));
        // What is due soon anyway stays.
        schedule.reset_backoff(at(231), INTERVAL);
        assert_eq!(schedule.due(), at(232));
    }
}
