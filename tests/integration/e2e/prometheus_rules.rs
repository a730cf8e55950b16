//! The shipped rules, judged by Prometheus' own tool.
//!
//! Needs `promtool` in the path: `make test` sees to it, or leaves these tests out and says so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use polyv_exporter::state::HealthIssueKind;

use crate::support::exporter_process::{run, text_of};
use crate::support::promtool::{Firing, Recording, promtools, rules};
use crate::support::test_env::{TestEnv, advance};

/// When things begin to go wrong, and for how long they do.
const BEGIN: u64 = 1200;
const FAULT_SECONDS: u64 = 420;

#[test]
fn rules_pass_their_tests_with_current_and_oldest_promtool() {
    let alerts = rules().parent().unwrap().to_owned();
    // All that `rule_files: alerts/*.yml` loads.
    let rules = yaml_files(&alerts);
    assert!(!rules.is_empty());
    let files = yaml_files(&alerts.join("tests"));
    assert!(files.len() >= 6, "{files:?}");
    for promtool in promtools() {
        let checked = run(Command::new(&promtool)
            .args(["check", "rules"])
            .args(&rules));
        assert!(
            checked.status.success(),
            "{promtool:?}: {}",
            text_of(&checked)
        );
        let tested = run(Command::new(&promtool).args(["test", "rules"]).args(&files));
        assert!(
            tested.status.success(),
            "{promtool:?}: {}",
            text_of(&tested)
        );
    }
}

fn yaml_files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    files.sort();
    files
}

/// Two exporters of one fleet, each with a Polyv of its own that plays the same.
pub struct Pair {
    envs: [TestEnv; 2],
    recording: Recording,
    /// Seconds between two scrapes.
    interval: u64,
    /// Seconds since the beginning of the recording.
    at: u64,
}

impl Pair {
    fn new(scenario: &str, configs: [&str; 2], interval: u64) -> Self {
        Self {
            envs: configs.map(|config| TestEnv::with_exporter(scenario, config)),
            recording: Recording::new(interval),
            interval,
            at: 0,
        }
    }

    /// Scrapes both until that second.
    async fn until(&mut self, second: u64) {
        while self.at < second {
            self.recording
                .add(&self.envs.each_ref().map(TestEnv::scrape));
            advance(self.interval as f64).await;
            self.at += self.interval;
        }
    }

    fn set_script(&self, channel: &str, life: &str) {
        for env in &self.envs {
            env.set_script(channel, life);
        }
    }

    fn inject_faults(&self, faults: &str) {
        for env in &self.envs {
            env.inject_faults(faults);
        }
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
    ("3", "{phase: bitrate_drop, to: 0.2}", "{content: camera}"),
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
    // A still picture, perhaps; and one that is known to be a screen's.
    ("23", "{phase: bitrate_drop, to: 0.2}", "{}"),
    ("24", "{phase: bitrate_drop, to: 0.2}", "{content: screen}"),
];

/// Alerts on what samples say: they fire as soon as half a minute of samples says so.
const QUICK: &[Firing<'_>] = &[
    ("PolyvStreamBitrateDropped", "2"),
    ("PolyvStreamBitrateDropped", "3"),
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
    ("PolyvStreamBitrateLow", "23"),
    ("PolyvStreamSamplesMissing", "8"),
    ("PolyvChannelOfflineUnexpectedly", "9"),
    ("PolyvChannelWentOffline", "10"),
    // Of six channels there is a page.
    ("PolyvManyChannelsFailing", ""),
];
pub const ALL: &str = "alertname=~\".+\"";
const OF_CHANNELS: &str = "alertname=~\"PolyvStream.*|PolyvChannel.*|PolyvMany.*\"";
/// What always fires: for a channel that is live on another CDN, and for one that was deleted.
const ALWAYS: &[Firing<'_>] = &[
    ("PolyvChannelWithoutSamples", "90"),
    ("PolyvChannelStateUnknown", "91"),
];

/// Both watch the same channels, each at other moments.
pub fn fleet(delay: u64, interval: u64) -> Pair {
    let lives: String = CHANNELS
        .iter()
        .map(|(id, _, _)| format!("{{id: {id}}}, "))
        .collect();
    let scenario = format!(
        "sample_delay: {delay}s
channels: [{lives}{{id: 90, life: empty}}, {{id: 91, life: deleted}}, {{id: 92, live_for: 0s, life: audio_only}},
  {{id: 93, streams: [a, b]}}, {{id: 94}}, {{id: 95}}, {{id: 96}}]
troubles: [{{trouble: latency, median: 300ms, p99: 1s}}]"
    );
    let others = ["90", "91", "92", "93", "95", "96"];
    let mut channels: Vec<String> = CHANNELS
        .iter()
        .map(|(id, _, expect)| format!("{{id: {id}, expect: {expect}}}"))
        .chain(others.map(|id| format!("{{id: {id}}}")))
        .chain(["{id: 94, expect: {live: true}}".to_owned()])
        .collect();
    let mut config = || {
        channels.reverse();
        format!(
            "accounts: [{{app_id: simulated, app_secret: simulated-secret, channels: [{}]}}]",
            channels.join(", ")
        )
    };
    Pair::new(&scenario, [&config(), &config()], interval)
}

/// Plays the faults of all streams, and expects their alerts.
pub async fn play_stream_faults(mut pair: Pair, delay: u64, among: &str) -> Recording {
    pair.until(600).await;
    // A broadcast ends as planned and another one begins.
    pair.set_script("95", "offline");
    pair.until(900).await;
    pair.set_script("95", "steady");
    pair.until(BEGIN).await;
    for (id, life, _) in CHANNELS {
        pair.set_script(id, life);
    }
    // An encoder reconnects, and a bitrate dips: too short for a page.
    pair.set_script("94", "{phase: offline, for: 8s}");
    pair.set_script("96", "{phase: bitrate_drop, to: 0.1, for: 15s}");
    pair.until(BEGIN + FAULT_SECONDS).await;
    for (id, _, _) in CHANNELS {
        pair.set_script(id, "steady");
    }
    pair.until(BEGIN + 1500).await;

    let (mut recording, interval) = (pair.recording, pair.interval);
    // 95 had been live for 10 minutes: for the operator's information, and for no more.
    recording.expect_among(among, 540, ALWAYS);
    let ended = [ALWAYS, &[("PolyvChannelWentOffline", "95")]].concat();
    recording.expect_among(among, 870, &ended);
    recording.expect_among(among, BEGIN, ALWAYS);
    let seen = BEGIN + delay;
    recording.expect_among(ARE_QUICK, seen + 15, &[]);
    // Half a minute of samples, one every 5 s; then it is polled, scraped and evaluated.
    recording.expect_among(ARE_QUICK, seen + 30 + 5 + 15 + interval + 10, QUICK);
    recording.expect_among(
        among,
        BEGIN + FAULT_SECONDS - 10,
        &[ALWAYS, QUICK, SLOW].concat(),
    );
    recording.expect_among(among, BEGIN + 1490, ALWAYS);
    recording
}

#[tokio::test(start_paused = true)]
async fn each_stream_fault_fires_only_its_own_alert() {
    for (interval, delay) in [(15, 0), (15, 20), (60, 20), (15, 150), (60, 150)] {
        let recording = play_stream_faults(fleet(delay, interval), delay, ALL).await;
        recording.judge(&format!(
            "scraped every {interval} s, samples {delay} s late"
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn exporter_without_connection_does_not_hide_alerts_of_another_one() {
    for fault in ["reset", "hang"] {
        let pair = fleet(20, 15);
        pair.envs[0].inject_faults(&format!("[{{trouble: {fault}, after: 5m}}]"));
        let recording = play_stream_faults(pair, 20, OF_CHANNELS).await;
        recording.judge(fault);
    }
}

/// Four channels that are live all the time, and what goes wrong with Polyv from minute 10 to 20.
async fn play_api_fault(fault: &str, config: &str, interval: u64) -> Recording {
    let mut pair = Pair::new("channels: [{id: 1, count: 4}]", [config; 2], interval);
    pair.until(600).await;
    pair.inject_faults(&format!("[{fault}]"));
    pair.until(1200).await;
    pair.inject_faults("[]");
    pair.until(3600).await;
    pair.recording
}

const FOUR: &str = "accounts: [{app_id: simulated, app_secret: simulated-secret, channels: [{id: 1}, {id: 2}, {id: 3}, {id: 4}]}]";

fn of_all_four(alert: &'static str) -> Vec<Firing<'static>> {
    ["1", "2", "3", "4"].map(|id| (alert, id)).to_vec()
}

#[tokio::test(start_paused = true)]
async fn outage_of_polyv_makes_channels_unknown_and_fires_no_stream_alert() {
    for (fault, interval) in [("error_500", 15), ("hang", 15), ("reset", 60), ("html", 60)] {
        let mut recording = play_api_fault(fault, FOUR, interval).await;
        recording.expect(600, &[]);
        let unknown = of_all_four("PolyvChannelStateUnknown");
        recording.expect_among(OF_CHANNELS, 700, &[]);
        recording.expect_among(OF_CHANNELS, 1190, &unknown);
        // A channel that failed individually is finally polled every 5 minutes.
        recording.expect_among(OF_CHANNELS, 1600, &[]);
        recording.expect(3590, &[]);
        recording.judge(fault);
    }
}

#[tokio::test(start_paused = true)]
async fn refused_signature_and_throttled_client_have_their_own_alerts() {
    let mut recording = play_api_fault("", &FOUR.replace("simulated-secret", "wrong"), 15).await;
    recording.expect(80, &[("PolyvApiAuthFailed", "")]);
    let mut refused = of_all_four("PolyvChannelStateUnknown");
    refused.extend([("PolyvApiAuthFailed", ""), ("PolyvApiErrors", "")]);
    recording.expect(1190, &refused);
    recording.judge("a wrong secret");

    for interval in [15, 60] {
        let mut recording = play_api_fault("throttled", FOUR, interval).await;
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
async fn wrong_clock_and_flapping_channel_fire_warnings() {
    for interval in [15, 60] {
        let mut recording = play_api_fault("{trouble: clock_skew, by: 2m}", FOUR, interval).await;
        recording.expect(600, &[]);
        recording.expect_among(
            "alertname=\"PolyvClockSkew\"",
            900,
            &[("PolyvClockSkew", "")],
        );
        recording.expect(3590, &[]);
        recording.judge("the clock");

        let config = "accounts: [{app_id: simulated, app_secret: simulated-secret, channels: [{id: 1}, {id: 2}]}]";
        let mut pair = Pair::new(
            "channels: [{id: 1}, {id: 2, life: {repeat: [{phase: steady, for: 2m}, {phase: offline, for: 2m}]}}]",
            [config; 2],
            interval,
        );
        pair.until(1800).await;
        let mut recording = pair.recording;
        recording.expect_among("alertname=\"PolyvChannelFlapping\"", 300, &[]);
        recording.expect_among(
            "alertname=\"PolyvChannelFlapping\"",
            900,
            &[("PolyvChannelFlapping", "2")],
        );
        recording.judge("flapping");
    }
}

/// Channels around the thresholds, what is expected of each, and two with other faults.
const NEAR_THRESHOLDS: &[(&str, &str, &str)] = &[
    (
        "11",
        "{phase: bitrate_drop, to: 0.82}",
        "{video_bitrate_bps: 1200000}",
    ),
    (
        "12",
        "{phase: bitrate_drop, to: 0.68}",
        "{video_bitrate_bps: 1200000}",
    ),
    (
        "13",
        "{phase: bitrate_drop, to: 0.56}",
        "{video_bitrate_bps: 1200000}",
    ),
    (
        "14",
        "{phase: bitrate_drop, to: 0.44}",
        "{video_bitrate_bps: 1200000}",
    ),
    ("15", "{phase: bitrate_drop, to: 0.62}", "{}"),
    ("16", "{phase: bitrate_drop, to: 0.38}", "{}"),
    ("17", "{phase: bitrate_drop, to: 0.29}", "{content: camera}"),
    ("18", "{phase: bitrate_drop, to: 0.21}", "{content: camera}"),
    (
        "19",
        "{phase: framerate_sag, to: 0.75}",
        "{video_framerate_fps: 15}",
    ),
    (
        "20",
        "{phase: framerate_sag, to: 0.65}",
        "{video_framerate_fps: 15}",
    ),
    ("21", "empty", "{}"),
    ("22", "deleted", "{}"),
];
/// The alerts that have a counterpart among the health issues.
const ALSO_ISSUES: &str =
    "alertname=~\"PolyvStream.*|PolyvChannel(OfflineUnexpectedly|WithoutSamples|StateUnknown)\"";

/// The alerts for a health issue. A dropped bitrate is a low one as well.
fn alerts_for(kind: HealthIssueKind) -> &'static [&'static str] {
    match kind {
        HealthIssueKind::OffAir => &["PolyvChannelOfflineUnexpectedly"],
        HealthIssueKind::NoSamples => &["PolyvStreamSamplesMissing"],
        HealthIssueKind::NoVideo => &["PolyvStreamVideoFrozen"],
        HealthIssueKind::NoAudio => &["PolyvStreamAudioLost"],
        HealthIssueKind::BitrateDropped => &["PolyvStreamBitrateDropped", "PolyvStreamBitrateLow"],
        HealthIssueKind::BitrateLow => &["PolyvStreamBitrateLow"],
        HealthIssueKind::FramerateLow => &["PolyvStreamVideoFramerateLow"],
        HealthIssueKind::StreamEmpty => &["PolyvStreamEmpty"],
        HealthIssueKind::NeverASample => &["PolyvChannelWithoutSamples"],
        HealthIssueKind::StateUnknown => &["PolyvChannelStateUnknown"],
        // Alert rules have failed polls by endpoint, and not by channel.
        HealthIssueKind::PollFailed => &[],
    }
}

/// The alerts for the health issues of all channels, each with its channel's id.
fn alerts_for_issues(env: &TestEnv) -> BTreeSet<(&'static str, String)> {
    let mut alerts = BTreeSet::new();
    for channel in env.store().snapshots(env.now()) {
        for issue in &channel.problems {
            let id = &channel.meta.channel.id;
            alerts.extend(alerts_for(issue.kind).iter().map(|a| (*a, id.to_string())));
        }
    }
    alerts
}

/// Both use the same thresholds. Health issues are a little quicker, as each response is judged
/// at once, so they are compared where neither has just changed.
#[tokio::test(start_paused = true)]
async fn health_issues_agree_with_the_alert_rules() {
    let channels: Vec<_> = CHANNELS.iter().chain(NEAR_THRESHOLDS).collect();
    let ids: Vec<_> = channels
        .iter()
        .map(|(id, ..)| format!("{{id: {id}}}"))
        .collect();
    let expected = channels
        .iter()
        .map(|(id, _, e)| format!("{{id: {id}, expect: {e}}}"));
    let expected: Vec<_> = expected.collect();
    let config = format!(
        "accounts: [{{app_id: simulated, app_secret: simulated-secret, channels: [{}]}}]",
        expected.join(", ")
    );
    let scenario = format!("sample_delay: 20s\nchannels: [{}]", ids.join(", "));
    let mut pair = Pair::new(&scenario, [&config, &config], 15);
    let mut compared = Vec::new();
    pair.until(BEGIN).await;
    compared.push((pair.at - 10, alerts_for_issues(&pair.envs[0])));
    for (id, life, _) in &channels {
        pair.set_script(id, life);
    }
    pair.until(BEGIN + FAULT_SECONDS).await;
    compared.push((pair.at - 10, alerts_for_issues(&pair.envs[0])));
    for (id, ..) in &channels {
        pair.set_script(id, "steady");
    }
    pair.until(BEGIN + 1500).await;
    compared.push((pair.at - 10, alerts_for_issues(&pair.envs[0])));

    let found: Vec<usize> = compared.iter().map(|(_, alerts)| alerts.len()).collect();
    assert!(
        found[0] == 0 && found[1] > 15 && found[2] == 0,
        "{compared:?}"
    );
    let mut recording = pair.recording;
    for (second, alerts) in &compared {
        let alerts: Vec<Firing<'_>> = alerts.iter().map(|(a, id)| (*a, &**id)).collect();
        recording.expect_among(ALSO_ISSUES, *second, &alerts);
    }
    recording.judge("health issues");
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_demonstration_page_one_after_another() {
    const PAGES: &[(u64, Firing<'_>)] = &[
        (90, ("PolyvStreamVideoFrozen", "1000003")),
        (160, ("PolyvStreamAudioLost", "1000004")),
        (225, ("PolyvStreamBitrateDropped", "1000002")),
        (290, ("PolyvChannelOfflineUnexpectedly", "1000006")),
        (350, ("PolyvStreamSamplesMissing", "1000008")),
    ];
    const CYCLE: u64 = 360;
    // Of a plan promtool's time, which begins at 0, knows nothing.
    const UNPLANNED: &str = "severity=\"page\",channel_id!=\"1000012\"";
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands/demo");
        std::fs::read_to_string(path.join(name)).unwrap()
    };
    let config = read("config.yml").replace("{base_url}", "http://127.0.0.1:1");
    let env = TestEnv::with_exporter(&read("scenario.yml"), &config);
    let mut recording = Recording::new(5);
    for scrape in 0..3 * CYCLE / 5 {
        recording.add(&[env.scrape()]);
        if scrape * 5 == CYCLE / 2 {
            let bitrate = "polyv_stream_video_bitrate_bps";
            let other_cdn = env.scrape().get(bitrate, &[("channel_id", "1000011")]);
            assert!(other_cdn.is_some(), "its source fails for another channel");
        }
        advance(5.0).await;
    }
    for cycle in 0..2 {
        for (second, page) in PAGES {
            recording.expect_among(UNPLANNED, cycle * CYCLE + second, &[*page]);
        }
    }
    recording.judge("the demonstration");
}
