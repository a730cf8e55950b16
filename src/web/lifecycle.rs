//! What orchestrators ask, and the reload.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use tokio::sync::oneshot;

use super::site::Site;

/// Whether the process works.
pub(super) async fn healthy() -> &'static str {
    "polyv-exporter works.\n"
}

/// Whether it is worth scraping.
pub(super) async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, &'static str) {
    if site.status.is_ready() {
        (StatusCode::OK, "polyv-exporter is ready.\n")
    } else {
        let message = "polyv-exporter is not ready: not every channel was asked yet.\n";
        (StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

/// Loads the configuration anew.
pub(super) async fn reload(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    let Some(requests) = &site.reload else {
        let message = "Reloading over HTTP is not enabled: start with --web.enable-lifecycle.\n";
        return (StatusCode::FORBIDDEN, message.to_owned());
    };
    let (request, answer) = oneshot::channel();
    if requests.send(request).await.is_err() {
        let message = "The exporter is stopping.\n".to_owned();
        return (StatusCode::SERVICE_UNAVAILABLE, message);
    }
    match answer.await {
        Ok(Ok(())) => (StatusCode::OK, "Reloaded.\n".to_owned()),
        Ok(Err(why)) => {
            let message = format!("The old configuration goes on; the new one is faulty:\n{why}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, message)
        }
        Err(_stopping) => {
            let message = "The exporter is stopping.\n".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, message)
        }
    }
}
