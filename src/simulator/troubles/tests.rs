use super::*;

fn troubles(yaml: &str) -> Troubles {
    Troubles::new(
        Trouble::parse_list("test", yaml).unwrap(),
        MonotonicInstant::default(),
    )
}

fn target(number: u64) -> Target<'static> {
    Target {
        app_id: Some("app"),
        channels: Some("1,2"),
        endpoint: "stream_info",
        chance: Chance::new(1).and(number),
        number,
    }
}

fn met_at(troubles: &Troubles, ms: u64) -> bool {
    let met = troubles.meet(target(0), MonotonicInstant::from_millis(ms));
    met.instead.is_some()
}

#[test]
fn a_trouble_meets_only_what_it_is_meant_for() {
    for (scope, meets) in [
        ("", true),
        ("account: app", true),
        ("account: other", false),
        ("channels: [\"2\", \"3\"]", true),
        ("channels: [\"12\"]", false),
        ("endpoints: [stream_info]", true),
        ("endpoints: [live_status]", false),
        ("account: app, channels: [\"3\"]", false),
    ] {
        let troubles = troubles(&format!("- {{trouble: hang, {scope}}}"));
        assert_eq!(met_at(&troubles, 0), meets, "{scope}");
    }
}

#[test]
fn a_trouble_keeps_to_its_schedule() {
    let once = troubles("- {trouble: hang, after: 60s, for: 30s}");
    for (ms, meets) in [
        (59_999, false),
        (60_000, true),
        (89_999, true),
        (90_000, false),
    ] {
        assert_eq!(met_at(&once, ms), meets, "{ms}");
    }
    let again = troubles("- {trouble: hang, after: 60s, for: 30s, every: 5m}");
    for (ms, meets) in [
        (90_000, false),
        (359_999, false),
        (360_000, true),
        (390_000, false),
    ] {
        assert_eq!(met_at(&again, ms), meets, "{ms}");
    }
}

#[test]
fn a_share_is_met_as_often_as_it_says_and_the_same_way_every_time() {
    let troubles = troubles("- {trouble: hang, share: 0.3}");
    let meets = |n| {
        let met = troubles.meet(target(n), MonotonicInstant::default());
        met.instead.is_some()
    };
    let first: Vec<bool> = (0..2_000).map(meets).collect();
    let second: Vec<bool> = (0..2_000).map(meets).collect();
    assert_eq!(first, second);
    let count = first.iter().filter(|met| **met).count();
    assert!((540..660).contains(&count), "{count}");
}

#[test]
fn latencies_have_the_median_and_the_99th_percentile_that_were_asked_for() {
    let troubles = troubles("- {trouble: latency, median: 300ms, p99: 1s}");
    let mut delays: Vec<u128> = (0..10_000)
        .map(|n| {
            let met = troubles.meet(target(n), MonotonicInstant::default());
            met.delay.as_millis()
        })
        .collect();
    delays.sort_unstable();
    assert!((290..310).contains(&delays[5_000]), "{}", delays[5_000]);
    assert!((900..1_100).contains(&delays[9_900]), "{}", delays[9_900]);
}

#[test]
fn of_two_answers_the_first_one_is_given_and_delays_and_skews_add_up() {
    let troubles = troubles(
        "- {trouble: reset}\n\
         - {trouble: hang}\n\
         - {trouble: latency, median: 1s, p99: 1s}\n\
         - {trouble: latency, median: 2s, p99: 2s}\n\
         - {trouble: clock_skew, by: 10m}\n\
         - {trouble: clock_skew, by: -1m}\n",
    );
    let met = troubles.meet(target(0), MonotonicInstant::default());
    assert_eq!(met.instead, Some((Instead::Reset, "reset")));
    assert_eq!(met.delay, Duration::from_secs(3));
    assert_eq!(met.skew_ms, 540_000);
}
