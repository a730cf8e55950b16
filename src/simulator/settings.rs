//! What holds for the simulated Polyv as a whole.

use super::envelope::Nothing;
use super::samples::Sampling;

/// How Polyv answers, for all accounts and channels alike.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    /// What all chance begins with.
    pub(super) seed: u64,
    pub(super) sampling: Sampling,
    pub(super) order: Order,
    /// Values with decimals instead of whole ones.
    pub(super) decimals: bool,
    /// Whether answers are gzipped for clients that accept it.
    pub(super) gzip: bool,
    /// Whether a refusal's HTTP status is its `code`, as the v4 pages say, or 200, as the
    /// official clients saw it.
    pub(super) http_status_is_code: bool,
    /// What is said of a channel that does not exist or is not the caller's. Undocumented for
    /// the stream information.
    pub(super) unknown_channel: String,
    /// The `code` of `invalid signature.`: one page has 400, others have 403.
    pub(super) invalid_signature_code: u16,
    /// What v3 refusals say for `data`.
    pub(super) refusal_data: Nothing,
    pub(super) censor_update: CensorUpdate,
    pub(super) censor_get: CensorGet,
}

/// What a change of the chat moderation switch is answered: the page's table and its sample
/// contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CensorUpdate {
    /// The state that the switch then has (the table).
    After,
    /// The state that it had (a reading of the sample).
    Before,
}

/// How the chat moderation switch is read; undocumented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CensorGet {
    /// `"Y"` or `"N"`.
    Letters,
    /// `true` or `false`.
    Booleans,
}

/// The order of an answer's samples; Polyv documents none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    OldestFirst,
    NewestFirst,
    /// The same shuffle each time.
    Shuffled,
}
