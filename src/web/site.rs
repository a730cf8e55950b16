//! What there is to be seen.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::sync::{mpsc, oneshot};

use super::{lifecycle, scrape};
use crate::exposition::{self, Format, Store};
use crate::poller::Status;
use crate::polyv::PolyvClock;
use crate::telemetry::{BuildInfo, Metrics};

/// A request to load the configuration anew. The answer says what was wrong with it, if
/// something was.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// What there is to be seen, and where.
#[derive(Clone)]
pub struct Site {
    /// The channels.
    pub store: Arc<Store>,
    /// The exporter's own metrics.
    pub metrics: Metrics,
    /// What the poller tells of itself.
    pub status: Arc<Status>,
    /// Polyv's clock.
    pub clock: Arc<PolyvClock>,
    /// Where metrics are.
    pub telemetry_path: String,
    /// Where reloads are asked for; `None` where that is not allowed over HTTP.
    pub reload: Option<mpsc::Sender<ReloadRequest>>,
    /// The scrapes under way.
    pub scrapes: Arc<super::Scrapes>,
}

const HEALTHY: &str = "/-/healthy";
const READY: &str = "/-/ready";
const RELOAD: &str = "/-/reload";

/// Checks a path for metrics: one that nothing else has.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn check_telemetry_path(path: &str) -> Result<(), String> {
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte));
    if !path.starts_with('/') || !plain || path.contains("//") {
        return Err(format!(
            "`{path}` can't be a path for metrics: write one such as `/metrics`"
        ));
    }
    if path.starts_with("/-/") || path.starts_with("/api/") {
        return Err(format!(
            "`{path}` can't be the path for metrics: something else is there"
        ));
    }
    Ok(())
}

// === impl Site ===

impl Site {
    /// Who sees what.
    pub fn router(self) -> Router {
        let mut router = Router::new();
        if self.telemetry_path != "/" {
            router = router.route("/", get(landing_page));
        }
        let telemetry_path = self.telemetry_path.clone();
        router
            .route(&telemetry_path, get(scrape::metrics))
            .route(HEALTHY, get(lifecycle::healthy))
            .route(READY, get(lifecycle::ready))
            .route(RELOAD, post(lifecycle::reload))
            .fallback(|| async { (StatusCode::NOT_FOUND, "There is nothing here; see /\n") })
            .with_state(Arc::new(self))
    }

    /// Everything there is to scrape.
    pub(super) fn scrape(&self, format: Format) -> String {
        let now = self.clock.now();
        self.metrics.set_poll_lag(self.status.lag(now.moment));
        let stale_after = self.store.rules().stale_after;
        self.metrics
            .set_clock_skew(self.clock.skew_seconds(stale_after));
        exposition::render(&self.store, &self.metrics.gather(), format, now)
    }
}

async fn landing_page(State(site): State<Arc<Site>>) -> axum::response::Html<String> {
    let metrics = &site.telemetry_path;
    let BuildInfo {
        version, revision, ..
    } = BuildInfo::THIS;
    axum::response::Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <title>polyv-exporter</title>\n<h1>polyv-exporter</h1>\n\
         <p>Watches live streams on Polyv (保利威) and tells Prometheus how they are.</p>\n\
         <ul>\n<li><a href=\"{metrics}\">Metrics</a></li>\n\
         <li><a href=\"{READY}\">Ready?</a></li>\n\
         <li><a href=\"{HEALTHY}\">Healthy?</a></li>\n</ul>\n\
         <p>Version {version}, revision {revision}</p>\n</html>\n"
    ))
}
