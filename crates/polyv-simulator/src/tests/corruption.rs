//! Faults in responses.

use super::*;

/// A simulator with a fault, and its stream information.
fn faulty(yaml: &str) -> (Simulator, HttpResponse) {
    let simulator = simulator("{noise: 0, channels: [{id: 1, live_for: 1m}]}");
    simulator.set_faults(Fault::parse_list("test", &format!("[{yaml}]")).unwrap());
    let answer = response_to(&simulator, STREAM_INFO, "channelId=1");
    (simulator, answer)
}

fn text(yaml: &str) -> String {
    faulty(yaml).1.text()
}

#[tokio::test(start_paused = true)]
async fn refusals_have_their_documented_bodies() {
    for (fault, body) in [
        (
            "throttled",
            r#"{"code":400,"status":"error","message":"qps exceeds number of calls","data":""}"#,
        ),
        (
            "forbidden",
            r#"{"code":500,"status":"fail","message":"access forbidden","data":""}"#,
        ),
        (
            "error_500",
            r#"{"code":500,"status":"fail","message":"undefined error","data":""}"#,
        ),
        (
            "{trouble: rejected, message: \"param length is incorrect: x\", code: 403}",
            r#"{"code":403,"status":"error","message":"param length is incorrect: x","data":""}"#,
        ),
        (
            "{trouble: enveloped_redirect, to: \"http://x/\"}",
            r#"{"code":400,"status":"error","message":"redirect","data":{"url":"http://x/"}}"#,
        ),
    ] {
        assert_eq!(text(fault), body, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn gateway_responses_have_no_envelope() {
    for (fault, status) in [
        ("bad_gateway", 502),
        ("html", 200),
        ("redirect", 302),
        ("{trouble: block, as: 429}", 429),
        (
            "{trouble: answer, status: 418, body: teapot, content_type: text/plain}",
            418,
        ),
    ] {
        let (_, answer) = faulty(fault);
        assert_eq!(answer.status, status, "{fault}");
        assert!(
            serde_json::from_slice::<Value>(&answer.body).is_err(),
            "{fault}"
        );
    }
    assert_eq!(faulty("redirect").1.header("location"), Some("/redirected"));
    let (_, answer) = faulty("{trouble: answer, body: teapot, content_type: text/plain}");
    assert_eq!(answer.text(), "teapot");
    assert_eq!(answer.header("content-type"), Some("text/plain"));
}

#[tokio::test(start_paused = true)]
async fn refusing_fault_follows_the_signature_check_and_gateway_fault_precedes_it() {
    let simulator = simulator("channels: [{id: 1}]");
    let wrong = signed_by(&simulator, "simulated", "wrong", STREAM_INFO, "channelId=1");
    let message = |fault: &str| {
        simulator.set_faults(Fault::parse_list("test", &format!("[{fault}]")).unwrap());
        simulator.handle(&wrong).response().unwrap().text()
    };
    assert!(message("forbidden").contains("invalid signature."));
    assert!(message("throttled").contains("qps exceeds"));
}

#[tokio::test(start_paused = true)]
async fn truncated_json_and_cut_off_bodies_are_prefixes() {
    let whole = text("{trouble: latency, median: 1ms}");
    let truncated = faulty("truncated_json").1;
    assert_eq!(truncated.delivery, Delivery::Whole);
    assert!(whole.starts_with(&truncated.text()) && truncated.text() != whole);
    let cut = faulty("cut_off").1;
    let promised = whole.len() as u64;
    assert_eq!(cut.delivery, Delivery::CutOff { promised });
    assert!(whole.starts_with(&cut.text()) && cut.text() != whole);
}

#[tokio::test(start_paused = true)]
async fn wrong_types_alternate_and_can_be_selected() {
    for (what, expected) in [
        ("code_as_text", "{\"code\":\"200\",\"status\""),
        (
            "numbers",
            "\"bitRate\":1200000,\"audioFrameRate\":43,\"videoFrameRate\":15,",
        ),
        ("nested_value", "\"bitRate\":{\"value\":\"1200000\"}"),
        ("data_object", "\"data\":{\"contents\":[{\"streamUrl\""),
        ("data_text", "\"data\":\"unexpected\"}"),
        ("data_null", "\"data\":null}"),
        ("data_empty_object", "\"data\":{}}"),
        ("data_empty_text", "\"data\":\"\"}"),
        ("null_element", "\"data\":[null,{\"streamUrl\""),
        ("text_element", "\"data\":[\"unexpected\",{\"streamUrl\""),
    ] {
        let text = text(&format!("{{trouble: wrong_types, what: [{what}]}}"));
        assert!(text.contains(expected), "{what}: {text}");
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{what}");
    }
    let (simulator, first) = faulty("wrong_types");
    let mut bodies = vec![first.text()];
    for _ in 1..10 {
        bodies.push(response_to(&simulator, STREAM_INFO, "channelId=1").text());
    }
    let turns = bodies.clone();
    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!(bodies.len(), 10);
    assert_eq!(
        response_to(&simulator, STREAM_INFO, "channelId=1").text(),
        turns[0]
    );
}

#[tokio::test(start_paused = true)]
async fn bad_values_corrupt_the_selected_fields() {
    let text = text(
        "{trouble: bad_values, defects: [infinite], fields: [bitRate], as: numbers, one_in: 3}",
    );
    assert_eq!(text.matches("\"bitRate\":1e400").count(), 4);
    assert_eq!(text.matches("\"bitRate\":\"1200000\"").count(), 8);
    let simulator = simulator("{noise: 0, channels: [{id: 1, live_for: 3h}]}");
    simulator.set_faults(Fault::parse_list("test", "[bad_values]").unwrap());
    let all = response_to(&simulator, STREAM_INFO, "channelId=1").text();
    for spoiled in [
        "\"bitRate\":null",
        "\"bitRate\":\"\"",
        "\"audioFrameRate\":\"-1\"",
        "\"videoFrameRate\":-1",
        "\"bitRate\":\"1e400\"",
        "\"audioFrameRate\":1e400",
        "\"videoFrameRate\":\"NaN\"",
        "\"bitRate\":\"fast\"",
        "\"streamUrl\":\"recordf\",\"audioFrameRate\"",
        "\"time\":\"yesterday\"",
        "\"videoFrameRate\":\"15\",\"timestamp\"",
    ] {
        assert!(all.contains(spoiled), "{spoiled}");
    }
    assert_eq!(
        response_to(&simulator, STREAM_INFO, "channelId=1").text(),
        all
    );
}

#[tokio::test(start_paused = true)]
async fn future_samples_many_streams_and_huge_responses() {
    let (simulator, answer) = faulty("{trouble: future, by: 10m}");
    let answer: Value = serde_json::from_str(&answer.text()).unwrap();
    let newest = time(answer["data"].as_array().unwrap().last().unwrap());
    assert!((590_000..600_000).contains(&(newest - simulator.polyv_now_ms()).abs()));

    let many: Value = serde_json::from_str(&text("many_streams")).unwrap();
    let mut names: Vec<&str> = many["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sample| sample["streamUrl"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 20);

    let huge = text("huge");
    assert!(huge.len() > 5 << 20);
    assert!(serde_json::from_str::<Value>(&huge).is_ok());
    let samples = text("{trouble: huge_samples, bytes: 100000}");
    assert!(samples.len() > 12 * 100_000);
    assert!(serde_json::from_str::<Value>(&samples).is_ok());
}

#[tokio::test(start_paused = true)]
async fn bombs_endless_bodies_hangs_and_resets_are_connection_actions() {
    let (simulator, bomb) = faulty("gzip_bomb");
    assert_eq!(bomb.header("content-encoding"), Some("gzip"));
    simulator.set_faults(Fault::parse_list("test", "[endless]").unwrap());
    let endless = response_to(&simulator, STREAM_INFO, "channelId=1");
    assert!(matches!(endless.delivery, Delivery::Endless { .. }));
    assert!(endless.text().ends_with("\"data\":["), "{}", endless.text());
    for (fault, action) in [
        ("hang", ConnectionAction::Hang),
        ("reset", ConnectionAction::Reset),
    ] {
        let faults = Fault::parse_list("test", &format!("[{fault}]")).unwrap();
        simulator.set_faults(faults);
        let request = signed(&simulator, STREAM_INFO, "channelId=1");
        assert_eq!(simulator.handle(&request), action);
        assert_eq!(simulator.requests().last().unwrap().outcome, fault);
    }
    simulator.clear_faults();
    let _ = response_to(&simulator, STREAM_INFO, "channelId=1");
    assert_eq!(simulator.requests().last().unwrap().outcome, "samples");
}

#[tokio::test(start_paused = true)]
async fn fault_of_one_account_does_not_affect_others() {
    let simulator = simulator(
        "accounts: [{app_id: a, app_secret: x}, {app_id: b, app_secret: y}]\n\
         channels: [{id: 1, account: a}, {id: 2, account: b}]\n\
         troubles: [{trouble: hang, account: a}, {trouble: latency, median: 2s, p99: 2s}]",
    );
    let hanging = signed_by(&simulator, "a", "x", STREAM_INFO, "channelId=1");
    assert_eq!(simulator.handle(&hanging), ConnectionAction::Hang);
    let fine = signed_by(&simulator, "b", "y", STREAM_INFO, "channelId=2");
    let action = simulator.handle(&fine);
    assert_eq!(action.response().unwrap().delay, Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn schedule_starts_when_the_fault_is_set() {
    let simulator = simulator("{channels: [{id: 1}], troubles: [{trouble: hang, after: 30s}]}");
    let hangs = || {
        let request = signed(&simulator, STREAM_INFO, "channelId=1");
        simulator.handle(&request) == ConnectionAction::Hang
    };
    assert!(!hangs());
    pass(30).await;
    assert!(hangs());
    let faults = Fault::parse_list("test", "[{trouble: hang, after: 10s, for: 10s}]");
    simulator.set_faults(faults.unwrap());
    assert!(!hangs());
    pass(10).await;
    assert!(hangs());
    pass(10).await;
    assert!(!hangs());
}
