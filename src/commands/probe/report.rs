//! What a probe found, for people and for scripts.

use std::time::Duration;

use serde::Serialize;

use super::hints;
use super::related_lookups::{RelatedLookups, Samples};
use super::sources::{SourceLookups, SourceReport};
use crate::commands::api_session::ApiSession;
use polyv_client::clock::Timestamp;
use polyv_client::{Error, Outcome, RawSample, StreamInfo};

/// The stream that a snapshot is a sample of, as in the metrics.
const SNAPSHOT_STREAM: &str = "ingest";

/// What a probe found. Its JSON is documented in `docs/probe.md`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) account: String,
    pub(super) channel_id: String,
    pub(super) channel_name: Option<String>,
    /// The time of the request, by Polyv's clock.
    #[serde(rename = "asked_at", serialize_with = "rfc3339")]
    pub(super) requested_at: Timestamp,
    /// `live`, `not_live` or `unknown`.
    pub(super) state: &'static str,
    pub(super) outcome: &'static str,
    /// Why there was no response.
    pub(super) error: Option<String>,
    /// Polyv's clock minus this host's.
    pub(super) clock_skew_seconds: Option<f64>,
    /// The source that the exporter settles on; `None` where none has a sample.
    pub(super) source: Option<&'static str>,
    pub(super) sources: Vec<SourceReport>,
    /// Whether a stream is pushed to the live channel; `None` where Polyv does not say.
    pub(super) pushing: Option<bool>,
    /// The CDN's node that receives the push.
    pub(super) ingest_node: Option<String>,
    /// `lfr`, as Polyv reports it.
    pub(super) lost_frames: Option<f64>,
    pub(super) viewers: Option<u64>,
    /// Those of the source.
    pub(super) streams: Vec<StreamReport>,
    /// Samples of the response that could not be read.
    pub(super) unreadable_samples: usize,
    /// What to do.
    pub(super) advice: Vec<String>,
}

/// One stream of the channel.
#[derive(Debug, Serialize)]
pub(super) struct StreamReport {
    pub(super) stream: String,
    pub(super) newest_sample_age_seconds: f64,
    /// Oldest first.
    pub(super) samples: Vec<SampleReport>,
}

/// One sample, as Polyv sent it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct SampleReport {
    #[serde(serialize_with = "rfc3339")]
    pub(super) time: Timestamp,
    pub(super) video_bitrate_bps: Option<f64>,
    pub(super) video_framerate_fps: Option<f64>,
    pub(super) audio_framerate_fps: Option<f64>,
}

// === impl Report ===

impl Report {
    pub(super) fn new(
        session: &ApiSession<'_>,
        result: Result<StreamInfo, Error>,
        sources: SourceLookups,
        related: &RelatedLookups,
    ) -> Self {
        let (outcome, error, info) = match result {
            Ok(info) => (Outcome::Ok, None, info),
            Err(error) => (error.outcome(), Some(error), StreamInfo::default()),
        };
        let requested_at = session.clock.now().server_time;
        let (mut streams, unreadable_samples) = streams(&info, requested_at);
        let samples = match (&info.samples[..], &streams[..]) {
            ([], _) => Samples::None,
            (_, []) => Samples::Unusable,
            _ => Samples::Some,
        };
        let account = &session.account.name;
        let clock_skew_seconds = session.clock.skew(Duration::MAX).map(|skew| skew.seconds);
        let mut advice = hints::for_outcome(outcome, account, samples, related, &sources);
        advice.extend(hints::for_clock(clock_skew_seconds));
        if streams.is_empty() {
            streams = other_streams(&sources, requested_at);
        }
        let pushed = sources.pushed.as_ref();
        let mut channels = session.account.channels.iter();
        let channel = channels.find(|channel| *channel.id == *session.channel_id);
        Self {
            account: account.clone(),
            channel_id: session.channel_id.to_owned(),
            channel_name: channel
                .filter(|channel| channel.name != channel.id)
                .map(|channel| channel.name.to_string()),
            requested_at,
            state: match outcome {
                Outcome::Ok => "live",
                Outcome::NotLive => "not_live",
                // Polyv refuses the first call, and another one says it.
                _ if sources.live == Some(true) => "live",
                _ => "unknown",
            },
            outcome: outcome.as_str(),
            error: error
                .filter(|_| !outcome.is_success())
                .map(|error| error.to_string()),
            clock_skew_seconds,
            source: sources.source(),
            pushing: sources.pushing(),
            ingest_node: pushed.and_then(|pushed| pushed.ingest_node.clone()),
            lost_frames: pushed.and_then(|pushed| pushed.lost_frames.number()),
            viewers: sources.viewers,
            sources: sources.reports,
            streams,
            unreadable_samples,
            advice,
        }
    }

    /// Whether Polyv said whether the channel is live.
    pub(super) fn is_success(&self) -> bool {
        self.state != "unknown"
    }
}

/// The streams of the other sources: samples of the v4 call, else a snapshot.
fn other_streams(sources: &SourceLookups, now: Timestamp) -> Vec<StreamReport> {
    let (v4, _) = streams(&sources.v4, now);
    let snapshot = sources.pushed.as_ref().filter(|_| v4.is_empty());
    let snapshot = snapshot.map(|pushed| StreamReport {
        stream: SNAPSHOT_STREAM.to_owned(),
        newest_sample_age_seconds: 0.0,
        samples: vec![SampleReport {
            time: now,
            video_bitrate_bps: pushed.bitrate.number(),
            video_framerate_fps: pushed.video_framerate.number(),
            audio_framerate_fps: None,
        }],
    });
    v4.into_iter().chain(snapshot).collect()
}

/// The samples by stream and time, and how many could not be read.
fn streams(info: &StreamInfo, now: Timestamp) -> (Vec<StreamReport>, usize) {
    let mut unreadable = info.unreadable;
    let mut sorted: Vec<(&RawSample, Timestamp)> = Vec::new();
    for sample in &info.samples {
        match sample.time.timestamp() {
            Some(time) => sorted.push((sample, time)),
            None => unreadable += 1,
        }
    }
    sorted.sort_by(|(a, at), (b, bt)| (&a.stream, at).cmp(&(&b.stream, bt)));
    let streams = sorted
        .chunk_by(|(a, _), (b, _)| a.stream == b.stream)
        .filter_map(|samples| {
            let (last, newest) = samples.last()?;
            #[allow(clippy::cast_precision_loss)] // exact for 285,000 years
            let age = now.millis_after(*newest) as f64 / 1000.0;
            Some(StreamReport {
                stream: last.stream.to_string(),
                newest_sample_age_seconds: age,
                samples: samples
                    .iter()
                    .map(|(sample, time)| SampleReport {
                        time: *time,
                        video_bitrate_bps: sample.video_bitrate.number(),
                        video_framerate_fps: sample.video_framerate.number(),
                        audio_framerate_fps: sample.audio_framerate.number(),
                    })
                    .collect(),
            })
        })
        .collect();
    (streams, unreadable)
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn rfc3339<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let time = chrono::DateTime::from_timestamp_millis(time.as_millis());
    match time {
        Some(time) => {
            serializer.serialize_str(&time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
        }
        None => serializer.serialize_none(),
    }
}
