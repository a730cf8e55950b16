//! When channels are polled, and for what.

use std::collections::BTreeMap;

use crate::support::test_env::{TestEnv, advance};

fn config(poll: &str, channels: impl Iterator<Item = u32>) -> String {
    let channels: Vec<_> = channels.map(|id| format!("{{id: {id}}}")).collect();
    format!(
        "poll: {poll}\naccounts:\n- app_id: simulated\n  app_secret: simulated-secret\n  channels: [{}]\n",
        channels.join(", ")
    )
}

/// How many polls came in each second, from the first one to `until` (milliseconds).
fn by_second(env: &TestEnv, until: u64) -> Vec<usize> {
    let mut counts = BTreeMap::new();
    for call in env.simulator.requests() {
        // Other calls are few, and about many channels.
        if !matches!(&*call.endpoint, "stream_info" | "live_status") {
            continue;
        }
        let moment = call.monotonic_ms;
        if moment < until {
            *counts.entry(moment / 1000).or_insert(0) += 1;
        }
    }
    (0..until / 1000)
        .map(|second| counts.get(&second).copied().unwrap_or(0))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn polls_are_spread_evenly_from_the_first_round() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 300}]\ntroubles: [{trouble: latency, median: 100ms, p99: 300ms}]",
        &config("{}", 1000..1300),
    );
    advance(180.0).await;
    // 300 channels every 15 seconds: 20 a second. (At the very beginning calls go one by one
    // until a signature was accepted.)
    for (second, calls) in by_second(&env, 180_000).into_iter().enumerate() {
        assert!(
            (17..=23).contains(&calls),
            "{calls} calls in second {second}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn idle_channels_are_spread_over_their_interval() {
    for (poll, fewest, most) in [
        ("{status: single}", 8, 12),
        (
            "{status: single, live_interval: 5s, idle_interval: 1m}",
            3,
            7,
        ),
    ] {
        let env = TestEnv::with_exporter(
            "channels: [{id: 1000, count: 300, life: offline}]",
            &config(poll, 1000..1300),
        );
        advance(360.0).await;
        for (second, calls) in by_second(&env, 360_000).into_iter().enumerate().skip(120) {
            let usual = (fewest..=most).contains(&calls);
            assert!(usual, "{poll}: {calls} calls in second {second}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn channel_added_under_stretched_intervals_does_not_expire_early() {
    // 30 calls a second are needed and 2 are allowed, so each is polled every 150 seconds.
    let of = |count: u32| {
        let channels = config("{live_interval: 10s}", 1000..1000 + count);
        format!("api: {{rate_limit: {{requests: 20, per: 10s}}}}\n{channels}")
    };
    let mut env = TestEnv::with_exporter("channels: [{id: 1000, count: 301}]", &of(300));
    advance(1000.0).await;
    env.reload(&of(301)).await;
    advance(400.0).await;
    let since = env
        .scrape()
        .of("polyv_channel_state_changed_timestamp_seconds", "1300");
    for _ in 0..20 {
        advance(60.0).await;
        let scrape = env.scrape();
        assert_eq!(scrape.state("1300"), "live");
        assert_eq!(
            scrape.of("polyv_channel_state_changed_timestamp_seconds", "1300"),
            since
        );
    }
}

#[tokio::test(start_paused = true)]
async fn channel_keeps_its_phase_and_interval() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 50}, {id: 2000, count: 50, life: offline}]
troubles: [{trouble: latency, median: 300ms, p99: 1s}]",
        &config("{}", (1000..1050).chain(2000..2050)),
    );
    advance(600.0).await;
    for (channel, interval) in [
        (1000, 15_000),
        (1049, 15_000),
        (2000, 30_000),
        (2049, 30_000),
    ] {
        let polls = env.received_for(&channel.to_string());
        for pair in polls.windows(2).skip(2) {
            let between = pair[1] - pair[0];
            assert!(between.abs_diff(interval) <= 5, "{channel}: {between} ms");
        }
        assert!(polls.len() as u64 >= 600_000 / interval);
    }
}

#[tokio::test(start_paused = true)]
async fn channel_has_its_configured_interval() {
    let config = "accounts:
- app_id: simulated
  app_secret: simulated-secret
  channels: [{id: 1, live_interval: 5s}, {id: 2, live_interval: 1m}, {id: 3, live_interval: 5s}]";
    let scenario = "channels: [{id: 1}, {id: 2}, {id: 3, life: offline}]";
    let env = TestEnv::with_exporter(scenario, config);
    advance(600.0).await;
    for (channel, polls) in [("1", 119..=122), ("2", 10..=12), ("3", 20..=22)] {
        let received = env.received_for(channel).len();
        assert!(polls.contains(&received), "{channel}: {received}");
    }
}

#[tokio::test(start_paused = true)]
async fn channel_turned_live_is_polled_at_the_live_interval() {
    let env = TestEnv::with_exporter("channels: [{id: 1, life: offline}]", &config("{}", 1..2));
    advance(300.0).await;
    env.set_script("1", "steady");
    advance(300.0).await;
    let polls = env.received_for("1");
    let late: Vec<_> = polls.iter().filter(|at| **at > 330_000).collect();
    assert!((17..=19).contains(&late.len()), "{}", late.len());
}

#[tokio::test(start_paused = true)]
async fn channel_has_at_most_one_request_in_flight() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1}]\ntroubles: [{trouble: latency, median: 8s, p99: 8s}]",
        &config("{live_interval: 3s}", 1..2),
    );
    advance(300.0).await;
    let polls = env.received_for("1");
    assert!(polls.len() > 30, "{}", polls.len());
    for pair in polls.windows(2) {
        assert!(pair[1] - pair[0] >= 8_000, "{pair:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn query_range_has_a_start_and_overlaps_by_a_minute() {
    let env = TestEnv::with_exporter(
        "sample_delay: 20s\nchannels: [{id: 1}]",
        &config("{}", 1..2),
    );
    advance(120.0).await;
    let mut received = env.simulator.requests();
    received.retain(|call| call.endpoint == "stream_info");
    assert!(received.iter().all(|call| call.end_time.is_none()));
    let first = &received[0];
    let back = first.polyv_ms - first.start_time.unwrap();
    assert!((back - 35 * 60_000).abs() <= 600, "{back}");
    for call in &received[1..] {
        let back = call.polyv_ms - call.start_time.unwrap();
        // The newest sample is 20 s late, up to an interval older, and a minute is added.
        assert!((79_000..=101_000).contains(&back), "{back}");
    }
}

#[tokio::test(start_paused = true)]
async fn gap_after_an_outage_is_filled_within_polyvs_maximum_range() {
    for (outage, expected) in [(20 * 60, 20 * 60), (4 * 3600, 3600 * 3 - 300)] {
        let env = TestEnv::with_exporter("channels: [{id: 1}]", &config("{}", 1..2));
        advance(120.0).await;
        let before = env.scrape().of("polyv_stream_samples_total", "1").unwrap();
        let calls = env.simulator.requests().len();
        env.inject_faults("[bad_gateway]");
        advance(f64::from(outage)).await;
        env.inject_faults("[]");
        advance(60.0).await;
        let since = &env.simulator.requests()[calls..];
        for call in since.iter().filter(|call| call.endpoint == "stream_info") {
            let back = call.polyv_ms - call.start_time.unwrap();
            assert!(
                (60_000..=3 * 3_600_000 - 300_000 + 600).contains(&back),
                "{back}"
            );
        }
        let after = env.scrape().of("polyv_stream_samples_total", "1").unwrap();
        let samples = after - before;
        let made = f64::from(expected) / 5.0;
        assert!(
            (made..=made + 18.0).contains(&samples),
            "{samples} of {made}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn query_range_is_halved_after_a_too_large_response() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1}]\ntroubles: [{trouble: huge_samples, bytes: 20000}]",
        &config("{}", 1..2),
    );
    advance(120.0).await;
    let ranges: Vec<_> = env
        .simulator
        .requests()
        .iter()
        .filter(|call| call.endpoint == "stream_info")
        .map(|call| (call.polyv_ms - call.start_time.unwrap() + 500) / 1000)
        .collect();
    // 420 samples of 20 kB are over 4 MiB, 210 are so too, if barely; 105 are not.
    assert_eq!(ranges[..3], [2100, 1050, 525], "{ranges:?}");
    let scrape = env.scrape();
    assert!(scrape.calls("default", "bad_response") >= 1);
    assert!(scrape.stream_series("1") > 0);
}

#[tokio::test(start_paused = true)]
async fn exporter_is_ready_after_one_poll_of_each_channel_or_one_interval() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 10}]",
        &config("{}", 1000..1010),
    );
    advance(10.0).await;
    assert!(!env.is_ready());
    advance(6.1).await;
    assert!(env.is_ready());

    // Where each is polled individually and none responds, that takes an interval; in bulk all
    // have been polled when the one call has timed out.
    for (poll, before, after) in [("{status: single}", 29.5, 1.6), ("{}", 14.5, 0.6)] {
        let env = TestEnv::with_exporter(
            "channels: [{id: 1000, count: 10}]\ntroubles: [hang]",
            &config(poll, 1000..1010),
        );
        advance(before).await;
        assert!(!env.is_ready(), "{poll}");
        advance(after).await;
        assert!(env.is_ready(), "{poll}");
    }
}

#[tokio::test(start_paused = true)]
async fn poll_lag_is_the_delay_of_the_most_overdue_poll() {
    let config = |requests: u32| {
        config("{}", 1000..1100).replace(
            "poll:",
            &format!("api: {{rate_limit: {{requests: {requests}, per: 10s}}}}\npoll:"),
        )
    };
    let mut env = TestEnv::with_exporter("channels: [{id: 1000, count: 100}]", &config(1000));
    for _ in 0..60 {
        advance(1.0).await;
        let lag = env.scrape().get("polyv_exporter_poll_lag_seconds", &[]);
        assert!(lag.unwrap() < 0.01, "{lag:?}");
    }
    // The window holds more than is allowed now: for a while nothing may be sent.
    env.reload(&config(20)).await;
    let mut worst: f64 = 0.0;
    for _ in 0..10 {
        advance(1.0).await;
        let lag = env.scrape().get("polyv_exporter_poll_lag_seconds", &[]);
        worst = worst.max(lag.unwrap());
    }
    assert!((3.0..=10.0).contains(&worst), "{worst}");
    advance(120.0).await;
    let lag = env.scrape().get("polyv_exporter_poll_lag_seconds", &[]);
    assert!(lag.unwrap() < 1.0, "it is made up for: {lag:?}");
}
