//! Sends chat messages that count as approved.
//!
//! `POST /live/v4/chat/message/audit`: the parameters are signed, the body (an array of
//! messages) is not. One call can succeed for some messages and fail for others. The order of
//! the results is undocumented: `msgId` says which message a result belongs to.

use std::borrow::Cow;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::field_limits::{InvalidField, optional, required};
use crate::json::{decode_data, parse_bool, string_content};
use crate::text::for_log;
use crate::write::WriteRequest;

const PATH: &str = "/live/v4/chat/message/audit";

/// A message to send, with Polyv's field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatMessage {
    /// The sender's own id of the message, up to 32 characters.
    pub msg_id: String,
    /// The viewer's id, up to 64 characters.
    pub viewer_id: String,
    /// The displayed name, up to 128 characters.
    pub nick_name: String,
    /// The message, up to 2,000 characters.
    pub content: String,
    /// The address of a picture, up to 200 characters. Without it Polyv shows the viewer's
    /// own, or a default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// The session that the message belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The type of the viewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_type: Option<ViewerType>,
}

/// The type of the viewer who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ViewerType {
    /// A viewer.
    Viewer,
    /// A student.
    Student,
    /// A student of a cloud classroom.
    Slice,
}

/// The result of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatResult {
    /// The sender's own id.
    pub msg_id: String,
    /// Polyv's id of the message, if it has one.
    pub id: Option<String>,
    /// Whether the message was sent, if the response says so.
    pub sent: Option<bool>,
    /// Polyv's reason; may be empty.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawItem {
    msg_id: Box<RawValue>,
    id: Option<Box<RawValue>>,
    status: Option<Box<RawValue>>,
    msg: Option<Box<RawValue>>,
}

/// Sends messages to a channel's chat. The maximum number per call is undocumented.
#[must_use]
pub fn send_chat_messages(
    channel_id: &str,
    messages: &[ChatMessage],
) -> WriteRequest<Vec<ChatResult>> {
    let body = serde_json::json!(messages);
    WriteRequest::of_json(PATH, channel_id, &body, decode)
}

fn decode(data: Option<&RawValue>) -> Result<Vec<ChatResult>, Error> {
    let items: Vec<RawItem> = decode_data(data, "one result for each message")?;
    let text = |raw: Option<&RawValue>| string_content(raw?.get()).map(Cow::into_owned);
    let shown = |raw| {
        text(raw)
            .map(|text| for_log(&text))
            .filter(|text| !text.is_empty())
    };
    Ok(items
        .iter()
        .map(|item| ChatResult {
            msg_id: text(Some(&item.msg_id)).unwrap_or_default(),
            id: shown(item.id.as_deref()),
            sent: item.status.as_deref().and_then(parse_bool),
            reason: shown(item.msg.as_deref()).unwrap_or_default(),
        })
        .collect())
}

impl ChatMessage {
    /// Checks the documented limits of all fields.
    ///
    /// # Errors
    /// The fields that Polyv would reject, and why.
    pub fn check(&self) -> Result<(), Vec<InvalidField>> {
        let checks = [
            required("msgId", &self.msg_id, 32),
            required("viewerId", &self.viewer_id, 64),
            required("nickName", &self.nick_name, 128),
            required("content", &self.content, 2000),
            optional("avatar", self.avatar.as_deref(), 200),
            optional("sessionId", self.session_id.as_deref(), usize::MAX),
        ];
        let invalid: Vec<_> = checks.into_iter().filter_map(Result::err).collect();
        if invalid.is_empty() {
            Ok(())
        } else {
            Err(invalid)
        }
    }
}

impl FromStr for ViewerType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "student" => Ok(Self::Student),
            "slice" => Ok(Self::Slice),
            other => Err(format!(
                "`{other}` is no viewer type: viewer, student or slice"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut ChatMessage, String);

    fn message() -> ChatMessage {
        ChatMessage {
            msg_id: "msg-1".to_owned(),
            viewer_id: "sadboy".to_owned(),
            nick_name: "polyv".to_owned(),
            content: "我发送了一条消息".to_owned(),
            avatar: None,
            session_id: None,
            viewer_type: None,
        }
    }

    #[test]
    fn body_equals_the_documented_sample() {
        let page = r#"[
            {
                "msgId":"msg-1",
                "content":"我发送了一条消息",
                "viewerId":"sadboy",
                "nickName":"polyv"
            }
        ]"#;
        let page: serde_json::Value = serde_json::from_str(page).unwrap();
        let request = send_chat_messages("3808479", &[message()]);
        let crate::RequestBody::PostJson(body) = &request.body else {
            panic!("it has a body");
        };
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(body).unwrap(),
            page
        );
        assert_eq!(request.params, [("channelId", "3808479".to_owned())]);
    }

    #[test]
    fn documented_response_is_decoded() {
        let data = r#"[{"msgId": "123", "id": "3ec969a0-ced0-11ed-87bd-6de896f75816", "status": true, "msg": "发送成功"}]"#;
        let raw: Box<RawValue> = serde_json::from_str(data).unwrap();
        let results = decode(Some(&raw)).unwrap();
        assert_eq!(
            results,
            [ChatResult {
                msg_id: "123".to_owned(),
                id: Some("3ec969a0-ced0-11ed-87bd-6de896f75816".to_owned()),
                sent: Some(true),
                reason: "发送成功".to_owned(),
            }]
        );
        for odd in ["null", "{}", "[1]", r#"[{"id": "x"}]"#] {
            let raw: Box<RawValue> = serde_json::from_str(odd).unwrap();
            assert!(decode(Some(&raw)).is_err(), "{odd}");
        }
    }

    #[test]
    fn limits_count_utf16_units() {
        let faults = |change: Change, length: usize, of: &str| {
            let mut message = message();
            change(&mut message, of.repeat(length));
            message.check().err().map_or(0, |faults| faults.len())
        };
        let fields: [(Change, usize); 5] = [
            (|m, text| m.msg_id = text, 32),
            (|m, text| m.viewer_id = text, 64),
            (|m, text| m.nick_name = text, 128),
            (|m, text| m.content = text, 2000),
            (|m, text| m.avatar = Some(text), 200),
        ];
        for (change, most) in fields {
            assert_eq!(faults(change, most, "字"), 0);
            assert_eq!(faults(change, most + 1, "a"), 1);
            assert_eq!(faults(change, most / 2, "🎥"), 0);
            assert_eq!(faults(change, most / 2 + 1, "🎥"), 1);
        }
        for change in &fields[..4] {
            assert_eq!(faults(change.0, 0, ""), 1);
            assert_eq!(faults(change.0, 1, " "), 1);
        }
    }
}
