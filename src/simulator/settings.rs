//! What holds for the simulated Polyv as a whole.

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
}

/// The order of an answer's samples; Polyv documents none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    OldestFirst,
    NewestFirst,
    /// The same shuffle each time.
    Shuffled,
}
