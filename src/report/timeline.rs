//! One stream's samples of a broadcast, and the gaps between them.

use std::sync::Arc;

use super::spans::{Spans, length};
use crate::recorder::{ChannelRecording, Period, RecordedSample, StreamRecording};
use crate::state::{BaselinePoint, Measurement, SampleValues, baseline_course};
use polyv_client::clock::Timestamp;

/// The shortest gap between two samples that is an interruption.
const MIN_GAP_MS: i64 = 20_000;
/// The same in sample intervals.
const MIN_GAP_INTERVALS: i64 = 4;
/// The interval of a stream with less than two samples.
const DEFAULT_INTERVAL_MS: i64 = 5000;
/// The stream of snapshots.
const SNAPSHOT_STREAM: &str = "ingest";
/// A longer time off air begins a session: the baseline is learnt again.
const SESSION_GAP_MS: i64 = 75_000;

/// One stream's samples of a broadcast.
pub(super) struct StreamTimeline<'a> {
    pub(super) name: &'a Arc<str>,
    pub(super) samples: &'a [RecordedSample],
    /// The usual time between two samples, in milliseconds.
    pub(super) interval: i64,
    /// The median audio frame rate of the samples that have audio; 0 where none has.
    pub(super) usual_audio_framerate: Option<f64>,
    /// The periods whose samples were received.
    pub(super) covered: Spans,
    baselines: Vec<BaselinePoint>,
}

/// Selects a field of a sample.
pub(super) type Field = fn(&SampleValues) -> Measurement;

// === impl StreamTimeline ===

impl<'a> StreamTimeline<'a> {
    /// The part of a stream in a recording's period; `None` without samples.
    pub(super) fn new(stream: &'a StreamRecording, recording: &ChannelRecording) -> Option<Self> {
        let period = recording.period;
        let samples = &stream.samples;
        let first = samples.partition_point(|sample| sample.time < period.start);
        let end = samples.partition_point(|sample| sample.time < period.end);
        let samples = samples.get(first..end).filter(|s| !s.is_empty())?;
        Some(Self {
            name: &stream.name,
            samples,
            interval: usual_interval(samples),
            usual_audio_framerate: usual_audio_framerate(samples),
            covered: received(stream, recording),
            baselines: Vec::new(),
        })
    }

    /// From the first to the last sample.
    pub(super) fn extent(&self) -> Option<Period> {
        Some(Period {
            start: self.samples.first()?.time,
            end: self.samples.last()?.time,
        })
    }

    /// The longest time between two samples that is no interruption, in milliseconds.
    pub(super) fn max_gap(&self) -> i64 {
        MIN_GAP_MS.max(self.interval.saturating_mul(MIN_GAP_INTERVALS))
    }

    /// The longer gaps.
    pub(super) fn gaps(&self) -> impl Iterator<Item = Period> + '_ {
        let pairs = self.samples.windows(2).filter_map(gap);
        pairs.filter(|gap| length(*gap) > self.max_gap())
    }

    /// The samples between gaps and times off air.
    pub(super) fn segments<'s>(
        &'s self,
        off_air: &'s Spans,
    ) -> impl Iterator<Item = &'s [RecordedSample]> + 's {
        self.samples.chunk_by(|a, b| {
            let between = Period {
                start: a.time,
                end: b.time,
            };
            length(between) <= self.max_gap() && off_air.within(between).total() == 0
        })
    }

    /// The samples with a value, each with the period for which it stands: until the next sample,
    /// or for an interval where that is far away.
    pub(super) fn values(&self, field: Field) -> impl Iterator<Item = (Period, f64)> + '_ {
        let next = self.samples.iter().skip(1).map(|sample| Some(sample.time));
        let with_next = self.samples.iter().zip(next.chain([None]));
        with_next.filter_map(move |(sample, next)| {
            let start = sample.time;
            let near = next.filter(|next| next.millis_after(start) <= self.max_gap());
            let end = near.unwrap_or_else(|| start.plus_millis(self.interval));
            Some((Period { start, end }, field(&sample.values).get()?))
        })
    }

    /// Learns the stream's baseline, session by session.
    pub(super) fn learn_baselines(&mut self, off_air: &Spans) {
        let sessions = self.samples.chunk_by(|a, b| {
            let between = Period {
                start: a.time,
                end: b.time,
            };
            off_air.within(between).total() < SESSION_GAP_MS
        });
        let courses =
            sessions.map(|session| baseline_course(session.iter().map(|s| (s.time, s.values))));
        self.baselines = courses.flatten().collect();
    }

    /// The baseline that is in force at a time.
    pub(super) fn baseline_at(&self, time: Timestamp) -> Option<&BaselinePoint> {
        let after = self.baselines.partition_point(|point| point.time <= time);
        self.baselines.get(after.checked_sub(1)?)
    }

    /// The number of samples up to a time.
    pub(super) fn count_until(&self, time: Timestamp) -> usize {
        self.samples.partition_point(|sample| sample.time <= time)
    }
}

/// The periods whose samples were received. Snapshots have no history: whatever a poll did not
/// bring will never be there.
fn received(stream: &StreamRecording, recording: &ChannelRecording) -> Spans {
    let polls = recording.observed.iter();
    let polls = polls.filter(|_| &*stream.name == SNAPSHOT_STREAM);
    stream.covered.iter().chain(polls).copied().collect()
}

fn gap(pair: &[RecordedSample]) -> Option<Period> {
    let [before, after] = pair else { return None };
    Some(Period {
        start: before.time,
        end: after.time,
    })
}

/// The median time between two samples.
fn usual_interval(samples: &[RecordedSample]) -> i64 {
    let gaps = samples.windows(2).filter_map(gap).map(length);
    let mut gaps: Vec<_> = gaps.collect();
    if gaps.is_empty() {
        return DEFAULT_INTERVAL_MS;
    }
    let middle = gaps.len() / 2;
    let (_, median, _) = gaps.select_nth_unstable(middle);
    (*median).max(1)
}

/// The median audio frame rate of the samples with audio frames, rounded up among equals; 0 where
/// rates are known and none has any, and `None` where none is known.
fn usual_audio_framerate(samples: &[RecordedSample]) -> Option<f64> {
    let rates = samples
        .iter()
        .filter_map(|s| s.values.audio_framerate.get());
    let mut any = false;
    let mut rates: Vec<_> = rates.inspect(|_| any = true).filter(|r| *r > 0.0).collect();
    if rates.is_empty() {
        return any.then_some(0.0);
    }
    let middle = rates.len() / 2;
    let (_, median, _) = rates.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}
