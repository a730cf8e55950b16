//! One entry of `channels`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::diagnostic::Location;
use super::labels;
use super::model::{Channel, Expect};
use super::values::interval;
use crate::yaml::{Node, Reader};

/// Where each channel was first seen: the same one twice is a fault that names both places.
#[derive(Debug, Default)]
pub(super) struct ChannelIdIndex(HashMap<String, (Arc<str>, Option<Location>)>);

/// The longest id that is taken for one.
const MAX_DIGITS: usize = 20;

// === impl ChannelIdIndex ===

impl ChannelIdIndex {
    /// Notes a channel; where it was seen before, if it was.
    pub(super) fn note(
        &mut self,
        id: &str,
        source: &Arc<str>,
        place: Option<Location>,
    ) -> Result<(), String> {
        let here = (Arc::clone(source), place);
        match self.0.get(id) {
            None => {
                self.0.insert(id.to_owned(), here);
                Ok(())
            }
            Some((source, Some(place))) => Err(format!(
                "channel {id} stands twice: it is already at {source}:{place}"
            )),
            Some((source, None)) => Err(format!("channel {id} stands twice in {source}")),
        }
    }
}

/// Reads a list of channels. A faulty one is on record and left out.
pub(super) fn read_all(
    node: &Node,
    what: &str,
    live_interval: Duration,
    reader: &mut Reader,
    seen: &mut ChannelIdIndex,
) -> Vec<Arc<Channel>> {
    reader
        .list(node, what)
        .iter()
        .filter_map(|node| read(node, live_interval, reader, seen).map(Arc::new))
        .collect()
}

/// Checks a channel's id.
///
/// # Errors
/// What is wrong with it.
pub fn check_channel_id(id: &str) -> Result<(), String> {
    let digits = id.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (1..=MAX_DIGITS).contains(&id.len()) {
        return Ok(());
    }
    Err(format!(
        "a channel's id is a number such as `3880533`, not `{id}`"
    ))
}

fn read(
    node: &Node,
    live_interval: Duration,
    reader: &mut Reader,
    seen: &mut ChannelIdIndex,
) -> Option<Channel> {
    let mut map = reader.mapping(node, "a channel")?;
    let id = match map.get("id") {
        Some(node) => read_id(node, reader, seen),
        None => {
            reader.fault(map.place(), "this channel has no `id`");
            None
        }
    };
    let name = map
        .get("name")
        .and_then(|node| reader.text(node, "`name`"))
        .map(Arc::from);
    let labels = map
        .get("labels")
        .map(|node| labels::read(node, reader))
        .unwrap_or_default();
    let live_interval = map
        .get("live_interval")
        .and_then(|node| interval(reader, node, "`live_interval`"))
        .unwrap_or(live_interval);
    let expect = map
        .get("expect")
        .map(|node| read_expect(node, reader))
        .unwrap_or_default();
    map.finish(reader);
    let id = id?;
    Some(Channel {
        name: name.unwrap_or_else(|| Arc::clone(&id)),
        id,
        labels,
        live_interval,
        expect,
    })
}

fn read_id(node: &Node, reader: &mut Reader, seen: &mut ChannelIdIndex) -> Option<Arc<str>> {
    let id = reader.text(node, "`id`")?;
    let source = Arc::clone(reader.source());
    let checked = check_channel_id(id).and_then(|()| seen.note(id, &source, Some(node.place)));
    match checked {
        Ok(()) => Some(id.into()),
        Err(why) => {
            reader.fault(node.place, why);
            None
        }
    }
}

fn read_expect(node: &Node, reader: &mut Reader) -> Expect {
    let mut expect = Expect::default();
    let Some(mut map) = reader.mapping(node, "`expect`") else {
        return expect;
    };
    expect.live = map
        .get("live")
        .and_then(|node| reader.truth(node, "`live`"))
        .unwrap_or(false);
    for (key, target) in [
        ("video_bitrate_bps", &mut expect.video_bitrate_bps),
        ("video_framerate_fps", &mut expect.video_framerate_fps),
        ("audio_framerate_fps", &mut expect.audio_framerate_fps),
    ] {
        *target = map
            .get(key)
            .and_then(|node| positive(node, &format!("`{key}`"), reader));
    }
    map.finish(reader);
    expect
}

fn positive(node: &Node, what: &str, reader: &mut Reader) -> Option<f64> {
    let expected = "a number above 0, without a unit";
    let number: f64 = reader.parsed(node, what, expected)?;
    if number.is_finite() && number > 0.0 {
        return Some(number);
    }
    let message = format!("{what} must be {expected}, not `{number}`");
    reader.fault(node.place, message);
    None
}
