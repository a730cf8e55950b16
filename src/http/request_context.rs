//! What a handler knows of a request, and how it renders the response.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue,
    VARY,
};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode, Uri};
use axum::response::IntoResponse;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;
use tracing::error;

use super::compress::compress;
use super::connections::InFlightRequest;
use super::content_negotiation;
use super::respond::{self, JSON};
use super::response_limiter::ResponseLimiter;
use super::state::AppState;
use crate::metrics::Format;

/// Smaller bodies fit into one packet without compression.
const MIN_GZIP_BYTES: usize = 1024;

/// Why a request is rejected, as a sentence.
#[derive(Debug)]
pub(crate) struct BadRequest(pub(crate) String);

/// A request for something that is rendered.
pub(crate) struct RequestContext {
    pub(crate) app: Arc<AppState>,
    pub(crate) headers: HeaderMap,
    uri: Uri,
    in_flight: Option<Arc<InFlightRequest>>,
}

// === impl BadRequest ===

impl IntoResponse for BadRequest {
    fn into_response(self) -> Response<Body> {
        respond::plain(StatusCode::BAD_REQUEST, format!("{}\n", self.0))
    }
}

// === impl RequestContext ===

impl FromRequestParts<Arc<AppState>> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &Arc<AppState>,
    ) -> Result<Self, Infallible> {
        Ok(Self {
            app: Arc::clone(app),
            headers: parts.headers.clone(),
            uri: parts.uri.clone(),
            in_flight: parts.extensions.get().cloned(),
        })
    }
}

impl RequestContext {
    /// Renders a response outside of the threads that poll, after waiting for a permit:
    /// thousands of channels take a while.
    pub(crate) async fn render<E: IntoResponse + Send + 'static>(
        self,
        render: impl FnOnce(&Self) -> Result<Response<Body>, E> + Send + 'static,
    ) -> Response<Body> {
        self.render_limited(|app| &app.pages, render).await
    }

    /// Renders a response within a limit of its own.
    pub(super) async fn render_limited<E: IntoResponse + Send + 'static>(
        mut self,
        limiter: fn(&AppState) -> &ResponseLimiter,
        render: impl FnOnce(&Self) -> Result<Response<Body>, E> + Send + 'static,
    ) -> Response<Body> {
        let permit = match limiter(&self.app).acquire(self.in_flight.take()).await {
            Ok(permit) => permit,
            Err(rejected) => return rejected,
        };
        let rendered = spawn_blocking(move || {
            let _permit = permit;
            render(&self)
        });
        match rendered.await {
            Ok(response) => response.unwrap_or_else(E::into_response),
            Err(failure) => {
                error!(%failure, "a response cannot be rendered");
                let text = "This can't be shown; see the log\n".to_owned();
                respond::plain(StatusCode::INTERNAL_SERVER_ERROR, text)
            }
        }
    }

    /// A header as text; empty if it is absent or not ASCII.
    pub(crate) fn header(&self, name: HeaderName) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The metrics format that the client prefers.
    pub(super) fn metrics_format(&self) -> Format {
        content_negotiation::format(Some(self.header(ACCEPT)))
    }

    /// A response that is never stored, compressed if the client accepts that.
    pub(crate) fn no_store_response(
        &self,
        status: StatusCode,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> Response<Body> {
        let compressed = (body.len() > MIN_GZIP_BYTES && self.accepts_gzip())
            .then(|| compress(&body).ok())
            .flatten();
        let is_gzip = compressed.is_some();
        let mut response = respond::with_type(status, content_type, compressed.unwrap_or(body));
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let vary = "Accept-Encoding, Accept-Language, Cookie";
        headers.insert(VARY, HeaderValue::from_static(vary));
        if is_gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    /// A JSON response that is never stored.
    pub(crate) fn json_response(&self, value: &impl Serialize) -> Response<Body> {
        self.no_store_response(StatusCode::OK, JSON, respond::json(value))
    }

    /// Whether the client accepts gzip.
    pub(super) fn accepts_gzip(&self) -> bool {
        content_negotiation::accepts_gzip(Some(self.header(ACCEPT_ENCODING)))
    }

    /// The query string.
    pub(super) fn query(&self) -> &str {
        self.uri.query().unwrap_or("")
    }

    /// The parameters by name; those that `T` does not have are ignored.
    pub(crate) fn parameters<T: DeserializeOwned>(&self) -> Result<T, BadRequest> {
        serde_urlencoded::from_str(self.query()).map_err(|error| {
            // The error repeats the parameters, which may be long.
            let error: String = error.to_string().chars().take(200).collect();
            BadRequest(format!(
                "The parameters of this address are wrong: {error}."
            ))
        })
    }

    /// Rejects parameters other than `known`: a script that filters by a misspelt name would
    /// take all channels for those it wants.
    pub(super) fn reject_unknown_parameters(&self, known: &[&str]) -> Result<(), BadRequest> {
        let mut parameters = url::form_urlencoded::parse(self.query().as_bytes());
        let Some((name, _)) = parameters.find(|(name, _)| !known.contains(&name.as_ref())) else {
            return Ok(());
        };
        let name: String = name.chars().take(40).collect();
        let known = match known {
            [] => "none here".to_owned(),
            known => known.join(", "),
        };
        Err(BadRequest(format!(
            "There is no parameter `{name}`; there are {known}."
        )))
    }
}
