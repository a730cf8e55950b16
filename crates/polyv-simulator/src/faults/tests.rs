use std::time::Duration;

use super::*;
use crate::rng::DeterministicRng;

fn faults(yaml: &str) -> Faults {
    Faults::new(Fault::parse_list("test", yaml).unwrap(), Duration::ZERO)
}

fn target(number: u64) -> Target<'static> {
    Target {
        app_id: Some("app"),
        channels: Some("1,2"),
        endpoint: "stream_info",
        reused_connection: false,
        rng: DeterministicRng::new(1).with(number),
        number,
    }
}

fn is_replaced_at(faults: &Faults, ms: u64) -> bool {
    let active = faults.matching(target(0), Duration::from_millis(ms));
    active.replacement.is_some()
}

#[test]
fn fault_affects_only_calls_in_its_scope() {
    for (scope, matches) in [
        ("", true),
        ("account: app", true),
        ("account: other", false),
        ("channels: [\"2\", \"3\"]", true),
        ("channels: [\"12\"]", false),
        ("endpoints: [stream_info]", true),
        ("endpoints: [live_status]", false),
        ("account: app, channels: [\"3\"]", false),
    ] {
        let faults = faults(&format!("- {{trouble: hang, {scope}}}"));
        assert_eq!(is_replaced_at(&faults, 0), matches, "{scope}");
    }
}

#[test]
fn fault_follows_its_schedule() {
    let once = faults("- {trouble: hang, after: 60s, for: 30s}");
    for (ms, matches) in [
        (59_999, false),
        (60_000, true),
        (89_999, true),
        (90_000, false),
    ] {
        assert_eq!(is_replaced_at(&once, ms), matches, "{ms}");
    }
    let again = faults("- {trouble: hang, after: 60s, for: 30s, every: 5m}");
    for (ms, matches) in [
        (90_000, false),
        (359_999, false),
        (360_000, true),
        (390_000, false),
    ] {
        assert_eq!(is_replaced_at(&again, ms), matches, "{ms}");
    }
}

#[test]
fn share_is_reached_and_repeatable() {
    let faults = faults("- {trouble: hang, share: 0.3}");
    let matches = |n| {
        let active = faults.matching(target(n), Duration::ZERO);
        active.replacement.is_some()
    };
    let first: Vec<bool> = (0..2_000).map(matches).collect();
    let second: Vec<bool> = (0..2_000).map(matches).collect();
    assert_eq!(first, second);
    let count = first.iter().filter(|matched| **matched).count();
    assert!((540..660).contains(&count), "{count}");
}

#[test]
fn latencies_have_the_given_median_and_99th_percentile() {
    let faults = faults("- {trouble: latency, median: 300ms, p99: 1s}");
    let mut delays: Vec<u128> = (0..10_000)
        .map(|n| {
            let active = faults.matching(target(n), Duration::ZERO);
            active.delay.as_millis()
        })
        .collect();
    delays.sort_unstable();
    assert!((290..310).contains(&delays[5_000]), "{}", delays[5_000]);
    assert!((900..1_100).contains(&delays[9_900]), "{}", delays[9_900]);
}

#[test]
fn first_replacement_counts_and_delays_and_skews_add_up() {
    let faults = faults(
        "- {trouble: reset}\n\
         - {trouble: hang}\n\
         - {trouble: latency, median: 1s, p99: 1s}\n\
         - {trouble: latency, median: 2s, p99: 2s}\n\
         - {trouble: clock_skew, by: 10m}\n\
         - {trouble: clock_skew, by: -1m}\n",
    );
    let active = faults.matching(target(0), Duration::ZERO);
    assert_eq!(active.replacement.unwrap().name, "reset");
    assert_eq!(active.delay, Duration::from_secs(3));
    assert_eq!(active.skew_ms, 540_000);
}
