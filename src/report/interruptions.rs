//! Which interruptions a broadcast had.

use super::cause;
use super::model::{Interruption, InterruptionKind};
use super::spans::{Spans, length};
use super::timeline::StreamTimeline;
use super::viewers::ViewerCourse;
use crate::config::{Content, Expect};
use crate::recorder::{ChannelRecording, Period, RecordedSample};
use crate::state::LikelyCause;
use polyv_client::clock::Timestamp;

/// The samples in a row without frames that are an interruption.
const MIN_SAMPLES_WITHOUT_FRAMES: usize = 2;
/// A bitrate under this share of the expected one has dropped.
const DROPPED_BELOW_OF_EXPECTED: f64 = 0.5;
/// A bitrate under this share of the baseline has dropped, if frames are lost too or the picture
/// is a camera's.
const DROPPED_BELOW_OF_BASELINE: f64 = 0.25;
/// Frames are lost where the frame rate is under this share of its baseline.
const FRAMES_LOST_BELOW: f64 = 0.8;
/// The shortest drop of the bitrate.
const MIN_DROP_MS: i64 = 15_000;
/// The same in sample intervals.
const MIN_DROP_INTERVALS: i64 = 3;

/// The interruptions of a broadcast, by their start.
pub(super) fn find(
    recording: &ChannelRecording,
    streams: &[StreamTimeline<'_>],
    off_air: &Spans,
    viewers: &ViewerCourse,
) -> Vec<Interruption> {
    let mut found: Vec<Interruption> = off_air
        .iter()
        .map(|period| Interruption {
            kind: InterruptionKind::OffAir,
            start: period.start,
            end: period.end,
            stream: None,
            likely_cause: cause::of_off_air(streams, &recording.expect, period.start),
            viewers: viewers.at(period.start),
        })
        .collect();
    for stream in streams {
        let detector = Detector {
            stream,
            expect: &recording.expect,
            off_air,
        };
        found.extend(detector.find().into_iter().map(|found| Interruption {
            kind: found.kind,
            start: found.period.start,
            end: found.period.end,
            stream: Some(stream.name.clone()),
            likely_cause: found.cause,
            viewers: viewers.at(found.period.start),
        }));
    }
    found.sort_by(|a, b| (a.start, a.kind, &a.stream).cmp(&(b.start, b.kind, &b.stream)));
    found
}

/// Finds the interruptions of one stream.
struct Detector<'a> {
    stream: &'a StreamTimeline<'a>,
    expect: &'a Expect,
    off_air: &'a Spans,
}

struct Found {
    kind: InterruptionKind,
    period: Period,
    cause: LikelyCause,
}

// === impl Detector ===

impl Detector<'_> {
    fn find(&self) -> Vec<Found> {
        let mut found: Vec<_> = self.silences().collect();
        let mut had = (
            self.expect.video_framerate_fps.is_some(),
            self.expect.audio_framerate_fps.is_some(),
        );
        for segment in self.stream.segments(self.off_air) {
            let video = runs(segment, |sample| {
                is_stopped(sample.values.video_framerate.get(), &mut had.0)
            });
            let video: Vec<_> = self
                .without_frames(InterruptionKind::NoVideo, video)
                .collect();
            let audio = runs(segment, |sample| {
                is_stopped(sample.values.audio_framerate.get(), &mut had.1)
            });
            let audio = self.without_frames(InterruptionKind::NoAudio, audio);
            let frozen: Spans = video.iter().map(|found| found.period).collect();
            let dropped = runs(segment, |sample| {
                let is_frozen = frozen.contains(sample.time);
                Some(!is_frozen && self.is_dropped(sample))
            });
            found.extend(self.drops(dropped));
            found.extend(audio);
            found.extend(video);
        }
        found
    }

    /// Gaps between samples while the channel was live, as far as Polyv had delivered what it has.
    fn silences(&self) -> impl Iterator<Item = Found> {
        let stream = self.stream;
        let pieces = stream.gaps().flat_map(|gap| {
            let live = self.off_air.missing_in(gap);
            let covered = live.iter().flat_map(|live| {
                let covered = stream.covered.within(live);
                covered.iter().collect::<Vec<_>>()
            });
            covered.collect::<Vec<_>>()
        });
        let silences = pieces.filter(|piece| length(*piece) > stream.max_gap());
        silences.map(|period| Found {
            kind: InterruptionKind::NoSamples,
            period,
            cause: cause::of_silence(stream, self.expect, period.start),
        })
    }

    fn without_frames<'s>(
        &self,
        kind: InterruptionKind,
        runs: Vec<Run<'s>>,
    ) -> impl Iterator<Item = Found> + use<'s, '_> {
        let runs = runs.into_iter();
        runs.filter(|run| run.samples.len() >= MIN_SAMPLES_WITHOUT_FRAMES)
            .filter_map(move |run| self.found(kind, &run))
    }

    fn drops<'s>(&self, runs: Vec<Run<'s>>) -> impl Iterator<Item = Found> + use<'s, '_> {
        let shortest = MIN_DROP_MS.max(self.stream.interval * MIN_DROP_INTERVALS);
        let found = runs
            .into_iter()
            .filter_map(|run| self.found(InterruptionKind::BitrateDropped, &run));
        found.filter(move |found| length(found.period) >= shortest)
    }

    fn found(&self, kind: InterruptionKind, run: &Run<'_>) -> Option<Found> {
        let (first, last) = (run.samples.first()?, run.samples.last()?);
        let period = Period {
            start: first.time,
            end: run.next.unwrap_or(last.time),
        };
        Some(Found {
            kind,
            period,
            cause: cause::of_fault(run.samples, self.stream, self.expect),
        })
    }

    /// Whether the bitrate of a sample is far under what it should be.
    fn is_dropped(&self, sample: &RecordedSample) -> bool {
        let values = &sample.values;
        let Some(bitrate) = values.video_bitrate.get() else {
            return false;
        };
        if let Some(expected) = self.expect.video_bitrate_bps {
            return bitrate < expected * DROPPED_BELOW_OF_EXPECTED;
        }
        let Some(baseline) = self.stream.baseline_at(sample.time) else {
            return false;
        };
        let framerates = values.video_framerate.get().zip(baseline.video_framerate);
        let are_frames_lost =
            framerates.is_some_and(|(rate, usual)| rate < usual * FRAMES_LOST_BELOW);
        bitrate < baseline.video_bitrate * DROPPED_BELOW_OF_BASELINE
            && (are_frames_lost || self.expect.content == Some(Content::Camera))
    }
}

/// Whether a stream that has had frames, or should have, has none now. `None` where the frame
/// rate is unknown.
fn is_stopped(framerate: Option<f64>, had_some: &mut bool) -> Option<bool> {
    let has_frames = framerate? > 0.0;
    *had_some |= has_frames;
    Some(!has_frames && *had_some)
}

/// Consecutive samples that are at fault.
struct Run<'a> {
    samples: &'a [RecordedSample],
    /// The time of the sample that ended it.
    next: Option<Timestamp>,
}

/// The runs of samples that are at fault. Those that say nothing neither begin nor end a run.
fn runs(
    samples: &[RecordedSample],
    mut is_at_fault: impl FnMut(&RecordedSample) -> Option<bool>,
) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    let mut began: Option<(usize, usize)> = None;
    for (index, sample) in samples.iter().enumerate() {
        match (is_at_fault(sample), began) {
            (Some(true), None) => began = Some((index, index)),
            (Some(true), Some((first, _))) => began = Some((first, index)),
            (Some(false), Some((first, last))) => {
                runs.extend(samples.get(first..=last).map(|samples| Run {
                    samples,
                    next: Some(sample.time),
                }));
                began = None;
            }
            _ => {}
        }
    }
    let open = began.and_then(|(first, last)| samples.get(first..=last));
    runs.extend(open.map(|samples| Run {
        samples,
        next: None,
    }));
    runs
}
