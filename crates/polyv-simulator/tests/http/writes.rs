//! The operations that write: the pages' samples, the ways in which clients send them, and what
//! the control calls show of their effects.

use std::time::Duration;

use serde_json::{Value, json};

use crate::simulator_server::{SimulatorServer, within_deadline};

const RELEVANCE: &str = "/live/v3/channel/session/relevance";
const MODERATION_UPDATE: &str = "/live/v4/channel/video-moderation/update";
const MODERATION_GET: &str = "/live/v4/channel/video-moderation/get";
const AUDIT: &str = "/live/v4/chat/message/audit";
const CENSOR_UPDATE: &str = "/live/v3/channel/chat/update-censor-enabled";
const CENSOR_GET: &str = "/live/v3/channel/chat/get-censor-enabled";

const AS_JSON: &str = "application/json; charset=utf-8";
const AS_FORM: &str = "application/x-www-form-urlencoded";

const ONE: &str = "channels: [{id: 1}]";
const ID: &str = "w11V61QWoK3332313778613940858739";
const MODERATION_SAMPLE: &str = r#"{
    "illegalNotify": {
        "platformEnabled": "Y",
        "monitorEnabled": "Y",
        "assistantEnabled": "Y",
        "talentEnabled": "Y"
    },
    "imageFrequency": "60",
    "moderationStrategy": "finance_serious",
    "moderationEnabled": "Y"
}"#;
const MESSAGE_SAMPLE: &str = r#"[
    {
        "msgId":"msg-1",
        "content":"我发送了一条消息",
        "viewerId":"sadboy",
        "nickName":"polyv"
    }
]"#;

/// The names of an answer's members.
fn members(answer: &Value) -> Vec<&str> {
    answer
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

async fn read(response: reqwest::Result<reqwest::Response>) -> Value {
    let text = response.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What a call for channel 1 with all parameters in the query is answered.
async fn tell(served: &SimulatorServer, path: &str, more: &[(&str, &str)], body: &str) -> Value {
    read(
        served
            .post(&address(served, path, more), AS_JSON, body.to_owned())
            .await,
    )
    .await
}

fn address(served: &SimulatorServer, path: &str, more: &[(&str, &str)]) -> String {
    let mut parameters = vec![("channelId", "1")];
    parameters.extend(more);
    format!("{path}?{}", served.signed(&parameters))
}

async fn channel(served: &SimulatorServer) -> Value {
    served.control("GET", "channels/1", "").await.1
}

#[tokio::test]
async fn documented_sample_requests_succeed_and_take_effect() {
    let served = SimulatorServer::start(ONE).await;
    let v3 = json!({"code": 200, "status": "success", "message": "", "data": true});
    let link = [("externalSessionId", ID)];
    assert_eq!(tell(&served, RELEVANCE, &link, "null").await, v3);
    let on = [("enabled", "Y")];
    assert_eq!(tell(&served, CENSOR_UPDATE, &on, "null").await, v3);

    let v4 = ["code", "data", "requestId", "status", "success"];
    let answer = tell(&served, MODERATION_UPDATE, &[], MODERATION_SAMPLE).await;
    assert_eq!(members(&answer), v4);
    assert_eq!(
        (&answer["code"], &answer["data"]),
        (&200.into(), &true.into())
    );
    let answer = tell(&served, AUDIT, &[], MESSAGE_SAMPLE).await;
    assert_eq!(members(&answer), v4);
    let result = &answer["data"][0];
    assert_eq!(members(result), ["id", "msg", "msgId", "status"]);
    assert_eq!(result["msg"], "发送成功");

    let shown = channel(&served).await;
    assert_eq!(shown["chat_moderation"], true);
    assert_eq!(shown["external_session_ids"], json!([ID]));
    let mut settings: Value = serde_json::from_str(MODERATION_SAMPLE).unwrap();
    settings["imageFrequency"] = 60.into();
    assert_eq!(shown["video_moderation"], settings);
    let expected = json!([{
        "msgId": "msg-1", "id": result["id"], "viewerId": "sadboy", "nickName": "polyv",
        "content": "我发送了一条消息", "avatar": null, "sessionId": null, "viewerType": null,
    }]);
    assert_eq!(shown["messages"], expected);
    let (_, all) = served.control("GET", "channels", "").await;
    assert_eq!(all["channels"][0]["messages"], expected);

    let get = |path| address(&served, path, &[]);
    let answer = read(served.get(&get(MODERATION_GET)).await).await;
    settings["channelId"] = 1.into();
    assert_eq!(answer["data"], settings);
    let answer = read(served.get(&get(CENSOR_GET)).await).await;
    assert_eq!(answer["data"], "Y");
    let (_, log) = served.control("GET", "received", "").await;
    let calls: Vec<&str> = log["received"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["endpoint"].as_str().unwrap())
        .collect();
    let expected = [
        "session_relevance",
        "update_censor_enabled",
        "video_moderation_update",
        "chat_message_audit",
        "video_moderation_get",
        "get_censor_enabled",
    ];
    assert_eq!(calls, expected);
    assert!(!log.to_string().contains("polyv\""), "{log}");
}

#[tokio::test]
async fn documented_failures_are_returned() {
    let served = SimulatorServer::start("{invalid_signature_code: 403, channels: [{id: 1}]}").await;
    let v3 = json!({"code": 403, "status": "error", "message": "invalid signature.", "data": ""});
    for (path, more) in [
        (RELEVANCE, ("externalSessionId", ID)),
        (CENSOR_UPDATE, ("enabled", "Y")),
    ] {
        let forged = address(&served, path, &[more]).replace("channelId=1", "channelId=2");
        let response = served.post(&forged, AS_JSON, "null").await;
        assert_eq!(read(response).await, v3, "{path}");
    }
    for (path, body) in [
        (MODERATION_UPDATE, MODERATION_SAMPLE),
        (AUDIT, MESSAGE_SAMPLE),
    ] {
        let stranger = address(&served, path, &[]).replace("appId=simulated", "appId=stranger");
        let answer = read(served.post(&stranger, AS_JSON, body).await).await;
        assert_eq!(
            members(&answer),
            ["code", "error", "requestId", "status", "success"]
        );
        let error = json!({"code": 20_001, "desc": "application not found."});
        assert_eq!((&answer["code"], &answer["error"]), (&400.into(), &error));
        assert_eq!(
            (&answer["status"], &answer["success"]),
            (&"error".into(), &false.into())
        );
    }
    let shown = channel(&served).await;
    assert_eq!(shown["chat_moderation"], false);
    assert_eq!(shown["messages"], json!([]));
}

#[tokio::test]
async fn parameters_of_a_post_may_come_as_a_form() {
    let served = SimulatorServer::start(ONE).await;
    let form = served.signed(&[("channelId", "1"), ("externalSessionId", ID)]);
    let answer = read(served.post(RELEVANCE, AS_FORM, form).await).await;
    assert_eq!(answer["data"], true, "{answer}");
    let form = served.signed(&[("channelId", "1")]);
    for on in [true, false] {
        let answer = read(served.post(CENSOR_UPDATE, AS_FORM, form.clone()).await).await;
        assert_eq!(answer["data"], on, "{answer}");
    }
    let shown = channel(&served).await;
    assert_eq!(shown["external_session_ids"], json!([ID]));
    let (_, log) = served.control("GET", "received", "").await;
    assert_eq!(log["received"][0]["channel_id"], "1");
}

#[tokio::test]
async fn limits_types_and_channels_are_checked() {
    let served = SimulatorServer::start("channels: [{id: 1}, {id: 2}]").await;
    let short = [("externalSessionId", "w11")];
    let answer = tell(&served, RELEVANCE, &short, "null").await;
    assert_eq!(
        answer["message"],
        "param length is incorrect: externalSessionId"
    );
    let answer = tell(&served, CENSOR_UPDATE, &[("enabled", "on")], "null").await;
    assert_eq!(answer["message"], "param validate error");
    let long = MESSAGE_SAMPLE.replace("msg-1", &"m".repeat(33));
    let answer = tell(&served, AUDIT, &[], &long).await;
    assert_eq!(answer["error"]["desc"], "param length is incorrect: msgId");
    let mut body: Value = serde_json::from_str(MODERATION_SAMPLE).unwrap();
    for (given, good) in [(json!(1), true), (json!("1"), true), (json!(2), false)] {
        body["channelId"] = given;
        let answer = tell(&served, MODERATION_UPDATE, &[], &body.to_string()).await;
        assert_eq!(answer["success"], good, "{body}: {answer}");
    }
    let typeless = address(&served, AUDIT, &[]);
    let answer = read(served.post(&typeless, "text/plain", MESSAGE_SAMPLE).await).await;
    assert_eq!(
        answer["error"]["desc"],
        "Content type 'text/plain' not supported"
    );
    let answer = read(served.get(&typeless).await).await;
    assert_eq!(
        answer["error"]["desc"],
        "Request method 'GET' not supported"
    );
    let response = served
        .post(&typeless, AS_JSON, " ".repeat((1 << 20) + 1))
        .await;
    assert_eq!(response.unwrap().status().as_u16(), 413);
    assert_eq!(channel(&served).await["messages"], json!([]));
}

#[tokio::test]
async fn response_is_lost_with_or_without_effect() {
    let served = SimulatorServer::start(ONE).await;
    for (trouble, sent) in [
        ("hang", false),
        ("reset", false),
        ("bad_gateway", false),
        ("{trouble: hang, effect: taken}", true),
        ("{trouble: reset, effect: taken}", true),
        ("{trouble: bad_gateway, effect: taken}", true),
        ("{trouble: error_500, effect: taken}", true),
        ("truncated_json", true),
        ("cut_off", true),
    ] {
        served.control("PUT", "channels/1", "{}").await;
        served.inject_faults(trouble).await;
        let url = format!("http://{}{}", served.address, address(&served, AUDIT, &[]));
        let request = served.client.post(url).timeout(Duration::from_millis(300));
        let request = request.header("content-type", AS_JSON).body(MESSAGE_SAMPLE);
        // However it ends, no client can tell from it that the message was sent.
        if let Ok(response) = within_deadline(request.send()).await {
            let text = response.text().await.unwrap_or_default();
            let answer = serde_json::from_str::<Value>(&text).unwrap_or_default();
            assert_ne!(answer["code"], 200, "{trouble}: {text}");
        }
        let messages = channel(&served).await["messages"].as_array().unwrap().len();
        assert_eq!(messages == 1, sent, "{trouble}");
    }
}
