//! Which channels exist, and which the caller owns: `GET /live/v4/channel/status-valid`.
//!
//! Up to 100 channels a call; `data.channels` has `channelId`, `delete` and `currentUser`, all three
//! documented as Integer: 1 for yes, 0 for no (public docs). The result for an id that never existed
//! is undocumented; a reading: neither deleted nor the caller's.

use std::fmt::Write as _;

use hyper::Method;

use super::channel_ids;
use super::operation::{BodyKind, Operation, OperationRequest, Success};
use crate::channels::Channels;
use crate::envelope::{Envelope, Refusal};
use crate::phase::Phase;

pub(crate) const OPERATION: Operation = Operation {
    method: Method::GET,
    path: "/live/v4/channel/status-valid",
    endpoint: "status_valid",
    envelope: Envelope::V4,
    body: BodyKind::Ignored,
    required: &["channels"],
    perform,
};

fn perform(request: &OperationRequest<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let ids = channel_ids::parse(request.parameters, "channels", 100)?;
    let mut data = String::from("{\"channels\":[");
    for (index, id) in ids.into_iter().enumerate() {
        let channel = channels.by_id.get(&id.to_string());
        let deleted = channel.is_some_and(|channel| *channel.phase(request.now) == Phase::Deleted);
        let own = channel.is_some_and(|channel| channel.belongs_to(&request.account.app_id));
        let comma = if index > 0 { "," } else { "" };
        let (deleted, own) = (u8::from(deleted), u8::from(own));
        // Writing to a string never fails.
        let _ = write!(
            data,
            "{comma}{{\"channelId\":{id},\"delete\":{deleted},\"currentUser\":{own}}}"
        );
    }
    data.push_str("]}");
    Ok(Success {
        data,
        outcome: "ok",
    })
}
