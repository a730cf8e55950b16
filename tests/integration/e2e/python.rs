//! A strict OpenMetrics parser, that of Python's `prometheus_client`, and Grafana's builders of
//! dashboards.
//!
//! Needs a Python that has them, named by `POLYV_TEST_PYTHON` (else `python3`): `make test` sees
//! to it, or leaves these tests out and says so.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::exporter_process::{Exporter, quick_config, run, text_of};
use crate::support::simulator_server::SimulatorServer;

const PARSE: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.buffer.read().decode()))
for family in families:
    print(family.type, family.name, family.unit, len(family.samples))
";

fn python() -> String {
    std::env::var("POLYV_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

#[test]
fn dashboards_equal_their_generated_source() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let made = tempfile::tempdir().unwrap();
    let output = run(Command::new(python())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(root.join("source/build.py"))
        .arg(made.path()));
    assert!(output.status.success(), "{}", text_of(&output));
    let mut count = 0;
    for entry in std::fs::read_dir(made.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        let made = std::fs::read_to_string(&path).unwrap();
        let committed = std::fs::read_to_string(root.join(name)).unwrap_or_default();
        assert!(
            made == committed,
            "{} and its source have parted ways: `make dashboards` generates it",
            root.join(name).display()
        );
        count += 1;
    }
    assert_eq!(count, 3);
}

#[tokio::test]
async fn strict_parser_accepts_openmetrics() {
    let polyv = SimulatorServer::start(
        "channels: [{id: 1, streams: [a, b]}, {id: 2, life: offline}, {id: 3, life: deleted}]",
    )
    .await;
    let config = quick_config(
        polyv.address,
        r#"[{id: 1, name: "a\"b\\\nc", labels: {team: "\\\""}, expect: {live: true}}, {id: 2}, {id: 3}]"#,
    );
    let exporter = Exporter::start(&config).await;
    exporter
        .until("everything is there", |s| {
            s.state("1") == "live" && s.state("2") == "not_live" && s.outcome("3").is_some()
        })
        .await;
    let request = exporter
        .client
        .get(exporter.url("/metrics"))
        .header("accept", "application/openmetrics-text; version=1.0.0");
    let text = request.send().await.unwrap().text().await.unwrap();
    let parse = |text: &str| {
        let mut parser = Command::new(python())
            .args(["-c", PARSE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("there is a Python");
        let mut input = parser.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        parser.wait_with_output().unwrap()
    };
    let parsed = parse(&text);
    let families = text_of(&parsed);
    assert!(parsed.status.success(), "{families}");
    for line in [
        "gauge polyv_channel_info  3",
        "gauge polyv_channel_state  9",
        "counter polyv_channel_live_transitions  3",
        "counter polyv_stream_samples  2",
        "gauge polyv_stream_video_bitrate_bps bps 2",
        "counter polyv_api_requests  66",
        "histogram polyv_api_request_duration_seconds seconds 66",
        "gauge polyv_exporter_poll_stretch_ratio ratio 1",
        "counter process_cpu_seconds seconds 1",
    ] {
        assert!(families.contains(line), "{line}:\n{families}");
    }
    // It is strict: it does not accept the same without its end.
    assert!(!parse(text.trim_end_matches("# EOF\n")).status.success());
}
