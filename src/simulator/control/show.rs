//! Showing the simulation's state as JSON.

use serde_json::{Value, json};

use super::refused::Refused;
use crate::simulator::channel::LiveChannel;
use crate::simulator::encode::whole;
use crate::simulator::operations::describe_video_moderation;
use crate::simulator::samples::Sample;
use crate::simulator::time::BeijingTime;
use crate::simulator::world::{Instant, State};
use crate::simulator::{Message, Received, Simulator, UnknownChannel};
use crate::yaml::format_duration;

/// Calls of the receive log in one answer.
const RECEIVED_AT_ONCE: usize = 10_000;

/// What each channel is doing.
pub(super) fn channels(simulator: &Simulator) -> Value {
    let now = simulator.world.now();
    let state = simulator.world.state();
    let channels = state.channels.by_id.values();
    let shown: Vec<Value> = channels.map(|channel| show(channel, &state, now)).collect();
    json!({"channels": shown})
}

/// What one channel is doing.
pub(super) fn channel(simulator: &Simulator, id: &str) -> Result<Value, Refused> {
    let now = simulator.world.now();
    let state = simulator.world.state();
    match state.channels.by_id.get(id) {
        Some(channel) => Ok(show(channel, &state, now)),
        None => Err(UnknownChannel(id.to_owned()).into()),
    }
}

fn show(channel: &LiveChannel, state: &State, now: Instant) -> Value {
    let phase = channel.phase(now.media);
    let delay = channel
        .spec
        .sample_delay
        .unwrap_or(state.channels.sample_delay);
    let streams: Vec<Value> = channel
        .spec
        .streams
        .iter()
        .map(|stream| {
            json!({
                "stream": stream.name.text(),
                "bitrate_bps": stream.normal.bitrate,
                "video_framerate_fps": stream.normal.video,
                "audio_framerate_fps": stream.normal.audio,
            })
        })
        .collect();
    let sent: Vec<Value> = channel
        .newest_sent
        .iter()
        .map(|sample| show_sample(sample, state.skew_ms))
        .collect();
    let remembered = &channel.remembered;
    let messages: Vec<Value> = remembered.messages.iter().map(show_message).collect();
    json!({
        "id": channel.spec.id,
        "name": channel.spec.name,
        "phase": phase.name(),
        "live": phase.is_live(),
        "live_status": channel.live_status(now.media),
        "sample_delay": format_duration(delay),
        "normal": streams,
        "newest_sent": sent,
        "chat_moderation": remembered.chat_moderation,
        "video_moderation": describe_video_moderation(&remembered.video_moderation),
        "external_session_ids": remembered.external_session_ids,
        "messages": messages,
    })
}

/// A sample with the whole values that are sent unless the scenario wants decimals.
fn show_sample(sample: &Sample, skew_ms: i64) -> Value {
    let at = sample.at.said_with_skew(skew_ms);
    let mut time = String::new();
    BeijingTime::default().write(at, &mut time);
    json!({
        "stream": sample.stream.text(),
        "bitrate_bps": whole(sample.bitrate),
        "video_framerate_fps": whole(sample.video),
        "audio_framerate_fps": whole(sample.audio),
        "time": time,
        "time_ms": at.as_millis(),
    })
}

/// A chat message in the words in which it was sent.
fn show_message(message: &Message) -> Value {
    json!({
        "msgId": message.msg_id,
        "id": message.id,
        "viewerId": message.viewer_id,
        "nickName": message.nick_name,
        "content": message.content,
        "avatar": message.avatar,
        "sessionId": message.session_id,
        "viewerType": message.viewer_type,
    })
}

/// What goes wrong with the API.
pub(super) fn troubles(simulator: &Simulator) -> Value {
    let now = simulator.world.now();
    let troubles = simulator.world.state().troubles.clone();
    json!({"troubles": troubles.describe(now.moment)})
}

/// The calls from a sequence number on, and the number to go on from.
pub(super) fn received(simulator: &Simulator, since: u64) -> Value {
    let state = simulator.world.state();
    let mut next = state.log.next();
    let shown: Vec<Value> = state
        .log
        .since(since)
        .take(RECEIVED_AT_ONCE)
        .map(|call| {
            next = call.sequence + 1;
            show_call(call)
        })
        .collect();
    json!({"received": shown, "next": next})
}

fn show_call(call: &Received) -> Value {
    json!({
        "sequence": call.sequence,
        "polyv_ms": call.polyv.as_millis(),
        "monotonic_ms": call.moment.as_millis(),
        "client": call.client,
        "endpoint": call.endpoint,
        "app_id": call.app_id,
        "channel_id": call.channel_id,
        "start_time": call.start_time,
        "end_time": call.end_time,
        "answered": call.answered,
    })
}
