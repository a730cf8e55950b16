//! Linking the coming sessions to a caller's id:
//! `POST /live/v3/channel/session/relevance`.
//!
//! The id has 32 characters (the page). It applies to the sessions that start later; they are not
//! simulated, so the id is only recorded.

use hyper::Method;

use super::json;
use super::operation::{BodyKind, Operation, OperationRequest, Success};
use crate::channels::Channels;
use crate::envelope::{Envelope, Refusal};

pub(crate) const OPERATION: Operation = Operation {
    method: Method::POST,
    path: "/live/v3/channel/session/relevance",
    endpoint: "session_relevance",
    envelope: Envelope::V3,
    body: BodyKind::Form,
    required: &["channelId", "externalSessionId"],
    perform,
};

const ID_LENGTH: usize = 32;

fn perform(request: &OperationRequest<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let channel = request.channel(channels)?;
    let name = "externalSessionId";
    let id = request.parameters.get(name).unwrap_or_default();
    if json::length(id) != ID_LENGTH {
        return Err(Refusal::length(name));
    }
    channel.written_state.link(id);
    Ok(Success::ok("true"))
}
