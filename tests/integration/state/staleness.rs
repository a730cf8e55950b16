//! A series exists only while what it says is true.

use crate::support::test_env::{TestEnv, advance};

/// One account with one channel, polled every 15 seconds while live and every 30 otherwise.
fn config(channels: &str) -> String {
    format!(
        "accounts:\n- name: main\n  app_id: simulated\n  app_secret: simulated-secret\n  channels: {channels}\n"
    )
}

fn scenario(more: &str) -> String {
    format!("noise: 0\n{more}")
}

#[tokio::test(start_paused = true)]
async fn live_channel_exposes_polyvs_values() {
    let env = TestEnv::with_exporter(
        &scenario(
            "channels: [{id: 1, bitrate_bps: 1157120, video_framerate_fps: 13, audio_framerate_fps: 46}]",
        ),
        &config(
            "[{id: 1, name: Main stage, labels: {team: events}, expect: {live: true, video_bitrate_bps: 1200000}}]",
        ),
    );
    advance(60.0).await;
    let scrape = env.scrape();
    assert_eq!(scrape.state("1"), "live");
    assert_eq!(scrape.outcome("1").as_deref(), Some("ok"));
    for (name, value) in [
        ("polyv_channel_info", 1.0),
        ("polyv_channel_poll_success", 1.0),
        ("polyv_channel_live_transitions_total", 0.0),
        ("polyv_channel_expected_live", 1.0),
        ("polyv_channel_expected_video_bitrate_bps", 1_200_000.0),
        ("polyv_stream_video_bitrate_bps", 1_157_120.0),
        ("polyv_stream_video_bitrate_min_bps", 1_157_120.0),
        ("polyv_stream_video_bitrate_max_bps", 1_157_120.0),
        ("polyv_stream_video_bitrate_baseline_bps", 1_157_120.0),
        ("polyv_stream_video_framerate_fps", 13.0),
        ("polyv_stream_video_framerate_min_fps", 13.0),
        ("polyv_stream_video_framerate_max_fps", 13.0),
        ("polyv_stream_audio_framerate_fps", 46.0),
        ("polyv_stream_audio_framerate_min_fps", 46.0),
    ] {
        assert_eq!(scrape.of(name, "1"), Some(value), "{name}");
    }
    let info = scrape.all("polyv_channel_info", &[]);
    assert_eq!(info[0].label("channel_name"), Some("Main stage"));
    assert_eq!(info[0].label("team"), Some("events"));
    let bitrate = scrape.all("polyv_stream_video_bitrate_bps", &[]);
    assert_eq!(bitrate[0].label("stream"), Some("recordf"));
    assert_eq!(bitrate[0].label("account"), Some("main"));
    // Nothing is said of what is not expected.
    assert_eq!(
        scrape.of("polyv_channel_expected_audio_framerate_fps", "1"),
        None
    );

    let now = env.wall_seconds();
    for (name, most) in [
        ("polyv_channel_last_poll_success_timestamp_seconds", 15.5),
        ("polyv_channel_last_new_sample_timestamp_seconds", 15.5),
        ("polyv_channel_last_sample_timestamp_seconds", 20.5),
        ("polyv_stream_last_sample_timestamp_seconds", 20.5),
        ("polyv_stream_last_video_frame_timestamp_seconds", 20.5),
        ("polyv_stream_last_audio_frame_timestamp_seconds", 20.5),
        ("polyv_channel_state_changed_timestamp_seconds", 60.5),
    ] {
        let age = now - scrape.of(name, "1").unwrap();
        assert!((-0.6..=most).contains(&age), "{name}: {age}");
    }
    // 35 minutes of history and almost one of watching, a sample every 5 seconds.
    let samples = scrape.of("polyv_stream_samples_total", "1").unwrap();
    assert!((425.0..=432.0).contains(&samples), "{samples}");
}

#[tokio::test(start_paused = true)]
async fn ended_channel_loses_its_stream_series_at_the_next_poll() {
    let mut env = TestEnv::with_exporter(&scenario("channels: [{id: 1}]"), &config("[{id: 1}]"));
    advance(60.0).await;
    assert!(env.scrape().stream_series("1") > 0);
    env.set_script("1", "offline");
    advance(15.1).await;
    let scrape = env.scrape();
    assert_eq!(scrape.state("1"), "not_live");
    assert_eq!(scrape.outcome("1").as_deref(), Some("not_live"));
    assert_eq!(scrape.of("polyv_channel_poll_success", "1"), Some(1.0));
    assert_eq!(
        scrape.of("polyv_channel_live_transitions_total", "1"),
        Some(1.0)
    );
    assert_eq!(scrape.stream_series("1"), 0);
    // Time stamps of past events stay.
    assert!(
        scrape
            .of("polyv_channel_last_sample_timestamp_seconds", "1")
            .is_some()
    );
    assert!(
        scrape
            .of("polyv_channel_last_new_sample_timestamp_seconds", "1")
            .is_some()
    );
    env.stop().await;
}

#[tokio::test(start_paused = true)]
async fn channel_live_again_exposes_only_the_new_session() {
    let env = TestEnv::with_exporter(
        &scenario("sample_delay: 20s\nchannels: [{id: 1, bitrate_bps: 1000000}]"),
        &config("[{id: 1}]"),
    );
    advance(300.0).await;
    env.set_script("1", "{phase: bitrate_drop, to: 0.1, for: 30s}");
    advance(25.0).await;
    env.set_script("1", "offline");
    advance(100.0).await;
    assert_eq!(env.scrape().state("1"), "not_live");
    let turned_live = env.wall_seconds();
    env.set_script("1", "steady");
    let mut seen = false;
    for _ in 0..60 {
        advance(1.0).await;
        let scrape = env.scrape();
        let Some(newest) = scrape.of("polyv_stream_last_sample_timestamp_seconds", "1") else {
            assert_eq!(scrape.stream_series("1"), 0);
            continue;
        };
        seen = true;
        // Not a sample of the broadcast before, though some arrived after its end; and its
        // level, its drop and its frames are not this one's.
        assert!(newest > turned_live - 30.5, "{newest} {turned_live}");
        assert_eq!(
            scrape.of("polyv_stream_video_bitrate_min_bps", "1"),
            Some(1e6)
        );
        assert_eq!(
            scrape.of("polyv_stream_video_bitrate_baseline_bps", "1"),
            None
        );
    }
    assert!(seen);
    assert_eq!(
        env.scrape().of("polyv_channel_live_transitions_total", "1"),
        Some(2.0)
    );
}

#[tokio::test(start_paused = true)]
async fn short_time_off_air_keeps_the_baseline() {
    for off_air in [1.0, 20.0, 45.0, 59.0] {
        let env = TestEnv::with_exporter(
            &scenario("sample_delay: 20s\nchannels: [{id: 1, bitrate_bps: 1000000}]"),
            &config("[{id: 1}]"),
        );
        advance(300.0).await;
        env.set_script("1", "{phase: bitrate_drop, to: 0.2}");
        advance(95.0).await;
        env.set_script("1", "offline");
        advance(off_air).await;
        env.set_script("1", "{phase: bitrate_drop, to: 0.2}");
        advance(120.0).await;
        let scrape = env.scrape();
        assert_eq!(scrape.state("1"), "live");
        let baseline = scrape.of("polyv_stream_video_bitrate_baseline_bps", "1");
        assert_eq!(baseline, Some(1e6), "{off_air}");
        let max = scrape.of("polyv_stream_video_bitrate_max_bps", "1");
        assert_eq!(max, Some(2e5), "{off_air}");
    }
}

#[tokio::test(start_paused = true)]
async fn push_that_ended_before_the_start_is_not_exposed() {
    let life = "[{phase: two_streams, name: backup, for: 10m}, steady]";
    let scenario = scenario(&format!("channels: [{{id: 1, life: {life}}}]"));
    for (ended_before, expected) in [(60.0, 2), (360.0, 1)] {
        let mut env = TestEnv::new(&scenario);
        advance(600.0 + ended_before).await;
        env.start(&config("[{id: 1}]"));
        advance(20.0).await;
        let scrape = env.scrape();
        let streams = scrape.all("polyv_stream_samples_total", &[]);
        assert_eq!(streams.len(), expected, "{ended_before}");
    }
}

#[tokio::test(start_paused = true)]
async fn polyvs_delay_is_measured_and_hides_no_stream() {
    for delay in [0.0, 20.0, 150.0] {
        let env = TestEnv::with_exporter(
            &scenario(&format!("sample_delay: {delay}s\nchannels: [{{id: 1}}]")),
            &config("[{id: 1}]"),
        );
        for _ in 0..300 {
            advance(1.0).await;
            let scrape = env.scrape();
            if scrape.outcome("1").is_some() {
                assert!(scrape.stream_series("1") > 0, "{delay}");
                let age = env.wall_seconds()
                    - scrape
                        .of("polyv_stream_last_sample_timestamp_seconds", "1")
                        .unwrap();
                assert!(
                    (delay - 1.0..=delay + 21.0).contains(&age),
                    "{delay}: {age}"
                );
            }
        }
        let scrape = env.scrape();
        let sum = scrape.get("polyv_sample_delay_seconds_sum", &[]).unwrap();
        let count = scrape.get("polyv_sample_delay_seconds_count", &[]).unwrap();
        // Observations up to an interval after they appeared, and the history before is left out.
        let made = (300.0 - delay) / 5.0;
        assert!(
            (made - 4.0..=made + 1.0).contains(&count),
            "{delay}: {count}"
        );
        let mean = sum / count;
        assert!((delay..=delay + 15.0).contains(&mean), "{delay}: {mean}");
    }
}

#[tokio::test(start_paused = true)]
async fn stream_without_new_samples_is_hidden_after_stale_after() {
    let env = TestEnv::with_exporter(&scenario("channels: [{id: 1}]"), &config("[{id: 1}]"));
    advance(60.0).await;
    env.set_script("1", "no_samples");
    let last_new = {
        advance(16.0).await;
        env.scrape()
            .of("polyv_channel_last_new_sample_timestamp_seconds", "1")
            .unwrap()
    };
    while env.wall_seconds() < last_new + 119.9 {
        assert!(env.scrape().stream_series("1") > 0);
        advance(0.5).await;
    }
    advance(0.5).await;
    let scrape = env.scrape();
    assert_eq!(scrape.stream_series("1"), 0);
    assert_eq!(scrape.state("1"), "live");
    assert_eq!(
        scrape.of("polyv_channel_last_new_sample_timestamp_seconds", "1"),
        Some(last_new)
    );
}

#[tokio::test(start_paused = true)]
async fn stream_with_too_old_samples_is_hidden() {
    let env = TestEnv::with_exporter(
        &scenario("sample_delay: 890s\nchannels: [{id: 1}]"),
        &config("[{id: 1}]"),
    );
    advance(120.0).await;
    let mut shown = 0;
    for _ in 0..100 {
        advance(0.7).await;
        let scrape = env.scrape();
        assert_eq!(scrape.state("1"), "live");
        let newest = scrape.of("polyv_channel_last_sample_timestamp_seconds", "1");
        let age = env.wall_seconds() - newest.unwrap();
        let is_shown = scrape.stream_series("1") > 0;
        if (age - 900.0).abs() > 1.0 {
            assert_eq!(is_shown, age < 900.0, "{age}");
        }
        shown += usize::from(is_shown);
    }
    assert!((1..100).contains(&shown), "both happened: {shown}");
}

#[tokio::test(start_paused = true)]
async fn channel_without_responses_becomes_unknown_and_hides_streams() {
    let env = TestEnv::with_exporter(&scenario("channels: [{id: 1}]"), &config("[{id: 1}]"));
    advance(60.0).await;
    let last_response = env
        .scrape()
        .of("polyv_channel_last_poll_success_timestamp_seconds", "1")
        .unwrap();
    env.inject_faults("[hang]");
    while env.wall_seconds() < last_response + 140.0 {
        advance(0.3).await;
        let known = env.wall_seconds() < last_response + 120.0;
        assert_eq!(env.scrape().state("1") == "live", known);
        assert_eq!(env.scrape().stream_series("1") > 0, known);
    }
    let scrape = env.scrape();
    assert_eq!(scrape.state("1"), "unknown");
    assert_eq!(scrape.stream_series("1"), 0);
    assert_eq!(scrape.of("polyv_channel_poll_success", "1"), Some(0.0));
    assert_eq!(scrape.outcome("1").as_deref(), Some("timeout"));
    // Entered when the silence had lasted, not when it was noticed.
    let entered = scrape
        .of("polyv_channel_state_changed_timestamp_seconds", "1")
        .unwrap();
    let silence = entered
        - scrape
            .of("polyv_channel_last_poll_success_timestamp_seconds", "1")
            .unwrap();
    assert!((silence - 120.0).abs() < 0.01, "{silence}");
}

#[tokio::test(start_paused = true)]
async fn channel_is_unknown_before_the_first_poll() {
    let env = TestEnv::with_exporter(&scenario("channels: [{id: 1}]"), &config("[{id: 1}]"));
    let scrape = env.scrape();
    assert_eq!(scrape.state("1"), "unknown");
    assert_eq!(scrape.outcome("1"), None);
    for name in [
        "polyv_channel_poll_success",
        "polyv_channel_last_poll_success_timestamp_seconds",
        "polyv_channel_last_new_sample_timestamp_seconds",
        "polyv_channel_last_sample_timestamp_seconds",
    ] {
        assert_eq!(scrape.of(name, "1"), None, "{name}");
    }
    assert_eq!(scrape.get("polyv_account_auth_success", &[]), None);
    assert_eq!(scrape.get("polyv_api_clock_skew_seconds", &[]), None);
    // Counters with known labels are there from the start.
    assert_eq!(
        scrape.of("polyv_channel_live_transitions_total", "1"),
        Some(0.0)
    );
    assert_eq!(scrape.all("polyv_api_requests_total", &[]).len(), 66);
    assert_eq!(scrape.all("polyv_samples_discarded_total", &[]).len(), 5);
    assert!(!env.is_ready());
}

#[tokio::test(start_paused = true)]
async fn drop_shows_in_minima_and_maxima() {
    let env = TestEnv::with_exporter(
        &scenario("channels: [{id: 1, bitrate_bps: 1000000}]"),
        &config("[{id: 1, live_interval: 5s}]"),
    );
    advance(300.0).await;
    let dropped = env.wall_seconds();
    env.set_script("1", "{phase: bitrate_drop, to: 0.2}");
    for _ in 0..60 {
        advance(1.0).await;
        let scrape = env.scrape();
        let newest = scrape
            .of("polyv_stream_last_sample_timestamp_seconds", "1")
            .unwrap();
        let get = |name| scrape.of(name, "1").unwrap();
        let after = newest - dropped;
        if after > 0.1 {
            assert_eq!(get("polyv_stream_video_bitrate_bps"), 2e5);
            assert_eq!(get("polyv_stream_video_bitrate_min_bps"), 2e5);
        }
        // Under it for all of the last 30 seconds, or not yet.
        let max = get("polyv_stream_video_bitrate_max_bps");
        if after > 30.1 {
            assert_eq!(max, 2e5, "{after}");
        } else if after < 29.9 {
            assert_eq!(max, 1e6, "{after}");
        }
        assert_eq!(get("polyv_stream_video_bitrate_baseline_bps"), 1e6);
    }
    env.set_script("1", "steady");
    advance(80.0).await;
    assert_eq!(
        env.scrape().of("polyv_stream_video_bitrate_min_bps", "1"),
        Some(2e5)
    );
    advance(20.0).await;
    assert_eq!(
        env.scrape().of("polyv_stream_video_bitrate_min_bps", "1"),
        Some(1e6)
    );
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_channel_has_its_state() {
    let env = TestEnv::with_exporter(
        &scenario(
            "channels:
- {id: 1, life: empty}
- {id: 2, live_for: 0s, life: audio_only}
- {id: 3, streams: [recordf, 'rtmp://push-d1.videocc.net/recordf/secret-name?key=secret-key']}
- {id: 4, life: deleted}
- {id: 5, exists_in_account: other}
- {id: 6, life: offline}
- {id: 7, life: {repeat: [{phase: steady, for: 45s}, {phase: offline, for: 45s}]}}",
        ),
        &config("[{id: 1}, {id: 2}, {id: 3}, {id: 4}, {id: 5}, {id: 6}, {id: 7}, {id: 8}]"),
    );
    advance(900.0).await;
    let scrape = env.scrape();
    // On another CDN: live, and never a sample.
    assert_eq!(scrape.state("1"), "live");
    assert_eq!(scrape.stream_series("1"), 0);
    assert_eq!(
        scrape.of("polyv_channel_last_new_sample_timestamp_seconds", "1"),
        None
    );
    // Sound alone is a stream too.
    assert_eq!(scrape.state("2"), "live");
    assert_eq!(
        scrape.of("polyv_stream_audio_framerate_fps", "2"),
        Some(43.0)
    );
    assert_eq!(
        scrape.of("polyv_stream_last_video_frame_timestamp_seconds", "2"),
        None
    );
    // Two streams, of which a push address shows nothing that is secret.
    let streams: Vec<_> = scrape
        .all("polyv_stream_video_bitrate_bps", &[("channel_id", "3")])
        .iter()
        .map(|series| series.label("stream").unwrap().to_owned())
        .collect();
    assert_eq!(streams.len(), 2, "{streams:?}");
    assert!(streams.contains(&"recordf".to_owned()));
    assert!(
        streams
            .iter()
            .any(|name| name.starts_with("recordf/") && name.len() == 16)
    );
    assert!(!scrape.text.contains("secret"));
    // None of these three can be polled.
    for channel in ["4", "5", "8"] {
        assert_eq!(scrape.state(channel), "unknown");
        assert_eq!(scrape.outcome(channel).as_deref(), Some("rejected"));
        assert_eq!(scrape.of("polyv_channel_poll_success", channel), Some(0.0));
    }
    assert_eq!(scrape.state("6"), "not_live");
    let flaps = scrape
        .of("polyv_channel_live_transitions_total", "7")
        .unwrap();
    assert!((17.0..=20.0).contains(&flaps), "{flaps}");
}

#[tokio::test(start_paused = true)]
async fn clock_steps_change_no_state_and_cost_at_most_one_poll() {
    for step in [
        120_000,
        -120_000,
        3_600_000,
        -3_600_000,
        28_800_000,
        -28_800_000,
    ] {
        let env = TestEnv::with_exporter(
            &scenario("sample_delay: 20s\nchannels: [{id: 1}, {id: 2, life: offline}]"),
            &config("[{id: 1}, {id: 2}]"),
        );
        advance(300.0).await;
        let before = env.scrape();
        env.wall.step_millis(step);
        let polls = || env.received().values().flatten().count();
        let calls = polls();
        for _ in 0..120 {
            advance(1.0).await;
            let scrape = env.scrape();
            assert_eq!(scrape.state("1"), "live", "{step}");
            assert_eq!(scrape.state("2"), "not_live", "{step}");
            assert!(scrape.stream_series("1") > 0, "{step}");
            assert_eq!(
                scrape.of("polyv_channel_live_transitions_total", "1"),
                Some(0.0)
            );
        }
        // Two minutes: 8 polls of the one, 4 of the other, and at most one more.
        let calls = polls() - calls;
        assert!((11..=13).contains(&calls), "{step}: {calls}");
        let scrape = env.scrape();
        for outcome in ["clock_skew", "auth_failed", "rejected"] {
            assert_eq!(scrape.calls("main", outcome), 0, "{step}: {outcome}");
        }
        assert_eq!(
            scrape
                .all("polyv_samples_discarded_total", &[])
                .iter()
                .map(|s| s.value)
                .sum::<f64>(),
            0.0
        );
        let skew = scrape.get("polyv_api_clock_skew_seconds", &[]).unwrap();
        assert!((skew + step as f64 / 1000.0).abs() < 1.0, "{step}: {skew}");
        // Our own time stamps follow the clock, all together: what they are apart stays.
        let shift = |name| scrape.of(name, "2").unwrap() - before.of(name, "2").unwrap();
        let moved = shift("polyv_channel_state_changed_timestamp_seconds");
        assert!(
            (moved - step as f64 / 1000.0).abs() < 0.5,
            "{step}: {moved}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_host_clock_at_the_start_does_not_stop_monitoring() {
    for skew in ["10m", "-10m", "8h"] {
        let env = TestEnv::with_exporter(
            &scenario(&format!("clock_skew: {skew}\nchannels: [{{id: 1}}]")),
            &config("[{id: 1}]"),
        );
        advance(60.0).await;
        let scrape = env.scrape();
        assert_eq!(scrape.state("1"), "live", "{skew}");
        assert!(scrape.stream_series("1") > 0, "{skew}");
        // One call was refused; it taught us Polyv's time.
        assert_eq!(scrape.calls("main", "clock_skew"), 1, "{skew}");
        let skew_shown = scrape.get("polyv_api_clock_skew_seconds", &[]).unwrap();
        let expected = match skew {
            "10m" => 600.0,
            "-10m" => -600.0,
            _ => 28_800.0,
        };
        assert!((skew_shown - expected).abs() < 1.0, "{skew}: {skew_shown}");
    }
}
