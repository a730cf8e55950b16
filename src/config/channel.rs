//! An entry of `channels`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::decoder::Field;
use super::diagnostic::Location;
use super::labels;
use super::model::{Channel, Content, Expect};
use super::schedule;
use super::values::{boolean, choice, interval, non_blank, positive};
use web_config::redact;

/// Longer numbers are not the id of a channel.
const MAX_ID_DIGITS: usize = 20;

/// The ids of all channels so far, with the source and location of each.
#[derive(Debug, Default)]
pub(super) struct ChannelIdIndex(HashMap<Arc<str>, (Arc<str>, Option<Location>)>);

// === impl ChannelIdIndex ===

impl ChannelIdIndex {
    /// Adds a valid id that is not there yet.
    pub(super) fn insert(
        &mut self,
        id: &str,
        source: &Arc<str>,
        location: Option<Location>,
    ) -> Result<Arc<str>, String> {
        check_channel_id(id)?;
        match self.0.get(id) {
            Some((source, Some(first))) => Err(format!(
                "channel {id} stands twice: it is already at {source}:{first}"
            )),
            Some((source, None)) => Err(format!("channel {id} stands twice in {source}")),
            None => {
                let id: Arc<str> = id.into();
                let first = (Arc::clone(source), location);
                self.0.insert(Arc::clone(&id), first);
                Ok(id)
            }
        }
    }
}

/// Checks the id of a channel.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn check_channel_id(id: &str) -> Result<(), String> {
    let digits = id.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !(1..=MAX_ID_DIGITS).contains(&id.len()) {
        let id = redact(id);
        return Err(format!(
            "a channel's id is a number such as `3880533`, not {id}"
        ));
    }
    // Polyv's responses would name the channel without it.
    if id.len() > 1 && id.starts_with('0') {
        let number = id.trim_start_matches('0');
        let number = if number.is_empty() { "0" } else { number };
        return Err(format!(
            "a channel's id has no leading zero: did you mean `{number}` instead of `{id}`?"
        ));
    }
    Ok(())
}

/// Decodes a list of channels. Faulty ones are left out.
pub(super) fn decode_all(
    field: Field<'_>,
    live_interval: Duration,
    ids: &mut ChannelIdIndex,
) -> Vec<Arc<Channel>> {
    field
        .items("this channel")
        .filter_map(|field| decode(field, live_interval, ids).map(Arc::new))
        .collect()
}

fn decode(field: Field<'_>, live_interval: Duration, ids: &mut ChannelIdIndex) -> Option<Channel> {
    let mut map = field.mapping()?;
    let id = map.required("id").and_then(|field| {
        field.ok(ids.insert(field.text()?, field.source, Some(field.location())))
    });
    let name = map.parse("name", |name| non_blank(name).map(Arc::from));
    let labels = map.get("labels").map(labels::decode).unwrap_or_default();
    let live_interval = map
        .parse("live_interval", interval)
        .unwrap_or(live_interval);
    let expect = map.get("expect").map(expect).unwrap_or_default();
    let schedule_field = map.get("schedule");
    let schedule = schedule_field.map(schedule::decode);
    map.deny_unknown();
    if let Some(field) = schedule_field
        && expect.live
    {
        field.fault(
            "`schedule` says when the channel should be live, and `expect.live` says always: \
             remove one of them",
        );
    }
    let id = id?;
    Some(Channel {
        name: name.unwrap_or_else(|| Arc::clone(&id)),
        id,
        labels,
        live_interval,
        expect,
        schedule: schedule.map(Arc::new),
    })
}

fn expect(field: Field<'_>) -> Expect {
    let mut expect = Expect::default();
    if let Some(mut map) = field.mapping() {
        map.set("live", &mut expect.live, boolean);
        let contents = Content::ALL.map(|content| (content.as_str(), content));
        expect.content = map.parse("content", choice(&contents));
        expect.video_bitrate_bps = map.parse("video_bitrate_bps", positive);
        expect.video_framerate_fps = map.parse("video_framerate_fps", positive);
        expect.audio_framerate_fps = map.parse("audio_framerate_fps", positive);
        map.deny_unknown();
    }
    expect
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers_as_polyv_writes_them() {
        for id in ["3880533", "1", "0", "100", &"9".repeat(20)] {
            assert_eq!(check_channel_id(id), Ok(()), "{id}");
        }
        for id in ["", "-1", "+1", "1.0", "0x1", "１２", "1 ", &"9".repeat(21)] {
            let why = check_channel_id(id).unwrap_err();
            assert!(why.contains("such as `3880533`"), "{why}");
        }
        for (id, number) in [("0123", "`123`"), ("00", "`0`"), ("0010", "`10`")] {
            let why = check_channel_id(id).unwrap_err();
            assert!(
                why.contains("no leading zero") && why.contains(number),
                "{why}"
            );
        }
    }
}
