//! The account's channels, page by page: `GET /live/v4/channel/simple/list`.
//!
//! 10 a page by default and at most 1,000, oldest first (public docs). What a larger page, or a
//! page number that is none, gets is undocumented; as readings, the message that the global
//! errors list for parameters that don't hold.

use hyper::Method;
use serde_json::{Value, json};

use super::{Channels, Operation, Question, Success, Takes};
use crate::simulator::channel::LiveChannel;
use crate::simulator::envelope::{Envelope, Refusal};
use crate::simulator::phase::NotLive;
use crate::simulator::request::Parameters;

pub(super) const OPERATION: Operation = Operation {
    method: Method::GET,
    path: "/live/v4/channel/simple/list",
    endpoint: "channel_list",
    envelope: Envelope::V4,
    takes: Takes::Query,
    required: &[],
    answer,
};

const DEFAULT_SIZE: usize = 10;
const LARGEST_SIZE: usize = 1000;

fn answer(question: &Question<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let number = count(question.parameters, "pageNumber", 1)?;
    let size = count(question.parameters, "pageSize", DEFAULT_SIZE)?;
    if size > LARGEST_SIZE {
        return Err(Refusal::parameters());
    }
    let wanted = match question.parameters.get("watchStatus") {
        Some(word) if is_status(word) => Some(word),
        Some(_) => return Err(Refusal::parameters()),
        None => None,
    };
    let mut known: Vec<&LiveChannel> = channels
        .by_id
        .values()
        .filter(|channel| channel.belongs_to(&question.account.app_id))
        .filter(|channel| channel.exists(question.now))
        .filter(|channel| wanted.is_none_or(|word| channel.live_status(question.now) == word))
        .collect();
    // Numbers are given out one after the other. The map has those of one length in order, and
    // there may be very many.
    known.sort_by_key(|channel| channel.spec.id.len());
    let contents: Vec<Value> = known
        .iter()
        .skip((number - 1).saturating_mul(size))
        .take(size)
        .map(|channel| entry(channel, channel.live_status(question.now)))
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
    word == "live" || NotLive::ALL.iter().any(|status| status.word() == word)
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
            Err(Refusal::of_the_question(message, "invalid_parameter"))
        }
    }
}
