//! One stream of a channel.

use std::time::Duration;

use super::baseline::{self, Baseline};
use super::freshness::FreshnessPolicy;
use super::history::{CompactValues, HistoryPoint, history};
use super::sample_validation::MAX_SAMPLE_AGE;
use super::sample_values::{Measurement, SampleValues};
use super::sample_window::SampleWindow;
use polyv_client::StreamName;
use polyv_client::clock::{MonotonicInstant, Timestamp};

/// One stream of a channel.
///
/// Its samples outlive a session: they tell repeated samples apart, and charts show them. What
/// is exposed is that of the present session and ends with it.
#[derive(Debug, Clone)]
pub struct Stream {
    name: StreamName,
    /// The samples of about the last half hour.
    samples: SampleWindow<CompactValues>,
    /// Whether samples at this time and before are repeated is not known any more.
    watermark: Option<Timestamp>,
    samples_total: u64,
    last_new: MonotonicInstant,
    session: Session,
}

/// What is known of the present session: the time from going live to going off air.
#[derive(Debug, Clone, Default)]
struct Session {
    /// The newest samples, exact: those that the windows need.
    recent: SampleWindow<SampleValues>,
    baseline: Baseline,
    /// Whether samples arrived since the baseline was updated.
    outdated: bool,
    /// The newest frames among samples that are not recent any more.
    video_frame: Option<Timestamp>,
    audio_frame: Option<Timestamp>,
}

/// The aggregates of a stream's present session.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamAggregates {
    /// The newest sample's own time.
    pub newest_time: Timestamp,
    /// The newest sample.
    pub newest: SampleValues,
    /// The lowest of the window, field by field.
    pub min: SampleValues,
    /// The highest of `sustain`, field by field; missing until samples cover that span.
    pub max: SampleValues,
    /// The baseline of the video bitrate.
    pub video_bitrate_baseline: Option<f64>,
    /// The newest sample with a video frame rate above 0.
    pub last_video_frame: Option<Timestamp>,
    /// The newest sample with an audio frame rate above 0.
    pub last_audio_frame: Option<Timestamp>,
}

/// How a sample compares with those that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IngestResult {
    /// The sample was not known before.
    New,
    /// The sample was known: its values were replaced.
    Repeated,
    /// The sample is older than all known ones: it may be a repetition.
    TooOld,
}

/// How long a stream is kept after its newest sample.
const STREAM_RETENTION: Duration = MAX_SAMPLE_AGE;
/// Samples of a stream at most, whatever Polyv sends; at one every 5 seconds there are 373.
const MAX_SAMPLES: usize = 2048;
/// Samples that may still be repeated or corrected, because responses overlap.
const CORRECTABLE: Duration = Duration::from_secs(60);
/// A longer gap between samples is no evidence of what the stream did meanwhile.
const MAX_GAP: Duration = Duration::from_secs(60);

// === impl Stream ===

impl Stream {
    pub(super) fn new(name: StreamName, now: MonotonicInstant) -> Self {
        Self {
            name,
            samples: SampleWindow::default(),
            watermark: None,
            samples_total: 0,
            last_new: now,
            session: Session::default(),
        }
    }

    /// The stream's name, as in the label.
    #[must_use]
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// The number of distinct samples ever received.
    #[must_use]
    pub fn samples_total(&self) -> u64 {
        self.samples_total
    }

    /// When a new sample was last received.
    pub(super) fn last_new(&self) -> MonotonicInstant {
        self.last_new
    }

    /// The time of the present session's newest sample.
    pub(super) fn newest_time(&self) -> Option<Timestamp> {
        self.session.recent.newest_time()
    }

    /// Adds a sample; it belongs to the present session if its time is after `not_before`.
    /// [`Self::compact`] has to follow once all of a response's samples are added.
    pub(super) fn ingest(
        &mut self,
        time: Timestamp,
        values: SampleValues,
        not_before: Option<Timestamp>,
        now: MonotonicInstant,
    ) -> IngestResult {
        if self.watermark.is_some_and(|watermark| time <= watermark) {
            return IngestResult::TooOld;
        }
        if not_before.is_none_or(|before| time > before) {
            self.session.recent.insert(time, values);
            self.session.outdated = true;
        }
        if !self.samples.insert(time, values.into()) {
            return IngestResult::Repeated;
        }
        self.samples_total += 1;
        self.last_new = now;
        IngestResult::New
    }

    /// Updates the baseline, and removes samples that are not needed any more.
    pub(super) fn compact(
        &mut self,
        policy: &FreshnessPolicy,
        not_before: Option<Timestamp>,
        server_time: Timestamp,
    ) {
        if std::mem::take(&mut self.session.outdated) {
            let of_session = |(time, _): &(Timestamp, _)| not_before.is_none_or(|b| *time > b);
            let samples = self.samples.iter().filter(of_session);
            let bitrates = samples.filter_map(|(time, v)| Some((time, v.video_bitrate()?)));
            self.session.baseline.update(bitrates.collect());
        }
        self.session.expire(policy);
        if let Some(newest) = self.samples.newest_time() {
            // Without new samples there is nothing to show, but the last ones may be repeated.
            let is_over = newest + baseline::RETENTION < server_time;
            let retention = if is_over {
                CORRECTABLE
            } else {
                baseline::RETENTION
            };
            let watermark = &mut self.watermark;
            self.samples
                .expire(newest - retention, MAX_SAMPLES, |time, _| {
                    *watermark = (*watermark).max(Some(time));
                });
        }
    }

    /// Whether the stream had no samples for hours.
    pub(super) fn is_expired(&self, server_time: Timestamp) -> bool {
        let newest = self.samples.newest_time();
        newest.is_none_or(|newest| newest + STREAM_RETENTION < server_time)
    }

    /// Ends the session: the samples stay.
    pub(super) fn end_session(&mut self) {
        self.session = Session::default();
    }

    /// The stream's history of the half hour before `server_time`, oldest first.
    pub(super) fn history(&self, server_time: Timestamp) -> Vec<HistoryPoint> {
        history(self.samples.iter(), server_time)
    }

    /// The aggregates; `None` where the present session has no sample yet.
    #[must_use]
    pub fn aggregates(&self, policy: &FreshnessPolicy) -> Option<StreamAggregates> {
        self.session.aggregates(policy)
    }
}

// === impl Session ===

impl Session {
    /// Removes the samples that no window needs.
    fn expire(&mut self, policy: &FreshnessPolicy) {
        let Some(newest) = self.recent.newest_time() else {
            return;
        };
        let sustained = policy.sustain + max_gap(policy.sustain);
        let span = policy.window.max(sustained).max(CORRECTABLE);
        let (video, audio) = (&mut self.video_frame, &mut self.audio_frame);
        self.recent
            .expire(newest - span, MAX_SAMPLES, |time, values| {
                if has_frames(values.video_framerate) {
                    *video = (*video).max(Some(time));
                }
                if has_frames(values.audio_framerate) {
                    *audio = (*audio).max(Some(time));
                }
            });
    }

    fn aggregates(&self, policy: &FreshnessPolicy) -> Option<StreamAggregates> {
        let recent: Vec<_> = self.recent.iter().collect();
        let (newest_time, newest) = recent.last().copied()?;
        let field = |of: fn(&SampleValues) -> Measurement| {
            let recent = || recent.iter().rev().map(|(time, v)| (*time, of(v)));
            (
                window_min(recent(), newest_time - policy.window),
                window_max_sustained(recent(), newest_time, policy.sustain),
            )
        };
        let (bitrate_min, bitrate_max) = field(|values| values.video_bitrate);
        let (video_min, video_max) = field(|values| values.video_framerate);
        let (audio_min, audio_max) = field(|values| values.audio_framerate);
        let last_frame = |of: fn(&SampleValues) -> Measurement, before: Option<Timestamp>| {
            let newest = recent.iter().rev().find(|(_, v)| has_frames(of(v)));
            newest.map(|(time, _)| *time).or(before)
        };
        Some(StreamAggregates {
            newest_time,
            newest,
            min: SampleValues {
                video_bitrate: bitrate_min,
                video_framerate: video_min,
                audio_framerate: audio_min,
            },
            max: SampleValues {
                video_bitrate: bitrate_max,
                video_framerate: video_max,
                audio_framerate: audio_max,
            },
            video_bitrate_baseline: self.baseline.value(),
            last_video_frame: last_frame(|values| values.video_framerate, self.video_frame),
            last_audio_frame: last_frame(|values| values.audio_framerate, self.audio_frame),
        })
    }
}

/// The longest gap between two samples that still cover the time in between.
fn max_gap(sustain: Duration) -> Duration {
    sustain.max(MAX_GAP)
}

fn has_frames(framerate: Measurement) -> bool {
    framerate.get().is_some_and(|rate| rate > 0.0)
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

/// The highest of the measurements (newest first) of the last `sustain`, if they cover it: from
/// the newest back to one that old, without a gap.
fn window_max_sustained(
    measurements: impl Iterator<Item = (Timestamp, Measurement)>,
    newest: Timestamp,
    sustain: Duration,
) -> Measurement {
    let since = newest - sustain;
    let gap = max_gap(sustain);
    let mut highest: Option<f64> = None;
    let mut later = newest;
    for (time, measurement) in measurements {
        let Some(value) = measurement.get() else {
            continue;
        };
        if later.since(time) > gap {
            break;
        }
        later = time;
        if time >= since {
            highest = Some(highest.map_or(value, |highest| highest.max(value)));
        }
        if time <= since {
            return highest.into();
        }
    }
    Measurement::NONE
}
