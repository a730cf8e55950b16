use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Lane, LogReader, LogValue, Period, Reader, Recorder, RecorderError, RecorderThread};
use crate::config::{Channel, RecorderConfig, Source};
use crate::scheduler::freshness_policy;
use crate::state::{ChannelKey, ChannelMeta, ChannelStore, Exposure, LiveState, UpdateSubscriber};
use crate::telemetry::Metrics;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{NumericField, Range, RawSample, SampleTime, StreamInfo, StreamName};

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
        let store = channel_store();
        let metrics = Metrics::new().unwrap().register_recorder().unwrap();
        let (recorder, thread) =
            Recorder::start(config(directory), Arc::clone(&store), metrics).unwrap();
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
        let (time, info) = (now(seconds), info(samples));
        let update = self.store.apply_stream_info(self.key, &info, false, time);
        let mut update = update.unwrap();
        update.received = Some(Range::since(at(since)));
        self.recorder.channel_updated(&update, time);
    }

    fn not_live(&self, seconds: i64) {
        let update = self.store.apply_not_live(self.key, now(seconds)).unwrap();
        self.recorder.channel_updated(&update, now(seconds));
    }

    fn stop(self) {
        drop(self.recorder);
        self.thread.join();
    }
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
    recorded.recorder.set_remotes(vec!["a".into()]);
    recorded.live(75, 0, [(45, 1e6), (50, 2e6), (61, 2e6)]);
    recorded.live(130, 0, [(61, 3e6)]);
    recorded.recorder.set_position("a", Lane::New, 2);
    recorded.recorder.flush();

    let mut log = LogReader::open(directory.path()).unwrap();
    let entries = log.read(Lane::New, 0, 100).unwrap();
    let values: Vec<_> = entries
        .iter()
        .map(|entry| match entry.value {
            LogValue::Sample(values) => (entry.time, values.video_bitrate.get().unwrap()),
            LogValue::Live(live) => (entry.time, f64::from(u8::from(live))),
            LogValue::Viewers(count) => panic!("{count} viewers"),
        })
        .collect();
    // The first response has samples from before it, which are not new; minutes are full ones.
    assert_eq!(values, [(at(61), 2e6), (at(120), 1.0), (at(61), 3e6)]);
    assert_eq!(entries[0].series.stream.as_deref(), Some("main"));
    assert_eq!(entries[1].series.stream, None);
    let filled = log.read(Lane::Filled, 0, 100).unwrap();
    assert_eq!(filled.len(), 1);
    assert_eq!(log.position("a", Lane::New).unwrap(), Some(2));
    assert_eq!(log.position("a", Lane::Filled).unwrap(), Some(0));
    assert_eq!(log.last_sequence(Lane::New).unwrap(), 3);
    assert_eq!(log.read(Lane::New, 2, 100).unwrap(), entries[2..]);
    recorded.stop();
}
