//! Sending approved chat messages: `POST /live/v4/chat/message/audit`.
//!
//! One call contains several messages, and each has its own result (the page). A message that does
//! not match the page's description refuses the whole call before anything is sent;
//! `docs/simulator.md` lists the other undocumented points.

use hyper::Method;
use serde_json::Value;

use super::json::{self, Members};
use super::operation::{BodyKind, Operation, OperationRequest, Success};
use crate::channel::LiveChannel;
use crate::channels::Channels;
use crate::envelope::{Envelope, Refusal};
use crate::rng::DeterministicRng;
use crate::written_state::Message;

pub(crate) const OPERATION: Operation = Operation {
    method: Method::POST,
    path: "/live/v4/chat/message/audit",
    endpoint: "chat_message_audit",
    envelope: Envelope::V4,
    body: BodyKind::Json,
    required: &["channelId"],
    perform,
};

const VIEWER_TYPES: [&str; 3] = ["viewer", "student", "slice"];

fn perform(request: &OperationRequest<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let channel = request.channel(channels)?;
    let body = json::parse(request.body)?;
    let messages = body.as_array().filter(|messages| !messages.is_empty());
    let messages: Vec<Message> = messages
        .ok_or_else(Refusal::parameters)?
        .iter()
        .map(|message| parse_message(message, channel.rng))
        .collect::<Result<_, _>>()?;
    let results = messages.into_iter().enumerate().map(|(number, message)| {
        let rng = channel.rng.with_text(&message.msg_id).with_text("result");
        let order = rng.with(u64::try_from(number).unwrap_or(u64::MAX)).bits();
        (order, number, send(channel, message))
    });
    let entries = shuffled(results.collect());
    Ok(Success::ok(format!("[{}]", entries.join(","))))
}

/// A message as the page describes it, with Polyv's id of it.
fn parse_message(message: &Value, rng: DeterministicRng) -> Result<Message, Refusal> {
    let members = Members::of(message)?;
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let msg_id = members.required_text("msgId", 32)?;
    let message = Message {
        id: id(rng.with_text(msg_id)),
        msg_id: msg_id.to_owned(),
        viewer_id: members.required_text("viewerId", 64)?.to_owned(),
        nick_name: members.required_text("nickName", 128)?.to_owned(),
        content: members.required_text("content", 2_000)?.to_owned(),
        avatar: owned(members.text("avatar", 200)?),
        session_id: owned(members.text("sessionId", usize::MAX)?),
        viewer_type: owned(members.text("viewerType", usize::MAX)?),
    };
    match &message.viewer_type {
        Some(word) if !VIEWER_TYPES.contains(&word.as_str()) => Err(Refusal::parameters()),
        _ => Ok(message),
    }
}

/// Sends or refuses a message; the result is JSON in the page's format.
fn send(channel: &mut LiveChannel, message: Message) -> String {
    let refused = if channel.written_state.has_message(&message.msg_id) {
        Some("消息已存在")
    } else if channel.spec.refuses(&message.content) {
        Some("包含敏感词")
    } else {
        None
    };
    let msg_id = Value::from(message.msg_id.as_str());
    if let Some(reason) = refused {
        return format!("{{\"msgId\":{msg_id},\"id\":null,\"status\":false,\"msg\":\"{reason}\"}}");
    }
    let id = Value::from(message.id.as_str());
    channel.written_state.accept(message);
    format!("{{\"msgId\":{msg_id},\"id\":{id},\"status\":true,\"msg\":\"发送成功\"}}")
}

/// The results in an order that is the same each time and, for several messages, never theirs.
fn shuffled(mut results: Vec<(u64, usize, String)>) -> Vec<String> {
    results.sort_unstable();
    if results.iter().map(|(_, number, _)| number).is_sorted() {
        results.reverse();
    }
    results.into_iter().map(|(_, _, entry)| entry).collect()
}

/// An id in the format of the page's sample: a UUID of version 1.
fn id(rng: DeterministicRng) -> String {
    format!(
        "{:08x}-{:04x}-11ed-{:04x}-{:012x}",
        rng.with(1).below(1 << 32),
        rng.with(2).below(1 << 16),
        0x8000 + rng.with(3).below(0x4000),
        rng.with(4).below(1 << 48),
    )
}
