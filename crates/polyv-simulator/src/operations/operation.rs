//! The common part of all operations.

use hyper::Method;

use crate::account::Account;
use crate::channel::LiveChannel;
use crate::channels::Channels;
use crate::envelope::{Envelope, Refusal};
use crate::faults::Corruptions;
use crate::request::{Parameters, Request};
use crate::settings::Settings;
use crate::time::MediaTime;

/// The media type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// An operation of Polyv's API.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Its name in the request log and in the scopes of faults.
    pub(crate) endpoint: &'static str,
    pub(crate) envelope: Envelope,
    pub(crate) body: BodyKind,
    /// Required parameters besides `appId`, `timestamp` and `sign`.
    pub(crate) required: &'static [&'static str],
    /// Carries out a request with a right signature.
    pub(crate) perform: fn(&OperationRequest<'_>, &mut Channels) -> Result<Success, Refusal>,
}

/// The body that an operation takes besides the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// None. A body is ignored.
    Ignored,
    /// A form, whose parameters may stand in the query as well.
    Form,
    /// JSON.
    Json,
}

/// A request of an authenticated account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperationRequest<'a> {
    pub(crate) account: &'a Account,
    pub(crate) parameters: &'a Parameters,
    pub(crate) body: &'a [u8],
    pub(crate) now: MediaTime,
    /// Polyv's clock minus the right time.
    pub(crate) skew_ms: i64,
    pub(crate) settings: &'a Settings,
    pub(crate) corruptions: &'a Corruptions,
}

/// The result of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Success {
    /// `data`, as JSON.
    pub(crate) data: String,
    /// The outcome in the request log.
    pub(crate) outcome: &'static str,
}

impl Success {
    pub(super) fn ok(data: impl Into<String>) -> Self {
        Self {
            data: data.into(),
            outcome: "ok",
        }
    }
}

impl BodyKind {
    /// Checks the type of the body.
    ///
    /// An operation without a JSON body is strict, so that a client whose parameters stand where
    /// Polyv does not look for them gets an error. The official client sends `null` as JSON
    /// instead of no body.
    pub(crate) fn check(self, request: &Request) -> Result<(), Refusal> {
        let media_type = request.media_type();
        let body = request.body.trim_ascii();
        match self {
            Self::Ignored => Ok(()),
            Self::Json if media_type == JSON => Ok(()),
            Self::Form if body.is_empty() || media_type == FORM => Ok(()),
            Self::Form if media_type == JSON && body == b"null" => Ok(()),
            Self::Form if media_type == JSON => Err(Refusal::parameters()),
            Self::Json | Self::Form => Err(Refusal::content_type(&media_type)),
        }
    }
}

impl OperationRequest<'_> {
    /// The channel of `channelId`, if the caller owns it.
    pub(super) fn channel<'c>(
        &self,
        channels: &'c mut Channels,
    ) -> Result<&'c mut LiveChannel, Refusal> {
        let id = self.parameters.get("channelId").unwrap_or_default();
        channels
            .owned(id, &self.account.app_id, self.now)
            .ok_or_else(|| {
                let message = self.settings.unknown_channel.clone();
                Refusal::invalid(message, "unknown_channel")
            })
    }
}
