//! What every request has to pass, and what every response carries.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use web_config::WebConfigHandle;

use super::host::Host;

/// The realm for which a browser requests a password.
const REALM: &str = "polyv-exporter";

/// Headers that the web configuration may replace. The pages load nothing from elsewhere and
/// are never framed.
const DEFAULT_HEADERS: [(HeaderName, &str); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
];

/// Answers a request that names its host and that the web configuration authorizes.
pub(super) async fn authorize(
    State(web_config): State<WebConfigHandle>,
    request: Request,
    next: Next,
) -> Response {
    let config = web_config.current();
    let mut response = match Host::of(&request) {
        Err(text) => (StatusCode::BAD_REQUEST, text).into_response(),
        Ok(_) => match config.authorize(request.headers(), client(&request)).await {
            Ok(()) => next.run(request).await,
            Err(denial) => denial.into_response(REALM),
        },
    };
    let headers = response.headers_mut();
    for (name, value) in DEFAULT_HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    config.apply_headers(headers);
    response
}

/// The address of a request's client. Requests without one count as one client's.
fn client(request: &Request) -> IpAddr {
    request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(Ipv4Addr::UNSPECIFIED.into(), |client| client.0.ip())
}
