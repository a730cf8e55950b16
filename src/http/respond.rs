//! Responses for browsers and scripts.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use serde::Serialize;

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const JSON: &str = "application/json";

/// A response with a content type.
pub(crate) fn with_type(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Serializes a value as a line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    // Serialization fails only for maps with keys that are not text, and for failing writers.
    let mut body = serde_json::to_vec(value).unwrap_or_default();
    body.push(b'\n');
    body
}

/// A sentence.
pub(crate) fn plain(status: StatusCode, sentence: impl Into<Body>) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", sentence)
}

/// Reports that there is nothing at a path.
pub(crate) fn not_found() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "There is nothing here; see /\n")
}
