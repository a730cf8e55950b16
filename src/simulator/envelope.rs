//! The two envelopes that Polyv wraps its answers in (fact sheet: answers).

use std::borrow::Cow;

use serde_json::Value;

/// Which envelope an operation uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Envelope {
    /// `/live/v3/…`: message and data.
    V3,
    /// `/live/v4/…`: request id, error object and success flag.
    V4,
}

/// A call that Polyv refuses, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The envelope's `code`.
    pub(super) code: u16,
    /// The envelope's `status`.
    pub(super) status: &'static str,
    /// The v3 `message`, the v4 `error.desc`.
    pub(super) message: Cow<'static, str>,
    /// The v4 `error.code`, where one is documented.
    pub(super) error_code: Option<u32>,
    /// The word that the receive log uses for it.
    pub(super) word: &'static str,
}

/// What goes into a success besides its `data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Dressing {
    /// `code` as a JSON string, as one page's table has it.
    pub(super) code_as_text: bool,
    /// So many bytes more, in a member that no page knows.
    pub(super) padding: usize,
}

// === impl Envelope ===

impl Envelope {
    /// The envelope of the API version that the path belongs to.
    pub(super) fn of_path(path: &str) -> Self {
        if path.starts_with("/live/v4/") {
            Self::V4
        } else {
            Self::V3
        }
    }

    /// `data` (already JSON) as a success.
    pub(super) fn success(self, data: &str, request_id: &str, dressing: Dressing) -> String {
        let code = if dressing.code_as_text {
            "\"200\""
        } else {
            "200"
        };
        let padding = match dressing.padding {
            0 => String::new(),
            bytes => format!("\"padding\":\"{}\",", "x".repeat(bytes)),
        };
        match self {
            Self::V3 => format!(
                "{{\"code\":{code},\"status\":\"success\",\"message\":\"\",{padding}\"data\":{data}}}"
            ),
            Self::V4 => format!(
                "{{\"code\":{code},\"status\":\"success\",\"requestId\":\"{request_id}\",\
                 {padding}\"data\":{data},\"success\":true}}"
            ),
        }
    }

    /// A refusal.
    pub(super) fn failure(self, refusal: &Refusal, request_id: &str) -> String {
        let Refusal {
            code,
            status,
            message,
            ..
        } = refusal;
        let message = Value::from(message.as_ref());
        match self {
            Self::V3 => format!(
                "{{\"code\":{code},\"status\":\"{status}\",\"message\":{message},\"data\":\"\"}}"
            ),
            Self::V4 => {
                // A reading: where no page names an error code, the answer's own code stands.
                let error_code = refusal.error_code.unwrap_or_else(|| u32::from(*code));
                format!(
                    "{{\"code\":{code},\"status\":\"{status}\",\"requestId\":\"{request_id}\",\
                     \"error\":{{\"code\":{error_code},\"desc\":{message}}},\"success\":false}}"
                )
            }
        }
    }

    /// The message `redirect` with the address in `data.url` (public docs: global errors).
    pub(super) fn redirect(self, url: &str, request_id: &str) -> String {
        let url = Value::from(url);
        match self {
            Self::V3 => format!(
                "{{\"code\":400,\"status\":\"error\",\"message\":\"redirect\",\
                 \"data\":{{\"url\":{url}}}}}"
            ),
            Self::V4 => format!(
                "{{\"code\":400,\"status\":\"error\",\"requestId\":\"{request_id}\",\
                 \"error\":{{\"code\":400,\"desc\":\"redirect\"}},\
                 \"data\":{{\"url\":{url}}},\"success\":false}}"
            ),
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// A refusal for something wrong with the question: code 400, status `error`.
    pub(super) fn of_the_question(
        message: impl Into<Cow<'static, str>>,
        word: &'static str,
    ) -> Self {
        Self {
            code: 400,
            status: "error",
            message: message.into(),
            error_code: None,
            word,
        }
    }

    /// A refusal from inside: code 500, status `fail` (public docs: global errors).
    pub(super) fn of_the_server(message: impl Into<Cow<'static, str>>, word: &'static str) -> Self {
        Self {
            code: 500,
            status: "fail",
            message: message.into(),
            error_code: None,
            word,
        }
    }

    pub(super) fn missing(name: &str) -> Self {
        if name == "appId" {
            return Self::of_the_question("appId is required.", "missing_parameter");
        }
        let message = format!("param should not be empty: {name}");
        Self::of_the_question(message, "missing_parameter")
    }

    pub(super) fn unknown_app() -> Self {
        Self {
            error_code: Some(20_001),
            ..Self::of_the_question("application not found.", "application_not_found")
        }
    }

    pub(super) fn timestamp() -> Self {
        Self::of_the_question("invalid timestamp.", "invalid_timestamp")
    }

    pub(super) fn signature() -> Self {
        Self::of_the_question("invalid signature.", "invalid_signature")
    }

    pub(super) fn parameters() -> Self {
        Self::of_the_question("param validate error", "invalid_parameter")
    }

    pub(super) fn not_live() -> Self {
        Self::of_the_question("channel status not live", "not_live")
    }

    pub(super) fn throttled() -> Self {
        Self::of_the_question("qps exceeds number of calls", "throttled")
    }

    pub(super) fn forbidden() -> Self {
        Self::of_the_server("access forbidden", "forbidden")
    }
}

#[cfg(test)]
mod tests {
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
        let failure = |refusal| Envelope::V3.failure(&refusal, "");
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
            Envelope::V4.failure(&Refusal::unknown_app(), id),
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
            let body: Value = serde_json::from_str(&envelope.failure(&refusal, "1")).unwrap();
            let message = body.get("message").or(body.pointer("/error/desc")).unwrap();
            assert_eq!(message, "a \"b\" \\ c\n");
        }
    }

    #[test]
    fn a_server_refusal_has_the_documented_code_and_status() {
        assert_eq!(
            Envelope::V3.failure(&Refusal::forbidden(), ""),
            r#"{"code":500,"status":"fail","message":"access forbidden","data":""}"#
        );
    }
}
