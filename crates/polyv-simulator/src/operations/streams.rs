//! What is pushed at this moment: `GET /live/v3/channel/monitor/get-streams`, and
//! `get-stream-info` beside it for one channel.

use serde_json::{Value, json};

use super::json;
use super::operation::{OperationResult, SignedCall, Success};
use crate::channel::LiveChannel;
use crate::channels::Channels;
use crate::refusal::Refusal;

/// The most channels in one call.
const MAX_CHANNELS: usize = 100;

/// The streams of up to 100 channels, on any CDN.
///
/// The order is not that of the request, and there is one entry a channel (public docs). Values
/// are texts; a channel that is not live, and one that is live without a push, has no
/// `streamInfo`. The response for unknown channels is undocumented; a reading: `存在非法频道ID`
/// for the whole call.
pub(super) fn list(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let mut ids = json::channel_ids(request.parameters, "channelIds", MAX_CHANNELS)?;
    ids.sort_unstable();
    ids.dedup();
    let mut known = Vec::new();
    for id in ids {
        let channel = channels.by_id.get(&id.to_string());
        let own = channel.filter(|channel| {
            channel.belongs_to(&request.account.app_id) && channel.exists(request.now)
        });
        known.push(own.ok_or(Refusal::IllegalChannel)?);
    }
    // A stable order that is not that of the request.
    known.sort_by_key(|channel| channel.rng.bits());
    let entries: Vec<String> = known
        .into_iter()
        .map(|channel| entry(request, channel).to_string())
        .collect();
    Ok(Success::array(&entries))
}

/// The stream of one channel, on any CDN: `get-stream-info`.
///
/// The same values as in [`list`]; a channel that is not live is refused with `channel status not
/// live` (public docs). The response for a channel that is live without a push is undocumented; a
/// reading: the same refusal.
pub(super) fn one(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let channel = request.channel(channels)?;
    match stream_info(request, channel) {
        Value::Null => Err(Refusal::NotLive),
        stream => Ok(Success::ok(stream.to_string())),
    }
}

fn entry(request: &SignedCall<'_>, channel: &LiveChannel) -> Value {
    json!({
        "channelId": channel.spec.id(),
        "live": channel.phase(request.now).is_live(),
        "streamInfo": stream_info(request, channel),
    })
}

/// The first stream as it is now; `null` where nothing is pushed.
fn stream_info(request: &SignedCall<'_>, channel: &LiveChannel) -> Value {
    let sampling = request.settings.sampling();
    let Some(sample) = sampling.at(channel, request.now) else {
        return Value::Null;
    };
    let ingest = &channel.spec.ingest;
    let node = ingest.node.as_deref().or(ingest.cdn.ingest_node());
    let usual = ingest.cdn.reports_lost_frames().then_some(0.0);
    let lost_frames = ingest.lost_frames.or(usual);
    let rng = channel.rng.with_text("publisher");
    json!({
        "deployAddress": node,
        "inAddress": format!("203.0.113.{}", 1 + rng.below(254)),
        "streamName": channel.push_name(),
        "fps": format!("{:.2}", sample.video),
        "lfr": lost_frames.map(|share| format!("{share:?}")),
        "inBandWidth": format!("{:.3}", sample.bitrate),
    })
}
