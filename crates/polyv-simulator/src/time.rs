//! Polyv's clock, and the formats in which Polyv writes the time.
//!
//! A channel's media has a place on the [`MediaTime`] line, which never jumps. The time that Polyv
//! *reports*, in milliseconds since 1970, differs from it by the clock skew, so that a skew applies
//! to everything: `Date`, the check of `timestamp`, and the samples' times.

use std::fmt::Display;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate};
use tokio::time::Instant;

/// Beijing's offset from UTC. China has no daylight saving time.
const BEIJING_OFFSET_MS: i64 = 8 * 3_600_000;

/// A place on the media time line: milliseconds since 1970 by a clock that was right when the
/// simulation started and that nothing sets afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MediaTime(i64);

/// The clock of the simulated Polyv: set once at the start, then driven by tokio's monotonic clock.
#[derive(Debug)]
pub(crate) struct PolyvClock {
    started: Instant,
    start: MediaTime,
}

/// A point in time, by both of the simulation's clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimePoint {
    /// Time since the simulation started, in whole milliseconds.
    pub(crate) elapsed: Duration,
    pub(crate) media: MediaTime,
}

impl MediaTime {
    /// Before everything.
    pub(crate) const MIN: Self = Self(i64::MIN);
    /// After all others.
    pub(crate) const MAX: Self = Self(i64::MAX);

    pub(crate) const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    pub(crate) const fn as_millis(self) -> i64 {
        self.0
    }

    pub(crate) const fn plus_millis(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    pub(crate) const fn millis_after(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }

    pub(crate) fn minus(self, duration: Duration) -> Self {
        self.plus_millis(-signed_millis(duration))
    }

    /// The time, in milliseconds since 1970, that a Polyv with that skew reports for this.
    pub(crate) const fn to_reported(self, skew_ms: i64) -> i64 {
        self.0.saturating_add(skew_ms)
    }

    /// The media time that a Polyv with that skew reports as `reported_ms`.
    pub(crate) const fn from_reported(reported_ms: i64, skew_ms: i64) -> Self {
        Self(reported_ms.saturating_sub(skew_ms))
    }
}

impl PolyvClock {
    pub(crate) fn new(start: SystemTime) -> Self {
        let start = match start.duration_since(UNIX_EPOCH) {
            Ok(after) => signed_millis(after),
            Err(before) => -signed_millis(before.duration()),
        };
        Self {
            started: Instant::now(),
            start: MediaTime(start),
        }
    }

    pub(crate) fn now(&self) -> TimePoint {
        let elapsed_ms = signed_millis(self.started.elapsed());
        TimePoint {
            elapsed: Duration::from_millis(elapsed_ms.unsigned_abs()),
            media: self.start.plus_millis(elapsed_ms),
        }
    }
}

/// A time as the stream information's page shows it: `2023-04-07 09:45:24.443`, Beijing time
/// without a zone.
pub(crate) fn beijing_time(reported_ms: i64) -> impl Display {
    let local_ms = reported_ms.saturating_add(BEIJING_OFFSET_MS);
    let local = DateTime::from_timestamp_millis(local_ms).unwrap_or_default();
    local.format("%Y-%m-%d %H:%M:%S%.3f")
}

/// A time as the viewers' page shows it: `14:15:49`, in Beijing.
pub(crate) fn beijing_time_of_day(reported_ms: i64) -> String {
    beijing(reported_ms, "%H:%M:%S")
}

/// A time as the page of planned sessions shows it: `2024-01-15 10:30`, in Beijing.
pub(crate) fn beijing_minute(reported_ms: i64) -> String {
    beijing(reported_ms, "%Y-%m-%d %H:%M")
}

/// The day in Beijing.
pub(crate) fn beijing_date(reported_ms: i64) -> NaiveDate {
    let local_ms = reported_ms.saturating_add(BEIJING_OFFSET_MS);
    let local = DateTime::from_timestamp_millis(local_ms).unwrap_or_default();
    local.date_naive()
}

fn beijing(reported_ms: i64, format: &str) -> String {
    let local_ms = reported_ms.saturating_add(BEIJING_OFFSET_MS);
    let local = DateTime::from_timestamp_millis(local_ms).unwrap_or_default();
    local.format(format).to_string()
}

/// A time as the v4 stream information's page shows it: `2023-05-11T10:09:00Z`.
pub(crate) fn utc_time(reported_ms: i64) -> impl Display {
    let time = DateTime::from_timestamp_millis(reported_ms).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%SZ")
}

/// The format of the `Date` header.
pub(crate) fn http_date(reported_ms: i64) -> String {
    let date = DateTime::from_timestamp_millis(reported_ms).unwrap_or_default();
    date.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Whole milliseconds, saturating.
pub(crate) fn signed_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(ms: i64) -> String {
        beijing_time(ms).to_string()
    }

    #[test]
    fn times_are_written_as_on_the_page() {
        // The page's sample; 1680831521000 is its sample call's timestamp, 09:38:41 in Beijing.
        assert_eq!(written(1_680_831_924_443), "2023-04-07 09:45:24.443");
        assert_eq!(written(1_680_831_521_000), "2023-04-07 09:38:41.000");
    }

    #[test]
    fn the_day_changes_at_midnight_in_beijing_without_daylight_saving() {
        assert_eq!(written(1_680_796_799_999), "2023-04-06 23:59:59.999");
        assert_eq!(written(1_680_796_800_000), "2023-04-07 00:00:00.000");
        // Noon UTC is 20:00 in Beijing in winter and in summer.
        assert_eq!(written(1_705_320_000_000), "2024-01-15 20:00:00.000");
        assert_eq!(written(1_721_044_800_000), "2024-07-15 20:00:00.000");
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_monotonic_time_from_its_start() {
        let clock = PolyvClock::new(UNIX_EPOCH + Duration::from_secs(1_680_831_521));
        tokio::time::advance(Duration::from_secs(5)).await;
        let now = clock.now();
        assert_eq!(now.media, MediaTime::from_millis(1_680_831_526_000));
        assert_eq!(now.elapsed, Duration::from_secs(5));
    }
}
