//! What single steps take, and how much they allocate: `cargo bench --bench micro`.

use std::sync::Arc;
use std::time::Duration;

use chrono::FixedOffset;
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{
    AppSecret, NumericField, RawSample, SampleTime, StreamInfo, StreamName, StreamNameHasher,
    envelope,
};
use polyv_exporter::config::{Channel, Expect};
use polyv_exporter::display::Language;
use polyv_exporter::metrics::{Format, RenderedChannels, ScrapeWriter};
use polyv_exporter::recorder::{
    ChannelRecording, Period, RecordedSample, RecordedState, StreamRecording,
};
use polyv_exporter::report::{self, BroadcastReport, Presentation};
use polyv_exporter::state::{
    ChannelKey, ChannelMeta, ChannelStore, Exposure, FreshnessPolicy, LiveState, SampleValues,
    UpdateSubscriber,
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// The channels of a scrape.
const CHANNELS: u64 = 10_000;
/// The channels of a reload.
const RELOADED: u64 = 100_000;

fn main() {
    divan::main();
}

/// 3 hours of a stream, a sample every 5 seconds, as Polyv sends them.
fn three_hours() -> Vec<u8> {
    let samples: Vec<String> = (0..2160)
        .map(|n| {
            let seconds = n * 5;
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            format!(
                r#"{{"streamUrl":"recordf","bitRate":"{}","audioFrameRate":"43","videoFrameRate":"15","time":"2023-04-07 {:02}:{minutes:02}:{seconds:02}.443","timestamp":null}}"#,
                1_157_120 + n * 7,
                9 + hours,
            )
        })
        .collect();
    let samples = samples.join(",");
    format!(r#"{{"code":200,"status":"success","message":"","data":[{samples}]}}"#).into_bytes()
}

/// 12 hours of three streams.
fn twelve_hours() -> ChannelRecording {
    let end = 12 * 3600;
    let time = |seconds: i64| Timestamp::from_millis(1_796_126_403_000 + seconds * 1000);
    let whole = Period {
        start: time(0),
        end: time(end),
    };
    let streams = ["backup", "main", "screen"].map(|name| StreamRecording {
        name: name.into(),
        samples: (0..end)
            .step_by(5)
            .map(|second| RecordedSample {
                time: time(second),
                values: SampleValues {
                    video_bitrate: Some(1_157_120.0).into(),
                    video_framerate: Some(25.0).into(),
                    audio_framerate: Some(43.0).into(),
                },
            })
            .collect(),
        covered: vec![whole],
    });
    let state = |second, state| RecordedState {
        time: time(second),
        state,
    };
    ChannelRecording {
        account: "main".into(),
        channel_id: "3880533".into(),
        channel_name: "Main stage".into(),
        expect: Expect::default(),
        period: whole,
        streams: streams.into(),
        states: vec![state(0, LiveState::Live)],
        observed: vec![whole],
        viewers: Vec::new(),
        plan: None,
    }
}

/// From a recording of 12 hours and 3 streams to HTML.
#[divan::bench]
fn report_on_twelve_hours(bencher: Bencher<'_, '_>) {
    let recording = twelve_hours();
    let shown = Presentation {
        language: Language::English,
        time_zone: chrono_tz::UTC,
    };
    bencher.bench_local(|| {
        let report = BroadcastReport::new(&recording, false)?;
        Some(report::html(&report, shown, &maud::Markup::default()))
    });
}

/// From the bytes of a response to its samples.
#[divan::bench]
fn decoding_three_hours(bencher: Bencher<'_, '_>) {
    let body = three_hours();
    let secret = AppSecret::new("secret").ok();
    let zone = FixedOffset::east_opt(8 * 3600);
    bencher.counter(BytesCount::of_slice(&body)).bench(|| {
        let (secret, zone) = (secret.as_ref()?, zone?);
        let data = envelope::decode(200, None, &body).data.ok()?;
        let info = StreamInfo::decode(data, zone, &mut StreamNameHasher::new(secret)).ok()?;
        assert_eq!(info.samples.len(), 2160);
        Some(info)
    });
}

fn at(seconds: u64) -> TimeSnapshot {
    let moment = MonotonicInstant::from_millis(seconds * 1000);
    TimeSnapshot {
        monotonic: moment,
        server_time: Timestamp::from_millis(1_700_000_000_000) + Duration::from_secs(seconds),
    }
}

/// A sample every 5 seconds.
fn info(from: u64, until: u64) -> StreamInfo {
    let samples = (from..until).step_by(5).map(|seconds| RawSample {
        stream: StreamName::new("recordf"),
        time: SampleTime::At(at(seconds).server_time),
        video_bitrate: NumericField::Number(1_157_120.0),
        video_framerate: NumericField::Number(15.0),
        audio_framerate: NumericField::Number(43.0),
    });
    StreamInfo {
        samples: samples.collect(),
        unreadable: 0,
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
        sources: polyv_exporter::config::Sources::Auto,
    }
}

fn meta(n: u64, name: &str) -> ChannelMeta {
    let id: Arc<str> = (1_000_000 + n).to_string().into();
    ChannelMeta {
        account: "default".into(),
        channel: Arc::new(Channel {
            name: name.into(),
            ..Channel::new(id, Duration::from_secs(15))
        }),
    }
}

/// Live channels, every one with all series that a stream can have.
fn live() -> (Arc<ChannelStore>, RenderedChannels, Vec<ChannelKey>) {
    let store = Arc::new(ChannelStore::new(policy(), 1_700_000_000_000));
    let info = info(0, 300);
    let keys = (0..CHANNELS).map(|n| {
        let key = store.insert(meta(n, ""), Exposure::Always, at(0));
        _ = store.apply_stream_info(key, &info, false, at(300));
        key
    });
    let keys = keys.collect();
    let rendered = RenderedChannels::new(Arc::clone(&store));
    (store, rendered, keys)
}

/// Writes all of it as the web does; how many bytes there were.
fn write(mut scrape: ScrapeWriter) -> usize {
    let mut piece = Vec::with_capacity(32 * 1024);
    let mut bytes = 0;
    loop {
        let is_more = scrape.write_next(&mut piece);
        if piece.len() >= 24 * 1024 || !is_more {
            bytes += divan::black_box(&piece).len();
            piece.clear();
        }
        if !is_more {
            break;
        }
    }
    bytes
}

/// A scrape of channels of which none has changed since the one before.
#[divan::bench]
fn scraping_what_has_not_changed(bencher: Bencher<'_, '_>) {
    let (_, rendered, _) = live();
    let scrape = || {
        write(ScrapeWriter::new(
            &rendered,
            &[],
            Format::Prometheus,
            at(300),
        ))
    };
    bencher.counter(BytesCount::new(scrape())).bench(scrape);
}

/// A scrape of channels of which every single one has changed since the one before.
#[divan::bench(sample_count = 20)]
fn scraping_what_has_changed(bencher: Bencher<'_, '_>) {
    let (store, rendered, keys) = live();
    let info = info(240, 300);
    let scrape = || {
        write(ScrapeWriter::new(
            &rendered,
            &[],
            Format::Prometheus,
            at(300),
        ))
    };
    let bytes = scrape();
    bencher
        .counter(BytesCount::new(bytes))
        .with_inputs(|| {
            for key in &keys {
                if let Some(update) = store.apply_stream_info(*key, &info, false, at(300)) {
                    rendered.channel_updated(&update, at(300));
                }
            }
        })
        .bench_local_values(|()| scrape());
}

/// A response with 3 new samples and 12 known ones.
#[divan::bench]
fn applying_a_response(bencher: Bencher<'_, '_>) {
    let (store, rendered, keys) = live();
    let mut keys = keys.iter().cycle();
    bencher
        .counter(ItemsCount::new(1_usize))
        .with_inputs(|| (keys.next().copied(), info(240, 315)))
        .bench_local_values(|(key, info)| {
            let key = key?;
            let update = store.apply_stream_info(key, &info, false, at(315))?;
            rendered.channel_updated(&update, at(315));
            Some(update)
        });
}

/// Channels that are not live, with their metadata.
fn idle(
    count: u64,
) -> (
    Arc<ChannelStore>,
    RenderedChannels,
    Vec<(ChannelKey, ChannelMeta)>,
) {
    let store = Arc::new(ChannelStore::new(policy(), 1_700_000_000_000));
    let keys = (0..count).map(|n| {
        let meta = meta(n, "");
        let key = store.insert(meta.clone(), Exposure::Always, at(0));
        _ = store.apply_not_live(key, at(1));
        (key, meta)
    });
    let keys = keys.collect();
    let rendered = RenderedChannels::new(Arc::clone(&store));
    rendered.channels_changed(&[], at(1));
    (store, rendered, keys)
}

/// A reload of 100,000 channels of which one has another name.
#[divan::bench(sample_count = 20)]
fn reloading_with_one_change(bencher: Bencher<'_, '_>) {
    let (store, rendered, keys) = idle(RELOADED);
    let mut reloads = 0..;
    bencher.bench_local(|| {
        let name = format!("reload {:?}", reloads.next());
        let changed = meta(RELOADED / 2, &name);
        store.set_policy(policy(), at(2));
        for (index, (key, meta)) in (0_u64..).zip(&keys) {
            let meta = if index == RELOADED / 2 {
                &changed
            } else {
                meta
            };
            store.update_metadata(*key, meta.clone(), Exposure::Always, at(2));
        }
        rendered.channels_changed(&[], at(2));
    });
}

/// The same where every channel has another name, so that all are rendered.
#[divan::bench(sample_count = 20)]
fn reloading_with_every_channel_changed(bencher: Bencher<'_, '_>) {
    let (store, rendered, keys) = idle(RELOADED);
    let mut reloads = 0..;
    bencher.bench_local(|| {
        let name = format!("reload {:?}", reloads.next());
        for (index, (key, _)) in (0_u64..).zip(&keys) {
            store.update_metadata(*key, meta(index, &name), Exposure::Always, at(2));
        }
        rendered.channels_changed(&[], at(2));
    });
}
