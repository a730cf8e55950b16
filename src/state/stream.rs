//! What is known of one stream of a channel.

use std::time::Duration;

use super::baseline::Baseline;
use super::freshness::FreshnessPolicy;
use super::history::{History, HistoryPoint};
use super::sample_validation::IDENTITIES;
use super::series::{Measurement, SampleWindow};
use super::times::Times;
use polyv_client::StreamName;
use polyv_client::clock::{MonotonicInstant, Timestamp};

/// What a sample says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleValues {
    /// Bits per second.
    pub video_bitrate: Measurement,
    /// Frames per second.
    pub video_framerate: Measurement,
    /// Frames per second.
    pub audio_framerate: Measurement,
}

/// One stream of a channel.
///
/// Two things with different lives: the identities of samples and their history, which outlive
/// a broadcast, and the figures of the present broadcast, which end with it.
#[derive(Debug, Clone)]
pub struct Stream {
    name: StreamName,
    /// The times of all samples seen in the last 3 hours.
    seen: Times,
    /// Samples at this time and before were forgotten: they may have been seen.
    forgotten: Option<Timestamp>,
    samples_total: u64,
    last_new: MonotonicInstant,
    /// The samples that are not the present broadcast's recent ones.
    history: History,
    session: Session,
}

/// What a stream's samples of the present broadcast come to.
#[derive(Debug, Clone, Default)]
struct Session {
    /// The newest samples: as many as the windows need.
    recent: SampleWindow,
    baseline: Baseline,
    /// The newest frames among samples that are not recent any more.
    video_frame: Option<Timestamp>,
    audio_frame: Option<Timestamp>,
}

/// The figures that a stream shows.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamAggregates {
    /// The newest sample's own time.
    pub newest_time: Timestamp,
    /// The newest sample.
    pub newest: SampleValues,
    /// The lowest of the window, field by field.
    pub min: SampleValues,
    /// The highest while `sustain` lasts, field by field; nothing until that long is covered.
    pub max: SampleValues,
    /// The stream's own level of bitrate.
    pub video_bitrate_baseline: Option<f64>,
    /// The newest sample with a video frame rate above 0.
    pub last_video_frame: Option<Timestamp>,
    /// The newest sample with an audio frame rate above 0.
    pub last_audio_frame: Option<Timestamp>,
}

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IngestResult {
    /// It was not known before.
    New,
    /// It was: its values were replaced.
    Again,
    /// Nobody can tell any more.
    TooOld,
}

/// Identities are bounded whatever is sent; at one sample every 5 seconds there are 2,160.
const MAX_IDENTITIES: usize = 4096;
/// So are recent samples.
const MAX_RECENT: usize = 1024;
/// Samples that may still be corrected are kept, however short the windows are.
const CORRECTABLE: Duration = Duration::from_secs(60);
/// A silence longer than this is no evidence of what the stream did in it.
const MAX_GAP: Duration = Duration::from_secs(60);

// === impl SampleValues ===

impl SampleValues {
    /// Nothing at all.
    pub const NONE: Self = Self {
        video_bitrate: Measurement::NONE,
        video_framerate: Measurement::NONE,
        audio_framerate: Measurement::NONE,
    };

    /// Of several samples of one stream and one time in one answer the one that ranks lowest
    /// counts, by bitrate first: a main and a backup push may share a name, and a fault must
    /// not hide behind its twin.
    pub(super) fn rank(&self) -> [u64; 3] {
        // The bits of numbers that are not negative sort as the numbers do; missing sorts last.
        [
            self.video_bitrate,
            self.video_framerate,
            self.audio_framerate,
        ]
        .map(|reading| reading.get().map_or(u64::MAX, f64::to_bits))
    }
}

// === impl Stream ===

impl Stream {
    pub(super) fn new(name: StreamName, now: MonotonicInstant) -> Self {
        Self {
            name,
            seen: Times::default(),
            forgotten: None,
            samples_total: 0,
            last_new: now,
            history: History::default(),
            session: Session::default(),
        }
    }

    /// Its name, as the label shows it.
    #[must_use]
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// How many distinct samples were seen.
    #[must_use]
    pub fn samples_total(&self) -> u64 {
        self.samples_total
    }

    /// When it last brought a sample that was not known before.
    pub(super) fn last_new(&self) -> MonotonicInstant {
        self.last_new
    }

    /// The time of the present broadcast's newest sample.
    pub(super) fn newest_time(&self) -> Option<Timestamp> {
        self.session.recent.last()
    }

    /// Takes a sample; `current` says whether it belongs to the present broadcast.
    /// [`Self::settle`] has to follow once all of an answer's are taken.
    pub(super) fn ingest(
        &mut self,
        time: Timestamp,
        values: SampleValues,
        current: bool,
        now: MonotonicInstant,
        step: Duration,
    ) -> IngestResult {
        if self.forgotten.is_some_and(|forgotten| time <= forgotten) {
            return IngestResult::TooOld;
        }
        if current {
            self.session.ingest(time, values);
        }
        if !self.seen.insert(time).1 {
            return IngestResult::Again;
        }
        if !current {
            self.history.push(time, values, step);
        }
        self.samples_total += 1;
        self.last_new = now;
        IngestResult::New
    }

    /// Brings windows and level up to date, and forgets what is too old to matter.
    pub(super) fn settle(&mut self, rules: &FreshnessPolicy, polyv: Timestamp, step: Duration) {
        let gone = self.seen.keep(polyv - IDENTITIES, MAX_IDENTITIES);
        self.forgotten = self.forgotten.max(gone);
        self.session.settle(rules, |time, values| {
            self.history.push(time, values, step);
        });
        self.history.settle(polyv, step);
    }

    /// Whether nothing is left of it: all its samples are hours old.
    pub(super) fn is_expired(&self) -> bool {
        self.seen.len() == 0
    }

    /// The broadcast is over: its figures go, the identities and the history stay.
    pub(super) fn end_session(&mut self, step: Duration) {
        let over = std::mem::take(&mut self.session);
        for (time, values) in over.recent.iter() {
            self.history.push(time, values, step);
        }
    }

    /// Whether anything is known of its last half hour.
    pub(super) fn has_history(&self) -> bool {
        !self.history.is_empty() || self.session.recent.len() > 0
    }

    /// What it was like over the last half hour, oldest first, in steps of `step` or coarser.
    pub(super) fn history(&self, step: Duration) -> Vec<HistoryPoint> {
        let mut all = self.history.clone();
        for (time, values) in self.session.recent.iter() {
            all.push(time, values, step);
        }
        all.iter().collect()
    }

    /// What it shows; `None` where the present broadcast has no sample yet.
    #[must_use]
    pub fn aggregates(&self, rules: &FreshnessPolicy) -> Option<StreamAggregates> {
        self.session.aggregates(rules)
    }
}

// === impl Session ===

impl Session {
    fn ingest(&mut self, time: Timestamp, values: SampleValues) {
        self.recent.insert(time, values);
        self.baseline.insert(time, values.video_bitrate.get());
    }

    /// `leaves` is told of every sample that is not recent any more.
    fn settle(&mut self, rules: &FreshnessPolicy, mut leaves: impl FnMut(Timestamp, SampleValues)) {
        let Some(newest) = self.recent.last() else {
            return;
        };
        let span = rules.window.max(rules.sustain).max(CORRECTABLE);
        let (video, audio) = (&mut self.video_frame, &mut self.audio_frame);
        self.recent.keep(
            newest - span - max_gap(rules.sustain),
            MAX_RECENT,
            |time, values| {
                leaves(time, values);
                if has_frames(values.video_framerate) {
                    *video = (*video).max(Some(time));
                }
                if has_frames(values.audio_framerate) {
                    *audio = (*audio).max(Some(time));
                }
            },
        );
        self.baseline.settle();
    }

    fn aggregates(&self, rules: &FreshnessPolicy) -> Option<StreamAggregates> {
        let recent: Vec<_> = self.recent.iter().collect();
        let (newest_time, newest) = recent.last().copied()?;
        let field = |of: fn(&SampleValues) -> Measurement| {
            let recent = || recent.iter().rev().map(|(time, v)| (*time, of(v)));
            (
                window_min(recent(), newest_time - rules.window),
                window_max_sustained(recent(), newest_time, rules.sustain),
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

/// How long a silence may be that `sustain` is covered across.
fn max_gap(sustain: Duration) -> Duration {
    sustain.max(MAX_GAP)
}

fn has_frames(framerate: Measurement) -> bool {
    framerate.get().is_some_and(|rate| rate > 0.0)
}

/// The lowest of the readings (newest first) since `since`.
fn window_min(
    readings: impl Iterator<Item = (Timestamp, Measurement)>,
    since: Timestamp,
) -> Measurement {
    readings
        .take_while(|(time, _)| *time >= since)
        .filter_map(|(_, reading)| reading.get())
        .reduce(f64::min)
        .into()
}

/// The highest of the readings (newest first) of the last `sustain`, if there are readings
/// that cover it: from the newest back to one that old, without a silence in between.
fn window_max_sustained(
    readings: impl Iterator<Item = (Timestamp, Measurement)>,
    newest: Timestamp,
    sustain: Duration,
) -> Measurement {
    let since = newest - sustain;
    let gap = max_gap(sustain);
    let mut highest: Option<f64> = None;
    let mut later = newest;
    for (time, reading) in readings {
        let Some(value) = reading.get() else {
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
