//! The calls that this Polyv knows: one file an operation, and the table of them.

mod censor_enabled;
mod channel_ids;
mod channel_list;
mod chat_message_audit;
mod json;
mod live_status;
mod session_relevance;
mod status_valid;
mod stream_info;
mod video_moderation;

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Method;

use super::channel::LiveChannel;
use super::envelope::{Envelope, Refusal};
use super::phase::Phase;
use super::request::{Parameters, Request};
use super::scenario::Account;
use super::settings::Settings;
use super::time::MediaTime;
use super::troubles::Spoils;

pub(super) use video_moderation::describe as describe_video_moderation;

/// An operation of Polyv's API.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// Its name in the receive log and in troubles' scopes.
    pub(super) endpoint: &'static str,
    pub(super) envelope: Envelope,
    pub(super) takes: Takes,
    /// What it cannot do without, besides `appId`, `timestamp` and `sign`.
    pub(super) required: &'static [&'static str],
    /// The answer to a question that was signed rightly.
    pub(super) answer: fn(&Question<'_>, &mut Channels) -> Result<Success, Refusal>,
}

/// Where an operation finds what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// In the query. A body means nothing.
    Query,
    /// In the query or in a form; it makes no difference which.
    Form,
    /// In the query and in a JSON body.
    Json,
}

/// A question of an account that is who it says it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) account: &'a Account,
    pub(super) parameters: &'a Parameters,
    pub(super) body: &'a [u8],
    pub(super) now: MediaTime,
    /// Polyv's clock minus the right time.
    pub(super) skew_ms: i64,
    pub(super) settings: &'a Settings,
    pub(super) spoils: &'a Spoils,
}

/// The channels of all accounts.
#[derive(Debug)]
pub(super) struct Channels {
    pub(super) by_id: BTreeMap<String, LiveChannel>,
    /// How long samples take to appear, for channels that have no delay of their own.
    pub(super) sample_delay: Duration,
}

/// What an operation has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Success {
    /// `data`, as JSON.
    pub(super) data: String,
    /// The word that the receive log uses for it.
    pub(super) word: &'static str,
}

/// All operations.
static OPERATIONS: [Operation; 10] = [
    stream_info::OPERATION,
    status_valid::OPERATION,
    live_status::OPERATION,
    channel_list::OPERATION,
    session_relevance::OPERATION,
    video_moderation::UPDATE,
    video_moderation::GET,
    chat_message_audit::OPERATION,
    censor_enabled::UPDATE,
    censor_enabled::GET,
];

/// The type of a form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// The names of all operations.
pub(super) fn endpoints() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|operation| operation.endpoint)
}

/// The operation at that path.
pub(super) fn at(path: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.path == path)
}

// === impl Success ===

impl Success {
    fn ok(data: impl Into<String>) -> Self {
        Self {
            data: data.into(),
            word: "ok",
        }
    }
}

// === impl Takes ===

impl Takes {
    /// Whether the body is of a kind that the operation takes.
    ///
    /// An operation without a JSON body is strict, so that a client which puts its parameters
    /// where Polyv does not look for them is told. `null` in JSON is what the official
    /// client sends instead of nothing.
    pub(super) fn check(self, request: &Request) -> Result<(), Refusal> {
        let media_type = request.media_type();
        let body = request.body.trim_ascii();
        match self {
            Self::Query => Ok(()),
            Self::Json if media_type == JSON => Ok(()),
            Self::Form if body.is_empty() || media_type == FORM => Ok(()),
            Self::Form if media_type == JSON && body == b"null" => Ok(()),
            Self::Form if media_type == JSON => Err(Refusal::parameters()),
            Self::Json | Self::Form => Err(Refusal::content_type(&media_type)),
        }
    }
}

// === impl Channels ===

impl Channels {
    /// The channel that `channelId` names, where it is the caller's.
    fn asked_for(&mut self, question: &Question<'_>) -> Result<&mut LiveChannel, Refusal> {
        question
            .parameters
            .get("channelId")
            .and_then(|id| self.by_id.get_mut(id))
            .filter(|channel| channel.belongs_to(&question.account.app_id))
            .filter(|channel| *channel.phase(question.now) != Phase::Deleted)
            .ok_or_else(|| {
                let message = question.settings.unknown_channel.clone();
                Refusal::of_the_question(message, "unknown_channel")
            })
    }
}
