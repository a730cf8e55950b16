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

/// What a channel is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// A word that the documentation does not know.
    Other(String),
}

/// A channel and its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveStatusOf {
    /// The channel.
    pub channel_id: String,
    /// Its status.
    pub status: LiveStatus,
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
    /// Reads the answer's `data`, whose order is not the order asked.
    pub(super) fn read(data: Option<&RawValue>) -> Result<Vec<Self>, Error> {
        let elements: Vec<Element<'_>> = data
            .and_then(|data| serde_json::from_str(data.get()).ok())
            .ok_or_else(|| {
                Error::BadResponse(BadResponse::UnexpectedData(
                    "a list of channels with their status was expected".to_owned(),
                ))
            })?;
        Ok(elements
            .iter()
            .map(|element| Self {
                channel_id: plain(element.channel_id),
                status: LiveStatus::from_word(&plain(element.live_status)),
            })
            .collect())
    }
}

impl LiveStatus {
    fn from_word(word: &str) -> Self {
        match word {
            "unStart" => Self::NotStarted,
            "live" => Self::Live,
            "end" => Self::Ended,
            "waiting" => Self::Waiting,
            "playback" => Self::Playback,
            "banpush" => Self::Banned,
            other => Self::Other(other.to_owned()),
        }
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
            Self::Other(word) => word,
        })
    }
}
