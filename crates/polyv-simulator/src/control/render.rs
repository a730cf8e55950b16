//! The simulation's state as JSON.

use serde_json::{Value, json};

use super::error::ControlError;
use crate::channel::LiveChannel;
use crate::fields::format_duration;
use crate::simulator::{Simulator, UnknownChannel};
use crate::state::Inner;
use crate::stream::{Sample, Stream};
use crate::time::{TimePoint, beijing_time};

/// The most requests in one response.
const MAX_REQUESTS: usize = 10_000;

/// The state of all channels.
pub(super) fn channels(simulator: &Simulator) -> Value {
    let now = simulator.state.now();
    let state = simulator.state.lock();
    let channels = state.channels.by_id.values();
    let rendered: Vec<Value> = channels
        .map(|channel| render(channel, &state, now))
        .collect();
    json!({"channels": rendered})
}

/// The state of one channel.
pub(super) fn channel(simulator: &Simulator, id: &str) -> Result<Value, ControlError> {
    let now = simulator.state.now();
    let state = simulator.state.lock();
    match state.channels.by_id.get(id) {
        Some(channel) => Ok(render(channel, &state, now)),
        None => Err(UnknownChannel(id.to_owned()).into()),
    }
}

fn render(channel: &LiveChannel, state: &Inner, now: TimePoint) -> Value {
    let phase = channel.phase(now.media);
    let delay = channel.spec.sample_delay;
    let delay = delay.unwrap_or(state.channels.sample_delay);
    let normal = |stream: &Stream| {
        json!({
            "stream": stream.name.text(),
            "bitrate_bps": stream.normal.bitrate,
            "video_framerate_fps": stream.normal.video,
            "audio_framerate_fps": stream.normal.audio,
        })
    };
    let sent = |sample: &Sample| render_sample(sample, state.skew_ms);
    let mut rendered = json!({
        "id": channel.spec.id,
        "name": channel.spec.name,
        "phase": phase.name(),
        "live": phase.is_live(),
        "live_status": channel.live_status(now.media),
        "sample_delay": format_duration(delay),
        "cdn": channel.spec.ingest.cdn.name(),
        "ingest_node": channel.spec.ingest.node,
        "lost_frames": channel.spec.ingest.lost_frames,
        "viewers": channel.audience.usual(),
        "normal": channel.spec.streams.iter().map(normal).collect::<Value>(),
        "newest_sent": channel.newest_sent.iter().map(sent).collect::<Value>(),
    });
    if let (Some(members), Value::Object(written)) =
        (rendered.as_object_mut(), json!(channel.written_state))
    {
        members.extend(written);
    }
    rendered
}

/// A sample with the whole values that are sent unless the scenario has `decimals`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the casts saturate
fn render_sample(sample: &Sample, skew_ms: i64) -> Value {
    let whole = |value: f64| value.round() as u64;
    let time_ms = sample.at.to_reported(skew_ms);
    json!({
        "stream": sample.stream.text(),
        "bitrate_bps": whole(sample.bitrate),
        "video_framerate_fps": whole(sample.video),
        "audio_framerate_fps": whole(sample.audio),
        "time": beijing_time(time_ms).to_string(),
        "time_ms": time_ms,
    })
}

/// The API's faults.
pub(super) fn faults(simulator: &Simulator) -> Value {
    let now = simulator.state.now();
    let faults = simulator.state.lock().faults.clone();
    json!({"troubles": faults.describe(now.elapsed)})
}

/// The requests from a sequence number on, and the number to continue from.
pub(super) fn requests(simulator: &Simulator, since: u64) -> Value {
    let state = simulator.state.lock();
    let requests: Vec<_> = state.log.since(since).take(MAX_REQUESTS).collect();
    let next = requests
        .last()
        .map_or(state.log.next(), |last| last.sequence + 1);
    json!({"received": requests, "next": next})
}
