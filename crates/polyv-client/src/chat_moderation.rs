//! The chat moderation switch: whether chat messages are shown only after approval.
//!
//! `POST /live/v3/channel/chat/update-censor-enabled` and, from the public docs,
//! `GET /live/v3/channel/chat/get-censor-enabled`; all parameters are in the address and
//! signed. The response of the update is unreliable: the page's table documents the new state
//! and its own sample shows the opposite. Callers read the switch back.

use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::json::{parse_bool, raw_text};
use crate::limiter::Permit;
use crate::text::for_log;
use crate::write::WriteRequest;

const GET: &str = "/live/v3/channel/chat/get-censor-enabled";
const UPDATE: &str = "/live/v3/channel/chat/update-censor-enabled";

/// Switches chat moderation on or off. The value is always sent: without it Polyv toggles the
/// switch, and the state after a lost response would be unknown.
#[must_use]
pub fn set_chat_moderation(channel_id: &str, enabled: bool) -> WriteRequest<()> {
    let enabled = if enabled { "Y" } else { "N" };
    let params = vec![
        ("channelId", channel_id.to_owned()),
        ("enabled", enabled.to_owned()),
    ];
    WriteRequest::of_params(UPDATE, params, |_data| Ok(()))
}

impl Client {
    /// Whether chat moderation is on.
    ///
    /// # Errors
    /// Why there is no valid response.
    pub async fn chat_moderation(&self, permit: Permit, channel_id: &str) -> Result<bool, Error> {
        let params = vec![("channelId", channel_id.to_owned())];
        self.call(permit, GET, params, decode).await
    }
}

/// `Y`, `N` or a boolean: the docs do not say which.
fn decode(data: Option<&RawValue>) -> Result<bool, Error> {
    data.and_then(parse_bool).ok_or_else(|| {
        let sent = data.map_or_else(|| "nothing".to_owned(), raw_text);
        Error::unexpected_data(format!("`Y` or `N` was expected, not `{}`", for_log(&sent)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switch_is_decoded_in_every_form() {
        let decode = |json: &str| {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            decode(Some(&raw)).ok()
        };
        for on in [r#""Y""#, "true", r#""true""#, "1"] {
            assert_eq!(decode(on), Some(true), "{on}");
        }
        for off in [r#""N""#, "false"] {
            assert_eq!(decode(off), Some(false), "{off}");
        }
        for rubbish in ["null", "{}", r#""""#, "2", "[]"] {
            assert_eq!(decode(rubbish), None, "{rubbish}");
        }
        assert!(super::decode(None).is_err());
    }
}
