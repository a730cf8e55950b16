//! Whether channels exist and whose they are.
//!
//! `GET /live/v4/channel/status-valid` (public docs), up to 100 channels in one call.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{BadResponse, Error};
use super::numeric_field::text_of;

/// The operation's path.
pub(super) const PATH: &str = "/live/v4/channel/status-valid";

/// What Polyv says of a channel's existence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelValidity {
    /// The channel.
    pub channel_id: String,
    /// Whether it was deleted; `None` where the answer does not say.
    pub deleted: Option<bool>,
    /// Whether it belongs to the account that asks; `None` where the answer does not say.
    pub ours: Option<bool>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    channels: Vec<Element<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    #[serde(borrow)]
    channel_id: &'a RawValue,
    #[serde(borrow, default)]
    delete: Option<&'a RawValue>,
    #[serde(borrow, default)]
    current_user: Option<&'a RawValue>,
}

// === impl ChannelValidity ===

impl ChannelValidity {
    /// Reads the answer's `data`.
    pub(super) fn decode(data: Option<&RawValue>) -> Result<Vec<Self>, Error> {
        let data: Data<'_> = data
            .and_then(|data| serde_json::from_str(data.get()).ok())
            .ok_or_else(|| {
                Error::BadResponse(BadResponse::UnexpectedData(
                    "`channels` was expected".to_owned(),
                ))
            })?;
        Ok(data
            .channels
            .iter()
            .map(|element| Self {
                channel_id: raw_text(element.channel_id),
                deleted: element.delete.and_then(parse_bool),
                ours: element.current_user.and_then(parse_bool),
            })
            .collect())
    }
}

/// An id or a word, sent as a string or as a number.
pub(super) fn raw_text(raw: &RawValue) -> String {
    text_of(raw.get()).map_or_else(|| raw.get().to_owned(), std::borrow::Cow::into_owned)
}

/// 1 for yes and 0 for no, by the public docs; elsewhere the API writes `Y` and `N`, or booleans.
pub(super) fn parse_bool(raw: &RawValue) -> Option<bool> {
    match raw_text(raw).as_str() {
        "1" | "true" | "Y" => Some(true),
        "0" | "false" | "N" => Some(false),
        _ => None,
    }
}
