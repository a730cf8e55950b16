//! Reading `channels:`.

use std::collections::HashMap;
use std::time::Duration;

use super::{Account, keys, read_life};
use crate::simulator::channel::{Channel, Normal, Owner, Seminar, Stream, StreamName};
use crate::simulator::life::Life;
use crate::simulator::phase::Phase;
use crate::yaml::{Mapping, Node, Place, Reader, Value};

/// How long a channel whose life begins live has been so, where nothing is said.
const LIVE_FOR: Duration = Duration::from_secs(3_600);
/// Channels that one entry may stand for.
const MOST_CHANNELS: usize = 100_000;

/// What a stream is like where nothing is said.
const NORMAL: Normal = Normal {
    bitrate: 1_200_000.0,
    video: 15.0,
    audio: 43.0,
};

pub(super) fn read(reader: &mut Reader, node: &Node, accounts: &[Account]) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Vec::new();
    let mut places: HashMap<String, Place> = HashMap::new();
    for item in reader.list(node, "`channels`") {
        let Some(mut entry) = reader.mapping(item, "a channel") else {
            continue;
        };
        let id = read_id(reader, &mut entry);
        let mut count = 1;
        keys::count(reader, &mut entry, "count", MOST_CHANNELS, &mut count);
        let channel = read_rest(reader, &mut entry, accounts);
        entry.finish(reader);
        let (Some(first), Some(channel)) = (id, channel) else {
            continue;
        };
        for number in (0_u64..).take(count) {
            let channel = numbered(&channel, first, number, count > 1);
            if let Some(before) = places.insert(channel.id.clone(), item.place) {
                let id = &channel.id;
                let message = format!("channel `{id}` stands twice: it is already at {before}");
                reader.fault(item.place, message);
                break;
            }
            channels.push(channel);
        }
    }
    channels
}

/// A channel from a document of its own; its id may be left to whoever asks.
pub(crate) fn read_one_channel(
    reader: &mut Reader,
    node: &Node,
    id: &str,
    accounts: &[Account],
) -> Option<Channel> {
    let mut entry = reader.mapping(node, "a channel")?;
    let asked = parse_id(id);
    if asked.is_none() {
        reader.fault(node.place, format!("`{id}` is no channel id: {ID}"));
    }
    if let Some(node) = entry.get("id") {
        let written = reader.text(node, "`id`").and_then(parse_id);
        if written != asked {
            reader.fault(node.place, format!("this is not the channel `{id}`"));
        }
    }
    let channel = read_rest(reader, &mut entry, accounts);
    entry.finish(reader);
    Some(numbered(&channel?, asked?, 0, false))
}

const ID: &str = "an id is 1 to 18 digits and does not begin with 0";

fn parse_id(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = (1..=18).contains(&text.len()) && !text.starts_with('0');
    (digits && fits).then(|| text.parse().ok()).flatten()
}

fn read_id(reader: &mut Reader, entry: &mut Mapping<'_>) -> Option<u64> {
    let Some(node) = entry.get("id") else {
        reader.fault(entry.place(), "a channel needs `id`");
        return None;
    };
    let text = reader.text(node, "`id`")?;
    let id = parse_id(text);
    if id.is_none() {
        reader.fault(node.place, format!("`{text}` is no channel id: {ID}"));
    }
    id
}

/// One of the channels that an entry stands for.
fn numbered(channel: &Channel, first: u64, number: u64, many: bool) -> Channel {
    let id = first.saturating_add(number).to_string();
    let name = match channel.name.as_str() {
        "" => format!("channel {id}"),
        name if many => format!("{name} {}", number + 1),
        name => name.to_owned(),
    };
    Channel {
        id,
        name,
        ..channel.clone()
    }
}

/// All of a channel but its id. A fault in one key leaves that key's default.
fn read_rest(
    reader: &mut Reader,
    entry: &mut Mapping<'_>,
    accounts: &[Account],
) -> Option<Channel> {
    let mut name = String::new();
    keys::text(reader, entry, "name", &mut name);
    let owner = read_owner(reader, entry, accounts);
    let normal = read_normal(reader, entry, NORMAL);
    let streams = match entry.get("streams") {
        Some(node) => read_streams(reader, node, normal),
        None => vec![Stream {
            name: StreamName::new("recordf"),
            normal,
        }],
    };
    let life = match entry.get("life") {
        Some(node) => read_life(reader, node),
        None => Some(Life::forever(Phase::Steady)),
    };
    let live_for = keys::optional_duration(reader, entry, "live_for");
    let sample_delay = keys::optional_duration(reader, entry, "sample_delay");
    let refused_words = keys::texts(reader, entry, "refuses_messages_with");
    let seminar = entry.get("seminar").and_then(|node| {
        let words = [
            ("refused", Seminar::Refused),
            ("left_out", Seminar::LeftOut),
        ];
        keys::word(reader, node, "`seminar`", &words)
    });
    let life = life?;
    let live_for = live_for.unwrap_or(if life.at(0).is_live() {
        LIVE_FOR
    } else {
        Duration::ZERO
    });
    Some(Channel {
        id: String::new(),
        name,
        owner: owner?,
        streams,
        live_for,
        sample_delay,
        life,
        refused_words: refused_words.into_iter().map(|(word, _)| word).collect(),
        seminar,
    })
}

fn read_owner(reader: &mut Reader, entry: &mut Mapping<'_>, accounts: &[Account]) -> Option<Owner> {
    let account = entry.get("account");
    if let Some(node) = entry.get("exists_in_account") {
        keys::word(reader, node, "`exists_in_account`", &[("other", ())])?;
        if account.is_some() {
            let message = "a channel is either in an `account` here or `exists_in_account: other`";
            reader.fault(node.place, message);
        }
        return Some(Owner::Other);
    }
    let Some(node) = account else {
        let first = accounts.first()?;
        return Some(Owner::Account(first.app_id.as_str().into()));
    };
    let app_id = reader.text(node, "`account`")?;
    if accounts.iter().all(|account| account.app_id != app_id) {
        let message = format!("there is no account with the app id `{app_id}`");
        reader.fault(node.place, message);
        return None;
    }
    Some(Owner::Account(app_id.into()))
}

fn read_normal(reader: &mut Reader, keys: &mut Mapping<'_>, default: Normal) -> Normal {
    let mut normal = default;
    keys::amount(reader, keys, "bitrate_bps", &mut normal.bitrate);
    keys::amount(reader, keys, "video_framerate_fps", &mut normal.video);
    keys::amount(reader, keys, "audio_framerate_fps", &mut normal.audio);
    normal
}

/// Streams: names (or whole push addresses), or mappings with a name and values of their own.
fn read_streams(reader: &mut Reader, node: &Node, normal: Normal) -> Vec<Stream> {
    let mut streams: Vec<Stream> = Vec::new();
    let items = reader.list(node, "`streams`");
    for item in items {
        let stream = match &item.value {
            Value::Map(_) => read_stream(reader, item, normal),
            _ => reader.text(item, "a stream").map(|name| Stream {
                name: StreamName::new(name),
                normal,
            }),
        };
        let Some(stream) = stream else { continue };
        if streams.iter().any(|known| known.name == stream.name) {
            reader.fault(item.place, "this stream stands twice");
        }
        streams.push(stream);
    }
    if items.is_empty() {
        reader.fault(node.place, "`streams` must have at least one stream");
    }
    streams
}

fn read_stream(reader: &mut Reader, node: &Node, normal: Normal) -> Option<Stream> {
    let mut entry = reader.mapping(node, "a stream")?;
    let name = keys::required_text(reader, &mut entry, "name", "a stream");
    let normal = read_normal(reader, &mut entry, normal);
    entry.finish(reader);
    Some(Stream {
        name: StreamName::new(&name?),
        normal,
    })
}
