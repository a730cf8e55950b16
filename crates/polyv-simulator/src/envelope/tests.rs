use super::*;

/// Removes the white space between the tokens of a sample from the pages.
fn compact(sample: &str) -> String {
    let mut in_text = false;
    sample
        .chars()
        .filter(|c| {
            in_text ^= *c == '"';
            in_text || !c.is_whitespace()
        })
        .collect()
}

#[test]
fn v3_refusals_equal_the_pages_samples() {
    let signature = r#"{
        "code": 400,
        "status": "error",
        "message": "invalid signature.",
        "data": ""
    }"#;
    let not_live = r#"{
        "code": 400,
        "status": "error",
        "message": "channel status not live",
        "data": ""
    }"#;
    let failure = |refusal| Envelope::V3.failure(&refusal, "", EmptyDataStyle::EmptyText);
    assert_eq!(
        failure(Refusal::InvalidSignature { code: 400 }),
        compact(signature)
    );
    assert_eq!(failure(Refusal::NotLive), compact(not_live));
}

#[test]
fn v4_refusal_equals_the_pages_sample() {
    let sample = r#"{
        "code": 400,
        "status": "error",
        "requestId": "d310b70bc329403f87f77f9203d50f89.128.16360832149273615",
        "error": {
            "code": 20001,
            "desc": "application not found."
        },
        "success": false
    }"#;
    let id = "d310b70bc329403f87f77f9203d50f89.128.16360832149273615";
    assert_eq!(
        Envelope::V4.failure(&Refusal::ApplicationNotFound, id, EmptyDataStyle::EmptyText),
        compact(sample)
    );
}

#[test]
fn successes_have_the_documented_envelopes() {
    let plain = EnvelopeOptions::default();
    assert_eq!(
        Envelope::V3.success("[]", "", plain),
        r#"{"code":200,"status":"success","message":"","data":[]}"#
    );
    assert_eq!(
        Envelope::V4.success("[]", "b38b.82.163", plain),
        r#"{"code":200,"status":"success","requestId":"b38b.82.163","data":[],"success":true}"#
    );
}

#[test]
fn quotes_in_messages_are_escaped() {
    let message = "a \"b\" \\ c\n".to_owned();
    let refusal = Refusal::Rejected { code: 400, message };
    for envelope in [Envelope::V3, Envelope::V4] {
        let body: Value =
            serde_json::from_str(&envelope.failure(&refusal, "1", EmptyDataStyle::NullValue))
                .unwrap();
        let message = body.get("message").or(body.pointer("/error/desc")).unwrap();
        assert_eq!(message, "a \"b\" \\ c\n");
    }
}

#[test]
fn server_error_has_the_documented_code_and_status() {
    assert_eq!(
        Envelope::V3.failure(&Refusal::Forbidden, "", EmptyDataStyle::EmptyText),
        r#"{"code":500,"status":"fail","message":"access forbidden","data":""}"#
    );
}
