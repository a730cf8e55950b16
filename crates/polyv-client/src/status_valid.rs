//! Whether channels exist and belong to the account.
//!
//! `GET /live/v4/channel/status-valid` (public docs), up to 100 channels in one call.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::json::{decode_data, parse_bool, raw_text};
use crate::limiter::Permit;

const PATH: &str = "/live/v4/channel/status-valid";

/// Whether a channel exists and belongs to the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelValidity {
    /// The channel's id.
    pub channel_id: String,
    /// Whether the channel was deleted, if the response says so.
    pub deleted: Option<bool>,
    /// Whether the channel belongs to the requesting account, if the response says so.
    pub ours: Option<bool>,
}

#[derive(Deserialize)]
struct RawData {
    channels: Vec<RawItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawItem {
    channel_id: Box<RawValue>,
    delete: Option<Box<RawValue>>,
    current_user: Option<Box<RawValue>>,
}

impl Client {
    /// Whether up to 100 channels exist and belong to this account.
    ///
    /// # Errors
    /// Why there is no valid response.
    pub async fn status_valid(
        &self,
        permit: Permit,
        channel_ids: &[&str],
    ) -> Result<Vec<ChannelValidity>, Error> {
        let params = vec![("channels", channel_ids.join(","))];
        self.call(permit, PATH, params, decode).await
    }
}

fn decode(data: Option<&RawValue>) -> Result<Vec<ChannelValidity>, Error> {
    let data: RawData = decode_data(data, "`channels`")?;
    Ok(data
        .channels
        .iter()
        .map(|item| ChannelValidity {
            channel_id: raw_text(&item.channel_id),
            deleted: item.delete.as_deref().and_then(parse_bool),
            ours: item.current_user.as_deref().and_then(parse_bool),
        })
        .collect())
}
