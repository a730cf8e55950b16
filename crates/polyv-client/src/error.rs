//! What a call can come to.

use std::fmt;
use std::time::Duration;

/// How a call ended, in one word: the `outcome` label of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// An answer with data: for the stream information, the channel is live.
    Ok,
    /// An answer too: the channel is not live.
    NotLive,
    /// The appId or the signature is not accepted.
    AuthFailed,
    /// Our timestamp is over 3 minutes off Polyv's clock.
    ClockSkew,
    /// We ask too much, or are blocked for having done so.
    Throttled,
    /// The account may not do this.
    Forbidden,
    /// Any other refusal.
    Rejected,
    /// Polyv failed.
    ServerError,
    /// No (complete) answer in time.
    Timeout,
    /// No connection, or it broke.
    ConnectionFailed,
    /// An answer that makes no sense.
    BadResponse,
}

/// Why a call brought no data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The channel is not live. (Of an operation that needs a live channel this is an answer.)
    #[error("the channel is not live")]
    NotLive,
    /// The appId or the signature is not accepted.
    #[error("Polyv does not accept this appId and appSecret: {0}")]
    AuthFailed(ApiRejection),
    /// Our timestamp is over 3 minutes off Polyv's clock.
    #[error("Polyv finds our clock wrong: {0}")]
    ClockSkew(ApiRejection),
    /// We ask too much, or are blocked for having done so.
    #[error("Polyv throttles or blocks us: {0}")]
    Throttled(ApiRejection),
    /// The account may not do this.
    #[error("Polyv forbids it: {0}")]
    Forbidden(ApiRejection),
    /// Any other refusal.
    #[error("Polyv refuses: {0}")]
    Rejected(ApiRejection),
    /// Polyv failed.
    #[error("Polyv failed: {0}")]
    ServerError(ApiRejection),
    /// No (complete) answer in time.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// No connection, or it broke before the answer was complete.
    #[error("the connection failed: {0}")]
    ConnectionFailed(String),
    /// An answer that makes no sense.
    #[error("the answer makes no sense: {0}")]
    BadResponse(BadResponse),
}

/// A refusal, in Polyv's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRejection {
    /// The HTTP status.
    pub http_status: u16,
    /// `code` of the envelope; `None` where there was no envelope.
    pub code: Option<i64>,
    /// `message` or `error.desc`, made fit for a log; may be empty.
    pub message: String,
}

/// In which way an answer makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadResponse {
    /// Larger, after decompression, than any true answer is.
    #[error("it is larger than {} MiB", limit >> 20)]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Not one of Polyv's envelopes (an HTML page, cut JSON).
    #[error("HTTP status {http_status} with {bytes} bytes that are no JSON envelope of Polyv's")]
    NoEnvelope {
        /// The HTTP status.
        http_status: u16,
        /// The body's size.
        bytes: usize,
    },
    /// An envelope that says success around data that are not what the operation answers.
    #[error("its data are not what this operation answers: {0}")]
    UnexpectedData(String),
    /// Not even HTTP, or compressed data that are broken.
    #[error("{0}")]
    Garbled(String),
}

// === impl Outcome ===

impl Outcome {
    /// All of them, in the contract's order.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::NotLive,
        Self::AuthFailed,
        Self::ClockSkew,
        Self::Throttled,
        Self::Forbidden,
        Self::Rejected,
        Self::ServerError,
        Self::Timeout,
        Self::ConnectionFailed,
        Self::BadResponse,
    ];

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotLive => "not_live",
            Self::AuthFailed => "auth_failed",
            Self::ClockSkew => "clock_skew",
            Self::Throttled => "throttled",
            Self::Forbidden => "forbidden",
            Self::Rejected => "rejected",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::ConnectionFailed => "connection_failed",
            Self::BadResponse => "bad_response",
        }
    }

    /// Whether it says something about the channel: it is live, or it is not.
    #[must_use]
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Ok | Self::NotLive)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Error ===

impl Error {
    /// The error in one word.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::NotLive => Outcome::NotLive,
            Self::AuthFailed(_) => Outcome::AuthFailed,
            Self::ClockSkew(_) => Outcome::ClockSkew,
            Self::Throttled(_) => Outcome::Throttled,
            Self::Forbidden(_) => Outcome::Forbidden,
            Self::Rejected(_) => Outcome::Rejected,
            Self::ServerError(_) => Outcome::ServerError,
            Self::Timeout(_) => Outcome::Timeout,
            Self::ConnectionFailed(_) => Outcome::ConnectionFailed,
            Self::BadResponse(_) => Outcome::BadResponse,
        }
    }
}

// === impl ApiRejection ===

impl fmt::Display for ApiRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            f.write_str("(no message)")?;
        } else {
            write!(f, "`{}`", self.message)?;
        }
        match self.code {
            Some(code) => write!(f, " (code {code})"),
            None => write!(f, " (HTTP status {}, no envelope)", self.http_status),
        }
    }
}
