//! The shipped rules, judged by Prometheus' own tool.
//!
//! Needs `promtool` in the path: `make test` sees to it, or leaves these tests out and says so.

use super::support::program::said;
use super::support::promtool::{Firing, Recording, promtool, rules};
use super::support::world::{World, pass};

/// When things begin to go wrong, and for how long they do.
const BEGIN: u64 = 1200;
const TROUBLE: u64 = 420;

#[test]
fn the_rules_are_valid_and_pass_their_own_tests() {
    let rules = rules();
    let checked = promtool(&["check", "rules", rules.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", said(&checked));
    let tests = rules.parent().unwrap().join("tests");
    let mut files: Vec<String> = std::fs::read_dir(tests)
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    let mut arguments = vec!["test", "rules"];
    arguments.extend(files.iter().map(String::as_str));
    let tested = promtool(&arguments);
    assert!(tested.status.success(), "{}", said(&tested));
}

/// Scrapes from now to `until` (seconds since the beginning of the recording).
async fn record(world: &World, recording: &mut Recording, at: &mut u64, interval: u64, until: u64) {
    while *at < until {
        recording.add(&world.scrape(), &["a:9847", "b:9847"]);
        pass(interval as f64).await;
        *at += interval;
    }
}

/// Channels that live different lives; what is expected of each.
const CHANNELS: &[(&str, &str, &str)] = &[
    (
        "1",
        "steady",
        "{live: true, video_bitrate_bps: 1200000, video_framerate_fps: 15, audio_framerate_fps: 43}",
    ),
    (
        "2",
        "{phase: bitrate_drop, to: 0.3}",
        "{video_bitrate_bps: 1200000}",
    ),
    ("3", "{phase: bitrate_drop, to: 0.2}", "{}"),
    (
        "4",
        "{phase: bitrate_drop, to: 0.6}",
        "{video_bitrate_bps: 1200000}",
    ),
    ("5", "video_freeze", "{video_framerate_fps: 15}"),
    ("6", "audio_loss", "{}"),
    (
        "7",
        "{phase: framerate_sag, to: 0.5}",
        "{video_framerate_fps: 15}",
    ),
    ("8", "no_samples", "{}"),
    ("9", "offline", "{live: true}"),
    ("10", "offline", "{}"),
];

/// Alerts on what samples say: they fire as soon as half a minute of samples says so.
const QUICK: &[Firing<'_>] = &[
    ("PolyvStreamBitrateDropped", "2"),
    ("PolyvStreamBitrateDropped", "3"),
    ("PolyvStreamBitrateDropped", "5"),
    ("PolyvStreamVideoFrozen", "5"),
    ("PolyvStreamAudioLost", "6"),
    ("PolyvStreamVideoFramerateLow", "7"),
];
const ARE_QUICK: &str =
    "alertname=~\"PolyvStream(BitrateDropped|VideoFrozen|AudioLost|VideoFramerateLow)\"";
/// Alerts on what is missing, and warnings.
const SLOW: &[Firing<'_>] = &[
    ("PolyvStreamBitrateLow", "2"),
    ("PolyvStreamBitrateLow", "3"),
    ("PolyvStreamBitrateLow", "4"),
    ("PolyvStreamBitrateLow", "5"),
    ("PolyvStreamSamplesMissing", "8"),
    ("PolyvChannelOfflineUnexpectedly", "9"),
    ("PolyvChannelWentOffline", "10"),
];
/// What always fires: for a channel that is live on another CDN, and for one that was deleted.
const ALWAYS: &[Firing<'_>] = &[
    ("PolyvChannelWithoutSamples", "90"),
    ("PolyvChannelStateUnknown", "91"),
];

fn fleet(delay: u64) -> World {
    let lives = CHANNELS
        .iter()
        .map(|(id, _, _)| format!("{{id: {id}}}, "))
        .collect::<String>();
    let expected = CHANNELS
        .iter()
        .map(|(id, _, expect)| format!("{{id: {id}, expect: {expect}}}, "))
        .collect::<String>();
    World::watched(
        &format!(
            "sample_delay: {delay}s
channels: [{lives}{{id: 90, life: empty}}, {{id: 91, life: deleted}}, {{id: 92, live_for: 0s, life: audio_only}},
  {{id: 93, streams: [a, b]}}, {{id: 94}}, {{id: 95}}, {{id: 96}}]
troubles: [{{trouble: latency, median: 300ms, p99: 1s}}]"
        ),
        &format!(
            "accounts: [{{app_id: simulated, app_secret: simulated-secret, channels: [{expected}{{id: 90}}, {{id: 91}}, {{id: 92}},
  {{id: 93}}, {{id: 94, expect: {{live: true}}}}, {{id: 95}}, {{id: 96}}]}}]"
        ),
    )
}

#[tokio::test(start_paused = true)]
async fn each_trouble_of_a_stream_fires_its_alert_and_nothing_else_does() {
    for (interval, delay) in [(15, 0), (15, 20), (60, 20), (15, 150), (60, 150)] {
        let what = format!("scraped every {interval} s, samples {delay} s late");
        let world = fleet(delay);
        let mut recording = Recording::new(interval);
        let mut at = 0;
        record(&world, &mut recording, &mut at, interval, 600).await;
        // A broadcast ends as planned and another one begins.
        world.life("95", "offline");
        record(&world, &mut recording, &mut at, interval, 900).await;
        world.life("95", "steady");
        record(&world, &mut recording, &mut at, interval, BEGIN).await;
        for (id, life, _) in CHANNELS {
            world.life(id, life);
        }
        // An encoder reconnects, and a bitrate dips: too short to wake anybody.
        world.life("94", "{phase: offline, for: 8s}");
        world.life("96", "{phase: bitrate_drop, to: 0.1, for: 15s}");
        record(&world, &mut recording, &mut at, interval, BEGIN + TROUBLE).await;
        for (id, _, _) in CHANNELS {
            world.life(id, "steady");
        }
        record(&world, &mut recording, &mut at, interval, BEGIN + 1500).await;

        // 95 had been live for 10 minutes: for the operator's information, and for no more.
        recording.expect(540, ALWAYS);
        let ended = [ALWAYS, &[("PolyvChannelWentOffline", "95")]].concat();
        recording.expect(870, &ended);
        recording.expect(BEGIN, ALWAYS);
        let seen = BEGIN + delay;
        recording.expect_among(ARE_QUICK, seen + 15, &[]);
        // Half a minute of samples, one every 5 s; then it is polled, scraped and evaluated.
        recording.expect_among(ARE_QUICK, seen + 30 + 5 + 15 + interval + 10, QUICK);
        recording.expect(BEGIN + TROUBLE - 10, &[ALWAYS, QUICK, SLOW].concat());
        recording.expect(BEGIN + 1490, ALWAYS);
        recording.judge(&what);
    }
}

/// Four channels that are live all the time, and what goes wrong with Polyv from minute 10 to 20.
async fn played(trouble: &str, config: &str, interval: u64) -> Recording {
    let world = World::watched("channels: [{id: 1, count: 4}]", config);
    let mut recording = Recording::new(interval);
    let mut at = 0;
    record(&world, &mut recording, &mut at, interval, 600).await;
    world.trouble(&format!("[{trouble}]"));
    record(&world, &mut recording, &mut at, interval, 1200).await;
    world.trouble("[]");
    record(&world, &mut recording, &mut at, interval, 3600).await;
    recording
}

const FOUR: &str = "accounts: [{app_id: simulated, app_secret: simulated-secret, channels: [{id: 1}, {id: 2}, {id: 3}, {id: 4}]}]";

fn of_all_four(alert: &'static str) -> Vec<Firing<'static>> {
    ["1", "2", "3", "4"].map(|id| (alert, id)).to_vec()
}

#[tokio::test(start_paused = true)]
async fn while_polyv_fails_channels_are_unknown_and_no_stream_is_blamed() {
    for (trouble, interval) in [("error_500", 15), ("hang", 15), ("reset", 60), ("html", 60)] {
        let mut recording = played(trouble, FOUR, interval).await;
        recording.expect(600, &[]);
        let unknown = of_all_four("PolyvChannelStateUnknown");
        let of_channels = "alertname=~\"PolyvStream.*|PolyvChannel.*\"";
        recording.expect_among(of_channels, 700, &[]);
        recording.expect_among(of_channels, 1190, &unknown);
        // A channel that failed by itself is asked every 5 minutes at last.
        recording.expect_among(of_channels, 1600, &[]);
        recording.expect(3590, &[]);
        recording.judge(trouble);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_signature_and_a_throttled_client_have_their_own_alerts() {
    let mut recording = played("", &FOUR.replace("simulated-secret", "wrong"), 15).await;
    recording.expect(80, &[("PolyvApiAuthFailed", "")]);
    let mut refused = of_all_four("PolyvChannelStateUnknown");
    refused.extend([("PolyvApiAuthFailed", ""), ("PolyvApiErrors", "")]);
    recording.expect(1190, &refused);
    recording.judge("a wrong secret");

    for interval in [15, 60] {
        let mut recording = played("throttled", FOUR, interval).await;
        recording.expect(600, &[]);
        recording.expect_among(
            "alertname=\"PolyvApiThrottled\"",
            690,
            &[("PolyvApiThrottled", "")],
        );
        recording.expect_among(
            "alertname=\"PolyvApiThrottled\"",
            1190,
            &[("PolyvApiThrottled", "")],
        );
        recording.expect(3590, &[]);
        recording.judge("throttled");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_and_a_channel_that_flaps_are_warned_of() {
    for interval in [15, 60] {
        let mut recording = played("{trouble: clock_skew, by: 2m}", FOUR, interval).await;
        recording.expect(600, &[]);
        recording.expect_among(
            "alertname=\"PolyvClockSkew\"",
            900,
            &[("PolyvClockSkew", "")],
        );
        recording.expect(3590, &[]);
        recording.judge("the clock");

        let world = World::watched(
            "channels: [{id: 1}, {id: 2, life: {repeat: [{phase: steady, for: 2m}, {phase: offline, for: 2m}]}}]",
            "accounts: [{app_id: simulated, app_secret: simulated-secret, channels: [{id: 1}, {id: 2}]}]",
        );
        let mut recording = Recording::new(interval);
        record(&world, &mut recording, &mut 0, interval, 1800).await;
        recording.expect_among("alertname=\"PolyvChannelFlapping\"", 300, &[]);
        recording.expect_among(
            "alertname=\"PolyvChannelFlapping\"",
            900,
            &[("PolyvChannelFlapping", "2")],
        );
        recording.judge("flapping");
    }
}
