//! The chat moderation switch: `POST /live/v3/channel/chat/update-censor-enabled` and
//! `GET /live/v3/channel/chat/get-censor-enabled`.
//!
//! Without `enabled` the switch is toggled (the page). What a change is answered, the page
//! says in two ways that contradict each other; what reading is answered, nobody says. So the
//! scenario says both.

use hyper::Method;

use super::{Channels, Operation, Question, Success, Takes};
use crate::simulator::envelope::{Envelope, Refusal};
use crate::simulator::settings::{CensorGet, CensorUpdate};

pub(super) const UPDATE: Operation = Operation {
    method: Method::POST,
    path: "/live/v3/channel/chat/update-censor-enabled",
    endpoint: "update_censor_enabled",
    envelope: Envelope::V3,
    takes: Takes::Form,
    required: &["channelId"],
    answer: update,
};

pub(super) const GET: Operation = Operation {
    method: Method::GET,
    path: "/live/v3/channel/chat/get-censor-enabled",
    endpoint: "get_censor_enabled",
    envelope: Envelope::V3,
    takes: Takes::Query,
    required: &["channelId"],
    answer: get,
};

fn update(question: &Question<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let channel = channels.asked_for(question)?;
    let before = channel.remembered.chat_moderation;
    let after = match question.parameters.get("enabled") {
        Some("Y") => true,
        Some("N") => false,
        None => !before,
        Some(_) => return Err(Refusal::parameters()),
    };
    channel.remembered.chat_moderation = after;
    let said = match question.settings.censor_update {
        CensorUpdate::After => after,
        CensorUpdate::Before => before,
    };
    Ok(Success::ok(said.to_string()))
}

fn get(question: &Question<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let on = channels.asked_for(question)?.remembered.chat_moderation;
    Ok(Success::ok(match (question.settings.censor_get, on) {
        (CensorGet::Letters, true) => "\"Y\"",
        (CensorGet::Letters, false) => "\"N\"",
        (CensorGet::Booleans, true) => "true",
        (CensorGet::Booleans, false) => "false",
    }))
}
