//! When one channel's stream is next polled.

use std::time::Duration;

use super::virtual_clock::VirtualInstant;

/// The longest back-off of a channel that fails on its own.
const MAX_CHANNEL_BACKOFF: Duration = Duration::from_secs(300);

/// The schedule of one channel.
///
/// Polls stand on a grid of the account's [virtual clock](super::virtual_clock) that is the
/// channel's own: with an interval of 15 s and a phase of 0.4 at 6 s, 21 s, 36 s and so on. Polls
/// that are evenly spread at one interval are so at any other, whatever happens in between.
#[derive(Debug, Clone, Copy)]
pub(super) struct PollSchedule {
    /// The offset of the grid as a share of the interval, below 1.
    phase: f64,
    due: VirtualInstant,
    /// Consecutive failures of the channel itself.
    failures: u32,
}

// === impl PollSchedule ===

impl PollSchedule {
    /// Creates a schedule whose first poll comes within one interval.
    pub(super) fn new(phase: f64, now: VirtualInstant, interval: Duration) -> Self {
        Self {
            phase,
            due: next_slot(phase, now, interval),
            failures: 0,
        }
    }

    pub(super) const fn due(&self) -> VirtualInstant {
        self.due
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Schedules the poll after a successful one that began at `started`.
    pub(super) fn record_success(
        &mut self,
        started: VirtualInstant,
        now: VirtualInstant,
        interval: Duration,
    ) {
        self.failures = 0;
        self.due = self.next_after(started, now, interval);
    }

    /// Schedules the poll after a failed one: after one interval, then two, four and so on. The
    /// first `extra_tolerated` failures more than one do not lengthen it.
    pub(super) fn record_failure(
        &mut self,
        started: VirtualInstant,
        now: VirtualInstant,
        interval: Duration,
        extra_tolerated: u32,
    ) {
        let factor = 1u32 << self.failures.saturating_sub(extra_tolerated).min(16);
        self.failures = self.failures.saturating_add(1);
        let delay = interval.saturating_mul(factor);
        let delay = delay.min(MAX_CHANNEL_BACKOFF.max(interval));
        let skipped = whole_intervals(delay, interval).saturating_sub(1);
        self.due = self.next_after(started, now, interval) + interval.saturating_mul(skipped);
    }

    /// Schedules a poll again that failed for a reason which is not the channel's.
    pub(super) fn reschedule_unsent(&mut self, now: VirtualInstant, interval: Duration) {
        self.due = next_slot(self.phase, now, interval);
    }

    /// Makes the next poll due now.
    pub(super) fn due_now(&mut self, now: VirtualInstant) {
        self.due = now;
    }

    /// Ends a back-off for a fault that was not the channel's own.
    pub(super) fn reset_backoff(&mut self, now: VirtualInstant, interval: Duration) {
        self.failures = 0;
        self.pull_forward(now, interval);
    }

    /// Makes the next poll due within one interval.
    pub(super) fn pull_forward(&mut self, now: VirtualInstant, interval: Duration) {
        self.due = self.due.min(next_slot(self.phase, now, interval));
    }

    /// Makes the next poll due no earlier than `earliest`.
    pub(super) fn postpone(&mut self, earliest: VirtualInstant, interval: Duration) {
        self.due = self.due.max(next_slot(self.phase, earliest, interval));
    }

    /// Returns the first slot after a poll that is not close behind the poll's start, which may
    /// have been off the grid (a probe, or another interval).
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

/// Returns the first instant of a grid at or after `from`.
pub(super) fn next_slot(phase: f64, from: VirtualInstant, interval: Duration) -> VirtualInstant {
    let first = VirtualInstant::ZERO + interval.mul_f64(phase);
    let passed = from.since(first);
    let complete = whole_intervals(passed, interval);
    let slot = first + interval.saturating_mul(complete);
    if slot < from { slot + interval } else { slot }
}

/// Returns how many whole intervals fit into a duration.
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

    /// A schedule whose slots are 7 s, 22 s, 37 s and so on.
    fn schedule() -> PollSchedule {
        let schedule = PollSchedule::new(7.0 / 15.0, at(0), INTERVAL);
        assert_eq!(schedule.due(), at(7));
        schedule
    }

    #[test]
    fn slow_polls_keep_their_phase() {
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
    fn channels_stay_evenly_spread_when_the_interval_changes() {
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
    fn early_poll_is_not_followed_closely_by_another() {
        let mut schedule = schedule();
        schedule.record_success(at(20), at(20), INTERVAL);
        assert_eq!(schedule.due(), at(37));
        // The scheduled poll is kept.
        schedule.record_success(at(30), at(30), INTERVAL);
        assert_eq!(schedule.due(), at(37));
    }

    #[test]
    fn failures_back_off_by_doubling_up_to_five_minutes() {
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
    fn tolerated_failures_do_not_back_off() {
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
    fn backoff_never_shortens_a_long_interval() {
        let rarely = Duration::from_secs(1800);
        let mut schedule = PollSchedule::new(0.0, at(0), rarely);
        schedule.record_failure(at(0), at(1), rarely, 0);
        schedule.record_failure(at(1800), at(1801), rarely, 0);
        assert_eq!(schedule.due(), at(3600));
    }

    #[test]
    fn unsent_poll_stays_due_at_its_slot() {
        let mut schedule = schedule();
        for _ in 0..100 {
            schedule.reschedule_unsent(at(10), INTERVAL);
        }
        assert_eq!(schedule.due(), at(22));
    }

    #[test]
    fn reset_backoff_returns_to_the_schedule_within_one_interval() {
        let mut schedule = schedule();
        for _ in 0..5 {
            let due = schedule.due();
            schedule.record_failure(due, due, INTERVAL, 0);
        }
        schedule.reset_backoff(at(230), INTERVAL);
        assert_eq!(schedule.due(), at(232));
        // A poll that is due soon stays.
        schedule.reset_backoff(at(231), INTERVAL);
        assert_eq!(schedule.due(), at(232));
    }
}
