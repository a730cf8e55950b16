//! Chat messages.

use serde_json::json as value;

use super::*;

fn message(msg_id: &str) -> Value {
    value!({"msgId": msg_id, "viewerId": "sadboy", "nickName": "polyv", "content": "hello"})
}

fn send(simulator: &Simulator, messages: &Value) -> Value {
    tell(simulator, AUDIT, "channelId=1", &messages.to_string())
}

fn sent(simulator: &Simulator) -> Vec<String> {
    let messages = simulator.written_state("1").unwrap().messages;
    messages.into_iter().map(|message| message.msg_id).collect()
}

fn order(answer: &Value) -> Vec<&str> {
    let results = answer["data"].as_array().unwrap().iter();
    results
        .map(|result| result["msgId"].as_str().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_message_has_a_result_and_they_come_in_another_order() {
    let yaml = "channels: [{id: 1}]";
    for count in 2..12 {
        let ids: Vec<String> = (0..count).map(|number| format!("m{number}")).collect();
        let messages: Value = ids.iter().map(|id| message(id)).collect();
        let first = simulator(yaml);
        let answer = send(&first, &messages);
        let got = order(&answer);
        assert_ne!(got, ids);
        let mut sorted = got.clone();
        sorted.sort_unstable_by_key(|id| id[1..].parse::<usize>().unwrap());
        assert_eq!(sorted, ids);
        assert_eq!(sent(&first), ids);
        assert_eq!(send(&simulator(yaml), &messages)["data"], answer["data"]);
    }
}

#[tokio::test(start_paused = true)]
async fn some_messages_can_be_refused_while_others_are_sent() {
    let simulator = simulator("channels: [{id: 1, refuses_messages_with: [spam, 广告]}]");
    let mut messages = value!([message("a"), message("b"), message("c"), message("a")]);
    messages[1]["content"] = "some spam here".into();
    messages[2]["content"] = "这是广告".into();
    let answer = send(&simulator, &messages);
    assert_eq!(answer["code"], 200);
    let results = answer["data"].as_array().unwrap();
    let mut brief: Vec<_> = results
        .iter()
        .map(|result| {
            assert_eq!(
                result["id"].is_null(),
                result["status"] == false,
                "{result}"
            );
            let text = |name: &str| result[name].as_str().unwrap();
            (text("msgId"), result["status"] == true, text("msg"))
        })
        .collect();
    brief.sort_unstable();
    let expected = [
        ("a", false, "消息已存在"),
        ("a", true, "发送成功"),
        ("b", false, "包含敏感词"),
        ("c", false, "包含敏感词"),
    ];
    assert_eq!(brief, expected);
    let again = send(&simulator, &value!([message("a")]));
    assert_eq!(again["data"][0]["msg"], "消息已存在");
    // What was refused was not sent, so it may be tried again in other words.
    let again = send(&simulator, &value!([message("b")]));
    assert_eq!(again["data"][0]["status"], true);
    assert_eq!(sent(&simulator), ["a", "b"]);
    assert!(simulator.requests().iter().all(|call| call.outcome == "ok"));
}

#[tokio::test(start_paused = true)]
async fn texts_are_as_long_as_the_page_allows_in_utf_16_units() {
    let simulator = simulator("channels: [{id: 1}]");
    for (name, most) in [
        ("msgId", 32),
        ("viewerId", 64),
        ("nickName", 128),
        ("content", 2_000),
        ("avatar", 200),
    ] {
        for unit in ["x", "频"] {
            let mut good = message(&format!("{name}{unit}"));
            good[name] = unit.repeat(most).into();
            let answer = send(&simulator, &value!([good]));
            assert_eq!(answer["data"][0]["status"], true, "{name}: {answer}");
        }
        for wrong in ["x".repeat(most + 1), format!("{}x", "😀".repeat(most / 2))] {
            let mut long = message("long");
            long[name] = wrong.into();
            let answer = send(&simulator, &value!([message("before"), long]));
            let words = format!("param length is incorrect: {name}");
            assert_eq!(refused(&answer), words);
        }
    }
    assert!(!sent(&simulator).contains(&"before".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn invalid_message_rejects_the_call_and_nothing_is_sent() {
    let simulator = simulator("channels: [{id: 1}]");
    for name in ["msgId", "viewerId", "nickName", "content"] {
        for nothing in [Value::Null, value!(""), value!(" ")] {
            let mut bad = message("bad");
            bad[name] = nothing;
            let answer = send(&simulator, &value!([message("good"), bad]));
            let words = format!("param should not be empty: {name}");
            assert_eq!(refused(&answer), words);
        }
    }
    for (name, wrong) in [
        ("msgId", value!(1)),
        ("content", value!(["hello"])),
        ("avatar", value!(false)),
        ("sessionId", value!(12)),
        ("viewerType", value!("teacher")),
        ("viewerType", value!(1)),
    ] {
        let mut bad = message("bad");
        bad[name] = wrong;
        let answer = send(&simulator, &value!([message("good"), bad]));
        assert_eq!(refused(&answer), "param validate error", "{name}");
    }
    for body in [
        message("object"),
        value!([]),
        value!(["text"]),
        value!([[]]),
        Value::Null,
    ] {
        let answer = send(&simulator, &body);
        assert_eq!(refused(&answer), "param validate error", "{body}");
    }
    assert_eq!(sent(&simulator), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn optional_members_are_remembered_and_only_the_newest_messages() {
    let simulator = simulator("channels: [{id: 1}]");
    let mut whole = message("whole");
    whole["avatar"] = "https://example.com/a.png".into();
    whole["sessionId"] = "fs9v9y4nxf".into();
    for (number, viewer_type) in ["viewer", "student", "slice"].into_iter().enumerate() {
        whole["viewerType"] = viewer_type.into();
        whole["msgId"] = format!("whole{number}").into();
        assert_eq!(
            send(&simulator, &value!([whole]))["data"][0]["status"],
            true
        );
        let message = simulator.written_state("1").unwrap().messages.pop_back();
        let message = message.unwrap();
        assert_eq!(message.avatar.as_deref(), Some("https://example.com/a.png"));
        assert_eq!(message.session_id.as_deref(), Some("fs9v9y4nxf"));
        assert_eq!(message.viewer_type.as_deref(), Some(viewer_type));
    }
    let many: Value = (0..1_001)
        .map(|number| message(&number.to_string()))
        .collect();
    let _ = send(&simulator, &many);
    let sent = sent(&simulator);
    assert_eq!((sent.len(), sent[0].as_str()), (1_000, "1"));
    // The first one is forgotten.
    let again = send(&simulator, &value!([message("0"), message("1000")]));
    let results = again["data"].as_array().unwrap();
    let accepted: Vec<bool> = results.iter().map(|one| one["status"] == true).collect();
    assert_eq!(order(&again), ["1000", "0"]);
    assert_eq!(accepted, [false, true]);
}
