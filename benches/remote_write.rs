//! How far a remote write is behind, what it costs, and how fast it catches up. `make
//! bench-remote-write` runs it; it needs `victoria-metrics` in the path.
//!
//! The recorder gets what the scheduler would give it for 10,000 live channels, each polled every
//! 15 seconds with three new samples. `VictoriaMetrics` on the same host is the receiver.

// A benchmark has no API, ends at the first error, and prints its result.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use polyv_client::clock::{Clock, MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{NumericField, RawSample, SampleTime, StreamInfo, StreamName};
use polyv_exporter::config::{Channel, Source};
use polyv_exporter::recorder::{Recorder, RecorderThread};
use polyv_exporter::remote_write::{RecorderLog, RemoteWriters};
use polyv_exporter::scheduler::freshness_policy;
use polyv_exporter::state::{ChannelKey, ChannelMeta, ChannelStore, Exposure, UpdateSubscriber};
use polyv_exporter::telemetry::Metrics;
use procfs::WithCurrentSystemInfo;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// 2026-11-21T00:00:00Z.
const START: i64 = 1_795_219_200_000;
const CHANNELS: usize = 10_000;
/// How long the lag is measured.
const MEASURED: Duration = Duration::from_secs(60);
/// For how long the receiver was away, in polls of each channel: an hour.
const MISSED_POLLS: u64 = 240;
const POSITION: &str = "polyv_remote_write_position_timestamp_seconds";
const PENDING: &str = "polyv_remote_write_pending_samples";
/// The threads that send.
const THREADS: &str = "remote-write";

/// A recorder with live channels, and what sends from it.
struct Bench {
    store: Arc<ChannelStore>,
    keys: Vec<ChannelKey>,
    /// Polls so far, of all channels.
    polls: u64,
    metrics: Metrics,
    recorder: Recorder,
    thread: RecorderThread,
    config: polyv_exporter::config::Config,
    _directory: tempfile::TempDir,
}

fn at(seconds: u64) -> TimeSnapshot {
    let millis = seconds * 1000;
    TimeSnapshot {
        monotonic: MonotonicInstant::from_millis(millis),
        server_time: Timestamp::from_millis(START + i64::try_from(millis).unwrap()),
    }
}

impl Bench {
    fn new(url: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "{{recorder: {{path: '{}', max_size: 1TiB}}, remote_write: [{{name: bench, url: '{url}'}}], accounts: [{{app_id: a, app_secret: b, channels: [{{id: '1'}}]}}]}}",
            directory.path().display()
        );
        let config = Source::text("bench", &text).load().unwrap();
        let store = Arc::new(ChannelStore::new(freshness_policy(&config), START));
        let metrics = Metrics::new().unwrap();
        let recording = config.recorder.clone().unwrap();
        let own = metrics.register_recorder().unwrap();
        let (recorder, thread) = Recorder::start(recording, Arc::clone(&store), own).unwrap();
        recorder.set_remotes(vec!["bench".to_owned()]);
        recorder.flush();
        let insert = |n: usize| {
            let id = (1_000_000 + n).to_string();
            let meta = ChannelMeta {
                account: "main".into(),
                channel: Arc::new(Channel::new(id.as_str().into(), Duration::from_secs(15))),
            };
            store.insert(meta, Exposure::Always, at(0))
        };
        let keys = (0..CHANNELS).map(insert).collect();
        let mut bench = Self {
            store,
            keys,
            polls: 0,
            metrics,
            recorder,
            thread,
            config,
            _directory: directory,
        };
        // The first poll of a channel is history.
        bench.poll_all();
        bench
    }

    /// The next poll: three samples of the next channel.
    fn poll(&mut self) {
        let channel = usize::try_from(self.polls % CHANNELS as u64).unwrap();
        let since = 100 + self.polls / CHANNELS as u64 * 15;
        self.polls += 1;
        let samples = (since..since + 15).step_by(5).map(|seconds| RawSample {
            stream: StreamName::new("live"),
            time: SampleTime::At(at(seconds).server_time),
            video_bitrate: NumericField::Number(f64::from(fastrand::u32(1_080_000..1_320_000))),
            video_framerate: NumericField::Number(f64::from(fastrand::u32(23..27))),
            audio_framerate: NumericField::Number(f64::from(fastrand::u32(42..47))),
        });
        let info = StreamInfo {
            samples: samples.collect(),
            unreadable: 0,
        };
        let now = at(since + 20);
        let key = *self.keys.get(channel).unwrap();
        let update = self.store.apply_stream_info(key, &info, false, now);
        self.recorder.channel_updated(&update.unwrap(), now);
    }

    fn poll_all(&mut self) {
        for poll in 0..CHANNELS {
            self.poll();
            if poll % 5_000 == 4_999 {
                self.recorder.flush();
            }
        }
    }

    /// Polls at the pace of 10,000 live channels until `done` says so, which looks each quarter of
    /// a second.
    fn poll_until(&mut self, mut done: impl FnMut(&Self, Duration) -> bool) {
        let begin = Instant::now();
        let (mut sent, mut looked) = (0, Duration::ZERO);
        loop {
            let elapsed = begin.elapsed();
            let due = elapsed.as_millis() * CHANNELS as u128 / 15_000;
            while sent < due {
                self.poll();
                sent += 1;
            }
            if elapsed >= looked {
                looked = elapsed + Duration::from_millis(250);
                if done(self, elapsed) {
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends until the token is cancelled.
    fn send(&self) -> (tokio::runtime::Runtime, CancellationToken) {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(2).thread_name(THREADS).enable_all();
        let runtime = builder.build().unwrap();
        let path = self.config.recorder.as_ref().unwrap().path.clone();
        let log = Arc::new(RecorderLog::new(self.recorder.clone(), &path));
        let metrics = self.metrics.remote_write().clone();
        let writers = RemoteWriters::new(log, metrics, Clock::default());
        let shutdown = CancellationToken::new();
        let (endpoints, receiver) = watch::channel(self.config.remote_write.clone());
        let token = shutdown.clone();
        runtime.spawn(async move {
            writers.run(receiver, token).await;
            drop(endpoints);
        });
        (runtime, shutdown)
    }

    fn metric(&self, name: &str) -> f64 {
        let families = self.metrics.gather();
        let family = families.iter().find(|family| family.name() == name);
        let metric = family.and_then(|family| family.get_metric().first());
        metric.map_or(0.0, |metric| metric.get_gauge().get_value())
    }

    /// How far behind it is, in seconds.
    fn lag(&self) -> f64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_secs_f64() - self.metric(POSITION)
    }

    fn end(self, runtime: tokio::runtime::Runtime) {
        runtime.shutdown_timeout(Duration::from_secs(5));
        drop(self.recorder);
        self.thread.join();
    }
}

/// Processor time of the threads that send.
fn used() -> f64 {
    let this = procfs::process::Process::myself().unwrap();
    let stats = this
        .tasks()
        .unwrap()
        .flatten()
        .filter_map(|task| task.stat().ok());
    let sending = stats.filter(|stat| stat.comm == THREADS);
    let ticks: u64 = sending.map(|stat| stat.utime + stat.stime).sum();
    ticks as f64 / procfs::ticks_per_second() as f64
}

/// The process's memory in MiB.
fn memory() -> f64 {
    let this = procfs::process::Process::myself().unwrap();
    let bytes = this.stat().unwrap().rss_bytes().get();
    bytes as f64 / f64::from(1 << 20)
}

fn steady(url: &str) {
    let mut bench = Bench::new(url);
    let memory_before = memory();
    let (runtime, shutdown) = bench.send();
    bench.poll_until(|bench, elapsed| elapsed.as_secs() > 10 && bench.metric(PENDING) < 20_000.0);
    let before = used();
    let mut lags = Vec::new();
    bench.poll_until(|bench, elapsed| {
        lags.push(bench.lag());
        elapsed >= MEASURED
    });
    lags.sort_by(f64::total_cmp);
    let share = |part: usize| lags.get((lags.len() - 1) * part / 100).copied().unwrap();
    println!(
        "10,000 live channels, 2,000 samples a second: behind by {:.1} s (median), {:.1} s (99 %), {:.1} s (most); sending takes {:.1} % of a core and {:.1} MiB",
        share(50),
        share(99),
        share(100),
        (used() - before) / MEASURED.as_secs_f64() * 100.0,
        memory() - memory_before,
    );
    shutdown.cancel();
    bench.end(runtime);
}

fn catch_up(url: &str) {
    let mut bench = Bench::new(url);
    let begin = Instant::now();
    for _ in 0..MISSED_POLLS {
        bench.poll_all();
    }
    println!(
        "recording an hour of 10,000 channels took {:.0} s",
        begin.elapsed().as_secs_f64()
    );
    let memory_before = memory();
    let (runtime, shutdown) = bench.send();
    let before = used();
    let mut took = Duration::ZERO;
    bench.poll_until(|bench, elapsed| {
        took = elapsed;
        elapsed.as_secs() > 3 && bench.lag() < 5.0
    });
    println!(
        "the receiver was away for an hour: caught up after {:.0} s, with {:.0} % of a core and {:.1} MiB",
        took.as_secs_f64(),
        (used() - before) / took.as_secs_f64() * 100.0,
        memory() - memory_before,
    );
    shutdown.cancel();
    bench.end(runtime);
}

/// A receiver, stopped when dropped.
struct VictoriaMetrics {
    child: Child,
    url: String,
    _directory: tempfile::TempDir,
}

impl VictoriaMetrics {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let child = Command::new("victoria-metrics")
            .arg(format!("-storageDataPath={}", directory.path().display()))
            .arg(format!("-httpListenAddr={address}"))
            .stderr(Stdio::null())
            .spawn()
            .expect("victoria-metrics is in the path");
        while std::net::TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(100));
        }
        Self {
            child,
            url: format!("http://{address}/api/v1/write"),
            _directory: directory,
        }
    }
}

impl Drop for VictoriaMetrics {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn main() {
    // `cargo test --all-targets` runs it as well.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let receiver = VictoriaMetrics::start();
    steady(&receiver.url);
    drop(receiver);
    let receiver = VictoriaMetrics::start();
    catch_up(&receiver.url);
}
