//! The state that all handlers share.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::response_limiter::ResponseLimiter;
use crate::config::RecorderConfig;
use crate::metrics::{self, Format, RenderedChannels, ScrapeWriter};
use crate::scheduler::PollerHealth;
use crate::state::{ChannelDetail, ChannelKey, ChannelSnapshot, ChannelStore};
use crate::telemetry::{ExporterStatus, Metrics};
use polyv_client::ServerClock;
use polyv_client::clock::{TimeSnapshot, Timestamp};

/// A request to load the configuration again. The reply says what is wrong with it, if anything.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// What [`AppState`] is made of.
pub struct AppDeps {
    /// The channels.
    pub store: Arc<ChannelStore>,
    /// The rendered lines of the channels.
    pub rendered: Arc<RenderedChannels>,
    /// The exporter's own metrics.
    pub metrics: Metrics,
    /// The health of the poller.
    pub status: Arc<PollerHealth>,
    /// Polyv's clock.
    pub clock: Arc<ServerClock>,
    /// The path of the metrics.
    pub telemetry_path: String,
    /// Where reloads are requested; `None` if they are not allowed over HTTP.
    pub reload: Option<mpsc::Sender<ReloadRequest>>,
    /// Where broadcasts are recorded, if they are.
    pub recording: Option<RecorderConfig>,
}

/// The state that all handlers share.
pub struct AppState {
    pub(crate) deps: AppDeps,
    /// Tells cursors of this process from those of an earlier one.
    started_at: Timestamp,
    pub(super) scrapes: ResponseLimiter,
    /// Limits pages and their data, so that they and scrapes do not wait for each other.
    pub(super) pages: ResponseLimiter,
    /// The snapshot that is shared at the moment.
    shared: Arc<Mutex<Option<Arc<Snapshot>>>>,
}

/// A snapshot is shared for this many times as long as it took: a millisecond's work for twenty.
/// So snapshots take a twentieth of a core at most, however many pages are open; rendering what
/// each page shows comes on top.
const SNAPSHOT_REUSE_FACTOR: u32 = 20;

/// What is known at one moment.
pub(crate) struct Snapshot {
    pub(crate) now: TimeSnapshot,
    /// The time by the host's clock.
    pub(crate) wall: Timestamp,
    /// Later changes have a higher version.
    pub(crate) version: u64,
    pub(crate) channels: Vec<ChannelSnapshot>,
    pub(crate) exporter: ExporterStatus,
}

// === impl Snapshot ===

impl Snapshot {
    fn channel(&self, key: ChannelKey) -> Option<&ChannelSnapshot> {
        let index = self
            .channels
            .binary_search_by_key(&key, |channel| channel.key);
        self.channels.get(index.ok()?)
    }
}

// === impl AppState ===

impl AppState {
    /// The state for a new server.
    #[must_use]
    pub fn new(deps: AppDeps) -> Self {
        Self {
            started_at: deps.clock.host().wall(),
            scrapes: ResponseLimiter::default(),
            pages: ResponseLimiter::default(),
            shared: Arc::default(),
            deps,
        }
    }

    /// All metrics.
    pub(super) fn scrape(&self, format: Format) -> ScrapeWriter {
        let now = self.update_time_gauges();
        let families = self.deps.metrics.gather();
        ScrapeWriter::new(&self.deps.rendered, &families, format, now)
    }

    /// The metrics of one channel; `None` if there is no such channel.
    pub(super) fn channel_metrics(&self, channel_id: &str, format: Format) -> Option<Vec<u8>> {
        let store = &self.deps.store;
        let key = store.find(channel_id)?;
        metrics::render_channel(store, key, format, self.deps.clock.now())
    }

    /// The metrics of the exporter itself.
    pub(super) fn self_metrics(&self, format: Format) -> Vec<u8> {
        let now = self.update_time_gauges();
        let families = self.deps.metrics.gather();
        metrics::render_self_metrics(&self.deps.store, &families, format, now)
    }

    /// A recent snapshot of all channels and the exporter. Must be called in a tokio runtime.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = &*shared {
            return Arc::clone(snapshot);
        }
        let begin = Instant::now();
        let exporter_only = self.exporter_only();
        let snapshot = Arc::new(Snapshot {
            channels: self.deps.store.snapshots(exporter_only.now),
            ..exporter_only
        });
        *shared = Some(Arc::clone(&snapshot));
        let reuse = begin.elapsed() * SNAPSHOT_REUSE_FACTOR;
        let slot = Arc::clone(&self.shared);
        tokio::spawn(async move {
            sleep(reuse).await;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        });
        snapshot
    }

    /// A snapshot of the exporter without its channels.
    pub(crate) fn exporter_only(&self) -> Snapshot {
        Snapshot {
            now: self.update_time_gauges(),
            wall: self.deps.clock.host().wall(),
            version: self.deps.store.version(),
            channels: Vec::new(),
            exporter: self.deps.metrics.exporter_status(),
        }
    }

    /// The channels with these keys: as long as the snapshot is shared, as they are there, then
    /// each as it is when its turn comes. A slow reader does not hold the snapshot.
    pub(super) fn channels(
        self: &Arc<Self>,
        snapshot: &Arc<Snapshot>,
        keys: Vec<ChannelKey>,
    ) -> impl Iterator<Item = ChannelSnapshot> + Send + use<> {
        let (app, snapshot) = (Arc::clone(self), Arc::downgrade(snapshot));
        keys.into_iter()
            .filter_map(move |key| match snapshot.upgrade() {
                Some(snapshot) => snapshot.channel(key).cloned(),
                None => app.deps.store.snapshot(key, app.deps.clock.now()),
            })
    }

    /// A channel, by its id.
    pub(crate) fn detail(&self, channel_id: &str, now: TimeSnapshot) -> Option<ChannelDetail> {
        let key = self.deps.store.find(channel_id)?;
        self.deps.store.detail(key, now)
    }

    /// The cursor of a page that knows all changes up to `version`.
    pub(crate) fn cursor(&self, version: u64) -> String {
        format!("{:x}.{version}", self.started_at.as_millis())
    }

    /// The version of a cursor; `None` if the cursor is invalid or another process's.
    pub(crate) fn cursor_version(&self, cursor: &str) -> Option<u64> {
        let (started_at, version) = cursor.split_once('.')?;
        let ours = format!("{:x}", self.started_at.as_millis());
        version.parse().ok().filter(|_| started_at == ours)
    }

    /// Updates the gauges that change with time alone.
    fn update_time_gauges(&self) -> TimeSnapshot {
        let AppDeps {
            clock,
            metrics,
            status,
            store,
            ..
        } = &self.deps;
        let now = clock.now();
        metrics.set_poll_lag(status.lag(now.monotonic));
        metrics.set_clock_skew(clock.skew(store.policy().stale_after));
        now
    }
}

#[cfg(test)]
impl AppState {
    /// A state for tests.
    pub(super) fn without_channels() -> Arc<Self> {
        use crate::scheduler::{freshness_policy, wall_offset};
        use polyv_client::clock::Clock;

        let config = crate::config::Source::text(
            "config",
            "accounts: [{app_id: a, app_secret: s, channels: [{id: 1}]}]",
        );
        let policy = freshness_policy(&config.load().unwrap());
        let clock = Arc::new(ServerClock::new(Clock::default()));
        let store = ChannelStore::new(policy, wall_offset(&clock));
        let store = Arc::new(store);
        Arc::new(Self::new(AppDeps {
            rendered: Arc::new(RenderedChannels::new(Arc::clone(&store))),
            store,
            metrics: Metrics::new().unwrap(),
            status: Arc::default(),
            clock,
            telemetry_path: "/metrics".to_owned(),
            reload: None,
            recording: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn snapshot_is_released_after_its_reuse() {
        let app = AppState::without_channels();
        let snapshot = Arc::downgrade(&app.snapshot());
        let released = async {
            while snapshot.upgrade().is_some() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let deadline = Duration::from_secs(60);
        assert!(tokio::time::timeout(deadline, released).await.is_ok());
    }
}
