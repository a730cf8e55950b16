//! A scrape is all channels' lines, whatever way they are kept and written.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::config;
use crate::state::Rules;
use polyv_client::clock::{MonotonicInstant, Timestamp};
use polyv_client::{NumericField, Outcome, RawSample, SampleTime, StreamInfo, StreamName};

fn now(seconds: u64) -> TimeSnapshot {
    let millis = i64::try_from(seconds * 1000).unwrap();
    TimeSnapshot {
        monotonic: MonotonicInstant::from_millis(seconds * 1000),
        server_time: Timestamp::from_millis(1_700_000_000_000 + millis),
    }
}

fn rules() -> Rules {
    Rules {
        lookback: Duration::from_secs(35 * 60),
        idle_interval: Duration::from_secs(30),
        stale_after: Duration::from_secs(120),
        max_sample_age: Duration::from_secs(15 * 60),
        window: Duration::from_secs(90),
        sustain: Duration::from_secs(30),
        history_step: Duration::from_secs(10),
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

/// What a channel with that number is told.
fn answer(store: &ChannelStore, key: ChannelKey, id: usize, now: TimeSnapshot) {
    let samples = (0..id % 3).map(|stream| RawSample {
        stream: StreamName::new(&format!("stream{stream}")),
        time: SampleTime::At(now.server_time),
        #[allow(clippy::cast_precision_loss)]
        video_bitrate: NumericField::Number(1_000_000.5 + id as f64),
        video_framerate: NumericField::Number(15.0),
        audio_framerate: NumericField::Missing,
    });
    let info = StreamInfo {
        samples: samples.collect(),
        unreadable: 0,
    };
    store.update(key, now, |channel, rules| match id % 4 {
        0 => channel.not_live(now, rules),
        _ => _ = channel.live(now, &info, rules),
    });
}

fn insert(store: &ChannelStore, id: usize, now: TimeSnapshot) -> ChannelKey {
    store.insert(meta(id), Exposure::Always, now)
}

/// What a scrape of these channels has to be: each of them alone in a store, family by family,
/// and how many they are all together.
fn sum_of_parts(
    whole: &ChannelStore,
    channels: &[(usize, Option<u64>)],
    format: Format,
    at: TimeSnapshot,
) -> String {
    let families: Vec<_> = piece::families().collect();
    let mut parts = vec![String::new(); families.len()];
    for (id, answered) in channels {
        let store = ChannelStore::new(rules(), 0);
        let key = insert(&store, *id, now(0));
        if let Some(answered) = answered {
            answer(&store, key, *id, now(*answered));
        }
        for line in render(&store, &[], format, at).lines() {
            let name = line.split('{').next().unwrap();
            if let Some(part) = families.iter().position(|family| family.name == name) {
                parts[part].push_str(line);
                parts[part].push('\n');
            }
        }
    }
    let mut all = String::new();
    for (family, lines) in families.iter().zip(parts) {
        format.header(family, &mut all);
        all += &lines;
    }
    whole.write_census(format, at, &mut all);
    format.footer(&mut all);
    all
}

/// Written out as the web does.
fn bit_by_bit(store: &ChannelStore, room: usize, at: TimeSnapshot) -> String {
    let mut scrape = ScrapeWriter::new(store, &[], Format::OpenMetrics, at);
    let mut all = Vec::new();
    while scrape.remaining() > 0 {
        let (before, left) = (all.len(), scrape.remaining());
        scrape.write(room, &mut all);
        assert!(all.len() > before);
        assert_eq!(scrape.remaining(), left - (all.len() - before));
    }
    String::from_utf8(all).unwrap()
}

#[test]
fn a_scrape_of_thousands_of_channels_is_the_sum_of_its_parts_whatever_changed_in_between() {
    let store = ChannelStore::new(rules(), 0);
    let keys: Vec<_> = (0..3000).map(|id| insert(&store, id, now(0))).collect();
    let mut expected: Vec<_> = (0..3000).map(|id| (id, None)).collect();
    let compare = |expected: &[(usize, Option<u64>)], at| {
        let scrape = render(&store, &[], Format::OpenMetrics, at);
        assert!(
            scrape == sum_of_parts(&store, expected, Format::OpenMetrics, at),
            "{at:?}"
        );
        let told = |line: &&str| line.starts_with("polyv_channel_info{account=\"ac\\\"count\",");
        assert_eq!(scrape.lines().filter(told).count(), expected.len());
    };
    compare(&expected, now(1));
    // Some, so that most of a block stays as it was.
    for id in (0..3000).step_by(7) {
        answer(&store, keys[id], id, now(2));
        expected[id].1 = Some(2);
    }
    compare(&expected, now(3));
    // Whole blocks but for a few channels, and their ends and beginnings.
    let edge = |id: usize| id < 200 || [0, 1, 63].contains(&(id % 64));
    for id in (0..3000).filter(|id| edge(*id) && !id.is_multiple_of(7)) {
        answer(&store, keys[id], id, now(4));
        expected[id].1 = Some(4);
    }
    compare(&expected, now(4));
    // Channels that go, some blocks with all that is in them.
    let gone = |id: usize| id.is_multiple_of(5) || (640..768).contains(&id);
    for (_, key) in keys.iter().enumerate().filter(|(id, _)| gone(*id)) {
        store.remove(*key);
    }
    expected.retain(|(id, _)| !gone(*id));
    compare(&expected, now(5));
    // Streams that brought nothing new for too long are gone, and then nothing is known.
    compare(&expected, now(130));
    compare(&expected, now(1000));
}

#[test]
fn written_bit_by_bit_it_is_the_same() {
    let store = ChannelStore::new(rules(), 0);
    for id in 0..500 {
        let key = insert(&store, id, now(0));
        answer(&store, key, id, now(1));
    }
    let whole = render(&store, &[], Format::OpenMetrics, now(2));
    for room in [1, 1000, 32 * 1024, usize::MAX] {
        assert!(bit_by_bit(&store, room, now(2)) == whole, "{room}");
    }
}

#[test]
fn what_was_begun_does_not_change_while_it_is_written() {
    let store = ChannelStore::new(rules(), 0);
    let keys: Vec<_> = (0..500).map(|id| insert(&store, id, now(0))).collect();
    let whole = render(&store, &[], Format::Prometheus, now(1));
    let mut scrape = ScrapeWriter::new(&store, &[], Format::Prometheus, now(1));
    let mut text = Vec::new();
    scrape.write(10_000, &mut text);
    for (id, key) in keys.into_iter().enumerate() {
        answer(&store, key, id, now(1));
        if id % 2 == 0 {
            store.remove(key);
        }
    }
    _ = render(&store, &[], Format::Prometheus, now(1));
    while scrape.remaining() > 0 {
        scrape.write(10_000, &mut text);
    }
    assert!(text == whole.as_bytes());
}

#[test]
fn lines_of_idle_channels_take_a_quarter_of_their_text() {
    let store = ChannelStore::new(rules(), 0);
    for id in 1_000_000..1_002_000 {
        let channel = config::Channel::new(id.to_string().into(), Duration::from_secs(15));
        let meta = ChannelMeta {
            account: "default".into(),
            channel: channel.into(),
        };
        let key = store.insert(meta, Exposure::Always, now(0));
        store.update(key, now(1), |channel, rules| {
            channel.not_live(now(1), rules);
        });
    }
    let text = render(&store, &[], Format::Prometheus, now(2)).len();
    let held: usize = store.blocks(now(2)).iter().map(|block| block.len()).sum();
    assert!(held * 4 < text + 4 * 64 * 1024, "{held} of {text}");
}

#[test]
fn less_patience_begins_with_the_next_answer_and_more_of_it_at_once() {
    let state = |store: &ChannelStore, seconds: u64| {
        store.expire(now(seconds));
        let text = render(store, &[], Format::Prometheus, now(seconds));
        let present = |line: &&str| line.starts_with("polyv_channel_state{") && line.ends_with('1');
        let line = text.lines().find(present).unwrap().to_owned();
        let (_, state) = line.split_once("state=\"").unwrap();
        state.split('"').next().unwrap().to_owned()
    };
    let account: std::sync::Arc<str> = meta(0).account;
    let stretch = |all, idle| crate::state::Stretch { all, idle };
    let asked = || {
        let store = ChannelStore::new(rules(), 0);
        let idle = insert(&store, 0, now(0));
        answer(&store, idle, 0, now(0));
        (store, idle)
    };
    // Three intervals of 30 s are less than the 120 s that are borne anyway.
    let (store, _) = asked();
    assert_eq!(state(&store, 119), "not_live");
    assert_eq!(state(&store, 120), "unknown");
    // Ten times as long, although that was told later.
    let (store, idle) = asked();
    store.set_interval_scale(&account, stretch(1.0, 10.0));
    let mut expected = (*meta(4).channel).clone();
    expected.expect.live = true;
    let expected = ChannelMeta {
        channel: expected.into(),
        ..meta(4)
    };
    let expected = store.insert(expected, Exposure::Always, now(0));
    answer(&store, expected, 4, now(0));
    assert_eq!(state(&store, 899), "not_live");
    // One that is expected to be live is asked as ever.
    let unknown = |store: &ChannelStore| {
        let state = store.read(expected, |channel, _| channel.presence().state());
        state == Some(crate::state::State::Unknown)
    };
    assert!(unknown(&store));
    // It was to be true until then. After its next answer it is not any more.
    store.set_interval_scale(&account, stretch(1.0, 1.0));
    assert_eq!(state(&store, 899), "not_live");
    // A call that fails is none.
    store.update(idle, now(899), |channel, _| {
        channel.no_answer(Outcome::Timeout, "no answer", now(899).monotonic);
    });
    assert_eq!(state(&store, 899), "not_live");
    answer(&store, idle, 0, now(899));
    assert_eq!(state(&store, 899 + 119), "not_live");
    assert_eq!(state(&store, 899 + 120), "unknown");
}
