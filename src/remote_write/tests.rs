//! Endpoints with a queue in memory and receivers over HTTP.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use prost::Message;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::batch::{SampleBatch, external_labels};
use super::messages::WriteRequest;
use super::queue::{Queue, QueueError};
use super::remote_writers::RemoteWriters;
use crate::config::{RemoteWrite, Source};
use crate::recorder::{Lane, LogEntry, LogSeries, LogValue};
use crate::state::SampleValues;
use crate::telemetry::Metrics;
use polyv_client::clock::{Clock, Timestamp};

const DEADLINE: Duration = Duration::from_secs(30);
/// 2026-11-28T12:00:00Z
const NOON: i64 = 1_795_867_200_000;

#[derive(Default)]
struct MemoryQueue {
    entries: Mutex<[Vec<LogEntry>; 2]>,
    positions: Mutex<HashMap<(String, Lane), i64>>,
    /// How many configurations were applied.
    configurations: AtomicUsize,
}

impl MemoryQueue {
    /// Records a bitrate of a channel's stream at a second.
    fn record(&self, lane: Lane, channel: &str, second: i64, bitrate: f64) {
        let values = SampleValues {
            video_bitrate: Some(bitrate).into(),
            ..SampleValues::NONE
        };
        self.push(
            lane,
            channel,
            Some("stream"),
            second,
            LogValue::Sample(values),
        );
    }

    fn push(&self, lane: Lane, channel: &str, stream: Option<&str>, second: i64, value: LogValue) {
        let mut entries = self.entries.lock().unwrap();
        let entries = &mut entries[lane as usize];
        entries.push(LogEntry {
            sequence: i64::try_from(entries.len()).unwrap() + 1,
            recorded: Timestamp::from_millis(NOON + second * 1_000 + 10_000),
            series: Arc::new(LogSeries {
                account: "main".into(),
                channel_id: channel.into(),
                stream: stream.map(Into::into),
            }),
            time: Timestamp::from_millis(NOON + second * 1_000),
            value,
        });
    }

    fn all(&self, lane: Lane) -> Vec<LogEntry> {
        self.entries.lock().unwrap()[lane as usize].clone()
    }
}

impl Queue for MemoryQueue {
    fn read(&self, lane: Lane, after: i64, limit: usize) -> Result<Vec<LogEntry>, QueueError> {
        let entries = self.all(lane).into_iter();
        Ok(entries
            .filter(|one| one.sequence > after)
            .take(limit)
            .collect())
    }

    fn last_sequence(&self, lane: Lane) -> Result<i64, QueueError> {
        Ok(self.all(lane).last().map_or(0, |last| last.sequence))
    }

    fn position(&self, remote: &str, lane: Lane) -> Result<Option<i64>, QueueError> {
        let positions = self.positions.lock().unwrap();
        Ok(positions.get(&(remote.to_owned(), lane)).copied())
    }

    fn set_position(&self, remote: &str, lane: Lane, sequence: i64) {
        let mut positions = self.positions.lock().unwrap();
        positions.insert((remote.to_owned(), lane), sequence);
    }

    fn set_remotes(&self, remotes: Vec<String>) {
        let mut positions = self.positions.lock().unwrap();
        positions.retain(|(remote, _), _| remotes.contains(remote));
        for (remote, lane) in remotes
            .iter()
            .flat_map(|one| [(one, Lane::New), (one, Lane::Filled)])
        {
            let end = self.last_sequence(lane).unwrap();
            positions.entry((remote.clone(), lane)).or_insert(end);
        }
        self.configurations.fetch_add(1, Ordering::SeqCst);
    }
}

/// What a receiver does with a request.
#[derive(Clone, Copy, PartialEq)]
enum Reaction {
    Accept,
    Fail,
    Throttle,
    Hang,
    /// Refuses requests with a negative value.
    RefuseNegative,
}

/// A receiver of remote writes.
struct Receiver {
    url: String,
    shared: Arc<Received>,
    task: JoinHandle<()>,
}

/// A sample's labels, time and value.
type ReceivedSample = (BTreeMap<String, String>, i64, f64);

struct Received {
    reaction: Mutex<Reaction>,
    requests: AtomicUsize,
    headers: Mutex<HeaderMap>,
    /// The labels and samples of accepted requests, in order.
    samples: Mutex<Vec<ReceivedSample>>,
}

impl Receiver {
    async fn start(reaction: Reaction) -> Self {
        let shared = Arc::new(Received {
            reaction: Mutex::new(reaction),
            requests: AtomicUsize::new(0),
            headers: Mutex::default(),
            samples: Mutex::default(),
        });
        let router = axum::Router::new()
            .route("/write", post(receive))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/write", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, task }
    }

    fn react(&self, reaction: Reaction) {
        *self.shared.reaction.lock().unwrap() = reaction;
    }

    fn samples(&self) -> Vec<(BTreeMap<String, String>, i64, f64)> {
        self.shared.samples.lock().unwrap().clone()
    }

    fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Waits for that many samples, and returns each one's channel, second and value.
    async fn received(&self, count: usize) -> Vec<(String, i64, f64)> {
        until("all samples", || self.samples().len() >= count).await;
        let samples = self.samples().into_iter();
        let second = |time: i64| (time - NOON) / 1_000;
        samples
            .map(|(labels, time, value)| (labels["channel_id"].clone(), second(time), value))
            .collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(
    State(shared): State<Arc<Received>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, &'static str) {
    shared.requests.fetch_add(1, Ordering::SeqCst);
    *shared.headers.lock().unwrap() = headers;
    let reaction = *shared.reaction.lock().unwrap();
    let body = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
    let request = WriteRequest::decode(body.as_slice()).unwrap();
    let mut headers = HeaderMap::new();
    let is_negative =
        |series: &super::messages::TimeSeries| series.samples.iter().any(|s| s.value < 0.0);
    match reaction {
        Reaction::Accept => {}
        Reaction::Fail => return (StatusCode::SERVICE_UNAVAILABLE, headers, "later"),
        Reaction::Throttle => {
            headers.insert("retry-after", "1".parse().unwrap());
            return (StatusCode::TOO_MANY_REQUESTS, headers, "slower");
        }
        Reaction::Hang => std::future::pending().await,
        Reaction::RefuseNegative => {
            if request.timeseries.iter().any(is_negative) {
                return (StatusCode::BAD_REQUEST, headers, "negative");
            }
        }
    }
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let mut received = shared.samples.lock().unwrap();
    for series in &request.timeseries {
        let labels = series.labels.iter();
        let labels: BTreeMap<_, _> = labels
            .map(|label| (text(&label.name), text(&label.value)))
            .collect();
        for sample in &series.samples {
            received.push((labels.clone(), sample.timestamp, sample.value));
        }
    }
    (StatusCode::NO_CONTENT, headers, "")
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < DEADLINE, "it never came to this: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Endpoints as a configuration has them.
fn endpoints(text: &str) -> Vec<Arc<RemoteWrite>> {
    let rest = "accounts: [{app_id: a, app_secret: s, channels: [{id: 1}]}]";
    let source = Source::text(
        "polyv.yml",
        &format!("recorder: {{path: /recordings}}\nremote_write: {text}\n{rest}"),
    );
    source.load().unwrap().remote_write
}

/// Remote writers that run.
struct Running {
    metrics: Metrics,
    configured: watch::Sender<Vec<Arc<RemoteWrite>>>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(queue: &Arc<MemoryQueue>, text: &str) -> Self {
        let metrics = Metrics::new().unwrap();
        let queue = Arc::clone(queue) as Arc<dyn Queue>;
        let writers = RemoteWriters::new(queue, metrics.remote_write().clone(), Clock::default());
        let (configured, receiver) = watch::channel(endpoints(text));
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(writers.run(receiver, shutdown.clone()));
        Self {
            metrics,
            configured,
            shutdown,
            task,
        }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }

    /// The value of a metric of an endpoint, with more of its labels.
    fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let families = self.metrics.gather();
        let family = families.iter().find(|family| family.name() == name)?;
        let metric = family.get_metric().iter().find(|metric| {
            let mut pairs = metric.get_label().iter();
            labels
                .iter()
                .all(|label| metric.get_label().iter().any(|pair| pair.value() == *label))
                && pairs.next().is_some()
        })?;
        Some(metric.get_counter().get_value() + metric.get_gauge().get_value())
    }

    fn count(&self, name: &str, labels: &[&str]) -> usize {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counters are whole
        self.metric(name, labels).map_or(0, |value| value as usize)
    }
}

const SAMPLES: &str = "polyv_remote_write_samples_total";
const DROPPED: &str = "polyv_remote_write_dropped_samples_total";
const FAILURES: &str = "polyv_remote_write_failures_total";
const POSITION: &str = "polyv_remote_write_position_timestamp_seconds";
const PENDING: &str = "polyv_remote_write_pending_samples";

/// Waits until an endpoint knows its positions.
async fn until_open(queue: &MemoryQueue, name: &str) {
    let is_known = || queue.position(name, Lane::Filled).unwrap().is_some();
    until("the endpoint is known", is_known).await;
}

#[test]
fn batch_has_sorted_labels_and_the_last_value_of_each_time() {
    let queue = MemoryQueue::default();
    queue.record(Lane::New, "1", 5, 50.0);
    queue.record(Lane::New, "1", 0, 10.0);
    queue.record(Lane::New, "1", 5, 51.0);
    queue.push(Lane::New, "1", None, 3, LogValue::Viewers(7));
    queue.push(Lane::New, "1", None, 3, LogValue::Live(true));
    let labels = [("b", "y"), ("zone", "z"), ("none", "")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let batch = SampleBatch::new(&queue.all(Lane::New), &external_labels(&labels.into()));
    let body = snap::raw::Decoder::new().decompress_vec(&batch.encode(0..4).unwrap());
    let request = WriteRequest::decode(body.unwrap().as_slice()).unwrap();
    let shown = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let series: Vec<String> = request
        .timeseries
        .iter()
        .map(|series| {
            let labels = series.labels.iter();
            let labels: Vec<_> = labels
                .map(|one| format!("{}={}", shown(&one.name), shown(&one.value)))
                .collect();
            let samples = series.samples.iter();
            let samples: Vec<_> = samples
                .map(|one| format!("{}@{}", one.value, one.timestamp - NOON))
                .collect();
            format!("{} {}", labels.join(","), samples.join(" "))
        })
        .collect();
    assert_eq!(
        series,
        [
            "__name__=polyv_sample_video_bitrate_bps,account=main,b=y,channel_id=1,stream=stream,zone=z 10@0 51@5000",
            "__name__=polyv_sample_viewers,account=main,b=y,channel_id=1,zone=z 7@3000",
            "__name__=polyv_sample_live,account=main,b=y,channel_id=1,zone=z 1@3000",
        ]
    );
}

#[test]
fn series_is_never_in_two_shards() {
    let queue = MemoryQueue::default();
    for at in 0..100 {
        // One series has half of all samples.
        let channel = if at % 2 == 0 { 0 } else { at % 7 };
        queue.record(Lane::New, &channel.to_string(), at, 1.0);
    }
    for max_samples in [1, 3, 10, 30, 100, 1_000] {
        let batch = SampleBatch::new(&queue.all(Lane::New), &[]);
        let shards = batch.shards(4, max_samples);
        assert!(shards.len() <= 4, "{shards:?}");
        let samples: usize = shards.iter().map(ExactSizeIterator::len).sum();
        assert_eq!(samples, 100);
        let mut owners = HashMap::new();
        for (index, shard) in shards.into_iter().enumerate() {
            let body = snap::raw::Decoder::new().decompress_vec(&batch.encode(shard).unwrap());
            let request = WriteRequest::decode(body.unwrap().as_slice()).unwrap();
            for series in request.timeseries {
                let owner = *owners
                    .entry(format!("{:?}", series.labels))
                    .or_insert(index);
                assert_eq!(owner, index);
            }
        }
    }
}

#[tokio::test]
async fn failures_are_repeated_until_the_samples_are_there() {
    let queue = Arc::new(MemoryQueue::default());
    let receiver = Receiver::start(Reaction::Fail).await;
    let running = Running::start(
        &queue,
        &format!(
            "[{{name: a, url: '{}', headers: {{X-Scope-OrgID: t}}, basic_auth: {{username: u, password: p}}}}]",
            receiver.url
        ),
    );
    until_open(&queue, "a").await;
    for second in 0..10 {
        queue.record(Lane::New, "1", second, 1.0);
    }
    until("it failed", || running.count(FAILURES, &["a"]) >= 3).await;
    assert_eq!(running.count(SAMPLES, &["a"]), 0);
    // The oldest sample was recorded 10 seconds after noon.
    let position = || running.metric(POSITION, &["a"]);
    #[allow(clippy::cast_precision_loss)] // exact
    let behind = Some(NOON as f64 / 1_000.0 + 10.0);
    until("it is behind", || position() == behind).await;
    assert_eq!(running.metric(PENDING, &["a"]), Some(10.0));
    receiver.react(Reaction::Throttle);
    let throttled = running.count(FAILURES, &["a"]);
    until("it is throttled", || {
        running.count(FAILURES, &["a"]) > throttled
    })
    .await;
    let before = receiver.requests();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(receiver.requests() <= before + 1, "Retry-After is obeyed");
    receiver.react(Reaction::Accept);
    let sent = receiver.received(10).await;
    let seconds: Vec<_> = sent.iter().map(|(_, second, _)| *second).collect();
    assert_eq!(seconds, (0..10).collect::<Vec<_>>());
    until("nothing is pending", || {
        running.metric(PENDING, &["a"]) == Some(0.0)
    })
    .await;
    assert!(position() > behind);
    assert_eq!(running.count(SAMPLES, &["a"]), 10);
    assert_eq!(running.count(DROPPED, &["a"]), 0);
    let headers = receiver.shared.headers.lock().unwrap().clone();
    for (name, value) in [
        ("content-encoding", "snappy"),
        ("content-type", "application/x-protobuf"),
        ("x-prometheus-remote-write-version", "0.1.0"),
        ("x-scope-orgid", "t"),
        ("authorization", "Basic dTpw"),
    ] {
        assert_eq!(headers[name], value);
    }
    running.stop().await;
}

#[tokio::test]
async fn samples_at_fault_are_skipped_and_counted() {
    let queue = Arc::new(MemoryQueue::default());
    let receiver = Receiver::start(Reaction::RefuseNegative).await;
    let running = Running::start(&queue, &format!("[{{name: a, url: '{}'}}]", receiver.url));
    until_open(&queue, "a").await;
    for second in 0..100 {
        let value = if [7, 50, 99].contains(&second) {
            -1.0
        } else {
            1.0
        };
        queue.record(Lane::New, &(second % 3).to_string(), second, value);
    }
    assert_eq!(receiver.received(97).await.len(), 97);
    until("three were skipped", || {
        running.count(DROPPED, &["a", "refused"]) == 3
    })
    .await;
    assert_eq!(running.metric(DROPPED, &["a", "abandoned"]), Some(0.0));
    until("the others are counted", || {
        running.count(SAMPLES, &["a"]) == 97
    })
    .await;

    // The rest of a request is dropped with the sixteenth, and what comes later is sent.
    for second in 100..200 {
        queue.record(
            Lane::New,
            "1",
            second,
            if second < 130 { -1.0 } else { 1.0 },
        );
    }
    until("the rest is dropped", || {
        running.count(DROPPED, &["a", "abandoned"]) == 84
    })
    .await;
    assert_eq!(running.count(DROPPED, &["a", "refused"]), 19);
    queue.record(Lane::New, "1", 200, 1.0);
    assert_eq!(receiver.received(98).await.last().unwrap().1, 200);
    running.stop().await;
}

#[tokio::test]
async fn samples_that_the_recorder_did_not_keep_are_counted() {
    let queue = Arc::new(MemoryQueue::default());
    let receiver = Receiver::start(Reaction::Accept).await;
    let configured = format!("[{{name: a, url: '{}'}}]", receiver.url);
    let running = Running::start(&queue, &configured);
    until_open(&queue, "a").await;
    running.stop().await;
    for second in 0..10 {
        queue.record(Lane::New, "1", second, 1.0);
    }
    queue.entries.lock().unwrap()[Lane::New as usize].drain(..7);
    let running = Running::start(&queue, &configured);
    let sent = receiver.received(3).await;
    assert_eq!(sent[0].1, 7);
    assert_eq!(running.count(DROPPED, &["a", "expired"]), 7);
    running.stop().await;
}

#[tokio::test]
async fn endpoint_that_hangs_delays_no_other_and_no_shutdown() {
    let queue = Arc::new(MemoryQueue::default());
    let hanging = Receiver::start(Reaction::Hang).await;
    let receiver = Receiver::start(Reaction::Accept).await;
    let running = Running::start(
        &queue,
        &format!(
            "[{{name: a, url: '{}'}}, {{name: b, url: '{}'}}]",
            hanging.url, receiver.url
        ),
    );
    until_open(&queue, "b").await;
    queue.record(Lane::New, "1", 0, 1.0);
    receiver.received(1).await;
    queue.record(Lane::Filled, "1", -60, 1.0);
    receiver.received(2).await;
    until("the other one hangs", || hanging.requests() > 0).await;
    let begin = Instant::now();
    running.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn restarts_and_reloads_continue_at_the_position_of_the_name() {
    let queue = Arc::new(MemoryQueue::default());
    let (first, second) = (
        Receiver::start(Reaction::Accept).await,
        Receiver::start(Reaction::Accept).await,
    );
    // Recorded before the endpoint was configured.
    queue.record(Lane::New, "1", 0, 1.0);
    let running = Running::start(&queue, &format!("[{{name: a, url: '{}'}}]", first.url));
    until_open(&queue, "a").await;
    queue.record(Lane::New, "1", 1, 1.0);
    queue.record(Lane::Filled, "1", -60, 1.0);
    first.received(2).await;
    let stored = |lane| queue.position("a", lane).unwrap();
    until("positions are stored", || {
        stored(Lane::New) == Some(2) && stored(Lane::Filled) == Some(1)
    })
    .await;
    // Another address: what is new goes there.
    let changed = format!("[{{name: a, url: '{}'}}]", second.url);
    running.configured.send(endpoints(&changed)).unwrap();
    until("the former endpoint has stopped", || {
        queue.configurations.load(Ordering::SeqCst) == 2
    })
    .await;
    queue.record(Lane::New, "1", 2, 1.0);
    assert_eq!(second.received(1).await, [("1".to_owned(), 2, 1.0)]);
    running.stop().await;
    queue.record(Lane::New, "1", 3, 1.0);
    let running = Running::start(&queue, &changed);
    assert_eq!(second.received(2).await.last().unwrap().1, 3);
    assert_eq!(first.samples().len(), 2);
    // One that is not configured any more leaves nothing behind.
    running.configured.send(Vec::new()).unwrap();
    until("its metrics are gone", || {
        running.metric(SAMPLES, &["a"]).is_none()
    })
    .await;
    until("its position is gone", || {
        queue.position("a", Lane::New).unwrap().is_none()
    })
    .await;
    running.stop().await;
}
