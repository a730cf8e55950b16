//! The chat moderation switch: `POST /live/v3/channel/chat/update-censor-enabled` and
//! `GET /live/v3/channel/chat/get-censor-enabled`.
//!
//! Without `enabled` the switch is toggled (the page). The page's table and sample contradict each
//! other about the response to a change; the response to reading is undocumented. The scenario
//! decides on both.

use hyper::Method;

use super::operation::{BodyKind, Operation, OperationRequest, Success};
use crate::channels::Channels;
use crate::envelope::{Envelope, Refusal};
use crate::settings::{CensorGet, CensorUpdate};

pub(crate) const UPDATE: Operation = Operation {
    method: Method::POST,
    path: "/live/v3/channel/chat/update-censor-enabled",
    endpoint: "update_censor_enabled",
    envelope: Envelope::V3,
    body: BodyKind::Form,
    required: &["channelId"],
    perform: update,
};

pub(crate) const GET: Operation = Operation {
    method: Method::GET,
    path: "/live/v3/channel/chat/get-censor-enabled",
    endpoint: "get_censor_enabled",
    envelope: Envelope::V3,
    body: BodyKind::Ignored,
    required: &["channelId"],
    perform: get,
};

fn update(request: &OperationRequest<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let channel = request.channel(channels)?;
    let before = channel.written_state.chat_moderation;
    let after = match request.parameters.get("enabled") {
        Some("Y") => true,
        Some("N") => false,
        None => !before,
        Some(_) => return Err(Refusal::parameters()),
    };
    channel.written_state.chat_moderation = after;
    let reported = match request.settings.censor_update_answers {
        CensorUpdate::After => after,
        CensorUpdate::Before => before,
    };
    Ok(Success::ok(reported.to_string()))
}

fn get(request: &OperationRequest<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
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
