//! Which channels are live: `GET /live/v4/channel/live-status/list`.
//!
//! Up to 200 channels a call. `channelId` is a number, and the order is not the order asked
//! (public docs: the page's own sample turns it round). What is said of unknown ids is
//! undocumented; a reading: nothing, as of deleted channels and of other accounts' ones. It is
//! not for seminar channels; a scenario says whether one spoils the call or is left out.

use hyper::Method;

use super::{Channels, Operation, Question, Success, Takes, channel_ids};
use crate::simulator::channel::{LiveChannel, Seminar};
use crate::simulator::envelope::{Envelope, Refusal};

pub(super) const OPERATION: Operation = Operation {
    method: Method::GET,
    path: "/live/v4/channel/live-status/list",
    endpoint: "live_status",
    envelope: Envelope::V4,
    takes: Takes::Query,
    required: &["channelIds"],
    answer,
};

fn answer(question: &Question<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let ids = channel_ids::parse(question.parameters, "channelIds", 200)?;
    let mut known: Vec<_> = ids
        .into_iter()
        .filter_map(|id| {
            let channel: &LiveChannel = channels.by_id.get(&id.to_string())?;
            let exists = channel.exists(question.now);
            (exists && channel.belongs_to(&question.account.app_id)).then_some((id, channel))
        })
        .collect();
    let seminar =
        |kind| move |(_, channel): &(u64, &LiveChannel)| channel.spec.seminar == Some(kind);
    if known.iter().any(seminar(Seminar::Refused)) {
        return Err(Refusal {
            error_code: Some(30_005),
            ..Refusal::of_the_question("存在非法频道ID", "illegal_channel")
        });
    }
    known.retain(|entry| !seminar(Seminar::LeftOut)(entry));
    // An order that is stable, and nobody's.
    known.sort_by_key(|(_, channel)| channel.chance.bits());
    known.dedup_by_key(|(id, _)| *id);
    let entries: Vec<String> = known
        .into_iter()
        .map(|(id, channel)| {
            let status = channel.live_status(question.now);
            format!("{{\"channelId\":{id},\"liveStatus\":\"{status}\"}}")
        })
        .collect();
    Ok(Success {
        data: format!("[{}]", entries.join(",")),
        word: "ok",
    })
}
