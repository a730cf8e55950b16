//! The account's channels, page by page: `GET /live/v4/channel/simple/list`.
//!
//! 10 a page by default and at most 1,000, oldest first (public docs). The refusal of a larger page
//! or of an invalid page number is undocumented; as a reading, the global errors' message for
//! invalid parameters.

use hyper::Method;
use serde_json::{Value, json};

use super::operation::{BodyKind, Operation, OperationRequest, Success};
use crate::channel::LiveChannel;
use crate::channels::Channels;
use crate::envelope::{Envelope, Refusal};
use crate::phase::NotLive;
use crate::request::Parameters;

pub(crate) const OPERATION: Operation = Operation {
    method: Method::GET,
    path: "/live/v4/channel/simple/list",
    endpoint: "channel_list",
    envelope: Envelope::V4,
    body: BodyKind::Ignored,
    required: &[],
    perform,
};

const DEFAULT_PAGE_SIZE: usize = 10;
const MAX_PAGE_SIZE: usize = 1000;

fn perform(request: &OperationRequest<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let number = count(request.parameters, "pageNumber", 1)?;
    let size = count(request.parameters, "pageSize", DEFAULT_PAGE_SIZE)?;
    if size > MAX_PAGE_SIZE {
        return Err(Refusal::parameters());
    }
    let wanted = match request.parameters.get("watchStatus") {
        Some(word) if is_status(word) => Some(word),
        Some(_) => return Err(Refusal::parameters()),
        None => None,
    };
    let mut known: Vec<&LiveChannel> = channels
        .by_id
        .values()
        .filter(|channel| channel.belongs_to(&request.account.app_id))
        .filter(|channel| channel.exists(request.now))
        .filter(|channel| wanted.is_none_or(|word| channel.live_status(request.now) == word))
        .collect();
    // Ids increase with time. The map has those of one length in order.
    known.sort_by_key(|channel| channel.spec.id.len());
    let contents: Vec<Value> = known
        .iter()
        .skip((number - 1).saturating_mul(size))
        .take(size)
        .map(|channel| entry(channel, channel.live_status(request.now)))
        .collect();
    let data = json!({
        "pageNumber": number,
        "pageSize": size,
        "totalPages": known.len().div_ceil(size),
        "totalItems": known.len(),
        "contents": contents,
    });
    Ok(Success::ok(data.to_string()))
}

fn entry(channel: &LiveChannel, status: &str) -> Value {
    let id = channel.spec.id();
    json!({
        "channelId": id,
        "name": channel.spec.name(),
        "channelPasswd": "simulated-passwd",
        "categoryId": 1,
        "scene": "topclass",
        "sceneText": "三分屏",
        "watchStatus": status,
        "watchStatusText": text(status),
        "watchUrl": format!("https://live.polyv.cn/watch/{id}"),
    })
}

fn text(status: &str) -> &'static str {
    match status {
        "live" => "直播中",
        "end" => "已结束",
        "waiting" => "等待中",
        "playback" => "回放中",
        "banpush" => "已禁播",
        _ => "未开始",
    }
}

fn is_status(word: &str) -> bool {
    word == "live" || NotLive::ALL.iter().any(|status| status.name() == word)
}

/// A number of 1 or more.
fn count(parameters: &Parameters, name: &str, default: usize) -> Result<usize, Refusal> {
    let Some(text) = parameters.get(name) else {
        return Ok(default);
    };
    match text.parse() {
        Ok(0) => Err(Refusal::parameters()),
        Ok(count) => Ok(count),
        Err(_) => {
            let message = format!("param is not digit: {name}");
            Err(Refusal::invalid(message, "invalid_parameter"))
        }
    }
}
