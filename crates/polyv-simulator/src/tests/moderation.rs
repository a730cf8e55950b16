//! Video moderation.

use serde_json::json as value;

use super::*;

fn full() -> Value {
    value!({
        "moderationEnabled": "Y",
        "imageFrequency": 20,
        "moderationStrategy": "finance_easy",
        "illegalNotify": {"assistantEnabled": "Y", "talentEnabled": "N"},
    })
}

fn update(simulator: &Simulator, body: &Value) -> Value {
    let body = body.to_string();
    tell(simulator, MODERATION_UPDATE, "channelId=1", &body)
}

fn settings(simulator: &Simulator) -> Value {
    json(simulator, MODERATION_GET, "channelId=1")["data"].clone()
}

#[tokio::test(start_paused = true)]
async fn every_update_sets_every_field_and_they_are_read_back() {
    let simulator = simulator("channels: [{id: 1}]");
    let none = value!({
        "assistantEnabled": "N", "monitorEnabled": "N", "platformEnabled": "N", "talentEnabled": "N",
    });
    let mut expected = value!({
        "channelId": 1,
        "moderationEnabled": "N",
        "imageFrequency": 60,
        "moderationStrategy": "finance_normal",
        "illegalNotify": none,
    });
    assert_eq!(settings(&simulator), expected);
    assert_eq!(update(&simulator, &full())["data"], true);
    expected = full();
    expected["channelId"] = 1.into();
    expected["illegalNotify"] = none.clone();
    expected["illegalNotify"]["assistantEnabled"] = "Y".into();
    assert_eq!(settings(&simulator), expected);
    // What is left out falls back.
    let mut body = full();
    body["illegalNotify"] = value!({"monitorEnabled": "Y", "platformEnabled": null});
    assert_eq!(update(&simulator, &body)["data"], true);
    expected["illegalNotify"] = none;
    expected["illegalNotify"]["monitorEnabled"] = "Y".into();
    assert_eq!(settings(&simulator), expected);
}

#[tokio::test(start_paused = true)]
async fn differences_between_official_clients_are_accepted() {
    let simulator = simulator("channels: [{id: 1}]");
    for (name, given) in [
        ("imageFrequency", value!("5")),
        ("imageFrequency", value!(5)),
        ("channelId", value!("1")),
        ("channelId", value!(1)),
        ("channelId", Value::Null),
        ("somethingElse", value!([1])),
    ] {
        let mut body = full();
        body[name] = given;
        assert_eq!(update(&simulator, &body)["data"], true, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn missing_wrong_and_mistyped_values_are_refused_and_change_nothing() {
    let simulator = simulator("channels: [{id: 1}]");
    let before = settings(&simulator);
    for name in [
        "moderationEnabled",
        "imageFrequency",
        "moderationStrategy",
        "illegalNotify",
    ] {
        for nothing in [None, Some(Value::Null), Some(value!(" "))] {
            let mut body = full();
            match nothing {
                Some(nothing) => body[name] = nothing,
                None => drop(body.as_object_mut().unwrap().remove(name)),
            }
            let words = format!("param should not be empty: {name}");
            assert_eq!(refused(&update(&simulator, &body)), words);
        }
    }
    for (name, wrong) in [
        ("moderationEnabled", value!(true)),
        ("moderationEnabled", value!("y")),
        ("imageFrequency", value!(10)),
        ("imageFrequency", value!("60s")),
        ("imageFrequency", value!(5.5)),
        ("imageFrequency", value!(-5)),
        ("moderationStrategy", value!("easy")),
        ("moderationStrategy", value!(1)),
        ("illegalNotify", value!([])),
        ("illegalNotify", value!("Y")),
        ("illegalNotify", value!({"talentEnabled": true})),
        ("illegalNotify", value!({"talentEnabled": ""})),
        ("channelId", value!(2)),
        ("channelId", value!("2")),
        ("channelId", value!("")),
        ("channelId", value!([1])),
    ] {
        let mut body = full();
        body[name] = wrong;
        let answer = update(&simulator, &body);
        assert_eq!(refused(&answer), "param validate error", "{body}");
    }
    for body in ["", "null", "[]", "\"Y\"", "{\"moderationEnabled\":", "a=b"] {
        let answer = tell(&simulator, MODERATION_UPDATE, "channelId=1", body);
        assert_eq!(refused(&answer), "param validate error", "{body}");
    }
    assert_eq!(settings(&simulator), before);
}

#[tokio::test(start_paused = true)]
async fn json_operation_requires_json_and_signs_only_the_query() {
    let simulator = simulator("channels: [{id: 1}]");
    let request = post(
        &simulator,
        MODERATION_UPDATE,
        "channelId=1",
        &full().to_string(),
    );
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let mut request = request.clone();
        let value = content_type.parse().unwrap();
        request.headers.insert("content-type", value);
        let words = format!("Content type '{content_type}' not supported");
        assert_eq!(refused(&json_response(&simulator, &request)), words);
    }
    let mut untyped = request.clone();
    untyped.headers.clear();
    let answer = json_response(&simulator, &untyped);
    assert_eq!(refused(&answer), "Content type '' not supported");
    assert_eq!(
        simulator.requests().last().unwrap().outcome,
        "wrong_content_type"
    );
    assert_eq!(json_response(&simulator, &request)["success"], true);
}

#[tokio::test(start_paused = true)]
async fn missing_feature_of_the_account_is_reported() {
    let simulator = simulator(
        "{http_status_is_code: true, \
         accounts: [{app_id: simulated, app_secret: simulated-secret, video_moderation: false}], \
         channels: [{id: 1}]}",
    );
    let words = "账号未开启视频审核功能";
    assert_eq!(refused(&update(&simulator, &full())), words);
    let answer = response_to(&simulator, MODERATION_GET, "channelId=1");
    assert_eq!(answer.status, 400);
    assert_eq!(
        refused(&serde_json::from_str(&answer.text()).unwrap()),
        words
    );
    let last = simulator.requests().pop().unwrap();
    assert_eq!(
        (&*last.endpoint, &*last.outcome),
        ("video_moderation_get", "feature_off")
    );
}
