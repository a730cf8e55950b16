//! From a bad stream to a page, through the real Prometheus and Alertmanager.
//!
//! Needs `prometheus`, `prometheus-alertmanager` and `amtool` in the path: `make test` sees to
//! it, or leaves these tests out and says so.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::exporter_process::{Exporter, run, text_of};
use crate::support::prometheus_stack::{Alertmanager, Message, Pager, Prometheus};
use crate::support::simulator_server::SimulatorServer;

pub fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts/alertmanager.yml.example")
}

/// The example, with a pager in the place of its receivers.
pub fn example_for(pager: &Pager) -> String {
    let text = std::fs::read_to_string(example()).unwrap();
    let mut kept = String::new();
    // Those that do not send to a webhook.
    let mut in_others = false;
    for line in text.lines() {
        in_others = ["    email_configs:", "    wechat_configs:"].contains(&line)
            || in_others && line.starts_with("      ");
        if !in_others && !line.contains("url: http://prometheus") && !line.contains("max_alerts") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    let replaced = kept.replace("127.0.0.1:9999", &pager.address.to_string());
    assert_eq!(replaced.matches("- url: http").count(), 3, "{replaced}");
    replaced
}

fn amtool(arguments: &[&str]) -> (bool, String) {
    let output = run(Command::new("amtool").args(arguments));
    (output.status.success(), text_of(&output))
}

#[test]
fn example_is_valid_and_routes_by_severity() {
    let path = example();
    let path = path.to_str().unwrap();
    let (valid, text) = amtool(&["check-config", path]);
    assert!(valid, "{text}");
    let config = format!("--config.file={path}");
    for (labels, receiver) in [
        (
            &["alertname=PolyvStreamBitrateDropped", "severity=page"][..],
            "pages",
        ),
        (&["alertname=PolyvExporterDown", "severity=page"], "pages"),
        (
            &["alertname=PolyvExporterDown", "severity=warning"],
            "warnings",
        ),
        (
            &["alertname=PolyvChannelWentOffline", "severity=info"],
            "infos",
        ),
        (
            &["alertname=PolyvChannelStateUnknown", "severity=warning"],
            "warnings",
        ),
        (&["alertname=SomethingElse"], "warnings"),
    ] {
        let verify = format!("--verify.receivers={receiver}");
        let mut arguments = vec!["config", "routes", "test", &config, &verify];
        arguments.extend(labels);
        let (right, text) = amtool(&arguments);
        assert!(right, "{labels:?}: {text}");
    }
}

/// Alertmanager's data for a template: that many alerts that fire and that are over.
pub fn data(firing: usize, over: usize, text: impl Fn(&str) -> String) -> String {
    let alert = |status: &str| {
        json!({
            "status": status,
            "labels": {
                "alertname": text("PolyvStreamBitrateDropped"), "severity": text("page"),
                "channel_name": text("Main stage"), "account": text("main"),
            },
            "annotations": {
                "summary": text("Main stage: video bitrate fell to 25% of what it should be"),
                "summary_zh": text("Main stage：视频码率骤降，仅为应有水平的 25%"),
                "action": text("2340 are watching. First: look at the stream in a player, then call the venue: its uplink and its encoder."),
                "action_zh": text("2340 人正在观看。先用播放器看一眼，再打电话给现场：检查上行网络和编码器。"),
                "description": text("at most 300kbit/s; 1.2Mbit/s are expected"),
                "runbook_url": text("https://example.com/PolyvStreamBitrateDropped.md"),
            },
            "startsAt": "2026-11-21T03:00:00Z",
            "endsAt": "2026-11-21T03:12:34.567Z",
        })
    };
    let mut alerts = vec![alert("firing"); firing];
    alerts.extend(vec![alert("resolved"); over]);
    let common = alerts[0]["labels"].clone();
    json!({"status": "firing", "alerts": alerts, "commonLabels": common}).to_string()
}

pub fn render(template: &str, data: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), data).unwrap();
    let templates = example().with_file_name("templates/*.tmpl");
    let (rendered, text) = amtool(&[
        "template",
        "render",
        &format!("--template.glob={}", templates.display()),
        &format!("--template.text={{{{ template \"{template}\" . }}}}"),
        &format!("--template.data={}", file.path().display()),
    ]);
    assert!(rendered, "{text}");
    text
}

#[test]
fn messages_name_the_fault_and_its_duration() {
    let as_it_is = |text: &str| text.to_owned();
    for (language, parts, lasted) in [
        (
            "en",
            [
                "Main stage: video bitrate fell to 25%",
                "2340 are watching. First: look at the stream in a player, then call the venue: its uplink and its encoder.",
                "1.2Mbit/s are expected",
                "03:00:00 UTC",
            ],
            "lasted 12m34s",
        ),
        (
            "zh",
            [
                "【紧急】Main stage：视频码率骤降",
                "2340 人正在观看。先用播放器看一眼，再打电话给现场：检查上行网络和编码器。",
                "1.2Mbit/s are expected",
                "11:00:00（北京时间）",
            ],
            "持续了 12m34s",
        ),
    ] {
        let template = format!("polyv.{language}.text");
        let text = render(&template, &data(1, 0, as_it_is));
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("https://example.com/"), "{text}");
        assert!(!text.contains(lasted), "{text}");
        // What it was says nothing any more.
        let text = render(&template, &data(0, 1, as_it_is));
        assert!(text.contains(lasted), "{text}");
        assert!(!text.contains("25%") && !text.contains("1.2Mbit"), "{text}");
        let title = render(&format!("polyv.{language}.title"), &data(2, 1, as_it_is));
        assert!(
            title.contains("Main stage") && title.lines().count() == 1,
            "{title}"
        );
    }
}

#[test]
fn messages_fit_chat_tools_with_any_content() {
    for endless in ["w", "统", "🎥"] {
        let data = data(50, 50, |_| endless.repeat(3000));
        for language in ["en", "zh"] {
            let text = render(&format!("polyv.{language}.text"), &data);
            assert!(
                text.len() < 4000,
                "{language}: {} bytes of {endless}",
                text.len()
            );
            assert!(text.contains("50"), "{text}");
        }
    }
    // And a usual one loses nothing.
    let text = render("polyv.en.text", &data(1, 0, str::to_owned));
    assert!(text.ends_with("PolyvStreamBitrateDropped.md\n"), "{text}");
}

#[tokio::test]
async fn causes_inhibit_their_consequences_and_nothing_else() {
    let pager = Pager::start().await;
    let alertmanager = Alertmanager::start(&example_for(&pager)).await;
    let alert = |name: &str, severity: &str, labels: Value| {
        let mut all = json!({"alertname": name, "severity": severity});
        for (name, value) in labels.as_object().unwrap() {
            all[name] = value.clone();
        }
        json!({"labels": all})
    };
    let of = |account: &str, channel: &str| json!({"account": account, "channel_id": channel, "channel_name": channel, "job": "polyv"});
    let fired = json!([
        alert("PolyvApiAuthFailed", "page", json!({"account": "refused"})),
        alert(
            "PolyvApiThrottled",
            "warning",
            json!({"instance": "a:9847", "job": "throttled"})
        ),
        // What they explain, …
        alert("PolyvChannelStateUnknown", "warning", of("refused", "1")),
        alert(
            "PolyvChannelStateUnknown",
            "warning",
            json!({"account": "x", "channel_id": "2", "job": "throttled"})
        ),
        // … and what they do not.
        alert("PolyvChannelStateUnknown", "warning", of("other", "3")),
        alert(
            "PolyvChannelStateUnknown",
            "warning",
            json!({"channel_id": "4"})
        ),
        alert(
            "PolyvApiAuthFailed",
            "page",
            json!({"instance": "without an account"})
        ),
        alert(
            "PolyvApiThrottled",
            "warning",
            json!({"instance": "without a job"})
        ),
        // Pages and their warnings.
        alert("PolyvStreamBitrateDropped", "page", of("main", "5")),
        alert("PolyvStreamBitrateLow", "warning", of("main", "5")),
        alert("PolyvStreamBitrateLow", "warning", of("main", "6")),
        alert("PolyvStreamVideoFrozen", "page", of("main", "5")),
        alert("PolyvStreamVideoFramerateLow", "warning", of("main", "5")),
        alert("PolyvStreamVideoFramerateLow", "warning", of("main", "6")),
        // One page about many channels of an account, and the single ones; those of other accounts are sent.
        alert(
            "PolyvManyChannelsFailing",
            "page",
            json!({"account": "outage"})
        ),
        alert("PolyvStreamBitrateDropped", "page", of("outage", "7")),
        alert("PolyvChannelOfflineUnexpectedly", "page", of("outage", "8")),
        // Everything at once on one channel.
        alert("PolyvChannelOfflineUnexpectedly", "page", of("main", "5")),
        alert("PolyvStreamSamplesMissing", "page", of("main", "5")),
        alert("PolyvStreamAudioLost", "page", of("main", "5")),
        alert(
            "PolyvExporterDown",
            "page",
            json!({"instance": "a:9847", "job": "polyv"})
        ),
    ]);
    alertmanager.fire(&fired).await;
    let begin = Instant::now();
    let alerts = loop {
        let alerts = alertmanager.alerts().await;
        let processed = alerts.iter().all(|a| a["status"]["state"] != "unprocessed");
        if processed && alerts.len() == fired.as_array().unwrap().len() {
            break alerts;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{alerts:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let mut silenced: Vec<(String, String)> = alerts
        .iter()
        .filter(|alert| alert["status"]["state"] == "suppressed")
        .map(|alert| {
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or("").to_owned();
            (label("alertname"), label("channel_id"))
        })
        .collect();
    silenced.sort();
    let expected = [
        ("PolyvChannelOfflineUnexpectedly", "8"),
        ("PolyvChannelStateUnknown", "1"),
        ("PolyvChannelStateUnknown", "2"),
        ("PolyvStreamBitrateDropped", "7"),
        ("PolyvStreamBitrateLow", "5"),
        ("PolyvStreamVideoFramerateLow", "5"),
    ];
    assert_eq!(
        silenced,
        expected.map(|(name, id)| (name.to_owned(), id.to_owned()))
    );
}

/// When (milliseconds since 1970) the first sample under a bitrate was taken, by what Polyv
/// answers of the channel.
async fn first_sample_below(polyv: &SimulatorServer, channel: &str, bps: f64) -> i64 {
    let response = polyv.stream_info_json(channel).await;
    let samples = response["data"].as_array().unwrap();
    let time = |sample: &Value| {
        let text = sample["time"].as_str().unwrap();
        let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.3f").unwrap();
        // Beijing time.
        time.and_utc().timestamp_millis() - 8 * 3_600_000
    };
    let low = samples.iter().filter(|sample| {
        let bitrate: f64 = sample["bitRate"].as_str().unwrap().parse().unwrap();
        bitrate < bps
    });
    low.map(time).min().expect("a sample is that low")
}

#[tokio::test]
async fn dropped_bitrate_sends_one_page_and_one_resolution() {
    const MAX_WAIT: Duration = Duration::from_secs(200);
    let polyv = SimulatorServer::start(
        "channels: [{id: 1}, {id: 2, bitrate_bps: 1200000}, {id: 3, life: steady}, {id: 4, life: offline}]",
    )
    .await;
    let config = format!(
        "api: {{base_url: 'http://{}'}}
accounts:
- name: main
  app_id: simulated
  app_secret: simulated-secret
  channels:
  - {{id: 1, name: Side stage, expect: {{live: true, video_bitrate_bps: 1200000}}}}
  - {{id: 2, name: Main stage, labels: {{team: events}}, expect: {{live: true, video_bitrate_bps: 1200000}}}}
  - {{id: 3, name: Ends as planned, expect: {{video_bitrate_bps: 1200000}}}}
  - {{id: 4, name: Tomorrow}}
",
        polyv.address
    );
    let exporter = Exporter::start(&config).await;
    let pager = Pager::start().await;
    let alertmanager = Alertmanager::start(&example_for(&pager)).await;
    let prometheus = Prometheus::start(&[exporter.address], "5s", Some(alertmanager.address)).await;
    let healthy = "count(channel:polyv_stream_video_bitrate_of_expected:min > 0.8) == 3";
    prometheus.value(healthy).await;

    let now = polyv.control("PUT", "channels/2/life", "{phase: bitrate_drop, to: 0.25}");
    now.await;
    polyv.control("PUT", "channels/3/life", "offline").await;
    let page = pager.message(MAX_WAIT, Message::is_firing).await;
    let since_page = page.at.elapsed();
    let bad = first_sample_below(&polyv, "2", 600_000.0).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let took = (now - since_page).as_millis() as i64 - bad;
    println!(
        "from the first bad sample to the page: {:.1} s",
        took as f64 / 1e3
    );
    assert!(took < 100_000, "it took {took} ms");

    assert_eq!(page.path, "/pages");
    let dropped = ("PolyvStreamBitrateDropped".to_owned(), "2".to_owned());
    assert_eq!(page.alerts(), std::slice::from_ref(&dropped));
    let alert = &page.body["alerts"][0];
    for (label, value) in [
        ("account", "main"),
        ("channel_name", "Main stage"),
        ("team", "events"),
        ("severity", "page"),
    ] {
        assert_eq!(alert["labels"][label], value, "{alert}");
    }
    let description = alert["annotations"]["description"].as_str().unwrap();
    for part in [
        "Main stage",
        "stream recordf",
        "kbit/s",
        "1.2Mbit/s are expected",
    ] {
        assert!(description.contains(part), "{description}");
    }
    let runbook = alert["annotations"]["runbook_url"].as_str().unwrap();
    assert!(runbook.ends_with("docs/runbooks/PolyvStreamBitrateDropped.md"));

    polyv.control("PUT", "channels/2/life", "steady").await;
    let over = |message: &Message| message.path == "/pages" && !message.is_firing();
    let over = pager.message(MAX_WAIT, over).await;
    assert_eq!(over.alerts(), [dropped]);
    // That was all: no second page, nothing on the stream that ended as planned, and no warning
    // beside the page.
    let messages = pager.messages();
    assert_eq!(messages.len(), 2, "{messages:#?}");
    assert!(
        !prometheus.log().contains("level=error"),
        "{}",
        prometheus.log()
    );
}
