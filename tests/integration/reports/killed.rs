//! An exporter that is killed in the middle of a fault, beside one that is not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::exporter_process::{DEADLINE, Exporter, polyv_exporter, run, text_of};
use crate::support::recording::{Row, exported};
use crate::support::simulator_server::SimulatorServer;

/// The picture freezes for 20 seconds.
const SCENARIO: &str = "
sample_delay: 1s
channels:
  - id: 1
    life: [{phase: steady, for: 12s}, {phase: video_freeze, for: 20s}, steady]
";

/// An exporter that records, and that has forgotten everything at its start: its first poll
/// requests a second of history.
fn config(polyv: &SimulatorServer, recording: &Path) -> String {
    format!(
        "api: {{base_url: 'http://{}', timeout: 1s}}
poll: {{live_interval: 1s, idle_interval: 1s, lookback: 1s}}
recorder: {{path: '{}'}}
accounts:
- {{name: main, app_id: simulated, app_secret: simulated-secret, channels: [{{id: '1'}}]}}
",
        polyv.address,
        recording.display()
    )
}

/// The report on the only broadcast.
fn report(config: &Path) -> Option<Value> {
    let mut command = polyv_exporter();
    command.args(["report", "1", "--format", "json", "--config.file"]);
    let output = run(command.arg(config));
    if !output.status.success() {
        // Nothing is recorded in the first second.
        assert!(
            text_of(&output).contains("recording"),
            "{}",
            text_of(&output)
        );
        return None;
    }
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[tokio::test]
async fn killed_exporter_reports_the_same_interruptions_as_one_that_was_not() {
    let polyv = SimulatorServer::start(SCENARIO).await;
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str| -> (String, PathBuf) {
        let config = config(&polyv, &directory.path().join(name));
        let path = directory.path().join(format!("{name}.yml"));
        std::fs::write(&path, &config).unwrap();
        (config, path)
    };
    let ((whole, whole_file), (killed, killed_file)) = (write("whole"), write("killed"));
    let _whole = Exporter::start(&whole).await;
    let exporter = Exporter::start(&killed).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    exporter.program.signal("KILL");
    drop(exporter);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let _again = Exporter::start(&killed).await;

    let begin = Instant::now();
    loop {
        let (whole, killed) = (report(&whole_file), report(&killed_file));
        if let (Some(whole), Some(killed)) = (&whole, &killed)
            && is_over(whole)
            && killed["interruptions"] == whole["interruptions"]
            && have_same_samples(
                &directory.path().join("whole"),
                &directory.path().join("killed"),
            )
        {
            return;
        }
        assert!(begin.elapsed() < DEADLINE, "{killed:?}\nbeside {whole:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Whether a report has all of the fault, to within a sample, and nothing else.
fn is_over(report: &Value) -> bool {
    let interruptions = report["interruptions"].as_array().unwrap().as_slice();
    let [found] = interruptions else {
        return false;
    };
    let seconds = found["seconds"].as_f64().unwrap();
    found["kind"] == "no_video" && (15.0..=25.0).contains(&seconds)
}

/// Whether two recordings are equal in the time that both have: one began before the other, and
/// ends before it.
fn have_same_samples(one: &Path, other: &Path) -> bool {
    let (one, other) = (exported(one), exported(other));
    let times = |rows: &BTreeSet<Row>| -> Option<(i64, i64)> {
        let times = rows.iter().map(|row| row.1);
        times.clone().min().zip(times.max())
    };
    let Some((one_times, other_times)) = times(&one).zip(times(&other)) else {
        return false;
    };
    let (since, until) = (
        one_times.0.max(other_times.0),
        one_times.1.min(other_times.1),
    );
    let in_both = |rows: BTreeSet<Row>| -> BTreeSet<Row> {
        let rows = rows.into_iter();
        rows.filter(|row| (since..=until).contains(&row.1))
            .collect()
    };
    let (one, other) = (in_both(one), in_both(other));
    // From before the fault until after it.
    one.len() >= 60 / 5 && one == other
}
