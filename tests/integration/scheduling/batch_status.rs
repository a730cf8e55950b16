//! Channels that are not live are polled for their status in batches.

use crate::support::scrape::Scrape;
use crate::support::test_env::{TestEnv, advance};

fn config(poll: &str, channels: impl Iterator<Item = u32>) -> String {
    let channels: Vec<_> = channels.map(|id| format!("{{id: {id}}}")).collect();
    format!(
        "poll: {poll}\naccounts:\n- app_id: simulated\n  app_secret: simulated-secret\n  channels: [{}]\n",
        channels.join(", ")
    )
}

/// What Polyv is said to call a channel's status.
fn status(scrape: &Scrape, channel: &str) -> Option<String> {
    let series = scrape.all("polyv_channel_reported_status", &[("channel_id", channel)]);
    assert!(series.len() <= 1, "only the present status's series exists");
    let series = series.first()?;
    assert_eq!(series.value, 1.0);
    Some(series.label("status").unwrap().to_owned())
}

/// How many calls Polyv received at an endpoint after that moment.
fn calls(env: &TestEnv, endpoint: &str, after: u64) -> usize {
    let received = env.received_at(endpoint);
    received.iter().filter(|at| **at > after).count()
}

fn fallback_channels(scrape: &Scrape) -> Option<f64> {
    scrape.get("polyv_account_status_fallback_channels", &[])
}

#[tokio::test(start_paused = true)]
async fn batch_status_covers_200_idle_channels_per_call() {
    for (count, per_interval) in [(3, 1), (200, 1), (201, 2), (300, 2), (1000, 5), (5000, 25)] {
        let env = TestEnv::with_exporter(
            &format!("channels: [{{id: 1000, count: {count}, life: offline}}]"),
            &config("{}", 1000..1000 + count),
        );
        advance(90.0).await;
        let begin = env.monotonic_ms();
        advance(600.0).await;
        let polls = calls(&env, "live_status", begin);
        assert!(
            (19 * per_interval..=21 * per_interval).contains(&polls),
            "{count}: {polls} calls in 20 intervals"
        );
        assert_eq!(calls(&env, "stream_info", 0), 0, "{count}");
        // Each of them is known all the same.
        let scrape = env.scrape();
        let counted = |status| scrape.get("polyv_account_channels", &[("status", status)]);
        assert_eq!(counted("not_started"), Some(f64::from(count)));
        assert_eq!(counted("live"), Some(0.0));
        assert_eq!(scrape.state("1000"), "not_live");
        assert_eq!(scrape.outcome("1002").unwrap(), "not_live");
    }
}

#[tokio::test(start_paused = true)]
async fn no_channel_waits_longer_than_its_interval() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 530, life: offline}]
troubles: [{trouble: latency, median: 300ms, p99: 1s}]",
        &config("{}", 1000..1530),
    );
    for _ in 0..120 {
        advance(10.0).await;
        let scrape = env.scrape();
        let now = env.wall_seconds();
        for poll in scrape.all("polyv_channel_last_poll_success_timestamp_seconds", &[]) {
            let age = now - poll.value;
            assert!(age < 32.0 || env.monotonic_ms() < 45_000, "{age} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn channel_turned_live_is_polled_for_its_stream_at_once() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1, life: offline}, {id: 2, life: offline}]",
        &config("{}", 1..3),
    );
    advance(120.0).await;
    assert_eq!(status(&env.scrape(), "1").unwrap(), "not_started");
    env.set_script("1", "steady");
    let began = env.monotonic_ms();
    advance(31.0).await;
    let scrape = env.scrape();
    assert_eq!(scrape.state("1"), "live");
    assert_eq!(status(&scrape, "1").unwrap(), "live");
    let status_call = env.received_at("live_status");
    let status_call = status_call.iter().find(|at| **at >= began).unwrap();
    let polls = *env.received_at("stream_info").first().unwrap();
    assert!(
        polls.abs_diff(*status_call) < 100,
        "stream at {polls}, status at {status_call}"
    );

    // While it is live it is polled for its stream alone.
    advance(300.0).await;
    let with_it = env.simulator.requests().into_iter().filter(|call| {
        let channels = call.channel_id.as_deref().unwrap_or_default();
        call.endpoint == "live_status" && channels.split(',').any(|id| id == "1")
    });
    let last = with_it
        .max_by_key(|call| call.monotonic_ms)
        .unwrap()
        .monotonic_ms;
    assert!(last <= *status_call, "{last}");
    assert_eq!(status(&env.scrape(), "1").unwrap(), "live");

    // The stream says first that it is over, and what it is called then is known at once.
    env.set_script("1", "{phase: offline, status: playback}");
    let ended = env.monotonic_ms();
    advance(15.1).await;
    let scrape = env.scrape();
    assert_eq!(scrape.state("1"), "not_live");
    assert_eq!(status(&scrape, "1").unwrap(), "playback");
    let changed = scrape.of("polyv_channel_state_changed_timestamp_seconds", "1");
    assert!(changed.unwrap() > env.wall_seconds() - 15.1);
    advance(600.0).await;
    assert!(calls(&env, "stream_info", ended) <= 1);
}

#[tokio::test(start_paused = true)]
async fn every_status_has_a_label() {
    let env = TestEnv::with_exporter(
        "channels:
- {id: 1, life: {phase: offline, status: unStart}}
- {id: 2}
- {id: 3, life: {phase: offline, status: end}}
- {id: 4, life: {phase: offline, status: waiting}}
- {id: 5, life: {phase: offline, status: playback}}
- {id: 6, life: {phase: offline, status: banpush}}",
        &config("{}", 1..7),
    );
    advance(60.0).await;
    let scrape = env.scrape();
    let words = [
        "not_started",
        "live",
        "ended",
        "waiting",
        "playback",
        "banned",
    ];
    for (channel, word) in ["1", "2", "3", "4", "5", "6"].iter().zip(words) {
        assert_eq!(status(&scrape, channel).unwrap(), word);
        let count = scrape.get("polyv_account_channels", &[("status", word)]);
        assert_eq!(count, Some(1.0), "{word}");
    }
}

#[tokio::test(start_paused = true)]
async fn expired_status_is_hidden() {
    let env = TestEnv::with_exporter("channels: [{id: 1, life: offline}]", &config("{}", 1..2));
    advance(60.0).await;
    assert!(status(&env.scrape(), "1").is_some());
    env.inject_faults("[hang]");
    advance(151.0).await;
    let scrape = env.scrape();
    assert_eq!(status(&scrape, "1"), None);
    assert_eq!(scrape.state("1"), "unknown");
    let unknown = scrape.get("polyv_account_channels", &[("status", "unknown")]);
    assert_eq!(unknown, Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn status_mode_single_polls_individually_and_exposes_no_status() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1}, {id: 2, life: offline}]",
        &config("{status: single}", 1..3),
    );
    advance(300.0).await;
    let scrape = env.scrape();
    assert!(env.received_at("live_status").is_empty());
    assert_eq!((status(&scrape, "1"), status(&scrape, "2")), (None, None));
    assert!(
        scrape
            .all("polyv_api_requests_total", &[("endpoint", "live_status")])
            .is_empty()
    );
    assert_eq!(fallback_channels(&scrape), None);
    let counted = |status| scrape.get("polyv_account_channels", &[("status", status)]);
    assert_eq!(
        (counted("live"), counted("not_live")),
        (Some(1.0), Some(1.0))
    );
}

#[tokio::test(start_paused = true)]
async fn channel_expected_live_is_always_polled_for_its_stream() {
    let config = "accounts:
- app_id: simulated
  app_secret: simulated-secret
  channels: [{id: 1, expect: {live: true}}, {id: 2}]";
    let env = TestEnv::with_exporter(
        "channels: [{id: 1, life: offline}, {id: 2, life: offline}]",
        config,
    );
    advance(300.0).await;
    let polls = env.received_at("stream_info").len();
    assert!((9..=22).contains(&polls), "{polls}");
    // Its status is reported as well.
    assert_eq!(status(&env.scrape(), "1").unwrap(), "not_started");
    // What its stream says counts: its status is not known yet.
    env.inject_faults("[{trouble: hang, endpoints: [live_status]}]");
    env.set_script("1", "steady");
    advance(31.0).await;
    let scrape = env.scrape();
    assert_eq!(scrape.state("1"), "live");
    assert_eq!(status(&scrape, "1").unwrap(), "live");
}

#[tokio::test(start_paused = true)]
async fn seminar_channels_are_polled_individually_and_others_in_batches() {
    for seminar in ["refused", "left_out"] {
        let env = TestEnv::with_exporter(
            &format!(
                "channels:
- {{id: 1000, count: 600, life: offline}}
- {{id: 2000, count: 3, seminar: {seminar}, life: offline}}
- {{id: 2100, seminar: {seminar}}}"
            ),
            &config("{}", (1000..1600).chain(2000..2003).chain(2100..2101)),
        );
        advance(120.0).await;
        let scrape = env.scrape();
        assert_eq!(fallback_channels(&scrape), Some(4.0), "{seminar}");
        for channel in ["1000", "1599", "2000", "2002"] {
            assert_eq!(scrape.state(channel), "not_live", "{seminar} {channel}");
        }
        assert_eq!(scrape.state("2100"), "live");
        assert!(status(&scrape, "1300").is_some() && status(&scrape, "2001").is_none());
        // Four calls for the others, and those few one by one.
        let begin = env.monotonic_ms();
        advance(300.0).await;
        let bulk = calls(&env, "live_status", begin);
        let streams = calls(&env, "stream_info", begin);
        assert!((28..=36).contains(&bulk), "{seminar}: {bulk}");
        assert!((48..=54).contains(&streams), "{seminar}: {streams}");
        assert_eq!(
            env.scrape().get("polyv_exporter_poll_stretch_ratio", &[]),
            Some(1.0)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refused_batch_call_falls_back_to_individual_polls_until_accepted() {
    for fault in ["forbidden", "rejected"] {
        let mut env = TestEnv::new("channels: [{id: 1000, count: 250, life: offline}, {id: 2000}]");
        env.inject_faults(&format!("[{{trouble: {fault}, endpoints: [live_status]}}]"));
        env.start(&config("{}", (1000..1250).chain(2000..2001)));
        advance(60.0).await;
        let scrape = env.scrape();
        assert_eq!(fallback_channels(&scrape), Some(251.0), "{fault}");
        assert_eq!(
            (scrape.state("1100"), scrape.state("2000")),
            ("not_live".into(), "live".into())
        );
        let refused = env.received_at("live_status").len();
        assert!(refused <= 20, "{fault}: it is soon given up: {refused}");
        let begin = env.monotonic_ms();
        advance(300.0).await;
        assert_eq!(calls(&env, "live_status", begin), 0, "{fault}");
        let streams = calls(&env, "stream_info", begin);
        assert!((2500..=2540).contains(&streams), "{streams}");
        // Tried in vain after ten minutes, …
        advance(600.0).await;
        assert_eq!(fallback_channels(&env.scrape()), Some(251.0), "{fault}");
        // … and then not.
        env.inject_faults("[]");
        advance(660.0).await;
        let scrape = env.scrape();
        // But for those that were found to be refused before it was given up.
        assert!(fallback_channels(&scrape).unwrap() <= 12.0, "{fault}");
        assert_eq!(status(&scrape, "1249").unwrap(), "not_started");
        let begin = env.monotonic_ms();
        advance(300.0).await;
        let streams = calls(&env, "stream_info", begin);
        assert!(streams <= 21 + 12 * 10, "the one that is live: {streams}");
        assert_eq!(env.scrape().state("1249"), "not_live");
    }
}

#[tokio::test(start_paused = true)]
async fn idle_channels_polled_individually_do_not_slow_live_ones() {
    let mut env = TestEnv::new(
        "channels: [{id: 1000, count: 600, life: offline}, {id: 2000, count: 6}]
troubles: [{trouble: forbidden, endpoints: [live_status]}]",
    );
    // They need 20 calls a second by themselves, and 10 are to be had.
    let channels = config("{}", (1000..1600).chain(2000..2005));
    env.start(&format!(
        "api: {{rate_limit: {{requests: 100, per: 10s}}}}\n{channels}"
    ));
    advance(180.0).await;
    let begin = env.monotonic_ms();
    advance(600.0).await;
    let fresh = |env: &TestEnv| {
        for channel in 2000..2005 {
            let polls = env.received_for(&channel.to_string());
            let polls: Vec<u64> = polls.into_iter().filter(|at| *at > begin).collect();
            for pair in polls.windows(2) {
                let between = pair[1] - pair[0];
                assert!(between.abs_diff(15_000) <= 1500, "{channel}: {between} ms");
            }
        }
    };
    fresh(&env);
    let scrape = env.scrape();
    let stretch = scrape.get("polyv_exporter_poll_stretch_ratio", &[]);
    let stretch = stretch.unwrap();
    assert!((2.1..=2.7).contains(&stretch), "{stretch}");
    let streams = calls(&env, "stream_info", begin);
    assert!((4_500..=6_000).contains(&streams), "{streams}");
    for channel in 1000..1600 {
        let polls = env.received_for(&channel.to_string());
        for pair in polls.windows(2).filter(|pair| pair[0] > begin) {
            let between = (pair[1] - pair[0]) as f64 / 1000.0;
            assert!(between <= 30.0 * stretch + 4.0, "{channel}: {between} s");
        }
        assert_eq!(scrape.state(&channel.to_string()), "not_live");
    }
    // One of them starts, and is polled like the others from then on.
    env.set_script("1333", "steady");
    advance(30.0 * stretch + 5.0).await;
    assert_eq!(env.scrape().state("1333"), "live");
    let calls: Vec<u64> = env.received_for("1333");
    advance(150.0).await;
    assert_eq!(env.received_for("1333").len(), calls.len() + 10);
    // One that breaks off is soon seen again; nor does a new one wait for all others.
    env.set_script("2004", "offline");
    advance(75.0).await;
    assert_eq!(env.scrape().state("2004"), "not_live");
    env.set_script("2004", "steady");
    let added = config("{}", (1000..1600).chain(2000..2006));
    env.reload(&format!(
        "api: {{rate_limit: {{requests: 100, per: 10s}}}}\n{added}"
    ))
    .await;
    advance(35.0).await;
    assert_eq!(env.scrape().state("2004"), "live");
    assert_eq!(env.scrape().state("2005"), "live");
    // A shared fault moves no channel to the end of the queue.
    let before = env.monotonic_ms();
    env.inject_faults("[{trouble: reset}]");
    advance(20.0).await;
    env.inject_faults("[{trouble: forbidden, endpoints: [live_status]}]");
    advance(30.0 * stretch + 30.0).await;
    for channel in 1000..1600 {
        let polls = env.received_for(&channel.to_string());
        assert!(polls.iter().any(|at| *at > before), "{channel}: {polls:?}");
    }
    // Polyv reports the status again: nothing is stretched any more.
    env.inject_faults("[]");
    advance(660.0).await;
    assert_eq!(
        env.scrape().get("polyv_exporter_poll_stretch_ratio", &[]),
        Some(1.0)
    );
}

#[tokio::test(start_paused = true)]
async fn recently_live_channels_are_not_last_after_the_fallback() {
    let mut env =
        TestEnv::new("channels: [{id: 1000, count: 600, life: offline}, {id: 2000, count: 6}]");
    let channels = config("{}", (1000..1600).chain(2000..2006));
    env.start(&format!(
        "api: {{rate_limit: {{requests: 100, per: 10s}}}}\n{channels}"
    ));
    advance(60.0).await;
    for channel in 2000..2006 {
        env.set_script(&channel.to_string(), "offline");
    }
    advance(60.0).await;
    env.inject_faults("[{trouble: forbidden, endpoints: [live_status]}]");
    // At once: after its next response it would be known again anyway.
    let mut seconds = 0;
    while fallback_channels(&env.scrape()) != Some(606.0) {
        assert!(seconds < 90, "bulk is not given up");
        advance(1.0).await;
        seconds += 1;
    }
    for channel in 2000..2006 {
        let channel = channel.to_string();
        assert_eq!(env.scrape().state(&channel), "not_live");
        env.set_script(&channel, "steady");
    }
    advance(35.0).await;
    for channel in 2000..2006 {
        assert_eq!(
            env.scrape().state(&channel.to_string()),
            "live",
            "{channel}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn failing_batch_call_does_not_hide_channel_states() {
    for fault in ["hang", "error_500", "reset", "bad_gateway", "html"] {
        let env = TestEnv::with_exporter(
            "channels: [{id: 1000, count: 50, life: offline}, {id: 2000}]",
            &config("{}", (1000..1050).chain(2000..2001)),
        );
        advance(60.0).await;
        env.inject_faults(&format!("[{{trouble: {fault}, endpoints: [live_status]}}]"));
        env.set_script("1007", "steady");
        advance(180.0).await;
        let scrape = env.scrape();
        assert_eq!(fallback_channels(&scrape), Some(51.0), "{fault}");
        assert_eq!(scrape.state("1007"), "live", "{fault}");
        assert_eq!(scrape.state("1008"), "not_live", "{fault}");
        assert_eq!(scrape.outcome("1008").unwrap(), "not_live", "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn failing_batch_call_does_not_hide_states_without_live_channels() {
    for fault in ["hang", "error_500", "reset", "bad_gateway", "html"] {
        let env = TestEnv::with_exporter(
            &format!(
                "channels: [{{id: 1000, count: 150, life: offline}}]
troubles: [{{trouble: {fault}, endpoints: [live_status]}}]"
            ),
            &config("{}", 1000..1150),
        );
        advance(300.0).await;
        let scrape = env.scrape();
        assert_eq!(fallback_channels(&scrape), Some(150.0), "{fault}");
        for channel in 1000..1150 {
            assert_eq!(scrape.state(&channel.to_string()), "not_live", "{fault}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn shared_fault_does_not_disable_batch_status() {
    for fault in ["hang", "error_500", "html", "bad_gateway"] {
        let env = TestEnv::with_exporter(
            "channels: [{id: 1000, count: 50, life: offline}, {id: 2000}]",
            &config("{}", (1000..1050).chain(2000..2001)),
        );
        advance(60.0).await;
        env.inject_faults(&format!("[{fault}]"));
        advance(900.0).await;
        assert_eq!(fallback_channels(&env.scrape()), Some(0.0), "{fault}");
        env.inject_faults("[]");
        advance(301.0).await;
        assert_eq!(env.scrape().state("1007"), "not_live", "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn large_account_without_permission_falls_back_after_twenty_calls() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 3000, life: offline}]",
        &config("{}", 1000..4000),
    );
    advance(60.0).await;
    env.inject_faults("[{trouble: forbidden, endpoints: [live_status]}]");
    advance(300.0).await;
    let labels = [("endpoint", "live_status"), ("outcome", "forbidden")];
    let refused = env.scrape().get("polyv_api_requests_total", &labels);
    let refused = refused.unwrap();
    // Fifteen calls an interval go on while the first is divided.
    assert!((20.0..=60.0).contains(&refused), "{refused}");
    assert_eq!(fallback_channels(&env.scrape()), Some(3000.0));
}

#[tokio::test(start_paused = true)]
async fn throttled_canary_is_repeated() {
    let mut env = TestEnv::new("channels: [{id: 1000, count: 250, life: offline}]");
    env.inject_faults("[{trouble: forbidden, endpoints: [live_status]}]");
    env.start(&config("{}", 1000..1250));
    advance(300.0).await;
    assert_eq!(fallback_channels(&env.scrape()), Some(250.0));
    env.inject_faults("[{trouble: throttled, endpoints: [live_status]}]");
    let begin = env.monotonic_ms();
    while calls(&env, "live_status", begin) == 0 {
        advance(1.0).await;
    }
    env.inject_faults("[]");
    advance(900.0).await;
    assert!(fallback_channels(&env.scrape()).unwrap() <= 12.0);
}

#[tokio::test(start_paused = true)]
async fn many_seminar_channels_do_not_exclude_others_from_batches() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 1160, life: offline}, {id: 3000, count: 40, seminar: refused, life: offline}]",
        &config("{}", (1000..2160).chain(3000..3040)),
    );
    for _ in 0..15 {
        advance(600.0).await;
        assert_eq!(fallback_channels(&env.scrape()), Some(40.0));
    }
}

#[tokio::test(start_paused = true)]
async fn shorter_interval_applies_at_once() {
    let mut env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 300, life: offline}]",
        &config("{idle_interval: 1h}", 1000..1300),
    );
    advance(600.0).await;
    env.reload(&config("{}", 1000..1300)).await;
    advance(35.0).await;
    let scrape = env.scrape();
    let now = env.wall_seconds();
    for poll in scrape.all("polyv_channel_last_poll_success_timestamp_seconds", &[]) {
        assert!(now - poll.value < 36.0);
    }
}

#[tokio::test(start_paused = true)]
async fn status_does_not_override_a_live_stream_after_one_failed_call() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1}, {id: 2, life: offline}]",
        &config("{}", 1..3),
    );
    advance(60.0).await;
    // Its status lags behind: Polyv calls it ended, while its stream goes on.
    env.inject_faults(
        "[{trouble: answer, endpoints: [live_status], body: '{\"code\":200,\"status\":\"success\",\"data\":[{\"channelId\":1,\"liveStatus\":\"end\"},{\"channelId\":2,\"liveStatus\":\"end\"}]}'},
          {trouble: reset, endpoints: [stream_info], for: 16s}]",
    );
    for _ in 0..60 {
        advance(1.0).await;
        assert_eq!(env.scrape().state("1"), "live");
    }
    let scrape = env.scrape();
    assert_eq!(
        scrape.of("polyv_channel_live_transitions_total", "1"),
        Some(0.0)
    );
    assert_eq!(status(&scrape, "1").unwrap(), "live");
}

#[tokio::test(start_paused = true)]
async fn channel_with_rejected_stream_calls_keeps_its_status() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1}, {id: 2, life: offline}]
troubles: [{trouble: rejected, channels: ['1'], endpoints: [stream_info]}]",
        &config("{sources: tencent}", 1..3),
    );
    advance(600.0).await;
    let scrape = env.scrape();
    assert_eq!(scrape.outcome("1").unwrap(), "rejected");
    assert_eq!(scrape.state("1"), "unknown");
    assert_eq!(status(&scrape, "1").unwrap(), "live");
    // Its stream is polled less and less often, however often its status is reported.
    let streams = env.received_at("stream_info").len();
    assert!(streams <= 8, "{streams}");
    // And when it is over, that is known.
    env.set_script("1", "offline");
    advance(31.0).await;
    let scrape = env.scrape();
    assert_eq!(scrape.state("1"), "not_live");
    assert_eq!(status(&scrape, "1").unwrap(), "ended");
}

#[tokio::test(start_paused = true)]
async fn channels_missing_from_a_batch_response_are_polled_individually() {
    // Half of them and more are not there: each is polled individually, and says so.
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 3, life: offline}]",
        &config("{}", 1000..1010),
    );
    advance(60.0).await;
    let scrape = env.scrape();
    assert_eq!(fallback_channels(&scrape), Some(7.0));
    assert_eq!(scrape.state("1001"), "not_live");
    assert!(status(&scrape, "1001").is_some());
    assert_eq!(scrape.outcome("1009").unwrap(), "rejected");
}

#[tokio::test(start_paused = true)]
async fn reload_changes_the_status_mode_and_keeps_states() {
    let mut env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 100, life: offline}, {id: 2000}]",
        &config("{}", (1000..1100).chain(2000..2001)),
    );
    advance(120.0).await;
    let since =
        |scrape: &Scrape| scrape.of("polyv_channel_state_changed_timestamp_seconds", "1050");
    let before = since(&env.scrape());
    env.reload(&config("{status: single}", (1000..1100).chain(2000..2001)))
        .await;
    let begin = env.monotonic_ms();
    advance(300.0).await;
    assert_eq!(calls(&env, "live_status", begin), 0);
    let streams = calls(&env, "stream_info", begin);
    assert!((1010..=1030).contains(&streams), "{streams}");
    assert_eq!(status(&env.scrape(), "1050"), None);
    env.reload(&config("{}", (1000..1100).chain(2000..2001)))
        .await;
    let begin = env.monotonic_ms();
    advance(300.0).await;
    let streams = calls(&env, "stream_info", begin);
    assert!((19..=25).contains(&streams), "{streams}");
    assert!(status(&env.scrape(), "1050").is_some());
    assert_eq!(since(&env.scrape()), before);
}
