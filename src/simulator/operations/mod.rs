//! The calls that this Polyv knows: one file an operation, and the table of them.

mod channel_ids;
mod live_status;
mod status_valid;
mod stream_info;

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Method;

use super::channel::LiveChannel;
use super::envelope::{Envelope, Refusal};
use super::request::Parameters;
use super::settings::Settings;
use super::time::MediaTime;
use super::troubles::Spoils;

/// An operation of Polyv's API.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// Its name in the receive log and in troubles' scopes.
    pub(super) endpoint: &'static str,
    pub(super) envelope: Envelope,
    /// What it cannot do without, besides `appId`, `timestamp` and `sign`.
    pub(super) required: &'static [&'static str],
    /// The answer to a question that was signed rightly.
    pub(super) answer: fn(&Question<'_>, &mut Channels) -> Result<Success, Refusal>,
}

/// A question of an account that is who it says it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) app_id: &'a str,
    pub(super) parameters: &'a Parameters,
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
static OPERATIONS: [Operation; 3] = [
    stream_info::OPERATION,
    status_valid::OPERATION,
    live_status::OPERATION,
];

/// The names of all operations.
pub(super) fn endpoints() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|operation| operation.endpoint)
}

/// The operation at that path.
pub(super) fn at(path: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.path == path)
}
