//! What stands before every answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::basic_auth::AuthOutcome;
use super::{WebConfig, WebConfigHandle};
use crate::http::host::Host;

/// Why a request gets no answer of ours.
#[derive(Debug)]
enum Denial {
    /// There were too many.
    TooMany(Duration),
    /// Whom it is meant for is not to be seen.
    BadHost(&'static str),
    /// The password is wrong, or there is none.
    Unauthorized,
    /// Too many passwords wait to be checked.
    Busy,
}

/// Lets requests through that may pass, and sees to what every answer carries.
pub(super) async fn authorize(
    State(handle): State<WebConfigHandle>,
    request: Request,
    next: Next,
) -> Response {
    let door = handle.current();
    let admitted = match door.expects(&request) {
        Ok(()) => door.knows(request.headers(), client(&request)).await,
        refused => refused,
    };
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    door.headers.apply(response.headers_mut());
    response
}

/// Where a request comes from. Those of which it is not known all count as one client's.
fn client(request: &Request) -> IpAddr {
    request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(Ipv4Addr::UNSPECIFIED.into(), |client| client.0.ip())
}

// === impl WebConfig ===

impl WebConfig {
    /// Whether such a request may come now at all.
    fn expects(&self, request: &Request) -> Result<(), Denial> {
        if let Some(rate) = &self.rate {
            rate.admit().map_err(Denial::TooMany)?;
        }
        Host::of(request).map_err(Denial::BadHost)?;
        Ok(())
    }

    /// Whether its client is one of ours.
    async fn knows(&self, headers: &HeaderMap, client: IpAddr) -> Result<(), Denial> {
        let Some(passwords) = &self.passwords else {
            return Ok(());
        };
        match passwords.authenticate(headers, client).await {
            AuthOutcome::CachedLogin => Ok(()),
            AuthOutcome::Wrong => Err(Denial::Unauthorized),
            AuthOutcome::Busy => Err(Denial::Busy),
        }
    }
}

// === impl Denial ===

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        let with = |status: StatusCode, name: HeaderName, value: HeaderValue, text| {
            (status, [(name, value)], text).into_response()
        };
        match self {
            Self::TooMany(wait) => {
                let seconds = wait.as_secs().saturating_add(1).into();
                let text = "There are too many requests: `rate_limit` of the web configuration.\n";
                with(StatusCode::TOO_MANY_REQUESTS, RETRY_AFTER, seconds, text)
            }
            Self::BadHost(text) => (StatusCode::BAD_REQUEST, text).into_response(),
            Self::Unauthorized => {
                let how = HeaderValue::from_static("Basic realm=\"polyv-exporter\"");
                let text = "A user's name and password are needed.\n";
                with(StatusCode::UNAUTHORIZED, WWW_AUTHENTICATE, how, text)
            }
            Self::Busy => {
                let text = "Too many passwords are being checked; try again.\n";
                with(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER, 1.into(), text)
            }
        }
    }
}
