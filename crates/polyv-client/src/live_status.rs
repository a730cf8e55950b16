//! The status of many channels in one call.
//!
//! `GET /live/v4/channel/live-status/list` (public docs), up to 200 channels; not for seminar
//! channels.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{BadResponse, Error};
use super::status_valid::plain;

/// The operation's path.
pub(super) const PATH: &str = "/live/v4/channel/live-status/list";

/// The most channels that one call takes.
pub const MOST_CHANNELS: usize = 200;

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
pub struct LiveStatusOf {
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

// === impl LiveStatusOf ===

impl LiveStatusOf {
    /// Reads the answer's `data`, whose order is not the order asked. An entry that can't be
    /// read is left out: it must not keep the others from being known.
    pub(super) fn read(data: Option<&RawValue>) -> Result<Vec<Self>, Error> {
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
                channel_id: plain(element.channel_id),
                status: LiveStatus::from_word(plain(element.live_status)),
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
    pub const fn word(self) -> &'static str {
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

    fn from_word(word: String) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|status| status.word() == word)
            .ok_or(word)
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

    fn read(data: &str) -> Result<Vec<LiveStatusOf>, Error> {
        let raw: Box<RawValue> = serde_json::from_str(data).unwrap();
        LiveStatusOf::read(Some(&raw))
    }

    #[test]
    fn every_status_is_known_and_another_word_is_kept() {
        for status in LiveStatus::ALL {
            let word = status.word();
            let data = format!(r#"[{{"channelId":1,"liveStatus":"{word}"}}]"#);
            assert_eq!(read(&data).unwrap()[0].status, Ok(status));
        }
        let of = &read(r#"[{"channelId":"2","liveStatus":"dancing"}]"#).unwrap()[0];
        assert_eq!(of.channel_id, "2");
        assert_eq!(of.status, Err("dancing".to_owned()));
    }

    #[test]
    fn an_entry_that_makes_no_sense_does_not_hide_the_others() {
        let data = r#"[7, {"channelId":1}, null, {"channelId":2,"liveStatus":"live","more":[]}]"#;
        let read = read(data).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].channel_id, "2");
    }

    #[test]
    fn what_is_no_list_is_no_answer() {
        for data in ["{}", "\"\"", "null", "7"] {
            assert!(read(data).is_err(), "{data}");
        }
        assert!(LiveStatusOf::read(None).is_err());
    }
}
