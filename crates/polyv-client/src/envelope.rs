//! What an answer says, whichever of Polyv's two envelopes it comes in.
//!
//! The v4 pages say that the HTTP status equals `code`, the official clients were seen to get
//! refusals with HTTP 200, and the Java SDK decides by `code` alone. So the body is read
//! first, and the HTTP status counts only where there is no envelope.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{ApiRejection, BadResponse, Error};
use super::numeric_field::{NumericField, text_of};

/// An answer taken out of its envelope.
#[derive(Debug)]
pub struct DecodedEnvelope<'a> {
    /// Whether there was an envelope, so that it is Polyv itself who answered.
    pub has_envelope: bool,
    /// The `data` of a success (`None` where there is none), or why there are no data.
    pub data: Result<Option<&'a RawValue>, Error>,
}

/// Both envelopes at once. Every field stays raw, so that none of an unexpected type keeps
/// the others from being read.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// v4's `error`, which a v3 answer may carry too.
#[derive(Deserialize)]
struct ErrorDetail<'a> {
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    desc: Option<&'a RawValue>,
}

/// What kind of refusal a message or code stands for.
#[derive(Clone, Copy)]
enum Kind {
    NotLive,
    AuthFailed,
    ClockSkew,
    Throttled,
    Forbidden,
    Rejected,
    ServerError,
}

const SUCCESS: i64 = 200;
/// v4: `application not found.`
const APPLICATION_NOT_FOUND: i64 = 20_001;
/// v4: `存在非法频道ID`
const ILLEGAL_CHANNEL: i64 = 30_005;
/// The longest message that is worth a line in a log, in characters.
const MESSAGE: usize = 200;

/// Takes an answer out of its envelope.
#[must_use]
pub fn decode(http_status: u16, body: &[u8]) -> DecodedEnvelope<'_> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    // A list would be read by the order of its items, which means nothing here.
    let object = body.trim_ascii_start().starts_with(b"{");
    let envelope = serde_json::from_slice::<Envelope<'_>>(body)
        .ok()
        .filter(|_| object);
    let code = envelope
        .as_ref()
        .and_then(|envelope| integer(envelope.code));
    match (envelope, code) {
        (Some(envelope), Some(SUCCESS)) => DecodedEnvelope {
            has_envelope: true,
            data: Ok(envelope.data),
        },
        (Some(envelope), Some(code)) => DecodedEnvelope {
            has_envelope: true,
            data: Err(refusal(http_status, code, &envelope)),
        },
        _ => DecodedEnvelope {
            has_envelope: false,
            data: Err(no_envelope(http_status, body.len())),
        },
    }
}

/// Decides a refusal by message, then by `error.code`, then by `code`.
fn refusal(http_status: u16, code: i64, envelope: &Envelope<'_>) -> Error {
    let inner = envelope
        .error
        .and_then(|raw| serde_json::from_str::<ErrorDetail<'_>>(raw.get()).ok());
    let messages: Vec<String> = [
        text(envelope.message),
        text(inner.as_ref().and_then(|inner| inner.desc)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let inner_code = inner.as_ref().and_then(|inner| integer(inner.code));
    let kind = messages
        .iter()
        .find_map(|message| by_message(message))
        .or_else(|| inner_code.and_then(by_inner_code))
        .unwrap_or_else(|| by_code(code));
    let refusal = ApiRejection {
        http_status,
        code: Some(code),
        message: presentable(messages.first().map_or("", String::as_str)),
    };
    match kind {
        Kind::NotLive => Error::NotLive,
        Kind::AuthFailed => Error::AuthFailed(refusal),
        Kind::ClockSkew => Error::ClockSkew(refusal),
        Kind::Throttled => Error::Throttled(refusal),
        Kind::Forbidden => Error::Forbidden(refusal),
        Kind::Rejected => Error::Rejected(refusal),
        Kind::ServerError => Error::ServerError(refusal),
    }
}

/// The messages that are documented or were seen. Compared without case and without the
/// final full stop, which comes and goes.
fn by_message(message: &str) -> Option<Kind> {
    let message = message
        .trim()
        .trim_end_matches(['.', '。'])
        .trim_end()
        .to_lowercase();
    Some(match message.as_str() {
        "channel status not live" | "channel in no live" | "未检测到直播推流" => {
            Kind::NotLive
        }
        "invalid signature" | "application not found" | "appid is required" => Kind::AuthFailed,
        "invalid timestamp" => Kind::ClockSkew,
        "qps exceeds number of calls" => Kind::Throttled,
        "access forbidden" | "need to login" | "illegal operation" => Kind::Forbidden,
        "param validate error" | "illegal channel id" | "存在非法频道id" => Kind::Rejected,
        // These end in what was wrong.
        other if other.starts_with("账号未开启") => Kind::Forbidden,
        other
            if other.starts_with("param should not be empty")
                || other.starts_with("param is not digit")
                || other.starts_with("param length is incorrect") =>
        {
            Kind::Rejected
        }
        _ => return None,
    })
}

fn by_inner_code(code: i64) -> Option<Kind> {
    match code {
        APPLICATION_NOT_FOUND => Some(Kind::AuthFailed),
        ILLEGAL_CHANNEL => Some(Kind::Rejected),
        _ => None,
    }
}

fn by_code(code: i64) -> Kind {
    match code {
        401 => Kind::AuthFailed,
        500.. => Kind::ServerError,
        _ => Kind::Rejected,
    }
}

/// What blocks us, or a gateway in front of Polyv, sends no envelope.
fn no_envelope(http_status: u16, bytes: usize) -> Error {
    let refusal = ApiRejection {
        http_status,
        code: None,
        message: String::new(),
    };
    match http_status {
        403 | 405 | 429 => Error::Throttled(refusal),
        500..=599 => Error::ServerError(refusal),
        _ => Error::BadResponse(BadResponse::NoEnvelope { http_status, bytes }),
    }
}

/// `code` is a number in most samples and "string" in one page's table.
fn integer(raw: Option<&RawValue>) -> Option<i64> {
    let number = NumericField::parse_json(raw).number()?;
    #[allow(clippy::cast_possible_truncation)] // a number with a fraction is refused just here
    let whole = number as i64;
    #[allow(clippy::cast_precision_loss, clippy::float_cmp)]
    (whole as f64 == number).then_some(whole)
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    let text = text_of(raw?.get())?;
    (!text.trim().is_empty()).then(|| text.into_owned())
}

/// Makes a message from outside fit for a log: short, on one line, and without addresses or
/// long hex numbers, since a gateway may well echo the signed URL.
fn presentable(message: &str) -> String {
    let mut words = Vec::new();
    for word in message.split_whitespace() {
        let hex_run = word
            .split(|c: char| !c.is_ascii_hexdigit())
            .map(str::len)
            .max()
            .unwrap_or(0);
        let tells = word.contains("://") || word.contains("sign=") || hex_run >= 32;
        words.push(if tells { "…" } else { word });
    }
    let line: String = words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    if line.chars().count() <= MESSAGE {
        return line;
    }
    line.chars().take(MESSAGE).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::super::error::Outcome;
    use super::*;

    fn outcome(http_status: u16, body: &str) -> Outcome {
        match decode(http_status, body.as_bytes()).data {
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
    fn the_pages_own_failures_are_what_they_say() {
        let signature =
            r#"{ "code": 400, "status": "error", "message": "invalid signature.", "data": "" }"#;
        let offline = r#"{ "code": 400, "status": "error", "message": "channel status not live", "data": "" }"#;
        for http_status in [200, 400] {
            assert_eq!(outcome(http_status, signature), Outcome::AuthFailed);
            assert_eq!(outcome(http_status, offline), Outcome::NotLive);
        }
    }

    #[test]
    fn every_documented_message_decides_whatever_the_code() {
        for (message, expected) in [
            ("channel status not live", Outcome::NotLive),
            ("Channel in no live.", Outcome::NotLive),
            ("未检测到直播推流", Outcome::NotLive),
            ("invalid signature.", Outcome::AuthFailed),
            ("Application not found", Outcome::AuthFailed),
            ("appId is required.", Outcome::AuthFailed),
            ("invalid timestamp.", Outcome::ClockSkew),
            ("QPS exceeds number of calls", Outcome::Throttled),
            ("access forbidden", Outcome::Forbidden),
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
    fn an_unknown_message_is_decided_by_the_codes() {
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
    fn the_documented_forbidden_sample_is_forbidden_and_no_server_error() {
        let body = r#"{"code":500,"status":"fail","message":"access forbidden","data":null}"#;
        assert_eq!(outcome(500, body), Outcome::Forbidden);
    }

    #[test]
    fn success_is_code_200_and_nothing_else() {
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
    fn without_an_envelope_the_http_status_decides() {
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
                assert!(!decode(status, body.as_bytes()).has_envelope);
            }
        }
    }

    #[test]
    fn fields_of_odd_types_do_not_hide_the_others() {
        let body = r#"{"code":400,"status":5,"message":{"a":1},"error":"","data":{"x":[1e400]}}"#;
        assert_eq!(outcome(200, body), Outcome::Rejected);
        let body = r#"{"code":400,"message":null,"error":{"code":"20001","desc":null}}"#;
        assert_eq!(outcome(200, body), Outcome::AuthFailed);
    }

    #[test]
    fn a_message_is_made_fit_for_the_log() {
        let sent = format!(
            "no\nfor GET https://api.polyv.net/x?sign={0} {0} {1}",
            "AB".repeat(16),
            "字".repeat(500)
        );
        let body = serde_json::json!({"code": 400, "message": sent}).to_string();
        let Err(Error::Rejected(refusal)) = decode(200, body.as_bytes()).data else {
            panic!("that is a refusal");
        };
        assert!(refusal.message.starts_with("no for GET … … 字"));
        assert_eq!(refusal.message.chars().count(), MESSAGE + 1);
    }
}
