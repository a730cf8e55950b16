//! Which channels are live: `GET /live/v4/channel/live-status/list`.
//!
//! Up to 200 channels a call. `channelId` is a number, and the order is not that of the request
//! (public docs: the page's own sample reverses it). The result for unknown ids is undocumented; a
//! reading: they are left out, like deleted channels and those of other accounts. The operation is
//! not for seminar channels; the scenario decides whether one refuses the call or is left out.

use hyper::Method;

use super::channel_ids;
use super::operation::{BodyKind, Operation, OperationRequest, Success};
use crate::channel::{LiveChannel, Seminar};
use crate::channels::Channels;
use crate::envelope::{Envelope, Refusal};

pub(crate) const OPERATION: Operation = Operation {
    method: Method::GET,
    path: "/live/v4/channel/live-status/list",
    endpoint: "live_status",
    envelope: Envelope::V4,
    body: BodyKind::Ignored,
    required: &["channelIds"],
    perform,
};

fn perform(request: &OperationRequest<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let ids = channel_ids::parse(request.parameters, "channelIds", 200)?;
    let mut known: Vec<_> = ids
        .into_iter()
        .filter_map(|id| {
            let channel: &LiveChannel = channels.by_id.get(&id.to_string())?;
            let exists = channel.exists(request.now);
            (exists && channel.belongs_to(&request.account.app_id)).then_some((id, channel))
        })
        .collect();
    let seminar =
        |kind| move |(_, channel): &(u64, &LiveChannel)| channel.spec.seminar == Some(kind);
    if known.iter().any(seminar(Seminar::Refused)) {
        return Err(Refusal {
            error_code: Some(30_005),
            ..Refusal::invalid("存在非法频道ID", "illegal_channel")
        });
    }
    known.retain(|entry| !seminar(Seminar::LeftOut)(entry));
    // A stable order that is not that of the request.
    known.sort_by_key(|(_, channel)| channel.rng.bits());
    known.dedup_by_key(|(id, _)| *id);
    let entries: Vec<String> = known
        .into_iter()
        .map(|(id, channel)| {
            let status = channel.live_status(request.now);
            format!("{{\"channelId\":{id},\"liveStatus\":\"{status}\"}}")
        })
        .collect();
    Ok(Success {
        data: format!("[{}]", entries.join(",")),
        outcome: "ok",
    })
}
