//! When things go wrong the exporter steps back as far as it should, and when they are right
//! again so is the exporter, without help.

use std::io::Write;

use polyv_simulator::LoggedRequest;

use crate::support::test_env::{TestEnv, advance};

const INTERVAL: f64 = 15.0;
const IDLE: f64 = 30.0;
const TIME_OUT: f64 = 15.0;

/// Accounts, each with its channels: `(name, secret, ids)`.
fn config(accounts: &[(&str, &str, std::ops::Range<u32>)]) -> String {
    let accounts: Vec<_> = accounts
        .iter()
        .map(|(name, secret, ids)| {
            let channels: Vec<_> = ids.clone().map(|id| format!("{{id: {id}}}")).collect();
            format!(
                "- {{name: {name}, app_id: {name}, {secret}, channels: [{}]}}",
                channels.join(", ")
            )
        })
        .collect();
    format!("accounts:\n{}\n", accounts.join("\n"))
}

/// Whether a call is a poll, and none that supplements polls.
fn is_poll(call: &LoggedRequest) -> bool {
    matches!(&*call.endpoint, "stream_info" | "live_status")
}

/// One account with a hundred channels, a fifth of which is not live.
fn fleet(faults: &str) -> TestEnv {
    fleet_of(80, 20, faults)
}

/// One account with that many channels that are live, from 1000 on, and that are not, from 5000.
fn fleet_of(live: u32, not_live: u32, faults: &str) -> TestEnv {
    let ids = (1000..1000 + live).chain(5000..5000 + not_live);
    let channels: Vec<_> = ids.map(|id| format!("{{id: {id}}}")).collect();
    let others = match not_live {
        0 => String::new(),
        _ => format!(", {{id: 5000, count: {not_live}, life: offline}}"),
    };
    TestEnv::with_exporter(
        &format!(
            "accounts: [{{app_id: main, app_secret: s}}]
channels: [{{id: 1000, count: {live}}}{others}]
troubles: {faults}"
        ),
        &format!(
            "accounts: [{{name: main, app_id: main, app_secret: s, channels: [{}]}}]",
            channels.join(", ")
        ),
    )
}

/// When a channel was polled for its stream after that moment.
fn stream_polls(env: &TestEnv, channel: &str, after: u64) -> Vec<u64> {
    let calls = env.simulator.requests().into_iter();
    let calls = calls.filter(|call| call.endpoint == "stream_info");
    calls
        .filter(|call| call.channel_id.as_deref() == Some(channel))
        .map(|call| call.monotonic_ms)
        .filter(|at| *at > after)
        .collect()
}

/// Asserts that every channel's state is known and its last poll succeeded.
fn assert_all_polled(env: &TestEnv, what: &str) {
    let scrape = env.scrape();
    for series in scrape.all("polyv_channel_info", &[]) {
        let id = series.label("channel_id").unwrap();
        let live = id < "5000";
        let expected = if live { "live" } else { "not_live" };
        assert_eq!(scrape.state(id), expected, "{what}: {id}");
        let success = scrape.of("polyv_channel_poll_success", id);
        assert_eq!(success, Some(1.0), "{what}: {id}");
        assert_eq!(scrape.stream_series(id) > 0, live, "{what}: {id}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_channels_recover_in_time_after_an_outage_of_15_minutes() {
    for fault in ["error_500", "bad_gateway", "hang", "reset"] {
        let env = fleet("[]");
        advance(100.0).await;
        assert_all_polled(&env, "before");
        let before = env.simulator.requests().len();
        env.inject_faults(&format!("[{fault}]"));
        advance(600.0).await;
        assert_eq!(env.scrape().state("1000"), "unknown", "{fault}");
        let in_ten_minutes = env.simulator.requests().len() - before;
        // Those under way or due until it was noticed, then one probe at a time.
        let most = if fault == "hang" { 128 } else { 2 } + 30;
        assert!(in_ten_minutes <= most, "{fault}: {in_ten_minutes}");
        advance(300.0).await;
        env.inject_faults("[]");
        advance(30.0 + INTERVAL + TIME_OUT).await;
        for channel in 1000..1080 {
            assert_eq!(env.scrape().state(&channel.to_string()), "live", "{fault}");
        }
        advance(IDLE - INTERVAL).await;
        assert_all_polled(&env, fault);
        // And the gap is closed.
        let samples = env
            .scrape()
            .of("polyv_stream_samples_total", "1000")
            .unwrap();
        assert!(samples > 420.0 + 1000.0 / 5.0, "{fault}: {samples}");
        advance(120.0).await;
        assert_all_polled(&env, fault);
    }
}

#[tokio::test(start_paused = true)]
async fn small_account_recovers_as_fast_as_a_large_one() {
    for live in [1, 2, 3, 10] {
        for fault in ["error_500", "hang", "reset", "{trouble: throttled}"] {
            let env = fleet_of(live, 0, "[]");
            advance(100.0).await;
            env.inject_faults(&format!("[{fault}]"));
            advance(900.0).await;
            env.inject_faults("[]");
            let pause = if fault.contains("throttled") {
                310.0
            } else {
                30.0
            };
            advance(pause + INTERVAL + TIME_OUT).await;
            assert_all_polled(&env, &format!("{live} channels, {fault}"));
            // From then on each is polled as usual.
            let since = env.monotonic_ms();
            advance(300.0).await;
            for channel in 1000..1000 + live {
                let polls = env.received_for(&channel.to_string());
                let polls: Vec<_> = polls.into_iter().filter(|at| *at >= since).collect();
                assert!(polls.len() >= 17, "{live}, {fault}: {polls:?}");
            }
            assert_all_polled(&env, &format!("{live} channels, {fault}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failing_channel_does_not_keep_its_accounts_breaker_open() {
    let env = fleet_of(2, 0, "[]");
    advance(100.0).await;
    env.inject_faults("[error_500]");
    advance(300.0).await;
    // Polyv is back, but for one of the two: the probes find the other one.
    env.inject_faults("[{trouble: error_500, channels: ['1000']}]");
    advance(2.0 * (30.0 + TIME_OUT) + INTERVAL).await;
    assert_eq!(env.scrape().state("1001"), "live");
}

#[tokio::test(start_paused = true)]
async fn reload_with_a_new_base_url_resets_every_backoff() {
    let scenario = "accounts: [{app_id: main, app_secret: s}]
channels: [{id: 1000, count: 3}]
troubles: [html]";
    let config = "accounts: [{name: main, app_id: main, app_secret: s, channels: [{id: 1000}, {id: 1001}, {id: 1002}]}]";
    let mut env = TestEnv::with_exporter(scenario, config);
    advance(1000.0).await;
    assert_eq!(
        env.scrape().outcome("1000").as_deref(),
        Some("bad_response")
    );
    env.inject_faults("[]");
    let repaired = format!("api: {{base_url: 'https://gateway.example.com'}}\n{config}");
    env.reload(&repaired).await;
    advance(INTERVAL + TIME_OUT + INTERVAL).await;
    assert_all_polled(&env, "after the reload");
    // Changes other than address and credentials leave all as it is.
    let proven = env.scrape().get("polyv_account_auth_success", &[]);
    env.reload(&repaired.replace("{base_url", "{timeout: 20s, base_url"))
        .await;
    assert_eq!(proven, Some(1.0));
    assert_eq!(env.scrape().get("polyv_account_auth_success", &[]), proven);
}

#[tokio::test(start_paused = true)]
async fn global_pause_ends_without_channels_to_poll() {
    let mut env = fleet_of(3, 0, "[]");
    advance(100.0).await;
    env.inject_faults("[throttled]");
    advance(20.0).await;
    assert_eq!(env.scrape().get("polyv_api_paused", &[]), Some(1.0));
    env.reload(
        "accounts: [{name: main, app_id: main, app_secret: s, channel_files: [/nowhere/*.yml]}]",
    )
    .await;
    advance(60.0).await;
    assert_eq!(env.scrape().get("polyv_api_paused", &[]), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn first_round_after_an_outage_is_spread_evenly() {
    let env = fleet("[]");
    advance(100.0).await;
    env.inject_faults("[bad_gateway]");
    advance(900.0).await;
    let before = env.simulator.requests().len();
    env.inject_faults("[]");
    advance(120.0).await;
    let received = env.simulator.requests();
    let mut counts = std::collections::BTreeMap::new();
    for call in received[before..]
        .iter()
        .filter(|call| call.outcome != "bad_gateway")
        .filter(|call| is_poll(call))
    {
        *counts.entry(call.monotonic_ms / 1000).or_insert(0) += 1;
    }
    // 80 every 15 seconds and 20 every 30 are 6 a second.
    let fullest = counts.values().max().unwrap();
    assert!(*fullest <= 10, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn channel_fault_backs_off_only_that_channel_for_at_most_five_minutes() {
    for fault in [
        "rejected",
        "forbidden",
        "html",
        "truncated_json",
        "error_500",
        "hang",
        "reset",
    ] {
        let env = fleet_of(8, 2, "[]");
        advance(100.0).await;
        let since = env.monotonic_ms();
        env.inject_faults(&format!(
            "[{{trouble: {fault}, channels: ['1000'], endpoints: [stream_info]}}]"
        ));
        advance(1800.0).await;
        let polls = stream_polls(&env, "1000", since);
        // 15, 30, 60, 120, 240, 300, 300, … instead of 120 polls.
        assert!((8..=12).contains(&polls.len()), "{fault}: {}", polls.len());
        let last_wait = polls[polls.len() - 1] - polls[polls.len() - 2];
        assert!(
            (270_000..=315_000).contains(&last_wait),
            "{fault}: {last_wait}"
        );
        let received = env.received();
        for other in ["1001", "1007", "5000"] {
            for pair in received[other].windows(2).skip(2) {
                let between = pair[1] - pair[0];
                // A channel that is not live is polled with others, sometimes a little early.
                let as_usual = match other {
                    "5000" => (15_000..=30_020).contains(&between),
                    _ => between.abs_diff(15_000) <= 20,
                };
                assert!(as_usual, "{fault}, {other}: {between}");
            }
        }
        env.inject_faults("[]");
        advance(301.0).await;
        assert_all_polled(&env, fault);
        let recovered = env.monotonic_ms();
        advance(300.0).await;
        let polls = stream_polls(&env, "1000", recovered).len();
        assert!((19..=21).contains(&polls), "back at its interval: {polls}");
    }
}

#[tokio::test(start_paused = true)]
async fn thousand_channels_with_a_wrong_secret_make_at_most_four_calls_in_two_minutes() {
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    write!(secret, "wrong").unwrap();
    let path = secret.path().to_owned();
    let env = TestEnv::with_exporter(
        "accounts: [{app_id: main, app_secret: right}]
channels: [{id: 1000, count: 1000}]
troubles: [{trouble: latency, median: 300ms, p99: 1s}]",
        &config(&[(
            "main",
            &format!("app_secret_file: {}", path.display()),
            1000..2000,
        )]),
    );
    advance(120.0).await;
    let calls = env.simulator.requests().len();
    assert!((2..=4).contains(&calls), "{calls}");
    let scrape = env.scrape();
    assert_eq!(
        scrape.get("polyv_account_auth_success", &[("account", "main")]),
        Some(0.0)
    );
    assert_eq!(scrape.calls("main", "auth_failed"), calls as u64);
    let lag = scrape.get("polyv_exporter_poll_lag_seconds", &[]).unwrap();
    assert_eq!(lag, 0.0, "a back-off sets a new time");
    advance(1680.0).await;
    let calls = env.simulator.requests().len();
    assert!(calls <= 11, "in half an hour: {calls}");

    // The right one is found without a restart, at the next probe.
    std::fs::write(&path, "right\n").unwrap();
    advance(300.0 + INTERVAL + 5.0).await;
    let scrape = env.scrape();
    assert_eq!(
        scrape.get("polyv_account_auth_success", &[("account", "main")]),
        Some(1.0)
    );
    for channel in 1000..2000 {
        assert_eq!(scrape.state(&channel.to_string()), "live", "{channel}");
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_call_pauses_all_calls_and_the_rate_recovers_slowly() {
    let env = fleet("[{trouble: latency, median: 200ms, p99: 500ms}]");
    advance(100.0).await;
    env.inject_faults("[{trouble: throttled, for: 45s}]");
    advance(2.0).await;
    let scrape = env.scrape();
    assert_eq!(scrape.get("polyv_api_paused", &[]), Some(1.0));
    let paused = env.monotonic_ms();
    let calls = || {
        let received = env.simulator.requests();
        let calls: Vec<_> = received
            .iter()
            .map(|call| call.monotonic_ms)
            .filter(|at| *at > paused)
            .collect();
        calls
    };
    advance(27.0).await;
    assert_eq!(calls().len(), 0, "half a minute of silence");
    assert_eq!(
        env.scrape().get("polyv_exporter_poll_lag_seconds", &[]),
        Some(0.0)
    );
    advance(55.0).await;
    assert_eq!(calls().len(), 1, "one probe, in vain");
    advance(8.0).await;
    assert_eq!(env.scrape().get("polyv_api_paused", &[]), Some(0.0));
    let resumed = calls()[1];
    let until = |seconds: u64| {
        let calls = calls();
        calls
            .iter()
            .filter(|at| **at <= resumed + seconds * 1000)
            .count()
    };
    // 6 a second at full speed; half of that on average while it speeds up.
    advance(60.0).await;
    assert!((4..=25).contains(&until(10)), "{}", until(10));
    assert!((60..=120).contains(&until(30)), "{}", until(30));
    assert_all_polled(&env, "after the pause");
    assert!(env.scrape().calls("main", "throttled") >= 2);
}

#[tokio::test(start_paused = true)]
async fn every_form_of_block_is_waited_out() {
    for form in ["reset", "timeout", "403", "405", "429"] {
        let env = fleet("[{trouble: latency, median: 200ms, p99: 500ms}]");
        advance(100.0).await;
        let before = env.simulator.requests().len();
        env.inject_faults(&format!("[{{trouble: block, as: {form}, for: 5m}}]"));
        advance(299.0).await;
        let calls = env.simulator.requests().len() - before;
        let most = if form == "timeout" { 160 } else { 25 };
        assert!(calls <= most, "{form}: {calls} calls into the block");
        let throttled = !matches!(form, "reset" | "timeout");
        let paused = env.scrape().get("polyv_api_paused", &[]);
        assert_eq!(paused, Some(f64::from(u8::from(throttled))), "{form}");
        // The longest pause, the ramp, and a round.
        advance(310.0 + 30.0 + IDLE).await;
        assert_all_polled(&env, form);
    }
}

#[tokio::test(start_paused = true)]
async fn many_simultaneous_connection_failures_count_as_a_block() {
    // Answers take long, many calls are in flight when the connections break.
    let env = TestEnv::with_exporter(
        "accounts: [{app_id: main, app_secret: s}]
channels: [{id: 1000, count: 600}]
troubles: [{trouble: latency, median: 2s, p99: 3s}]",
        &config(&[("main", "app_secret: s", 1000..1600)]),
    );
    advance(100.0).await;
    env.inject_faults("[{trouble: cut_off, for: 20s}, {trouble: latency, median: 2s, p99: 3s}]");
    advance(10.0).await;
    assert_eq!(env.scrape().get("polyv_api_paused", &[]), Some(1.0));
    advance(120.0).await;
    let scrape = env.scrape();
    assert_eq!(scrape.get("polyv_api_paused", &[]), Some(0.0));
    for channel in 1000..1600 {
        assert_eq!(scrape.state(&channel.to_string()), "live");
    }
}

#[tokio::test(start_paused = true)]
async fn failure_of_a_third_of_calls_delays_no_channel_for_long() {
    for fault in ["error_500", "hang"] {
        let env = fleet("[]");
        advance(300.0).await;
        let since = env.monotonic_ms();
        env.inject_faults(&format!("[{{trouble: {fault}, share: 0.34}}]"));
        advance(300.0).await;
        let calls = env
            .simulator
            .requests()
            .iter()
            .filter(|call| call.monotonic_ms > since && is_poll(call))
            .count();
        // Without failures there are 1,800.
        assert!((1050..=2000).contains(&calls), "{fault}: {calls}");
        let scrape = env.scrape();
        // Polls of a channel can fail by coincidence until its state is unknown, but rarely.
        let live = (1000..1080).filter(|id| scrape.state(&id.to_string()) == "live");
        let live = live.count();
        assert!(live >= 70, "{fault}: {live}");
        env.inject_faults("[]");
        // Every channel is polled again after its back-off.
        advance(100.0).await;
        let back = env.monotonic_ms();
        assert_eq!(
            env.scrape().get("polyv_exporter_poll_stretch_ratio", &[]),
            Some(1.0)
        );
        advance(300.0).await;
        let calls = env
            .simulator
            .requests()
            .iter()
            .filter(|call| call.monotonic_ms > back && is_poll(call))
            .count();
        // Channels that are not live are polled in batches, or individually if that failed.
        assert!((1600..=1810).contains(&calls), "{fault}: {calls}");
        assert_all_polled(&env, fault);
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_account_does_not_delay_other_accounts() {
    let env = TestEnv::with_exporter(
        "accounts: [{app_id: ill, app_secret: s}, {app_id: well, app_secret: s}]
channels: [{id: 1000, count: 1000, account: ill}, {id: 2000, count: 100, account: well}]
troubles: [{trouble: latency, median: 300ms, p99: 1s}]",
        &config(&[
            ("ill", "app_secret: s", 1000..2000),
            ("well", "app_secret: s", 2000..2100),
        ]),
    );
    advance(100.0).await;
    env.inject_faults(
        "[{trouble: hang, account: ill}, {trouble: latency, median: 300ms, p99: 1s}]",
    );
    advance(600.0).await;
    let received = env.received();
    for channel in 2000..2100 {
        for pair in received[&channel.to_string()].windows(2).skip(2) {
            let between = pair[1] - pair[0];
            assert!(between.abs_diff(15_000) <= 500, "{channel}: {between} ms");
        }
    }
    let scrape = env.scrape();
    assert_eq!(scrape.state("1000"), "unknown");
    assert_eq!(scrape.state("2000"), "live");
    assert_eq!(scrape.calls("well", "timeout"), 0);
}

#[tokio::test(start_paused = true)]
async fn jump_of_polyvs_clock_costs_at_most_one_call() {
    let env = fleet("[]");
    advance(100.0).await;
    env.simulator.set_clock_skew(600_000);
    advance(60.0).await;
    let scrape = env.scrape();
    assert!(scrape.calls("main", "clock_skew") <= 1);
    for channel in 1000..1080 {
        assert_eq!(scrape.state(&channel.to_string()), "live");
    }
    let skew = scrape.get("polyv_api_clock_skew_seconds", &[]).unwrap();
    assert!((skew - 600.0).abs() < 1.0, "{skew}");
}

#[tokio::test(start_paused = true)]
async fn channels_recover_after_an_hour_of_all_faults() {
    let env = TestEnv::with_exporter(
        "accounts: [{app_id: main, app_secret: s}]
channels: [{id: 1000, count: 100}]
sample_delay: 20s
troubles:
- {trouble: latency, median: 300ms, p99: 2s}
- {trouble: hang, share: 0.05, after: 2m, for: 3m}
- {trouble: bad_gateway, after: 6m, for: 2m}
- {trouble: html, share: 0.3, after: 9m, for: 2m}
- {trouble: throttled, share: 0.01, after: 12m, for: 1m}
- {trouble: reset, after: 20m, for: 3m}
- {trouble: clock_skew, by: 10m, after: 25m, for: 3m}
- {trouble: wrong_types, after: 29m, for: 2m}
- {trouble: bad_values, one_in: 3, after: 32m, for: 3m}
- {trouble: block, as: timeout, after: 36m, for: 5m}
- {trouble: truncated_json, share: 0.5, after: 42m, for: 1m}
- {trouble: rejected, share: 0.1, after: 44m, for: 2m}
- {trouble: future, by: 10m, after: 47m, for: 1m}
- {trouble: many_streams, after: 49m, for: 1m}",
        &config(&[("main", "app_secret: s", 1000..1100)]),
    );
    advance(50.0 * 60.0).await;
    advance(10.0 * 60.0).await;
    assert_all_polled(&env, "at the end");
    let scrape = env.scrape();
    assert_eq!(
        scrape.get("polyv_exporter_poll_stretch_ratio", &[]),
        Some(1.0)
    );
    let lag = scrape.get("polyv_exporter_poll_lag_seconds", &[]).unwrap();
    assert!(lag < 0.1, "{lag}");
}

/// A new process would help with none of these, and a restart would lose what is known.
#[tokio::test(start_paused = true)]
async fn exporter_stays_healthy_during_an_outage_of_polyv() {
    let env = fleet("[]");
    for fault in ["block", "hang", "reset", "error_500"] {
        env.inject_faults(&format!("[{{trouble: {fault}}}]"));
        for _ in 0..60 {
            advance(60.0).await;
            assert!(!env.is_stalled(), "{fault}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_date_header_stops_no_call() {
    for (by, skew) in [("8h", 28_800.0), ("-8h", -28_800.0)] {
        // From the start, and from the middle of a broadcast on.
        for after in ["0s", "10m"] {
            let env = fleet_of(
                4,
                2,
                &format!("[{{trouble: wrong_date, by: {by}, after: {after}}}]"),
            );
            advance(1_200.0).await;
            let scrape = env.scrape();
            assert_eq!(scrape.calls("main", "clock_skew"), 0, "{by} after {after}");
            assert_all_polled(&env, by);
            let seen = scrape.get("polyv_api_clock_skew_seconds", &[]).unwrap();
            assert!((seen - skew).abs() < 2.0, "{seen}");
            let wrong = |clock| scrape.get("polyv_api_clock_wrong", &[("clock", clock)]);
            assert_eq!((wrong("host"), wrong("date")), (Some(0.0), Some(1.0)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn host_with_a_wrong_clock_is_distinguished_from_a_wrong_date() {
    let env = fleet_of(8, 4, "[]");
    advance(60.0).await;
    env.wall.step_millis(-3_600_000);
    advance(60.0).await;
    let scrape = env.scrape();
    let wrong = |clock| scrape.get("polyv_api_clock_wrong", &[("clock", clock)]);
    assert_eq!((wrong("host"), wrong("date")), (Some(1.0), Some(0.0)));
    env.wall.step_millis(3_600_000);
    advance(60.0).await;
    let scrape = env.scrape();
    let wrong = |clock| scrape.get("polyv_api_clock_wrong", &[("clock", clock)]);
    assert_eq!((wrong("host"), wrong("date")), (Some(0.0), Some(0.0)));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for() {
    for (status, body, wait) in [
        (503, "", 300),
        (503, r#"{"code":503}"#, 300),
        (429, "", 300),
        (429, "", 600),
    ] {
        let env = fleet_of(8, 4, "[]");
        advance(120.0).await;
        let retry_after = format!("status: {status}, body: '{body}', retry_after: '{wait}'");
        env.inject_faults(&format!("[{{trouble: answer, {retry_after}, for: 10s}}]"));
        let begun = env.monotonic_ms();
        advance(f64::from(wait) - 30.0).await;
        let calls = env.simulator.requests().into_iter();
        let calls = calls.filter(|call| call.monotonic_ms > begun + 10_000);
        assert_eq!(calls.count(), 0, "{status} {body}");
        advance(150.0).await;
        assert_all_polled(&env, &retry_after);
    }
}

#[tokio::test(start_paused = true)]
async fn one_channels_retry_after_delays_that_channel_alone() {
    let env = fleet_of(8, 4, "[]");
    advance(120.0).await;
    env.inject_faults(
        "[{trouble: answer, status: 503, retry_after: '120', channels: [1000], \
         endpoints: [stream_info], for: 20s}]",
    );
    let begun = env.monotonic_ms() - 1;
    advance(180.0).await;
    let polls = stream_polls(&env, "1000", begun);
    assert!(polls[1] - polls[0] >= 120_000, "{polls:?}");
    assert!(stream_polls(&env, "1001", begun).len() >= 11);
    assert_all_polled(&env, "Retry-After");
}

#[tokio::test(start_paused = true)]
async fn responses_to_calls_from_before_a_reload_are_not_applied() {
    let scenario = "accounts: [{app_id: main, app_secret: s}]
channels: [{id: 1000}, {id: 5000, life: offline}]
troubles: [{trouble: latency, median: 10s, p99: 10s}]";
    let config = |secret: &str, more: &str| {
        let channels = "[{id: 1000}, {id: 5000, expect: {live: true}}]";
        format!(
            "{more}\naccounts: [{{name: main, app_id: main, app_secret: {secret}, channels: {channels}}}]"
        )
    };
    for (secret, more, state) in [
        ("other", "", "unknown"),
        ("s", "api: {base_url: 'http://127.0.0.2'}", "live"),
        ("s", "poll: {time_zone: '+09:00'}", "live"),
    ] {
        for batch in ["", "poll: {status: single}"] {
            if !batch.is_empty() && more.starts_with("poll") {
                continue;
            }
            let mut env = TestEnv::with_exporter(scenario, &config("s", batch));
            while env.simulator.requests().is_empty() {
                advance(0.1).await;
            }
            env.reload(&config(secret, &format!("{more}\n{batch}")))
                .await;
            advance(10.5).await;
            let scrape = env.scrape();
            for id in ["1000", "5000"] {
                assert_eq!(scrape.state(id), "unknown", "{secret} {more} {batch}");
            }
            assert_eq!(scrape.get("polyv_account_auth_success", &[]), None);
            advance(60.0).await;
            assert_eq!(env.scrape().state("1000"), state);
        }
    }
}
