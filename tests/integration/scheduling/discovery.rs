//! An account's channels are listed at Polyv, and have series while they are of interest.

use crate::support::scrape::Scrape;
use crate::support::test_env::{TestEnv, advance, max_calls_in_window};

fn config(discover: &str) -> String {
    format!(
        "accounts:\n- {{app_id: simulated, app_secret: simulated-secret, discover: {discover}}}\n"
    )
}

/// The channels that have series, in their order.
fn exposed(scrape: &Scrape) -> Vec<String> {
    let infos = scrape.all("polyv_channel_info", &[]);
    let mut ids: Vec<String> = infos
        .iter()
        .map(|series| series.label("channel_id").unwrap().to_owned())
        .collect();
    ids.sort_by_key(|id| (id.len(), id.clone()));
    ids
}

/// How many channels the account has.
fn polled_channels(scrape: &Scrape) -> f64 {
    let counts = scrape.all("polyv_account_channels", &[]);
    counts.iter().map(|series| series.value).sum()
}

#[tokio::test(start_paused = true)]
async fn discovered_channel_has_series_from_going_live_until_an_hour_after_its_end() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 2500, life: offline}, {id: 9000, name: 大课堂}]",
        &config("{}"),
    );
    advance(60.0).await;
    let scrape = env.scrape();
    assert_eq!(exposed(&scrape), ["9000"]);
    assert_eq!(scrape.state("9000"), "live");
    assert!(scrape.stream_series("9000") > 8);
    let named = [("channel_id", "9000"), ("channel_name", "大课堂")];
    assert_eq!(scrape.get("polyv_channel_info", &named), Some(1.0));
    let counted = |status| scrape.get("polyv_account_channels", &[("status", status)]);
    assert_eq!(
        (counted("not_started"), counted("live")),
        (Some(2500.0), Some(1.0))
    );
    let listed = "polyv_account_last_listing_success_timestamp_seconds";
    assert!(scrape.get(listed, &[]).unwrap() > env.wall_seconds() - 61.0);

    env.set_script("1500", "steady");
    env.set_script("9000", "offline");
    advance(45.0).await;
    let scrape = env.scrape();
    assert_eq!(exposed(&scrape), ["1500", "9000"]);
    // The end of a broadcast is to be seen, and counted.
    assert_eq!(scrape.state("9000"), "not_live");
    assert_eq!(
        scrape.of("polyv_channel_live_transitions_total", "9000"),
        Some(1.0)
    );
    advance(3500.0).await;
    assert_eq!(exposed(&env.scrape()), ["1500", "9000"]);
    advance(120.0).await;
    assert_eq!(exposed(&env.scrape()), ["1500"]);
    assert_eq!(polled_channels(&env.scrape()), 2501.0);
    // It was only out of sight.
    env.set_script("9000", "steady");
    advance(45.0).await;
    let scrape = env.scrape();
    assert_eq!(
        scrape.of("polyv_channel_live_transitions_total", "9000"),
        Some(2.0)
    );
}

#[tokio::test(start_paused = true)]
async fn all_discovered_channels_have_series_if_configured() {
    let scenario = "channels: [{id: 1, life: offline}, {id: 2}]";
    let mut env = TestEnv::with_exporter(scenario, &config("{expose: all}"));
    advance(60.0).await;
    assert_eq!(exposed(&env.scrape()), ["1", "2"]);
    // Also after a reload, both ways.
    env.reload(&config("{}")).await;
    assert_eq!(exposed(&env.scrape()), ["2"]);
    env.reload(&config("{expose: all}")).await;
    assert_eq!(exposed(&env.scrape()), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn new_channels_appear_and_deleted_ones_disappear_without_a_restart() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1, life: offline}, {id: 2}, {id: 3, life: deleted}]",
        &config("{every: 1m, expose: all}"),
    );
    advance(50.0).await;
    assert_eq!(exposed(&env.scrape()), ["1", "2"]);
    env.set_script("3", "steady");
    env.set_script("1", "deleted");
    env.set_script("2", "deleted");
    advance(65.0).await;
    assert_eq!(exposed(&env.scrape()), ["3"]);
    assert_eq!(polled_channels(&env.scrape()), 1.0);
}

#[tokio::test(start_paused = true)]
async fn failed_listing_keeps_the_last_one() {
    for fault in ["hang", "error_500", "forbidden", "html", "truncated_json"] {
        let env = TestEnv::with_exporter(
            "channels: [{id: 1}, {id: 2, life: offline}]",
            &config("{every: 1m, expose: all}"),
        );
        advance(50.0).await;
        let listed = "polyv_account_last_listing_success_timestamp_seconds";
        let before = env.scrape().get(listed, &[]);
        env.inject_faults(&format!(
            "[{{trouble: {fault}, endpoints: [channel_list]}}]"
        ));
        advance(1800.0).await;
        let scrape = env.scrape();
        assert_eq!(exposed(&scrape), ["1", "2"], "{fault}");
        assert_eq!(
            (scrape.state("1"), scrape.state("2")),
            ("live".into(), "not_live".into())
        );
        assert!(scrape.get(listed, &[]).unwrap() < before.unwrap() + 61.0);
        // It is tried again, and not too often.
        let tried = env.received_at("channel_list").len();
        assert!((25..=65).contains(&tried), "{fault}: {tried}");
        env.inject_faults("[]");
        env.set_script("2", "deleted");
        advance(90.0).await;
        assert_eq!(exposed(&env.scrape()), ["1"], "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn deletion_during_a_listing_loses_no_channel() {
    // Each page takes 2 s, and a channel of the first one is deleted meanwhile: the second page
    // then skips one that is still there.
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 2000, life: offline}]
troubles: [{trouble: latency, median: 2s, p99: 2s, endpoints: [channel_list]}]",
        &config("{every: 1m, expose: all}"),
    );
    advance(55.0).await;
    assert_eq!(polled_channels(&env.scrape()), 2000.0);
    while env.received_at("channel_list").len() < 3 {
        advance(0.1).await;
    }
    env.set_script("1007", "deleted");
    advance(20.0).await;
    assert_eq!(polled_channels(&env.scrape()), 2000.0);
    assert!(exposed(&env.scrape()).contains(&"2000".to_owned()));
    // A listing in pieces has to say so twice.
    advance(120.0).await;
    assert_eq!(polled_channels(&env.scrape()), 1999.0);
    assert!(!exposed(&env.scrape()).contains(&"1007".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn discovery_filters_by_name_and_status() {
    let scenario = "channels:
- {id: 1, name: 课堂一}
- {id: 2, name: 课堂二测试}
- {id: 3, name: stage, life: {phase: offline, status: waiting}}
- {id: 4, name: 课堂三, life: offline}
- {id: 5, exists_in_account: other}";
    for (discover, expected) in [
        ("{expose: all}", &["1", "2", "3", "4"][..]),
        ("{expose: all, name_matches: '课堂.*'}", &["1", "2", "4"]),
        (
            "{expose: all, name_matches: '课堂.*', name_excludes: '.*测试'}",
            &["1", "4"],
        ),
        ("{expose: all, watch_status: live}", &["1", "2"]),
        (
            "{expose: all, watch_status: [live, waiting], name_excludes: '课堂二.*'}",
            &["1", "3"],
        ),
    ] {
        let env = TestEnv::with_exporter(scenario, &config(discover));
        advance(60.0).await;
        assert_eq!(exposed(&env.scrape()), expected, "{discover}");
    }
}

#[tokio::test(start_paused = true)]
async fn ended_channel_stays_for_an_hour_if_only_live_ones_are_listed() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1}, {id: 2, life: offline}]",
        &config("{watch_status: live, every: 1m}"),
    );
    advance(100.0).await;
    assert_eq!(polled_channels(&env.scrape()), 1.0);
    env.set_script("1", "offline");
    advance(1800.0).await;
    assert_eq!(exposed(&env.scrape()), ["1"]);
    assert_eq!(env.scrape().state("1"), "not_live");
    advance(2000.0).await;
    assert_eq!(polled_channels(&env.scrape()), 0.0);
    env.set_script("2", "steady");
    advance(70.0).await;
    assert_eq!(exposed(&env.scrape()), ["2"]);
}

#[tokio::test(start_paused = true)]
async fn configured_channel_takes_precedence_over_the_discovered_one() {
    let scenario =
        "channels: [{id: 1, name: theirs, life: offline}, {id: 2, life: offline}, {id: 3}]";
    let both = "accounts:
- app_id: simulated
  app_secret: simulated-secret
  discover: {}
  channels: [{id: 1, name: ours, labels: {team: events}}]";
    let mut env = TestEnv::with_exporter(scenario, both);
    advance(60.0).await;
    let scrape = env.scrape();
    assert_eq!(exposed(&scrape), ["1", "3"]);
    let named = [
        ("channel_id", "1"),
        ("channel_name", "ours"),
        ("team", "events"),
    ];
    assert_eq!(scrape.get("polyv_channel_info", &named), Some(1.0));
    assert_eq!(polled_channels(&scrape), 3.0);

    // One that was found and is configured now keeps what is known of it.
    let transitions = "polyv_channel_live_transitions_total";
    env.set_script("3", "offline");
    advance(60.0).await;
    assert_eq!(env.scrape().of(transitions, "3"), Some(1.0));
    env.reload(&both.replace("[{id: 1,", "[{id: 3}, {id: 1,"))
        .await;
    advance(310.0).await;
    assert_eq!(env.scrape().of(transitions, "3"), Some(1.0));
    assert_eq!(polled_channels(&env.scrape()), 3.0);
    advance(4000.0).await;
    assert_eq!(exposed(&env.scrape()), ["1", "3"], "it is configured");
    // Without discover only those are left.
    env.reload(&both.replace("  discover: {}\n", "")).await;
    assert_eq!(polled_channels(&env.scrape()), 1.0);
    advance(60.0).await;
    let listed = "polyv_account_last_listing_success_timestamp_seconds";
    assert_eq!(env.scrape().get(listed, &[]), None);
}

#[tokio::test(start_paused = true)]
async fn channels_that_no_longer_match_are_removed_at_the_next_listing() {
    let scenario = "channels: [{id: 1, name: a}, {id: 2, name: b}]";
    let mut env = TestEnv::with_exporter(scenario, &config("{expose: all, every: 1m}"));
    advance(1800.0).await;
    assert_eq!(exposed(&env.scrape()), ["1", "2"]);
    let narrower = config("{expose: all, every: 1m, name_matches: a}");
    env.reload(&narrower).await;
    advance(10.0).await;
    assert_eq!(exposed(&env.scrape()), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn channel_removed_from_the_configuration_continues_as_discovered() {
    let both = "accounts:
- app_id: simulated
  app_secret: simulated-secret
  discover: {every: 1h}
  channels: [{id: 1, name: ours}]";
    let mut env = TestEnv::with_exporter("channels: [{id: 1, name: theirs}, {id: 2}]", both);
    advance(60.0).await;
    let none = both.replace("  channels: [{id: 1, name: ours}]", "");
    env.reload(&none).await;
    for _ in 0..10 {
        let scrape = env.scrape();
        assert_eq!(exposed(&scrape), ["1", "2"]);
        assert_eq!(scrape.state("1"), "live");
        advance(30.0).await;
    }
    advance(3700.0).await;
    let named = [("channel_id", "1"), ("channel_name", "theirs")];
    assert_eq!(env.scrape().get("polyv_channel_info", &named), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn no_channel_is_polled_twice() {
    let two = |second: &str| {
        format!(
            "accounts:
- {{name: one, app_id: simulated, app_secret: simulated-secret, discover: {{}}}}
- {{name: two, app_id: simulated, app_secret: simulated-secret, {second}}}"
        )
    };
    let mut env = TestEnv::with_exporter("channels: [{id: 1}, {id: 2}]", &two("discover: {}"));
    advance(60.0).await;
    assert_eq!(exposed(&env.scrape()), ["1", "2"]);
    env.inject_faults("[{trouble: hang, endpoints: [channel_list]}]");
    env.reload(&two("channels: [{id: 1}]")).await;
    advance(60.0).await;
    assert_eq!(exposed(&env.scrape()), ["1", "2"]);
    let of_two = [("channel_id", "1"), ("account", "two")];
    assert_eq!(env.scrape().get("polyv_channel_info", &of_two), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn single_empty_or_invalid_listing_removes_nothing() {
    let page = |contents: &str, total: u32| {
        format!(
            "[{{trouble: answer, endpoints: [channel_list], body: '{{\"code\":200,\"data\":{{\"totalPages\":1,\"totalItems\":{total},\"contents\":[{contents}]}}}}', for: 61s}}]"
        )
    };
    for (contents, total) in [("", 0), ("{\"id\":1},{\"id\":2}", 2), ("7", 1)] {
        let env = TestEnv::with_exporter(
            "channels: [{id: 1}, {id: 2}]",
            &config("{expose: all, every: 1m}"),
        );
        advance(50.0).await;
        env.inject_faults(&page(contents, total));
        for _ in 0..10 {
            advance(30.0).await;
            assert_eq!(exposed(&env.scrape()), ["1", "2"], "{contents}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn exporter_is_ready_once_channels_are_listed() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1}, {id: 2, life: offline}]
troubles: [{trouble: latency, median: 3s, p99: 3s, endpoints: [channel_list]}]",
        &config("{}"),
    );
    advance(2.9).await;
    assert!(!env.is_ready());
    advance(17.0).await;
    assert!(env.is_ready());
}

#[tokio::test(start_paused = true)]
async fn twenty_thousand_channels_are_discovered_within_the_limit() {
    let env = TestEnv::with_exporter(
        "limits: {requests: 1000, per: 10s, for: 5m, as: 429}
channels: [{id: 100000, count: 20000, life: offline}]
troubles: [{trouble: latency, median: 100ms, p99: 1s}]",
        &config("{}"),
    );
    advance(90.0).await;
    assert_eq!(polled_channels(&env.scrape()), 20_000.0);
    let unknown = env
        .scrape()
        .get("polyv_account_channels", &[("status", "unknown")]);
    assert_eq!(unknown, Some(0.0));
    assert_eq!(exposed(&env.scrape()), [""; 0]);
    let received = env.simulator.requests();
    assert!(received.iter().all(|call| call.outcome != "blocked"));
    let at: Vec<u64> = received.iter().map(|call| call.monotonic_ms).collect();
    assert!(max_calls_in_window(&at, 10_000) <= 500);
}

#[tokio::test(start_paused = true)]
async fn list_with_fewer_channels_than_polyv_counts_is_not_complete() {
    let env = TestEnv::with_exporter("channels: [{id: 1, count: 250}]", &config("{every: 5m}"));
    advance(60.0).await;
    let listed = "polyv_account_last_listing_success_timestamp_seconds";
    let complete = env.scrape().get(listed, &[]).unwrap();
    let items: Vec<_> = (1..=100)
        .map(|id| format!(r#"{{"channelId":{id},"name":""}}"#))
        .collect();
    for pages in [1, 3] {
        let data = format!(
            r#"{{"totalPages":{pages},"totalItems":250,"contents":[{}]}}"#,
            items.join(",")
        );
        env.inject_faults(&format!(
            r#"[{{trouble: answer, endpoints: [channel_list], body: '{{"code":200,"data":{data}}}'}}]"#
        ));
        let begun = env.monotonic_ms();
        advance(1_200.0).await;
        let scrape = env.scrape();
        assert_eq!(polled_channels(&scrape), 250.0, "{pages} pages");
        assert_eq!(scrape.get(listed, &[]), Some(complete));
        // It is requested again sooner than planned.
        let lists = env.received_at("channel_list");
        assert!(lists.iter().filter(|at| **at > begun).count() > 4);
    }
    env.inject_faults("[]");
    advance(300.0).await;
    assert!(env.scrape().get(listed, &[]).unwrap() > complete);
}
