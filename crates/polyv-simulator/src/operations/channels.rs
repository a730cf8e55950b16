//! Operations about several channels or a channel as a whole.

use std::str::FromStr as _;

use serde_json::{Value, json};

use super::json;
use super::operation::{OperationResult, SignedCall, Success};
use crate::channel::{LiveChannel, Seminar};
use crate::channels::Channels;
use crate::phase::{NotLive, Phase};
use crate::refusal::Refusal;
use crate::request::Parameters;

pub(super) const DEFAULT_PAGE_SIZE: usize = 10;
pub(super) const MAX_PAGE_SIZE: usize = 1000;
/// The orders of the list; channels without a start time come before all others.
pub(super) const ORDERS: [&str; 3] = ["startTimeDesc", "startTimeAsc", "channelCreatedTimeDesc"];
/// The category of all channels.
const CATEGORY: &str = "1";
/// The length of an external session id.
const SESSION_ID_LENGTH: usize = 32;

/// Which channels exist, and which the caller owns: `status-valid`.
///
/// Up to 100 channels a call; `data.channels` has `channelId`, `delete` and `currentUser`, all
/// three documented as Integer: 1 for yes, 0 for no (public docs). The result for an id that never
/// existed is undocumented; a reading: neither deleted nor the caller's.
pub(super) fn validity(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let ids = json::channel_ids(request.parameters, "channels", 100)?;
    let entry = |id: u64| {
        let channel = channels.by_id.get(&id.to_string());
        let deleted = channel.is_some_and(|channel| *channel.phase(request.now) == Phase::Deleted);
        let own = channel.is_some_and(|channel| channel.belongs_to(&request.account.app_id));
        let (deleted, own) = (u8::from(deleted), u8::from(own));
        format!("{{\"channelId\":{id},\"delete\":{deleted},\"currentUser\":{own}}}")
    };
    let entries: Vec<String> = ids.into_iter().map(entry).collect();
    let data = format!("{{\"channels\":[{}]}}", entries.join(","));
    Ok(Success::ok(data))
}

/// Which channels are live: `live-status/list`.
///
/// Up to 200 channels a call. `channelId` is a number, and the order is not that of the request
/// (public docs: the page's own sample reverses it). The result for unknown ids is undocumented; a
/// reading: they are left out, like deleted channels and those of other accounts. The operation is
/// not for seminar channels; the scenario decides whether one refuses the call or is left out.
pub(super) fn live_status(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let mut ids = json::channel_ids(request.parameters, "channelIds", 200)?;
    ids.sort_unstable();
    ids.dedup();
    let mut known: Vec<&LiveChannel> = ids
        .into_iter()
        .filter_map(|id| channels.by_id.get(&id.to_string()))
        .filter(|channel| channel.belongs_to(&request.account.app_id))
        .filter(|channel| channel.exists(request.now))
        .filter(|channel| channel.spec.seminar != Some(Seminar::LeftOut))
        .collect();
    if known
        .iter()
        .any(|channel| channel.spec.seminar == Some(Seminar::Refused))
    {
        return Err(Refusal::IllegalChannel);
    }
    // A stable order that is not that of the request.
    known.sort_by_key(|channel| channel.rng.bits());
    let entry = |channel: &LiveChannel| {
        let (id, status) = (channel.spec.id(), channel.live_status(request.now));
        format!("{{\"channelId\":{id},\"liveStatus\":\"{status}\"}}")
    };
    let entries: Vec<String> = known.into_iter().map(entry).collect();
    Ok(Success::array(&entries))
}

/// The account's channels, page by page: `simple/list`.
///
/// 10 a page by default and at most 1,000, oldest first (public docs). The refusal of a larger
/// page or of an invalid page number is undocumented; as a reading, the global errors' message for
/// invalid parameters.
pub(super) fn page(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let number = count(request.parameters, "pageNumber", 1)?;
    let size = count(request.parameters, "pageSize", DEFAULT_PAGE_SIZE)?;
    let wanted = request.parameters.get("watchStatus");
    let is_status = |word| word == "live" || NotLive::from_str(word).is_ok();
    let order = request.parameters.get("orderBy");
    if size > MAX_PAGE_SIZE
        || !wanted.is_none_or(is_status)
        || !order.is_none_or(|order| ORDERS.contains(&order))
    {
        return Err(Refusal::InvalidParameter);
    }
    let keyword = request.parameters.get("keyword").unwrap_or_default();
    let category = request.parameters.get("categoryId").unwrap_or(CATEGORY);
    let mut known: Vec<&LiveChannel> = channels
        .by_id
        .values()
        .filter(|channel| channel.belongs_to(&request.account.app_id))
        .filter(|channel| channel.exists(request.now))
        .filter(|channel| wanted.is_none_or(|word| channel.live_status(request.now) == word))
        .filter(|channel| channel.spec.name().contains(keyword) && category == CATEGORY)
        .collect();
    // Ids increase with time. The map has those of one length in order.
    known.sort_by_key(|channel| channel.spec.id.len());
    if order.is_some_and(|order| order.starts_with("startTime")) {
        known.sort_by_key(|channel| channel.plans.start_time());
    }
    if order.is_some_and(|order| order.ends_with("Desc")) {
        known.reverse();
    }
    let contents: Value = known
        .iter()
        .skip((number - 1).saturating_mul(size))
        .take(size)
        .map(|channel| list_entry(channel, channel.live_status(request.now)))
        .collect();
    let data = json!({
        "pageNumber": number,
        "pageSize": size,
        "totalPages": known.len().div_ceil(size),
        "totalItems": known.len() + request.corruptions.missing_items,
        "contents": contents,
    });
    Ok(Success::ok(data.to_string()))
}

fn list_entry(channel: &LiveChannel, status: &str) -> Value {
    let id = channel.spec.id();
    json!({
        "channelId": id,
        "name": channel.spec.name(),
        "channelPasswd": "simulated-passwd",
        "categoryId": CATEGORY,
        "scene": "topclass",
        "sceneText": "三分屏",
        "watchStatus": status,
        "watchStatusText": status_text(status),
        "watchUrl": format!("https://live.polyv.cn/watch/{id}"),
    })
}

/// The words of the live status in Polyv's console.
pub(super) fn status_text(status: &str) -> &'static str {
    match status {
        "live" => "直播中",
        "end" => "已结束",
        "waiting" => "等待中",
        "playback" => "回放中",
        "banpush" => "已禁播",
        _ => "未开始",
    }
}

/// Links the coming sessions to a caller's id: `session/relevance`.
///
/// The id has 32 characters (the page). It applies to the sessions that start later; they are not
/// simulated, so the id is only recorded.
pub(super) fn link_session(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let channel = request.channel(channels)?;
    let name = "externalSessionId";
    let id = request.parameters.get(name).unwrap_or_default();
    if json::length(id) != SESSION_ID_LENGTH {
        return Err(Refusal::WrongLength(name.to_owned()));
    }
    channel.written_state.link(id);
    Ok(Success::ok("true"))
}

/// A number of 1 or more.
pub(super) fn count(parameters: &Parameters, name: &str, default: usize) -> Result<usize, Refusal> {
    match parameters.get(name).map(str::parse) {
        None => Ok(default),
        Some(Ok(0)) => Err(Refusal::InvalidParameter),
        Some(Ok(count)) => Ok(count),
        Some(Err(_)) => Err(Refusal::NotDigits(name.to_owned())),
    }
}
