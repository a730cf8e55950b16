//! What there is to be seen.

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};

use super::respond::{self, Refused};
use super::{api, lifecycle, page, scrape};
use crate::clock::{Now, Timestamp};
use crate::exposition::{self, Detail, Format, Store, View};
use crate::poller::Status;
use crate::polyv::PolyvClock;
use crate::telemetry::{Glance, Metrics};

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
    /// When the exporter was started, which tells its answers from another one's.
    pub started: Timestamp,
    /// Where metrics are.
    pub telemetry_path: String,
    /// Where reloads are asked for; `None` where that is not allowed over HTTP.
    pub reload: Option<mpsc::Sender<ReloadRequest>>,
    /// The scrapes under way.
    pub scrapes: Arc<super::Scrapes>,
}

/// What is known at one moment.
pub(super) struct Present {
    pub(super) now: Now,
    /// The host's clock.
    pub(super) wall: Timestamp,
    /// Whatever changes from now on has a higher version.
    pub(super) version: u64,
    pub(super) views: Vec<View>,
    pub(super) glance: Glance,
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
    let taken = ["/-/", "/api/", "/assets/", "/channels/", "/fragments/"];
    if taken.iter().any(|taken| path.starts_with(taken)) {
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
        // Where metrics are at `/` there is no place for a page.
        if self.telemetry_path != "/" {
            router = router.merge(page::routes());
        }
        let telemetry_path = self.telemetry_path.clone();
        router
            .route(&telemetry_path, get(scrape::metrics))
            .route(HEALTHY, get(lifecycle::healthy))
            .route(READY, get(lifecycle::ready))
            .route(RELOAD, post(lifecycle::reload))
            .route("/api/v1/channels", get(api::channels))
            .route("/api/v1/channels/{id}", get(api::channel))
            .fallback(|| async { respond::not_found() })
            .with_state(Arc::new(self))
    }

    /// Everything there is to scrape.
    pub(super) fn scrape(&self, format: Format) -> String {
        let now = self.refresh();
        exposition::render(&self.store, &self.metrics.gather(), format, now)
    }

    /// All channels, and the exporter.
    pub(super) fn present(&self) -> Present {
        let present = self.alone();
        Present {
            views: self.store.views(present.now),
            ..present
        }
    }

    /// The exporter without its channels.
    pub(super) fn alone(&self) -> Present {
        let now = self.refresh();
        Present {
            now,
            wall: self.clock.host().wall(),
            version: self.store.version(),
            views: Vec::new(),
            glance: self.metrics.glance(),
        }
    }

    /// A channel, by its number.
    pub(super) fn detail(&self, channel_id: &str, now: Now) -> Option<Detail> {
        let key = self.store.find(channel_id, now)?;
        self.store.detail(key, now)
    }

    /// What a page that knows all up to `version` asks with the next time.
    pub(super) fn cursor(&self, version: u64) -> String {
        format!("{:x}.{version}", self.started.as_millis())
    }

    /// Up to which version that is; `None` where it is another exporter's, or none at all.
    pub(super) fn since(&self, cursor: &str) -> Option<u64> {
        let (started, version) = cursor.split_once('.')?;
        let ours = format!("{:x}", self.started.as_millis());
        version.parse().ok().filter(|_| started == ours)
    }

    /// Brings those metrics up to date that change by time alone.
    fn refresh(&self) -> Now {
        let now = self.clock.now();
        self.metrics.set_poll_lag(self.status.lag(now.moment));
        let stale_after = self.store.rules().stale_after;
        self.metrics
            .set_clock_skew(self.clock.skew_seconds(stale_after));
        now
    }
}

/// What a request says, by the names of its parameters; others are none of our business.
pub(super) fn parse<T: DeserializeOwned>(uri: &Uri) -> Result<T, Refused> {
    let parsed = axum::extract::Query::try_from_uri(uri);
    let axum::extract::Query(value) = parsed.map_err(|why| {
        Refused(format!(
            "The parameters of this address are wrong: {}",
            why.body_text()
        ))
    })?;
    Ok(value)
}
