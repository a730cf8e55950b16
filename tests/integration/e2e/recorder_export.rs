//! What `export` writes, read by the programs it is for.
//!
//! Needs `promtool` and `victoria-metrics` in the path: `make test` sees to it, or leaves these
//! tests out and says so.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::victoria::start;
use crate::support::exporter_process::{DEADLINE, Exporter, client, polyv_exporter, run, text_of};
use crate::support::recording::{export, recording_config};
use crate::support::simulator_server::SimulatorServer;

const BITRATE: &str = "polyv_sample_video_bitrate_bps";

/// The times and values of a stream's bitrate in the CSV.
fn bitrates(directory: &Path) -> Vec<(i64, f64)> {
    let csv = export(directory, &["--channel", "1", "--format", "csv"]);
    let rows = csv.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let time = chrono::DateTime::parse_from_rfc3339(fields[3]).unwrap();
        (time.timestamp_millis(), fields[4].parse().unwrap())
    });
    rows.collect()
}

#[tokio::test]
async fn prometheus_and_victoria_metrics_take_exports_sample_for_sample() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("recording");
    let config = recording_config(&polyv, &recording).replace("lookback: 1s", "lookback: 30m");
    let mut exporter = Exporter::start(&config).await;
    exporter
        .until("some samples are recorded", |scrape| {
            scrape.get("polyv_recorder_samples_total", &[]) > Some(200.0)
        })
        .await;
    exporter.program.signal("TERM");
    assert!(exporter.program.ended().await.success());
    let expected = bitrates(&recording);
    assert!(expected.len() > 200);

    // By day, for promtool.
    let file = directory.path().join("samples.om");
    let mut command = polyv_exporter();
    command.args(["export", "--format", "openmetrics", "--split", "day"]);
    command
        .arg("--path")
        .arg(&recording)
        .arg("--output")
        .arg(&file);
    let output = run(&mut command);
    assert!(output.status.success(), "{}", text_of(&output));
    assert!(!file.exists());
    let blocks = directory.path().join("blocks");
    let files = std::fs::read_dir(directory.path()).unwrap();
    let files = files.map(|file| file.unwrap().path());
    for file in files.filter(|path| path.extension().is_some_and(|e| e == "om")) {
        let mut promtool = Command::new("promtool");
        promtool.args(["tsdb", "create-blocks-from", "openmetrics"]);
        let made = run(promtool.arg(&file).arg(&blocks));
        assert!(made.status.success(), "{}", text_of(&made));
    }
    // It looks for what has no block yet.
    std::fs::create_dir(blocks.join("wal")).unwrap();
    let mut promtool = Command::new("promtool");
    promtool.args(["tsdb", "dump", "--match", BITRATE]);
    let dumped = run(promtool.arg(&blocks));
    let dumped = String::from_utf8(dumped.stdout).unwrap();
    let row = |line: &str| {
        let (_, rest) = line.split_once("} ").unwrap();
        let (value, time) = rest.split_once(' ').unwrap();
        (time.parse::<i64>().unwrap(), value.parse::<f64>().unwrap())
    };
    let mut in_prometheus: Vec<(i64, f64)> = dumped.lines().map(row).collect();
    in_prometheus.sort_by_key(|(time, _)| *time);
    assert_eq!(in_prometheus, expected);

    // JSON lines.
    let lines = export(&recording, &["--format", "jsonl"]);
    let data = directory.path().join("victoria");
    let (_victoria, database) = start(
        "victoria-metrics",
        &[format!("-storageDataPath={}", data.display())],
    )
    .await;
    let imported = client()
        .post(format!("{database}/api/v1/import"))
        .body(lines);
    assert!(imported.send().await.unwrap().status().is_success());
    let url = format!("{database}/api/v1/export?match[]={BITRATE}&reduce_mem_usage=1");
    let begin = Instant::now();
    loop {
        let text = client()
            .get(&url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let mut found = Vec::new();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let (times, values) = (&line["timestamps"], &line["values"]);
            let times = times.as_array().unwrap().iter();
            let rows = times.zip(values.as_array().unwrap());
            found.extend(rows.map(|(t, v)| (t.as_i64().unwrap(), v.as_f64().unwrap())));
        }
        found.sort_by_key(|(time, _)| *time);
        if found == expected {
            break;
        }
        // It shows what it has taken after a moment.
        assert!(
            begin.elapsed() < DEADLINE,
            "{} of {}",
            found.len(),
            expected.len()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
