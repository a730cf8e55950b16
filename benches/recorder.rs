//! What recording costs: processor, memory and disk. `make bench-recorder` runs it.
//!
//! The recorder gets what the scheduler would give it for many live channels, each polled every 15
//! seconds with three new samples. Polling itself is not part of it.

// A benchmark has no API, ends at the first error, and prints its result.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{NumericField, Range, RawSample, SampleTime, StreamInfo, StreamName};
use polyv_exporter::config::{Channel, RecorderConfig, Source};
use polyv_exporter::recorder::Recorder;
use polyv_exporter::scheduler::freshness_policy;
use polyv_exporter::state::{ChannelKey, ChannelMeta, ChannelStore, Exposure, UpdateSubscriber};
use polyv_exporter::telemetry::Metrics;
use procfs::WithCurrentSystemInfo;

/// 2026-11-21T00:00:00Z.
const START: i64 = 1_795_219_200_000;
/// How long the cost is measured.
const MEASURED: Duration = Duration::from_secs(60);

/// Channels that are live, without Polyv and without the scheduler.
struct Fleet {
    store: Arc<ChannelStore>,
    keys: Vec<ChannelKey>,
    rng: fastrand::Rng,
}

fn at(seconds: u64) -> TimeSnapshot {
    let millis = seconds * 1000;
    TimeSnapshot {
        monotonic: MonotonicInstant::from_millis(millis),
        server_time: Timestamp::from_millis(START + i64::try_from(millis).unwrap()),
    }
}

fn config(directory: &Path) -> (RecorderConfig, Arc<ChannelStore>) {
    let text = format!(
        "{{recorder: {{path: '{}', max_size: 1TiB}}, accounts: [{{app_id: a, app_secret: b, channels: [{{id: '1'}}]}}]}}",
        directory.display()
    );
    let config = Source::text("bench", &text).load().unwrap();
    let store = Arc::new(ChannelStore::new(freshness_policy(&config), START));
    (config.recorder.unwrap(), store)
}

impl Fleet {
    fn new(store: Arc<ChannelStore>, channels: u32) -> Self {
        let insert = |n: u32| {
            let id = (1_000_000 + n).to_string();
            let meta = ChannelMeta {
                account: "main".into(),
                channel: Arc::new(Channel::new(id.as_str().into(), Duration::from_secs(15))),
            };
            store.insert(meta, Exposure::Always, at(0))
        };
        let keys = (0..channels).map(insert).collect();
        Self {
            store,
            keys,
            rng: fastrand::Rng::with_seed(1),
        }
    }

    /// A poll of one channel: the samples of `[since, until)`, every 5 seconds, late by 10.
    fn poll(&mut self, channel: usize, since: u64, until: u64, recorder: &Recorder) {
        let rng = &mut self.rng;
        let samples = (since..until).step_by(5).map(|seconds| RawSample {
            stream: StreamName::new("live"),
            time: SampleTime::At(at(seconds).server_time.plus_millis(rng.i64(0..30))),
            video_bitrate: NumericField::Number(f64::from(rng.u32(1_080_000..1_320_000))),
            video_framerate: NumericField::Number(f64::from(rng.u32(23..27))),
            audio_framerate: NumericField::Number(f64::from(rng.u32(42..47))),
        });
        let info = StreamInfo {
            samples: samples.collect(),
            unreadable: 0,
        };
        let now = at(until + 10);
        let Some(key) = self.keys.get(channel) else {
            return;
        };
        let update = self.store.apply_stream_info(*key, &info, false, now);
        let mut update = update.unwrap();
        update.received = Some(Range::since(at(since.saturating_sub(60)).server_time));
        recorder.channel_updated(&update, now);
    }
}

/// Processor time of the recorder's thread so far, and the process's memory in MiB.
fn usage() -> (Duration, f64) {
    let this = procfs::process::Process::myself().unwrap();
    let ticks = procfs::ticks_per_second();
    let tasks = this.tasks().unwrap().flatten();
    let stats = tasks.filter_map(|task| task.stat().ok());
    let recorder = stats.filter(|stat| stat.comm == "recorder");
    let used: u64 = recorder.map(|stat| stat.utime + stat.stime).sum();
    let memory = this.stat().unwrap().rss_bytes().get();
    let used = Duration::from_secs_f64(used as f64 / ticks as f64);
    (used, memory as f64 / f64::from(1 << 20))
}

fn size(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory).unwrap().flatten();
    files.map(|file| file.metadata().unwrap().len()).sum()
}

/// 10,000 live channels: 2,000 samples a second, as they come.
fn cost(channels: u32, with_log: bool) {
    let directory = tempfile::tempdir().unwrap();
    let (config, store) = config(directory.path());
    let mut fleet = Fleet::new(Arc::clone(&store), channels);
    let metrics = Metrics::new().unwrap().register_recorder().unwrap();
    let (recorder, thread) = Recorder::start(config, store, metrics).unwrap();
    if with_log {
        recorder.set_remotes(vec!["bench".to_owned()]);
    }
    // All are known first.
    for channel in 0..fleet.keys.len() {
        fleet.poll(channel, 100, 115, &recorder);
        if channel % 5000 == 0 {
            recorder.flush();
        }
    }
    recorder.flush();
    let (before, memory_before) = usage();
    let begin = Instant::now();
    let mut sent = 0_u64;
    let per_second = u64::from(channels) / 15;
    while begin.elapsed() < MEASURED {
        let elapsed = u64::try_from(begin.elapsed().as_millis()).unwrap();
        let due = elapsed * per_second / 1000;
        while sent < due {
            let round = 1 + sent / u64::from(channels);
            let channel = usize::try_from(sent % u64::from(channels)).unwrap();
            let since = 100 + round * 15;
            fleet.poll(channel, since, since + 15, &recorder);
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    recorder.flush();
    let (after, memory) = usage();
    let cores = after.checked_sub(before).unwrap().as_secs_f64() / begin.elapsed().as_secs_f64();
    println!(
        "{channels} live channels{}: {} samples in {:.0} s, {:.1} % of a core, {:.1} MiB more, {:.1} MiB on disk",
        if with_log { ", a remote write" } else { "" },
        sent * 3,
        begin.elapsed().as_secs_f64(),
        cores * 100.0,
        memory - memory_before,
        size(directory.path()) as f64 / f64::from(1 << 20),
    );
    drop(recorder);
    thread.join();

    // The same rows with nothing but the database.
    let other = tempfile::tempdir().unwrap();
    let mut database = rusqlite::Connection::open(other.path().join("plain.db")).unwrap();
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    database
        .execute_batch("CREATE TABLE sample (stream INTEGER, time INTEGER, a REAL, b REAL, c REAL, PRIMARY KEY (stream, time)) WITHOUT ROWID")
        .unwrap();
    let begin = Instant::now();
    for batch in 0..sent / per_second {
        let transaction = database.transaction().unwrap();
        {
            let sql = "INSERT INTO sample VALUES (?, ?, ?, ?, ?)";
            let mut insert = transaction.prepare(sql).unwrap();
            for n in batch * per_second..(batch + 1) * per_second {
                for sample in 0..3 {
                    let stream = n % u64::from(channels);
                    let time = (n / u64::from(channels)) * 15_000 + sample * 5_000;
                    let row = rusqlite::params![
                        stream.cast_signed(),
                        time.cast_signed(),
                        1.2e6,
                        25.0,
                        43.0
                    ];
                    insert.execute(row).unwrap();
                }
            }
        }
        transaction.commit().unwrap();
    }
    println!(
        "  the same rows with SQLite alone: {:.1} % of a core",
        begin.elapsed().as_secs_f64() / MEASURED.as_secs_f64() * 100.0
    );
}

/// A day of live channels, once their hours are compacted.
fn size_of_a_day(channels: u32) {
    const HOURS: u64 = 24;
    let directory = tempfile::tempdir().unwrap();
    let (config, store) = config(directory.path());
    let mut fleet = Fleet::new(Arc::clone(&store), channels);
    let metrics = Metrics::new().unwrap().register_recorder().unwrap();
    let (recorder, thread) = Recorder::start(config, store, metrics).unwrap();
    let mut peak = 0;
    for hour in 0..HOURS {
        for channel in 0..fleet.keys.len() {
            fleet.poll(channel, hour * 3600, (hour + 1) * 3600, &recorder);
        }
        recorder.flush();
        peak = peak.max(size(directory.path()));
    }
    // So that the last hour is over.
    for channel in 0..fleet.keys.len() {
        fleet.poll(
            channel,
            (HOURS + 1) * 3600,
            (HOURS + 1) * 3600 + 5,
            &recorder,
        );
    }
    recorder.flush();
    let database = directory.path().join("recorder.db");
    let connection = rusqlite::Connection::open(database).unwrap();
    let rows = || -> i64 {
        let sql = "SELECT count(*) FROM sample";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    while rows() > i64::from(channels) {
        std::thread::sleep(Duration::from_secs(1));
    }
    std::thread::sleep(Duration::from_secs(15));
    drop(recorder);
    thread.join();
    let samples = u64::from(channels) * HOURS * 720;
    let bytes = size(directory.path());
    println!(
        "a day of {channels} live channels: {samples} samples, {:.1} MiB, {:.2} bytes a sample, {:.1} MiB at most; 500 channels: {:.0} MiB",
        bytes as f64 / f64::from(1 << 20),
        bytes as f64 / samples as f64,
        peak as f64 / f64::from(1 << 20),
        bytes as f64 / f64::from(1 << 20) / f64::from(channels) * 500.0,
    );
}

fn main() {
    // `cargo test --all-targets` runs it as well.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    size_of_a_day(50);
    cost(10_000, false);
    cost(10_000, true);
}
