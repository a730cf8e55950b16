//! An entry of a scenario's `channels:`.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::account::Account;
use super::audience::{Audience, PlannedSession, Plans};
use super::cdn::Cdn;
use super::channel::{Channel, Ingest, Seminar};
use super::channel_script::ChannelScript;
use super::fields::{Amount, Count, HumanDuration, SignedDuration, name_or_fields, non_empty};
use super::phase::Phase;
use super::stream::{NormalValues, Stream, StreamName};

/// The default of `live_for` for a channel whose script starts live.
const DEFAULT_LIVE_FOR: Duration = Duration::from_secs(3_600);

const DEFAULT_VALUES: NormalValues = NormalValues {
    bitrate: 1_200_000.0,
    video: 15.0,
    audio: 43.0,
};

/// An entry of `channels:`, which stands for `count` channels.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ChannelEntry {
    id: Option<ChannelId>,
    count: Option<Count<100_000>>,
    name: Option<String>,
    account: Option<String>,
    exists_in_account: Option<OtherAccount>,
    bitrate_bps: Option<Amount>,
    video_framerate_fps: Option<Amount>,
    audio_framerate_fps: Option<Amount>,
    streams: Option<Vec<StreamEntry>>,
    life: Option<ChannelScript>,
    live_for: Option<HumanDuration>,
    sample_delay: Option<HumanDuration>,
    refuses_messages_with: Vec<String>,
    seminar: Option<Seminar>,
    cdn: Cdn,
    ingest_node: Option<String>,
    lost_frames: Option<Amount>,
    viewers: Option<Amount>,
    planned: Vec<PlannedSession>,
    start_time: Option<SignedDuration>,
}

/// 1 to 18 digits without a leading 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct ChannelId(u64);

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OtherAccount {
    Other,
}

/// A stream's name or push address, alone or with values of its own.
#[derive(Debug)]
struct StreamEntry(StreamFields);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamFields {
    #[serde(deserialize_with = "non_empty")]
    name: String,
    bitrate_bps: Option<Amount>,
    video_framerate_fps: Option<Amount>,
    audio_framerate_fps: Option<Amount>,
    #[serde(default)]
    lag: HumanDuration,
}

impl TryFrom<String> for ChannelId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = (1..=18).contains(&text.len()) && !text.starts_with('0');
        let id = (digits && fits).then(|| text.parse().ok()).flatten();
        id.map(Self).ok_or_else(|| {
            format!("`{text}` is not a channel id: 1 to 18 digits without a leading 0")
        })
    }
}

impl<'de> Deserialize<'de> for StreamEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        name_or_fields(deserializer, "name").map(Self)
    }
}

impl ChannelEntry {
    /// The entry of a single channel, whose id the caller knows.
    pub(crate) fn with_id(mut self, id: &str) -> Result<Self, String> {
        let known = ChannelId::try_from(id.to_owned())?;
        if self.id.replace(known).is_some_and(|given| given != known) {
            return Err(format!("`id` is not that of the channel `{id}`"));
        }
        if self.count.is_some() {
            return Err("`count` is only for scenario files".to_owned());
        }
        Ok(self)
    }

    /// The channels that the entry stands for.
    pub(crate) fn into_channels(self, accounts: &[Account]) -> Result<Vec<Channel>, String> {
        let first = self.id.ok_or("a channel needs `id`")?.0;
        let count = self.count.map_or(1, |count| count.0);
        let name = self.name.clone();
        let channel = self.into_channel(accounts)?;
        let channels = (1_u64..).take(count).map(|number| {
            let id = first.saturating_add(number - 1).to_string();
            let name = match name.as_deref().unwrap_or_default() {
                "" => format!("channel {id}"),
                name if count > 1 => format!("{name} {number}"),
                name => name.to_owned(),
            };
            let channel = channel.clone();
            Channel {
                id,
                name,
                ..channel
            }
        });
        Ok(channels.collect())
    }

    /// A channel without id and name.
    fn into_channel(self, accounts: &[Account]) -> Result<Channel, String> {
        let owner = match (self.account, self.exists_in_account) {
            (Some(_), Some(_)) => {
                return Err("`account` and `exists_in_account` exclude each other".to_owned());
            }
            (None, Some(OtherAccount::Other)) => None,
            (None, None) => accounts.first().map(|account| account.app_id.clone()),
            (Some(app_id), None) => {
                let owner = accounts.iter().find(|account| account.is_called(&app_id));
                let owner = owner
                    .ok_or_else(|| format!("there is no account with the app id `{app_id}`"))?;
                Some(owner.app_id.clone())
            }
        };
        let normal = DEFAULT_VALUES.with(
            self.bitrate_bps,
            self.video_framerate_fps,
            self.audio_framerate_fps,
        );
        let script = self.life.unwrap_or_else(|| Phase::Steady.into());
        let default_live_for = if script.at(0).is_live() {
            DEFAULT_LIVE_FOR
        } else {
            Duration::ZERO
        };
        Ok(Channel {
            id: String::new(),
            name: String::new(),
            owner,
            streams: streams(self.streams, normal)?,
            live_for: self.live_for.map_or(default_live_for, |given| given.0),
            sample_delay: self.sample_delay.map(|delay| delay.0),
            script,
            refused_words: self.refuses_messages_with,
            seminar: self.seminar,
            ingest: Ingest {
                cdn: self.cdn,
                node: self.ingest_node,
                lost_frames: self.lost_frames.map(|amount| amount.0),
            },
            audience: Audience::new(self.viewers),
            plans: Plans {
                since: None,
                sessions: self.planned,
                start_time: self.start_time,
            },
        })
    }
}

impl NormalValues {
    fn with(self, bitrate: Option<Amount>, video: Option<Amount>, audio: Option<Amount>) -> Self {
        Self {
            bitrate: bitrate.map_or(self.bitrate, |amount| amount.0),
            video: video.map_or(self.video, |amount| amount.0),
            audio: audio.map_or(self.audio, |amount| amount.0),
        }
    }
}

fn streams(entries: Option<Vec<StreamEntry>>, normal: NormalValues) -> Result<Vec<Stream>, String> {
    let Some(entries) = entries else {
        return Ok(vec![Stream {
            name: StreamName::new("recordf"),
            normal,
            lag: Duration::ZERO,
        }]);
    };
    if entries.is_empty() {
        return Err("`streams` needs at least one stream".to_owned());
    }
    let mut streams: Vec<Stream> = Vec::new();
    for StreamEntry(fields) in entries {
        let name = StreamName::new(&fields.name);
        if streams.iter().any(|known| known.name == name) {
            return Err(format!("duplicate stream `{}`", fields.name));
        }
        streams.push(Stream {
            name,
            normal: normal.with(
                fields.bitrate_bps,
                fields.video_framerate_fps,
                fields.audio_framerate_fps,
            ),
            lag: fields.lag.0,
        });
    }
    Ok(streams)
}
