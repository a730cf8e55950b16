//! Polyv's clock, and how Polyv writes the time.
//!
//! Media and calls are dated differently: the pictures that a channel sends have a place on
//! the [`MediaTime`] line, which never jumps; what Polyv *says* the time is, is a
//! [`Timestamp`]. The two differ by the skew, so that a Polyv whose clock is off by ten
//! minutes is off in everything: `Date`, the check of `timestamp`, and its samples' times.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate};

use polyv_client::clock::{Clock, MonotonicInstant, Timestamp};

/// Beijing's distance from UTC. China has no daylight saving time.
const BEIJING_OFFSET_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// A place on the line on which channels live: milliseconds since 1970 by a clock that was
/// right when the simulation began and that nobody can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MediaTime(i64);

/// The clock of the simulated Polyv: set once by the host's wall clock, then run by its
/// monotonic one. Stepping the host's wall clock later does not touch it.
#[derive(Debug)]
pub(super) struct PolyvClock {
    clock: Clock,
    start: MonotonicInstant,
    anchor: i64,
}

/// Writes times as the stream information's page shows them: `2023-04-07 09:45:24.443`,
/// Beijing time without a zone. Remembers the day, since samples come a day's worth at once.
#[derive(Debug, Default)]
pub(super) struct BeijingTime {
    day: Option<i64>,
    date: String,
}

// === impl MediaTime ===

impl MediaTime {
    #[cfg(test)]
    pub(super) const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    pub(super) const fn as_millis(self) -> i64 {
        self.0
    }

    pub(super) const fn plus_millis(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    pub(super) const fn millis_after(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }

    pub(super) fn minus(self, duration: Duration) -> Self {
        self.plus_millis(-signed_millis(duration))
    }

    /// What a Polyv with that skew says of this.
    pub(super) const fn said_with_skew(self, skew_ms: i64) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_add(skew_ms))
    }

    /// What a Polyv with that skew means by `said`.
    pub(super) const fn meant_with_skew(said: Timestamp, skew_ms: i64) -> Self {
        Self(said.as_millis().saturating_sub(skew_ms))
    }
}

// === impl PolyvClock ===

impl PolyvClock {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            start: clock.monotonic(),
            anchor: clock.wall().as_millis(),
            clock,
        }
    }

    pub(super) fn moment(&self) -> MonotonicInstant {
        self.clock.monotonic()
    }

    pub(super) fn media_time(&self, moment: MonotonicInstant) -> MediaTime {
        MediaTime(self.anchor).plus_millis(signed_millis(moment.since(self.start)))
    }
}

// === impl BeijingTime ===

impl BeijingTime {
    /// Appends the time to `out`.
    pub(super) fn write(&mut self, time: Timestamp, out: &mut String) {
        let local = time.as_millis().saturating_add(BEIJING_OFFSET_MS);
        let (day, within) = (local.div_euclid(DAY_MS), local.rem_euclid(DAY_MS));
        if self.day != Some(day) {
            self.date = civil_date(day).to_string();
            self.day = Some(day);
        }
        let seconds = within / 1000;
        out.push_str(&self.date);
        // Writing to a string never fails.
        let _ = write!(
            out,
            " {:02}:{:02}:{:02}.{:03}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            within % 1000
        );
    }
}

fn civil_date(day: i64) -> NaiveDate {
    DateTime::from_timestamp_millis(day.saturating_mul(DAY_MS))
        .map(|time| time.date_naive())
        .unwrap_or_default()
}

/// An instant as the `Date` header writes it.
pub(super) fn http_date(time: Timestamp) -> String {
    /// The end of the year 9999: the header has no room for a later one.
    const LATEST_MS: u64 = 253_402_300_799_000;
    let after_1970 = u64::try_from(time.as_millis()).unwrap_or(0);
    let writable = Duration::from_millis(after_1970.min(LATEST_MS));
    httpdate::fmt_http_date(UNIX_EPOCH + writable)
}

/// Whole milliseconds, saturating.
pub(super) fn signed_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use polyv_client::clock::SettableWallClock;

    fn written(ms: i64) -> String {
        let mut out = String::new();
        BeijingTime::default().write(Timestamp::from_millis(ms), &mut out);
        out
    }

    #[test]
    fn times_are_written_as_on_the_page() {
        // The page's sample; 1680831521000 is its sample call's timestamp, 09:38:41 in Beijing.
        assert_eq!(written(1_680_831_924_443), "2023-04-07 09:45:24.443");
        assert_eq!(written(1_680_831_521_000), "2023-04-07 09:38:41.000");
    }

    #[test]
    fn the_day_turns_at_midnight_in_beijing_and_never_for_daylight_saving() {
        assert_eq!(written(1_680_796_799_999), "2023-04-06 23:59:59.999");
        assert_eq!(written(1_680_796_800_000), "2023-04-07 00:00:00.000");
        // Noon UTC is 20:00 in Beijing in winter and in summer.
        assert_eq!(written(1_705_320_000_000), "2024-01-15 20:00:00.000");
        assert_eq!(written(1_721_044_800_000), "2024-07-15 20:00:00.000");
    }

    #[test]
    fn one_writer_writes_many_days() {
        let mut writer = BeijingTime::default();
        for (ms, expected) in [
            (1_680_796_799_999, "2023-04-06 23:59:59.999"),
            (1_680_796_800_000, "2023-04-07 00:00:00.000"),
            (1_680_796_799_999, "2023-04-06 23:59:59.999"),
        ] {
            let mut out = String::new();
            writer.write(Timestamp::from_millis(ms), &mut out);
            assert_eq!(out, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn stepping_the_hosts_clock_does_not_touch_polyvs() {
        let wall = Arc::new(SettableWallClock::starting_at(Timestamp::from_millis(
            1_680_831_521_000,
        )));
        let polyv = PolyvClock::new(Clock::new(Arc::clone(&wall) as Arc<_>));
        wall.step_millis(3_600_000);
        tokio::time::advance(Duration::from_secs(5)).await;
        let now = polyv.media_time(polyv.moment());
        assert_eq!(now, MediaTime::from_millis(1_680_831_526_000));
    }
}
