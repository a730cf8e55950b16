use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Lane, LogEntry, LogReader, LogValue, Period, Reader, Recorder, RecorderError, RecorderThread,
    ViewerCount,
};
use crate::config::{Channel, RecorderConfig, Source};
use crate::scheduler::freshness_policy;
use crate::state::{
    ChannelKey, ChannelMeta, ChannelStore, CorrectedSample, Exposure, LiveState, MissingSamples,
    RequestedSamples, SampleValues, UpdateSubscriber,
};
use crate::telemetry::Metrics;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{NumericField, Outcome, Range, RawSample, SampleTime, StreamInfo, StreamName};

/// 2026-11-21T00:00:00Z.
const START: i64 = 1_795_219_200_000;

/// A channel that is recorded, without the scheduler.
struct Recorded {
    store: Arc<ChannelStore>,
    recorder: Recorder,
    thread: RecorderThread,
    key: ChannelKey,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START + seconds * 1000)
}

fn now(seconds: i64) -> TimeSnapshot {
    TimeSnapshot {
        monotonic: MonotonicInstant::from_millis(seconds.unsigned_abs() * 1000),
        server_time: at(seconds),
    }
}

fn period(start: i64, end: i64) -> Period {
    Period {
        start: at(start),
        end: at(end),
    }
}

fn config(directory: &Path) -> RecorderConfig {
    let config = format!(
        "{{recorder: {{path: '{}'}}, accounts: [{{app_id: a, app_secret: b, channels: [{{id: '1'}}]}}]}}",
        directory.display()
    );
    Source::text("test", &config)
        .load()
        .unwrap()
        .recorder
        .unwrap()
}

fn channel_store() -> Arc<ChannelStore> {
    let config = "accounts: [{app_id: a, app_secret: b, channels: [{id: \"1\"}]}]";
    let config = Source::text("test", config).load().unwrap();
    Arc::new(ChannelStore::new(freshness_policy(&config), START))
}

/// A response that has nothing but these samples.
fn whole(samples: Vec<CorrectedSample>) -> RequestedSamples {
    RequestedSamples {
        samples,
        is_complete: true,
    }
}

fn info(samples: impl IntoIterator<Item = (i64, f64)>) -> StreamInfo {
    let samples = samples.into_iter().map(|(seconds, bitrate)| RawSample {
        stream: StreamName::new("main"),
        time: SampleTime::At(at(seconds)),
        video_bitrate: NumericField::Number(bitrate),
        video_framerate: NumericField::Number(25.0),
        audio_framerate: NumericField::Missing,
    });
    StreamInfo {
        samples: samples.collect(),
        unreadable: 0,
    }
}

impl Recorded {
    fn start(directory: &Path) -> Self {
        Self::start_with(config(directory))
    }

    fn start_with(config: RecorderConfig) -> Self {
        let store = channel_store();
        let metrics = Metrics::new().unwrap().register_recorder().unwrap();
        let (recorder, thread) = Recorder::start(config, Arc::clone(&store), metrics).unwrap();
        let meta = ChannelMeta {
            account: "main".into(),
            channel: Arc::new(Channel::new("1".into(), Duration::from_secs(15))),
        };
        let key = store.insert(meta, Exposure::Always, now(0));
        Self {
            store,
            recorder,
            thread,
            key,
        }
    }

    /// A response to a request for the samples since `since`.
    fn live(&self, seconds: i64, since: i64, samples: impl IntoIterator<Item = (i64, f64)>) {
        self.live_at(now(seconds), since, samples);
    }

    fn live_at(
        &self,
        time: TimeSnapshot,
        since: i64,
        samples: impl IntoIterator<Item = (i64, f64)>,
    ) {
        let info = info(samples);
        let update = self.store.apply_stream_info(self.key, &info, false, time);
        let mut update = update.unwrap();
        update.received = Some(Range::since(at(since)));
        self.recorder.channel_updated(&update, time);
    }

    fn not_live(&self, seconds: i64) {
        let update = self.store.apply_not_live(self.key, now(seconds)).unwrap();
        self.recorder.channel_updated(&update, now(seconds));
    }

    /// The times of all recorded samples, in seconds, once `condition` holds for them.
    fn times_once(&self, directory: &Path, condition: impl Fn(&[i64]) -> bool) -> Vec<i64> {
        let begin = std::time::Instant::now();
        loop {
            // The recorder cleans up after each batch.
            self.recorder.flush();
            let times = times(directory);
            if condition(&times) {
                return times;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "{times:?}");
        }
    }

    fn stop(self) {
        drop(self.recorder);
        self.thread.join();
    }
}

/// The times of all recorded samples, in seconds.
fn times(directory: &Path) -> Vec<i64> {
    let reader = Reader::open(directory).unwrap();
    let always = period(-3600, i64::from(u32::MAX));
    let Some(recording) = reader.recording("main", "1", always).unwrap() else {
        return Vec::new();
    };
    let samples = recording.streams.iter().flat_map(|stream| &stream.samples);
    samples
        .map(|sample| (sample.time.as_millis() - START) / 1000)
        .collect()
}

#[test]
fn samples_states_and_coverage_are_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let recorded = Recorded::start(directory.path());
    recorded.not_live(0);
    recorded.live(60, 0, [(45, 1e6), (50, 2e6)]);
    // Repeated, corrected and new.
    recorded.live(75, -10, [(45, 1e6), (50, 3e6), (55, 4e6)]);
    recorded.not_live(90);
    recorded.recorder.flush();

    // Beside the writer.
    let reader = Reader::open(directory.path()).unwrap();
    let channels = reader.channels().unwrap();
    assert_eq!(channels.len(), 1);
    let recording = reader.recording("main", "1", period(-3600, 3600)).unwrap();
    let recording = recording.unwrap();
    let [stream] = recording.streams.as_slice() else {
        panic!("{recording:?}");
    };
    let samples: Vec<_> = stream
        .samples
        .iter()
        .map(|sample| (sample.time, sample.values.video_bitrate.get().unwrap()))
        .collect();
    assert_eq!(samples, [(at(45), 1e6), (at(50), 3e6), (at(55), 4e6)]);
    assert_eq!(stream.samples[0].values.audio_framerate.get(), None);
    let covered = Period {
        start: at(-10),
        end: at(55).plus_millis(1),
    };
    assert_eq!(stream.covered, [covered]);
    assert_eq!(recording.observed, [period(0, 90)]);
    let states: Vec<_> = recording.states.iter().map(|s| (s.time, s.state)).collect();
    let expected = [
        (at(0), LiveState::NotLive),
        (at(60), LiveState::Live),
        (at(90), LiveState::NotLive),
    ];
    assert_eq!(states, expected);

    let broadcasts = reader.broadcasts("main", "1", Duration::from_secs(300));
    let broadcasts = broadcasts.unwrap();
    assert_eq!(broadcasts.len(), 1);
    assert_eq!((broadcasts[0].start, broadcasts[0].end), (at(45), at(55)));
    assert!(!broadcasts[0].is_live);
    assert!(
        reader
            .recording("main", "2", period(0, 9))
            .unwrap()
            .is_none()
    );
    recorded.stop();
}

#[test]
fn second_exporter_on_the_same_path_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = Recorded::start(directory.path());
    let metrics = Metrics::new().unwrap().register_recorder().unwrap();
    let second = Recorder::start(config(directory.path()), channel_store(), metrics);
    assert!(matches!(second, Err(RecorderError::InUse { .. })));
    first.stop();
    Recorded::start(directory.path()).stop();
}

#[test]
fn log_has_what_was_recorded_in_order_once_a_remote_write_is_configured() {
    let directory = tempfile::tempdir().unwrap();
    let recorded = Recorded::start(directory.path());
    recorded.live(60, 0, [(45, 1e6)]);
    recorded.recorder.flush();
    recorded.recorder.set_remotes(vec!["a".into()]);
    recorded.live(75, 0, [(45, 1e6), (50, 2e6), (61, 2e6)]);
    recorded.live(130, 0, [(61, 3e6)]);
    recorded.recorder.flush();

    let mut log = LogReader::open(directory.path()).unwrap();
    let value = |entry: &LogEntry| match entry.value {
        LogValue::Sample(values) => (entry.time, values.video_bitrate.get().unwrap()),
        LogValue::Live(live) => (entry.time, f64::from(u8::from(live))),
        LogValue::Viewers(count) => panic!("{count} viewers"),
    };
    let entries = log.read(Lane::New, 0, 100).unwrap();
    let values: Vec<_> = entries.iter().map(value).collect();
    // Minutes are full ones.
    assert_eq!(values, [(at(61), 2e6), (at(120), 1.0)]);
    assert_eq!(entries[0].series.stream.as_deref(), Some("main"));
    assert_eq!(entries[1].series.stream, None);
    // The first response has samples from before it, and a corrected sample is not new either.
    let filled = log.read(Lane::Filled, 0, 100).unwrap();
    let filled: Vec<_> = filled.iter().map(value).collect();
    assert_eq!(filled, [(at(50), 2e6), (at(61), 3e6)]);
    // What was sent may be removed from now on.
    recorded.recorder.set_position("a", Lane::New, 1);
    recorded.recorder.flush();
    assert_eq!(log.position("a", Lane::New).unwrap(), Some(1));
    assert_eq!(log.position("a", Lane::Filled).unwrap(), Some(0));
    assert_eq!(log.last_sequence(Lane::New).unwrap(), 2);
    assert_eq!(log.read(Lane::New, 1, 100).unwrap(), entries[1..]);
    // A position in a file that was set aside.
    recorded.recorder.set_position("a", Lane::New, 3);
    recorded.recorder.flush();
    assert_eq!(log.position("a", Lane::New).unwrap(), Some(1));
    recorded.stop();
}

#[test]
fn full_minutes_before_a_change_have_the_state_before() {
    let directory = tempfile::tempdir().unwrap();
    let recorded = Recorded::start(directory.path());
    recorded.recorder.set_remotes(vec!["a".into()]);
    recorded.live(70, 0, [(65, 1e6)]);
    recorded.live(110, 0, [(105, 1e6)]);
    // A change without a state that a response showed.
    let mut update = recorded
        .store
        .apply_not_live(recorded.key, now(130))
        .unwrap();
    update.observed = None;
    recorded.recorder.channel_updated(&update, now(130));
    recorded.not_live(185);
    recorded.recorder.flush();

    let mut log = LogReader::open(directory.path()).unwrap();
    let entries = log.read(Lane::New, 0, 100).unwrap();
    let live = entries.iter().filter_map(|entry| match entry.value {
        LogValue::Live(live) => Some((entry.time, live)),
        _ => None,
    });
    let expected = [(70, true), (120, true), (130, false), (180, false)];
    assert_eq!(
        live.collect::<Vec<_>>(),
        expected.map(|(seconds, live)| (at(seconds), live))
    );
    recorded.stop();
}

#[test]
fn what_was_missed_while_the_exporter_was_down_is_requested_newest_first() {
    let directory = tempfile::tempdir().unwrap();
    let before = Recorded::start(directory.path());
    before.live(600, 0, [(590, 1e6)]);
    for seconds in (700..=10_000).step_by(60) {
        before.not_live(seconds);
    }
    before.stop();

    // Live again after a time that was not observed.
    let after = Recorded::start(directory.path());
    after.live(30_000, 29_940, [(29_990, 1e6)]);
    after.live(30_015, 29_930, [(30_005, 1e6)]);
    after.recorder.flush();
    let (key, range) = after.recorder.take_range().unwrap();
    assert_eq!(
        (range.end, range.start),
        (Some(at(29_930)), Some(at(19_430)))
    );
    assert_eq!(after.recorder.take_range(), None);
    let sample = CorrectedSample {
        stream: StreamName::new("main"),
        time: at(20_000),
        values: SampleValues {
            video_bitrate: Some(5e5).into(),
            ..SampleValues::NONE
        },
    };
    after
        .recorder
        .range_received(key, range, whole(vec![sample]));
    after.recorder.flush();
    let (_, range) = after.recorder.take_range().unwrap();
    // The time off air that was observed has no samples, but for its beginning and end.
    assert_eq!(
        (range.start, range.end),
        (Some(at(9_820)), Some(at(19_430)))
    );
    // A failure is no reason to give up.
    after.recorder.range_failed(key, range, Outcome::Timeout);
    after.live(30_021, 29_950, [(30_010, 1e6)]);
    after.recorder.flush();
    let (_, range) = after.recorder.take_range().unwrap();
    assert_eq!(range.end, Some(at(19_430)));
    // Nor is a response some of whose samples cannot be read.
    let unreadable = RequestedSamples {
        samples: Vec::new(),
        is_complete: false,
    };
    after.recorder.range_received(key, range, unreadable);
    after.recorder.flush();
    assert_eq!(after.recorder.take_range(), None);
    after.live(30_027, 29_960, [(30_015, 1e6)]);
    after.recorder.flush();
    let (_, range) = after.recorder.take_range().unwrap();
    assert_eq!(range.end, Some(at(19_430)));
    after.recorder.range_received(key, range, whole(Vec::new()));
    after.recorder.flush();
    let (_, range) = after.recorder.take_range().unwrap();
    after.recorder.range_received(key, range, whole(Vec::new()));
    after.recorder.flush();
    // What the end of the broadcast took away.
    let (_, range) = after.recorder.take_range().unwrap();
    let newest = at(590).plus_millis(1);
    // A minute of what was there before may have been corrected, and a gap begins a minute early.
    assert_eq!(range.start, Some(newest.plus_millis(-120_000)));
    assert_eq!(range.end, Some(at(760)));
    after.recorder.range_received(key, range, whole(Vec::new()));
    after.recorder.flush();
    assert_eq!(after.recorder.take_range(), None);

    let reader = Reader::open(directory.path()).unwrap();
    let recording = reader
        .recording("main", "1", period(0, 40_000))
        .unwrap()
        .unwrap();
    let times: Vec<_> = recording.streams[0]
        .samples
        .iter()
        .map(|s| s.time)
        .collect();
    let expected = [590, 20_000, 29_990, 30_005, 30_010, 30_015].map(at);
    assert_eq!(times, expected);
    after.stop();
}

#[test]
fn finished_hours_are_compacted_and_can_still_be_corrected() {
    let directory = tempfile::tempdir().unwrap();
    let recorded = Recorded::start(directory.path());
    let samples = (0..720).map(|n| (n * 5, 1e6 + f64::from(i32::try_from(n).unwrap())));
    recorded.live(3_600, 0, samples);
    recorded.live(9_000, 3_500, [(8_990, 1e6)]);
    recorded.recorder.flush();
    let blocks = || {
        let database = directory.path().join("recorder.db");
        let connection = rusqlite::Connection::open(database).unwrap();
        let sql = "SELECT coalesce(sum(count), 0) FROM sample_block";
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    let until = |count| {
        let begin = std::time::Instant::now();
        while blocks() != count {
            assert!(begin.elapsed() < Duration::from_secs(30), "{}", blocks());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    until(720);
    let range = Range {
        start: Some(at(0)),
        end: Some(at(3_600)),
    };
    let sample = CorrectedSample {
        stream: StreamName::new("main"),
        time: at(5),
        values: SampleValues::NONE,
    };
    recorded
        .recorder
        .range_received(recorded.key, range, whole(vec![sample]));
    recorded.recorder.flush();
    let reader = Reader::open(directory.path()).unwrap();
    let recording = reader
        .recording("main", "1", period(0, 9_000))
        .unwrap()
        .unwrap();
    let samples = &recording.streams[0].samples;
    assert_eq!(samples.len(), 721);
    assert_eq!(samples[1].values, SampleValues::NONE);
    assert_eq!(samples[2].values.video_bitrate.get(), Some(1_000_002.0));
    until(720);
    recorded.stop();
}

#[test]
fn samples_older_than_the_retention_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let retention = Duration::from_secs(2 * 3600);
    let recorded = Recorded::start_with(RecorderConfig {
        retention,
        ..config(directory.path())
    });
    // Removing takes both clocks, so the samples have to be of today.
    let today = Timestamp::from(std::time::SystemTime::now());
    let today = (today.as_millis() - START) / 1000;
    for hours_ago in (1..=5).rev() {
        let time = today - hours_ago * 3600;
        recorded.live(time, time - 60, [(time - 10, 1e6)]);
    }
    recorded.live(today, today - 60, [(today - 10, 1e6)]);
    let kept = recorded.times_once(directory.path(), |times| times.len() < 4);
    let expected = [1, 0].map(|hours_ago| today - hours_ago * 3600 - 10);
    assert_eq!(kept, expected);
    recorded.stop();
}

#[test]
fn largest_size_is_kept_and_the_oldest_samples_go_first() {
    const HOURS: i64 = 80;
    let directory = tempfile::tempdir().unwrap();
    let max_size = 256 << 10;
    let recorded = Recorded::start_with(RecorderConfig {
        max_size,
        ..config(directory.path())
    });
    let all: Vec<i64> = (0..HOURS * 120).map(|n| n * 30).collect();
    for hour in all.chunks(120) {
        let samples = hour.iter().map(|time| (*time, 1e6 + rand(*time)));
        recorded.live(hour[119] + 10, hour[0], samples);
    }
    let size = || {
        let database = directory.path().join("recorder.db");
        let connection = rusqlite::Connection::open(database).unwrap();
        let sql = "SELECT (page_count - freelist_count) * page_size
                   FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
            .unsigned_abs()
    };
    let kept = recorded.times_once(directory.path(), |times| times[0] > 0 && size() <= max_size);
    assert!(all.ends_with(&kept) && kept.len() > 120, "{}", kept.len());
    recorded.stop();
}

#[test]
fn what_is_not_kept_is_not_requested() {
    let directory = tempfile::tempdir().unwrap();
    let recorded = Recorded::start_with(RecorderConfig {
        retention: Duration::from_secs(3600),
        backfill: Duration::from_secs(24 * 3600),
        ..config(directory.path())
    });
    let today = Timestamp::from(std::time::SystemTime::now());
    let today = (today.as_millis() - START) / 1000;
    recorded.live(today, today - 60, [(today - 10, 1e6)]);
    recorded.live(today + 6, today - 60, [(today - 5, 1e6)]);
    recorded.recorder.flush();
    let (_, range) = recorded.recorder.take_range().unwrap();
    let oldest = at(today - 3700);
    assert!(range.start.unwrap() > oldest, "{range:?}");
    recorded.stop();
}

#[test]
fn recording_that_was_removed_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("recording");
    let recorded = Recorded::start(&path);
    recorded.live(60, 0, [(45, 1e6)]);
    recorded.recorder.flush();
    std::fs::remove_dir_all(&path).unwrap();
    recorded.live(75, 0, [(50, 1e6)]);
    recorded.recorder.flush();
    assert_eq!(times(&path), [50]);
    recorded.stop();
}

#[test]
fn viewers_that_are_known_are_not_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let recorded = Recorded::start(directory.path());
    recorded.recorder.set_remotes(vec!["a".into()]);
    recorded.live(60, 0, [(45, 1e6)]);
    let meta = recorded.store.metadata(recorded.key).unwrap();
    for (seconds, count) in [(30, 5), (40, 6), (40, 6), (20, 4), (40, 7)] {
        let time = at(seconds);
        recorded
            .recorder
            .record_viewers(meta.clone(), ViewerCount { time, count });
    }
    recorded.recorder.flush();
    let mut log = LogReader::open(directory.path()).unwrap();
    let mut viewers = |lane| -> Vec<_> {
        let entries = log.read(lane, 0, 100).unwrap();
        let viewers = entries.iter().filter_map(|entry| match entry.value {
            LogValue::Viewers(count) => Some((entry.time, count)),
            _ => None,
        });
        viewers.collect()
    };
    // What is late goes the way of what was filled: it must not hold up what is new.
    assert_eq!(viewers(Lane::New), [(at(30), 5), (at(40), 6)]);
    assert_eq!(viewers(Lane::Filled), [(at(20), 4), (at(40), 7)]);
    recorded.stop();
}

#[test]
fn steps_of_the_clock_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let recorded = Recorded::start_with(RecorderConfig {
        retention: Duration::from_secs(3600),
        ..config(directory.path())
    });
    recorded.recorder.set_remotes(vec!["a".into()]);
    // The host's clock is behind, so that only Polyv's says that samples are old.
    let begin = Timestamp::from(std::time::SystemTime::now());
    let begin = (begin.as_millis() - START) / 1000 + 86_400;
    let begin = begin - begin % 60 + 1;
    // Seconds that pass, and by how many the clock is wrong meanwhile.
    let steps = [
        (0, 0),
        (15, 7_200),
        (30, 7_200),
        (45, 0),
        (60, -7_200),
        (75, 0),
    ];
    for (seconds, step) in steps {
        let correct = now(begin + seconds);
        let time = TimeSnapshot {
            server_time: correct.server_time.plus_millis(step * 1000),
            ..correct
        };
        let newest = begin + seconds - 10;
        let samples = (begin - 10..=newest).step_by(15);
        recorded.live_at(time, newest - 60, samples.map(|time| (time, 1e6)));
    }
    recorded.live(begin + 120, begin + 40, [(begin + 110, 1e6)]);
    let expected = [-10, 5, 20, 35, 50, 65, 110].map(|seconds| begin + seconds);
    let times = recorded.times_once(directory.path(), |times| times.len() > 6);
    assert_eq!(times, expected);
    // Whether the channel is live is logged for the minutes since, not only once they are later
    // than any before.
    let mut log = LogReader::open(directory.path()).unwrap();
    let entries = log.read(Lane::New, 0, 1000).unwrap();
    let is_last_minute =
        |entry: &&LogEntry| entry.value == LogValue::Live(true) && entry.time == at(begin + 119);
    assert!(
        entries.iter().any(|entry| is_last_minute(&entry)),
        "{entries:?}"
    );
    recorded.stop();
}

/// Noise that no encoding makes small.
fn rand(seed: i64) -> f64 {
    f64::from(fastrand::Rng::with_seed(seed.unsigned_abs()).u32(0..1_000_000))
}
