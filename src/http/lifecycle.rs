//! What orchestrators ask, and the reload.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::csrf::cross_site_denial;
use super::site::Site;

/// Whether the process works. Trouble with Polyv is not for a new process to mend, so it
/// changes nothing here.
pub(super) async fn healthy(State(site): State<Arc<Site>>) -> (StatusCode, &'static str) {
    if site
        .sources
        .status
        .is_stuck(site.sources.clock.host().moment())
    {
        let message = "polyv-exporter does not work: its poller is stuck; restart it.\n";
        (StatusCode::SERVICE_UNAVAILABLE, message)
    } else {
        (StatusCode::OK, "polyv-exporter works.\n")
    }
}

/// Whether it is worth scraping.
pub(super) async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, &'static str) {
    if site.sources.status.is_ready() {
        (StatusCode::OK, "polyv-exporter is ready.\n")
    } else {
        let message = "polyv-exporter is not ready: not every channel was asked yet.\n";
        (StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

/// Loads the configuration anew.
pub(super) async fn reload(
    State(site): State<Arc<Site>>,
    request: Request,
) -> (StatusCode, String) {
    if let Some(why) = cross_site_denial(&request) {
        return (StatusCode::FORBIDDEN, why.to_owned());
    }
    let Some(requests) = &site.sources.reload else {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::Sources;
    use crate::metrics::ChannelStore;
    use crate::scheduler::{self, Status};
    use crate::telemetry::Metrics;
    use polyv_client::PolyvClock;
    use polyv_client::clock::Clock;

    #[tokio::test(start_paused = true)]
    async fn an_exporter_whose_poller_is_stuck_is_not_healthy() {
        let config = crate::config::Source::text(
            "config",
            "accounts: [{app_id: a, app_secret: s, channels: [{id: 1}]}]",
        );
        let rules = config.load().map(|config| scheduler::rules_of(&config));
        let clock = Arc::new(PolyvClock::new(Clock::default()));
        let site = Arc::new(Site::new(Sources {
            store: Arc::new(ChannelStore::new(
                rules.unwrap(),
                scheduler::wall_offset(&clock),
            )),
            metrics: Metrics::new().unwrap(),
            status: Arc::new(Status::default()),
            clock,
            telemetry_path: "/metrics".to_owned(),
            reload: None,
        }));
        let asked = || async { healthy(State(Arc::clone(&site))).await.0 };
        assert_eq!(asked().await, StatusCode::OK);
        // No poller looks after the status.
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(asked().await, StatusCode::SERVICE_UNAVAILABLE);
    }
}
