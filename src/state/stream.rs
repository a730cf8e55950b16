//! One stream of a channel.

use std::time::Duration;

use super::baseline::{Baseline, median};
use super::freshness::FreshnessPolicy;
use super::history::{HISTORY_BUCKET, HISTORY_SPAN, History, StreamHistory};
use super::likely_cause::UsualRates;
use super::low_bitrate::LowBitrate;
use super::sample_validation::MAX_SAMPLE_AGE;
use super::sample_values::{Field, Measurement, SampleValues};
use super::sample_window::SampleWindow;
use crate::config::Expect;
use polyv_client::StreamName;
use polyv_client::clock::{MonotonicInstant, Timestamp};

/// One stream of a channel.
///
/// Its samples outlive a session: they tell repeated samples apart, and charts show them. What
/// is exposed is that of the present session.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) name: StreamName,
    /// Whether its samples are snapshots of what is pushed.
    pub(super) is_snapshot: bool,
    /// The newest samples, exact: those that the windows need, and that may be corrected.
    recent: SampleWindow<SampleValues>,
    /// The samples that are not recent any more.
    older: History,
    /// The times of the samples of the last 15 minutes.
    known: SampleWindow<()>,
    /// Samples at this time and before count as known.
    watermark: Option<Timestamp>,
    samples_total: u64,
    /// When a new sample was last received.
    pub(super) last_new: MonotonicInstant,
    /// How long that sample had been overdue by then.
    overdue: Duration,
    /// The usual time between two samples.
    sample_interval: Option<Duration>,
    session: Session,
}

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ingested {
    /// The sample was not known before.
    New,
    /// The sample was known, and has the same values.
    Repeated,
    /// The sample was known, and its values changed or may have.
    Corrected,
}

/// What is known of the present session: the time from going live to going off air.
#[derive(Debug, Clone, Default)]
struct Session {
    /// Samples at this time and before do not belong to the session.
    not_before: Option<Timestamp>,
    baseline: Baseline,
    /// Of the samples that are not recent any more.
    low_bitrate: LowBitrate,
    /// Whether samples arrived since the baseline was updated.
    outdated: bool,
    /// The newest samples with a frame rate above 0.
    last_video_frame: Option<Timestamp>,
    last_audio_frame: Option<Timestamp>,
}

/// A stream of a channel as it is shown.
#[derive(Debug, Clone)]
pub struct StreamSnapshot {
    /// The stream's name, as in the label.
    pub name: StreamName,
    /// The number of distinct samples ever received.
    pub samples_total: u64,
    /// The aggregates of the present session.
    pub aggregates: StreamAggregates,
}

/// The aggregates of a stream's present session.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamAggregates {
    /// The newest sample's own time.
    pub newest_time: Timestamp,
    /// The usual time between two samples; `None` before the second one.
    pub sample_interval: Option<Duration>,
    /// The newest sample.
    pub newest: SampleValues,
    /// The lowest of the window, field by field.
    pub min: SampleValues,
    /// The highest of `sustain` and of at least three samples, field by field; missing until
    /// samples cover that span.
    pub max: SampleValues,
    /// The baseline of the video bitrate.
    pub video_bitrate_baseline: Option<f64>,
    /// The 10th percentile of the session's video bitrates.
    pub video_bitrate_baseline_low: Option<f64>,
    /// The baseline of the video frame rate.
    pub video_framerate_baseline: Option<f64>,
    /// The newest sample with a video frame rate above 0.
    pub last_video_frame: Option<Timestamp>,
    /// The newest sample with an audio frame rate above 0.
    pub last_audio_frame: Option<Timestamp>,
}

/// How long a stream is kept after its newest sample.
const STREAM_RETENTION: Duration = MAX_SAMPLE_AGE;
/// How long the times of samples are kept; older samples count as known.
const KNOWN_SPAN: Duration = Duration::from_secs(15 * 60);
/// The samples of a stream that are kept at most, whatever Polyv sends.
const MAX_SAMPLES: usize = 2048;
/// Samples that may still be repeated or corrected, because responses overlap.
const CORRECTABLE: Duration = Duration::from_secs(60);
/// Frames are lost where the frame rate is under this share of the usual one.
pub(super) const FRAMES_LOST_BELOW: f64 = 0.8;
/// A longer gap between samples is no evidence of what the stream did meanwhile.
const MAX_GAP: Duration = Duration::from_secs(60);
/// The samples that a maximum covers at least, where they are rarer than every 10 seconds: one
/// or two may be low by chance.
const MIN_SUSTAINED_SAMPLES: usize = 3;
/// The samples that are recent at least: one more for the maximum's coverage.
const MIN_RECENT_SAMPLES: usize = MIN_SUSTAINED_SAMPLES + 1;
/// The samples by whose times the usual interval is known.
const INTERVAL_SAMPLES: usize = 21;
/// Where samples are rare, this many intervals are what a time in seconds is elsewhere.
pub(super) const MIN_INTERVALS: u32 = 3;

// === impl Stream ===

impl Stream {
    /// A stream without samples, of the session after `not_before`.
    pub(super) fn new(
        name: StreamName,
        not_before: Option<Timestamp>,
        now: MonotonicInstant,
    ) -> Self {
        Self {
            name,
            is_snapshot: false,
            recent: SampleWindow::default(),
            older: History::default(),
            known: SampleWindow::default(),
            watermark: None,
            samples_total: 0,
            last_new: now,
            overdue: Duration::ZERO,
            sample_interval: None,
            session: Session::new(not_before),
        }
    }

    /// The time of the newest sample of any session.
    pub(super) fn last_sample(&self) -> Option<Timestamp> {
        self.recent.newest_time()
    }

    /// The time of the present session's newest sample.
    pub(super) fn newest_time(&self) -> Option<Timestamp> {
        let newest = self.recent.newest_time();
        newest.filter(|time| self.session.contains(*time))
    }

    /// Until when the stream is heard of, if it is silent for `timeout` at most, or for some
    /// intervals of its samples.
    pub(super) fn heard_until(&self, timeout: Duration) -> MonotonicInstant {
        let interval = self.sample_interval.unwrap_or_default();
        let timeout = timeout.max(interval * MIN_INTERVALS);
        self.last_new + timeout.saturating_sub(self.overdue)
    }

    /// Records that a response contained new samples, the newest of which was `overdue` for that
    /// long: polls had paused meanwhile.
    pub(super) fn record_new(&mut self, now: MonotonicInstant, overdue: Duration) {
        self.last_new = now;
        self.overdue = overdue;
    }

    /// Adds a sample, and returns whether it was known before. The samples of a response come in the
    /// order of time, and [`Self::compact`] has to follow.
    pub(super) fn ingest(
        &mut self,
        time: Timestamp,
        values: SampleValues,
        policy: &FreshnessPolicy,
    ) -> Ingested {
        if self.watermark.is_some_and(|watermark| time <= watermark) {
            return Ingested::Corrected;
        }
        let before = self.recent.get(time);
        let is_new = self.known.insert(time, ());
        // A repeated sample may be corrected while it is recent.
        if is_new || self.recent.oldest_time() <= Some(time) {
            self.recent.insert(time, values);
            self.session.observe(time, &values);
        }
        self.samples_total += u64::from(is_new);
        self.expire(policy);
        match before {
            _ if is_new => Ingested::New,
            Some(before) if before == values => Ingested::Repeated,
            _ => Ingested::Corrected,
        }
    }

    /// Moves samples that are not recent any more to the history, and forgets the oldest times.
    fn expire(&mut self, policy: &FreshnessPolicy) {
        let Some(newest) = self.recent.newest_time() else {
            return;
        };
        let (older, watermark) = (&mut self.older, &mut self.watermark);
        let session = &mut self.session;
        // Where samples are rare, some are kept that are older.
        let kept = self.recent.iter().rev().take(MIN_RECENT_SAMPLES);
        let oldest_kept = kept.last().map_or(newest, |(oldest, _)| oldest);
        let recent = oldest_kept.min(newest - recent_span(policy));
        self.recent.expire(recent, MAX_SAMPLES, |time, values| {
            older.add(time, values);
            if session.contains(time) {
                session.count_bitrate(time, &values);
            }
        });
        let known = newest - KNOWN_SPAN;
        self.known
            .expire(known, MAX_SAMPLES, |time, ()| *watermark = Some(time));
    }

    /// Updates the baseline and the interval of samples, and removes a history that ended half an hour ago.
    pub(super) fn compact(&mut self, server_time: Timestamp) {
        if std::mem::take(&mut self.session.outdated) {
            self.sample_interval = self.usual_interval();
            let samples = self.all_samples();
            let levels = samples.levels();
            let of_session = levels.filter(|(time, _)| self.session.contains(*time));
            self.session
                .baseline
                .update(&of_session.collect::<Vec<_>>());
        }
        let newest = self.recent.newest_time();
        if newest.is_some_and(|newest| newest + HISTORY_SPAN < server_time) {
            self.older.clear();
        }
    }

    /// The session's newest samples, oldest first: those since `since`, and some at least.
    pub(super) fn newest_samples(&self, since: Timestamp) -> Vec<(Timestamp, SampleValues)> {
        let newest = self.recent.iter().rev().enumerate();
        let mut samples: Vec<_> = newest
            .take_while(|(n, (time, _))| *time >= since || *n < MIN_SUSTAINED_SAMPLES)
            .map(|(_, sample)| sample)
            .filter(|(time, _)| self.session.contains(*time))
            .collect();
        samples.reverse();
        samples
    }

    /// What is usual for the stream: what is expected of it, or else its baselines.
    pub(super) fn usual_rates(&self, expect: &Expect) -> UsualRates {
        let baseline = self.session.baseline.value();
        UsualRates {
            video_bitrate: expect
                .video_bitrate_bps
                .or(baseline.map(|usual| usual.video_bitrate)),
            video_framerate: expect
                .video_framerate_fps
                .or(baseline.and_then(|usual| usual.video_framerate)),
            audio_framerate: expect
                .audio_framerate_fps
                .or(baseline.and_then(|usual| usual.audio_framerate)),
            sample_interval: self.sample_interval,
        }
    }

    /// The median time between two of the newest samples.
    fn usual_interval(&self) -> Option<Duration> {
        let times: Vec<_> = self.known.iter().rev().take(INTERVAL_SAMPLES).collect();
        let pairs = times.iter().zip(times.iter().skip(1));
        let distances = pairs.map(|((later, ()), (earlier, ()))| later.since(*earlier));
        let median = median(distances.map(|distance| distance.as_secs_f64()).collect());
        median.map(Duration::from_secs_f64)
    }

    /// Whether the stream had no samples for hours.
    pub(super) fn is_expired(&self, server_time: Timestamp) -> bool {
        let newest = self.recent.newest_time();
        newest.is_none_or(|newest| newest + STREAM_RETENTION < server_time)
    }

    /// Begins a session: the samples stay, for charts and to be recognized.
    pub(super) fn begin_session(&mut self, not_before: Option<Timestamp>) {
        self.session = Session::new(not_before);
    }

    /// The history of the half hour before `server_time`.
    pub(super) fn history(&self, server_time: Timestamp) -> StreamHistory {
        StreamHistory {
            name: self.name.clone(),
            step: HISTORY_BUCKET,
            steps: self.all_samples().points(server_time),
        }
    }

    fn all_samples(&self) -> History {
        let mut all = self.older.clone();
        for (time, values) in self.recent.iter() {
            all.add(time, values);
        }
        all
    }

    /// The stream as it is shown; `None` where the present session has no sample yet.
    pub(super) fn snapshot(&self, policy: &FreshnessPolicy) -> Option<StreamSnapshot> {
        let recent = self.recent.iter();
        let of_session = recent.filter(|(time, _)| self.session.contains(*time));
        let of_session: Vec<_> = of_session.collect();
        Some(StreamSnapshot {
            name: self.name.clone(),
            samples_total: self.samples_total,
            aggregates: self
                .session
                .aggregates(&of_session, self.sample_interval, policy)?,
        })
    }
}

// === impl Session ===

impl Session {
    fn new(not_before: Option<Timestamp>) -> Self {
        Self {
            not_before,
            ..Self::default()
        }
    }

    fn contains(&self, time: Timestamp) -> bool {
        self.not_before.is_none_or(|before| time > before)
    }

    fn observe(&mut self, time: Timestamp, values: &SampleValues) {
        if !self.contains(time) {
            return;
        }
        self.outdated = true;
        let frames = [
            (values.video_framerate, &mut self.last_video_frame),
            (values.audio_framerate, &mut self.last_audio_frame),
        ];
        for (framerate, last) in frames {
            if framerate.get().is_some_and(|rate| rate > 0.0) {
                *last = (*last).max(Some(time));
            }
        }
    }

    /// Counts the bitrate of a sample that is not recent any more.
    fn count_bitrate(&mut self, time: Timestamp, values: &SampleValues) {
        if let Some(bitrate) = values.video_bitrate.get() {
            let frames_lost = self.are_frames_lost(values);
            self.low_bitrate.add(time, bitrate, frames_lost);
        }
    }

    /// The 10th percentile of all bitrates, the recent ones included.
    fn low_bitrate(&self, recent: &[(Timestamp, SampleValues)]) -> Option<f64> {
        let mut low = self.low_bitrate.clone();
        for (time, values) in recent {
            if let Some(bitrate) = values.video_bitrate.get() {
                low.add(*time, bitrate, self.are_frames_lost(values));
            }
        }
        low.value()
    }

    fn are_frames_lost(&self, values: &SampleValues) -> bool {
        let usual = self
            .baseline
            .value()
            .and_then(|usual| usual.video_framerate);
        let present = values.video_framerate.get();
        usual
            .zip(present)
            .is_some_and(|(usual, present)| present < usual * FRAMES_LOST_BELOW)
    }

    /// The aggregates of the session whose recent samples these are, sorted by time.
    fn aggregates(
        &self,
        recent: &[(Timestamp, SampleValues)],
        sample_interval: Option<Duration>,
        policy: &FreshnessPolicy,
    ) -> Option<StreamAggregates> {
        let (newest_time, newest) = recent.last().copied()?;
        let baseline = self.baseline.value();
        let interval = sample_interval.unwrap_or_default();
        let gap = max_gap(policy.sustain).max(interval * MIN_INTERVALS);
        let newest_first =
            |field: Field| recent.iter().rev().map(move |(time, v)| (*time, field(v)));
        Some(StreamAggregates {
            newest_time,
            sample_interval,
            newest,
            min: SampleValues::for_each_field(|field| {
                window_min(newest_first(field), newest_time - policy.window)
            }),
            max: SampleValues::for_each_field(|field| {
                window_max_sustained(newest_first(field), newest_time, policy.sustain, gap)
            }),
            video_bitrate_baseline: baseline.map(|baseline| baseline.video_bitrate),
            video_bitrate_baseline_low: baseline.and_then(|_| self.low_bitrate(recent)),
            video_framerate_baseline: baseline.and_then(|baseline| baseline.video_framerate),
            last_video_frame: self.last_video_frame,
            last_audio_frame: self.last_audio_frame,
        })
    }
}

/// How far back the windows look from the newest sample.
fn recent_span(policy: &FreshnessPolicy) -> Duration {
    let sustained = policy.sustain + max_gap(policy.sustain);
    policy.window.max(sustained).max(CORRECTABLE)
}

/// The longest gap between two samples that still cover the time in between.
fn max_gap(sustain: Duration) -> Duration {
    sustain.max(MAX_GAP)
}

/// The lowest of the measurements (newest first) since `since`.
fn window_min(
    measurements: impl Iterator<Item = (Timestamp, Measurement)>,
    since: Timestamp,
) -> Measurement {
    measurements
        .take_while(|(time, _)| *time >= since)
        .filter_map(|(_, measurement)| measurement.get())
        .reduce(f64::min)
        .into()
}

/// The highest of the measurements (newest first) of the last `sustain` and of at least three,
/// if they cover it: from the newest back to one that old, without a longer gap than `gap`.
fn window_max_sustained(
    measurements: impl Iterator<Item = (Timestamp, Measurement)>,
    newest: Timestamp,
    sustain: Duration,
    gap: Duration,
) -> Measurement {
    let since = newest - sustain;
    let mut highest: Option<f64> = None;
    let mut later = newest;
    let mut count = 0;
    for (time, measurement) in measurements {
        let Some(value) = measurement.get() else {
            continue;
        };
        if later.since(time) > gap {
            break;
        }
        later = time;
        count += 1;
        if time >= since || count <= MIN_SUSTAINED_SAMPLES {
            highest = Some(highest.map_or(value, |highest| highest.max(value)));
        }
        if time <= since && count >= MIN_SUSTAINED_SAMPLES {
            return highest.into();
        }
    }
    Measurement::NONE
}
