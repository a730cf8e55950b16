//! What there is to be seen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::response_limiter::ResponseLimiter;
use crate::metrics::{Format, RenderedChannels, ScrapeWriter};
use crate::scheduler::PollerHealth;
use crate::state::{ChannelDetail, ChannelSnapshot, ChannelStore};
use crate::telemetry::{Glance, Metrics};
use polyv_client::ServerClock;
use polyv_client::clock::{TimeSnapshot, Timestamp};

/// A request to load the configuration anew. The answer says what was wrong with it, if
/// something was.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// What there is to be seen, and where.
pub struct AppDeps {
    /// The channels.
    pub store: Arc<ChannelStore>,
    /// Their rendered lines.
    pub rendered: Arc<RenderedChannels>,
    /// The exporter's own metrics.
    pub metrics: Metrics,
    /// What the poller tells of itself.
    pub status: Arc<PollerHealth>,
    /// Polyv's clock.
    pub clock: Arc<ServerClock>,
    /// Where metrics are.
    pub telemetry_path: String,
    /// Where reloads are asked for; `None` where that is not allowed over HTTP.
    pub reload: Option<mpsc::Sender<ReloadRequest>>,
}

/// What is served.
pub struct AppState {
    pub(crate) deps: AppDeps,
    /// When it was started_at, which tells its answers from another exporter's.
    started_at: Timestamp,
    /// The scrapes under way.
    pub(super) scrapes: ResponseLimiter,
    /// Pages and what they ask for, so that neither they nor scrapes wait for each other.
    pub(super) pages: ResponseLimiter,
    snapshot: Mutex<Option<CachedSnapshot>>,
}

/// What was known a moment ago.
struct CachedSnapshot {
    at: Instant,
    snapshot: Arc<Snapshot>,
    took: Duration,
}

/// What is known counts as snapshot for so many times as long as it took to find out: a
/// millisecond's work for twenty. So looking at all channels takes a twentieth of a core at
/// most, however many pages ask; what each of them shows is rendered on top of that.
const SNAPSHOT_REUSE_FACTOR: u32 = 20;

/// What is known at one moment.
pub(crate) struct Snapshot {
    pub(crate) now: TimeSnapshot,
    /// The host's clock.
    pub(crate) wall: Timestamp,
    /// Whatever changes from now on has a higher version.
    pub(crate) version: u64,
    pub(crate) channels: Vec<ChannelSnapshot>,
    pub(crate) exporter: Glance,
}

// === impl AppState ===

impl AppState {
    /// A app that shows what these say.
    #[must_use]
    pub fn new(deps: AppDeps) -> Self {
        Self {
            started_at: deps.clock.host().wall(),
            scrapes: ResponseLimiter::default(),
            pages: ResponseLimiter::default(),
            snapshot: Mutex::default(),
            deps,
        }
    }

    /// Everything there is to scrape.
    pub(crate) fn scrape(&self, format: Format) -> ScrapeWriter {
        let now = self.refresh();
        let own = self.deps.metrics.gather();
        ScrapeWriter::new(&self.deps.rendered, &own, format, now)
    }

    /// All channels, and the exporter, as of this moment or a few before.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let mut made = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*made
            && made.at.elapsed() < made.took * SNAPSHOT_REUSE_FACTOR
        {
            return Arc::clone(&made.snapshot);
        }
        let at = Instant::now();
        let alone = self.exporter_only();
        let snapshot = Arc::new(Snapshot {
            channels: self.deps.store.snapshots(alone.now),
            ..alone
        });
        *made = Some(CachedSnapshot {
            at,
            took: at.elapsed(),
            snapshot: Arc::clone(&snapshot),
        });
        snapshot
    }

    /// The exporter without its channels.
    pub(crate) fn exporter_only(&self) -> Snapshot {
        let now = self.refresh();
        Snapshot {
            now,
            wall: self.deps.clock.host().wall(),
            version: self.deps.store.version(),
            channels: Vec::new(),
            exporter: self.deps.metrics.glance(),
        }
    }

    /// A channel, by its number.
    pub(crate) fn detail(&self, channel_id: &str, now: TimeSnapshot) -> Option<ChannelDetail> {
        let key = self.deps.store.find(channel_id)?;
        self.deps.store.detail(key, now)
    }

    /// What a page that knows all up to `version` asks with the next time.
    pub(crate) fn cursor(&self, version: u64) -> String {
        format!("{:x}.{version}", self.started_at.as_millis())
    }

    /// Up to which version that is; `None` where it is another exporter's, or none at all.
    pub(crate) fn since(&self, cursor: &str) -> Option<u64> {
        let (started, version) = cursor.split_once('.')?;
        let ours = format!("{:x}", self.started_at.as_millis());
        version.parse().ok().filter(|_| started == ours)
    }

    /// Brings those metrics up to date that change by time alone.
    pub(crate) fn refresh(&self) -> TimeSnapshot {
        let now = self.deps.clock.now();
        self.deps
            .metrics
            .set_poll_lag(self.deps.status.lag(now.monotonic));
        let stale_after = self.deps.store.policy().stale_after;
        self.deps
            .metrics
            .set_clock_skew(self.deps.clock.skew_seconds(stale_after));
        now
    }
}
