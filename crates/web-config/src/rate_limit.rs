//! The rate limit on requests of all clients together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::diagnostic::Diagnostics;
use crate::settings::{RateLimitSettings, Setting};

/// The longest interval that is accepted.
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// A token bucket: one request per interval, and a burst at once. It is small enough to do
/// without a crate.
#[derive(Debug)]
pub(crate) struct RateLimit {
    interval: Duration,
    burst: u32,
    /// When the bucket will be full again.
    full_at: Mutex<Option<Instant>>,
}

// === impl RateLimit ===

impl RateLimit {
    /// The limit that `rate_limit` configures; `None` without one. Faults are reported.
    pub(crate) fn from_settings(
        settings: &Setting<RateLimitSettings>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let (RateLimitSettings { interval, burst }, location) = settings.get()?;
        let burst_location = burst.location().unwrap_or(location);
        let interval = interval.parse(
            "interval",
            "a duration such as `100ms` or `1.5s`, a day at most, or `0` for no limit",
            |text| parse_go_duration(text).filter(|interval| *interval <= MAX_INTERVAL),
            diagnostics,
        );
        let parse_burst = |text: &str| text.parse().ok();
        let burst = burst.parse("burst", "a whole number", parse_burst, diagnostics);
        match (interval.ok()?, burst.ok()?) {
            // As in the toolkit, an interval of 0 turns a limit off.
            (Some(Duration::ZERO), _) | (None, None) => None,
            (None, Some(_)) => {
                let message = "`rate_limit` has a `burst` and no `interval`: `interval: 100ms` is \
                               10 requests per second, `interval: 0` no limit";
                diagnostics.push(location, message);
                None
            }
            (Some(_), None | Some(0)) => {
                let message = "a `rate_limit` without a `burst`, or with one of 0, would refuse \
                               every request: `burst` must be at least 1";
                diagnostics.push(burst_location, message);
                None
            }
            (Some(interval), Some(burst)) => Some(Self::new(interval, burst)),
        }
    }

    fn new(interval: Duration, burst: u32) -> Self {
        Self {
            interval,
            burst,
            full_at: Mutex::new(None),
        }
    }

    /// Whether both limit alike.
    pub(crate) fn is_equivalent(&self, other: &Self) -> bool {
        (self.interval, self.burst) == (other.interval, other.burst)
    }

    /// Admits a request, or returns the time until one is admitted.
    pub(crate) fn admit(&self) -> Result<(), Duration> {
        let now = Instant::now();
        // The bucket is as empty as the time it takes to fill.
        let max_backlog = self.interval.saturating_mul(self.burst.saturating_sub(1));
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full = full_at.map_or(now, |at| at.max(now));
        match (full - now).checked_sub(max_backlog) {
            Some(missing) if !missing.is_zero() => Err(missing),
            _ => {
                *full_at = Some(full + self.interval);
                Ok(())
            }
        }
    }
}

/// Parses a duration as Go does: numbers, with or without fractions, each with a unit; or 0.
fn parse_go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, behind) = rest.split_at_checked(rest.find(|c| !is_digit(c))?)?;
        let end = behind.find(is_digit).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end)?;
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        rest = behind;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn burst_is_admitted_at_once_and_then_one_request_per_interval() {
        let limit = RateLimit::new(Duration::from_secs(1), 3);
        for _ in 0..3 {
            assert_eq!(limit.admit(), Ok(()));
        }
        assert_eq!(limit.admit(), Err(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(limit.admit().is_err());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(limit.admit(), Ok(()));
        assert!(limit.admit().is_err());
        // Refusals cost nothing, and a long silence fills the bucket up to the burst.
        tokio::time::advance(Duration::from_secs(100)).await;
        assert_eq!((0..10).filter(|_| limit.admit().is_ok()).count(), 3);
    }

    #[test]
    fn durations_are_parsed_as_in_go() {
        for (text, nanos) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("1s", Some(1_000_000_000)),
            ("1m1.5s", Some(61_500_000_000)),
            ("100ms", Some(100_000_000)),
            ("250us", Some(250_000)),
            ("250µs", Some(250_000)),
            (".5s", Some(500_000_000)),
            ("", None),
            ("+", None),
            ("1", None),
            ("s", None),
            ("1 s", None),
            ("-1s", None),
            ("1d", None),
            ("1..5s", None),
            ("99999999999999999999999999h", None),
        ] {
            let expected = nanos.map(Duration::from_nanos);
            assert_eq!(parse_go_duration(text), expected, "{text}");
        }
    }
}
