//! Pages and the command, on what a running exporter records.

use std::time::Instant;

use crate::support::exporter_process::{
    DEADLINE, Exporter, polyv_exporter, quick_config, run, text_of,
};
use crate::support::simulator_server::SimulatorServer;

/// A name that would run a script, if it could.
const HOSTILE: &str = "<script>alert(1)</script> & \"name\"";

async fn recording() -> (SimulatorServer, Exporter, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let polyv =
        SimulatorServer::start("channels: [{id: 3880533}, {id: 3880534, life: offline}]").await;
    let channels = format!("[{{id: 3880533, name: '{HOSTILE}'}}, {{id: 3880534}}]");
    let config = quick_config(polyv.address, &channels);
    let config = format!(
        "recorder: {{path: '{}'}}\n{config}",
        directory.path().display()
    );
    let exporter = Exporter::start(&config).await;
    (polyv, exporter, directory)
}

/// Waits until a page has what it should.
async fn until(exporter: &Exporter, path: &str, part: &str) -> String {
    let begin = Instant::now();
    loop {
        let text = exporter.get(path).await.text().await.unwrap();
        if text.contains(part) {
            return text;
        }
        assert!(
            begin.elapsed() < DEADLINE,
            "{path} never had {part}: {text}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn broadcasts_are_listed_and_reported_in_every_format() {
    let (_polyv, exporter, _directory) = recording().await;
    let list = until(&exporter, "/channels/3880533/broadcasts.json", "\"start\"").await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["channel_name"], HOSTILE);
    assert_eq!(list["broadcasts"][0]["end"], serde_json::Value::Null);
    let path = list["broadcasts"][0]["path"].as_str().unwrap();
    let page = exporter
        .get("/channels/3880533")
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("/broadcasts\""), "{page}");
    for (path, content_type, part) in [
        (
            "/channels/3880533/broadcasts",
            "text/html; charset=utf-8",
            "href=\"broadcasts/2",
        ),
        (
            "/channels/3880533/broadcasts.csv",
            "text/csv; charset=utf-8",
            "start,end,path\n",
        ),
        (
            "/channels/3880533/broadcasts.md",
            "text/markdown; charset=utf-8",
            "| Start |",
        ),
        (path, "text/html; charset=utf-8", "<svg"),
        (
            &format!("{path}?lang=zh"),
            "text/html; charset=utf-8",
            "直播质量报告",
        ),
        (&format!("{path}.md"), "text/markdown; charset=utf-8", "# "),
        (
            &format!("{path}.csv"),
            "text/csv; charset=utf-8",
            "kind,start,end,seconds,stream,likely_cause,viewers\n",
        ),
        (&format!("{path}.json"), "application/json", "\"end\": null"),
    ] {
        let response = exporter.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], content_type, "{path}");
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        let policy = policy.to_owned();
        let text = response.text().await.unwrap();
        assert!(text.contains(part), "{path}: {text}");
        // Styles that the policy does not allow would not be applied.
        assert!(!text.contains(" style="), "{path}: {text}");
        let allows = policy.contains("style-src 'sha256-");
        assert_eq!(allows, text.contains("<style>"), "{path}: {policy}");
        let is_json = content_type == "application/json";
        assert!(is_json || !text.contains("<script>alert"), "{path}: {text}");
    }
    for (path, status) in [
        ("/channels/3880533/broadcasts/yesterday", 400),
        ("/channels/3880533/broadcasts/20200101T000000Z", 404),
        ("/channels/3880533/broadcasts/20200101T000000Z.json", 404),
        ("/channels/1/broadcasts", 404),
        ("/channels/3880533/nothing", 404),
        ("/channels/%FF/broadcasts", 404),
    ] {
        assert_eq!(exporter.get(path).await.status(), status, "{path}");
    }
    let command = |arguments: &[&str]| {
        let mut command = polyv_exporter();
        command
            .arg("report")
            .args(arguments)
            .arg("--config.file")
            .arg(exporter.config_path());
        run(&mut command)
    };
    let written = command(&["3880533", "--format", "json"]);
    assert!(written.status.success(), "{}", text_of(&written));
    let report: serde_json::Value = serde_json::from_slice(&written.stdout).unwrap();
    assert_eq!(report["completeness"]["ratio"], 1.0);
    let file = exporter.directory.path().join("report.md");
    let written = command(&[
        "3880533",
        "--lang",
        "zh",
        "--output",
        file.to_str().unwrap(),
    ]);
    assert!(written.status.success(), "{}", text_of(&written));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# &lt;script&gt;"), "{text}");
    for (arguments, status, part) in [
        (&["3880533", "--broadcast", "7"][..], 1, "began at"),
        (&["3880534"], 1, " channel 3880534"),
        (&["999"], 1, "nothing of channel 999"),
        (
            &["3880533", "--time-zone", "Mars/Base"],
            2,
            "is no time zone",
        ),
        (&["3880533", "--broadcast", "x"], 2, "write a time such as"),
    ] {
        let failed = command(arguments);
        let text = text_of(&failed);
        assert_eq!(failed.status.code(), Some(status), "{arguments:?}: {text}");
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
}

// The command runs while this thread waits for it, and calls the simulator.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_recorder_history_is_requested_and_pages_say_so() {
    let polyv = SimulatorServer::start(
        "channels:
  - {id: 3880533, life: [{phase: offline, for: 1s}, steady]}
  - {id: 3880534, life: offline}",
    )
    .await;
    let exporter = Exporter::start(&quick_config(
        polyv.address,
        "[{id: 3880533}, {id: 3880534}]",
    ))
    .await;
    exporter
        .until("it has samples", |s| {
            s.state("3880533") == "live" && s.text.contains("polyv_stream_video_bitrate_bps{")
        })
        .await;
    let response = exporter.get("/channels/3880533/broadcasts").await;
    assert_eq!(response.status(), 404);
    assert!(response.text().await.unwrap().contains("recorder.path"));
    let command = |channel: &str| {
        let mut command = polyv_exporter();
        command.args(["report", channel, "--format", "json", "--config.file"]);
        run(command.arg(exporter.config_path()))
    };
    let written = command("3880533");
    assert!(written.status.success(), "{}", text_of(&written));
    let report: serde_json::Value = serde_json::from_slice(&written.stdout).unwrap();
    assert_eq!(report["interruptions"], serde_json::json!([]));
    assert_eq!(report["end"], serde_json::Value::Null);
    let failed = text_of(&command("3880534"));
    assert!(failed.contains("the channel is not live"), "{failed}");
}
