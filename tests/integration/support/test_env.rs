//! A whole exporter against a simulated Polyv, in memory and in tokio's paused time: hours
//! pass in milliseconds.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use polyv_client::clock::{Clock, SettableWallClock, TimeSnapshot, Timestamp};
use polyv_client::{
    HttpRequest, HttpResponse, Limiter, RequestBody, ServerClock, Transport, TransportError,
};
use polyv_exporter::config::Source;
use polyv_exporter::metrics::{self, Format, RenderedChannels};
use polyv_exporter::recorder::{Recorder, RecorderThread};
use polyv_exporter::scheduler::{self, ConfigUpdate, Poller, PollerContext, PollerHealth};
use polyv_exporter::state::{ChannelStore, HealthIssue, MissingSamples, UpdateSubscriber};
use polyv_exporter::telemetry::Metrics;
use polyv_simulator::{
    ChannelScript, ConnectionAction, Delivery, Fault, Request, Scenario, Simulator,
};
use prometheus::proto::MetricFamily;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::scrape::Scrape;

/// When the simulations begin: 2026-11-21, somewhen in the night.
pub const BEGINNING: i64 = 1_795_233_600_000;

/// A Polyv, a host with its clock, and an exporter on it.
pub struct TestEnv {
    pub simulator: Simulator,
    pub wall: Arc<SettableWallClock>,
    clock: Clock,
    exporter: Option<Exporter>,
    transport: Arc<InMemory>,
}

/// A running exporter, without its sockets.
struct Exporter {
    parts: PollerContext,
    rendered: Arc<RenderedChannels>,
    orders: mpsc::Sender<(ConfigUpdate, oneshot::Sender<()>)>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
    recording: Option<RecorderThread>,
}

/// Carries calls to a simulator without a network.
struct InMemory {
    simulator: Simulator,
}

impl TestEnv {
    /// Begins a env in which Polyv plays `scenario`. No exporter runs yet.
    pub fn new(scenario: &str) -> Self {
        let beginning = Timestamp::from_millis(BEGINNING);
        let wall = Arc::new(SettableWallClock::starting_at(beginning));
        let clock = Clock::new(Arc::clone(&wall) as _);
        let scenario = Scenario::parse("scenario", scenario).unwrap_or_else(|e| panic!("{e}"));
        let simulator = Simulator::starting_at(
            scenario,
            UNIX_EPOCH + Duration::from_millis(BEGINNING.unsigned_abs()),
        );
        Self {
            transport: Arc::new(InMemory {
                simulator: simulator.clone(),
            }),
            simulator,
            wall,
            clock,
            exporter: None,
        }
    }

    /// A env with an exporter that has just been started.
    pub fn with_exporter(scenario: &str, config: &str) -> Self {
        let mut env = Self::new(scenario);
        env.start(config);
        env
    }

    /// Starts an exporter: a process of its own, which knows nothing of one before.
    pub fn start(&mut self, config: &str) {
        let config = Source::text("config", config)
            .load()
            .unwrap_or_else(|faults| panic!("{faults}"));
        let clock = Arc::new(ServerClock::new(self.clock.clone()));
        let store = Arc::new(ChannelStore::new(
            scheduler::freshness_policy(&config),
            scheduler::wall_offset(&clock),
        ));
        let rendered = Arc::new(RenderedChannels::new(Arc::clone(&store)));
        let metrics = Metrics::new().unwrap();
        let mut subscribers: Vec<Arc<dyn UpdateSubscriber>> = vec![Arc::clone(&rendered) as _];
        let mut missing_samples: Option<Arc<dyn MissingSamples>> = None;
        let recording = config.recorder.as_ref().map(|recorder| {
            let metrics = metrics.register_recorder().unwrap();
            let started = Recorder::start(recorder.clone(), Arc::clone(&store), metrics);
            let (recorder, thread) = started.unwrap();
            let recorder = Arc::new(recorder);
            subscribers.push(Arc::clone(&recorder) as _);
            missing_samples = Some(recorder);
            thread
        });
        let parts = PollerContext {
            limiter: Limiter::new(scheduler::rate_limit_from_config(&config)),
            store,
            subscribers,
            missing_samples,
            metrics,
            health: Arc::new(PollerHealth::default()),
            clock,
        };
        parts.metrics.reloads().succeeded(self.clock.wall());
        let orders = ConfigUpdate {
            config,
            transport: Arc::clone(&self.transport) as _,
        };
        let poller = Poller::new(parts.clone(), orders);
        let (sender, inbox) = mpsc::channel(1);
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(poller.run(inbox, shutdown.clone()));
        self.exporter = Some(Exporter {
            parts,
            rendered,
            orders: sender,
            shutdown,
            task,
            recording,
        });
    }

    /// Stops the exporter, as a signal would.
    pub async fn stop(&mut self) {
        let exporter = self.exporter.take().expect("an exporter runs");
        exporter.shutdown.cancel();
        exporter.task.await.unwrap();
        // All that records is gone then, and what it recorded is written.
        drop(exporter.parts);
        if let Some(recording) = exporter.recording {
            recording.join();
        }
    }

    /// Gives the exporter another configuration.
    pub async fn reload(&mut self, config: &str) {
        let config = Source::text("config", config)
            .load()
            .unwrap_or_else(|faults| panic!("{faults}"));
        let orders = ConfigUpdate {
            config,
            transport: Arc::clone(&self.transport) as _,
        };
        let (done, in_force) = oneshot::channel();
        let exporter = self.exporter.as_ref().expect("an exporter runs");
        exporter.orders.send((orders, done)).await.unwrap();
        in_force.await.unwrap();
    }

    /// What a scrape says now.
    pub fn scrape(&self) -> Scrape {
        Scrape::parse(&self.text())
    }

    /// The same as text, which is not worth taking apart where there is very much of it.
    pub fn text(&self) -> String {
        let parts = self.context();
        let now = parts.clock.now();
        let own = self.gather();
        let rendered = &self.exporter.as_ref().expect("an exporter runs").rendered;
        let text = metrics::render(rendered, &own, Format::Prometheus, now);
        String::from_utf8(text).unwrap()
    }

    /// What a scrape of the exporter's own families says now.
    pub fn self_metrics(&self) -> Scrape {
        let parts = self.context();
        let now = parts.clock.now();
        let own = self.gather();
        let text = metrics::render_self_metrics(&parts.store, &own, Format::Prometheus, now);
        Scrape::parse(&String::from_utf8(text).unwrap())
    }

    fn gather(&self) -> Vec<MetricFamily> {
        let parts = self.context();
        parts.metrics.set_poll_lag(self.lag());
        let skew = parts.clock.skew(parts.store.policy().stale_after);
        parts.metrics.set_clock_skew(skew);
        parts.metrics.gather()
    }

    /// How late the most overdue poll is.
    pub fn lag(&self) -> Duration {
        let parts = self.context();
        parts.health.lag(parts.clock.host().monotonic())
    }

    /// What scrapes are made of, for those who look at some channels too often to scrape.
    pub fn store(&self) -> &ChannelStore {
        &self.context().store
    }

    /// The problems that a channel has now.
    pub fn problems(&self, channel_id: &str) -> Vec<HealthIssue> {
        let store = self.store();
        let now = self.context().clock.now();
        let snapshot = store
            .find(channel_id)
            .and_then(|key| store.snapshot(key, now));
        snapshot.map_or_else(Vec::new, |snapshot| snapshot.problems)
    }

    fn context(&self) -> &PollerContext {
        &self.exporter.as_ref().expect("an exporter runs").parts
    }

    pub fn is_ready(&self) -> bool {
        self.exporter
            .as_ref()
            .is_some_and(|e| e.parts.health.is_ready())
    }

    /// Whether the poller does not look at what is to be done any more.
    pub fn is_stalled(&self) -> bool {
        let parts = self.context();
        parts.health.is_stalled(parts.clock.host().monotonic())
    }

    /// Injects faults, a list as in a scenario file.
    pub fn inject_faults(&self, faults: &str) {
        let faults = Fault::parse_list("troubles", faults).unwrap_or_else(|e| panic!("{e}"));
        self.simulator.set_faults(faults);
    }

    /// Changes a channel's life, in a scenario's words.
    pub fn set_script(&self, channel: &str, life: &str) {
        let life = ChannelScript::parse("life", life).unwrap_or_else(|faults| panic!("{faults}"));
        self.simulator.set_script(channel, life).unwrap();
    }

    /// Seconds since 1970 by the host's clock.
    pub fn wall_seconds(&self) -> f64 {
        self.clock.wall().as_seconds()
    }

    /// The exporter's clocks.
    pub fn now(&self) -> TimeSnapshot {
        self.context().clock.now()
    }

    /// Milliseconds of the monotonic clock.
    pub fn monotonic_ms(&self) -> u64 {
        self.clock.monotonic().as_millis()
    }

    /// When (milliseconds of the monotonic clock) Polyv received calls about a channel, by
    /// channel: for its stream, or for its status with others.
    pub fn received(&self) -> HashMap<String, Vec<u64>> {
        let mut by_channel: HashMap<String, Vec<u64>> = HashMap::new();
        for call in self.simulator.requests() {
            if !matches!(&*call.endpoint, "stream_info" | "live_status") {
                continue;
            }
            let channels = call.channel_id.unwrap_or_default();
            for channel in channels.split(',') {
                let calls = by_channel.entry(channel.to_owned()).or_default();
                calls.push(call.monotonic_ms);
            }
        }
        by_channel
    }

    /// When Polyv received calls at an endpoint.
    pub fn received_at(&self, endpoint: &str) -> Vec<u64> {
        let calls = self.simulator.requests().into_iter();
        let at = calls.filter(|call| call.endpoint == endpoint);
        at.map(|call| call.monotonic_ms).collect()
    }

    /// When Polyv received calls for one channel.
    pub fn received_for(&self, channel: &str) -> Vec<u64> {
        self.received().remove(channel).unwrap_or_default()
    }
}

/// Lets time pass.
pub async fn advance(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

/// How many of `instants` (milliseconds, sorted) the fullest half-open window holds.
pub fn max_calls_in_window(instants: &[u64], window_ms: u64) -> usize {
    let mut fullest = 0;
    let mut first = 0;
    for last in 0..instants.len() {
        while instants[last] - instants[first] >= window_ms {
            first += 1;
        }
        fullest = fullest.max(last - first + 1);
    }
    fullest
}

impl Transport for InMemory {
    fn send(
        &self,
        call: HttpRequest,
        max_body: usize,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + '_>> {
        Box::pin(async move {
            let url = call.url;
            let path = format!("{}?{}", url.path(), url.query().unwrap_or(""));
            // The poller changes nothing; a call without a body may be a `POST` all the same.
            let request = match call.body {
                RequestBody::Get => Request::get(&path),
                RequestBody::Post => Request::post(&path, "", ""),
                RequestBody::PostJson(_) => panic!("the poller sends {path}"),
            };
            let response = match self.simulator.handle(&request) {
                ConnectionAction::Respond(response) => response,
                ConnectionAction::Hang => std::future::pending().await,
                ConnectionAction::Reset | ConnectionAction::Close => {
                    return Err(TransportError::Connection("connection reset".to_owned()));
                }
            };
            tokio::time::sleep(response.delay).await;
            if matches!(response.delivery, Delivery::CutOff { .. }) {
                return Err(TransportError::Connection("cut off".to_owned()));
            }
            if matches!(response.delivery, Delivery::Endless { .. })
                || response.body.len() > max_body
            {
                return Err(TransportError::TooLarge(max_body));
            }
            let date = response
                .header("date")
                .and_then(|date| httpdate::parse_http_date(date).ok())
                .map(Into::into);
            Ok(HttpResponse {
                status: response.status,
                date,
                arrived: Instant::now(),
                retry_after: response
                    .header("retry-after")
                    .and_then(|seconds| Some(Duration::from_secs(seconds.parse().ok()?))),
                via_proxy: false,
                body: response.body,
            })
        })
    }
}
