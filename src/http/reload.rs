//! Reloading the configuration on request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::csrf::cross_site_denial;
use super::state::AppState;

/// Loads the configuration again.
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
    let (request, answer) = oneshot::channel();
    match requests.try_send(request) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => {
            // They would all load the same.
            let message = "Many others wait for a reload already; try again.\n".to_owned();
            return (StatusCode::SERVICE_UNAVAILABLE, message);
        }
        Err(TrySendError::Closed(_)) => return stopping(),
    }
    match answer.await {
        Ok(Ok(())) => (StatusCode::OK, "Reloaded.\n".to_owned()),
        Ok(Err(why)) => {
            let message = format!("The old configuration goes on; the new one is faulty:\n{why}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, message)
        }
        Err(_stopping) => stopping(),
    }
}
