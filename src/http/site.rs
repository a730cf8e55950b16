//! What there is to be seen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::large::LargeAnswers;
use super::{api, discovery, lifecycle, page, probe, respond, scrape};
use crate::metrics::{ChannelDetail, ChannelSnapshot, ChannelStore, Format, ScrapeWriter};
use crate::scheduler::Status;
use crate::telemetry::{Glance, Metrics};
use polyv_client::PolyvClock;
use polyv_client::clock::{Now, Timestamp};

/// A request to load the configuration anew. The answer says what was wrong with it, if
/// something was.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// What there is to be seen, and where.
pub struct Sources {
    /// The channels.
    pub store: Arc<ChannelStore>,
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
}

/// What is served.
pub struct Site {
    pub(super) sources: Sources,
    /// When it was opened, which tells its answers from another exporter's.
    opened: Timestamp,
    /// The scrapes under way.
    pub(super) scrapes: LargeAnswers,
    /// Pages and what they ask for, so that neither they nor scrapes wait for each other.
    pub(super) pages: LargeAnswers,
    present: Mutex<Option<Made>>,
}

/// What was known a moment ago.
struct Made {
    at: Instant,
    present: Arc<Present>,
    took: Duration,
}

/// What is known counts as present for so many times as long as it took to find out: a
/// millisecond's work for twenty. So looking at all channels takes a twentieth of a core at
/// most, however many pages ask; what each of them shows is rendered on top of that.
const REUSED: u32 = 20;

/// What is known at one moment.
pub(super) struct Present {
    pub(super) now: Now,
    /// The host's clock.
    pub(super) wall: Timestamp,
    /// Whatever changes from now on has a higher version.
    pub(super) version: u64,
    pub(super) views: Vec<ChannelSnapshot>,
    pub(super) glance: Glance,
}

const HEALTHY: &str = "/-/healthy";
const READY: &str = "/-/ready";
const RELOAD: &str = "/-/reload";
const DISCOVERY: &str = "/sd";
const PROBE: &str = "/probe";
const EXPORTER: &str = "/exporter";

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
    let routes = [DISCOVERY, PROBE, EXPORTER];
    if routes.contains(&path) || taken.iter().any(|taken| path.starts_with(taken)) {
        return Err(format!(
            "`{path}` can't be the path for metrics: something else is there"
        ));
    }
    Ok(())
}

// === impl Site ===

impl Site {
    /// A site that shows what these say.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self {
            opened: sources.clock.host().wall(),
            scrapes: LargeAnswers::default(),
            pages: LargeAnswers::default(),
            present: Mutex::default(),
            sources,
        }
    }

    /// Who sees what.
    pub fn router(self) -> Router {
        let mut router = Router::new();
        // Where metrics are at `/` there is no place for a page.
        if self.sources.telemetry_path != "/" {
            router = router.merge(page::routes());
        }
        let telemetry_path = self.sources.telemetry_path.clone();
        router
            .route(&telemetry_path, get(scrape::metrics))
            .route(DISCOVERY, get(discovery::targets))
            .route(PROBE, get(probe::channel))
            .route(EXPORTER, get(probe::exporter))
            .route(HEALTHY, get(lifecycle::healthy))
            .route(READY, get(lifecycle::ready))
            .route(RELOAD, post(lifecycle::reload))
            .route("/api/v1/channels", get(api::channels))
            .route("/api/v1/channels/{id}", get(api::channel))
            .fallback(respond::nothing)
            .with_state(Arc::new(self))
    }

    /// Everything there is to scrape.
    pub(super) fn scrape(&self, format: Format) -> ScrapeWriter {
        let now = self.refresh();
        let own = self.sources.metrics.gather();
        ScrapeWriter::new(&self.sources.store, &own, format, now)
    }

    /// All channels, and the exporter, as of this moment or a few before.
    pub(super) fn present(&self) -> Arc<Present> {
        let mut made = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*made
            && made.at.elapsed() < made.took * REUSED
        {
            return Arc::clone(&made.present);
        }
        let at = Instant::now();
        let alone = self.alone();
        let present = Arc::new(Present {
            views: self.sources.store.snapshots(alone.now),
            ..alone
        });
        *made = Some(Made {
            at,
            took: at.elapsed(),
            present: Arc::clone(&present),
        });
        present
    }

    /// The exporter without its channels.
    pub(super) fn alone(&self) -> Present {
        let now = self.refresh();
        Present {
            now,
            wall: self.sources.clock.host().wall(),
            version: self.sources.store.version(),
            views: Vec::new(),
            glance: self.sources.metrics.glance(),
        }
    }

    /// A channel, by its number.
    pub(super) fn detail(&self, channel_id: &str, now: Now) -> Option<ChannelDetail> {
        let key = self.sources.store.find(channel_id)?;
        self.sources.store.detail(key, now)
    }

    /// What a page that knows all up to `version` asks with the next time.
    pub(super) fn cursor(&self, version: u64) -> String {
        format!("{:x}.{version}", self.opened.as_millis())
    }

    /// Up to which version that is; `None` where it is another exporter's, or none at all.
    pub(super) fn since(&self, cursor: &str) -> Option<u64> {
        let (started, version) = cursor.split_once('.')?;
        let ours = format!("{:x}", self.opened.as_millis());
        version.parse().ok().filter(|_| started == ours)
    }

    /// Brings those metrics up to date that change by time alone.
    pub(super) fn refresh(&self) -> Now {
        let now = self.sources.clock.now();
        self.sources
            .metrics
            .set_poll_lag(self.sources.status.lag(now.moment));
        let stale_after = self.sources.store.rules().stale_after;
        self.sources
            .metrics
            .set_clock_skew(self.sources.clock.skew_seconds(stale_after));
        now
    }
}
