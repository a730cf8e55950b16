//! Calls that change something.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::error::Error;
use super::transport::RequestBody;

/// A call that changes something, ready to be signed and sent:
/// [`Client::write`](super::Client::write). `T` is what its answer says.
pub struct WriteRequest<T> {
    pub(super) path: &'static str,
    /// Its parameters, all of which are signed.
    pub(super) params: Vec<(&'static str, String)>,
    pub(super) content: RequestBody,
    pub(super) decode: fn(Option<&RawValue>) -> Result<T, Error>,
}

/// Why a write brought no success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct WriteError {
    /// What happened.
    pub error: Error,
    /// Whether it took effect all the same.
    pub effect: Effect,
}

/// Whether a write that failed took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It did not: it was not sent, or Polyv refused it. It may be sent again.
    None,
    /// Nobody knows: it was sent, and no answer of Polyv's says what became of it.
    Unknown,
}

/// What would be sent, as a person may see it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Preview {
    /// Where to, with the signature masked.
    pub url: String,
    /// The JSON body, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
}

impl Effect {
    pub(super) const fn of(self, error: Error) -> WriteError {
        WriteError {
            error,
            effect: self,
        }
    }
}

impl<T> WriteRequest<T> {
    /// A `POST` of parameters alone.
    pub(super) const fn of_params(
        path: &'static str,
        params: Vec<(&'static str, String)>,
        decode: fn(Option<&RawValue>) -> Result<T, Error>,
    ) -> Self {
        Self {
            path,
            params,
            content: RequestBody::Post,
            decode,
        }
    }

    /// A `POST` of JSON about a channel. The body takes no part in the signature.
    pub(super) fn of_json(
        path: &'static str,
        channel_id: &str,
        body: &serde_json::Value,
        decode: fn(Option<&RawValue>) -> Result<T, Error>,
    ) -> Self {
        Self {
            path,
            params: vec![("channelId", channel_id.to_owned())],
            content: RequestBody::PostJson(Bytes::from(body.to_string())),
            decode,
        }
    }
}
