//! What an exporter recorded, beside what Polyv sent.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::exporter_process::{Exporter, polyv_exporter, run, text_of};
use super::simulator_server::SimulatorServer;

/// The configuration of an exporter that records, and that has forgotten everything at its start:
/// its first poll requests a second of history.
pub fn recording_config(polyv: &SimulatorServer, directory: &Path) -> String {
    format!(
        "api: {{base_url: 'http://{}', timeout: 3s}}
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
pub type Row = (String, i64, [Option<String>; 3]);

/// The samples of a recording.
pub fn exported(directory: &Path) -> BTreeSet<Row> {
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

/// The samples that Polyv has sent.
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

/// Waits until a recording has all that Polyv sent from its first sample to its last one, and
/// nothing else. Returns how many samples these are.
pub async fn until_complete(
    polyv: &SimulatorServer,
    recording: &Path,
    first: Option<i64>,
    deadline: Duration,
    exporter: &Exporter,
) -> usize {
    let begin = Instant::now();
    loop {
        let (served, rows) = (sent(polyv).await, exported(recording));
        let first = first.or_else(|| rows.iter().map(|row| row.1).min());
        let last = |stream: &str| {
            let of_stream = rows.iter().filter(|row| row.0 == stream);
            of_stream.map(|row| row.1).max()
        };
        let between = |row: &&Row| Some(row.1) >= first && Some(row.1) <= last(&row.0);
        // What the newest poll has not brought yet of a stream is not missing.
        let missing: Vec<_> = served
            .iter()
            .filter(between)
            .filter(|row| !rows.contains(*row))
            .collect();
        let unknown: Vec<_> = rows.iter().filter(|row| !served.contains(*row)).collect();
        if missing.is_empty() && unknown.is_empty() && rows.len() > 2 {
            return rows.len();
        }
        assert!(
            begin.elapsed() < deadline,
            "missing: {missing:?}\nnever sent: {unknown:?}\n{}\n{}",
            exporter.scrape().await.text,
            exporter.program.log()
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
