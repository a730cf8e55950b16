//! The routes: which handler serves which path.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ALLOW, HeaderValue};
use axum::http::{Method, Response, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};

use super::rejection::Rejection;
use super::state::AppState;
use super::{api, health, http_sd, reload, scrape};

const HEALTHY: &str = "/-/healthy";
const READY: &str = "/-/ready";
const RELOAD: &str = "/-/reload";
const DISCOVERY: &str = "/sd";
const PROBE: &str = "/probe";
const EXPORTER: &str = "/exporter";

/// Checks a path for the metrics, which no other route may have.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn check_telemetry_path(path: &str) -> Result<(), String> {
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte));
    if !path.starts_with('/') || !plain || path.contains("//") {
        return Err(format!(
            "`{path}` can't be a path for metrics: write one such as `/metrics`"
        ));
    }
    let taken = ["/-/", "/api/", "/assets/", "/channels/", "/fragments/"];
    let routes = [DISCOVERY, PROBE, EXPORTER];
    if routes.contains(&path) || taken.iter().any(|taken| path.starts_with(taken)) {
        return Err(format!(
            "`{path}` can't be the path for metrics: something else is there"
        ));
    }
    Ok(())
}

/// All routes. `ui` are those of the status page.
pub fn router(state: AppState, ui: Router<Arc<AppState>>) -> Router {
    let telemetry_path = state.deps.telemetry_path.clone();
    let site = ui
        .route(&telemetry_path, get(scrape::all))
        .route(DISCOVERY, get(http_sd::handler))
        .route(PROBE, get(scrape::channel))
        .route(EXPORTER, get(scrape::exporter))
        .route(HEALTHY, get(health::healthy))
        .route(READY, get(health::ready))
        .route(RELOAD, post(reload::reload))
        .route("/api/v1/channels", get(api::channels))
        .route("/api/v1/channels/{id}", get(api::channel))
        .fallback(not_found)
        .with_state(Arc::new(state));
    // Around the router as a whole, which adds `Allow` after the layers of its routes.
    Router::new()
        .fallback_service(site)
        .layer(from_fn(options_response))
}

/// The response to `OPTIONS`, the default check of some load balancers: 204 with the methods of
/// the path.
async fn options_response(request: Request, next: Next) -> Response<Body> {
    let is_options = request.method() == Method::OPTIONS;
    let is_whole_server = request.uri().path() == "*";
    let mut response = next.run(request).await;
    let allowed = response.headers().get(ALLOW);
    let methods = match allowed.and_then(|methods| methods.to_str().ok()) {
        Some(methods) => format!("{methods},OPTIONS"),
        None if is_whole_server => "GET,HEAD,POST,OPTIONS".to_owned(),
        None => "OPTIONS".to_owned(),
    };
    if is_options {
        return (StatusCode::NO_CONTENT, [(ALLOW, methods)]).into_response();
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Ok(methods) = HeaderValue::try_from(methods)
    {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

/// Reports that no route has this path.
async fn not_found(uri: Uri) -> Response<Body> {
    Rejection::not_found("There is nothing here; see /").into_response(uri.path())
}
