//! Who is watching, when broadcasts are planned, and the minutes of viewing that are left.

use serde_json::{Value, json};

use super::channels::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, ORDERS, count, status_text};
use super::json;
use super::operation::{OperationResult, SignedCall, Success};
use crate::audience::COUNT_INTERVAL;
use crate::channel::LiveChannel;
use crate::channels::Channels;
use crate::refusal::Refusal;
use crate::time::{MediaTime, beijing_minute, beijing_time_of_day, signed_millis};

/// The points of a channel in one response.
const POINTS: i64 = 15;
/// Undocumented; a reading.
const MAX_CHANNELS: usize = 100;

/// The viewers of channels in the last minutes: `get-realtime-viewers`.
///
/// A flat list, newest first, of points that carry a time of day without date and zone (public
/// docs). The largest number of channels, and the response for unknown ones, are undocumented; a
/// reading: 100, and `存在非法频道ID` for the whole call.
pub(super) fn viewers(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let ids = json::channel_ids(request.parameters, "channelIds", MAX_CHANNELS)?;
    let mut points = Vec::new();
    for id in ids {
        let channel = channels.by_id.get(&id.to_string());
        let own = channel.filter(|channel| {
            channel.belongs_to(&request.account.app_id) && channel.exists(request.now)
        });
        let channel = own.ok_or(Refusal::IllegalChannel)?;
        let step = signed_millis(COUNT_INTERVAL);
        let newest = request.now.as_millis().div_euclid(step) * step;
        for number in 0..POINTS {
            let at = MediaTime::from_millis(newest - number * step);
            let is_live = channel.phase(at).is_live();
            let count = is_live.then(|| channel.audience.count(channel.rng, at));
            let time = beijing_time_of_day(at.to_reported(request.skew_ms));
            points.push(format!(
                "{{\"channelId\":{id},\"time\":\"{time}\",\"count\":{}}}",
                count.unwrap_or(0)
            ));
        }
    }
    Ok(Success::array(&points))
}

/// The planned sessions, page by page: `session/new/list`.
pub(super) fn sessions(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let only = request.parameters.get("channelId");
    if only.is_some() {
        request.channel(channels)?;
    }
    let known = own_channels(request, channels);
    let wanted = known.filter(|channel| only.is_none_or(|id| channel.spec.id() == id));
    let sessions: Vec<Value> = wanted
        .flat_map(|channel| {
            let sessions = channel.plans.sessions().enumerate();
            sessions.map(|(number, session)| session_entry(request, channel, number, session))
        })
        .collect();
    page(request, &sessions)
}

/// Channels with their start times, page by page: `basic/list`.
///
/// With `startTime` and `endTime`, those whose start lies between (public docs).
pub(super) fn basic_list(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let millis = |name: &str| match request.parameters.get(name) {
        None => Ok(None),
        Some(text) if text.len() == 13 => match json::digits(text) {
            Some(millis) => Ok(i64::try_from(millis).ok()),
            None => Err(Refusal::NotDigits(name.to_owned())),
        },
        Some(_) => Err(Refusal::NotDigits(name.to_owned())),
    };
    let (from, until) = (millis("startTime")?, millis("endTime")?);
    let status = request.parameters.get("watchStatus");
    let order = request.parameters.get("orderBy");
    if order.is_some_and(|order| !ORDERS.contains(&order)) {
        return Err(Refusal::InvalidParameter);
    }
    let ids = match request.parameters.get("channelIds") {
        Some(_) => Some(json::channel_ids(
            request.parameters,
            "channelIds",
            MAX_PAGE_SIZE,
        )?),
        None => None,
    };
    let start = |channel: &LiveChannel| planned_start(request, channel);
    let known = own_channels(request, channels);
    let entries: Vec<Value> = known
        .filter(|channel| from.is_none_or(|from| start(channel).is_some_and(|at| at >= from)))
        .filter(|channel| until.is_none_or(|end| start(channel).is_some_and(|at| at <= end)))
        .filter(|channel| status.is_none_or(|s| channel.live_status(request.now) == s))
        .filter(|channel| {
            let id = channel.spec.id().parse().unwrap_or_default();
            ids.as_ref().is_none_or(|ids| ids.contains(&id))
        })
        .map(|channel| basic_entry(request, channel))
        .collect();
    page(request, &entries)
}

/// One channel with its start time: `basic/get`.
pub(super) fn basic(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let channel = request.channel(channels)?;
    Ok(Success::ok(basic_entry(request, channel).to_string()))
}

/// The members of a channel in `basic/list` and `basic/get` (public docs: a list of fields
/// without a sample).
fn basic_entry(request: &SignedCall<'_>, channel: &LiveChannel) -> Value {
    let status = channel.live_status(request.now);
    let viewers = channel.audience.count(channel.rng, request.now);
    json!({
        "channelId": channel.spec.id(),
        "name": channel.spec.name(),
        "publisher": "主持人",
        "startTime": planned_start(request, channel).unwrap_or(0),
        "pageView": 0,
        "likes": 0,
        "coverImg": "",
        "splashImg": "",
        "splashEnabled": "N",
        "desc": "",
        "maxViewer": 0,
        "watchStatus": status,
        "watchStatusText": status_text(status),
        "onlineNum": if status == "live" { viewers } else { 0 },
        "categoryId": 1,
        "scene": "topclass",
        "newScene": "topclass",
        "streamType": "client",
        "watchUrl": format!("https://live.polyv.cn/watch/{}", channel.spec.id()),
    })
}

/// The start that viewers see as a countdown, in Polyv's milliseconds.
fn planned_start(request: &SignedCall<'_>, channel: &LiveChannel) -> Option<i64> {
    let start = channel.plans.start_time();
    start.map(|start| start.to_reported(request.skew_ms))
}

/// The account's minutes of viewing: `get-user-durations`.
#[allow(clippy::unnecessary_wraps)] // like every operation
pub(super) fn minutes(request: &SignedCall<'_>, _: &mut Channels) -> OperationResult {
    let account = request.account;
    let minutes = json!({
        "userId": "simulated",
        "available": account.minutes_available,
        "used": account.minutes_used,
    });
    Ok(Success::ok(minutes.to_string()))
}

fn own_channels<'a>(
    request: &'a SignedCall<'_>,
    channels: &'a Channels,
) -> impl Iterator<Item = &'a LiveChannel> {
    let own = channels.by_id.values();
    own.filter(|channel| channel.belongs_to(&request.account.app_id))
        .filter(|channel| channel.exists(request.now))
}

fn session_entry(
    request: &SignedCall<'_>,
    channel: &LiveChannel,
    number: usize,
    (start, end): (MediaTime, Option<MediaTime>),
) -> Value {
    let reported = |at: MediaTime| at.to_reported(request.skew_ms);
    let is_over = end.is_some_and(|end| end < request.now);
    let status = match (is_over, channel.phase(request.now).is_live()) {
        (true, _) => "expired",
        (false, true) if start <= request.now => "live",
        (false, _) => "unStart",
    };
    json!({
        "sessionId": format!("{}-{number}", channel.spec.id()),
        "channelId": channel.spec.id(),
        "name": channel.spec.name(),
        "status": status,
        "startTime": beijing_minute(reported(start)),
        "endTime": end.map(|end| beijing_minute(reported(end))),
        "planStartTime": reported(start),
        "planEndTime": end.map(reported),
        "streamType": "client",
        "watchUrl": format!("https://live.polyv.cn/watch/{}", channel.spec.id()),
    })
}

fn page(request: &SignedCall<'_>, entries: &[Value]) -> OperationResult {
    let number = count(request.parameters, "pageNumber", 1)?;
    let size = count(request.parameters, "pageSize", DEFAULT_PAGE_SIZE)?;
    if size > MAX_PAGE_SIZE {
        return Err(Refusal::InvalidParameter);
    }
    let contents = entries
        .iter()
        .skip((number - 1).saturating_mul(size))
        .take(size);
    let data = json!({
        "pageNumber": number,
        "pageSize": size,
        "totalPages": entries.len().div_ceil(size),
        "totalItems": entries.len(),
        "contents": contents.collect::<Vec<_>>(),
    });
    Ok(Success::ok(data.to_string()))
}
