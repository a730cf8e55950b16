//! The planned broadcasts of a channel.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;

use super::broadcast::{BroadcastsAround, PlannedBroadcast};
use polyv_client::clock::Timestamp;

/// The planned broadcasts of a channel: single ones, and those that recur.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The time zone in which people are shown its times.
    pub zone: Tz,
    /// Broadcasts with a time of their own.
    pub once: Vec<PlannedBroadcast>,
    /// Broadcasts that recur.
    pub recurring: Vec<CronRule>,
}

/// Broadcasts that start whenever a cron pattern matches the local time of a zone.
///
/// A local time that occurs twice, when clocks are set back, counts the first time. One that
/// clocks skip is moved by as much as they are set forward.
#[derive(Clone)]
pub struct CronRule {
    pattern: Cron,
    text: String,
    zone: Tz,
    duration: Duration,
}

/// The most by which a zone sets its clocks, and more.
const MAX_SHIFT: TimeDelta = TimeDelta::hours(3);
/// How long after its end a broadcast is found, beside its duration.
const LOOK_BACK: Duration = Duration::from_secs(24 * 3600);

// === impl Schedule ===

impl Default for Schedule {
    fn default() -> Self {
        Self {
            zone: Self::DEFAULT_ZONE,
            once: Vec::new(),
            recurring: Vec::new(),
        }
    }
}

impl Schedule {
    /// Polyv's time zone.
    pub const DEFAULT_ZONE: Tz = Tz::Asia__Shanghai;

    /// The broadcasts around a moment.
    #[must_use]
    pub fn around(&self, now: Timestamp) -> BroadcastsAround {
        let has_started = |broadcast: &PlannedBroadcast| broadcast.start <= now;
        let once = self.once.iter().copied().filter(has_started);
        let recurring = self.recurring.iter().filter_map(|rule| rule.last(now));
        let started = once.chain(recurring);
        let once = self.once.iter().copied().filter(|b| !has_started(b));
        let recurring = self.recurring.iter().filter_map(|rule| rule.next(now));
        BroadcastsAround {
            at: now,
            started: started.max_by_key(|b| (b.runs_until(), b.start)),
            next: once.chain(recurring).min(),
        }
    }

    /// The next broadcasts that have not ended, the first one first, at most `count`.
    #[must_use]
    pub fn upcoming(&self, now: Timestamp, count: usize) -> Vec<PlannedBroadcast> {
        let around = self.around(now);
        let running = around.started.filter(|b| b.runs_until() > now);
        let mut upcoming: Vec<_> = running.into_iter().collect();
        let mut next = around.next;
        while let Some(broadcast) = next.filter(|_| upcoming.len() < count) {
            upcoming.push(broadcast);
            next = self.around(broadcast.start).next;
        }
        upcoming
    }
}

// === impl CronRule ===

impl CronRule {
    /// The rule of a cron pattern with five fields: minute, hour, day of the month, month, day
    /// of the week (0 and 7 are Sunday).
    ///
    /// # Errors
    /// A sentence about what is wrong with the pattern.
    pub fn new(text: &str, zone: Tz, duration: Duration) -> Result<Self, String> {
        let pattern = Cron::new(text).parse().map_err(|error| error.to_string())?;
        let rule = Self {
            pattern,
            text: text.to_owned(),
            zone,
            duration,
        };
        match rule.match_after(DateTime::UNIX_EPOCH.naive_utc()) {
            Some(_) => Ok(rule),
            None => Err("it never matches".to_owned()),
        }
    }

    /// The broadcast that started last, if it ended less than a day ago.
    fn last(&self, now: Timestamp) -> Option<PlannedBroadcast> {
        let local = self.local(now)?;
        let earliest = TimeDelta::from_std(self.duration + LOOK_BACK).ok()?;
        // Frequent patterns match often: the last hours come first.
        let mut back = TimeDelta::hours(1).min(earliest);
        loop {
            let mut last = None;
            let mut from = local.checked_sub_signed(back + MAX_SHIFT)?;
            let until = local.checked_add_signed(MAX_SHIFT)?;
            while let Some(time) = self.match_after(from).filter(|time| *time <= until) {
                from = time;
                last = self.instant(time).filter(|at| *at <= now).max(last);
            }
            if last.is_some() || back == earliest {
                return last.map(|start| self.broadcast(start));
            }
            back = (back * 4).min(earliest);
        }
    }

    /// The first broadcast that has not started.
    fn next(&self, now: Timestamp) -> Option<PlannedBroadcast> {
        let mut time = self.local(now)?.checked_sub_signed(MAX_SHIFT)?;
        loop {
            time = self.match_after(time)?;
            let at = self.instant(time);
            if let Some(start) = at.filter(|at| *at > now) {
                return Some(self.broadcast(start));
            }
        }
    }

    fn broadcast(&self, start: Timestamp) -> PlannedBroadcast {
        let end = Some(start + self.duration);
        PlannedBroadcast { start, end }
    }

    /// The next local time that the pattern matches. Its zone is applied afterwards, so that the
    /// rule for clocks that are set is this module's.
    fn match_after(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let next = self.pattern.find_next_occurrence(&local.and_utc(), false);
        next.ok().map(|time| time.naive_utc())
    }

    fn local(&self, at: Timestamp) -> Option<NaiveDateTime> {
        let at = DateTime::from_timestamp_millis(at.as_millis())?;
        Some(at.with_timezone(&self.zone).naive_local())
    }

    fn instant(&self, local: NaiveDateTime) -> Option<Timestamp> {
        let shifted = || {
            let before = local.checked_sub_signed(MAX_SHIFT)?;
            let before = self.zone.from_local_datetime(&before).earliest()?;
            before.checked_add_signed(MAX_SHIFT)
        };
        let exact = self.zone.from_local_datetime(&local).earliest();
        let at = exact.or_else(shifted)?.with_timezone(&Utc);
        Some(Timestamp::from_millis(at.timestamp_millis()))
    }
}

// A parsed pattern has no equality of its own.
impl PartialEq for CronRule {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.zone, self.duration) == (&other.text, other.zone, other.duration)
    }
}

impl fmt::Debug for CronRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CronRule")
            .field("pattern", &self.text)
            .field("zone", &self.zone)
            .field("duration", &self.duration)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<DateTime<Utc>>().unwrap().timestamp_millis())
    }

    fn rule(pattern: &str, zone: &str, minutes: u64) -> Schedule {
        let duration = Duration::from_secs(60 * minutes);
        let rule = CronRule::new(pattern, zone.parse().unwrap(), duration).unwrap();
        Schedule {
            recurring: vec![rule],
            ..Schedule::default()
        }
    }

    fn broadcast(start: &str, end: &str) -> PlannedBroadcast {
        PlannedBroadcast {
            start: at(start),
            end: Some(at(end)),
        }
    }

    fn starts(schedule: &Schedule, from: &str, count: usize) -> Vec<Timestamp> {
        let upcoming = schedule.upcoming(at(from), count);
        upcoming.iter().map(|broadcast| broadcast.start).collect()
    }

    #[test]
    fn broadcast_across_midnight_runs_until_its_end() {
        let schedule = rule("30 23 * * 1-5", "Asia/Shanghai", 120);
        // Friday 23:30 in Shanghai is 15:30 UTC.
        let friday = broadcast("2026-11-27T15:30:00Z", "2026-11-27T17:30:00Z");
        let monday = broadcast("2026-11-30T15:30:00Z", "2026-11-30T17:30:00Z");
        let around = schedule.around(at("2026-11-27T15:29:59.999Z"));
        assert_eq!(around.next, Some(friday));
        for now in ["2026-11-27T15:30:00Z", "2026-11-27T17:00:00Z"] {
            let around = schedule.around(at(now));
            assert_eq!((around.started, around.next), (Some(friday), Some(monday)));
            assert_eq!(schedule.upcoming(at(now), 2), [friday, monday]);
        }
        // Over, and found for a day.
        let around = schedule.around(at("2026-11-28T12:00:00Z"));
        assert_eq!(around.started, Some(friday));
        assert_eq!(schedule.upcoming(at("2026-11-28T12:00:00Z"), 1), [monday]);
        assert!(around.is_valid_at(at("2026-11-30T15:29:59Z")));
        assert!(!around.is_valid_at(at("2026-11-30T15:30:00Z")));
        assert!(!around.is_valid_at(at("2026-11-28T11:59:59Z")));
    }

    #[test]
    fn local_times_follow_summer_time() {
        let schedule = rule("0 20 * * *", "Europe/Berlin", 60);
        let days = ["2026-03-28T19:00:00Z", "2026-03-29T18:00:00Z"];
        assert_eq!(starts(&schedule, "2026-03-28T12:00:00Z", 2), days.map(at));
        let days = ["2026-10-24T18:00:00Z", "2026-10-25T19:00:00Z"];
        assert_eq!(starts(&schedule, "2026-10-24T12:00:00Z", 2), days.map(at));
    }

    #[test]
    fn skipped_local_time_is_moved_and_repeated_one_counts_once() {
        let schedule = rule("30 2 * * *", "Europe/Berlin", 60);
        // 02:30 does not exist on 29 March: 03:30 summer time is 01:30 UTC.
        let days = ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"];
        assert_eq!(starts(&schedule, "2026-03-28T12:00:00Z", 2), days.map(at));
        let after = schedule.around(at("2026-03-29T01:45:00Z"));
        assert_eq!(after.started.map(|b| b.start), Some(at(days[0])));
        // 02:30 occurs at 00:30 and at 01:30 UTC on 25 October.
        let days = ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
        assert_eq!(starts(&schedule, "2026-10-24T12:00:00Z", 2), days.map(at));
    }

    #[test]
    fn of_overlapping_broadcasts_the_one_that_ends_last_is_the_started_one() {
        let mut schedule = rule("0 21 * * *", "UTC", 15);
        let long = broadcast("2026-12-01T20:00:00Z", "2026-12-01T22:00:00Z");
        schedule.once.push(long);
        let around = schedule.around(at("2026-12-01T21:10:00Z"));
        assert_eq!(around.started, Some(long));
    }

    #[test]
    fn frequent_pattern_finds_the_last_match() {
        let schedule = rule("* * * * *", "UTC", 10);
        let around = schedule.around(at("2026-12-01T20:00:30Z"));
        let started = broadcast("2026-12-01T20:00:00Z", "2026-12-01T20:10:00Z");
        assert_eq!(around.started, Some(started));
    }

    #[test]
    fn pattern_that_is_faulty_or_never_matches_is_refused() {
        for pattern in [
            "",
            "0 20 * *",
            "0 0 20 * * *",
            "60 * * * *",
            "0 0 30 2 *",
            "a b c d e",
        ] {
            let rule = CronRule::new(pattern, Tz::UTC, Duration::from_secs(60));
            assert!(rule.is_err(), "{pattern}");
        }
    }
}
