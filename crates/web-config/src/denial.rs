//! Requests that are denied.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// There were too many requests.
    RateLimited {
        /// The time until one is admitted.
        retry_after: Duration,
    },
    /// The password is wrong or missing.
    Unauthorized,
    /// Too many passwords wait to be checked.
    Busy,
}

// === impl Denial ===

impl Denial {
    /// The response: 429, 401 or 503 with a sentence. `realm` is what a browser requests a
    /// password for.
    #[must_use]
    pub fn into_response<B: From<&'static str>>(self, realm: &str) -> Response<B> {
        let (status, name, value, text): (_, HeaderName, HeaderValue, _) = match self {
            Self::RateLimited { retry_after } => (
                StatusCode::TOO_MANY_REQUESTS,
                RETRY_AFTER,
                retry_after.as_secs().saturating_add(1).into(),
                "There are too many requests: `rate_limit` of the web configuration.\n",
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                WWW_AUTHENTICATE,
                HeaderValue::try_from(format!("Basic realm=\"{realm}\""))
                    .unwrap_or(HeaderValue::from_static("Basic")),
                "A user name and a password are required.\n",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                RETRY_AFTER,
                1.into(),
                "Too many passwords are being checked; try again.\n",
            ),
        };
        let mut response = Response::new(B::from(text));
        *response.status_mut() = status;
        response.headers_mut().insert(name, value);
        response.headers_mut().insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        response
    }
}
