//! Messages in chat groups: what Alertmanager sends for the example to `WeCom` itself, and to the
//! bridges to `DingTalk` and Feishu, and what they make of it with our templates.
//!
//! Needs what `e2e::alertmanager` needs, and a Python with Helm's engine for templates of Go. The
//! bridges and the messengers themselves are not here.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::alertmanager::{data, example, render};
use crate::docs::pages::blocks;
use crate::support::exporter_process::{run, text_of};
use crate::support::markdown::read;
use crate::support::prometheus_stack::{Alertmanager, Message, Pager};

const LANGUAGES: [&str; 2] = ["en", "zh"];
/// What `WeCom` takes of an application; `DingTalk` and Feishu take 20,000 bytes.
const LIMIT: usize = 2048;

/// What `PrometheusAlert` makes of a message.
fn prometheus_alert(language: &str, message: &str) -> String {
    prometheus_alert_each(language, &[message.to_owned()]).remove(0)
}

/// The same of several.
fn prometheus_alert_each(language: &str, messages: &[String]) -> Vec<String> {
    let template = format!("alerts/templates/prometheusalert/polyv.{language}.tmpl");
    let root = env!("CARGO_MANIFEST_DIR");
    let python = std::env::var("POLYV_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut program = Command::new(python)
        .arg(format!("{root}/tests/integration/support/go_template.py"))
        .arg(format!("{root}/{template}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is a Python");
    let mut stdin = program.stdin.take().unwrap();
    let messages = format!("[{}]", messages.join(","));
    stdin.write_all(messages.as_bytes()).unwrap();
    drop(stdin);
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text_of(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a person has to find in a message about a dropped bitrate.
fn assert_is_whole(language: &str, text: &str) {
    let parts = match language {
        "en" => [
            "[page]",
            "bitrate fell to 25%",
            "since 2026-11-21",
            "likely: the venue's uplink",
            "2340 are watching. First: look at the stream in a player, then call the venue: its uplink and its encoder.",
        ],
        _ => [
            "【紧急】",
            "视频码率骤降",
            "开始于 2026-11-21 11:00:00",
            "可能的原因：现场的上行网络",
            "2340 人正在观看。先用播放器看一眼，再打电话给现场：检查上行网络和编码器。",
        ],
    };
    let links = [
        "(http://localhost:9847/channels/3880533)",
        "/PolyvStreamBitrateDropped.md)",
    ];
    for part in parts
        .iter()
        .chain(&links)
        .chain(&["Main stage", "1.2Mbit/s are expected"])
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    assert!(
        !text.contains("<no value>") && !text.contains("%!"),
        "{text}"
    );
    assert!(text.len() < LIMIT, "{}", text.len());
    // Not a line before the first.
    assert!(text.starts_with("**"), "{text:?}");
}

/// The message about one channel, whose text is as the rules make it.
fn dropped() -> String {
    let mut data: Value = serde_json::from_str(&data(1, 0, str::to_owned)).unwrap();
    data["alerts"][0]["labels"]["channel_id"] = json!("3880533");
    let page = "https://github.com/polyv-exporter/polyv-exporter/blob/main/docs/runbooks/PolyvStreamBitrateDropped.md";
    data["alerts"][0]["annotations"]["runbook_url"] = json!(page);
    let description = "Channel Main stage (3880533, account main): stream recordf has sent at most 300kbit/s for the last half minute; 1.2Mbit/s are expected.";
    data["alerts"][0]["annotations"]["description"] = json!(description);
    data.to_string()
}

#[test]
fn chat_messages_name_fault_time_cause_and_links() {
    for language in LANGUAGES {
        assert_is_whole(
            language,
            &render(&format!("polyv.{language}.chat"), &dropped()),
        );
        assert_is_whole(language, &prometheus_alert(language, &dropped()));
    }
}

#[test]
fn chat_messages_fit_messengers_with_any_content() {
    let mut messages = Vec::new();
    for endless in ["w", "统", "🎥"].map(|character| character.repeat(3000)) {
        for (firing, over) in [(50, 50), (50, 0), (0, 50)] {
            let data = data(firing, over, |_| endless.clone());
            let mut data: Value = serde_json::from_str(&data).unwrap();
            for alert in data["alerts"].as_array_mut().unwrap() {
                alert["labels"]["channel_id"] = json!(endless);
            }
            messages.push(data.to_string());
        }
    }
    for language in LANGUAGES {
        let chat = format!("polyv.{language}.chat");
        let mut texts = prometheus_alert_each(language, &messages);
        texts.extend(messages.iter().map(|message| render(&chat, message)));
        for text in texts {
            assert!(text.len() < 2000, "{language}: {}: {text}", text.len());
            // How many there are in all.
            assert!(text.contains("50") || text.contains("100"), "{text}");
        }
    }
}

#[test]
fn chat_messages_work_without_our_labels_and_annotations() {
    let message = json!({"status": "firing", "commonLabels": {}, "alerts": [
        {"status": "firing", "labels": {"alertname": "Other"}, "annotations": {},
         "startsAt": "2026-11-21T03:00:00Z", "endsAt": "0001-01-01T00:00:00Z"},
        {"status": "resolved", "labels": {"alertname": "Another"}, "annotations": {},
         "startsAt": "2026-11-21T03:00:00Z", "endsAt": "2026-11-21T03:10:00Z"},
    ]})
    .to_string();
    for language in LANGUAGES {
        for text in [
            render(&format!("polyv.{language}.chat"), &message),
            prometheus_alert(language, &message),
        ] {
            assert!(text.contains("Another"), "{text}");
            assert!(
                !text.contains("<no value>") && !text.contains("%!"),
                "{text}"
            );
            assert!(!text.contains("likely") && !text.contains("可能"), "{text}");
            // Nothing stands where there is nothing to say.
            let (firing, _) = text.split_once("\n\n").unwrap();
            assert!(firing.lines().count() == 3, "{text}");
        }
    }
}

/// What the rules' tests expect of an annotation.
fn expected(annotation: &str) -> Vec<String> {
    let tests = ["bitrate", "channels", "frames", "many", "pairs", "samples"];
    let begin = format!("{annotation}: \"");
    tests
        .iter()
        .flat_map(|test| {
            let text = read(&format!("alerts/tests/{test}.yml"));
            let lines = text.lines().map(str::trim);
            lines
                .filter_map(|line| line.strip_prefix(&begin)?.strip_suffix('"'))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn chat_messages_have_actions_as_a_whole() {
    for annotation in ["action", "action_zh"] {
        let actions = expected(annotation);
        assert!(actions.len() > 20, "{actions:?}");
        for action in actions {
            // Templates leave longer ones out; up to 6 digits may be added for the viewers.
            assert!(action.len() < 140, "{}: {action}", action.len());
        }
    }
}

#[test]
fn likely_cause_of_many_channels_is_in_messages() {
    let description = expected("description")
        .into_iter()
        .find(|text| text.contains("The likely cause: source, by the samples of"))
        .expect("a test has many channels with a cause");
    let mut message: Value = serde_json::from_str(&data(1, 0, str::to_owned)).unwrap();
    message["alerts"][0]["annotations"]["description"] = json!(description);
    for (template, cause) in [
        ("polyv.en.chat", "likely cause, by the samples: source"),
        ("polyv.en.text", "likely cause, by the samples: source"),
        ("polyv.zh.chat", "从采样看，可能的原因：信号源"),
        ("polyv.zh.text", "从采样看，可能的原因：信号源"),
    ] {
        let text = render(template, &message.to_string());
        assert!(text.contains(cause), "{template}: {text}");
    }
}

/// The block of a template that says the likely causes.
fn causes(path: &str) -> String {
    let text = read(path);
    let (_, behind) = text.split_once(".cause\" -}}\n").expect(path);
    behind
        .split_once("\n{{- end }}\n{{- end }}")
        .expect(path)
        .0
        .to_owned()
}

#[test]
fn likely_causes_name_existing_alerts_and_agree() {
    let rules = read("alerts/polyv.rules.yml");
    let mut of_language = Vec::new();
    for language in LANGUAGES {
        let ours = causes(&format!("alerts/templates/polyv.{language}.tmpl"));
        let theirs = format!("alerts/templates/prometheusalert/polyv.{language}.tmpl");
        assert_eq!(ours, causes(&theirs));
        let alerts: BTreeSet<String> = ours
            .split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        assert!(alerts.len() > 15, "{alerts:?}");
        for alert in &alerts {
            assert!(
                rules.contains(&format!("- alert: {alert}\n")),
                "there is no {alert}"
            );
        }
        of_language.push(alerts);
    }
    assert_eq!(of_language[0], of_language[1]);
}

/// The example, with a pager in the place of `WeCom` and of the bridges, without e-mail.
fn example_for(pager: &Pager) -> String {
    let text = std::fs::read_to_string(example()).unwrap();
    let mut kept = String::new();
    let mut in_email = false;
    for line in text.lines() {
        in_email = line == "    email_configs:" || in_email && line.starts_with("      ");
        if !in_email {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    let here = pager.address.to_string();
    let replaced = kept
        .replace("127.0.0.1:9999", &here)
        .replace("prometheus-webhook-dingtalk:8060", &here)
        .replace("prometheusalert:8080", &here)
        .replace(
            "global:\n",
            &format!("global:\n  wechat_api_url: http://{here}/cgi-bin/\n"),
        );
    assert_eq!(replaced.matches(&here).count(), 7, "{replaced}");
    replaced
}

/// The time that many seconds from now.
fn time(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let time = i64::try_from(now.as_secs() + seconds).unwrap();
    chrono::DateTime::from_timestamp(time, 0)
        .unwrap()
        .to_rfc3339()
}

#[tokio::test]
async fn example_sends_readable_messages_to_wecom_dingtalk_and_feishu() {
    const PATIENCE: Duration = Duration::from_secs(60);
    let pager = Pager::start().await;
    let alertmanager = Alertmanager::start(&example_for(&pager)).await;
    let mut alert: Value = serde_json::from_str(&dropped()).unwrap();
    let mut alert = alert["alerts"][0].take();
    alert.as_object_mut().unwrap().remove("status");
    alert["endsAt"] = json!(time(3600));
    alertmanager.fire(&json!([alert])).await;

    let of = |path: &'static str, query: &'static str| {
        move |message: &Message| message.path == path && message.query.contains(query)
    };
    // WeCom takes Markdown for a party of the company.
    let wecom = pager
        .message(PATIENCE, of("/cgi-bin/message/send", "access_token=token"))
        .await;
    assert_eq!(wecom.body["msgtype"], "markdown", "{}", wecom.body);
    assert_eq!(wecom.body["toparty"], "2");
    assert_eq!(wecom.body["agentid"], "1000002");
    assert_is_whole("zh", wecom.body["markdown"]["content"].as_str().unwrap());

    // The bridges take Alertmanager's own form.
    let dingtalk = pager
        .message(PATIENCE, of("/dingtalk/pages/send", ""))
        .await;
    let feishu = pager
        .message(
            PATIENCE,
            of("/prometheusalert", "type=fs&tpl=polyv-zh&split=false"),
        )
        .await;
    let robot = pager
        .message(
            PATIENCE,
            of("/prometheusalert", "type=wx&tpl=polyv-zh&split=false"),
        )
        .await;
    for message in [&dingtalk, &feishu, &robot] {
        assert_eq!(message.alerts().len(), 1);
        assert_eq!(message.body["version"], "4");
    }
    for language in LANGUAGES {
        let markdown = render(
            &format!("polyv.{language}.chat"),
            &dingtalk.body.to_string(),
        );
        println!("DingTalk:\n{markdown}");
        assert_is_whole(language, &markdown);
        let title = render(
            &format!("polyv.{language}.title"),
            &dingtalk.body.to_string(),
        );
        assert!(title.contains("Main stage"), "{title}");
        let card = prometheus_alert(language, &feishu.body.to_string());
        println!("Feishu:\n{card}");
        assert_is_whole(language, &card);
    }

    // And that it is over.
    alert["endsAt"] = json!(time(0));
    alertmanager.fire(&json!([alert])).await;
    let is_over = |message: &Message| {
        let content = message.body["markdown"]["content"].as_str();
        content
            .is_some_and(|text| text.starts_with("**【恢复】Main stage") && text.contains("持续了"))
    };
    pager.message(PATIENCE, is_over).await;
    let over = |message: &Message| message.path == "/prometheusalert" && !message.is_firing();
    let over = pager.message(PATIENCE, over).await;
    let card = prometheus_alert("zh", &over.body.to_string());
    assert!(card.starts_with("**【恢复】Main stage"), "{card}");
}

#[tokio::test]
async fn documented_chat_messages_and_commands_are_right() {
    for (page, language) in [("docs/chat.md", "en"), ("docs/zh/chat.md", "zh")] {
        let page = read(page);
        // The configuration of prometheus-webhook-dingtalk names templates that there are.
        let config = &blocks(&page, "yaml")[0];
        assert!(
            config.contains("targets:\n  pages:\n"),
            "the example sends to `pages`"
        );
        let named: Vec<&str> = config.split("{{ template \"").skip(1).collect();
        assert_eq!(named.len(), 2);
        for name in named {
            let name = name.split('"').next().unwrap();
            assert!(!render(name, &dropped()).trim().is_empty(), "{name}");
        }
        // The messages are what the templates make.
        let messages = blocks(&page, "text");
        let plain = |text: &str| text.replace("  \n", "\n").trim().to_owned();
        assert_eq!(
            plain(&render(&format!("polyv.{language}.chat"), &dropped())),
            messages[0]
        );
        let over = render(
            &format!("polyv.{language}.chat"),
            &data(0, 1, str::to_owned),
        );
        assert_eq!(plain(&over), messages[1]);

        let pager = Pager::start().await;
        let alertmanager = Alertmanager::start(&example_for(&pager)).await;
        let command = &blocks(&page, "console")[0];
        let command = command.replace("localhost:9093", &alertmanager.address.to_string());
        let mut words = command.strip_prefix("$ ").unwrap().split(' ');
        let sent = run(Command::new(words.next().unwrap()).args(words));
        assert!(sent.status.success(), "{}", text_of(&sent));
        let is_page = |message: &Message| message.path == "/pages" && message.is_firing();
        let page = pager.message(Duration::from_secs(60), is_page).await;
        assert_eq!(page.alerts()[0].0, "PolyvTest");
    }
}
