//! Polyv's two response envelopes, v3 and v4.
//!
//! The v4 pages say that the HTTP status equals `code`, the official clients have received
//! rejections with HTTP 200, and the Java SDK uses `code` only. Therefore the body is decoded
//! first, and the HTTP status counts only if there is no envelope.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{ApiRejection, BadResponse, Error};
use crate::json::{is_object, string_content};
use crate::numeric_field::NumericField;
use crate::text::for_log;

/// A decoded response.
#[derive(Debug)]
pub struct DecodedEnvelope<'a> {
    /// Whether the body is an envelope, so that the response comes from Polyv itself.
    pub has_envelope: bool,
    /// The `data` of a success (`None` if absent), or the failure.
    pub data: Result<Option<&'a RawValue>, Error>,
}

/// The fields of both envelopes. They stay raw, so that one of an unexpected type does not
/// hide the others.
#[derive(Deserialize)]
struct RawEnvelope<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The `error` of v4, which v3 responses may contain as well.
#[derive(Deserialize)]
struct RawError<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    desc: Option<&'a RawValue>,
}

/// The error variant for a rejection.
type ErrorKind = fn(ApiRejection) -> Error;

/// These messages are followed by details.
const INVALID_PARAMETER: [&str; 3] = [
    "param should not be empty",
    "param is not digit",
    "param length is incorrect",
];

/// These messages name the feature that an account has not got.
const NO_PERMISSION: [&str; 3] = ["账号未开启", "没有开启", "当前用户不允许"];

const SUCCESS: i64 = 200;
/// v4: `application not found.`
const APPLICATION_NOT_FOUND: i64 = 20_001;
/// v4: `存在非法频道ID`
const ILLEGAL_CHANNEL: i64 = 30_005;

/// Decodes a response's body. A rejection gets the response's `retry_after`.
#[must_use]
pub fn decode(http_status: u16, retry_after: Option<Duration>, body: &[u8]) -> DecodedEnvelope<'_> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let envelope = std::str::from_utf8(body)
        .ok()
        .filter(|json| is_object(json.trim_ascii_start()))
        .and_then(|json| serde_json::from_str::<RawEnvelope<'_>>(json).ok());
    let code = envelope
        .as_ref()
        .and_then(|envelope| integer(envelope.code));
    let (has_envelope, data) = match (envelope, code) {
        (Some(envelope), Some(SUCCESS)) => (true, Ok(envelope.data)),
        (Some(envelope), Some(code)) => {
            let (kind, message) = classify(code, &envelope);
            let rejection = ApiRejection {
                http_status,
                code: Some(code),
                message,
                retry_after,
            };
            (true, Err(kind(rejection)))
        }
        _ => {
            let rejection = ApiRejection {
                http_status,
                code: None,
                message: String::new(),
                retry_after,
            };
            (false, Err(no_envelope(rejection, body.len())))
        }
    };
    DecodedEnvelope { has_envelope, data }
}

/// Classifies a rejection by message, then by `error.code`, then by `code`. Returns the message
/// for the log as well.
fn classify(code: i64, envelope: &RawEnvelope<'_>) -> (ErrorKind, String) {
    let error = envelope
        .error
        .and_then(|raw| serde_json::from_str::<RawError<'_>>(raw.get()).ok());
    let (error_code, desc) = error.map_or((None, None), |error| (integer(error.code), error.desc));
    let messages = [text(envelope.message), text(desc)];
    let mut messages = messages.iter().flatten().peekable();
    let first = messages.peek().map_or("", |message| message.as_str());
    let kind = messages
        .find_map(|message| kind_of_message(message))
        .or_else(|| error_code.and_then(kind_of_error_code))
        .unwrap_or_else(|| kind_of_code(code));
    (kind, redacted(first))
}

/// The documented or observed messages, compared without case and without the final full
/// stop, which varies.
fn kind_of_message(message: &str) -> Option<ErrorKind> {
    let message = message
        .trim()
        .trim_end_matches(['.', '。'])
        .trim_end()
        .to_lowercase();
    Some(match message.as_str() {
        "channel status not live"
        | "channel in no live"
        | "channel is not live"
        | "未检测到直播推流" => |_| Error::NotLive,
        "invalid signature" | "application not found" | "appid is required" => Error::AuthFailed,
        "invalid timestamp" => Error::ClockSkew,
        "qps exceeds number of calls" => Error::Throttled,
        "forbidden" | "access forbidden" | "need to login" | "illegal operation" => {
            Error::Forbidden
        }
        "param validate error" | "illegal channel id" | "存在非法频道id" => Error::Rejected,
        other if NO_PERMISSION.iter().any(|start| other.starts_with(start)) => Error::Forbidden,
        other
            if INVALID_PARAMETER
                .iter()
                .any(|start| other.starts_with(start)) =>
        {
            Error::Rejected
        }
        _ => return None,
    })
}

fn kind_of_error_code(code: i64) -> Option<ErrorKind> {
    match code {
        APPLICATION_NOT_FOUND => Some(Error::AuthFailed),
        ILLEGAL_CHANNEL => Some(Error::Rejected),
        _ => None,
    }
}

fn kind_of_code(code: i64) -> ErrorKind {
    match code {
        401 => Error::AuthFailed,
        500.. => Error::ServerError,
        _ => Error::Rejected,
    }
}

/// A block by Polyv, or the response of a gateway in front of it, has no envelope.
fn no_envelope(rejection: ApiRejection, bytes: usize) -> Error {
    match rejection.http_status {
        403 | 405 | 429 => Error::Throttled(rejection),
        500..=599 => Error::ServerError(rejection),
        http_status => Error::BadResponse(BadResponse::NoEnvelope { http_status, bytes }),
    }
}

/// `code` is a number in most samples and a string in one page's table.
fn integer(raw: Option<&RawValue>) -> Option<i64> {
    let number = NumericField::parse_json(raw).number()?;
    #[allow(clippy::cast_possible_truncation)] // the comparison rejects fractions
    let whole = number as i64;
    #[allow(clippy::cast_precision_loss)] // codes are small
    (whole as f64 == number).then_some(whole)
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    let text = string_content(raw?.get())?;
    (!text.trim().is_empty()).then(|| text.into_owned())
}

/// A message from outside for the log: short, on one line, and without addresses or long hex
/// numbers, since a gateway may echo the signed URL.
fn redacted(message: &str) -> String {
    // First, as `http:\0//` would become an address without its control character.
    let message = message.replace(|c: char| c.is_control() && !c.is_whitespace(), "");
    let is_sensitive = |word: &str| {
        let mut runs = word.split(|c: char| !c.is_ascii_hexdigit());
        word.contains("://") || word.contains("sign=") || runs.any(|run| run.len() >= 32)
    };
    let words: Vec<&str> = message
        .split_whitespace()
        .map(|word| if is_sensitive(word) { "…" } else { word })
        .collect();
    for_log(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Outcome;

    fn outcome(http_status: u16, body: &str) -> Outcome {
        match decode(http_status, None, body.as_bytes()).data {
            Ok(_) => Outcome::Ok,
            Err(error) => error.outcome(),
        }
    }

    fn refused(code: i64, message: &str) -> Outcome {
        let body =
            serde_json::json!({"code": code, "status": "error", "message": message, "data": ""});
        outcome(200, &body.to_string())
    }

    #[test]
    fn documented_failures_are_classified() {
        let signature =
            r#"{ "code": 400, "status": "error", "message": "invalid signature.", "data": "" }"#;
        let offline = r#"{ "code": 400, "status": "error", "message": "channel status not live", "data": "" }"#;
        for http_status in [200, 400] {
            assert_eq!(outcome(http_status, signature), Outcome::AuthFailed);
            assert_eq!(outcome(http_status, offline), Outcome::NotLive);
        }
    }

    #[test]
    fn documented_messages_take_precedence_over_codes() {
        for (message, expected) in [
            ("channel status not live", Outcome::NotLive),
            ("Channel in no live.", Outcome::NotLive),
            ("channel is not live", Outcome::NotLive),
            ("未检测到直播推流", Outcome::NotLive),
            ("invalid signature.", Outcome::AuthFailed),
            ("Application not found", Outcome::AuthFailed),
            ("appId is required.", Outcome::AuthFailed),
            ("invalid timestamp.", Outcome::ClockSkew),
            ("QPS exceeds number of calls", Outcome::Throttled),
            ("forbidden", Outcome::Forbidden),
            ("access forbidden", Outcome::Forbidden),
            ("没有开启连麦权限", Outcome::Forbidden),
            ("当前用户不允许调用", Outcome::Forbidden),
            ("need to login", Outcome::Forbidden),
            ("illegal operation", Outcome::Forbidden),
            ("账号未开启视频审核功能", Outcome::Forbidden),
            ("param should not be empty: channelId", Outcome::Rejected),
            ("param is not digit: channelId", Outcome::Rejected),
            ("param validate error", Outcome::Rejected),
            ("param length is incorrect: x", Outcome::Rejected),
            ("illegal channel id", Outcome::Rejected),
            ("存在非法频道ID", Outcome::Rejected),
        ] {
            for code in [400, 401, 403, 500] {
                assert_eq!(refused(code, message), expected, "{message} with {code}");
            }
        }
    }

    #[test]
    fn unknown_messages_are_classified_by_code() {
        assert_eq!(refused(401, "who are you"), Outcome::AuthFailed);
        assert_eq!(refused(400, "no"), Outcome::Rejected);
        assert_eq!(refused(403, "no"), Outcome::Rejected);
        assert_eq!(refused(500, "oops"), Outcome::ServerError);
        assert_eq!(refused(503, ""), Outcome::ServerError);
        let v4 = |code: i64, desc: &str| {
            outcome(
                400,
                &serde_json::json!({
                    "code": 400, "status": "error", "requestId": "7",
                    "error": {"code": code, "desc": desc}, "success": false
                })
                .to_string(),
            )
        };
        assert_eq!(v4(20_001, "application not found."), Outcome::AuthFailed);
        assert_eq!(v4(20_001, "应用不存在"), Outcome::AuthFailed);
        assert_eq!(v4(30_005, "?"), Outcome::Rejected);
        assert_eq!(v4(1, "Invalid timestamp"), Outcome::ClockSkew);
    }

    #[test]
    fn documented_forbidden_sample_is_forbidden() {
        let body = r#"{"code":500,"status":"fail","message":"access forbidden","data":null}"#;
        assert_eq!(outcome(500, body), Outcome::Forbidden);
    }

    #[test]
    fn success_is_code_200_only() {
        assert_eq!(outcome(500, r#"{"code":200,"data":[]}"#), Outcome::Ok);
        assert_eq!(outcome(200, r#"{"code":"200","data":[]}"#), Outcome::Ok);
        let v4 = r#"{"code":200,"status":"success","requestId":"1","data":[],"success":true}"#;
        assert_eq!(outcome(200, v4), Outcome::Ok);
        assert_eq!(
            outcome(200, r#"{"code":0,"status":"success","data":[]}"#),
            Outcome::Rejected
        );
        assert_eq!(
            outcome(200, r#"{"status":"success","data":[]}"#),
            Outcome::BadResponse
        );
    }

    #[test]
    fn http_status_counts_without_an_envelope() {
        for body in [
            "",
            "<html></html>",
            r#"{"code":200,"data":["#,
            "[]",
            "[200,\"\",null,[]]",
            "null",
            r#"{"code":2.5}"#,
        ] {
            for (status, expected) in [
                (200, Outcome::BadResponse),
                (302, Outcome::BadResponse),
                (403, Outcome::Throttled),
                (404, Outcome::BadResponse),
                (405, Outcome::Throttled),
                (429, Outcome::Throttled),
                (500, Outcome::ServerError),
                (502, Outcome::ServerError),
            ] {
                assert_eq!(outcome(status, body), expected, "{status} {body}");
                assert!(!decode(status, None, body.as_bytes()).has_envelope);
            }
        }
    }

    #[test]
    fn fields_of_unexpected_types_do_not_hide_the_others() {
        let body = r#"{"code":400,"status":5,"message":{"a":1},"error":"","data":{"x":[1e400]}}"#;
        assert_eq!(outcome(200, body), Outcome::Rejected);
        let body = r#"{"code":400,"message":null,"error":{"code":"20001","desc":null}}"#;
        assert_eq!(outcome(200, body), Outcome::AuthFailed);
    }

    #[test]
    fn messages_are_redacted_for_the_log() {
        let sent = format!(
            "no\nfor GET https://api.polyv.net/x?sign={0} {0} {1}",
            "AB".repeat(16),
            "字".repeat(500)
        );
        let body = serde_json::json!({"code": 400, "message": sent}).to_string();
        let Err(Error::Rejected(refusal)) = decode(200, None, body.as_bytes()).data else {
            panic!("that is a refusal");
        };
        assert!(refusal.message.starts_with("no for GET … … 字"));
        assert_eq!(refusal.message.chars().count(), 201);
    }

    #[test]
    fn control_characters_hide_no_address_and_no_signature() {
        for message in ["http:\0//host", "si\u{1}gn=1", "\u{7f}sign\u{9f}=1"] {
            assert_eq!(redacted(message), "…", "{message:?}");
        }
        assert_eq!(redacted("no\u{85}\u{b}such\0 thing"), "no such thing");
    }
}
