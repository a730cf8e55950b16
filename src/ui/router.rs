//! The routes of the page.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::{assets, broadcasts_page, channel_page, overview};
use crate::http::AppState;

/// The routes of the page, for [`crate::http::router`]. With the metrics at `/` there is no path
/// left for the overview.
pub fn routes(telemetry_path: &str) -> Router<Arc<AppState>> {
    let routes = match telemetry_path {
        "/" => Router::new(),
        _ => Router::new().route("/", get(overview::page)),
    };
    routes
        .route("/channels/{id}", get(channel_page::page))
        .route("/channels/{id}/{page}", get(broadcasts_page::list))
        .route(
            "/channels/{id}/broadcasts/{start}",
            get(broadcasts_page::broadcast),
        )
        .route("/fragments/channels", get(overview::update))
        .route("/fragments/channels/{id}", get(channel_page::update))
        .route("/assets/{name}", get(assets::asset))
}
