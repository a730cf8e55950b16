//! The chat: messages, and the switch of their moderation.

use serde_json::Value;

use super::json::{self, Members};
use super::operation::{OperationResult, SignedCall, Success};
use crate::channel::LiveChannel;
use crate::channels::Channels;
use crate::refusal::Refusal;
use crate::rng::DeterministicRng;
use crate::settings::{CensorGet, CensorUpdate};
use crate::written_state::Message;

const VIEWER_TYPES: [&str; 3] = ["viewer", "student", "slice"];

/// Changes the chat moderation switch: `update-censor-enabled`.
///
/// Without `enabled` the switch is toggled (the page). The page's table and sample contradict each
/// other about the response; the scenario decides.
pub(super) fn update_censor(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let channel = request.channel(channels)?;
    let before = channel.written_state.chat_moderation;
    let after = match request.parameters.get("enabled") {
        Some("Y") => true,
        Some("N") => false,
        None => !before,
        Some(_) => return Err(Refusal::InvalidParameter),
    };
    channel.written_state.chat_moderation = after;
    let reported = match request.settings.censor_update_answers {
        CensorUpdate::After => after,
        CensorUpdate::Before => before,
    };
    Ok(Success::ok(reported.to_string()))
}

/// Reads the switch: `get-censor-enabled`. The response is undocumented; the scenario decides.
pub(super) fn get_censor(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let on = request.channel(channels)?.written_state.chat_moderation;
    Ok(Success::ok(
        match (request.settings.censor_get_answers, on) {
            (CensorGet::Letters, true) => "\"Y\"",
            (CensorGet::Letters, false) => "\"N\"",
            (CensorGet::Booleans, true) => "true",
            (CensorGet::Booleans, false) => "false",
        },
    ))
}

/// Sends approved messages: `chat/message/audit`.
///
/// One call contains several messages, and each has its own result (the page). A message that does
/// not match the page's description refuses the whole call before anything is sent;
/// `docs/simulator.md` lists the other undocumented points.
pub(super) fn send_messages(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let channel = request.channel(channels)?;
    let body = json::parse(request.body)?;
    let messages = body.as_array().filter(|messages| !messages.is_empty());
    let messages: Vec<Message> = messages
        .ok_or(Refusal::InvalidParameter)?
        .iter()
        .map(|message| parse_message(message, channel.rng))
        .collect::<Result<_, _>>()?;
    let results = (0_u64..).zip(messages).map(|(number, message)| {
        let rng = channel.rng.with_text(&message.msg_id).with_text("result");
        (rng.with(number).bits(), number, send(channel, message))
    });
    Ok(Success::array(&shuffled(results.collect())))
}

/// A message as the page describes it, with Polyv's id of it.
fn parse_message(message: &Value, rng: DeterministicRng) -> Result<Message, Refusal> {
    let members = Members::of(message)?;
    let msg_id = members.required_text("msgId", 32)?;
    let message = Message {
        id: message_id(rng.with_text(&msg_id)),
        msg_id,
        viewer_id: members.required_text("viewerId", 64)?,
        nick_name: members.required_text("nickName", 128)?,
        content: members.required_text("content", 2_000)?,
        avatar: members.text("avatar", 200)?,
        session_id: members.text("sessionId", usize::MAX)?,
        viewer_type: members.text("viewerType", usize::MAX)?,
    };
    match &message.viewer_type {
        Some(word) if !VIEWER_TYPES.contains(&word.as_str()) => Err(Refusal::InvalidParameter),
        _ => Ok(message),
    }
}

/// Sends or refuses a message; the result is JSON in the page's format.
fn send(channel: &mut LiveChannel, message: Message) -> String {
    let (id, status, reason) = if channel.written_state.has_message(&message.msg_id) {
        (Value::Null, false, "消息已存在")
    } else if channel.spec.refuses(&message.content) {
        (Value::Null, false, "包含敏感词")
    } else {
        (Value::from(message.id.as_str()), true, "发送成功")
    };
    let msg_id = Value::from(message.msg_id.as_str());
    if status {
        channel.written_state.accept(message);
    }
    format!("{{\"msgId\":{msg_id},\"id\":{id},\"status\":{status},\"msg\":\"{reason}\"}}")
}

/// The results in an order that is the same each time and, for several messages, never theirs.
fn shuffled(mut results: Vec<(u64, u64, String)>) -> Vec<String> {
    results.sort_unstable();
    if results.iter().map(|(_, number, _)| number).is_sorted() {
        results.reverse();
    }
    results.into_iter().map(|(_, _, result)| result).collect()
}

/// An id in the format of the page's sample: a UUID of version 1.
fn message_id(rng: DeterministicRng) -> String {
    format!(
        "{:08x}-{:04x}-11ed-{:04x}-{:012x}",
        rng.with(1).below(1 << 32),
        rng.with(2).below(1 << 16),
        0x8000 + rng.with(3).below(0x4000),
        rng.with(4).below(1 << 48),
    )
}
