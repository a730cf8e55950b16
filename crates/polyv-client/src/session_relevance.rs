//! Linking a channel's coming sessions to an id of one's own.
//!
//! `POST /live/v3/channel/session/relevance`, all parameters in the address and signed. It
//! takes effect for the sessions that the channel starts from then on, and the recordings cut
//! from them.

use std::fmt;

use serde_json::value::RawValue;

use super::error::{BadResponse, Error};
use super::field_limits;
use super::status_valid::raw_text;
use super::write::WriteRequest;

const PATH: &str = "/live/v3/channel/session/relevance";
/// How long an id has to be.
const LENGTH: usize = 32;

/// A session's id as its owner knows it: 32 characters, as Polyv counts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalSessionId(String);

/// An id of another length than 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the external id has {0} characters; Polyv takes exactly 32")]
pub struct WrongLength(pub usize);

/// Links the sessions that a channel starts from now on to `id`.
#[must_use]
pub fn link_sessions(channel_id: &str, id: &ExternalSessionId) -> WriteRequest<()> {
    WriteRequest::of_params(
        PATH,
        vec![
            ("channelId", channel_id.to_owned()),
            ("externalSessionId", id.0.clone()),
        ],
        decode,
    )
}

/// `true`; an older page says `"success"`.
fn decode(data: Option<&RawValue>) -> Result<(), Error> {
    match data.map(raw_text).as_deref() {
        Some("true" | "success") => Ok(()),
        other => Err(Error::BadResponse(BadResponse::UnexpectedData(format!(
            "`true` was expected, not `{}`",
            field_limits::shortened(other.unwrap_or("nothing"))
        )))),
    }
}

// === impl ExternalSessionId ===

impl ExternalSessionId {
    /// Takes an id that somebody chose.
    ///
    /// # Errors
    /// Where it is not 32 UTF-16 units long: Polyv's servers are Java.
    pub fn new(id: &str) -> Result<Self, WrongLength> {
        // Nothing but blanks is nothing; a blank parameter must never be sent.
        let id = if id.trim().is_empty() { "" } else { id };
        match field_limits::length(id) {
            LENGTH => Ok(Self(id.to_owned())),
            other => Err(WrongLength(other)),
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_32_characters_as_java_counts_them() {
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
