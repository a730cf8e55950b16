//! The sample requests of the pages and their responses.

use super::*;

/// A simulator in which the sample's channel and account exist at the sample's time.
fn simulator_of(address: &str, more: &str) -> Simulator {
    let (_, query) = address.split_once('?').unwrap();
    let parameters = Parameters::parse(query).unwrap();
    let parameter = |name| parameters.get(name).unwrap();
    let yaml = format!(
        "{{accounts: [{{app_id: {}, app_secret: secret}}], channels: [{{id: {}}}]{more}}}",
        parameter("appId"),
        parameter("channelId"),
    );
    simulator_at(parameter("timestamp").parse().unwrap(), &yaml)
}

/// The sample as it stands on the page, but for the sign, which is that of another secret.
fn sample(address: &str, secret: &str, content_type: &'static str, body: &str) -> Request {
    let (_, path) = address.split_once("api.polyv.net").unwrap();
    let (_, query) = path.split_once('?').unwrap();
    let parameters = Parameters::parse(query).unwrap();
    let right = signature::expected(&parameters, secret);
    let path = path.replace(parameters.get("sign").unwrap(), &right);
    Request::post(&path, content_type, body)
}

/// An answer and the one that the page shows, with the request id out of the way.
fn assert_as_shown(answer: &Value, shown: &str) {
    let mut answer = answer.clone();
    let mut shown: Value = serde_json::from_str(shown).unwrap();
    for value in [&mut answer, &mut shown] {
        if let Some(id) = value.get_mut("requestId") {
            assert_eq!(id.as_str().unwrap().split('.').count(), 3, "{id}");
            *id = "".into();
        }
    }
    assert_eq!(answer, shown);
}

const V3_SUCCESS: &str = r#"{"code": 200, "status": "success", "message": "", "data": true}"#;
const V4_SUCCESS: &str = r#"{
    "code": 200,
    "status": "success",
    "requestId": "f0103b0961754d3a887f82e35032a6ea.69.16796237824386651",
    "data": true,
    "success": true
}"#;
const V4_FAILURE: &str = r#"{
    "code": 400,
    "status": "error",
    "requestId": "d310b70bc329403f87f77f9203d50f89.128.16360831552223589",
    "error": {
        "code": 20001,
        "desc": "application not found."
    },
    "success": false
}"#;
const AS_JSON: &str = "application/json";
const AS_FORM: &str = "application/x-www-form-urlencoded";

const RELEVANCE_SAMPLE: &str = "http://api.polyv.net/live/v3/channel/session/relevance\
    ?appId=frlr1zazn3&sign=863A72E3380FCB75F9C3C21677692B8D\
    &externalSessionId=w11V61QWoK3332313778613940858739&channelId=2633655&timestamp=1636687112547";

#[tokio::test(start_paused = true)]
async fn documented_session_link_succeeds() {
    let simulator = simulator_of(RELEVANCE_SAMPLE, "");
    let answer = json_response(&simulator, &sample(RELEVANCE_SAMPLE, "secret", AS_FORM, ""));
    assert_as_shown(&answer, V3_SUCCESS);
    let ids = simulator
        .written_state("2633655")
        .unwrap()
        .external_session_ids;
    assert_eq!(ids, ["w11V61QWoK3332313778613940858739"]);
}

#[tokio::test(start_paused = true)]
async fn wrong_signature_is_refused_with_the_documented_code_and_data() {
    for (address, settings, shown) in [
        (
            RELEVANCE_SAMPLE,
            ", invalid_signature_code: 403",
            r#"{"code": 403, "status": "error", "message": "invalid signature.", "data": ""}"#,
        ),
        (
            CENSOR_SAMPLE,
            ", invalid_signature_code: 403, refusal_data: null_value",
            r#"{"code": 403, "status": "error", "message": "invalid signature.", "data": null}"#,
        ),
        (
            CENSOR_SAMPLE,
            ", refusal_data: absent",
            r#"{"code": 400, "status": "error", "message": "invalid signature."}"#,
        ),
    ] {
        let simulator = simulator_of(address, settings);
        let answer = json_response(&simulator, &sample(address, "another", AS_FORM, ""));
        assert_as_shown(&answer, shown);
    }
}

const MODERATION_SAMPLE: &str = "http://api.polyv.net/live/v4/channel/video-moderation/update\
    ?appId=gga9dadhzm&sign=6AFE86666016B502E668174613B29585&channelId=3775168&timestamp=1679623766123";
const MODERATION_BODY: &str = r#"{
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

#[tokio::test(start_paused = true)]
async fn video_moderation_is_set_as_the_page_shows() {
    let simulator = simulator_of(MODERATION_SAMPLE, "");
    let request = sample(MODERATION_SAMPLE, "secret", AS_JSON, MODERATION_BODY);
    assert_as_shown(&json_response(&simulator, &request), V4_SUCCESS);
    let settings = simulator.written_state("3775168").unwrap().video_moderation;
    let expected = VideoModeration {
        enabled: true,
        image_frequency: 60,
        strategy: "finance_serious",
        notified: vec!["assistant", "monitor", "platform", "talent"],
    };
    assert_eq!(settings, expected);
}

const AUDIT_SAMPLE: &str = "http://api.polyv.net/live/v4/chat/message/audit\
    ?appId=fxlwyesvqd&sign=942AC99EACD1D11FF35E480414403EB0&timestamp=1680162971000&channelId=3808479";
const AUDIT_BODY: &str = r#"[
    {
        "msgId":"msg-1",
        "content":"我发送了一条消息",
        "viewerId":"sadboy",
        "nickName":"polyv"
    }
]"#;

#[tokio::test(start_paused = true)]
async fn documented_chat_message_is_sent() {
    let simulator = simulator_of(AUDIT_SAMPLE, "");
    let request = sample(AUDIT_SAMPLE, "secret", AS_JSON, AUDIT_BODY);
    let mut answer = json_response(&simulator, &request);
    let message = simulator
        .written_state("3808479")
        .unwrap()
        .messages
        .pop_back();
    let message = message.unwrap();
    assert_eq!(message.content, "我发送了一条消息");
    let result = &mut answer["data"][0];
    assert_eq!(result["msgId"], "msg-1");
    assert_eq!(result["id"], message.id);
    let lengths: Vec<usize> = message.id.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    result["msgId"] = "123".into();
    result["id"] = "3ec969a0-ced0-11ed-87bd-6de896f75816".into();
    assert_as_shown(
        &answer,
        r#"{
            "code": 200,
            "status": "success",
            "requestId": "807edf69deb540cd8b1f7a8b0e2dc883.64.16801629319610385",
            "data": [
                {
                    "msgId": "123",
                    "id": "3ec969a0-ced0-11ed-87bd-6de896f75816",
                    "status": true,
                    "msg": "发送成功"
                }
            ],
            "success": true
        }"#,
    );
}

#[tokio::test(start_paused = true)]
async fn v4_foreign_channels_are_refused_as_documented() {
    for (address, body) in [
        (MODERATION_SAMPLE, MODERATION_BODY),
        (AUDIT_SAMPLE, AUDIT_BODY),
    ] {
        // The account of the other sample.
        let (known, _) = address.split_once("&sign").unwrap();
        let (_, app_id) = known.split_once("appId=").unwrap();
        let stranger = address.replace(app_id, "stranger");
        let simulator = simulator_of(address, "");
        let answer = json_response(&simulator, &sample(&stranger, "secret", AS_JSON, body));
        assert_as_shown(&answer, V4_FAILURE);
    }
}

const CENSOR_SAMPLE: &str = "http://api.polyv.net/live/v3/channel/chat/update-censor-enabled\
    ?appId=frlr1zazn3&sign=FD701BFA3DCE2C7DCC362A904DBF48B0&timestamp=1636536555144\
    &channelId=3335806&enabled=Y";

#[tokio::test(start_paused = true)]
async fn switch_has_the_documented_responses() {
    for (settings, data) in [("", "true"), (", censor_update_answers: before", "false")] {
        let simulator = simulator_of(CENSOR_SAMPLE, settings);
        let answer = json_response(&simulator, &sample(CENSOR_SAMPLE, "secret", AS_FORM, ""));
        assert_as_shown(&answer, &V3_SUCCESS.replace("true", data));
        assert!(simulator.written_state("3335806").unwrap().chat_moderation);
    }
}
