//! The status of many channels in one call.
//!
//! `GET /live/v4/channel/live-status/list` (public docs), up to 200 channels; not for seminar
//! channels.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{BadResponse, Error};
use super::status_valid::raw_text;

/// The operation's path.
pub(super) const PATH: &str = "/live/v4/channel/live-status/list";

/// The most channels that one call takes.
pub const MAX_CHANNELS_PER_CALL: usize = 200;

/// What a channel is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LiveStatus {
    /// `unStart`: not begun.
    NotStarted,
    /// `live`.
    Live,
    /// `end`: over.
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
    /// The channel.
    pub channel_id: String,
    /// Its status, or the word for it that the documentation does not know.
    pub status: Result<LiveStatus, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    #[serde(borrow)]
    channel_id: &'a RawValue,
    #[serde(borrow)]
    live_status: &'a RawValue,
}

// === impl ChannelLiveStatus ===

impl ChannelLiveStatus {
    /// Reads the answer's `data`, whose order is not the order asked. An entry that can't be
    /// read is left out: it must not keep the others from being known.
    pub(super) fn decode(data: Option<&RawValue>) -> Result<Vec<Self>, Error> {
        let elements: Vec<&RawValue> = data
            .and_then(|data| serde_json::from_str(data.get()).ok())
            .ok_or_else(|| {
                Error::BadResponse(BadResponse::UnexpectedData(
                    "a list of channels with their status was expected".to_owned(),
                ))
            })?;
        Ok(elements
            .iter()
            .filter_map(|element| serde_json::from_str::<Element<'_>>(element.get()).ok())
            .map(|element| Self {
                channel_id: raw_text(element.channel_id),
                status: LiveStatus::from_word(raw_text(element.live_status)),
            })
            .collect())
    }
}

// === impl LiveStatus ===

impl LiveStatus {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NotStarted,
        Self::Live,
        Self::Ended,
        Self::Waiting,
        Self::Playback,
        Self::Banned,
    ];

    /// Polyv's word for it.
    #[must_use]
    pub const fn wire_value(self) -> &'static str {
        match self {
            Self::NotStarted => "unStart",
            Self::Live => "live",
            Self::Ended => "end",
            Self::Waiting => "waiting",
            Self::Playback => "playback",
            Self::Banned => "banpush",
        }
    }

    /// Our own word for it: the label `status` of the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Live => "live",
            Self::Ended => "ended",
            Self::Waiting => "waiting",
            Self::Playback => "playback",
            Self::Banned => "banned",
        }
    }

    fn from_word(wire_value: String) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|status| status.wire_value() == wire_value)
            .ok_or(wire_value)
    }
}

impl fmt::Display for LiveStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotStarted => "not begun",
            Self::Live => "live",
            Self::Ended => "ended",
            Self::Waiting => "waiting",
            Self::Playback => "playback of a recording",
            Self::Banned => "pushing is forbidden",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(data: &str) -> Result<Vec<ChannelLiveStatus>, Error> {
        let raw: Box<RawValue> = serde_json::from_str(data).unwrap();
        ChannelLiveStatus::decode(Some(&raw))
    }

    #[test]
    fn every_status_is_known_and_another_word_is_kept() {
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
    fn an_entry_that_makes_no_sense_does_not_hide_the_others() {
        let data = r#"[7, {"channelId":1}, null, {"channelId":2,"liveStatus":"live","more":[]}]"#;
        let read = decode(data).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].channel_id, "2");
    }

    #[test]
    fn what_is_no_list_is_no_answer() {
        for data in ["{}", "\"\"", "null", "7"] {
            assert!(decode(data).is_err(), "{data}");
        }
        assert!(ChannelLiveStatus::decode(None).is_err());
    }
}
