//! A scripted broadcast is recorded, and the report says what was played.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use polyv_client::clock::Timestamp;
use polyv_exporter::config::Source;
use polyv_exporter::display::Language;
use polyv_exporter::recorder::{Period, Reader};
use polyv_exporter::replay::replay;
use polyv_exporter::report::{self, BroadcastReport, ChannelReports, Presentation};

use polyv_exporter::scheduler::freshness_policy;
use polyv_exporter::state::ChannelMeta;

use crate::support::test_env::{TestEnv, advance};

/// A minute before the broadcast, every kind of interruption, and its end.
const SCENARIO: &str = "
sample_delay: 20s
channels:
  - id: 3880533
    life:
      - {phase: offline, for: 1m}
      - {phase: steady, for: 5m}
      - {phase: video_freeze, for: 40s}
      - {phase: steady, for: 4m}
      - {phase: audio_loss, for: 1m}
      - {phase: steady, for: 4m}
      - {phase: no_samples, for: 1m}
      - {phase: steady, for: 4m}
      - {phase: bitrate_drop, to: 0.3, for: 1m}
      - {phase: steady, for: 4m}
      - {phase: offline, for: 2m}
      - {phase: steady, for: 5m}
      - offline
";
/// Kind, begin and length in seconds, counted from the start of the scenario.
const PLAYED: [(&str, i64, i64); 5] = [
    ("no_video", 360, 40),
    ("no_audio", 640, 60),
    ("no_samples", 940, 60),
    ("bitrate_dropped", 1240, 60),
    ("off_air", 1540, 120),
];
const LENGTH: f64 = 2040.0;

fn config(recording: &Path) -> String {
    format!(
        "recorder: {{path: '{}'}}
accounts:
  - {{app_id: simulated, app_secret: simulated-secret,
      channels: [{{id: 3880533, name: Main stage, expect: {{video_bitrate_bps: 1200000}}}}]}}",
        recording.display()
    )
}

fn latest(recording: &Path) -> BroadcastReport {
    let gap = Duration::from_secs(300);
    let reports = ChannelReports::open(recording, None, "3880533", gap).unwrap();
    let reports = reports.expect("the channel was recorded");
    assert_eq!(reports.broadcasts.len(), 1, "{:?}", reports.broadcasts);
    reports.broadcast(0).unwrap().expect("there is a broadcast")
}

/// Kind, start and length in seconds; a broadcast starts a minute after the scenario.
fn found(report: &BroadcastReport) -> Vec<(&'static str, i64, i64)> {
    let all = report.interruptions.iter().map(|found| {
        let since = found.start.millis_after(report.start) / 1000 + 60;
        (found.kind.as_str(), since, found.length_ms() / 1000)
    });
    all.collect()
}

fn assert_played(report: &BroadcastReport) {
    let found = found(report);
    assert_eq!(found.len(), PLAYED.len(), "{found:?}");
    for ((kind, start, length), (played, from, lasted)) in found.iter().zip(PLAYED) {
        // A start and an end are each known to within a sample, and the broadcast's start is one.
        let is_near = (start - from).abs() <= 10 && (length - lasted).abs() <= 10;
        assert!(*kind == played && is_near, "{found:?}");
    }
}

/// Checks that a replay says what the live exporter said.
fn assert_replayed(recording: &Path, live: &BTreeMap<&str, i64>) {
    let config = Source::text("config", &config(recording)).load().unwrap();
    let account = &config.accounts[0];
    let meta = ChannelMeta {
        account: account.name.as_str().into(),
        channel: account.channels[0].clone(),
    };
    let always = Period {
        start: Timestamp::from_millis(0),
        end: Timestamp::from_millis(i64::MAX / 2),
    };
    let reader = Reader::open(recording).unwrap();
    let recording = reader.recording(&meta.account, "3880533", always).unwrap();
    let issues = replay(
        &recording.unwrap(),
        meta,
        freshness_policy(&config),
        always.start,
    );
    let mut replayed = BTreeMap::new();
    for issue in issues {
        let length = issue.period.end.millis_after(issue.period.start) / 1000;
        *replayed.entry(issue.issue.kind.as_str()).or_insert(0) += length;
    }
    assert!(
        replayed.keys().eq(live.keys()),
        "{replayed:?}, live {live:?}"
    );
    for (kind, length) in &replayed {
        // A poll is every 15 seconds, and samples are 20 seconds late.
        assert!(
            (length - live[kind]).abs() <= 35,
            "{kind}: {replayed:?}, live {live:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn report_says_what_was_played_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (whole, restarted) = (
        directory.path().join("whole"),
        directory.path().join("restarted"),
    );
    let mut env = TestEnv::with_exporter(SCENARIO, &config(&whole));
    // What the live exporter says, in seconds of each kind of problem.
    let mut live = BTreeMap::new();
    for _ in 0..(LENGTH / 5.0) as usize {
        advance(5.0).await;
        for problem in env.problems("3880533") {
            *live.entry(problem.kind.as_str()).or_insert(0) += 5;
        }
    }
    env.stop().await;
    assert_replayed(&whole, &live);
    let expected = latest(&whole);
    assert_played(&expected);
    assert_eq!(expected.end(), Some(expected.last));
    assert_eq!(&*expected.channel_name, "Main stage");

    // Killed in the middle of a fault, and started again two minutes later.
    let mut env = TestEnv::with_exporter(SCENARIO, &config(&restarted));
    advance(380.0).await;
    env.stop().await;
    advance(120.0).await;
    env.start(&config(&restarted));
    advance(LENGTH - 500.0).await;
    env.stop().await;
    let report = latest(&restarted);
    assert_eq!(found(&report), found(&expected));
    // The last poll may be a few seconds earlier or later.
    let samples = [&report, &expected].map(|report| report.completeness.samples);
    assert!(samples[0].abs_diff(samples[1]) <= 3, "{samples:?}");
    let ratios = [&report, &expected].map(|report| report.completeness.ratio().unwrap());
    assert!((ratios[0] - ratios[1]).abs() < 0.001, "{ratios:?}");
    assert!(
        report.completeness.unobserved_ms >= 90_000,
        "{:?}",
        report.completeness
    );

    // The same recording gives the same bytes.
    let shown = Presentation {
        language: Language::English,
        time_zone: chrono_tz::Asia::Shanghai,
    };
    let render = |report: &BroadcastReport| {
        [
            report::html(report, shown, &maud::Markup::default()),
            report::markdown(report, shown),
            report::csv(report),
            report::json(report).unwrap(),
        ]
    };
    assert_eq!(render(&latest(&whole)), render(&expected));
}
