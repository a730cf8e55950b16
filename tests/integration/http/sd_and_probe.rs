//! Prometheus discovers channels as targets, and scrapes each one.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::exporter_process::{
    DEADLINE, Exporter, client_builder, polyv_exporter, quick_config, replace, run, text_of,
};
use crate::support::secured_exporter::{ALICE, SecuredExporter};
use crate::support::simulator_server::SimulatorServer;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An exporter that has polled every channel.
async fn setup() -> (SimulatorServer, Exporter) {
    let polyv = SimulatorServer::start(
        "channels: [{id: 1, streams: [a, b]}, {id: 2, life: offline}, {id: 33}, {id: 3, life: deleted}]",
    )
    .await;
    let channels = "[{id: 1, name: \"Main \\\"stage\\\"\", labels: {team: events, venue: 上海}, expect: {live: true}}, {id: 2}, {id: 33}, {id: 3}]";
    let config = quick_config(polyv.address, channels);
    let exporter = Exporter::start(&config).await;
    exporter
        .until("everything was asked", |s| {
            let polled = s.all("polyv_channel_last_poll_outcome", &[]).len();
            polled == 4 && s.state("1") == "live" && s.state("33") == "live"
        })
        .await;
    (polyv, exporter)
}

async fn get_accepting(exporter: &Exporter, path: &str, accept: &str) -> (u16, String, String) {
    let request = exporter.client.get(exporter.url(path));
    let response = request.header("accept", accept).send().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    let (status, kind) = (response.status().as_u16(), header("content-type"));
    (status, kind, response.text().await.unwrap())
}

/// The lines of samples that `is` holds for.
fn samples(text: &str, is: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter(|line| is(line)).map(str::to_owned).collect()
}

/// What `/metrics` has of a channel, and what its probe has, at a moment between two polls.
async fn metrics_and_probe(exporter: &Exporter, id: &str, format: &str) -> (Vec<String>, String) {
    let label = format!("channel_id=\"{id}\"");
    let path = format!("/probe?target={id}");
    let begin = Instant::now();
    loop {
        let mut parts = Vec::new();
        let mut probed = String::new();
        for _ in 0..2 {
            let (_, _, all) = get_accepting(exporter, "/metrics", format).await;
            parts.push(samples(&all, |line| line.contains(&label)));
            if probed.is_empty() {
                let (status, kind, text) = get_accepting(exporter, &path, format).await;
                assert_eq!((status, kind.as_str()), (200, format));
                probed = text;
            }
        }
        if parts[0] == parts[1] {
            return (parts.remove(0), probed);
        }
        assert!(begin.elapsed() < DEADLINE, "it is polled all the time");
    }
}

#[tokio::test]
async fn probe_returns_the_channels_part_of_the_metrics_in_both_formats() {
    let (_polyv, exporter) = setup().await;
    for format in [TEXT, OPEN_METRICS] {
        for id in ["1", "2", "33", "3"] {
            let (own, probed) = metrics_and_probe(&exporter, id, format).await;
            assert!(own.len() >= 8, "{own:?}");
            assert_eq!(samples(&probed, |_| true), own, "{id}");
            // Each family has its header, as /metrics has it, and there is no other.
            let (_, _, all) = get_accepting(&exporter, "/metrics", format).await;
            let families: BTreeSet<&str> = own
                .iter()
                .map(|line| line.split('{').next().unwrap())
                .collect();
            let headers: BTreeSet<&str> = probed
                .lines()
                .filter(|line| line.starts_with("# TYPE "))
                .collect();
            assert_eq!(headers.len(), families.len());
            for line in probed.lines().filter(|line| line.starts_with('#')) {
                assert!(all.contains(line), "{line}");
            }
            assert_eq!(probed.ends_with("# EOF\n"), format == OPEN_METRICS);
        }
    }
}

#[tokio::test]
async fn thousand_probes_never_call_polyv() {
    let (polyv, exporter) = setup().await;
    let polls = async || polyv.simulator.requests().len();
    let (before, begin) = (polls().await, Instant::now());
    for _ in 0..1000 {
        assert_eq!(exporter.get("/probe?target=1").await.status(), 200);
    }
    // Four channels, a second apart, and what was on its way.
    let planned = 4 * (begin.elapsed().as_secs() as usize + 2);
    assert!(polls().await - before <= planned);
}

#[tokio::test]
async fn invalid_probe_target_is_rejected_with_a_message() {
    let (_polyv, exporter) = setup().await;
    for (path, status, words) in [
        ("/probe", 400, "Which channel?"),
        ("/probe?target=", 400, "Which channel?"),
        ("/probe?target=1&target=2", 400, "only one `target`"),
        ("/probe?target=1&module=x", 400, "no parameter `module`"),
        ("/probe?target=4", 404, "no channel with this number"),
        ("/probe?target=%FF", 404, "no channel with this number"),
        ("/sd?account=main", 400, "no parameter `account`"),
        ("/exporter?target=1", 400, "no parameter `target`"),
    ] {
        let (received, kind, text) = get_accepting(&exporter, path, "*/*").await;
        assert_eq!(received, status, "{path}: {text}");
        assert_eq!(kind, "text/plain; charset=utf-8");
        assert!(
            text.contains(words) && text.lines().count() == 1,
            "{path}: {text}"
        );
    }
}

#[tokio::test]
async fn own_metrics_are_available_without_channels() {
    let (_polyv, exporter) = setup().await;
    for format in [TEXT, OPEN_METRICS] {
        let (status, kind, own) = get_accepting(&exporter, "/exporter", format).await;
        assert_eq!((status, kind.as_str()), (200, format));
        let (_, _, all) = get_accepting(&exporter, "/metrics", format).await;
        let names = |text: &str| -> BTreeSet<String> {
            let name = |line: String| line[..line.rfind(' ').unwrap()].to_owned();
            samples(text, |line| {
                !line.starts_with("polyv_channel_") && !line.starts_with("polyv_stream_")
            })
            .into_iter()
            .map(name)
            .collect()
        };
        assert_eq!(names(&own), names(&all));
        assert!(!own.contains("channel_id="), "{own}");
        assert!(own.contains("polyv_exporter_build_info{"), "{own}");
    }
}

#[tokio::test]
async fn channels_are_targets_with_meta_labels() {
    let (_polyv, exporter) = setup().await;
    let (status, kind, text) = get_accepting(&exporter, "/sd", "application/json").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    let groups: Value = serde_json::from_str(&text).unwrap();
    let expected = serde_json::json!([
        {"targets": ["1"], "labels": {
            "__meta_polyv_account": "main",
            "__meta_polyv_channel_name": "Main \"stage\"",
            "__meta_polyv_channel_state": "live",
            "__meta_polyv_channel_label_team": "events",
            "__meta_polyv_channel_label_venue": "上海",
        }},
        {"targets": ["2"], "labels": {
            "__meta_polyv_account": "main",
            "__meta_polyv_channel_name": "2",
            "__meta_polyv_channel_state": "not_live",
        }},
        {"targets": ["33"], "labels": {
            "__meta_polyv_account": "main",
            "__meta_polyv_channel_name": "33",
            "__meta_polyv_channel_state": "live",
        }},
        {"targets": ["3"], "labels": {
            "__meta_polyv_account": "main",
            "__meta_polyv_channel_name": "3",
            "__meta_polyv_channel_state": "unknown",
        }},
    ]);
    assert_eq!(groups, expected);
}

#[tokio::test]
async fn sd_and_probe_support_head_and_gzip() {
    let (_polyv, exporter) = setup().await;
    for path in ["/probe?target=1", "/exporter", "/sd"] {
        let head = exporter
            .client
            .head(exporter.url(path))
            .send()
            .await
            .unwrap();
        assert_eq!(head.status(), 200, "{path}");
        assert_eq!(head.bytes().await.unwrap().len(), 0);
        let post = exporter
            .client
            .post(exporter.url(path))
            .send()
            .await
            .unwrap();
        assert_eq!(post.status(), 405, "{path}");
    }
    let raw = client_builder().no_gzip().build().unwrap();
    for path in ["/probe?target=1", "/exporter"] {
        let request = raw
            .get(exporter.url(path))
            .header("accept-encoding", "gzip");
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip", "{path}");
        let vary = response.headers()["vary"].to_str().unwrap();
        assert!(vary.starts_with("Accept, Accept-Encoding"), "{vary}");
        let body = response.bytes().await.unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&body[..])
            .read_to_string(&mut text)
            .unwrap();
        assert!(text.starts_with("# HELP "), "{text}");
    }
}

#[tokio::test]
async fn removed_channel_is_no_target() {
    let (polyv, exporter) = setup().await;
    let config = quick_config(polyv.address, "[{id: 2}]");
    replace(&exporter.config_path(), &config);
    assert_eq!(exporter.reload().await.0, 200);
    assert_eq!(exporter.get("/probe?target=1").await.status(), 404);
    assert_eq!(exporter.get("/probe?target=2").await.status(), 200);
    // What was known a moment ago may be shown again.
    let begin = Instant::now();
    loop {
        let groups = exporter.get("/sd").await.text().await.unwrap();
        let groups: Value = serde_json::from_str(&groups).unwrap();
        if groups.as_array().unwrap().len() == 1 {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "{groups}");
    }
}

#[tokio::test]
async fn sd_and_probe_require_the_password() {
    let secured = SecuredExporter::start(&format!("basic_auth_users: {{{ALICE}}}\n")).await;
    let alice = secured.client(Some(("alice", "a")), None);
    for path in ["/sd", "/probe?target=1", "/exporter"] {
        assert_eq!(secured.exporter.get(path).await.status(), 401, "{path}");
        let url = secured.exporter.url(path);
        assert_eq!(alice.get(url).send().await.unwrap().status(), 200, "{path}");
    }
}

#[test]
fn telemetry_path_cannot_be_the_sd_path() {
    for taken in ["/sd", "/probe", "/exporter"] {
        let mut command = polyv_exporter();
        let path = format!("--web.telemetry-path={taken}");
        let output = run(command.args(["serve", &path]));
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text_of(&output).contains("something else is there"),
            "{}",
            text_of(&output)
        );
    }
}

#[tokio::test]
async fn channel_moved_to_another_account_is_found_there() {
    let (polyv, exporter) = setup().await;
    let config = format!(
        "{}- {{name: second, app_id: simulated, app_secret: simulated-secret, channels: [{{id: 2}}]}}\n",
        quick_config(polyv.address, "[{id: 1}]")
    );
    let back = quick_config(polyv.address, "[{id: 1}, {id: 2}]");
    for (config, account) in [(config, "second"), (back, "main")] {
        replace(&exporter.config_path(), &config);
        assert_eq!(exporter.reload().await.0, 200);
        let (status, _, probed) = get_accepting(&exporter, "/probe?target=2", TEXT).await;
        assert_eq!(status, 200, "{probed}");
        let label = format!("account=\"{account}\"");
        let lines = samples(&probed, |_| true);
        assert!(lines.iter().all(|line| line.contains(&label)), "{probed}");
    }
}
