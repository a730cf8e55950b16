//! Where the samples of live channels come from, on every CDN.

use std::time::Duration;

use polyv_client::clock::Timestamp;
use polyv_exporter::recorder::{Period, Reader};

use crate::support::exporter_process::DEADLINE;
use crate::support::scrape::Scrape;
use crate::support::test_env::{TestEnv, advance, max_calls_in_window};

const NODE: &str = "203.0.113.7";

/// A channel on each kind of CDN, and one that is live without a push.
const CDNS: &str = "
channels:
  - {id: 1, life: offline}
  - {id: 2, life: offline, cdn: alibaba}
  - {id: 3, life: offline, cdn: other, ingest_node: 203.0.113.7, lost_frames: 0.05}
  - {id: 4, life: offline}
";

fn config(poll: &str, channels: impl Iterator<Item = u32>) -> String {
    let channels: Vec<_> = channels.map(|id| format!("{{id: {id}}}")).collect();
    format!(
        "poll: {poll}\naccounts:\n- app_id: simulated\n  app_secret: simulated-secret\n  channels: [{}]\n",
        channels.join(", ")
    )
}

fn source(scrape: &Scrape, channel: &str) -> Option<String> {
    let series = scrape.all("polyv_channel_source", &[("channel_id", channel)]);
    assert!(series.len() <= 1, "a channel has one source");
    Some(series.first()?.label("source").unwrap().to_owned())
}

fn value(scrape: &Scrape, name: &str, channel: &str) -> Option<f64> {
    scrape.get(name, &[("channel_id", channel)])
}

fn go_live(env: &TestEnv) {
    for channel in ["1", "2", "3"] {
        env.set_script(channel, "steady");
    }
    env.set_script("4", "empty");
}

fn go_offline(env: &TestEnv) {
    for channel in ["1", "2", "3", "4"] {
        env.set_script(channel, "offline");
    }
}

#[tokio::test(start_paused = true)]
async fn source_is_settled_within_two_and_a_half_minutes_and_at_once_in_the_next_session() {
    let config = config("{}", 1..5);
    let config = config.replace("{id: 3}", "{id: 3, expect: {audio_framerate_fps: 43}}");
    let env = TestEnv::with_exporter(CDNS, &config);
    advance(90.0).await;
    let scrape = env.scrape();
    assert_eq!(source(&scrape, "3"), None, "not live");
    assert_eq!(value(&scrape, "polyv_channel_pushing", "3"), None);
    go_live(&env);
    // At most an idle interval until the status shows it.
    advance(31.0).await;
    let scrape = env.scrape();
    for channel in ["1", "2", "3", "4"] {
        assert_eq!(scrape.state(channel), "live", "{channel}");
        assert_eq!(source(&scrape, channel).unwrap(), "tencent", "{channel}");
    }
    assert_eq!(value(&scrape, "polyv_channel_pushing", "3"), Some(1.0));
    assert_eq!(value(&scrape, "polyv_channel_pushing", "4"), Some(0.0));
    let lost = "polyv_channel_ingest_lost_frames";
    assert_eq!(value(&scrape, lost, "3"), Some(0.05));
    assert_eq!(value(&scrape, lost, "2"), None);
    let node = scrape.all("polyv_channel_ingest_info", &[("channel_id", "3")]);
    assert_eq!(node[0].label("ingest_node"), Some(NODE));

    advance(150.0).await;
    let settled = [
        ("1", "tencent"),
        ("2", "list_stream_info"),
        ("3", "snapshot"),
    ];
    for _ in 0..30 {
        let scrape = env.scrape();
        for (channel, expected) in settled {
            assert_eq!(source(&scrape, channel).unwrap(), expected, "{channel}");
            assert_eq!(scrape.state(channel), "live", "{channel}");
            let bitrate = value(&scrape, "polyv_stream_video_bitrate_bps", channel);
            let bitrate = bitrate.unwrap_or_else(|| panic!("{channel} has a bitrate"));
            assert!((1_100_000.0..1_300_000.0).contains(&bitrate), "{bitrate}");
            assert_eq!(
                value(&scrape, "polyv_channel_poll_success", channel),
                Some(1.0)
            );
        }
        assert_eq!(value(&scrape, "polyv_stream_video_bitrate_bps", "4"), None);
        advance(10.0).await;
    }
    let scrape = env.scrape();
    for (channel, _) in settled {
        for name in [
            "polyv_stream_video_bitrate_min_bps",
            "polyv_stream_video_bitrate_max_bps",
            "polyv_stream_video_bitrate_baseline_bps",
            "polyv_stream_video_framerate_fps",
            "polyv_stream_samples_total",
        ] {
            assert!(value(&scrape, name, channel).is_some(), "{channel}: {name}");
        }
    }
    let audio = "polyv_stream_audio_framerate_fps";
    assert!(value(&scrape, audio, "2").is_some());
    assert_eq!(value(&scrape, audio, "3"), None, "a snapshot has none");
    let problems = scrape.all("polyv_channel_problem", &[("channel_id", "3")]);
    assert!(problems.is_empty(), "that is no problem: {problems:?}");
    let stream = &scrape.all("polyv_stream_samples_total", &[("channel_id", "3")])[0];
    assert_eq!(stream.label("stream"), Some("ingest"));

    // Only the source's calls are made.
    let before = env.received_for("3").len();
    advance(600.0).await;
    let calls = env.received_for("3").len() - before;
    assert!((19..=21).contains(&calls), "only its status: {calls}");

    go_offline(&env);
    advance(46.0).await;
    let scrape = env.scrape();
    for channel in ["1", "2", "3", "4"] {
        assert_eq!(scrape.state(channel), "not_live", "{channel}");
        assert_eq!(source(&scrape, channel), None);
        assert_eq!(
            value(&scrape, "polyv_stream_video_bitrate_bps", channel),
            None
        );
    }
    advance(600.0).await;
    go_live(&env);
    advance(46.0).await;
    let scrape = env.scrape();
    for (channel, expected) in settled {
        assert_eq!(source(&scrape, channel).unwrap(), expected, "{channel}");
    }
    assert!(
        value(&scrape, "polyv_stream_video_bitrate_bps", "3").is_some(),
        "at once"
    );
    for _ in 0..60 {
        advance(10.0).await;
        let scrape = env.scrape();
        for (channel, expected) in settled {
            assert_eq!(source(&scrape, channel).unwrap(), expected, "{channel}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn moved_channel_has_another_source_in_its_next_session() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1, cdn: other, life: steady}]",
        &config("{}", 1..2),
    );
    advance(200.0).await;
    assert_eq!(source(&env.scrape(), "1").unwrap(), "snapshot");
    env.set_script("1", "offline");
    advance(120.0).await;
    env.simulator
        .set_cdn("1", polyv_simulator::Cdn::Tencent)
        .unwrap();
    env.set_script("1", "steady");
    advance(60.0).await;
    let scrape = env.scrape();
    assert_eq!(source(&scrape, "1").unwrap(), "tencent");
    let streams = scrape.all("polyv_stream_samples_total", &[("channel_id", "1")]);
    let names: Vec<_> = streams
        .iter()
        .map(|stream| stream.label("stream").unwrap())
        .collect();
    assert_eq!(names, ["recordf"]);
}

/// Whatever the new calls do, what the exporter shows without them stays as it is.
#[tokio::test(start_paused = true)]
async fn failing_calls_leave_everything_else_as_before() {
    for fault in [
        "{trouble: forbidden, endpoints: [streams, viewers, stream_info_v4]}",
        "{trouble: rejected, endpoints: [streams, viewers, stream_info_v4]}",
        "{trouble: throttled, endpoints: [streams, viewers, stream_info_v4]}",
        "{trouble: html, endpoints: [streams, viewers, stream_info_v4]}",
        "{trouble: hang, endpoints: [streams, viewers, stream_info_v4]}",
        "{trouble: error_500, endpoints: [streams, viewers, stream_info_v4]}",
        "{trouble: reset, endpoints: [streams, viewers, stream_info_v4]}",
        "{trouble: wrong_types, what: [data_text], endpoints: [streams, viewers, stream_info_v4]}",
    ] {
        let scenario = "
channels:
  - {id: 1000, count: 6, life: steady}
  - {id: 2000, cdn: other}
  - {id: 2001, count: 3, life: offline}
";
        let channels = || (1000..1006).chain(2000..2004);
        let [without, with] = ["tencent", "auto"].map(|sources| {
            let interval = if sources == "auto" { "30s" } else { "0s" };
            let poll = format!("{{sources: {sources}, viewers_interval: {interval}}}");
            TestEnv::with_exporter(scenario, &config(&poll, channels()))
        });
        with.inject_faults(&format!("[{fault}]"));
        for _ in 0..3 {
            advance(100.0).await;
            let [expected, actual] = [&without, &with].map(TestEnv::scrape);
            for name in [
                "polyv_channel_state",
                "polyv_channel_poll_success",
                "polyv_channel_last_poll_outcome",
                "polyv_stream_video_bitrate_bps",
                "polyv_stream_samples_total",
                "polyv_api_paused",
                "polyv_account_auth_success",
                "polyv_account_status_fallback_channels",
                "polyv_exporter_poll_stretch_ratio",
            ] {
                let shown = |scrape: &Scrape| {
                    let series = scrape.all(name, &[]);
                    let shown = series.iter().map(|series| format!("{series:?}"));
                    shown.collect::<Vec<_>>()
                };
                assert_eq!(shown(&actual), shown(&expected), "{fault}: {name}");
            }
        }
        let received = |env: &TestEnv| {
            let mut received = env.received();
            (received.remove("1000"), received.remove("2002"))
        };
        assert_eq!(received(&with), received(&without), "{fault}");
        for endpoint in ["streams", "viewers"] {
            let calls = with.received_at(endpoint).len();
            assert!((1..60).contains(&calls), "{fault}: {calls} of {endpoint}");
        }
        assert!(without.received_at("streams").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn channel_at_fault_is_isolated_from_a_batch() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 90, cdn: other}]
troubles: [{trouble: rejected, channels: ['1044'], endpoints: [streams]}]",
        &config("{}", 1000..1090),
    );
    advance(240.0).await;
    let scrape = env.scrape();
    for id in 1000..1090 {
        let expected = if id == 1044 { "tencent" } else { "snapshot" };
        assert_eq!(source(&scrape, &id.to_string()).unwrap(), expected, "{id}");
    }
    let begin = env.monotonic_ms();
    advance(300.0).await;
    let calls = env.received_at("streams");
    let calls = calls.iter().filter(|at| **at > begin).count();
    assert!((19..=42).contains(&calls), "{calls} calls in 20 intervals");
}

#[tokio::test(start_paused = true)]
async fn channel_whose_tencent_call_is_refused_is_live_by_what_is_pushed() {
    let env = TestEnv::with_exporter(
        "{other_cdn_answers: refused, channels: [{id: 1, cdn: other, life: offline}]}",
        &config("{}", 1..2),
    );
    advance(60.0).await;
    env.set_script("1", "steady");
    advance(60.0).await;
    assert_eq!(env.scrape().state("1"), "live");
    advance(160.0).await;
    let scrape = env.scrape();
    assert_eq!(source(&scrape, "1").unwrap(), "snapshot");
    assert!(value(&scrape, "polyv_stream_video_bitrate_bps", "1").is_some());
    env.set_script("1", "offline");
    advance(46.0).await;
    assert_eq!(env.scrape().state("1"), "not_live");
}

#[tokio::test(start_paused = true)]
async fn snapshots_end_without_the_status_as_well() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1, cdn: other}]",
        &config("{status: single}", 1..2),
    );
    advance(200.0).await;
    assert_eq!(source(&env.scrape(), "1").unwrap(), "snapshot");
    env.set_script("1", "offline");
    advance(31.0).await;
    assert_eq!(env.scrape().state("1"), "not_live");
}

#[tokio::test(start_paused = true)]
async fn reload_to_tencent_only_polls_all_channels_by_that_call() {
    let mut env = TestEnv::with_exporter(
        "channels: [{id: 1, cdn: other}, {id: 2, cdn: alibaba}]",
        &config("{}", 1..3),
    );
    advance(200.0).await;
    assert_eq!(source(&env.scrape(), "1").unwrap(), "snapshot");
    env.reload(&config("{sources: tencent}", 1..3)).await;
    let begin = env.monotonic_ms();
    advance(300.0).await;
    let scrape = env.scrape();
    for channel in ["1", "2"] {
        assert_eq!(scrape.state(channel), "live");
        assert_eq!(source(&scrape, channel).unwrap(), "tencent");
    }
    for endpoint in ["streams", "stream_info_v4"] {
        let calls = env.received_at(endpoint);
        assert!(calls.iter().all(|at| *at <= begin), "{endpoint}");
    }
}

#[tokio::test(start_paused = true)]
async fn further_calls_for_five_hundred_live_channels_are_below_ten_in_ten_seconds() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 500, live_for: 1m}]",
        &config("{lookback: 1m}", 1000..1500),
    );
    advance(60.0).await;
    let begin = env.monotonic_ms();
    advance(150.0).await;
    let mut times = Vec::new();
    for (endpoint, expected) in [("streams", 40..=60), ("viewers", 20..=35)] {
        let mut calls = env.received_at(endpoint);
        calls.retain(|at| *at > begin);
        assert!(
            expected.contains(&calls.len()),
            "{endpoint}: {}",
            calls.len()
        );
        times.extend(calls);
    }
    times.sort_unstable();
    let busiest = max_calls_in_window(&times, 10_000);
    let average = times.len() as f64 / 15.0;
    assert!(average < 6.0, "{average} in 10 seconds");
    assert!(busiest <= 10, "{busiest} in the busiest 10 seconds");
    assert!(env.received_at("stream_info_v4").is_empty());
}

/// The publisher's address, the push name and the secret never show.
#[tokio::test(start_paused = true)]
async fn nothing_that_suffices_to_push_is_shown() {
    let env = TestEnv::with_exporter(CDNS, &config("{}", 1..5));
    go_live(&env);
    advance(300.0).await;
    let text = env.text();
    assert!(text.contains(NODE));
    for secret in ["203.0.113.", "videocc", "simulated-secret"] {
        let shown = text.replace(NODE, "");
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[tokio::test(start_paused = true)]
async fn call_that_is_offered_again_is_used_again() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1, cdn: other}, {id: 2}]",
        &config("{}", 1..3),
    );
    env.inject_faults("[{trouble: error_500, endpoints: [streams, stream_info_v4]}]");
    advance(300.0).await;
    assert_eq!(source(&env.scrape(), "1").unwrap(), "tencent");
    env.inject_faults("[]");
    advance(700.0).await;
    assert_eq!(source(&env.scrape(), "1").unwrap(), "snapshot");
}

/// A fault of a minute leaves no trace a minute later: neither a channel's source nor its calls.
#[tokio::test(start_paused = true)]
async fn calls_about_many_channels_come_back_soon_after_a_fault() {
    for fault in [
        "error_500",
        "hang",
        "reset",
        "rejected",
        "wrong_types, what: [data_text]",
    ] {
        let env = TestEnv::with_exporter(
            "channels: [{id: 1, cdn: other}, {id: 2, cdn: alibaba}, {id: 3}]",
            &config("{live_interval: 5s}", 1..4),
        );
        advance(240.0).await;
        let endpoints = "[streams, viewers, stream_info_v4]";
        for lasts in [6.0, 60.0] {
            env.inject_faults(&format!("[{{trouble: {fault}, endpoints: {endpoints}}}]"));
            for _ in 0..6 {
                advance(lasts / 6.0).await;
                let scrape = env.scrape();
                assert_eq!(source(&scrape, "1").unwrap(), "snapshot", "{fault}");
            }
            env.inject_faults("[]");
            advance(130.0).await;
            let scrape = env.scrape();
            for (channel, expected) in [("1", "snapshot"), ("2", "list_stream_info")] {
                assert_eq!(source(&scrape, channel).unwrap(), expected, "{fault}");
                let bitrate = value(&scrape, "polyv_stream_video_bitrate_bps", channel);
                assert!(bitrate.is_some(), "{fault} for {lasts} s: {channel}");
            }
            for channel in ["1", "2", "3"] {
                for name in ["polyv_channel_pushing", "polyv_channel_viewers"] {
                    let shown = value(&scrape, name, channel);
                    assert!(
                        shown.is_some(),
                        "{fault} for {lasts} s: {name} of {channel}"
                    );
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn stream_with_the_name_of_snapshots_stays() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1, streams: [ingest]}]",
        &config("{}", 1..2),
    );
    advance(60.0).await;
    let samples = |env: &TestEnv| value(&env.scrape(), "polyv_stream_samples_total", "1");
    let mut before = samples(&env).unwrap();
    for _ in 0..30 {
        advance(10.0).await;
        let now = samples(&env).unwrap();
        assert!(now >= before, "{before}, {now}");
        before = now;
    }
}

/// Where no status is polled, get-streams is the only poll of a channel with snapshots.
#[tokio::test(start_paused = true)]
async fn channel_whose_only_call_fails_is_polled_by_another() {
    for trouble in ["hang", "error_500", "rejected", "html", "reset"] {
        let env = TestEnv::with_exporter(
            "channels: [{id: 1, cdn: other}, {id: 2}]",
            &config("{}", 1..3),
        );
        let no_status = "{trouble: rejected, endpoints: [live_status]}";
        env.inject_faults(&format!("[{no_status}]"));
        advance(240.0).await;
        assert_eq!(source(&env.scrape(), "1").unwrap(), "snapshot");
        for lasts in [100.0, 130.0, 170.0, 250.0] {
            let further = "endpoints: [streams, stream_info_v4, stream_info]";
            env.inject_faults(&format!("[{no_status}, {{trouble: {trouble}, {further}}}]"));
            advance(lasts).await;
            env.inject_faults(&format!("[{no_status}]"));
            // At most the back-off of a call.
            advance(330.0).await;
            assert_eq!(env.scrape().state("1"), "live", "{trouble} for {lasts} s");
        }
        env.set_script("1", "offline");
        advance(60.0).await;
        assert_eq!(env.scrape().state("1"), "not_live", "{trouble}");
    }
}

/// What is pushed is the only poll of a channel with snapshots.
#[tokio::test(start_paused = true)]
async fn snapshots_are_as_late_as_other_polls_where_the_rate_limit_does_not_suffice() {
    let limit = "{requests: 40, per: 10s";
    let env = TestEnv::with_exporter(
        &format!(
            "limits: {limit}, for: 5m, as: 429}}
troubles: [{{trouble: latency, median: 300ms, p99: 3s}}]
channels: [{{id: 1000, count: 100}}, {{id: 2000, count: 20, cdn: other}}]"
        ),
        &format!(
            "api: {{rate_limit: {limit}}}}}\n{}",
            config("{}", (1000..1100).chain(2000..2020))
        ),
    );
    advance(900.0).await;
    let mut oldest = 0.0_f64;
    let mut stretch = 1.0_f64;
    for _ in 0..60 {
        advance(5.0).await;
        let scrape = env.scrape();
        for id in 2000..2020 {
            let id = id.to_string();
            assert_eq!(source(&scrape, &id).unwrap(), "snapshot", "{id}");
            let last = value(&scrape, "polyv_channel_last_sample_timestamp_seconds", &id);
            oldest = oldest.max(env.wall_seconds() - last.expect("a snapshot"));
        }
        stretch = stretch.max(
            scrape
                .get("polyv_exporter_poll_stretch_ratio", &[])
                .unwrap(),
        );
    }
    assert!(stretch > 1.5, "the limit is too high: {stretch}");
    assert!(oldest <= 15.0 * stretch + 5.0, "{oldest} s, {stretch}");
    assert!(env.lag().as_secs() < 5, "{:?}", env.lag());
}

/// A call that one account is not offered is used for the other one's channels.
#[tokio::test(start_paused = true)]
async fn call_that_one_account_lacks_is_made_for_the_other() {
    let accounts = "accounts:
- {app_id: first, app_secret: s1}
- {app_id: second, app_secret: s2}
";
    let channels =
        "channels: [{id: 1, account: first, cdn: other}, {id: 2, account: second, cdn: other},
  {id: 3, account: second}]";
    let env = TestEnv::with_exporter(
        &format!(
            "{accounts}{channels}
troubles: [{{trouble: forbidden, account: second, endpoints: [streams]}}]"
        ),
        "accounts:
- {name: first, app_id: first, app_secret: s1, channels: [{id: 1}]}
- {name: second, app_id: second, app_secret: s2, channels: [{id: 2}, {id: 3}]}
",
    );
    advance(300.0).await;
    let scrape = env.scrape();
    for (channel, expected) in [("1", "snapshot"), ("2", "tencent"), ("3", "tencent")] {
        assert_eq!(source(&scrape, channel).unwrap(), expected, "{channel}");
        assert_eq!(scrape.state(channel), "live", "{channel}");
    }
    for (channel, has_samples) in [("1", true), ("2", false), ("3", true)] {
        let bitrate = value(&scrape, "polyv_stream_video_bitrate_bps", channel);
        assert_eq!(bitrate.is_some(), has_samples, "{channel}");
    }
    let interval = |channel: &str| {
        let calls = env.received_for(channel);
        calls.windows(2).map(|pair| pair[1] - pair[0]).max()
    };
    assert!(interval("3").unwrap() <= 16_000, "its polls go on");
}

/// Calls that hang take neither the time nor the slots of the polls of others.
#[tokio::test(start_paused = true)]
async fn hanging_v4_calls_do_not_delay_polls() {
    let env = TestEnv::with_exporter(
        "channels: [{id: 1000, count: 30}, {id: 2000, count: 30, cdn: alibaba}]
troubles: [{trouble: hang, endpoints: [stream_info_v4]}]",
        &format!(
            "api: {{max_in_flight: 16}}\n{}",
            config("{}", (1000..1030).chain(2000..2030))
        ),
    );
    advance(60.0).await;
    for _ in 0..30 {
        advance(10.0).await;
        assert!(env.lag().as_secs() < 2, "{:?}", env.lag());
    }
    assert!(!env.received_at("stream_info_v4").is_empty());
    let received = env.received();
    for channel in 1000..1030 {
        let calls = &received[&channel.to_string()];
        let longest = calls.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(longest.unwrap() <= 17_000, "{channel}: {longest:?}");
    }
}

/// Snapshots have no time of their own, and yet two exporters say the same.
#[tokio::test(start_paused = true)]
async fn two_exporters_agree_on_snapshots() {
    let [mut first, mut second] = [(); 2].map(|()| TestEnv::new(CDNS));
    first.start(&config("{}", 1..5));
    advance(7.3).await;
    second.start(&config("{}", 1..5));
    go_live(&first);
    go_live(&second);
    // A session without a sample is a problem after five minutes, as each of them saw it begin.
    advance(360.0).await;
    for _ in 0..30 {
        advance(10.0).await;
        let [one, other] = [&first, &second].map(TestEnv::scrape);
        for channel in ["1", "2", "3", "4"] {
            assert_eq!(source(&one, channel), source(&other, channel), "{channel}");
            assert_eq!(one.state(channel), other.state(channel), "{channel}");
            assert_eq!(
                first.problems(channel),
                second.problems(channel),
                "{channel}"
            );
        }
        for name in [
            "polyv_stream_video_bitrate_bps",
            "polyv_stream_video_framerate_fps",
        ] {
            let [one, other] = [&one, &other].map(|scrape| value(scrape, name, "3"));
            // The simulated values stray by 3 %.
            let ratio = one.unwrap() / other.unwrap();
            assert!((0.9..1.1).contains(&ratio), "{name}: {one:?}, {other:?}");
        }
    }
}

/// The samples of a channel on Alibaba's CDN are a minute apart.
#[tokio::test(start_paused = true)]
async fn missed_samples_of_another_cdn_are_filled() {
    let directory = tempfile::tempdir().unwrap();
    let config = format!(
        "recorder: {{path: '{}'}}\n{}",
        directory.path().display(),
        config("{lookback: 4m}", 1..2)
    );
    let mut env = TestEnv::new("channels: [{id: 1, cdn: alibaba}]");
    env.start(&config);
    advance(600.0).await;
    env.stop().await;
    advance(1200.0).await;
    env.start(&config);
    let longest_gap = || {
        let always = Period {
            start: Timestamp::from_millis(0),
            end: Timestamp::from_millis(i64::MAX / 2),
        };
        let reader = Reader::open(directory.path()).unwrap();
        let recording = reader.recording("default", "1", always).unwrap().unwrap();
        let samples = &recording.streams[0].samples;
        let pairs = samples.windows(2);
        let gaps = pairs.map(|pair| pair[1].time.since(pair[0].time));
        (samples.len(), gaps.max().unwrap())
    };
    // The recorder's thread has a clock of its own.
    let begin = std::time::Instant::now();
    loop {
        advance(15.0).await;
        std::thread::sleep(Duration::from_millis(200));
        let (samples, gap) = longest_gap();
        if samples >= 25 && gap < Duration::from_secs(90) {
            break;
        }
        assert!(begin.elapsed() < DEADLINE, "{samples} samples, {gap:?}");
    }
    env.stop().await;
}
