//! Linking the coming sessions to an id of one's own:
//! `POST /live/v3/channel/session/relevance`.
//!
//! The id has 32 characters (the page). It is for the sessions that begin from then on; they
//! are not simulated, so the id is merely remembered.

use hyper::Method;

use super::{Channels, Operation, Question, Success, Takes, json};
use crate::simulator::envelope::{Envelope, Refusal};

pub(super) const OPERATION: Operation = Operation {
    method: Method::POST,
    path: "/live/v3/channel/session/relevance",
    endpoint: "session_relevance",
    envelope: Envelope::V3,
    takes: Takes::Form,
    required: &["channelId", "externalSessionId"],
    answer,
};

const ID_LENGTH: usize = 32;

fn answer(question: &Question<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let channel = channels.asked_for(question)?;
    let name = "externalSessionId";
    let id = question.parameters.get(name).unwrap_or_default();
    if json::length(id) != ID_LENGTH {
        return Err(Refusal::length(name));
    }
    channel.remembered.link(id);
    Ok(Success::ok("true"))
}
