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

use super::connections::InFlightRequest;
use super::content_negotiation;
use super::state::AppState;

/// A request that can't be answered, with a sentence that says why.
#[derive(Debug)]
pub(crate) struct BadRequest(pub(crate) String);

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const JSON: &str = "application/json";

/// Somebody asks for something that is rendered.
pub(crate) struct RequestContext {
    pub(crate) app: Arc<AppState>,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    in_flight: Option<Arc<InFlightRequest>>,
}

impl FromRequestParts<Arc<AppState>> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &Arc<AppState>,
    ) -> Result<Self, Infallible> {
        Ok(Self {
            app: Arc::clone(app),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            in_flight: parts.extensions.get().cloned(),
        })
    }
}

impl RequestContext {
    /// Renders an answer away from the threads that poll, when it is its permit: thousands of
    /// channels take a while.
    pub(crate) async fn answer(
        mut self,
        render: impl FnOnce(&Self) -> Result<Response<Body>, BadRequest> + Send + 'static,
    ) -> Response<Body> {
        let permit = match self.app.pages.acquire(self.in_flight.take()).await {
            Ok(permit) => permit,
            Err(refused) => return refused,
        };
        let rendered = tokio::task::spawn_blocking(move || {
            let _turn = permit;
            render(&self)
        });
        match rendered.await {
            Ok(Ok(response)) => response,
            Ok(Err(BadRequest(why))) => plain(StatusCode::BAD_REQUEST, format!("{why}\n")),
            Err(failure) => {
                error!(%failure, "a page cannot be rendered");
                let sentence = "This can't be shown; see the log\n".to_owned();
                plain(StatusCode::INTERNAL_SERVER_ERROR, sentence)
            }
        }
    }

    /// What it says of the answer that it wants.
    pub(crate) fn header(&self, name: HeaderName) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// What it asks for, by the names of parameters; others are none of our business.
    pub(crate) fn parameters<T: DeserializeOwned>(&self) -> Result<T, BadRequest> {
        serde_urlencoded::from_str(self.uri.query().unwrap_or("")).map_err(|why| {
            // It repeats what was asked, which may be long.
            let why: String = why.to_string().chars().take(200).collect();
            BadRequest(format!("The parameters of this address are wrong: {why}."))
        })
    }
}

/// A script that filters by what is not there would take all channels for those it wants.
pub(crate) fn known_parameters(uri: &Uri, known: &[&str]) -> Result<(), BadRequest> {
    let parameters = url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes());
    for (name, _) in parameters {
        if !known.contains(&name.as_ref()) {
            let name: String = name.chars().take(40).collect();
            let known = match known {
                [] => "none here".to_owned(),
                known => known.join(", "),
            };
            return Err(BadRequest(format!(
                "There is no parameter `{name}`; there are {known}."
            )));
        }
    }
    Ok(())
}

/// An answer that is true at this moment and no longer, compressed where that is accepted.
pub(crate) fn no_store_response(
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
    request: &RequestContext,
) -> Response<Body> {
    let accepted = Some(request.header(ACCEPT_ENCODING));
    let compressed = (body.len() > MIN_GZIP_BYTES && content_negotiation::accepts_gzip(accepted))
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
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    // Only maps with keys that are no text, or a failing writer, could not be written.
    let mut body = serde_json::to_vec(value).unwrap_or_default();
    body.push(b'\n');
    body
}

/// What is shorter fits one packet anyway.
const MIN_GZIP_BYTES: usize = 1024;

/// There is nothing at this path, for people.
pub(crate) fn not_found() -> Response<Body> {
    plain(
        StatusCode::NOT_FOUND,
        "There is nothing here; see /\n".to_owned(),
    )
}

/// A sentence.
pub(crate) fn plain(status: StatusCode, sentence: String) -> Response<Body> {
    let mut response = Response::new(Body::from(sentence));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
