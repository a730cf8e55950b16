//! Changing what the simulator plays while it runs.

use std::time::Duration;

use serde_json::Value;

use crate::simulator_server::{SimulatorServer, within_deadline};

fn newest_bitrate(answer: &Value) -> f64 {
    let samples = answer["data"].as_array().unwrap();
    samples.last().unwrap()["bitRate"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn control_call_changes_the_bitrate() {
    let served = SimulatorServer::start("{sample_every: 100ms, channels: [{id: 1}]}").await;
    assert!(newest_bitrate(&served.stream_info_json("1").await) > 1_000_000.0);
    let life = "{phase: bitrate_drop, to: 0.2}";
    let (status, channel) = served.control("PUT", "channels/1/life", life).await;
    assert_eq!((status, &channel["phase"]), (200, &"bitrate_drop".into()));
    let dropped = async {
        while newest_bitrate(&served.stream_info_json("1").await) > 300_000.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within_deadline(dropped).await;
    let (_, channel) = served.control("GET", "channels/1", "").await;
    let sent = channel["newest_sent"][0]["bitrate_bps"].as_f64().unwrap();
    assert!(sent < 300_000.0, "{channel}");
    assert_eq!(channel["normal"][0]["bitrate_bps"], 1_200_000.0);
}

#[tokio::test]
async fn channels_are_added_listed_and_deleted_over_http() {
    let served = SimulatorServer::start("channels: [{id: 1, name: Main}]").await;
    let json = r#"{"name": "Second", "bitrate_bps": 500000, "life": "steady"}"#;
    let (status, channel) = served.control("PUT", "channels/2", json).await;
    assert_eq!((status, &channel["name"]), (200, &"Second".into()));
    assert_eq!(served.stream_info_json("2").await["code"], 200);
    let (_, list) = served.control("GET", "channels", "").await;
    let phases: Vec<_> = list["channels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["phase"].as_str().unwrap()))
        .collect();
    assert_eq!(phases, [("1", "steady"), ("2", "steady")]);
    let (status, channel) = served.control("DELETE", "channels/1", "").await;
    assert_eq!((status, &channel["phase"]), (200, &"deleted".into()));
    assert_eq!(
        served.stream_info_json("1").await["message"],
        "illegal channel id"
    );
    let (status, _) = served.control("DELETE", "channels/99", "").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn mistakes_are_reported_with_line_and_column_and_change_nothing() {
    let served = SimulatorServer::start("channels: [{id: 1}]").await;
    for (path, body, line, column) in [
        (
            "channels/1/life",
            "repeat:\n- {phase: stedy, for: 1s}\n",
            2,
            3,
        ),
        ("channels/1", "{bitrate_bps: fast}", 1, 15),
        ("troubles", "- {trouble: hang, shaer: 0.5}", 1, 3),
        ("clock_skew", "soon", 1, 1),
        ("sample_delay", "20", 1, 1),
        ("channels/1/life", "{", 2, 1),
    ] {
        let (status, answer) = served.control("PUT", path, body).await;
        assert_eq!(status, 400, "{path}: {answer}");
        let fault = &answer["faults"][0];
        assert!(fault["message"].is_string(), "{answer}");
        if body != "{" {
            assert_eq!(
                (&fault["line"], &fault["column"]),
                (&line.into(), &column.into()),
                "{answer}"
            );
        }
    }
    let (status, _) = served.control("POST", "troubles", "[hang]").await;
    assert_eq!(status, 405);
    let (status, _) = served.control("GET", "nothing", "").await;
    assert_eq!(status, 404);
    let (status, _) = served.control("GET", "received?since=yesterday", "").await;
    assert_eq!(status, 400);
    assert_eq!(served.stream_info_json("1").await["code"], 200);
}

#[tokio::test]
async fn clock_delay_and_request_log_are_available_over_http() {
    let served = SimulatorServer::start("channels: [{id: 1}]").await;
    let (_, answer) = served.control("PUT", "clock_skew", "-10m").await;
    assert_eq!(answer["clock_skew_ms"], -600_000);
    let host = std::time::SystemTime::now();
    let response = served.request_stream_info("1").await.unwrap();
    let date = response.headers()["date"].to_str().unwrap();
    let behind = host
        .duration_since(httpdate::parse_http_date(date).unwrap())
        .unwrap();
    assert!((595..605).contains(&behind.as_secs()), "{behind:?}");
    let (_, answer) = served.control("PUT", "sample_delay", "20s").await;
    assert_eq!(answer["sample_delay"], "20s");
    let (_, channel) = served
        .control("PUT", "channels/1/sample_delay", "150s")
        .await;
    assert_eq!(channel["sample_delay"], "2m30s");

    let _ = served.request_stream_info("7").await.unwrap();
    let (_, log) = served.control("GET", "received?since=1", "").await;
    assert_eq!(log["next"], 2);
    assert_eq!(log["received"][0]["channel_id"], "7");
    assert_eq!(log["received"][0]["answered"], "unknown_channel");
    assert_eq!(log["received"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn help_is_plain_text() {
    let served = SimulatorServer::start("channels: []").await;
    let help = served
        .get("/_simulator/")
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        help.contains("PUT    /_simulator/channels/ID/life"),
        "{help}"
    );
}
