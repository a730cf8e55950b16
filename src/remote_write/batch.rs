//! Entries of the queue as the samples of requests.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use bytes::Bytes;
use prost::Message;

use super::messages::{Label, Sample, TimeSeries, WriteRequest};
use crate::recorder::{LogEntry, LogValue};

/// A series' metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Metric {
    VideoBitrate,
    VideoFramerate,
    AudioFramerate,
    Viewers,
    Live,
}

/// The names of all metrics that are sent.
pub const METRIC_NAMES: [&str; 5] = [
    Metric::VideoBitrate.name(),
    Metric::VideoFramerate.name(),
    Metric::AudioFramerate.name(),
    Metric::Viewers.name(),
    Metric::Live.name(),
];

/// What identifies a series: account, channel, stream (empty where the series is the channel's)
/// and metric.
type SeriesKey<'a> = (&'a str, &'a str, &'a str, Metric);

/// The samples of some entries, sorted by series and time.
#[derive(Debug, Default)]
pub(super) struct SampleBatch {
    /// The labels of each series, sorted by name.
    series: Vec<Vec<Label>>,
    /// The samples, each with its series' index.
    samples: Vec<(usize, Sample)>,
}

/// The labels that an endpoint adds to all series.
pub(super) fn external_labels(labels: &BTreeMap<String, String>) -> Vec<Label> {
    // An empty label is an absent one.
    let labels = labels.iter().filter(|(_, value)| !value.is_empty());
    labels
        .map(|(name, value)| Label {
            name: Bytes::copy_from_slice(name.as_bytes()),
            value: Bytes::copy_from_slice(value.as_bytes()),
        })
        .collect()
}

// === impl Metric ===

impl Metric {
    const fn name(self) -> &'static str {
        match self {
            Self::VideoBitrate => "polyv_sample_video_bitrate_bps",
            Self::VideoFramerate => "polyv_sample_video_framerate_fps",
            Self::AudioFramerate => "polyv_sample_audio_framerate_fps",
            Self::Viewers => "polyv_sample_viewers",
            Self::Live => "polyv_sample_live",
        }
    }
}

// === impl SampleBatch ===

impl SampleBatch {
    /// The samples of these entries. Of two with the same time in a series the later entry counts.
    pub(super) fn new(entries: &[LogEntry], external_labels: &[Label]) -> Self {
        let mut batch = Self::default();
        let mut indexes: HashMap<SeriesKey<'_>, usize> = HashMap::new();
        for entry in entries {
            let stream = entry.series.stream.as_deref().unwrap_or_default();
            let (account, channel_id) = (&*entry.series.account, &*entry.series.channel_id);
            for (metric, value) in values(entry.value).into_iter().flatten() {
                let key = (account, channel_id, stream, metric);
                let index = *indexes.entry(key).or_insert_with(|| {
                    batch.series.push(labels(key, external_labels));
                    batch.series.len() - 1
                });
                let timestamp = entry.time.as_millis();
                batch.samples.push((index, Sample { value, timestamp }));
            }
        }
        // Stable: the later of two with the same time stays behind the other, which is removed.
        batch
            .samples
            .sort_by_key(|(index, sample)| (*index, sample.timestamp));
        batch.samples.dedup_by(|later, earlier| {
            let is_same = later.0 == earlier.0 && later.1.timestamp == earlier.1.timestamp;
            if is_same {
                *earlier = *later;
            }
            is_same
        });
        batch
    }

    /// Parts that can be sent at the same time, since no series is in two of them: at most `count`,
    /// and one where the samples fit into a request of `max_samples`.
    pub(super) fn shards(&self, count: usize, max_samples: usize) -> Vec<Range<usize>> {
        let total = self.samples.len();
        let size = total.div_ceil(count).max(max_samples);
        let mut shards = Vec::new();
        let mut start = 0;
        while start < total {
            let mut end = (start + size).min(total);
            let series = |at: usize| self.samples.get(at).map(|(series, _)| *series);
            while end < total && series(end) == series(end - 1) {
                end += 1;
            }
            shards.push(start..end);
            start = end;
        }
        shards
    }

    /// The body of a request with some of the samples.
    ///
    /// # Errors
    /// The body is too large to be compressed.
    pub(super) fn encode(&self, samples: Range<usize>) -> Result<Bytes, snap::Error> {
        let samples = self.samples.get(samples).unwrap_or_default();
        let timeseries = samples.chunk_by(|(one, _), (other, _)| one == other);
        let request = WriteRequest {
            timeseries: timeseries
                .map(|chunk| TimeSeries {
                    labels: self.labels(chunk),
                    samples: chunk.iter().map(|(_, sample)| *sample).collect(),
                })
                .collect(),
        };
        let encoded = request.encode_to_vec();
        Ok(snap::raw::Encoder::new().compress_vec(&encoded)?.into())
    }

    fn labels(&self, samples: &[(usize, Sample)]) -> Vec<Label> {
        let series = samples
            .first()
            .and_then(|(index, _)| self.series.get(*index));
        series.cloned().unwrap_or_default()
    }
}

/// The values of an entry. Missing ones are left out.
fn values(value: LogValue) -> [Option<(Metric, f64)>; 3] {
    match value {
        LogValue::Sample(values) => [
            values
                .video_bitrate
                .get()
                .map(|bps| (Metric::VideoBitrate, bps)),
            values
                .video_framerate
                .get()
                .map(|fps| (Metric::VideoFramerate, fps)),
            values
                .audio_framerate
                .get()
                .map(|fps| (Metric::AudioFramerate, fps)),
        ],
        #[allow(clippy::cast_precision_loss)] // exact up to 2^53
        LogValue::Viewers(count) => [Some((Metric::Viewers, count as f64)), None, None],
        LogValue::Live(live) => [Some((Metric::Live, f64::from(u8::from(live)))), None, None],
    }
}

/// The labels of a series, sorted by name.
fn labels((account, channel_id, stream, metric): SeriesKey<'_>, external: &[Label]) -> Vec<Label> {
    let own = [
        ("__name__", Bytes::from_static(metric.name().as_bytes())),
        ("account", Bytes::copy_from_slice(account.as_bytes())),
        ("channel_id", Bytes::copy_from_slice(channel_id.as_bytes())),
        ("stream", Bytes::copy_from_slice(stream.as_bytes())),
    ];
    // An empty label is an absent one.
    let own = own.into_iter().filter(|(_, value)| !value.is_empty());
    let mut labels: Vec<Label> = own
        .map(|(name, value)| Label {
            name: Bytes::from_static(name.as_bytes()),
            value,
        })
        .chain(external.iter().cloned())
        .collect();
    labels.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    labels
}
