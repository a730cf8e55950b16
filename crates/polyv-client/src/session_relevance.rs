//! Links a channel's future sessions to an external id.
//!
//! `POST /live/v3/channel/session/relevance`, all parameters in the address and signed. It
//! applies to the sessions that the channel starts afterwards, and to their recordings.

use serde_json::value::RawValue;

use crate::error::Error;
use crate::field_limits::utf16_length;
use crate::json::raw_text;
use crate::text::for_log;
use crate::write::WriteRequest;

const PATH: &str = "/live/v3/channel/session/relevance";
const ID_LENGTH: usize = 32;

/// An external session id: 32 characters, as Polyv counts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalSessionId(String);

/// The external id does not have 32 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the external id has {0} characters; Polyv takes exactly 32")]
pub struct WrongLength(pub usize);

/// Links the sessions that a channel starts from now on to `id`.
#[must_use]
pub fn link_sessions(channel_id: &str, id: &ExternalSessionId) -> WriteRequest<()> {
    let params = vec![
        ("channelId", channel_id.to_owned()),
        ("externalSessionId", id.0.clone()),
    ];
    WriteRequest::of_params(PATH, params, decode)
}

/// `true`; an older page documents `"success"`.
fn decode(data: Option<&RawValue>) -> Result<(), Error> {
    match data.map(raw_text).as_deref() {
        Some("true" | "success") => Ok(()),
        other => Err(Error::unexpected_data(format!(
            "`true` was expected, not `{}`",
            for_log(other.unwrap_or("nothing"))
        ))),
    }
}

impl ExternalSessionId {
    /// Checks an external id.
    ///
    /// # Errors
    /// If the id is not 32 UTF-16 units long.
    pub fn new(id: &str) -> Result<Self, WrongLength> {
        // A blank parameter must never be sent.
        let id = if id.trim().is_empty() { "" } else { id };
        match utf16_length(id) {
            ID_LENGTH => Ok(Self(id.to_owned())),
            other => Err(WrongLength(other)),
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_has_32_utf16_units() {
        assert!(ExternalSessionId::new("w11V61QWoK3332313778613940858739").is_ok());
        let blank = " ".repeat(32);
        for (id, length) in [("", 0), (&blank, 0), ("a", 1), (&"a".repeat(33)[..], 33)] {
            assert_eq!(ExternalSessionId::new(id), Err(WrongLength(length)));
        }
        // An emoji is two.
        assert!(ExternalSessionId::new(&"🎥".repeat(16)).is_ok());
        assert_eq!(
            ExternalSessionId::new(&"🎥".repeat(32)),
            Err(WrongLength(64))
        );
        assert!(ExternalSessionId::new(&"直".repeat(32)).is_ok());
    }
}
