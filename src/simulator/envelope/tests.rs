use super::*;

/// Drops the white space between the tokens of a sample as the pages print it.
fn close_up(sample: &str) -> String {
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
fn v3_refusals_are_the_pages_samples_byte_for_byte() {
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
    let failure = |refusal| Envelope::V3.failure(&refusal, "", Nothing::EmptyText);
    assert_eq!(failure(Refusal::signature()), close_up(signature));
    assert_eq!(failure(Refusal::not_live()), close_up(not_live));
}

#[test]
fn a_v4_refusal_is_the_pages_sample_byte_for_byte() {
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
        Envelope::V4.failure(&Refusal::unknown_app(), id, Nothing::EmptyText),
        close_up(sample)
    );
}

#[test]
fn successes_are_dressed_as_the_pages_show_them() {
    let plain = Dressing::default();
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
fn a_message_with_quotes_in_it_stays_one_json_text() {
    let refusal = Refusal::of_the_question("a \"b\" \\ c\n", "rejected");
    for envelope in [Envelope::V3, Envelope::V4] {
        let body: Value =
            serde_json::from_str(&envelope.failure(&refusal, "1", Nothing::Null)).unwrap();
        let message = body.get("message").or(body.pointer("/error/desc")).unwrap();
        assert_eq!(message, "a \"b\" \\ c\n");
    }
}

#[test]
fn a_server_refusal_has_the_documented_code_and_status() {
    assert_eq!(
        Envelope::V3.failure(&Refusal::forbidden(), "", Nothing::EmptyText),
        r#"{"code":500,"status":"fail","message":"access forbidden","data":""}"#
    );
}
