//! What is rendered can be parsed back: every label and every value, in both formats.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{NumericField, RawSample, SampleTime, StreamInfo, StreamName};
use polyv_exporter::config::{Channel, Expect};
use polyv_exporter::metrics::{self, Format, RenderedChannels};
use polyv_exporter::state::{
    ChannelMeta, ChannelSnapshot, ChannelStore, Exposure, FreshnessPolicy,
};
use proptest::prelude::*;

use crate::support::scrape::Scrape;

const NOW: TimeSnapshot = TimeSnapshot {
    monotonic: MonotonicInstant::from_millis(5000),
    server_time: Timestamp::from_millis(1_700_000_000_123),
};

/// Any text, and more often than chance would have it what has to be escaped.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\\\\\"\n\r{},= #a]{0,12}"]
}

fn channel() -> impl Strategy<Value = Channel> {
    let labels = proptest::collection::btree_map("l_[a-z0-9_]{1,8}", text(), 0..4);
    let expected = proptest::option::of(any::<f64>());
    (text(), labels, expected).prop_map(|(name, labels, video_bitrate_bps)| Channel {
        name: name.into(),
        labels,
        expect: Expect {
            video_bitrate_bps,
            ..Expect::default()
        },
        ..Channel::new("1".into(), Duration::from_secs(15))
    })
}

fn samples() -> impl Strategy<Value = Vec<RawSample>> {
    let sample = (text(), 0.0..10e9, 0.0..=1000.0, 0_i64..10_000);
    let sample = sample.prop_map(|(stream, bitrate, framerate, age)| RawSample {
        stream: StreamName::new(&stream),
        time: SampleTime::At(NOW.server_time.plus_millis(-age)),
        video_bitrate: NumericField::Number(bitrate),
        video_framerate: NumericField::Number(framerate),
        audio_framerate: NumericField::Missing,
    });
    proptest::collection::vec(sample, 0..6)
}

fn policy() -> FreshnessPolicy {
    FreshnessPolicy {
        lookback: Duration::from_secs(60),
        idle_interval: Duration::from_secs(30),
        stale_after: Duration::from_secs(120),
        max_sample_age: Duration::from_secs(900),
        window: Duration::from_secs(90),
        sustain: Duration::from_secs(30),
        sources: polyv_exporter::config::Sources::Auto,
    }
}

/// Whether two numbers are the same, be they none.
fn same(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan()
}

fn check(scrape: &Scrape, channel: &ChannelSnapshot) -> Result<(), TestCaseError> {
    let own = [
        ("account".to_owned(), channel.meta.account.to_string()),
        ("channel_id".to_owned(), "1".to_owned()),
    ];
    let with = |labels: &[(&str, &str)]| -> BTreeMap<String, String> {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        own.iter().cloned().chain(labels).collect()
    };
    let mut info = with(&[("channel_name", &channel.meta.channel.name)]);
    info.extend(channel.meta.channel.labels.clone());
    let infos = scrape.all("polyv_channel_info", &[]);
    prop_assert_eq!(infos.len(), 1);
    prop_assert_eq!(&infos[0].labels, &info);

    let expected = scrape.all("polyv_channel_expected_video_bitrate_bps", &[]);
    prop_assert_eq!(
        expected.len(),
        usize::from(channel.meta.channel.expect.video_bitrate_bps.is_some())
    );
    for (series, value) in expected
        .iter()
        .zip(channel.meta.channel.expect.video_bitrate_bps)
    {
        prop_assert_eq!(&series.labels, &with(&[]));
        prop_assert!(same(series.value, value), "{} {value}", series.value);
    }

    for (name, value) in [
        ("polyv_stream_video_bitrate_bps", 0),
        ("polyv_stream_video_framerate_fps", 1),
        ("polyv_stream_last_sample_timestamp_seconds", 2),
        ("polyv_stream_samples_total", 3),
    ] {
        let series = scrape.all(name, &[]);
        prop_assert_eq!(series.len(), channel.streams.len(), "{}", name);
        for (series, stream) in series.iter().zip(&channel.streams) {
            prop_assert_eq!(&series.labels, &with(&[("stream", stream.name.as_str())]));
            let figures = &stream.aggregates;
            #[allow(clippy::cast_precision_loss)] // a few samples
            let expected = match value {
                0 => figures.newest.video_bitrate.get(),
                1 => figures.newest.video_framerate.get(),
                2 => Some(figures.newest_time.as_seconds()),
                _ => Some(stream.samples_total as f64),
            };
            prop_assert_eq!(Some(series.value), expected, "{}", name);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn rendered_channels_parse_back_to_the_same_labels_and_values(
        account in text(),
        config in channel(),
        samples in samples(),
    ) {
        let store = Arc::new(ChannelStore::new(policy(), 1_700_000_000_000));
        let rendered = RenderedChannels::new(Arc::clone(&store));
        let meta = ChannelMeta {
            account: account.into(),
            channel: config.into(),
        };
        let key = store.insert(meta, Exposure::Always, NOW);
        let info = StreamInfo { samples, unreadable: 0 };
        prop_assert!(store.apply_stream_info(key, &info, true, NOW).is_some());
        let channel = store.snapshot(key, NOW).unwrap();
        for format in [Format::Prometheus, Format::OpenMetrics] {
            let whole = String::from_utf8(metrics::render(&rendered, &[], format, NOW)).unwrap();
            check(&Scrape::parse(&whole), &channel)?;
            let one = metrics::render_channel(&store, key, format, NOW).unwrap();
            check(&Scrape::parse(&String::from_utf8(one).unwrap()), &channel)?;
        }
    }
}
