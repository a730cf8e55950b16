//! When things go wrong the exporter steps back as far as it should, and when they are right
//! again so is the exporter, without help.

use std::io::Write;

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

/// One account with a hundred channels, a fifth of which is not live.
fn fleet(troubles: &str) -> TestEnv {
    fleet_of(80, 20, troubles)
}

/// One account with that many channels that are live, from 1000 on, and that are not, from 5000.
fn fleet_of(live: u32, not_live: u32, troubles: &str) -> TestEnv {
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
troubles: {troubles}"
        ),
        &format!(
            "accounts: [{{name: main, app_id: main, app_secret: s, channels: [{}]}}]",
            channels.join(", ")
        ),
    )
}

/// When a channel was asked for its stream after that moment.
fn streams_asked(env: &TestEnv, channel: &str, after: u64) -> Vec<u64> {
    let calls = env.simulator.requests().into_iter();
    let calls = calls.filter(|call| call.endpoint == "stream_info");
    calls
        .filter(|call| call.channel_id.as_deref() == Some(channel))
        .map(|call| call.monotonic_ms)
        .filter(|at| *at > after)
        .collect()
}

/// Asserts that every channel's state is known and its last poll was an answer.
fn assert_all_right(env: &TestEnv, what: &str) {
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
async fn after_a_quarter_of_an_hour_without_polyv_all_are_right_again_in_time() {
    for trouble in ["error_500", "bad_gateway", "hang", "reset"] {
        let env = fleet("[]");
        advance(100.0).await;
        assert_all_right(&env, "before");
        let before = env.simulator.requests().len();
        env.inject_faults(&format!("[{trouble}]"));
        advance(600.0).await;
        assert_eq!(env.scrape().state("1000"), "unknown", "{trouble}");
        let in_ten_minutes = env.simulator.requests().len() - before;
        // Those under way or due until it was noticed, then one probe at a time.
        let most = if trouble == "hang" { 128 } else { 2 } + 30;
        assert!(in_ten_minutes <= most, "{trouble}: {in_ten_minutes}");
        advance(300.0).await;
        env.inject_faults("[]");
        advance(30.0 + INTERVAL + TIME_OUT).await;
        for channel in 1000..1080 {
            assert_eq!(
                env.scrape().state(&channel.to_string()),
                "live",
                "{trouble}"
            );
        }
        advance(IDLE - INTERVAL).await;
        assert_all_right(&env, trouble);
        // And the gap is closed.
        let samples = env
            .scrape()
            .of("polyv_stream_samples_total", "1000")
            .unwrap();
        assert!(samples > 420.0 + 1000.0 / 5.0, "{trouble}: {samples}");
        advance(120.0).await;
        assert_all_right(&env, trouble);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_with_few_channels_is_right_again_as_soon_as_one_with_many() {
    for live in [1, 2, 3, 10] {
        for trouble in ["error_500", "hang", "reset", "{trouble: throttled}"] {
            let env = fleet_of(live, 0, "[]");
            advance(100.0).await;
            env.inject_faults(&format!("[{trouble}]"));
            advance(900.0).await;
            env.inject_faults("[]");
            let pause = if trouble.contains("throttled") {
                310.0
            } else {
                30.0
            };
            advance(pause + INTERVAL + TIME_OUT).await;
            assert_all_right(&env, &format!("{live} channels, {trouble}"));
            // And from then on each is asked as always.
            let since = env.moment();
            advance(300.0).await;
            for channel in 1000..1000 + live {
                let polls = env.received_for(&channel.to_string());
                let polls: Vec<_> = polls.into_iter().filter(|at| *at >= since).collect();
                assert!(polls.len() >= 17, "{live}, {trouble}: {polls:?}");
            }
            assert_all_right(&env, &format!("{live} channels, {trouble}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_fails_by_itself_does_not_keep_its_account_closed() {
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
async fn a_reload_that_says_where_polyv_is_ends_every_back_off() {
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
    assert_all_right(&env, "after the reload");
    // What says nothing about where and as whom to ask leaves all as it is.
    let proven = env.scrape().get("polyv_account_auth_success", &[]);
    env.reload(&repaired.replace("{base_url", "{timeout: 20s, base_url"))
        .await;
    assert_eq!(proven, Some(1.0));
    assert_eq!(env.scrape().get("polyv_account_auth_success", &[]), proven);
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_where_nobody_is_left_to_be_asked() {
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
async fn the_round_after_an_outage_is_spread_as_evenly_as_any() {
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
    {
        *counts.entry(call.monotonic_ms / 1000).or_insert(0) += 1;
    }
    // 80 every 15 seconds and 20 every 30 are 6 a second.
    let fullest = counts.values().max().unwrap();
    assert!(*fullest <= 10, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn one_channels_fault_backs_off_that_channel_alone_and_ends_within_five_minutes() {
    for trouble in [
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
        let since = env.moment();
        env.inject_faults(&format!(
            "[{{trouble: {trouble}, channels: ['1000'], endpoints: [stream_info]}}]"
        ));
        advance(1800.0).await;
        let polls = streams_asked(&env, "1000", since);
        // 15, 30, 60, 120, 240, 300, 300, … instead of 120 polls.
        assert!(
            (8..=12).contains(&polls.len()),
            "{trouble}: {}",
            polls.len()
        );
        let last_wait = polls[polls.len() - 1] - polls[polls.len() - 2];
        assert!(
            (270_000..=315_000).contains(&last_wait),
            "{trouble}: {last_wait}"
        );
        let received = env.received();
        for other in ["1001", "1007", "5000"] {
            for pair in received[other].windows(2).skip(2) {
                let between = pair[1] - pair[0];
                // One that is not live is asked with others, and now and then a little early.
                let as_usual = match other {
                    "5000" => (15_000..=30_020).contains(&between),
                    _ => between.abs_diff(15_000) <= 20,
                };
                assert!(as_usual, "{trouble}, {other}: {between}");
            }
        }
        env.inject_faults("[]");
        advance(301.0).await;
        assert_all_right(&env, trouble);
        let recovered = env.moment();
        advance(300.0).await;
        let polls = streams_asked(&env, "1000", recovered).len();
        assert!((19..=21).contains(&polls), "back at its interval: {polls}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_channels_and_a_wrong_secret_make_four_calls_in_two_minutes_at_most() {
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
async fn one_throttled_call_pauses_everything_and_the_return_is_gentle() {
    let env = fleet("[{trouble: latency, median: 200ms, p99: 500ms}]");
    advance(100.0).await;
    env.inject_faults("[{trouble: throttled, for: 45s}]");
    advance(2.0).await;
    let scrape = env.scrape();
    assert_eq!(scrape.get("polyv_api_paused", &[]), Some(1.0));
    let paused = env.moment();
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
    assert_all_right(&env, "after the pause");
    assert!(env.scrape().calls("main", "throttled") >= 2);
}

#[tokio::test(start_paused = true)]
async fn a_block_is_waited_out_in_each_of_its_forms() {
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
        assert_all_right(&env, form);
    }
}

#[tokio::test(start_paused = true)]
async fn many_connections_failing_at_once_are_taken_for_a_block() {
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
async fn failures_of_a_third_of_all_calls_delay_no_channel_for_long() {
    for trouble in ["error_500", "hang"] {
        let env = fleet("[]");
        advance(300.0).await;
        let since = env.moment();
        env.inject_faults(&format!("[{{trouble: {trouble}, share: 0.34}}]"));
        advance(300.0).await;
        let calls = env
            .simulator
            .requests()
            .iter()
            .filter(|call| call.monotonic_ms > since)
            .count();
        // Without failures there are 1,800.
        assert!((1200..=2000).contains(&calls), "{trouble}: {calls}");
        let scrape = env.scrape();
        // Polls of a channel can fail by coincidence until its state is unknown, but rarely.
        let live = (1000..1080).filter(|id| scrape.state(&id.to_string()) == "live");
        let live = live.count();
        assert!(live >= 76, "{trouble}: {live}");
        env.inject_faults("[]");
        // Every channel is polled again after its back-off.
        advance(100.0).await;
        let back = env.moment();
        assert_eq!(
            env.scrape().get("polyv_exporter_poll_stretch_ratio", &[]),
            Some(1.0)
        );
        advance(300.0).await;
        let calls = env
            .simulator
            .requests()
            .iter()
            .filter(|call| call.monotonic_ms > back)
            .count();
        // Channels that are not live are polled in batches, or individually if that failed.
        assert!((1600..=1810).contains(&calls), "{trouble}: {calls}");
        assert_all_right(&env, trouble);
    }
}

#[tokio::test(start_paused = true)]
async fn while_one_account_hangs_the_others_polls_stay_on_time() {
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
async fn when_polyvs_clock_jumps_one_call_is_lost_at_most() {
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
async fn an_hour_of_all_kinds_of_trouble_ends_well() {
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
    assert_all_right(&env, "at the end");
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
async fn trouble_with_polyv_is_no_reason_for_a_restart() {
    let env = fleet("[]");
    for trouble in ["block", "hang", "reset", "error_500"] {
        env.inject_faults(&format!("[{{trouble: {trouble}}}]"));
        for _ in 0..60 {
            advance(60.0).await;
            assert!(!env.is_stalled(), "{trouble}");
        }
    }
}
