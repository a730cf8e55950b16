//! The possible results of a call.

use std::fmt;
use std::time::Duration;

/// The result of a call as one keyword, suitable as a label value.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// A response with data; for the stream information the channel is live.
    Ok,
    /// A valid response: the channel is not live.
    NotLive,
    /// The appId or the signature was rejected.
    AuthFailed,
    /// The timestamp is over 3 minutes off Polyv's clock.
    ClockSkew,
    /// Too many calls, or a block because of them.
    Throttled,
    /// The account lacks the permission.
    Forbidden,
    /// Any other rejection.
    Rejected,
    /// An error within Polyv.
    ServerError,
    /// No complete response in time.
    Timeout,
    /// The connection failed or broke.
    ConnectionFailed,
    /// An invalid response.
    BadResponse,
}

/// Why a call returned no data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The channel is not live. For an operation on live channels this is a valid response.
    #[error("the channel is not live")]
    NotLive,
    /// The appId or the signature was rejected.
    #[error("Polyv does not accept this appId and appSecret: {0}")]
    AuthFailed(ApiRejection),
    /// The timestamp is over 3 minutes off Polyv's clock.
    #[error("Polyv rejects the timestamp: {0}")]
    ClockSkew(ApiRejection),
    /// Too many calls, or a block because of them.
    #[error("Polyv throttles or blocks the calls: {0}")]
    Throttled(ApiRejection),
    /// The account lacks the permission.
    #[error("Polyv forbids it: {0}")]
    Forbidden(ApiRejection),
    /// Any other rejection.
    #[error("Polyv rejects it: {0}")]
    Rejected(ApiRejection),
    /// An error within Polyv.
    #[error("Polyv failed: {0}")]
    ServerError(ApiRejection),
    /// No complete response in time.
    #[error("no complete response within {}", seconds(.0))]
    Timeout(Duration),
    /// The connection failed, or broke before the response was complete.
    #[error("the connection failed: {0}")]
    ConnectionFailed(String),
    /// An invalid response.
    #[error("the response is invalid: {0}")]
    BadResponse(BadResponse),
}

/// A rejection with Polyv's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRejection {
    /// The HTTP status.
    pub http_status: u16,
    /// The `code` of the envelope; `None` if there was no envelope.
    pub code: Option<i64>,
    /// `message` or `error.desc`, redacted for a log; may be empty.
    pub message: String,
    /// How long not to call again, by the `Retry-After` header of a status 429 or 503.
    pub retry_after: Option<Duration>,
}

/// Why a response is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadResponse {
    /// It is larger, after decompression, than any valid response.
    #[error("it is larger than {} MiB", limit >> 20)]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It is no envelope of Polyv's (an HTML page, cut JSON).
    #[error("HTTP status {http_status} with {bytes} bytes that are no JSON envelope of Polyv's")]
    NoEnvelope {
        /// The HTTP status.
        http_status: u16,
        /// The body's size.
        bytes: usize,
    },
    /// The envelope reports success, but the data do not match the operation.
    #[error("its data do not match the operation: {0}")]
    UnexpectedData(String),
    /// It is not HTTP, or its compression is broken.
    #[error("{0}")]
    Garbled(String),
}

impl Outcome {
    /// All outcomes.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The keyword.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the call reports on the channel: it is live, or it is not.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Ok | Self::NotLive)
    }
}

impl Error {
    /// The error's outcome.
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

    /// How long not to call again, if Polyv says so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::AuthFailed(rejection)
            | Self::ClockSkew(rejection)
            | Self::Throttled(rejection)
            | Self::Forbidden(rejection)
            | Self::Rejected(rejection)
            | Self::ServerError(rejection) => rejection.retry_after,
            _ => None,
        }
    }

    pub(crate) const fn unexpected_data(why: String) -> Self {
        Self::BadResponse(BadResponse::UnexpectedData(why))
    }
}

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

/// `15s` or `1.5s`.
fn seconds(duration: &Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_is_shown_in_seconds() {
        for (millis, shown) in [(15_000, "15s"), (1_500, "1.5s"), (90_000, "90s")] {
            let error = Error::Timeout(Duration::from_millis(millis));
            assert_eq!(
                error.to_string(),
                format!("no complete response within {shown}")
            );
        }
    }
}
