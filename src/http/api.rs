//! Channels as JSON: `docs/http-api.md` is its contract.
//!
//! Names and units are those of the metrics, so that what is read in one place is found in the
//! other.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::query::{Counts, Query};
use super::respond::{self, BadRequest, JSON, RequestContext, known_parameters};
use super::state::Snapshot;
use crate::config::Expect;
use crate::state::SampleValues;
use crate::state::{ChannelDetail, ChannelSnapshot, PollLogView, StreamHistory, StreamSnapshot};
use crate::telemetry::{BuildInfo, Glance};
use polyv_client::clock::Timestamp;
use polyv_client::{LiveStatus, Outcome, StreamName};

/// The answer of `/api/v1/channels`.
#[derive(Serialize)]
struct ChannelsResponse<'a> {
    /// Now, by the host's clock.
    timestamp_seconds: f64,
    exporter: Exporter<'a>,
    /// Of all channels, whatever was asked for.
    counts: CountsJson,
    channels: Vec<ChannelJson<'a>>,
}

/// The answer of `/api/v1/channels/{id}`.
#[derive(Serialize)]
struct ChannelResponse<'a> {
    timestamp_seconds: f64,
    channel: ChannelJson<'a>,
    history: Vec<HistoryJson<'a>>,
    last_polls: Vec<PollLogJson<'a>>,
}

/// The answer to what can't be answered.
#[derive(Serialize)]
struct ErrorResponse<'a> {
    error: &'a str,
}

#[derive(Serialize)]
struct Exporter<'a> {
    version: &'a str,
    revision: &'a str,
    api_requests_total: BTreeMap<&'static str, u64>,
    api_paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_clock_skew_seconds: Option<f64>,
    refused_accounts: &'a [String],
    poll_lag_seconds: f64,
    poll_stretch_ratio: f64,
    config_last_reload_successful: bool,
    config_last_reload_success_timestamp_seconds: f64,
}

#[derive(Serialize)]
struct CountsJson {
    channels: usize,
    live: usize,
    not_live: usize,
    unknown: usize,
    critical: usize,
    warning: usize,
}

#[derive(Serialize)]
struct ChannelJson<'a> {
    account: &'a str,
    channel_id: &'a str,
    channel_name: &'a str,
    labels: &'a BTreeMap<String, String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported_status: Option<&'static str>,
    state_changed_timestamp_seconds: f64,
    live_transitions_total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_poll_outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_poll_success_timestamp_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_new_sample_timestamp_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sample_timestamp_seconds: Option<f64>,
    expected: Expectations,
    problems: Vec<ProblemJson<'a>>,
    streams: Vec<StreamJson<'a>>,
}

#[derive(Serialize)]
struct Expectations {
    live: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_bitrate_bps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_framerate_fps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_framerate_fps: Option<f64>,
}

#[derive(Serialize)]
struct ProblemJson<'a> {
    problem: &'static str,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
}

#[derive(Serialize)]
struct StreamJson<'a> {
    stream: &'a str,
    last_sample_timestamp_seconds: f64,
    #[serde(flatten)]
    newest: Measurements,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_bitrate_min_bps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_framerate_min_fps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_framerate_min_fps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_bitrate_max_bps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_framerate_max_fps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_bitrate_baseline_bps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_video_frame_timestamp_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_audio_frame_timestamp_seconds: Option<f64>,
    samples_total: u64,
}

#[derive(Serialize)]
struct Measurements {
    #[serde(skip_serializing_if = "Option::is_none")]
    video_bitrate_bps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_framerate_fps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_framerate_fps: Option<f64>,
}

#[derive(Serialize)]
struct HistoryJson<'a> {
    stream: &'a str,
    points: Vec<PointJson>,
}

#[derive(Serialize)]
struct PointJson {
    timestamp_seconds: f64,
    #[serde(flatten)]
    lowest: Measurements,
}

#[derive(Serialize)]
struct PollLogJson<'a> {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    first_timestamp_seconds: f64,
    last_timestamp_seconds: f64,
    polls: u64,
    new_samples: u64,
}

/// Answers `/api/v1/channels`.
pub(super) async fn channels(request: RequestContext) -> Response<Body> {
    request
        .answer(|request| {
            let known = known_parameters(&request.uri, &["q", "account", "state", "sort"]);
            Ok(match known.and_then(|()| request.parameters()) {
                Ok(query) => {
                    let body = channels_json(&query, &request.app.snapshot());
                    respond::no_store_response(StatusCode::OK, JSON, body, request)
                }
                Err(BadRequest(why)) => error_response(StatusCode::BAD_REQUEST, &why),
            })
        })
        .await
}

/// Answers `/api/v1/channels/{id}`.
pub(super) async fn channel(
    id: Result<Path<String>, PathRejection>,
    request: RequestContext,
) -> Response<Body> {
    request
        .answer(move |request| {
            if let Err(BadRequest(why)) = known_parameters(&request.uri, &[]) {
                return Ok(error_response(StatusCode::BAD_REQUEST, &why));
            }
            let snapshot = request.app.exporter_only();
            // What is not even text is no channel's number.
            let found = id
                .ok()
                .and_then(|Path(id)| request.app.detail(&id, snapshot.now));
            Ok(match found {
                Some(detail) => {
                    let body = channel_json(&detail, snapshot.wall);
                    respond::no_store_response(StatusCode::OK, JSON, body, request)
                }
                None => error_response(
                    StatusCode::NOT_FOUND,
                    "There is no channel with this number in the configuration.",
                ),
            })
        })
        .await
}

/// Answers what is not there.
pub(super) fn not_found() -> Response<Body> {
    error_response(StatusCode::NOT_FOUND, "There is nothing at this path.")
}

/// The channels that a query selects.
fn channels_json(query: &Query, snapshot: &Snapshot) -> Vec<u8> {
    let counts = Counts::of(&snapshot.channels);
    let selected = query.select(&snapshot.channels);
    respond::json(&ChannelsResponse {
        timestamp_seconds: snapshot.wall.as_seconds(),
        exporter: Exporter::of(&snapshot.exporter),
        counts: counts.into(),
        channels: selected.into_iter().map(ChannelJson::of).collect(),
    })
}

/// One channel, with its history.
fn channel_json(detail: &ChannelDetail, snapshot: Timestamp) -> Vec<u8> {
    respond::json(&ChannelResponse {
        timestamp_seconds: snapshot.as_seconds(),
        channel: ChannelJson::of(&detail.channel),
        history: detail.histories.iter().map(HistoryJson::of).collect(),
        last_polls: detail.answers.iter().map(PollLogJson::of).collect(),
    })
}

/// A failure.
fn error_response(status: StatusCode, error: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(respond::json(&ErrorResponse { error })));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

// === impl conversions ===

impl<'a> Exporter<'a> {
    fn of(glance: &'a Glance) -> Self {
        let BuildInfo {
            version, revision, ..
        } = BuildInfo::THIS;
        Self {
            version,
            revision,
            api_requests_total: glance
                .requests
                .iter()
                .map(|(outcome, count)| (outcome.as_str(), *count))
                .collect(),
            api_paused: glance.paused,
            api_clock_skew_seconds: glance.clock_skew,
            refused_accounts: &glance.refused_accounts,
            poll_lag_seconds: glance.poll_lag,
            poll_stretch_ratio: glance.poll_stretch,
            config_last_reload_successful: glance.reload_successful,
            config_last_reload_success_timestamp_seconds: glance.reload_success.as_seconds(),
        }
    }
}

impl From<Counts> for CountsJson {
    fn from(counts: Counts) -> Self {
        let Counts {
            channels,
            live,
            not_live,
            unknown,
            critical,
            warning,
        } = counts;
        Self {
            channels,
            live,
            not_live,
            unknown,
            critical,
            warning,
        }
    }
}

impl<'a> ChannelJson<'a> {
    fn of(view: &'a ChannelSnapshot) -> Self {
        let seconds = |time: Option<Timestamp>| time.map(Timestamp::as_seconds);
        let identity = &view.meta;
        Self {
            account: &identity.account,
            channel_id: &identity.channel.id,
            channel_name: &identity.channel.name,
            labels: &identity.channel.labels,
            state: view.state.as_str(),
            reported_status: view.reported.map(LiveStatus::as_str),
            state_changed_timestamp_seconds: view.since.as_seconds(),
            live_transitions_total: view.transitions,
            last_poll_outcome: view.last_outcome.map(Outcome::as_str),
            last_poll_success_timestamp_seconds: seconds(view.last_success),
            last_new_sample_timestamp_seconds: seconds(view.last_new_sample),
            last_sample_timestamp_seconds: seconds(view.last_sample),
            expected: Expectations::of(&identity.channel.expect),
            problems: view
                .problems
                .iter()
                .map(|problem| ProblemJson {
                    problem: problem.kind.as_str(),
                    severity: problem.kind.severity().as_str(),
                    stream: problem.stream.as_ref().map(StreamName::as_str),
                })
                .collect(),
            streams: view.streams.iter().map(StreamJson::of).collect(),
        }
    }
}

impl Expectations {
    fn of(expect: &Expect) -> Self {
        Self {
            live: expect.live,
            video_bitrate_bps: expect.video_bitrate_bps,
            video_framerate_fps: expect.video_framerate_fps,
            audio_framerate_fps: expect.audio_framerate_fps,
        }
    }
}

impl Measurements {
    fn of(values: &SampleValues) -> Self {
        Self {
            video_bitrate_bps: values.video_bitrate.get(),
            video_framerate_fps: values.video_framerate.get(),
            audio_framerate_fps: values.audio_framerate.get(),
        }
    }
}

impl<'a> StreamJson<'a> {
    fn of(stream: &'a StreamSnapshot) -> Self {
        let figures = &stream.figures;
        let lowest = Measurements::of(&figures.min);
        let highest = Measurements::of(&figures.max);
        let seconds = |time: Option<Timestamp>| time.map(Timestamp::as_seconds);
        Self {
            stream: stream.name.as_str(),
            last_sample_timestamp_seconds: figures.newest_time.as_seconds(),
            newest: Measurements::of(&figures.newest),
            video_bitrate_min_bps: lowest.video_bitrate_bps,
            video_framerate_min_fps: lowest.video_framerate_fps,
            audio_framerate_min_fps: lowest.audio_framerate_fps,
            video_bitrate_max_bps: highest.video_bitrate_bps,
            video_framerate_max_fps: highest.video_framerate_fps,
            video_bitrate_baseline_bps: figures.video_bitrate_baseline,
            last_video_frame_timestamp_seconds: seconds(figures.last_video_frame),
            last_audio_frame_timestamp_seconds: seconds(figures.last_audio_frame),
            samples_total: stream.samples_total,
        }
    }
}

impl<'a> HistoryJson<'a> {
    fn of(history: &'a StreamHistory) -> Self {
        Self {
            stream: history.name.as_str(),
            points: history
                .steps
                .iter()
                .map(|step| PointJson {
                    timestamp_seconds: step.time.as_seconds(),
                    lowest: Measurements::of(&step.values),
                })
                .collect(),
        }
    }
}

impl<'a> PollLogJson<'a> {
    fn of(answer: &'a PollLogView) -> Self {
        Self {
            outcome: answer.outcome.as_str(),
            message: answer.message.as_deref(),
            first_timestamp_seconds: answer.first.as_seconds(),
            last_timestamp_seconds: answer.last.as_seconds(),
            polls: answer.count,
            new_samples: answer.new_samples,
        }
    }
}
