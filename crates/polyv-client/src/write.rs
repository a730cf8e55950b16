//! Requests that change something at Polyv.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::transport::RequestBody;

/// A request that changes something, ready to be signed and sent by
/// [`Client::write`](crate::Client::write). `T` is the decoded response.
pub struct WriteRequest<T> {
    pub(crate) path: &'static str,
    /// The parameters, all of which are signed.
    pub(crate) params: Vec<(&'static str, String)>,
    pub(crate) body: RequestBody,
    pub(crate) decode: fn(Option<&RawValue>) -> Result<T, Error>,
}

/// Why a write failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct WriteError {
    /// The failure.
    pub error: Error,
    /// Whether the write took effect nevertheless.
    pub effect: Effect,
}

/// Whether a failed write took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It did not: the request was not sent, or Polyv rejected it. It may be sent again.
    None,
    /// Unknown: the request was sent, and no response of Polyv's reports its result.
    Unknown,
}

/// A request as it may be shown to a person.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Preview {
    /// The address, with the signature masked.
    pub url: String,
    /// The JSON body, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
}

impl Effect {
    pub(crate) const fn of(self, error: Error) -> WriteError {
        WriteError {
            error,
            effect: self,
        }
    }
}

impl<T> WriteRequest<T> {
    /// A `POST` of parameters only.
    pub(crate) const fn of_params(
        path: &'static str,
        params: Vec<(&'static str, String)>,
        decode: fn(Option<&RawValue>) -> Result<T, Error>,
    ) -> Self {
        Self {
            path,
            params,
            body: RequestBody::Post,
            decode,
        }
    }

    /// A `POST` of JSON about a channel. The body is not signed.
    pub(crate) fn of_json(
        path: &'static str,
        channel_id: &str,
        body: &serde_json::Value,
        decode: fn(Option<&RawValue>) -> Result<T, Error>,
    ) -> Self {
        Self {
            path,
            params: vec![("channelId", channel_id.to_owned())],
            body: RequestBody::PostJson(Bytes::from(body.to_string())),
            decode,
        }
    }
}
