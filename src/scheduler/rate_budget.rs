//! What all channels together need, against what the limiter gives.

use std::time::Duration;

use crate::config::format_duration;
use crate::config::{self, Config, StatusMode};
use polyv_client::{MAX_CHANNELS_PER_CALL, RateLimit};

/// Plans use so much of what can be sustained: what comes beside them (a second try after a
/// corrected clock, a probe) finds room.
const USABLE_SHARE: f64 = 0.98;
/// How long a call takes, before any was made.
pub(super) const EXPECTED_LATENCY: Duration = Duration::from_millis(100);

/// How many calls a second plans may come to, of so many that can be sustained.
pub(super) fn capacity(sustained_rate: f64) -> f64 {
    USABLE_SHARE * sustained_rate
}

/// How fast plans may run for a demand (calls a second) to fit into a capacity.
pub(super) fn speed(demand: f64, capacity: f64) -> f64 {
    if demand > capacity {
        capacity / demand
    } else {
        1.0
    }
}

/// How much longer than configured the interval is to be of those who come last, so that they
/// leave the others in peace: `first` and `idle` are what both need, `present` is how much longer
/// it is already. They get a sixth of the capacity in any case, and a sixth of what they get is
/// left free, so that it need not be changed with every channel that turns live.
pub(super) fn idle_stretch(first: f64, idle: f64, capacity: f64, present: f64) -> f64 {
    let rest = (capacity - first).max(capacity / 5.0);
    let needed = if rest > 0.0 { idle / rest } else { present };
    let with_room = (needed * 1.2).max(1.0);
    let fits_as_configured = with_room == 1.0;
    if needed > present || needed < present / 1.5 || fits_as_configured {
        with_room
    } else {
        present
    }
}

/// Calls a second for a channel asked every `interval`.
pub(super) fn rate(interval: Duration) -> f64 {
    1.0 / interval.as_secs_f64().max(f64::EPSILON)
}

/// The limit that a configuration sets.
#[must_use]
pub fn rate_limit_from_config(config: &Config) -> RateLimit {
    RateLimit {
        requests: config.api.requests,
        per: config.api.per,
        max_in_flight: config.api.max_in_flight,
    }
}

/// Says, with the numbers and a remedy, where a configuration asks for more than its budget
/// gives.
#[must_use]
pub fn capacity_warning(config: &Config) -> Option<String> {
    let count = config.channel_count();
    let idle: f64 = config.accounts.iter().map(|a| idle_calls(a, config)).sum();
    let idle = idle * rate(config.poll.idle_interval);
    let live: f64 = config
        .accounts
        .iter()
        .flat_map(|account| &account.channels)
        .map(|channel| rate(channel.live_interval))
        .sum();
    let capacity = capacity(rate_limit_from_config(config).sustained_rate(EXPECTED_LATENCY));
    let most = idle.max(live);
    if most <= capacity {
        return None;
    }
    let stretch = most / capacity;
    let when = if idle > capacity {
        ""
    } else {
        " when all are live"
    };
    let (key, present) = if idle >= live {
        ("poll.idle_interval", config.poll.idle_interval)
    } else {
        ("poll.live_interval", config.poll.live_interval)
    };
    let fitting = Duration::from_secs(present.mul_f64(stretch).as_secs() + 1);
    Some(format!(
        "{count} channels need {most:.1} calls a second{when}, and api.rate_limit and \
         api.max_in_flight allow {capacity:.1}: all intervals would be stretched {stretch:.2} \
         times; with a {key} of {fitting} they would fit",
        fitting = format_duration(fitting)
    ))
}

/// How many calls an account's channels take for each idle interval while none is live.
#[allow(clippy::cast_precision_loss)]
fn idle_calls(account: &config::Account, config: &Config) -> f64 {
    let count = account.channels.len();
    let calls = match config.poll.status {
        StatusMode::Single => count,
        StatusMode::Batch => {
            // Those that are expected to be live are asked for their streams as well.
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
    fn those_who_come_last_get_what_is_left_and_a_sixth_at_least() {
        let stretch = |first, idle, present| idle_stretch(first, idle, 100.0, present);
        assert_eq!(stretch(40.0, 50.0, 1.0), 1.0);
        assert_eq!(stretch(40.0, 120.0, 1.0), 2.4);
        assert_eq!(stretch(95.0, 100.0, 1.0), 6.0);
        assert_eq!(stretch(200.0, 100.0, 1.0), 6.0);
        // A little more or less of the others changes nothing.
        assert_eq!(stretch(45.0, 120.0, 2.4), 2.4);
        assert_eq!(stretch(30.0, 120.0, 2.4), 2.4);
        assert!(stretch(55.0, 120.0, 2.4) > 3.0);
        // It ends where it is not needed any more, and where there is nobody.
        assert_eq!(stretch(40.0, 50.0, 1.2), 1.0);
        assert_eq!(stretch(40.0, 0.0, 2.4), 1.0);
        assert_eq!(stretch(0.0, 0.0, 1.0), 1.0);
    }

    #[test]
    fn what_fits_is_no_over_demand() {
        assert_eq!(capacity_warning(&config(1400, "{status: single}")), None);
    }

    #[test]
    fn over_demand_is_told_with_the_numbers_and_what_would_fit() {
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
    fn in_bulk_channels_that_are_not_live_cost_next_to_nothing() {
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
    fn plans_slow_down_just_as_much_as_they_must() {
        assert_eq!(speed(50.0, 100.0), 1.0);
        assert_eq!(speed(200.0, 100.0), 0.5);
    }
}
