//! `ReloadMetrics` of the configuration over HTTP.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::csrf::cross_site_denial;
use super::state::AppState;

/// Handles `/-/reload`.
pub(super) async fn reload(
    State(app): State<Arc<AppState>>,
    request: Request,
) -> (StatusCode, String) {
    if let Some(why) = cross_site_denial(&request) {
        return (StatusCode::FORBIDDEN, why.to_owned());
    }
    let Some(requests) = &app.deps.reload else {
        let message = "Reloading over HTTP is not enabled: start with --web.enable-lifecycle.\n";
        return (StatusCode::FORBIDDEN, message.to_owned());
    };
    let stopping = || {
        let message = "The exporter is stopping.\n".to_owned();
        (StatusCode::SERVICE_UNAVAILABLE, message)
    };
    let (request, reply) = oneshot::channel();
    match requests.try_send(request) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => {
            // All of them would load the same configuration.
            let message = "Too many reloads are waiting; try again.\n".to_owned();
            return (StatusCode::SERVICE_UNAVAILABLE, message);
        }
        Err(TrySendError::Closed(_)) => return stopping(),
    }
    match reply.await {
        Ok(Ok(())) => (StatusCode::OK, "Reloaded.\n".to_owned()),
        Ok(Err(why)) => {
            let message = format!("The old configuration goes on; the new one is faulty:\n{why}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, message)
        }
        Err(_stopping) => stopping(),
    }
}
