//! Health checks: whether the process works, and whether it is worth scraping.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::state::AppState;

/// Handles `/-/healthy`: whether the process works. Failures of Polyv do not count, since a
/// restart would not help.
pub(super) async fn healthy(State(app): State<Arc<AppState>>) -> (StatusCode, &'static str) {
    if app
        .deps
        .status
        .is_stalled(app.deps.clock.host().monotonic())
    {
        let message = "polyv-exporter does not work: its poller is stuck; restart it.\n";
        (StatusCode::SERVICE_UNAVAILABLE, message)
    } else {
        (StatusCode::OK, "polyv-exporter works.\n")
    }
}

/// Handles `/-/ready`: whether the exporter is worth scraping.
pub(super) async fn ready(State(app): State<Arc<AppState>>) -> (StatusCode, &'static str) {
    if app.deps.status.is_ready() {
        (StatusCode::OK, "polyv-exporter is ready.\n")
    } else {
        let message = "polyv-exporter is not ready: not every channel was polled yet.\n";
        (StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn exporter_with_a_stalled_poller_is_unhealthy() {
        let app = AppState::without_channels();
        let status = || async { healthy(State(Arc::clone(&app))).await.0 };
        assert_eq!(status().await, StatusCode::OK);
        // No poller sends heartbeats.
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(status().await, StatusCode::SERVICE_UNAVAILABLE);
    }
}
