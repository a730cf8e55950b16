//! The common part of all operations.

use hyper::Method;

use crate::account::Account;
use crate::channel::LiveChannel;
use crate::channels::Channels;
use crate::envelope::Envelope;
use crate::faults::Corruptions;
use crate::refusal::Refusal;
use crate::request::{Parameters, Request};
use crate::settings::Settings;
use crate::time::MediaTime;

/// The media type of a form.
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// An operation of Polyv's API.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Its name in the request log and in the scopes of faults.
    pub(crate) endpoint: &'static str,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Required parameters besides `appId`, `timestamp` and `sign`.
    pub(crate) required: &'static [&'static str],
    /// Carries out a request with a right signature.
    pub(crate) perform: fn(&SignedCall<'_>, &mut Channels) -> OperationResult,
}

/// A call of an authenticated account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedCall<'a> {
    pub(crate) account: &'a Account,
    pub(crate) parameters: &'a Parameters,
    pub(crate) body: &'a [u8],
    pub(crate) now: MediaTime,
    /// Polyv's clock minus the right time.
    pub(crate) skew_ms: i64,
    pub(crate) settings: &'a Settings,
    pub(crate) corruptions: &'a Corruptions,
}

/// The result of a signed call.
pub(crate) type OperationResult = Result<Success, Refusal>;

/// The response of an operation that was carried out.
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

    /// A success whose data is an array of these JSON texts.
    pub(super) fn array(elements: &[String]) -> Self {
        Self::ok(format!("[{}]", elements.join(",")))
    }
}

impl Operation {
    /// Whether the request has parameters in a form.
    pub(crate) fn has_form(&self, request: &Request) -> bool {
        self.method == request.method && self.takes_form() && request.media_type() == FORM
    }

    /// The v3 operations that write take a form, those of v4 JSON.
    fn takes_form(&self) -> bool {
        self.method == Method::POST && Envelope::of_path(self.path) == Envelope::V3
    }

    /// Checks the request's method and the type of its body. The body of a `GET` is ignored.
    ///
    /// An operation that takes a form is strict, so that a client whose parameters stand where
    /// Polyv does not look for them gets an error. The official client sends `null` as JSON
    /// instead of no body.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Refusal> {
        if request.method != self.method {
            return Err(Refusal::WrongMethod(request.method.clone()));
        }
        let media_type = request.media_type();
        let body = request.body.trim_ascii();
        match (self.takes_form(), media_type.as_str()) {
            (true, _) if body.is_empty() => Ok(()),
            (true, FORM) | (false, JSON) => Ok(()),
            (true, JSON) if body == b"null" => Ok(()),
            (true, JSON) => Err(Refusal::InvalidParameter),
            _ if self.method == Method::GET => Ok(()),
            _ => Err(Refusal::WrongContentType(media_type)),
        }
    }
}

impl SignedCall<'_> {
    /// The channel of `channelId`, if the caller owns it.
    pub(super) fn channel<'c>(
        &self,
        channels: &'c mut Channels,
    ) -> Result<&'c mut LiveChannel, Refusal> {
        let id = self.parameters.get("channelId").unwrap_or_default();
        let (account, now) = (&self.account.app_id, self.now);
        match channels.by_id.get_mut(id) {
            Some(channel) if channel.belongs_to(account) && channel.exists(now) => Ok(channel),
            _ => {
                let message = self.settings.unknown_channel.clone();
                Err(Refusal::UnknownChannel { message })
            }
        }
    }
}
