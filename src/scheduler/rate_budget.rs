//! The calls that all channels need, and the calls that the rate limiter allows.

use std::time::Duration;

use crate::config::format_duration;
use crate::config::{self, Config, StatusMode};
use polyv_client::{MAX_CHANNELS_PER_CALL, RateLimit};

/// The share of the sustained rate that is scheduled. The rest is left for unscheduled calls: a
/// retry after a clock correction, or a probe.
const USABLE_SHARE: f64 = 0.98;
/// The latency of calls before any was made.
pub(super) const EXPECTED_LATENCY: Duration = Duration::from_millis(100);

/// Calls per second that channels need.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Demand {
    /// For channels that are live, recently live, expected or newly configured, and for batch
    /// status.
    pub(super) guaranteed: f64,
    /// For other channels that are polled individually since batch status is unavailable.
    pub(super) best_effort: f64,
}

/// How a capacity is divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RateSplit {
    /// The speed of virtual clocks, at most 1.
    pub(super) speed: f64,
    /// Allowed best-effort calls per call that is needed; above 1 if there is capacity to spare.
    pub(super) best_effort: f64,
}

// === impl Demand ===

impl Demand {
    pub(super) fn total(self) -> f64 {
        self.guaranteed + self.best_effort
    }
}

impl std::ops::Add for Demand {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            guaranteed: self.guaranteed + other.guaranteed,
            best_effort: self.best_effort + other.best_effort,
        }
    }
}

// === impl RateSplit ===

impl RateSplit {
    /// Divides a capacity (calls per second). Best-effort calls get what the guaranteed ones
    /// leave, and a sixth of the capacity at least.
    pub(super) fn new(demand: Demand, capacity: f64) -> Self {
        let rest = (capacity - demand.guaranteed).max(capacity / 6.0);
        let guaranteed = capacity - demand.best_effort.min(capacity / 6.0);
        Self {
            speed: (guaranteed / demand.guaranteed.max(f64::EPSILON)).min(1.0),
            best_effort: rest / demand.best_effort.max(f64::EPSILON),
        }
    }

    /// Returns how many times longer than configured the interval of best-effort channels is.
    pub(super) fn best_effort_stretch(&self) -> f64 {
        1.0 / self.best_effort.min(self.speed)
    }
}

/// Returns how many of the calls that can be sustained may be scheduled.
pub(super) fn capacity(sustained_rate: f64) -> f64 {
    USABLE_SHARE * sustained_rate
}

/// Returns the calls per second of a channel that is polled every `interval`.
pub(super) fn rate(interval: Duration) -> f64 {
    1.0 / interval.as_secs_f64().max(f64::EPSILON)
}

/// Returns the rate limit that a configuration sets.
#[must_use]
pub fn rate_limit_from_config(config: &Config) -> RateLimit {
    RateLimit {
        requests: config.api.requests,
        per: config.api.per,
        max_in_flight: config.api.max_in_flight,
    }
}

/// Warns of a configuration that needs more calls than its rate limit allows, with the numbers and
/// an interval that would fit.
#[must_use]
pub fn capacity_warning(config: &Config) -> Option<String> {
    let count = config.channel_count();
    let accounts = config.accounts.iter();
    let idle: f64 = accounts.map(|account| idle_calls(account, config)).sum();
    let idle = idle * rate(config.poll.idle_interval);
    let channels = config.accounts.iter().flat_map(|a| &a.channels);
    let live: f64 = channels.map(|channel| rate(channel.live_interval)).sum();
    let capacity = capacity(rate_limit_from_config(config).sustained_rate(EXPECTED_LATENCY));
    let needed = idle.max(live);
    if needed <= capacity {
        return None;
    }
    let stretch = needed / capacity;
    let when = if idle > capacity {
        ""
    } else {
        " when all are live"
    };
    let (key, interval) = if idle >= live {
        ("poll.idle_interval", config.poll.idle_interval)
    } else {
        ("poll.live_interval", config.poll.live_interval)
    };
    let fitting = Duration::from_secs(interval.mul_f64(stretch).as_secs() + 1);
    Some(format!(
        "{count} channels need {needed:.1} calls a second{when}, and api.rate_limit and \
         api.max_in_flight allow {capacity:.1}: all intervals would be stretched {stretch:.2} \
         times; with a {key} of {fitting} they would fit",
        fitting = format_duration(fitting)
    ))
}

/// Returns the calls that an account's channels need per idle interval while none is live.
#[allow(clippy::cast_precision_loss)] // channels are counted in thousands
fn idle_calls(account: &config::Account, config: &Config) -> f64 {
    let count = account.channels.len();
    let calls = match config.poll.status {
        StatusMode::Single => count,
        StatusMode::Batch => {
            // The streams of channels that are expected to be live are polled as well.
            let expected = account.channels.iter().filter(|c| c.expect.live).count();
            expected + count.div_ceil(MAX_CHANNELS_PER_CALL)
        }
    };
    calls as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn config(channels: usize, poll: &str) -> Config {
        use std::fmt::Write;
        let mut text =
            format!("poll: {poll}\naccounts:\n- app_id: a\n  app_secret: s\n  channels:\n");
        for id in 0..channels {
            writeln!(text, "  - id: {id}").unwrap();
        }
        Source::text("test", &text).load().unwrap()
    }

    #[test]
    fn best_effort_gets_the_rest_and_a_sixth_at_least() {
        let split = |guaranteed, best_effort| {
            let demand = Demand {
                guaranteed,
                best_effort,
            };
            let split = RateSplit::new(demand, 96.0);
            (split.speed, split.best_effort_stretch())
        };
        assert_eq!(split(0.0, 0.0), (1.0, 1.0));
        assert_eq!(split(96.0, 0.0), (1.0, 1.0));
        assert_eq!(split(36.0, 60.0), (1.0, 1.0));
        assert_eq!(split(36.0, 120.0), (1.0, 2.0));
        assert_eq!(split(0.0, 192.0), (1.0, 2.0));
        assert_eq!(split(128.0, 32.0), (0.625, 2.0));
        assert_eq!(split(160.0, 160.0), (0.5, 10.0));
    }

    #[test]
    fn configuration_within_the_limit_has_no_warning() {
        assert_eq!(capacity_warning(&config(1400, "{status: single}")), None);
    }

    #[test]
    fn warning_names_the_numbers_and_a_fitting_interval() {
        let said = capacity_warning(&config(2000, "{status: single, live_interval: 10s}")).unwrap();
        assert!(
            said.contains("2000 channels need 200.0 calls a second when all are live"),
            "{said}"
        );
        assert!(said.contains("allow 97.0"), "{said}");
        assert!(said.contains("poll.live_interval of 21s"), "{said}");
        let fits = config(2000, "{status: single, live_interval: 21s}");
        assert_eq!(capacity_warning(&fits), None);
        // Even with none of them live.
        let said = capacity_warning(&config(
            2000,
            "{status: single, idle_interval: 10s, live_interval: 1m}",
        ))
        .unwrap();
        assert!(said.contains("need 200.0 calls a second, and"), "{said}");
        assert!(said.contains("poll.idle_interval of 21s"), "{said}");
    }

    #[test]
    fn batch_status_makes_idle_channels_cheap() {
        let idle = |poll: &str| {
            let config = config(20_000, poll);
            idle_calls(&config.accounts[0], &config)
        };
        assert_eq!(idle("{}"), 100.0);
        assert_eq!(idle("{status: single}"), 20_000.0);
        let said = capacity_warning(&config(20_000, "{}")).unwrap();
        assert!(said.contains("when all are live"), "{said}");
    }

    #[test]
    fn guaranteed_calls_slow_down_only_as_much_as_needed() {
        let speed = |guaranteed| {
            let demand = Demand {
                guaranteed,
                best_effort: 0.0,
            };
            RateSplit::new(demand, 100.0).speed
        };
        assert_eq!(speed(50.0), 1.0);
        assert_eq!(speed(200.0), 0.5);
    }
}
