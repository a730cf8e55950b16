//! Changing things at Polyv: a write takes effect once, and is never repeated.

use std::process::{Command, Output, Stdio};

use polyv_simulator::WrittenState;
use serde_json::Value;

use crate::support::exporter_process::{
    Program, polyv_exporter, quick_config, run, text_of, unused_address,
};
use crate::support::simulator_server::SimulatorServer;

const TWO: &str = "channels: [{id: 3880533}, {id: 3880534, life: offline}]";
const ID32: &str = "w11V61QWoK3332313778613940858739";

/// A simulated Polyv, and a configuration for it.
struct Setup {
    polyv: SimulatorServer,
    directory: tempfile::TempDir,
}

impl Setup {
    async fn new(scenario: &str) -> Self {
        let polyv = SimulatorServer::start(scenario).await;
        let directory = tempfile::tempdir().unwrap();
        let config = quick_config(polyv.address, "[{id: 3880533}, {id: 3880534}]");
        std::fs::write(directory.path().join("polyv.yml"), config).unwrap();
        Self { polyv, directory }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = polyv_exporter();
        command
            .args(arguments)
            .arg("--config.file")
            .arg(self.directory.path().join("polyv.yml"));
        command
    }

    /// Runs a command to its end.
    async fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = output(self.command(arguments), None).await;
        let text = text_of(&output);
        assert!(!text.contains("simulated-secret"), "{text}");
        (output.status.code(), text)
    }

    /// The same, for what a script reads.
    async fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--output", "json"]);
        let output = output(self.command(&arguments), None).await;
        let json = serde_json::from_slice(&output.stdout);
        let json = json.unwrap_or_else(|error| panic!("{error}: {}", text_of(&output)));
        (output.status.code(), json)
    }

    /// What Polyv remembers of the channel.
    fn written_state(&self) -> WrittenState {
        self.polyv.simulator.written_state("3880533").unwrap()
    }

    /// The calls that Polyv received, by name.
    fn received(&self) -> Vec<String> {
        let calls = self.polyv.simulator.requests();
        calls
            .into_iter()
            .map(|call| call.endpoint.into_owned())
            .collect()
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

async fn output(mut command: Command, input: Option<String>) -> Output {
    tokio::task::spawn_blocking(move || {
        use std::io::Write;

        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin
            .write_all(input.unwrap_or_default().as_bytes())
            .unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    })
    .await
    .unwrap()
}

const LINK: &[&str] = &[
    "session",
    "link",
    "--channel",
    "3880533",
    "--external-id",
    ID32,
];
const MODERATE: &[&str] = &[
    "moderation",
    "set",
    "--channel",
    "3880533",
    "--enabled",
    "--interval",
    "20s",
    "--strategy",
    "serious",
    "--notify",
    "platform,talent",
];
const SEND: &[&str] = &[
    "chat",
    "send",
    "--channel",
    "3880533",
    "--content",
    "我发送了一条消息",
    "--viewer-id",
    "sadboy",
    "--nickname",
    "polyv",
    "--msg-id",
    "msg-1",
];
const SWITCH: &[&str] = &["chat", "moderation", "--channel", "3880533", "on"];

#[tokio::test]
async fn session_link_uses_a_given_or_generated_id() {
    let setup = Setup::new(TWO).await;
    let (status, text) = setup.run(LINK).await;
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains(ID32), "{text}");
    assert_eq!(setup.written_state().external_session_ids, [ID32]);
    let generate = ["session", "link", "--channel", "3880533", "--generate"];
    let (status, json) = setup.json(&generate).await;
    assert_eq!(status, Some(0));
    assert_eq!(json["result"], "done");
    assert_eq!(json["account"], "main");
    let id = json["external_id"].as_str().unwrap();
    assert!(
        id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );
    assert_eq!(setup.written_state().external_session_ids, [ID32, id]);
}

#[tokio::test]
async fn moderation_set_changes_only_the_given_settings() {
    let setup = Setup::new(TWO).await;
    let (status, text) = setup.run(MODERATE).await;
    assert_eq!(status, Some(0), "{text}");
    for line in [
        "moderation  off → on",
        "interval    60s → 20s",
        "strategy    normal → serious",
        "notify      none → platform, talent",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let only_strategy = [
        "moderation",
        "set",
        "--channel",
        "3880533",
        "--strategy",
        "easy",
    ];
    let (status, json) = setup.json(&only_strategy).await;
    assert_eq!(status, Some(0), "{json}");
    assert_eq!(json["before"]["strategy"], "serious");
    assert_eq!(json["after"]["strategy"], "easy");
    let written_state = setup.written_state().video_moderation;
    assert!(written_state.enabled);
    assert_eq!(written_state.image_frequency, 20);
    assert_eq!(written_state.strategy, "finance_easy");
    assert_eq!(written_state.notified, ["platform", "talent"]);
    // Nothing to change is nothing to send.
    let before = setup.received().len();
    let (status, json) = setup.json(&only_strategy).await;
    assert_eq!(
        (status, &json["result"]),
        (Some(0), &Value::from("unchanged"))
    );
    assert_eq!(setup.received()[before..], ["video_moderation_get"]);
    let off = [
        "moderation",
        "set",
        "--channel",
        "3880533",
        "--disabled",
        "--notify",
        "none",
    ];
    assert_eq!(setup.run(&off).await.0, Some(0));
    let written_state = setup.written_state().video_moderation;
    assert!(!written_state.enabled && written_state.notified.is_empty());
}

#[tokio::test]
async fn missing_feature_of_the_account_is_reported() {
    let setup = Setup::new(
        "accounts: [{app_id: simulated, app_secret: simulated-secret, video_moderation: false}]
channels: [{id: 3880533}]",
    )
    .await;
    let (status, text) = setup.run(MODERATE).await;
    assert_eq!(status, Some(1), "{text}");
    assert!(
        text.contains("this account does not have the feature"),
        "{text}"
    );
    assert_eq!(setup.received(), ["video_moderation_get"]);
}

#[tokio::test]
async fn chat_moderation_is_switched_and_verified() {
    for responses in ["after", "before"] {
        for read in ["letters", "booleans"] {
            let setup = Setup::new(&format!(
                "censor_update_answers: {responses}\ncensor_get_answers: {read}\n{TWO}"
            ))
            .await;
            let mut expected = false;
            for (state, said) in [
                ("on", "off → on"),
                ("on", "on already"),
                ("toggle", "on → off"),
                ("toggle", "off → on"),
                ("off", "on → off"),
            ] {
                let (status, text) = setup
                    .run(&["chat", "moderation", "--channel", "3880533", state])
                    .await;
                assert_eq!(status, Some(0), "{state}: {text}");
                assert!(text.contains(said), "{state}: {text}");
                expected = match state {
                    "toggle" => !expected,
                    other => other == "on",
                };
                assert_eq!(setup.written_state().chat_moderation, expected);
            }
            let changes = setup
                .received()
                .iter()
                .filter(|c| *c == "update_censor_enabled")
                .count();
            assert_eq!(changes, 4);
        }
    }
}

#[tokio::test]
async fn accepted_change_without_effect_is_an_error() {
    let setup = Setup::new(TWO).await;
    let accepted = r#"{"code":200,"status":"success","message":"","data":true}"#;
    let pretend =
        format!("{{trouble: answer, endpoints: [update_censor_enabled], body: '{accepted}'}}");
    setup.polyv.inject_faults(&pretend).await;
    let (status, text) = setup.run(SWITCH).await;
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("says that it is off all the same"), "{text}");
}

#[tokio::test]
async fn messages_are_sent_from_flags_a_file_and_standard_input() {
    let setup = Setup::new(TWO).await;
    let (status, text) = setup.run(SEND).await;
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("sent        1  msg-1") && text.contains("1 sent"),
        "{text}"
    );
    let list = r#"[{"viewerId": "a", "nickName": "A", "content": "one", "viewerType": "slice"},
        {"msgId": "two", "viewerId": "b", "nickName": "B", "content": "zwei 🎥", "avatar": "https://example.com/b.png", "sessionId": "s"}]"#;
    let file = setup.file("messages.json", list);
    let (status, json) = setup
        .json(&["chat", "send", "--channel", "3880533", "--file", &file])
        .await;
    assert_eq!(status, Some(0), "{json}");
    let made = json["messages"][0]["msgId"].as_str().unwrap();
    assert!(
        made.len() == 32 && made.bytes().all(|b| b.is_ascii_hexdigit()),
        "{made}"
    );
    let command = setup.command(&["chat", "send", "--channel", "3880533", "--file", "-"]);
    let third = r#"[{"msgId": "three", "viewerId": "c", "nickName": "C", "content": "drei"}]"#;
    let output = output(command, Some(third.to_owned())).await;
    assert!(output.status.success(), "{}", text_of(&output));
    let messages = setup.written_state().messages;
    let contents: Vec<_> = messages
        .iter()
        .map(|message| message.content.as_str())
        .collect();
    assert_eq!(contents, ["我发送了一条消息", "one", "zwei 🎥", "drei"]);
    assert_eq!(messages[1].msg_id, made);
    assert_eq!(messages[1].viewer_type.as_deref(), Some("slice"));
    assert_eq!(
        messages[2].avatar.as_deref(),
        Some("https://example.com/b.png")
    );
    assert_eq!(messages[2].session_id.as_deref(), Some("s"));
}

/// A file with that many messages.
fn many(count: usize, content: impl Fn(usize) -> String) -> String {
    let messages: Vec<Value> = (0..count)
        .map(|n| {
            serde_json::json!({
                "msgId": format!("m{n}"), "viewerId": "v", "nickName": "N", "content": content(n),
            })
        })
        .collect();
    Value::from(messages).to_string()
}

#[tokio::test]
async fn each_message_has_a_result_and_unsent_ones_can_be_sent_again() {
    let setup = Setup::new("channels: [{id: 3880533, refuses_messages_with: [forbidden]}]").await;
    let text = |n: usize| {
        if n == 3 {
            "forbidden".to_owned()
        } else {
            format!("text {n}")
        }
    };
    let file = setup.file("many.json", &many(25, text));
    let send = [
        "chat",
        "send",
        "--channel",
        "3880533",
        "--batch-size",
        "10",
        "--file",
        &file,
    ];
    let (status, json) = setup.json(&send).await;
    assert_eq!(status, Some(1), "{json}");
    assert_eq!(json["result"], "partly");
    assert_eq!(json["messages"][3]["result"], "refused");
    assert_eq!(json["messages"][3]["reason"], "包含敏感词");
    assert_eq!(json["messages"][3]["number"], 4);
    assert_eq!(json["unsent"], Value::Array(Vec::new()));
    assert_eq!(setup.written_state().messages.len(), 24);
    assert_eq!(setup.received(), ["chat_message_audit"; 3]);

    // The first call gets a response, the second one does not, and the third is not made.
    let setup = Setup::new("channels: [{id: 3880533}]").await;
    let file = setup.file("many.json", &many(25, |n| format!("text {n}")));
    let slow = "{trouble: latency, median: 3s, p99: 3s}";
    let later = "{trouble: hang, effect: taken, after: 2500ms, endpoints: [chat_message_audit]}";
    setup.polyv.inject_faults(&format!("{slow}, {later}")).await;
    let patient = quick_config(setup.polyv.address, "[{id: 3880533}]");
    setup.file("polyv.yml", &patient.replace("timeout: 1s", "timeout: 5s"));
    let unsent = setup.file("unsent.json", "[]");
    let send = [
        "chat",
        "send",
        "--channel",
        "3880533",
        "--batch-size",
        "10",
        "--file",
        &file,
        "--unsent",
        &unsent,
    ];
    let (status, json) = setup.json(&send).await;
    assert_eq!(status, Some(1), "{json}");
    assert_eq!(
        (&json["result"], &json["outcome"]),
        (&"unknown".into(), &"timeout".into())
    );
    let results: Vec<_> = (0..25)
        .map(|n| json["messages"][n]["result"].as_str().unwrap())
        .collect();
    let expected = [["sent"; 10].as_slice(), &["unknown"; 10], &["not_sent"; 5]].concat();
    assert_eq!(results, expected);
    assert_eq!(setup.written_state().messages.len(), 20);
    assert_eq!(setup.received(), ["chat_message_audit"; 2]);
    let left: Value = serde_json::from_str(&std::fs::read_to_string(&unsent).unwrap()).unwrap();
    let left: Vec<_> = left
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["msgId"].clone())
        .collect();
    assert_eq!(
        left,
        (20..25)
            .map(|n| Value::from(format!("m{n}")))
            .collect::<Vec<_>>()
    );

    // Refused as a whole, for a reason that is not the messages': all may be sent again.
    let setup = Setup::new(TWO).await;
    let file = setup.file("many.json", &many(25, |n| format!("text {n}")));
    let unsent = setup.directory.path().join("unsent.json");
    let unsent = unsent.to_str().unwrap();
    let send = |file| {
        [
            "chat",
            "send",
            "--channel",
            "3880533",
            "--batch-size",
            "10",
            "--file",
            file,
            "--unsent",
            unsent,
        ]
    };
    setup
        .polyv
        .inject_faults("{trouble: forbidden, endpoints: [chat_message_audit]}")
        .await;
    let (status, text) = setup.run(&send(&file)).await;
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("0 sent, 25 not sent"), "{text}");
    assert_eq!(setup.received().len(), 1);
    setup.polyv.inject_faults("").await;
    let (status, text) = setup.run(&send(unsent)).await;
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("25 sent"), "{text}");
    let ids: Vec<_> = setup
        .written_state()
        .messages
        .into_iter()
        .map(|m| m.msg_id)
        .collect();
    assert_eq!(ids, (0..25).map(|n| format!("m{n}")).collect::<Vec<_>>());
    // What was not sent before was sent now, and is not to be sent again.
    assert_eq!(std::fs::read_to_string(unsent).unwrap(), "[]\n");
}

#[tokio::test]
async fn invalid_input_is_reported_and_nothing_is_sent() {
    let setup = Setup::new(TWO).await;
    let long = "🎥".repeat(1001);
    let faulty = setup.file(
        "faulty.json",
        &format!(
            r#"[{{"viewerId": "v", "nickName": "N", "content": "fine"}},
            {{"msgId": "twice", "viewerId": "", "nickName": "N", "content": "{long}"}},
            {{"msgId": "twice", "viewerId": "v", "nickName": "N", "content": "c", "colour": "red"}},
            {{"msgId": "twice", "viewerId": "v", "nickName": "N", "content": "c"}},
            7]"#
        ),
    );
    let empty = setup.file("empty.json", "[]");
    let rubbish = setup.file("rubbish.json", "[{\"viewerId\": ");
    let channel = ["--channel", "3880533"];
    let with = |arguments: &[&'static str]| [arguments, &channel].concat();
    let of_file = |file| ["chat", "send", "--channel", "3880533", "--file", file].to_vec();
    for (arguments, parts) in [
        (
            of_file(faulty.as_str()),
            &[
                "message 2: `viewerId` is empty",
                "message 2: `content` has 2002 characters (an emoji counts as two); Polyv takes at most 2000",
                "message 3: unknown field `colour`",
                "message 4: its `msgId` `twice` is that of message 2",
                "message 5: it is no JSON object",
            ][..],
        ),
        (of_file(empty.as_str()), &["there is no message in it"]),
        (
            of_file(rubbish.as_str()),
            &[
                "rubbish.json: a JSON list of messages was expected",
                "line 1",
            ],
        ),
        (
            of_file("/nowhere.json"),
            &["/nowhere.json: it can't be read"],
        ),
        (
            with(&["session", "link", "--external-id", "short"]),
            &["has 5 characters; Polyv takes exactly 32"],
        ),
        (with(&["session", "link"]), &["--external-id"]),
        (
            with(&["session", "link", "--external-id", ID32, "--generate"]),
            &["either"],
        ),
        (
            with(&[
                "session",
                "link",
                "--external-id",
                "                                ",
            ]),
            &["has 0 characters"],
        ),
        (with(&["moderation", "set"]), &["there is nothing to set"]),
        (
            with(&["moderation", "set", "--enabled", "--disabled"]),
            &["either --enabled or --disabled"],
        ),
        (
            with(&["moderation", "set", "--interval", "7s"]),
            &["possible values: 5s, 20s, 60s"],
        ),
        (
            with(&["moderation", "set", "--notify", "none,talent"]),
            &["either `none` or"],
        ),
        (
            with(&["chat", "moderation", "maybe"]),
            &["possible values: on, off, toggle"],
        ),
        (
            with(&["chat", "send", "--content", "x"]),
            &["--viewer-id", "--nickname"],
        ),
        (
            with(&[
                "chat",
                "send",
                "--content",
                "x",
                "--viewer-id",
                "v",
                "--nickname",
                "n",
                "--viewer-type",
                "king",
            ]),
            &["viewer, student, slice"],
        ),
        (
            with(&[
                "chat",
                "send",
                "--content",
                " ",
                "--viewer-id",
                "v",
                "--nickname",
                "n",
            ]),
            &["`content` is empty"],
        ),
        (
            vec!["chat", "moderation", "--channel", "x", "on"],
            &["is a number"],
        ),
    ] {
        let (status, text) = setup.run(&arguments).await;
        assert_eq!(status, Some(2), "{arguments:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{arguments:?}: {part} in {text}");
        }
    }
    assert_eq!(setup.received(), [""; 0]);
}

#[tokio::test]
async fn boolean_variable_set_to_false_is_off() {
    let setup = Setup::new(TWO).await;
    let with = async |name: &str, arguments: &[&str]| {
        let mut command = setup.command(arguments);
        command.env(name, "false");
        let output = output(command, None).await;
        (output.status.code(), text_of(&output))
    };
    let link = ["session", "link", "--channel", "3880533"];
    let (status, text) = with("POLYV_EXPORTER_GENERATE", &link).await;
    assert_eq!(status, Some(2), "{text}");
    assert_eq!(with("POLYV_EXPORTER_GENERATE", LINK).await.0, Some(0));
    assert_eq!(with("POLYV_EXPORTER_DISABLED", MODERATE).await.0, Some(0));
    assert_eq!(setup.written_state().external_session_ids, [ID32]);
}

#[tokio::test]
async fn notify_is_required_if_current_settings_are_unreadable() {
    let setup = Setup::new(TWO).await;
    let odd = r#"{"code":200,"status":"success","data":{"moderationEnabled":"Y","imageFrequency":60,"moderationStrategy":"finance_easy","illegalNotify":"Y"},"success":true}"#;
    let fault = format!("{{trouble: answer, endpoints: [video_moderation_get], body: '{odd}'}}");
    setup.polyv.inject_faults(&fault).await;
    let slower = [
        "moderation",
        "set",
        "--channel",
        "3880533",
        "--interval",
        "20s",
    ];
    let (status, text) = setup.run(&slower).await;
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("give --notify too"), "{text}");
    assert_eq!(setup.received(), ["video_moderation_get"]);
}

#[tokio::test]
async fn gateway_error_leaves_the_effect_of_a_write_unknown() {
    let setup = Setup::new(TWO).await;
    let body = r#"{"code":14,"message":"upstream request timeout"}"#;
    let fault = format!("{{trouble: answer, status: 503, body: '{body}'}}");
    setup.polyv.inject_faults(&fault).await;
    for arguments in [LINK, SEND] {
        let (status, json) = setup.json(arguments).await;
        assert_eq!(
            (status, &json["result"]),
            (Some(1), &"unknown".into()),
            "{json}"
        );
    }
}

#[tokio::test]
async fn dry_run_shows_the_request_without_signature_and_changes_nothing() {
    let setup = Setup::new(TWO).await;
    for (arguments, path, body) in [
        (LINK, "/live/v3/channel/session/relevance?", ID32),
        (
            MODERATE,
            "/live/v4/channel/video-moderation/update?",
            "\"imageFrequency\": \"20\"",
        ),
        (SEND, "/live/v4/chat/message/audit?", "我发送了一条消息"),
        (
            SWITCH,
            "/live/v3/channel/chat/update-censor-enabled?",
            "enabled=Y",
        ),
    ] {
        let mut arguments = arguments.to_vec();
        arguments.push("--dry-run");
        let (status, text) = setup.run(&arguments).await;
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains(path) && text.contains(body), "{text}");
        assert!(
            text.contains("&sign=***") && text.matches("sign=").count() == 1,
            "{text}"
        );
        let (_, json) = setup.json(&arguments).await;
        assert_eq!(json["result"], "dry_run");
        assert!(json["requests"][0]["url"].as_str().unwrap().contains(path));
    }
    assert_eq!(setup.written_state(), WrittenState::default());
    assert!(
        setup.received().iter().all(|call| call.contains("get")),
        "{:?}",
        setup.received()
    );
}

/// Each write, the name of its call, and how to see whether it took effect.
type Capture = fn(&WrittenState) -> bool;
const WRITES: [(&[&str], &str, Capture); 4] = [
    (LINK, "session_relevance", |r| {
        !r.external_session_ids.is_empty()
    }),
    (MODERATE, "video_moderation_update", |r| {
        r.video_moderation.enabled
    }),
    (SEND, "chat_message_audit", |r| !r.messages.is_empty()),
    (SWITCH, "update_censor_enabled", |r| r.chat_moderation),
];

#[tokio::test]
async fn write_with_unknown_effect_is_reported_and_never_repeated() {
    for fault in [
        "truncated_json",
        "cut_off",
        "bad_gateway, effect: taken",
        "bad_gateway",
        "error_500, effect: taken",
        "html, effect: taken",
        "reset, effect: taken",
        "hang, effect: taken",
        "hang",
    ] {
        for (arguments, endpoint, taken) in WRITES {
            let setup = Setup::new(TWO).await;
            let scoped = format!("{{trouble: {fault}, endpoints: [{endpoint}]}}");
            setup.polyv.inject_faults(&scoped).await;
            let (status, json) = setup.json(arguments).await;
            assert_eq!(status, Some(1), "{fault}, {endpoint}: {json}");
            assert_eq!(json["result"], "unknown", "{fault}, {endpoint}: {json}");
            let calls = setup
                .received()
                .iter()
                .filter(|call| *call == endpoint)
                .count();
            assert_eq!(calls, 1, "{fault}, {endpoint}");
            // It would have been wrong to say either.
            let expected = !matches!(fault, "bad_gateway" | "hang");
            assert_eq!(
                taken(&setup.written_state()),
                expected,
                "{fault}, {endpoint}"
            );
        }
    }
    let setup = Setup::new(TWO).await;
    setup
        .polyv
        .inject_faults("{trouble: cut_off, endpoints: [session_relevance]}")
        .await;
    let (_, text) = setup.run(LINK).await;
    assert!(
        text.contains("it is unknown whether that took effect"),
        "{text}"
    );
    assert!(text.contains("It was not sent again"), "{text}");
}

#[tokio::test]
async fn write_without_effect_is_reported() {
    for (fault, outcome) in [
        ("forbidden", "forbidden"),
        ("{trouble: rejected}", "rejected"),
        ("throttled", "throttled"),
    ] {
        for (arguments, endpoint, taken) in WRITES {
            let setup = Setup::new(TWO).await;
            let inner = fault
                .trim_matches(['{', '}'])
                .trim_start_matches("trouble: ");
            setup
                .polyv
                .inject_faults(&format!("{{trouble: {inner}, endpoints: [{endpoint}]}}"))
                .await;
            let (status, json) = setup.json(arguments).await;
            assert_eq!(status, Some(1), "{fault}, {endpoint}: {json}");
            assert_eq!(json["result"], "not_done", "{fault}, {endpoint}: {json}");
            assert_eq!(json["outcome"], outcome, "{fault}, {endpoint}: {json}");
            assert!(!taken(&setup.written_state()));
        }
    }
    // No server, and the wrong secret.
    let setup = Setup::new(TWO).await;
    let wrong = quick_config(setup.polyv.address, "[{id: 3880533}]")
        .replace("app_secret: simulated-secret", "app_secret: wrong");
    setup.file("polyv.yml", &wrong);
    for (arguments, ..) in WRITES {
        let (status, text) = setup.run(arguments).await;
        assert_eq!(status, Some(1), "{text}");
        assert!(
            text.contains("does not accept this appId and appSecret"),
            "{text}"
        );
    }
    let (_held, unused) = unused_address();
    setup.file("polyv.yml", &quick_config(unused, "[{id: 3880533}]"));
    for (arguments, ..) in WRITES {
        let (status, json) = setup.json(arguments).await;
        assert_eq!(
            (status, &json["result"]),
            (Some(1), &Value::from("not_done")),
            "{json}"
        );
    }
}

#[tokio::test]
async fn operations_work_with_a_wrong_host_clock() {
    for (arguments, _, taken) in WRITES {
        let setup = Setup::new(&format!("clock_skew: 10m\n{TWO}")).await;
        let (status, text) = setup.run(arguments).await;
        assert_eq!(status, Some(0), "{text}");
        assert!(taken(&setup.written_state()));
    }
}

#[tokio::test]
async fn interrupted_write_is_reported_as_unknown_effect() {
    let setup = Setup::new(TWO).await;
    setup
        .polyv
        .inject_faults("{trouble: hang, endpoints: [session_relevance], effect: taken}")
        .await;
    let patient =
        quick_config(setup.polyv.address, "[{id: 3880533}]").replace("timeout: 1s", "timeout: 1m");
    setup.file("polyv.yml", &patient);
    let mut program = Program::start(&mut setup.command(LINK));
    while setup.received().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    program.signal("INT");
    assert_eq!(program.ended().await.code(), Some(1));
    let begin = std::time::Instant::now();
    while !program
        .output()
        .contains("unknown whether that took effect")
    {
        assert!(begin.elapsed().as_secs() < 10, "{}", program.output());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(
        program.output().contains("interrupted"),
        "{}",
        program.output()
    );
}

#[tokio::test]
async fn documented_responses_are_understood() {
    let v3 = |code: u32, status: &str, message: &str, data: &str| {
        format!(
            r#"{{"code": {code}, "status": "{status}", "message": "{message}", "data": {data}}}"#
        )
    };
    let v4 = r#"{"code": 200, "status": "success", "requestId": "f0103b0961754d3a887f82e35032a6ea.69.16796237824386651", "data": true, "success": true}"#;
    let chat = r#"{"code": 200, "status": "success", "requestId": "807edf69deb540cd8b1f7a8b0e2dc883.64.16801629319610385", "data": [{"msgId": "msg-1", "id": "3ec969a0-ced0-11ed-87bd-6de896f75816", "status": true, "msg": "发送成功"}], "success": true}"#;
    let not_found = r#"{"code": 400, "status": "error", "requestId": "d310b70bc329403f87f77f9203d50f89.128.16360831552223589", "error": {"code": 20001, "desc": "application not found."}, "success": false}"#;
    let signature = v3(403, "error", "invalid signature.", "\"\"");
    let signature_null = v3(403, "error", "invalid signature.", "null");
    for (arguments, endpoint, response, result) in [
        (
            LINK,
            "session_relevance",
            v3(200, "success", "", "true"),
            "done",
        ),
        (
            LINK,
            "session_relevance",
            v3(200, "success", "", "\"success\""),
            "done",
        ),
        (LINK, "session_relevance", signature, "not_done"),
        // What is read back is another matter: here nothing was changed.
        (
            MODERATE,
            "video_moderation_update",
            v4.to_owned(),
            "not_done",
        ),
        (
            MODERATE,
            "video_moderation_update",
            not_found.to_owned(),
            "not_done",
        ),
        (SEND, "chat_message_audit", chat.to_owned(), "done"),
        (SEND, "chat_message_audit", not_found.to_owned(), "not_done"),
        (
            SWITCH,
            "update_censor_enabled",
            v3(200, "success", "", "false"),
            "not_done",
        ),
        (SWITCH, "update_censor_enabled", signature_null, "not_done"),
    ] {
        let setup = Setup::new(TWO).await;
        let fault = format!("{{trouble: answer, endpoints: [{endpoint}], body: '{response}'}}");
        setup.polyv.inject_faults(&fault).await;
        let (_, json) = setup.json(arguments).await;
        assert_eq!(json["result"], result, "{endpoint}: {response}: {json}");
        if response.contains("invalid signature") || response.contains("20001") {
            let text = json.to_string();
            assert!(text.contains("does not accept this appId"), "{text}");
        } else if result == "not_done" {
            let error = json["error"].as_str().unwrap();
            assert!(error.contains("was not so when it was read back"), "{json}");
        }
    }
}

#[tokio::test]
async fn secret_and_signature_are_never_logged() {
    let setup = Setup::new(TWO).await;
    for (arguments, ..) in WRITES {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--log.level", "trace"]);
        let (status, text) = setup.run(&arguments).await;
        assert_eq!(status, Some(0), "{text}");
        assert!(
            !text.contains("sign=") && !text.contains("simulated-secret"),
            "{text}"
        );
    }
}

#[test]
fn completions_and_manual_cover_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(polyv_exporter().args(["completions", shell]));
        let text = text_of(&output);
        assert!(output.status.success(), "{text}");
        for word in ["check-config", "external-id", "batch-size", "talent"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    let output = run(polyv_exporter().arg("man"));
    let text = text_of(&output).replace('\\', "");
    assert!(
        output.status.success() && text.contains(".TH polyv-exporter 1"),
        "{text}"
    );
    for word in [
        "POLYV-EXPORTER CHAT SEND",
        "--external-id",
        "--web.listen-address",
    ] {
        assert!(text.contains(word), "{word}");
    }
}
