//! An exporter that is killed in the middle of a broadcast.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::exporter_process::{Exporter, polyv_exporter, run, text_of};
use crate::support::simulator_server::SimulatorServer;

/// A second stream whose samples are late, and a delay for all.
const BROADCAST: &str = "
sample_delay: 2s
channels:
  - id: 1
    streams: [{name: camera}, {name: screen, lag: 40s}]
";

/// Rounds of `make recorder-kill`; a few in all tests.
const ROUNDS: &str = "POLYV_KILL_ROUNDS";

/// The configuration of an exporter that records, and that has forgotten everything at its start:
/// its first poll requests a second of history.
pub fn recording_config(polyv: &SimulatorServer, directory: &Path) -> String {
    format!(
        "api: {{base_url: 'http://{}', timeout: 1s}}
poll: {{live_interval: 1s, idle_interval: 1s, lookback: 1s}}
recorder: {{path: '{}'}}
accounts:
- {{name: main, app_id: simulated, app_secret: simulated-secret, channels: [{{id: '1'}}]}}
",
        polyv.address,
        directory.display()
    )
}

/// Exports a recording.
pub fn export(directory: &Path, arguments: &[&str]) -> String {
    let mut command = polyv_exporter();
    command.args(["export", "--path"]).arg(directory);
    let output = run(command.args(arguments));
    assert!(output.status.success(), "{}", text_of(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// A row of the CSV: stream, time, and the values as Polyv sends them.
type Row = (String, i64, [Option<String>; 3]);

fn exported(directory: &Path) -> BTreeSet<Row> {
    let csv = export(directory, &["--format", "csv"]);
    let mut lines = csv.lines();
    let header =
        "account,channel_id,stream,time,video_bitrate_bps,video_framerate_fps,audio_framerate_fps";
    assert_eq!(lines.next(), Some(header));
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[..2], ["main", "1"]);
        let time = chrono::DateTime::parse_from_rfc3339(fields[3]).unwrap();
        let values = [4, 5, 6].map(|n| Some(fields[n]).filter(|f| !f.is_empty()).map(number));
        (fields[2].to_owned(), time.timestamp_millis(), values)
    };
    lines.map(row).collect()
}

/// The same spelling for the same number.
fn number(text: &str) -> String {
    text.parse::<f64>().unwrap().to_string()
}

async fn sent(polyv: &SimulatorServer) -> BTreeSet<Row> {
    let response = polyv.stream_info_json("1").await;
    let samples = response["data"].as_array().unwrap().iter();
    let field = |sample: &Value, name: &str| sample[name].as_str().map(number);
    samples
        .map(|sample| {
            let text = format!("{} +0800", sample["time"].as_str().unwrap());
            let time = chrono::DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f %z");
            let values = ["bitRate", "videoFrameRate", "audioFrameRate"];
            (
                sample["streamUrl"].as_str().unwrap().to_owned(),
                time.unwrap().timestamp_millis(),
                values.map(|name| field(sample, name)),
            )
        })
        .collect()
}

#[tokio::test]
async fn killed_exporter_has_every_sample_that_polyv_sent() {
    let rounds = std::env::var(ROUNDS)
        .ok()
        .and_then(|text| text.parse().ok());
    let rounds: u32 = rounds.unwrap_or(3);
    let polyv = SimulatorServer::start(BROADCAST).await;
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("recording");
    let config = recording_config(&polyv, &recording);
    let mut rng = fastrand::Rng::with_seed(17);
    let mut first = None;
    for _ in 0..rounds {
        let exporter = Exporter::start(&config).await;
        let up = Duration::from_millis(rng.u64(1_500..5_000));
        if rng.bool() {
            polyv
                .inject_faults("{trouble: answer, status: 500, for: 1s}")
                .await;
        }
        tokio::time::sleep(up).await;
        exporter.program.signal("KILL");
        drop(exporter);
        let down = Duration::from_millis(rng.u64(0..8_000));
        tokio::time::sleep(down).await;
        if first.is_none() && recording.join("recorder.db").exists() {
            first = exported(&recording).into_iter().map(|row| row.1).min();
        }
    }
    let mut exporter = Exporter::start(&config).await;
    let begin = std::time::Instant::now();
    loop {
        let (served, rows) = (sent(&polyv).await, exported(&recording));
        let first = first.or_else(|| rows.iter().map(|row| row.1).min());
        let last = rows.iter().map(|row| row.1).max();
        let between = |row: &&Row| Some(row.1) >= first && Some(row.1) <= last;
        // What the newest poll has not brought yet is not missing.
        let missing: Vec<_> = served
            .iter()
            .filter(between)
            .filter(|r| !rows.contains(*r))
            .collect();
        let unknown: Vec<_> = rows.iter().filter(|r| !served.contains(*r)).collect();
        assert!(unknown.is_empty(), "never sent: {unknown:?}");
        if missing.is_empty() && rows.len() > 2 {
            println!("{rounds} rounds, {} samples", rows.len());
            break;
        }
        let scrape = exporter.scrape().await;
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "missing: {missing:?}\n{scrape:?}\n{}",
            exporter.program.log()
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    exporter.program.signal("TERM");
    assert!(exporter.program.ended().await.success());
}
