//! Whether a write takes effect without a good response.

use super::*;

const MESSAGE: &str = r#"[{"msgId":"m","viewerId":"v","nickName":"n","content":"c"}]"#;

/// Whether a message was sent, and what became of the call.
fn sent_despite(yaml: &str) -> (bool, ConnectionAction) {
    let simulator = simulator("channels: [{id: 1}]");
    fault(&simulator, yaml);
    let request = post(&simulator, AUDIT, "channelId=1", MESSAGE);
    let action = simulator.handle(&request);
    let sent = simulator.written_state("1").unwrap().has_message("m");
    (sent, action)
}

#[tokio::test(start_paused = true)]
async fn corrupted_or_late_response_keeps_the_effect() {
    for yaml in [
        "truncated_json",
        "cut_off",
        "wrong_types",
        "huge",
        "{trouble: latency, median: 1h, p99: 1h}",
        "{trouble: truncated_json, endpoints: [chat_message_audit]}",
    ] {
        assert!(sent_despite(yaml).0, "{yaml}");
    }
    let (_, action) = sent_despite("truncated_json");
    let text = action.response().unwrap().text();
    assert!(text.starts_with("{\"code\":200,"), "{text}");
    assert!(serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test(start_paused = true)]
async fn refusals_and_faults_at_the_gateway_have_no_effect() {
    for yaml in [
        "hang",
        "reset",
        "block",
        "throttled",
        "bad_gateway",
        "html",
        "answer",
        "redirect",
        "enveloped_redirect",
        "gzip_bomb",
        "endless",
        "error_500",
        "forbidden",
        "rejected",
        "{trouble: clock_skew, by: 10m}",
        "{trouble: hang, effect: none}",
        "{trouble: error_500, effect: none}",
        "{trouble: hang, endpoints: [chat_message_audit]}",
    ] {
        assert!(!sent_despite(yaml).0, "{yaml}");
    }
}

#[tokio::test(start_paused = true)]
async fn response_can_be_lost_after_the_effect() {
    for name in [
        "hang",
        "reset",
        "bad_gateway",
        "html",
        "answer",
        "gzip_bomb",
        "endless",
        "error_500",
    ] {
        let (sent, action) = sent_despite(&format!("{{trouble: {name}, effect: taken}}"));
        assert!(sent, "{name}");
        let text = action
            .response()
            .map(HttpResponse::text)
            .unwrap_or_default();
        assert!(!text.contains("发送成功"), "{name}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn call_that_would_be_refused_never_has_an_effect() {
    for taken in ["hang", "error_500"] {
        let simulator = simulator("channels: [{id: 1}]");
        fault(&simulator, &format!("{{trouble: {taken}, effect: taken}}"));
        let right = post(&simulator, AUDIT, "channelId=1", MESSAGE);
        let mut forged = right.clone();
        forged.query = forged.query.replace("channelId=1", "channelId=2");
        let mut long = right.clone();
        long.body.resize((1 << 20) + 1, b' ');
        let _ = simulator.handle(&forged);
        let _ = simulator.handle(&long);
        let rubbish = post(&simulator, AUDIT, "channelId=1", "[1]");
        let _ = simulator.handle(&rubbish);
        assert!(simulator.written_state("1").unwrap().messages.is_empty());
        let _ = simulator.handle(&right);
        assert_eq!(simulator.written_state("1").unwrap().messages.len(), 1);
    }
    // Of two troubles the first one decides.
    let both = "hang, {trouble: reset, effect: taken}";
    assert_eq!(sent_despite(both), (false, ConnectionAction::Hang));
}

#[tokio::test(start_paused = true)]
async fn fault_of_one_endpoint_does_not_affect_others() {
    let simulator = simulator("channels: [{id: 1}]");
    for (endpoint, path) in [
        ("session_relevance", RELEVANCE),
        ("video_moderation_update", MODERATION_UPDATE),
        ("video_moderation_get", MODERATION_GET),
        ("chat_message_audit", AUDIT),
        ("update_censor_enabled", CENSOR_UPDATE),
        ("get_censor_enabled", CENSOR_GET),
    ] {
        fault(
            &simulator,
            &format!("{{trouble: reset, endpoints: [{endpoint}]}}"),
        );
        for calls in [
            RELEVANCE,
            MODERATION_UPDATE,
            MODERATION_GET,
            AUDIT,
            CENSOR_UPDATE,
            CENSOR_GET,
        ] {
            let reset = simulator.handle(&Request::get(calls)) == ConnectionAction::Reset;
            assert_eq!(reset, calls == path, "{endpoint} {calls}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn body_of_more_than_a_mebibyte_is_refused_at_the_gateway() {
    let simulator = simulator("channels: [{id: 1}]");
    let mut request = post(&simulator, AUDIT, "channelId=1", MESSAGE);
    request.body.resize(1 << 20, b' ');
    assert_eq!(json_response(&simulator, &request)["code"], 200);
    request.body.push(b' ');
    let action = simulator.handle(&request);
    assert_eq!(action.response().unwrap().status, 413);
    assert_eq!(simulator.requests().last().unwrap().outcome, "too_large");
}

#[tokio::test(start_paused = true)]
async fn written_state_survives_a_new_script_but_not_a_replaced_channel() {
    let simulator = simulator("channels: [{id: 1}]");
    let _ = tell(&simulator, CENSOR_UPDATE, "channelId=1&enabled=Y", "null");
    simulator.set_script("1", Phase::Empty.into()).unwrap();
    assert!(simulator.written_state("1").unwrap().chat_moderation);
    simulator.put_channel("1", "{}").unwrap();
    assert!(!simulator.written_state("1").unwrap().chat_moderation);
}
