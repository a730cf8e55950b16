//! How many requests there may be, all clients together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::file::given;
use crate::yaml::{Node, Reader, shown};

/// No interval needs to be longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A token bucket: one request an interval, and a burst at once.
#[derive(Debug)]
pub(super) struct RateLimit {
    settings: Settings,
    /// When the bucket will be full again.
    full_at: Mutex<Option<Instant>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Settings {
    interval: Duration,
    burst: u32,
}

// === impl RateLimit ===

impl RateLimit {
    /// Reads `rate_limit`; `None` where there is no limit.
    pub(super) fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let mut map = reader.mapping(node, "`rate_limit`")?;
        let (interval, burst) = (map.get("interval"), map.get("burst"));
        let place = map.place();
        map.finish(reader);
        let interval = match given(interval) {
            Some(node) => {
                let text = reader.text(node, "`interval`")?;
                let read = go_duration(text).filter(|interval| *interval <= LONGEST);
                if read.is_none() {
                    let message = format!(
                        "`interval` must be a duration such as `100ms` or `1.5s`, a day at most, \
                         or `0` for no limit; not {}",
                        shown(text)
                    );
                    reader.fault(node.place, message);
                }
                Some(read?)
            }
            None => None,
        };
        let size = match given(burst) {
            Some(node) => Some(reader.parsed(node, "`burst`", "a whole number")?),
            None => None,
        };
        match (interval, size) {
            // As in the toolkit, that is how a limit is switched off.
            (Some(Duration::ZERO), _) | (None, None) => None,
            (None, Some(_)) => {
                let message = "`rate_limit` has a `burst` and no `interval`: `interval: 100ms` is \
                               10 requests a second, `interval: 0` no limit";
                reader.fault(place, message);
                None
            }
            (Some(_), None | Some(0)) => {
                let place = burst.map_or(place, |node| node.place);
                let message = "a `rate_limit` without a `burst`, or with one of 0, would refuse \
                               every request: `burst` must be at least 1";
                reader.fault(place, message);
                None
            }
            (Some(interval), Some(burst)) => Some(Self::new(interval, burst)),
        }
    }

    fn new(interval: Duration, burst: u32) -> Self {
        Self {
            settings: Settings { interval, burst },
            full_at: Mutex::new(None),
        }
    }

    /// Whether it limits as another one does.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.settings == other.settings
    }

    /// Lets a request in, or says how long it is until one is.
    pub(super) fn admit(&self) -> Result<(), Duration> {
        let Settings { interval, burst } = self.settings;
        let now = Instant::now();
        // As long as the bucket would take to fill, so much is gone.
        let room = interval.saturating_mul(burst.saturating_sub(1));
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full = full_at.map_or(now, |at| at.max(now));
        let gone = full - now;
        if let Some(missing) = gone.checked_sub(room).filter(|missing| !missing.is_zero()) {
            return Err(missing);
        }
        *full_at = Some(full + interval);
        Ok(())
    }
}

/// A duration as Go reads it: numbers, perhaps with fractions, each with a unit; or 0.
fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0.0_f64;
    while !rest.is_empty() {
        let number = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .and_then(|at| rest.split_at_checked(at))?;
        let (number, behind) = number;
        let end = behind
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end)?;
        let unit = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        nanos += number.parse::<f64>().ok()? * unit;
        rest = behind;
    }
    Duration::try_from_secs_f64(nanos / 1e9).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_in_at_once_and_then_one_an_interval() {
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
        // Refusals cost nothing, and a long silence fills it up to the burst and no further.
        tokio::time::advance(Duration::from_secs(100)).await;
        assert_eq!((0..10).filter(|_| limit.admit().is_ok()).count(), 3);
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
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
            assert_eq!(go_duration(text), expected, "{text}");
        }
    }
}
