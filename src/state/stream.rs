//! What is known of one stream of a channel.

use std::time::Duration;

use super::baseline::Baseline;
use super::history::{History, Lowest};
use super::rules::Rules;
use super::screening::IDENTITIES;
use super::series::{Reading, Series};
use super::times::Times;
use polyv_client::StreamName;
use polyv_client::clock::{MonotonicInstant, Timestamp};

/// What a sample says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Values {
    /// Bits per second.
    pub video_bitrate: Reading,
    /// Frames per second.
    pub video_framerate: Reading,
    /// Frames per second.
    pub audio_framerate: Reading,
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
    broadcast: Broadcast,
}

/// What a stream's samples of the present broadcast come to.
#[derive(Debug, Clone, Default)]
struct Broadcast {
    /// The newest samples: as many as the windows need.
    recent: Series,
    baseline: Baseline,
    /// The newest frames among samples that are not recent any more.
    video_frame: Option<Timestamp>,
    audio_frame: Option<Timestamp>,
}

/// The figures that a stream shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The newest sample's own time.
    pub newest_time: Timestamp,
    /// The newest sample.
    pub newest: Values,
    /// The lowest of the window, field by field.
    pub min: Values,
    /// The highest while `sustain` lasts, field by field; nothing until that long is covered.
    pub max: Values,
    /// The stream's own level of bitrate.
    pub video_bitrate_baseline: Option<f64>,
    /// The newest sample with a video frame rate above 0.
    pub last_video_frame: Option<Timestamp>,
    /// The newest sample with an audio frame rate above 0.
    pub last_audio_frame: Option<Timestamp>,
}

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
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

// === impl Values ===

impl Values {
    /// Nothing at all.
    pub const NONE: Self = Self {
        video_bitrate: Reading::NONE,
        video_framerate: Reading::NONE,
        audio_framerate: Reading::NONE,
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
            broadcast: Broadcast::default(),
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
        self.broadcast.recent.last()
    }

    /// Takes a sample; `current` says whether it belongs to the present broadcast.
    /// [`Self::settle`] has to follow once all of an answer's are taken.
    pub(super) fn take(
        &mut self,
        time: Timestamp,
        values: Values,
        current: bool,
        now: MonotonicInstant,
        step: Duration,
    ) -> Taken {
        if self.forgotten.is_some_and(|forgotten| time <= forgotten) {
            return Taken::TooOld;
        }
        if current {
            self.broadcast.take(time, values);
        }
        if !self.seen.insert(time).1 {
            return Taken::Again;
        }
        if !current {
            self.history.push(time, values, step);
        }
        self.samples_total += 1;
        self.last_new = now;
        Taken::New
    }

    /// Brings windows and level up to date, and forgets what is too old to matter.
    pub(super) fn settle(&mut self, rules: &Rules, polyv: Timestamp, step: Duration) {
        let gone = self.seen.keep(polyv - IDENTITIES, MAX_IDENTITIES);
        self.forgotten = self.forgotten.max(gone);
        self.broadcast.settle(rules, |time, values| {
            self.history.push(time, values, step);
        });
        self.history.settle(polyv, step);
    }

    /// Whether nothing is left of it: all its samples are hours old.
    pub(super) fn is_forgotten(&self) -> bool {
        self.seen.len() == 0
    }

    /// The broadcast is over: its figures go, the identities and the history stay.
    pub(super) fn end_broadcast(&mut self, step: Duration) {
        let over = std::mem::take(&mut self.broadcast);
        for (time, values) in over.recent.iter() {
            self.history.push(time, values, step);
        }
    }

    /// Whether anything is known of its last half hour.
    pub(super) fn has_history(&self) -> bool {
        !self.history.is_empty() || self.broadcast.recent.len() > 0
    }

    /// What it was like over the last half hour, oldest first, in steps of `step` or coarser.
    pub(super) fn history(&self, step: Duration) -> Vec<Lowest> {
        let mut all = self.history.clone();
        for (time, values) in self.broadcast.recent.iter() {
            all.push(time, values, step);
        }
        all.iter().collect()
    }

    /// What it shows; `None` where the present broadcast has no sample yet.
    #[must_use]
    pub fn figures(&self, rules: &Rules) -> Option<Figures> {
        self.broadcast.figures(rules)
    }
}

// === impl Broadcast ===

impl Broadcast {
    fn take(&mut self, time: Timestamp, values: Values) {
        self.recent.insert(time, values);
        self.baseline.insert(time, values.video_bitrate.get());
    }

    /// `leaves` is told of every sample that is not recent any more.
    fn settle(&mut self, rules: &Rules, mut leaves: impl FnMut(Timestamp, Values)) {
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

    fn figures(&self, rules: &Rules) -> Option<Figures> {
        let recent: Vec<_> = self.recent.iter().collect();
        let (newest_time, newest) = recent.last().copied()?;
        let field = |of: fn(&Values) -> Reading| {
            let recent = || recent.iter().rev().map(|(time, v)| (*time, of(v)));
            (
                lowest(recent(), newest_time - rules.window),
                highest_sustained(recent(), newest_time, rules.sustain),
            )
        };
        let (bitrate_min, bitrate_max) = field(|values| values.video_bitrate);
        let (video_min, video_max) = field(|values| values.video_framerate);
        let (audio_min, audio_max) = field(|values| values.audio_framerate);
        let last_frame = |of: fn(&Values) -> Reading, before: Option<Timestamp>| {
            let newest = recent.iter().rev().find(|(_, v)| has_frames(of(v)));
            newest.map(|(time, _)| *time).or(before)
        };
        Some(Figures {
            newest_time,
            newest,
            min: Values {
                video_bitrate: bitrate_min,
                video_framerate: video_min,
                audio_framerate: audio_min,
            },
            max: Values {
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

fn has_frames(framerate: Reading) -> bool {
    framerate.get().is_some_and(|rate| rate > 0.0)
}

/// The lowest of the readings (newest first) since `since`.
fn lowest(readings: impl Iterator<Item = (Timestamp, Reading)>, since: Timestamp) -> Reading {
    readings
        .take_while(|(time, _)| *time >= since)
        .filter_map(|(_, reading)| reading.get())
        .reduce(f64::min)
        .into()
}

/// The highest of the readings (newest first) of the last `sustain`, if there are readings
/// that cover it: from the newest back to one that old, without a silence in between.
fn highest_sustained(
    readings: impl Iterator<Item = (Timestamp, Reading)>,
    newest: Timestamp,
    sustain: Duration,
) -> Reading {
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
    Reading::NONE
}
