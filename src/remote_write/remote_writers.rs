//! All endpoints, as configured.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use super::endpoint::Endpoint;
use super::lane_sender::{LaneSender, blocking};
use super::queue::{Queue, QueueError};
use crate::config::RemoteWrite;
use crate::recorder::Lane;
use crate::telemetry::RemoteWriteMetrics;
use polyv_client::clock::Clock;

/// How often the metrics of positions are brought up to date.
const OBSERVE_INTERVAL: Duration = Duration::from_secs(1);
/// How often an endpoint is tried whose positions are not known: those of a new one are with the
/// recorder's next commit.
const OPEN_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Sends what is recorded to all endpoints.
pub struct RemoteWriters {
    queue: Arc<dyn Queue>,
    metrics: RemoteWriteMetrics,
    clock: Clock,
    running: Vec<RunningEndpoint>,
}

struct RunningEndpoint {
    config: Arc<RemoteWrite>,
    task: JoinHandle<()>,
    shutdown: CancellationToken,
}

// === impl RemoteWriters ===

impl RemoteWriters {
    /// Without endpoints so far.
    #[must_use]
    pub fn new(queue: Arc<dyn Queue>, metrics: RemoteWriteMetrics, clock: Clock) -> Self {
        Self {
            queue,
            metrics,
            clock,
            running: Vec::new(),
        }
    }

    /// Sends until the shutdown, to the endpoints of the newest configuration.
    pub async fn run(
        mut self,
        mut endpoints: watch::Receiver<Vec<Arc<RemoteWrite>>>,
        shutdown: CancellationToken,
    ) {
        loop {
            let configured = endpoints.borrow_and_update().clone();
            self.apply(configured).await;
            tokio::select! {
                Ok(()) = endpoints.changed() => {}
                () = shutdown.cancelled() => break,
            }
        }
        self.stop_all_but(&[]).await;
    }

    /// Starts, stops and restarts endpoints, as configured. One that changed keeps its position,
    /// which belongs to its name.
    async fn apply(&mut self, configured: Vec<Arc<RemoteWrite>>) {
        for stopped in self.stop_all_but(&configured).await {
            if !configured.iter().any(|endpoint| endpoint.name == stopped) {
                self.metrics.remove_endpoint(&stopped);
            }
        }
        let names = configured.iter().map(|endpoint| endpoint.name.clone());
        self.queue.set_remotes(names.collect());
        for config in configured {
            if !self.running.iter().any(|running| running.config == config) {
                let running = self.start(config);
                self.running.push(running);
            }
        }
    }

    fn start(&self, config: Arc<RemoteWrite>) -> RunningEndpoint {
        let shutdown = CancellationToken::new();
        let (queue, clock) = (Arc::clone(&self.queue), self.clock.clone());
        let metrics = self.metrics.init_endpoint(&config.name);
        let opened = Arc::clone(&config);
        let open = move || {
            let (config, queue) = (Arc::clone(&opened), Arc::clone(&queue));
            Endpoint::open(config, queue, metrics.clone(), clock.clone())
        };
        RunningEndpoint {
            config,
            task: tokio::spawn(run_endpoint(open, shutdown.clone())),
            shutdown,
        }
    }

    /// Stops the endpoints that are not among these, all at the same time. Returns their names.
    async fn stop_all_but(&mut self, kept: &[Arc<RemoteWrite>]) -> Vec<String> {
        let running = std::mem::take(&mut self.running);
        let (running, stopped): (Vec<_>, Vec<_>) = running
            .into_iter()
            .partition(|running| kept.contains(&running.config));
        self.running = running;
        for endpoint in &stopped {
            endpoint.shutdown.cancel();
        }
        let mut names = Vec::new();
        for endpoint in stopped {
            if let Err(error) = endpoint.task.await {
                error!(remote_name = endpoint.config.name, %error, "remote write failed");
            }
            names.push(endpoint.config.name.clone());
        }
        names
    }
}

/// Opens an endpoint, and sends both lanes to it until the shutdown.
async fn run_endpoint(
    open: impl Fn() -> Result<Endpoint, QueueError> + Clone + Send + 'static,
    shutdown: CancellationToken,
) {
    let endpoint = loop {
        match blocking(open.clone()).await {
            Ok(endpoint) => break Arc::new(endpoint),
            Err(error) => debug!(%error, "the positions of an endpoint can't be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(OPEN_RETRY_INTERVAL) => {}
            () = shutdown.cancelled() => return,
        }
    };
    let lane = |lane| {
        let endpoint = Arc::clone(&endpoint);
        LaneSender { endpoint, lane }.run(shutdown.clone())
    };
    tokio::join!(
        lane(Lane::New),
        lane(Lane::Filled),
        observe(&endpoint, &shutdown)
    );
}

/// Keeps the metrics of the endpoint's positions up to date.
async fn observe(endpoint: &Arc<Endpoint>, shutdown: &CancellationToken) {
    loop {
        let observed = Arc::clone(endpoint);
        if let Err(error) = blocking(move || observed.observe()).await {
            debug!(%error, "the recorder can't be read");
        }
        tokio::select! {
            () = tokio::time::sleep(OBSERVE_INTERVAL) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
