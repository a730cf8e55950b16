//! The real Prometheus, and its own judge of metrics.
//!
//! Needs `prometheus` and `promtool` in the path: `make test` sees to it, or leaves these
//! tests out and says so.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::exporter_process::{Exporter, quick_config};
use crate::support::prometheus_stack::Prometheus;
use crate::support::simulator_server::SimulatorServer;

#[tokio::test]
async fn prometheus_has_polyvs_values_and_no_ended_stream() {
    let polyv = SimulatorServer::start(
        "noise: 0
sample_every: 1s
channels:
- {id: 1, bitrate_bps: 1157120, video_framerate_fps: 13, audio_framerate_fps: 46}
- {id: 2, life: offline}",
    )
    .await;
    let config = quick_config(
        polyv.address,
        "[{id: 1, name: \"Main \\\"stage\\\"\", labels: {team: events}}, {id: 2}]",
    );
    let exporter = Exporter::start(&config).await;
    let prometheus = Prometheus::start(&[exporter.address], "1s", None).await;
    let stream = "{account=\"main\",channel_id=\"1\",stream=\"recordf\",job=\"polyv\"}";
    for (name, value) in [
        ("polyv_stream_video_bitrate_bps", 1_157_120.0),
        ("polyv_stream_video_framerate_fps", 13.0),
        ("polyv_stream_audio_framerate_fps", 46.0),
    ] {
        assert_eq!(
            prometheus.value(&format!("{name}{stream}")).await,
            value,
            "{name}"
        );
    }
    let live = "polyv_channel_state{channel_id=\"1\",state=\"live\"}";
    assert_eq!(prometheus.value(live).await, 1.0);
    let info = "polyv_channel_info{channel_name=\"Main \\\"stage\\\"\",team=\"events\"}";
    assert_eq!(prometheus.value(info).await, 1.0);
    assert_eq!(prometheus.value("up{job=\"polyv\"}").await, 1.0);
    let counted = "polyv_api_requests_total{endpoint=\"live_status\",outcome=\"ok\"} > 0";
    prometheus.value(counted).await;
    let buckets = "count(polyv_api_request_duration_seconds_bucket{le=\"5.0\"})";
    assert_eq!(prometheus.value(buckets).await, 6.0, "one an endpoint");

    polyv.control("PUT", "channels/1/life", "offline").await;
    let not_live = "polyv_channel_state{channel_id=\"1\",state=\"not_live\"}";
    prometheus.value(&format!("{not_live} == 1")).await;
    // The first scrape that says so is the first without the stream.
    let scrapes = prometheus.query(&format!("{not_live}[5m]"), None).await;
    let first = scrapes[0]["values"]
        .as_array()
        .unwrap()
        .iter()
        .find(|sample| sample[1] == "1")
        .unwrap();
    let first = first[0].as_f64().unwrap();
    let gone = "count({__name__=~\"polyv_stream_.*\",channel_id=\"1\"})";
    let at_first = prometheus.query(gone, Some(first + 0.001)).await;
    assert!(at_first.is_empty(), "{at_first:?}");
    let before = prometheus.query(gone, Some(first - 0.001)).await;
    assert!(!before.is_empty(), "the scrape before had the stream");
    assert_eq!(prometheus.value(not_live).await, 1.0);
}

#[tokio::test]
async fn promtool_check_metrics_passes() {
    let polyv = SimulatorServer::start(
        "channels: [{id: 1, streams: [a, b]}, {id: 2, life: offline}, {id: 3, life: deleted}]",
    )
    .await;
    let config = quick_config(
        polyv.address,
        "[{id: 1, expect: {live: true, content: camera, video_bitrate_bps: 1, video_framerate_fps: 1, audio_framerate_fps: 1}}, {id: 2, schedule: [{cron: \"0 * * * *\", duration: 30m}]}, {id: 3}]",
    )
    .replace("channels:", "discover: {}, schedule_from: polyv, channels:");
    let directory = tempfile::tempdir().unwrap();
    let config = format!(
        "recorder: {{path: {}}}\nremote_write: [{{url: 'http://127.0.0.1:9/'}}]\n{config}",
        directory.path().display()
    );
    let exporter = Exporter::start(&config).await;
    let scrape = exporter
        .until("everything is there", |s| {
            let listed = "polyv_account_last_listing_success_timestamp_seconds";
            let planned = "polyv_account_schedule_last_success_timestamp_seconds";
            let known = s.state("1") == "live" && s.state("2") == "not_live";
            let viewers = s.of("polyv_channel_viewers", "1").is_some();
            let read = s.get(listed, &[]).is_some() && s.get(planned, &[]).is_some();
            let oldest = "polyv_recorder_oldest_sample_timestamp_seconds";
            let recorded = s.get(oldest, &[]).is_some();
            known && s.outcome("3").is_some() && viewers && read && recorded
        })
        .await;
    // Every family of the catalogue is among them. Minutes are requested after a minute.
    let families = polyv_exporter::metrics::families::ALL.iter();
    for family in families.filter(|family| !family.name.starts_with("polyv_account_minutes_")) {
        let shown = scrape.text.contains(&format!("\n{}", family.name));
        assert!(shown, "{} is not there", family.name);
    }
    let mut judge = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is in the path");
    let mut input = judge.stdin.take().unwrap();
    input.write_all(scrape.text.as_bytes()).unwrap();
    drop(input);
    let judged = judge.wait_with_output().unwrap();
    let output = crate::support::exporter_process::text_of(&judged);
    assert!(judged.status.success() && output.is_empty(), "{output}");
}
