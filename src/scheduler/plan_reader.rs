//! Reads Polyv's plan of an account's broadcasts: planned sessions, and the start times of
//! channels that have none.
//!
//! A plan that can't be read whole changes nothing: the last one stays in force.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::account_call::AccountCall;
use crate::plan::{PlannedBroadcast, Schedule};
use polyv_client::PlanPage;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};

/// The schedules of channels, by channel id.
pub(super) type Schedules = HashMap<String, Arc<Schedule>>;

/// The reading of one account's plan.
#[derive(Debug)]
pub(super) struct PlanReader {
    /// When the next page is due.
    due: MonotonicInstant,
    step: Step,
    sessions: HashMap<String, Vec<PlannedBroadcast>>,
    start_times: HashMap<String, Vec<PlannedBroadcast>>,
    /// Planned sessions are not requested before: Polyv refused them.
    sessions_from: MonotonicInstant,
    /// The plan that was last read whole.
    current: Schedules,
    /// Consecutive failures.
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Sessions { page: u32 },
    StartTimes { page: u32 },
}

/// What a page completes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PlanProgress {
    /// More pages follow.
    MorePages,
    /// The plan is whole: these channels' schedules are new or have changed, and those without
    /// one have no plan any more.
    Complete {
        changes: Vec<(String, Option<Arc<Schedule>>)>,
        /// How many attempts failed before.
        failures: u32,
    },
}

const READ_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// A call that Polyv refuses is tried again after this long: the account may lack the feature.
const REFUSED_INTERVAL: Duration = Duration::from_secs(3600);
/// A list has this many pages at most: further ones are ignored.
const MAX_PAGES: u32 = 10;
/// Broadcasts from this long ago on: they may be running, or the channel overruns.
const PAST: Duration = Duration::from_secs(24 * 3600);
/// Broadcasts until then; what comes later is read later.
const FUTURE: Duration = Duration::from_secs(24 * 3600 + 600);

// === impl PlanReader ===

impl PlanReader {
    pub(super) fn new(now: MonotonicInstant) -> Self {
        Self {
            due: now,
            step: Step::Sessions { page: 1 },
            sessions: HashMap::new(),
            start_times: HashMap::new(),
            sessions_from: now,
            current: Schedules::new(),
            failures: 0,
        }
    }

    /// Reads the plan again, from the first page on.
    pub(super) fn restart(&mut self, due: MonotonicInstant) {
        self.due = due;
        self.step = if due < self.sessions_from {
            Step::StartTimes { page: 1 }
        } else {
            Step::Sessions { page: 1 }
        };
        self.sessions.clear();
        self.start_times.clear();
    }

    /// Returns the call that is due.
    pub(super) fn next_call(&self, now: TimeSnapshot) -> Option<AccountCall> {
        let call = match self.step {
            Step::Sessions { page } => AccountCall::PlannedSessions { page },
            Step::StartTimes { page } => AccountCall::StartTimes {
                from: now.server_time - PAST,
                until: now.server_time + FUTURE,
                page,
            },
        };
        (self.due <= now.monotonic).then_some(call)
    }

    /// Returns the channels with a plan.
    pub(super) fn channels(&self) -> impl Iterator<Item = &str> {
        self.current.keys().map(String::as_str)
    }

    /// Adds a page.
    pub(super) fn accept_page(&mut self, page: PlanPage, now: TimeSnapshot) -> PlanProgress {
        let (number, broadcasts) = match self.step {
            Step::Sessions { page } => (page, &mut self.sessions),
            Step::StartTimes { page } => (page, &mut self.start_times),
        };
        for plan in page.broadcasts {
            let broadcast = PlannedBroadcast {
                start: plan.start,
                end: plan.end,
            };
            if is_near(broadcast, now.server_time) {
                broadcasts
                    .entry(plan.channel_id)
                    .or_default()
                    .push(broadcast);
            }
        }
        let is_last = number >= page.pages.min(MAX_PAGES);
        self.step = match (self.step, is_last) {
            (Step::Sessions { page }, false) => Step::Sessions { page: page + 1 },
            (Step::StartTimes { page }, false) => Step::StartTimes { page: page + 1 },
            (Step::Sessions { .. }, true) => Step::StartTimes { page: 1 },
            (Step::StartTimes { .. }, true) => return self.complete(now.monotonic),
        };
        PlanProgress::MorePages
    }

    /// Records a page that could not be read. Returns whether this is the first failure in a
    /// row; `None` where the other list is read instead: few accounts plan sessions.
    pub(super) fn record_failure(
        &mut self,
        is_refused: bool,
        now: MonotonicInstant,
    ) -> Option<bool> {
        let is_about_sessions = matches!(self.step, Step::Sessions { .. });
        if is_refused && is_about_sessions {
            self.sessions_from = now + REFUSED_INTERVAL;
            self.step = Step::StartTimes { page: 1 };
            return None;
        }
        self.failures += 1;
        self.restart(now + READ_INTERVAL);
        Some(self.failures == 1)
    }

    fn complete(&mut self, now: MonotonicInstant) -> PlanProgress {
        let mut plans = std::mem::take(&mut self.start_times);
        // Sessions are more exact.
        plans.extend(std::mem::take(&mut self.sessions));
        let mut schedules = Schedules::with_capacity(plans.len());
        let mut changes = Vec::new();
        for (channel_id, mut once) in plans {
            once.sort_unstable();
            once.dedup();
            let schedule = Schedule {
                once,
                ..Schedule::default()
            };
            let known = self.current.remove(&channel_id);
            let schedule = match known {
                Some(known) if *known == schedule => known,
                _ => Arc::new(schedule),
            };
            // Channels that were discovered meanwhile have none yet.
            changes.push((channel_id.clone(), Some(Arc::clone(&schedule))));
            schedules.insert(channel_id, schedule);
        }
        let gone = self
            .current
            .drain()
            .map(|(channel_id, _)| (channel_id, None));
        changes.extend(gone);
        self.current = schedules;
        let failures = std::mem::take(&mut self.failures);
        self.restart(now + READ_INTERVAL);
        PlanProgress::Complete { changes, failures }
    }
}

fn is_near(broadcast: PlannedBroadcast, now: Timestamp) -> bool {
    broadcast.runs_until() > now - PAST && broadcast.start < now + FUTURE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Endpoint;
    use polyv_client::ChannelPlan;

    const HOUR: i64 = 3_600_000;

    fn now(minutes: u64) -> TimeSnapshot {
        let millis = minutes * 60_000;
        TimeSnapshot {
            monotonic: MonotonicInstant::from_millis(millis),
            server_time: Timestamp::from_millis(1_800_000_000_000 + i64::try_from(millis).unwrap()),
        }
    }

    fn page(pages: u32, plans: &[(&str, i64, Option<i64>)]) -> PlanPage {
        let time = |hours: i64| Timestamp::from_millis(1_800_000_000_000 + hours * HOUR);
        let plan = |(id, start, end): &(&str, i64, Option<i64>)| ChannelPlan {
            channel_id: (*id).to_owned(),
            start: time(*start),
            end: end.map(time),
        };
        PlanPage {
            pages,
            broadcasts: plans.iter().map(plan).collect(),
        }
    }

    fn changes(progress: PlanProgress) -> Vec<(String, usize)> {
        let PlanProgress::Complete { changes, .. } = progress else {
            panic!("more pages");
        };
        let count = |schedule: Option<Arc<Schedule>>| schedule.map_or(0, |s| s.once.len());
        let mut changes: Vec<_> = changes.into_iter().map(|(id, s)| (id, count(s))).collect();
        changes.sort();
        changes
    }

    #[test]
    fn plan_is_both_lists_page_by_page_and_sessions_win() {
        let mut reader = PlanReader::new(now(0).monotonic);
        let calls = |reader: &PlanReader| reader.next_call(now(0)).map(AccountCall::endpoint);
        assert_eq!(calls(&reader).map(Endpoint::as_str), Some("sessions"));
        // What is over or far away counts as nothing.
        let first = page(
            2,
            &[("1", 1, Some(2)), ("1", -50, Some(-49)), ("2", 30, None)],
        );
        assert_eq!(reader.accept_page(first, now(0)), PlanProgress::MorePages);
        let second = page(2, &[("1", 3, Some(4))]);
        assert_eq!(reader.accept_page(second, now(0)), PlanProgress::MorePages);
        assert_eq!(calls(&reader).map(Endpoint::as_str), Some("channel_plans"));
        let starts = page(1, &[("1", 5, None), ("3", 6, None)]);
        let expected = [("1".to_owned(), 2), ("3".to_owned(), 1)];
        assert_eq!(changes(reader.accept_page(starts, now(0))), expected);
        assert_eq!(reader.next_call(now(4)), None);
        // Five minutes later one has no plan any more.
        assert!(reader.next_call(now(5)).is_some());
        reader.accept_page(page(0, &[]), now(5));
        let starts = page(1, &[("3", 6, None)]);
        let expected = [("1".to_owned(), 0), ("3".to_owned(), 1)];
        assert_eq!(changes(reader.accept_page(starts, now(5))), expected);
    }

    #[test]
    fn failed_page_keeps_the_plan_and_refused_sessions_are_no_failure() {
        let mut reader = PlanReader::new(now(0).monotonic);
        assert_eq!(reader.record_failure(true, now(0).monotonic), None);
        reader.accept_page(page(1, &[("3", 6, None)]), now(0));
        assert_eq!(reader.channels().collect::<Vec<_>>(), ["3"]);
        // They are left out for an hour.
        let next = reader.next_call(now(5)).map(AccountCall::endpoint);
        assert_eq!(next.map(Endpoint::as_str), Some("channel_plans"));
        assert_eq!(reader.record_failure(true, now(5).monotonic), Some(true));
        assert_eq!(reader.record_failure(false, now(10).monotonic), Some(false));
        assert_eq!(reader.channels().collect::<Vec<_>>(), ["3"]);
        assert_eq!(reader.next_call(now(14)), None);
        assert!(reader.next_call(now(15)).is_some());
    }
}
