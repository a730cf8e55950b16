//! Batch status: the state of up to 200 channels in one call.
//!
//! `GET /live/v4/channel/live-status/list` (public docs); not for seminar channels.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::json::{decode_data, raw_text};
use crate::limiter::Permit;

const PATH: &str = "/live/v4/channel/live-status/list";

/// The maximum number of channels in one [`Client::live_status`] call.
pub const MAX_CHANNELS_PER_CALL: usize = 200;

/// The state of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LiveStatus {
    /// `unStart`: the broadcast has not begun.
    NotStarted,
    /// `live`.
    Live,
    /// `end`: the broadcast is over.
    Ended,
    /// `waiting`.
    Waiting,
    /// `playback`: a recording is shown.
    Playback,
    /// `banpush`: pushing is forbidden.
    Banned,
}

/// A channel and its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelLiveStatus {
    /// The channel's id.
    pub channel_id: String,
    /// The status, or Polyv's value where it is undocumented.
    pub status: Result<LiveStatus, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawItem {
    channel_id: Box<RawValue>,
    live_status: Box<RawValue>,
}

impl Client {
    /// The status of up to [`MAX_CHANNELS_PER_CALL`] channels, in any order; not for seminar
    /// channels.
    ///
    /// # Errors
    /// Why there is no valid response.
    pub async fn live_status(
        &self,
        permit: Permit,
        channel_ids: &[&str],
    ) -> Result<Vec<ChannelLiveStatus>, Error> {
        let params = vec![("channelIds", channel_ids.join(","))];
        self.call(permit, PATH, params, decode).await
    }
}

/// An unreadable item is ignored: it must not hide the others.
fn decode(data: Option<&RawValue>) -> Result<Vec<ChannelLiveStatus>, Error> {
    let items: Vec<&RawValue> = decode_data(data, "a list of channels with their status")?;
    Ok(items
        .iter()
        .filter_map(|item| serde_json::from_str::<RawItem>(item.get()).ok())
        .map(|item| ChannelLiveStatus {
            channel_id: raw_text(&item.channel_id),
            status: LiveStatus::from_wire_value(raw_text(&item.live_status)),
        })
        .collect())
}

impl LiveStatus {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::NotStarted,
        Self::Live,
        Self::Ended,
        Self::Waiting,
        Self::Playback,
        Self::Banned,
    ];

    /// Polyv's value, a keyword and a description.
    const fn names(self) -> [&'static str; 3] {
        match self {
            Self::NotStarted => ["unStart", "not_started", "not begun"],
            Self::Live => ["live", "live", "live"],
            Self::Ended => ["end", "ended", "ended"],
            Self::Waiting => ["waiting", "waiting", "waiting"],
            Self::Playback => ["playback", "playback", "playback of a recording"],
            Self::Banned => ["banpush", "banned", "pushing is forbidden"],
        }
    }

    /// Polyv's value for the state.
    #[must_use]
    pub const fn wire_value(self) -> &'static str {
        let [wire_value, _, _] = self.names();
        wire_value
    }

    /// A `snake_case` keyword, suitable as a label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        let [_, keyword, _] = self.names();
        keyword
    }

    fn from_wire_value(value: String) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|status| status.wire_value() == value)
            .ok_or(value)
    }
}

impl fmt::Display for LiveStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, _, description] = self.names();
        f.write_str(description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(data: &str) -> Result<Vec<ChannelLiveStatus>, Error> {
        let raw: Box<RawValue> = serde_json::from_str(data).unwrap();
        super::decode(Some(&raw))
    }

    #[test]
    fn documented_statuses_are_decoded_and_others_kept() {
        for status in LiveStatus::ALL {
            let wire_value = status.wire_value();
            let data = format!(r#"[{{"channelId":1,"liveStatus":"{wire_value}"}}]"#);
            assert_eq!(decode(&data).unwrap()[0].status, Ok(status));
        }
        let of = &decode(r#"[{"channelId":"2","liveStatus":"dancing"}]"#).unwrap()[0];
        assert_eq!(of.channel_id, "2");
        assert_eq!(of.status, Err("dancing".to_owned()));
    }

    #[test]
    fn unreadable_items_do_not_hide_the_others() {
        let data = r#"[7, {"channelId":1}, null, {"channelId":2,"liveStatus":"live","more":[]}]"#;
        let read = decode(data).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].channel_id, "2");
    }

    #[test]
    fn data_other_than_a_list_are_rejected() {
        for data in ["{}", "\"\"", "null", "7"] {
            assert!(decode(data).is_err(), "{data}");
        }
        assert!(super::decode(None).is_err());
    }
}
