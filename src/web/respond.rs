//! Answers for browsers and scripts.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY,
};
use axum::http::{Response, StatusCode};
use serde::Serialize;
use tracing::error;

use super::negotiate;

/// A request that can't be answered, with a sentence that says why.
#[derive(Debug)]
pub(super) struct Refused(pub(super) String);

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const JSON: &str = "application/json";

/// What a request says of the answer that it wants.
pub(super) fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// An answer that is true at this moment and no longer, compressed where that is accepted.
pub(super) fn fresh(
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
    request: &HeaderMap,
) -> Response<Body> {
    let accepted = text_of(request, axum::http::header::ACCEPT_ENCODING);
    let compressed = (body.len() > WORTH_IT && negotiate::accepts_gzip(accepted))
        .then(|| super::scrape::compress(&body).ok())
        .flatten();
    let gzip = compressed.is_some();
    let mut response = Response::new(Body::from(compressed.unwrap_or(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let vary = "Accept-Encoding, Accept-Language, Cookie";
    headers.insert(VARY, HeaderValue::from_static(vary));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Renders away from the threads that poll: thousands of channels take a while.
pub(super) async fn rendered(
    render: impl FnOnce() -> Result<Response<Body>, Refused> + Send + 'static,
) -> Response<Body> {
    match tokio::task::spawn_blocking(render).await {
        Ok(Ok(response)) => response,
        Ok(Err(Refused(why))) => plain(StatusCode::BAD_REQUEST, format!("{why}\n")),
        Err(failure) => {
            error!(%failure, "a page cannot be rendered");
            let sentence = "This can't be shown; see the log\n".to_owned();
            plain(StatusCode::INTERNAL_SERVER_ERROR, sentence)
        }
    }
}

/// A value as JSON.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    // Only maps with keys that are no text, or a failing writer, could not be written.
    let mut body = serde_json::to_vec(value).unwrap_or_default();
    body.push(b'\n');
    body
}

/// What is shorter fits one packet anyway.
const WORTH_IT: usize = 1024;

/// There is nothing at this path.
pub(super) fn not_found() -> Response<Body> {
    plain(
        StatusCode::NOT_FOUND,
        "There is nothing here; see /\n".to_owned(),
    )
}

/// A sentence.
pub(super) fn plain(status: StatusCode, sentence: String) -> Response<Body> {
    let mut response = Response::new(Body::from(sentence));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
