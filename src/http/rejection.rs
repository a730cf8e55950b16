//! Requests that get no content.

use std::io;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use serde_json::json;
use tracing::error;

use super::respond::{self, JSON, PLAIN};

/// Why a request gets no content.
#[derive(Debug)]
pub(crate) struct Rejection {
    status: StatusCode,
    /// A sentence for the client.
    reason: String,
}

// === impl Rejection ===

impl Rejection {
    pub(crate) fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    pub(crate) fn not_found(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, reason)
    }

    /// There are too many other requests at the moment.
    pub(super) fn busy() -> Self {
        let reason = "Too many responses are in flight; try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason)
    }

    fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { status, reason }
    }

    /// The response to a request for `path`: JSON for the API, else text.
    pub(crate) fn into_response(self, path: &str) -> Response<Body> {
        let Self { status, reason } = self;
        let mut response: Response<Body> = if path.starts_with("/api/") {
            respond::with_type(status, JSON, format!("{}\n", json!({"error": reason})))
        } else {
            respond::with_type(status, PLAIN, format!("{reason}\n"))
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A fault of the program, which is logged: it must not look like an empty result.
impl From<io::Error> for Rejection {
    fn from(failure: io::Error) -> Self {
        error!(%failure, "a response cannot be rendered");
        let reason = "This can't be shown; see the log.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, reason)
    }
}

impl From<serde_json::Error> for Rejection {
    fn from(failure: serde_json::Error) -> Self {
        io::Error::from(failure).into()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn failure_to_render_is_a_500_in_the_format_of_its_path() {
        for (path, expected) in [
            ("/", "This can't be shown; see the log.\n"),
            (
                "/api/v1/channels",
                "{\"error\":\"This can't be shown; see the log.\"}\n",
            ),
        ] {
            let response = Rejection::from(io::Error::other("broken")).into_response(path);
            assert_eq!(response.status(), 500);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, expected);
        }
    }

    #[test]
    fn value_that_is_not_json_is_no_empty_response() {
        let value = std::collections::BTreeMap::from([([1], 2)]);
        assert!(respond::json(&value).is_err());
    }
}
