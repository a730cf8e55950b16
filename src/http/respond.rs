//! Answers for browsers and scripts.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, VARY,
};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::error;

use super::negotiate;
use super::site::Site;
use super::traffic::Passage;

/// A request that can't be answered, with a sentence that says why.
#[derive(Debug)]
pub(super) struct Refused(pub(super) String);

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const JSON: &str = "application/json";

/// Somebody asks for something that is rendered.
pub(super) struct Visit {
    pub(super) site: Arc<Site>,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    passage: Option<Arc<Passage>>,
}

impl FromRequestParts<Arc<Site>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Infallible> {
        Ok(Self {
            site: Arc::clone(site),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            passage: parts.extensions.get().cloned(),
        })
    }
}

impl Visit {
    /// Renders an answer away from the threads that poll, when it is its turn: thousands of
    /// channels take a while.
    pub(super) async fn answer(
        mut self,
        render: impl FnOnce(&Self) -> Result<Response<Body>, Refused> + Send + 'static,
    ) -> Response<Body> {
        let turn = match self.site.pages.turn(self.passage.take()).await {
            Ok(turn) => turn,
            Err(refused) => return refused,
        };
        let rendered = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            render(&self)
        });
        match rendered.await {
            Ok(Ok(response)) => response,
            Ok(Err(Refused(why))) => plain(StatusCode::BAD_REQUEST, format!("{why}\n")),
            Err(failure) => {
                error!(%failure, "a page cannot be rendered");
                let sentence = "This can't be shown; see the log\n".to_owned();
                plain(StatusCode::INTERNAL_SERVER_ERROR, sentence)
            }
        }
    }

    /// What it says of the answer that it wants.
    pub(super) fn header(&self, name: HeaderName) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// What it asks for, by the names of parameters; others are none of our business.
    pub(super) fn parameters<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        serde_urlencoded::from_str(self.uri.query().unwrap_or("")).map_err(|why| {
            // It repeats what was asked, which may be long.
            let why: String = why.to_string().chars().take(200).collect();
            Refused(format!("The parameters of this address are wrong: {why}."))
        })
    }
}

/// An answer that is true at this moment and no longer, compressed where that is accepted.
pub(super) fn fresh(
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
    visit: &Visit,
) -> Response<Body> {
    let accepted = Some(visit.header(ACCEPT_ENCODING));
    let compressed = (body.len() > WORTH_IT && negotiate::accepts_gzip(accepted))
        .then(|| super::compress::compress(&body).ok())
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
pub(super) async fn nothing(uri: Uri) -> Response<Body> {
    if uri.path().starts_with("/api/") {
        return super::api::nothing();
    }
    not_found()
}

/// There is nothing at this path, for people.
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
