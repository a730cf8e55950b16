//! The chat moderation switch: whether chat messages are shown only once somebody approved
//! them.
//!
//! `POST /live/v3/channel/chat/update-censor-enabled` and, from the public docs,
//! `GET /live/v3/channel/chat/get-censor-enabled`; all parameters in the address and signed.
//! What the update answers can't be relied on: the page's table says the state afterwards and
//! its own sample says the opposite. So it is read back.

use serde_json::value::RawValue;

use super::error::{BadResponse, Error};
use super::status_valid::{parse_bool, raw_text};
use super::write::WriteRequest;
use super::{Client, Permit, field_limits};

const GET: &str = "/live/v3/channel/chat/get-censor-enabled";
const UPDATE: &str = "/live/v3/channel/chat/update-censor-enabled";

/// Switches chat moderation on or off. (Without a value Polyv would toggle it, and nobody
/// could say what a lost answer left behind.)
#[must_use]
pub fn set_chat_moderation(channel_id: &str, enabled: bool) -> WriteRequest<()> {
    let enabled = if enabled { "Y" } else { "N" };
    WriteRequest::of_params(
        UPDATE,
        vec![
            ("channelId", channel_id.to_owned()),
            ("enabled", enabled.to_owned()),
        ],
        |_data| Ok(()),
    )
}

impl Client {
    /// Whether chat moderation is on.
    ///
    /// # Errors
    /// Why there was no answer.
    pub async fn chat_moderation(&self, permit: Permit, channel_id: &str) -> Result<bool, Error> {
        let params = vec![("channelId", channel_id.to_owned())];
        self.call(permit, GET, params, decode).await
    }
}

/// `Y`, `N` or a boolean; nobody has seen which.
fn decode(data: Option<&RawValue>) -> Result<bool, Error> {
    data.and_then(parse_bool).ok_or_else(|| {
        let sent = data.map_or_else(|| "nothing".to_owned(), raw_text);
        Error::BadResponse(BadResponse::UnexpectedData(format!(
            "`Y` or `N` was expected, not `{}`",
            field_limits::shortened(&sent)
        )))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_is_read_in_every_form() {
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
