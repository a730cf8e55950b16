//! Responses with a content type.

use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use serde::Serialize;

use super::pieces::Pieces;

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const JSON: &str = "application/json";
pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";

/// A response with a content type.
pub(crate) fn with_type<B>(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<B>,
) -> Response<B> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A line of JSON.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<Response<Pieces>> {
    let mut body = serde_json::to_vec(value)?;
    body.push(b'\n');
    Ok(with_type(StatusCode::OK, JSON, body))
}
