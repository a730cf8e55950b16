//! A scrape is all channels' lines, however they are kept and written.

use std::collections::BTreeMap;
use std::time::Duration;

use std::sync::Arc;

use super::*;
use crate::config;
use crate::state::{
    ChannelKey, ChannelMeta, ChannelStore, Exposure, FreshnessPolicy, IntervalScale, LiveState,
};
use polyv_client::clock::TimeSnapshot;
use polyv_client::clock::{MonotonicInstant, Timestamp};
use polyv_client::{Error, NumericField, RawSample, SampleTime, StreamInfo, StreamName};

fn now(seconds: u64) -> TimeSnapshot {
    let millis = i64::try_from(seconds * 1000).unwrap();
    TimeSnapshot {
        monotonic: MonotonicInstant::from_millis(seconds * 1000),
        server_time: Timestamp::from_millis(1_700_000_000_000 + millis),
    }
}

fn policy() -> FreshnessPolicy {
    FreshnessPolicy {
        lookback: Duration::from_secs(35 * 60),
        idle_interval: Duration::from_secs(30),
        stale_after: Duration::from_secs(120),
        max_sample_age: Duration::from_secs(15 * 60),
        window: Duration::from_secs(90),
        sustain: Duration::from_secs(30),
        sources: config::Sources::Auto,
    }
}

fn meta(id: usize) -> ChannelMeta {
    let channel = config::Channel {
        name: format!("Stage {id}").into(),
        labels: BTreeMap::from([("note".to_owned(), "x".repeat(id % 200))]),
        ..config::Channel::new(id.to_string().into(), Duration::from_secs(15))
    };
    ChannelMeta {
        account: "ac\"count".into(),
        channel: channel.into(),
    }
}

/// Applies the response that a channel with that id gets.
fn poll(store: &ChannelStore, key: ChannelKey, id: usize, now: TimeSnapshot) {
    let samples = (0..id % 3).map(|stream| RawSample {
        stream: StreamName::new(&format!("stream{stream}")),
        time: SampleTime::At(now.server_time),
        #[allow(clippy::cast_precision_loss)] // small numbers
        video_bitrate: NumericField::Number(1_000_000.5 + id as f64),
        video_framerate: NumericField::Number(15.0),
        audio_framerate: NumericField::Missing,
    });
    let info = StreamInfo {
        samples: samples.collect(),
        unreadable: 0,
    };
    let update = match id % 4 {
        0 => store.apply_not_live(key, now),
        _ => store.apply_stream_info(key, &info, false, now),
    };
    assert!(update.is_some());
}

fn insert(store: &ChannelStore, id: usize, now: TimeSnapshot) -> ChannelKey {
    store.insert(meta(id), Exposure::Always, now)
}

fn new_channels() -> RenderedChannels {
    RenderedChannels::new(Arc::new(ChannelStore::new(policy(), 0)))
}

fn text(channels: &RenderedChannels, format: Format, at: TimeSnapshot) -> String {
    String::from_utf8(render(channels, &[], format, at)).unwrap()
}

/// The text that a scrape of these channels has to be: each of them alone in a store, family by
/// family, and the counts of all of them.
fn sum_of_parts(
    whole: &RenderedChannels,
    channels: &[(usize, Option<u64>)],
    format: Format,
    at: TimeSnapshot,
) -> String {
    let families: Vec<_> = rendered::families().collect();
    let mut parts = vec![String::new(); families.len()];
    for (id, polled) in channels {
        let channels = new_channels();
        let key = insert(channels.store(), *id, now(0));
        if let Some(polled) = polled {
            poll(channels.store(), key, *id, now(*polled));
        }
        for line in text(&channels, format, at).lines() {
            let name = line.split('{').next().unwrap();
            if let Some(part) = families.iter().position(|family| family.name == name) {
                parts[part].push_str(line);
                parts[part].push('\n');
            }
        }
    }
    let mut all = String::new();
    for (family, lines) in families.iter().zip(parts) {
        all += &format.header(family);
        all += &lines;
    }
    let counts = whole.store().status_counts(at);
    all + &self_metrics_encoder::encode(&counts, &[], format)
}

#[test]
fn scrape_is_the_sum_of_its_channels_after_any_changes() {
    let channels = new_channels();
    let store = channels.store();
    let keys: Vec<_> = (0..3000).map(|id| insert(store, id, now(0))).collect();
    let mut expected: Vec<_> = (0..3000).map(|id| (id, None)).collect();
    let compare = |expected: &[(usize, Option<u64>)], at| {
        let scrape = text(&channels, Format::OpenMetrics, at);
        assert!(
            scrape == sum_of_parts(&channels, expected, Format::OpenMetrics, at),
            "{at:?}"
        );
        let info = |line: &&str| line.starts_with("polyv_channel_info{account=\"ac\\\"count\",");
        assert_eq!(scrape.lines().filter(info).count(), expected.len());
    };
    compare(&expected, now(1));
    // Few, so that most of each chunk stays as it was.
    for id in (0..3000).step_by(7) {
        poll(store, keys[id], id, now(2));
        expected[id].1 = Some(2);
    }
    compare(&expected, now(3));
    // Almost whole chunks, and their first and last channels.
    let edge = |id: usize| id < 200 || [0, 1, 63].contains(&(id % 64));
    for id in (0..3000).filter(|id| edge(*id) && !id.is_multiple_of(7)) {
        poll(store, keys[id], id, now(4));
        expected[id].1 = Some(4);
    }
    compare(&expected, now(4));
    // Removed channels, among them all of some chunks.
    let gone = |id: usize| id.is_multiple_of(5) || (640..768).contains(&id);
    for (_, key) in keys.iter().enumerate().filter(|(id, _)| gone(*id)) {
        store.remove(*key);
    }
    expected.retain(|(id, _)| !gone(*id));
    compare(&expected, now(5));
    // Streams without new samples expire, and then the channels' states.
    compare(&expected, now(130));
    compare(&expected, now(1000));
}

#[test]
fn scrape_has_the_length_that_was_calculated() {
    let channels = new_channels();
    for id in 0..500 {
        let key = insert(channels.store(), id, now(0));
        poll(channels.store(), key, id, now(1));
    }
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let scrape = ScrapeWriter::new(&channels, &[], format, now(2));
        assert_eq!(scrape.length(), text(&channels, format, now(2)).len());
    }
}

#[test]
fn scrape_in_progress_does_not_change() {
    let channels = new_channels();
    let store = channels.store();
    let keys: Vec<_> = (0..500).map(|id| insert(store, id, now(0))).collect();
    let whole = render(&channels, &[], Format::Prometheus, now(1));
    let mut scrape = ScrapeWriter::new(&channels, &[], Format::Prometheus, now(1));
    let mut text = Vec::new();
    assert!(scrape.write_next(&mut text));
    for (id, key) in keys.into_iter().enumerate() {
        poll(store, key, id, now(1));
        if id % 2 == 0 {
            store.remove(key);
        }
    }
    _ = render(&channels, &[], Format::Prometheus, now(1));
    while scrape.write_next(&mut text) {}
    assert!(text == whole);
}

#[test]
fn lines_of_idle_channels_take_a_quarter_of_their_text() {
    let channels = new_channels();
    let store = channels.store();
    for id in 1_000_000..1_002_000 {
        let channel = config::Channel::new(id.to_string().into(), Duration::from_secs(15));
        let meta = ChannelMeta {
            account: "default".into(),
            channel: channel.into(),
        };
        let key = store.insert(meta, Exposure::Always, now(0));
        _ = store.apply_not_live(key, now(1));
    }
    let text = text(&channels, Format::Prometheus, now(2)).len();
    let held: usize = channels
        .chunks(now(2))
        .iter()
        .map(|chunk| chunk.len())
        .sum();
    assert!(held * 4 < text + 4 * 64 * 1024, "{held} of {text}");
}

/// A new freshness policy and a step of the wall clock reach all channels, far more than are
/// evaluated under one lock.
#[test]
fn policy_and_wall_clock_apply_to_all_channels() {
    let channels = new_channels();
    let store = channels.store();
    for id in 0..500 {
        let key = insert(store, id, now(0));
        poll(store, key, 4 * id, now(0));
    }
    let count = |at, line: &str| {
        text(&channels, Format::Prometheus, at)
            .matches(line)
            .count()
    };
    assert_eq!(count(now(100), "state=\"not_live\"} 1"), 500);
    store.set_wall_offset(7000, now(100));
    assert_eq!(count(now(100), "last_poll_success_timestamp_seconds{"), 500);
    let moved = text(&channels, Format::Prometheus, now(100));
    let success = "polyv_channel_last_poll_success_timestamp_seconds{";
    let success = moved.lines().filter(|line| line.starts_with(success));
    assert!(success.into_iter().all(|line| line.ends_with("} 7")));
    let stale_after = Duration::from_secs(60);
    _ = store.expire(now(100));
    let policy = FreshnessPolicy {
        stale_after,
        idle_interval: stale_after / 3,
        ..policy()
    };
    store.set_policy(policy, now(100));
    assert_eq!(count(now(100), "state=\"unknown\"} 1"), 500);
    assert_eq!(store.expire(now(100)).len(), 500);
}

/// Threads read the clock before they take the lock, so they may come in another order.
#[test]
fn earlier_time_does_not_revive_expired_lines() {
    let channels = new_channels();
    let store = channels.store();
    let key = insert(store, 1, now(0));
    poll(store, key, 1, now(0));
    assert_eq!(store.expire(now(120)).len(), 1);
    let text = text(&channels, Format::Prometheus, now(119));
    assert!(text.contains("state=\"unknown\"} 1"), "{text}");
}

#[test]
fn equal_metadata_changes_nothing() {
    let channels = new_channels();
    let store = channels.store();
    let key = insert(store, 1, now(0));
    let before = store.version();
    store.update_metadata(key, meta(1), Exposure::Always, now(1));
    assert_eq!(store.version(), before);
    store.update_metadata(key, meta(2), Exposure::Always, now(1));
    assert!(text(&channels, Format::Prometheus, now(1)).contains("channel_name=\"Stage 2\""));
}

#[test]
fn removed_channel_is_not_rendered_again() {
    let channels = new_channels();
    let store = channels.store();
    let key = insert(store, 1, now(0));
    _ = render(&channels, &[], Format::Prometheus, now(0));
    poll(store, key, 1, now(1));
    store.remove(key);
    let scrape = text(&channels, Format::Prometheus, now(1));
    assert!(!scrape.contains("channel_id="), "{scrape}");
    let again = insert(store, 1, now(1));
    assert_ne!(again, key);
    let scrape = text(&channels, Format::Prometheus, now(1));
    assert_eq!(scrape.matches("polyv_channel_info{").count(), 1);
}

#[test]
fn smaller_interval_scale_holds_from_the_next_response_and_larger_at_once() {
    let state = |channels: &RenderedChannels, seconds: u64| {
        let text = text(channels, Format::Prometheus, now(seconds));
        let present = |line: &&str| line.starts_with("polyv_channel_state{") && line.ends_with('1');
        let line = text.lines().find(present).unwrap().to_owned();
        let (_, state) = line.split_once("state=\"").unwrap();
        state.split('"').next().unwrap().to_owned()
    };
    let account: Arc<str> = meta(0).account;
    let scale = |all, idle| IntervalScale { all, idle };
    let polled = || {
        let channels = new_channels();
        let idle = insert(channels.store(), 0, now(0));
        poll(channels.store(), idle, 0, now(0));
        (channels, idle)
    };
    // Three intervals of 30 s are less than the 120 s that are tolerated anyway.
    let (channels, _) = polled();
    assert_eq!(state(&channels, 119), "not_live");
    assert_eq!(state(&channels, 120), "unknown");
    // Ten times as long, although the scale was set later.
    let (channels, idle) = polled();
    let store = channels.store();
    store.set_interval_scale(&account, scale(1.0, 10.0));
    let mut expected = (*meta(4).channel).clone();
    expected.expect.live = true;
    let expected = ChannelMeta {
        channel: expected.into(),
        ..meta(4)
    };
    let expected = store.insert(expected, Exposure::Always, now(0));
    poll(store, expected, 4, now(0));
    assert_eq!(state(&channels, 899), "not_live");
    // A channel that is expected to be live is polled as always.
    let snapshot = store.snapshot(expected, now(899)).unwrap();
    assert_eq!(snapshot.state, LiveState::Unknown);
    // The state was to be fresh until then. After the next response it is not any more.
    store.set_interval_scale(&account, scale(1.0, 1.0));
    assert_eq!(state(&channels, 899), "not_live");
    // A failed call is no response.
    let failed = Error::Timeout(Duration::from_secs(10));
    _ = store.apply_error(idle, &failed, None, now(899));
    assert_eq!(state(&channels, 899), "not_live");
    poll(store, idle, 0, now(899));
    assert_eq!(state(&channels, 899 + 119), "not_live");
    assert_eq!(state(&channels, 899 + 120), "unknown");
}
