//! Sending approved chat messages: `POST /live/v4/chat/message/audit`.
//!
//! One call carries many messages, and each has a result of its own (the page). One that is
//! not as the page describes it refuses the call as a whole, before anything is sent; what is
//! undocumented beyond that is listed in `docs/simulator.md`.

use hyper::Method;
use serde_json::Value;

use super::json::{self, Members};
use super::{Channels, Operation, Question, Success, Takes};
use crate::simulator::chance::Chance;
use crate::simulator::channel::LiveChannel;
use crate::simulator::envelope::{Envelope, Refusal};
use crate::simulator::remembered::Message;

pub(super) const OPERATION: Operation = Operation {
    method: Method::POST,
    path: "/live/v4/chat/message/audit",
    endpoint: "chat_message_audit",
    envelope: Envelope::V4,
    takes: Takes::Json,
    required: &["channelId"],
    answer,
};

const VIEWER_TYPES: [&str; 3] = ["viewer", "student", "slice"];

fn answer(question: &Question<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let channel = channels.asked_for(question)?;
    let body = json::parse(question.body)?;
    let messages = body.as_array().filter(|messages| !messages.is_empty());
    let messages: Vec<Message> = messages
        .ok_or_else(Refusal::parameters)?
        .iter()
        .map(|message| read(message, channel.chance))
        .collect::<Result<_, _>>()?;
    let results = messages.into_iter().enumerate().map(|(number, message)| {
        let chance = channel.chance.and_text(&message.msg_id).and_text("result");
        let order = chance.and(u64::try_from(number).unwrap_or(u64::MAX)).bits();
        (order, number, send(channel, message))
    });
    let entries = disordered(results.collect());
    Ok(Success::ok(format!("[{}]", entries.join(","))))
}

/// A message as the page describes it, with the id that Polyv gives it.
fn read(message: &Value, chance: Chance) -> Result<Message, Refusal> {
    let members = Members::of(message)?;
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let msg_id = members.required_text("msgId", 32)?;
    let message = Message {
        id: id(chance.and_text(msg_id)),
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

/// What becomes of a message, as JSON in the page's form.
fn send(channel: &mut LiveChannel, message: Message) -> String {
    let refused = if channel.remembered.has_message(&message.msg_id) {
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
    channel.remembered.accept(message);
    format!("{{\"msgId\":{msg_id},\"id\":{id},\"status\":true,\"msg\":\"发送成功\"}}")
}

/// The results in an order that is the same each time, and never the one in which the messages
/// came where there are several.
fn disordered(mut results: Vec<(u64, usize, String)>) -> Vec<String> {
    results.sort_unstable();
    if results.iter().map(|(_, number, _)| number).is_sorted() {
        results.reverse();
    }
    results.into_iter().map(|(_, _, entry)| entry).collect()
}

/// An id in the form of the page's sample: a UUID of version 1.
fn id(chance: Chance) -> String {
    format!(
        "{:08x}-{:04x}-11ed-{:04x}-{:012x}",
        chance.and(1).below(1 << 32),
        chance.and(2).below(1 << 16),
        0x8000 + chance.and(3).below(0x4000),
        chance.and(4).below(1 << 48),
    )
}
