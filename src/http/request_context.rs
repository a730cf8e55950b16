//! What a handler knows of a request, and how it renders the response.

use std::borrow::Cow;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap,
    HeaderName, HeaderValue, VARY,
};
use axum::http::request::Parts;
use axum::http::{Response, Uri};
use polyv_client::truncate;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::connections::InFlightRequest;
use super::content_negotiation::{accepts_gzip, format};
use super::pieces::Pieces;
use super::rejection::Rejection;
use super::response_limiter::ResponseLimiter;
use super::state::AppState;
use crate::metrics::Format;

/// Smaller bodies fit into one packet without compression.
const MIN_GZIP_BYTES: usize = 1024;
/// The headers of a request that decide on a response.
const VARY_HEADERS: &str = "Accept, Accept-Encoding, Accept-Language, Cookie";

/// A request for something that is rendered.
pub(crate) struct RequestContext {
    pub(crate) app: Arc<AppState>,
    pub(crate) headers: HeaderMap,
    uri: Uri,
    in_flight: Option<Arc<InFlightRequest>>,
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
    pub(crate) async fn render(
        self,
        render: impl FnOnce(&Self) -> Result<Response<Pieces>, Rejection> + Send + 'static,
    ) -> Response<Body> {
        self.render_limited(|app| &app.pages, render).await
    }

    /// Renders a response within a limit of its own.
    pub(super) async fn render_limited(
        mut self,
        limiter: fn(&AppState) -> &ResponseLimiter,
        render: impl FnOnce(&Self) -> Result<Response<Pieces>, Rejection> + Send + 'static,
    ) -> Response<Body> {
        let limiter = limiter(&self.app);
        let permit = match limiter.acquire(self.in_flight.take()).await {
            Ok(permit) => permit,
            Err(rejection) => return rejection.into_response(self.uri.path()),
        };
        let render_permits = limiter.render_permits();
        let uri = self.uri.clone();
        let rendered = spawn_blocking(move || {
            let _permit = permit;
            self.render_now(render_permits, render)
        });
        rendered.await.unwrap_or_else(|failure| {
            Rejection::from(io::Error::other(failure)).into_response(uri.path())
        })
    }

    /// Renders a response in this thread, and what follows its first piece with `render_permits`.
    pub(super) fn render_now(
        &self,
        render_permits: Arc<Semaphore>,
        render: impl FnOnce(&Self) -> Result<Response<Pieces>, Rejection>,
    ) -> Response<Body> {
        render(self)
            .and_then(|rendered| Ok(self.respond(rendered, render_permits)?))
            .unwrap_or_else(|rejection| rejection.into_response(self.uri.path()))
    }

    /// A response that is never stored, compressed if the client accepts that.
    fn respond(
        &self,
        rendered: Response<Pieces>,
        render_permits: Arc<Semaphore>,
    ) -> io::Result<Response<Body>> {
        let (mut head, pieces) = rendered.into_parts();
        let headers = &mut head.headers;
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static(VARY_HEADERS));
        let length = pieces.length();
        let is_small = length.is_some_and(|length| length <= MIN_GZIP_BYTES);
        let body = if !is_small && accepts_gzip(Some(&self.header(ACCEPT_ENCODING))) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            pieces.gzip(render_permits)?
        } else {
            if let Some(length) = length {
                headers.insert(CONTENT_LENGTH, length.into());
            }
            pieces.plain()?
        };
        Ok(Response::from_parts(head, body))
    }

    /// A header as text; empty if it is absent or not ASCII. Several lines are one list.
    pub(crate) fn header(&self, name: HeaderName) -> Cow<'_, str> {
        let lines = self.headers.get_all(name).iter();
        let mut lines = lines.filter_map(|value| value.to_str().ok());
        let first = lines.next().unwrap_or_default();
        lines.fold(first.into(), |list, line| format!("{list}, {line}").into())
    }

    /// The metrics format that the client prefers.
    pub(super) fn metrics_format(&self) -> Format {
        format(Some(&self.header(ACCEPT)))
    }

    /// The query string.
    pub(super) fn query(&self) -> &str {
        self.uri.query().unwrap_or("")
    }

    /// The parameters by name; those that `T` does not have are ignored.
    pub(crate) fn parameters<T: DeserializeOwned>(&self) -> Result<T, Rejection> {
        serde_urlencoded::from_str(self.query()).map_err(|error| {
            // The error repeats the parameters, which may be long.
            let error = truncate(&error.to_string(), 200);
            Rejection::bad_request(format!(
                "The parameters of this address are wrong: {error}."
            ))
        })
    }

    /// Rejects parameters other than `known`: a script that filters by a misspelt name would
    /// take all channels for those it wants.
    pub(super) fn reject_unknown_parameters(&self, known: &[&str]) -> Result<(), Rejection> {
        let mut parameters = url::form_urlencoded::parse(self.query().as_bytes());
        let Some((name, _)) = parameters.find(|(name, _)| !known.contains(&name.as_ref())) else {
            return Ok(());
        };
        let name = truncate(&name, 40);
        let known = match known {
            [] => "none here".to_owned(),
            known => known.join(", "),
        };
        Err(Rejection::bad_request(format!(
            "There is no parameter `{name}`; there are {known}."
        )))
    }
}
