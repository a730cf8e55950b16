//! An exporter that is killed in the middle of a broadcast, and what its receivers hold then.
//!
//! Needs `prometheus` and `victoria-metrics` in the path: `make test` sees to it, or leaves these
//! tests out and says so.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::victoria::start_at;
use super::victoria_remote_write::{
    in_prometheus, in_victoria_metrics, receiver, until_equal, value,
};
use crate::support::exporter_process::{Exporter, Program, unused_address};
use crate::support::recording::{exported, recording_config, until_complete};
use crate::support::simulator_server::SimulatorServer;

/// A second stream whose samples are late, and a delay for all.
const BROADCAST: &str = "
sample_every: 1s
sample_delay: 2s
channels:
  - id: 1
    streams: [{name: camera}, {name: screen, lag: 40s}]
";

/// What befalls Polyv: an outage, samples without values, which the next response corrects, and
/// samples that are missing.
const FAULTS: [&str; 3] = [
    "{trouble: answer, status: 500, for: 1s}",
    "{trouble: bad_values, defects: ['null'], one_in: 3, for: 1500ms}",
    "{trouble: bad_values, defects: [no_time], one_in: 3, for: 1500ms}",
];

/// How long a response takes to be committed at most, also on a busy machine.
const COMMIT_TIME: Duration = Duration::from_secs(5);

/// Rounds of `make recorder-kill`; a few in all tests.
const ROUNDS: &str = "POLYV_KILL_ROUNDS";

/// Kills an exporter `rounds` times at random moments of a broadcast, and then waits until the
/// recording has every sample that Polyv sent. Returns the exporter that runs at the end.
/// `between` is called before each start.
async fn kill_in_broadcast(
    rounds: u32,
    polyv: &SimulatorServer,
    config: &str,
    recording: &Path,
    mut between: impl AsyncFnMut(&mut fastrand::Rng),
) -> Exporter {
    let mut rng = fastrand::Rng::with_seed(17);
    let mut first = None;
    for round in 0..rounds {
        between(&mut rng).await;
        let exporter = Exporter::start(config).await;
        let up = Duration::from_millis(rng.u64(1_000..7_000));
        let before_fault = up.mul_f64(rng.f64());
        tokio::time::sleep(before_fault).await;
        if let Some(fault) = FAULTS.get(rng.usize(0..2 * FAULTS.len())) {
            polyv.inject_faults(fault).await;
        }
        tokio::time::sleep(up - before_fault).await;
        exporter.program.signal("KILL");
        drop(exporter);
        // The first poll requests a minute of history: what is older has to be filled.
        let down = if round % 10 == 2 {
            rng.u64(62_000..70_000)
        } else {
            rng.u64(0..3_000)
        };
        tokio::time::sleep(Duration::from_millis(down)).await;
        if first.is_none() && recording.join("recorder.db").exists() {
            first = exported(recording).into_iter().map(|row| row.1).min();
        }
    }
    between(&mut rng).await;
    let exporter = Exporter::start(config).await;
    exporter
        .until("it records", |scrape| {
            scrape.get("polyv_recorder_samples_total", &[]) > Some(0.0)
        })
        .await;
    // Each start leaves a gap to fill.
    let deadline = Duration::from_secs(60) + Duration::from_secs(5) * rounds;
    let samples = until_complete(polyv, recording, first, deadline, &exporter).await;
    println!("{rounds} rounds, {samples} samples");
    exporter
}

#[tokio::test]
async fn killed_exporter_has_recorded_and_sent_every_sample() {
    let rounds = std::env::var(ROUNDS).ok();
    let rounds = rounds.and_then(|text| text.parse().ok()).unwrap_or(3);
    let polyv = SimulatorServer::start(BROADCAST).await;
    let window = "storage: {tsdb: {out_of_order_time_window: 7d}}";
    let prometheus = receiver(Path::new("prometheus"), window).await;
    let (held, victoria) = unused_address();
    let data = tempfile::tempdir().unwrap();
    let storage = [format!("-storageDataPath={}", data.path().display())];
    drop(held);

    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("recording");
    let endpoint = |name: &str, url: &str| {
        format!("{{name: {name}, url: '{url}/api/v1/write', external_labels: {{site: shanghai}}}}")
    };
    let config = format!(
        "remote_write: [{}, {}]\n{}",
        endpoint("victoria", &format!("http://{victoria}")),
        endpoint("prometheus", &prometheus.url),
        recording_config(&polyv, &recording)
    );
    // VictoriaMetrics is away every other time; it is there at the end.
    let mut running: Option<Program> = None;
    let mut rounds_left = rounds;
    let mut exporter = kill_in_broadcast(rounds, &polyv, &config, &recording, async |rng| {
        let is_last = rounds_left == 0;
        rounds_left = rounds_left.saturating_sub(1);
        match &mut running {
            Some(program) if !is_last && rng.bool() => {
                program.signal("TERM");
                program.ended().await;
                running = None;
            }
            None if is_last || rng.bool() => {
                running = Some(start_at("victoria-metrics", &storage, victoria).await.0);
            }
            _ => {}
        }
    })
    .await;
    polyv.control("PUT", "channels/1/life", "offline").await;
    exporter
        .until("it is over", |scrape| scrape.state("1") == "not_live")
        .await;
    // What is pending is counted once a second, and so is what was received committed.
    let all_recorded = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + COMMIT_TIME;
    let sent = exporter
        .until("all is sent", |scrape| {
            let mut names = ["victoria", "prometheus"].iter();
            names.all(|name| {
                let position = value(scrape, "position_timestamp_seconds", name);
                position > all_recorded.as_secs_f64()
                    && value(scrape, "pending_samples", name) == 0.0
            })
        })
        .await;
    let dropped = sent.all("polyv_remote_write_dropped_samples_total", &[]);
    assert!(
        dropped.iter().all(|series| series.value == 0.0),
        "{dropped:?}"
    );
    exporter.program.signal("TERM");
    assert!(exporter.program.ended().await.success());
    let url = format!("http://{victoria}");
    until_equal("VictoriaMetrics", &recording, 100, async || {
        in_victoria_metrics(&url).await
    })
    .await;
    until_equal("Prometheus", &recording, 100, async || {
        in_prometheus(&prometheus).await
    })
    .await;
}
