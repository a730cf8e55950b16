//! Channels as JSON; `docs/http-api.md` is the contract.
//!
//! Names and units are those of the metrics.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde::{Serialize, Serializer};

use super::query::{Counts, Query};
use super::request_context::{BadRequest, RequestContext};
use super::respond::{self, JSON};
use crate::state::{ChannelSnapshot, PollLogView, SampleValues, StreamHistory, StreamSnapshot};
use crate::telemetry::{BuildInfo, ExporterStatus};
use polyv_client::clock::Timestamp;
use polyv_client::{LiveStatus, Outcome, StreamName};

/// The response of `/api/v1/channels`.
#[derive(Serialize)]
struct ChannelsResponse<'a> {
    /// The time by the host's clock.
    timestamp_seconds: f64,
    exporter: Exporter<'a>,
    /// All channels, regardless of the query.
    counts: Counts,
    channels: Vec<ChannelJson<'a>>,
}

/// The response of `/api/v1/channels/{id}`.
#[derive(Serialize)]
struct ChannelResponse<'a> {
    timestamp_seconds: f64,
    channel: ChannelJson<'a>,
    history: Vec<HistoryJson<'a>>,
    last_polls: Vec<PollLogJson<'a>>,
}

/// The response to a request that is rejected.
#[derive(Serialize)]
struct ErrorResponse {
    #[serde(skip)]
    status: StatusCode,
    error: String,
}

/// Measurements and times by their keys; one that is not known is left out.
struct Measurements<const N: usize>([(&'static str, Option<f64>); N]);

#[derive(Serialize)]
struct Exporter<'a> {
    version: &'a str,
    revision: &'a str,
    api_requests_total: BTreeMap<&'static str, u64>,
    api_paused: bool,
    #[serde(flatten)]
    api_clock_skew: Measurements<1>,
    refused_accounts: &'a [String],
    poll_lag_seconds: f64,
    poll_stretch_ratio: f64,
    config_last_reload_successful: bool,
    config_last_reload_success_timestamp_seconds: f64,
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
    #[serde(flatten)]
    last_times: Measurements<3>,
    expected: Expectations,
    problems: Vec<ProblemJson<'a>>,
    streams: Vec<StreamJson<'a>>,
}

#[derive(Serialize)]
struct Expectations {
    live: bool,
    #[serde(flatten)]
    values: Measurements<3>,
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
    newest: Measurements<3>,
    #[serde(flatten)]
    aggregates: Measurements<8>,
    samples_total: u64,
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
    min: Measurements<3>,
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

/// Handles `/api/v1/channels`.
pub(super) async fn channels(request: RequestContext) -> Response<Body> {
    request
        .render(|request| -> Result<_, ErrorResponse> {
            request.reject_unknown_parameters(&["q", "account", "state", "sort"])?;
            let query: Query = request.parameters()?;
            let snapshot = request.app.snapshot();
            let selected = query.select(&snapshot.channels);
            Ok(request.json_response(&ChannelsResponse {
                timestamp_seconds: snapshot.wall.as_seconds(),
                exporter: Exporter::from(&snapshot.exporter),
                counts: Counts::of(&snapshot.channels),
                channels: selected.into_iter().map(ChannelJson::from).collect(),
            }))
        })
        .await
}

/// Handles `/api/v1/channels/{id}`.
pub(super) async fn channel(
    id: Result<Path<String>, PathRejection>,
    request: RequestContext,
) -> Response<Body> {
    request
        .render(move |request| -> Result<_, ErrorResponse> {
            request.reject_unknown_parameters(&[])?;
            let snapshot = request.app.exporter_only();
            // A path that is not UTF-8 is no channel's id.
            let found = id
                .ok()
                .and_then(|Path(id)| request.app.detail(&id, snapshot.now));
            let detail = found.ok_or_else(|| ErrorResponse {
                status: StatusCode::NOT_FOUND,
                error: "There is no channel with this number in the configuration.".to_owned(),
            })?;
            Ok(request.json_response(&ChannelResponse {
                timestamp_seconds: snapshot.wall.as_seconds(),
                channel: ChannelJson::from(&detail.channel),
                history: detail.histories.iter().map(HistoryJson::from).collect(),
                last_polls: detail.poll_log.iter().map(PollLogJson::from).collect(),
            }))
        })
        .await
}

/// Reports that no route has a path.
pub(super) fn not_found() -> Response<Body> {
    let error = "There is nothing at this path.".to_owned();
    let status = StatusCode::NOT_FOUND;
    ErrorResponse { status, error }.into_response()
}

// === impl ErrorResponse ===

impl From<BadRequest> for ErrorResponse {
    fn from(BadRequest(error): BadRequest) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, error }
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response<Body> {
        let mut response = respond::with_type(self.status, JSON, respond::json(&self));
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(CACHE_CONTROL, no_store);
        response
    }
}

// === impl Measurements ===

impl Measurements<3> {
    fn new(values: &SampleValues) -> Self {
        Self([
            ("video_bitrate_bps", values.video_bitrate.get()),
            ("video_framerate_fps", values.video_framerate.get()),
            ("audio_framerate_fps", values.audio_framerate.get()),
        ])
    }
}

impl<const N: usize> Serialize for Measurements<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = self
            .0
            .iter()
            .filter_map(|(key, value)| Some((key, (*value)?)));
        serializer.collect_map(known)
    }
}

fn seconds(time: Option<Timestamp>) -> Option<f64> {
    time.map(Timestamp::as_seconds)
}

// === conversions ===

impl<'a> From<&'a ExporterStatus> for Exporter<'a> {
    fn from(exporter: &'a ExporterStatus) -> Self {
        let requests = exporter.requests.iter();
        Self {
            version: BuildInfo::THIS.version,
            revision: BuildInfo::THIS.revision,
            api_requests_total: requests
                .map(|(outcome, n)| (outcome.as_str(), *n))
                .collect(),
            api_paused: exporter.paused,
            api_clock_skew: Measurements([("api_clock_skew_seconds", exporter.clock_skew)]),
            refused_accounts: &exporter.refused_accounts,
            poll_lag_seconds: exporter.poll_lag,
            poll_stretch_ratio: exporter.poll_stretch,
            config_last_reload_successful: exporter.reload_successful,
            config_last_reload_success_timestamp_seconds: exporter.reload_success.as_seconds(),
        }
    }
}

impl<'a> From<&'a ChannelSnapshot> for ChannelJson<'a> {
    fn from(snapshot: &'a ChannelSnapshot) -> Self {
        let channel = &snapshot.meta.channel;
        let expect = &channel.expect;
        let problems = snapshot.problems.iter().map(|problem| ProblemJson {
            problem: problem.kind.as_str(),
            severity: problem.kind.severity().as_str(),
            stream: problem.stream.as_ref().map(StreamName::as_str),
        });
        Self {
            account: &snapshot.meta.account,
            channel_id: &channel.id,
            channel_name: &channel.name,
            labels: &channel.labels,
            state: snapshot.state.as_str(),
            reported_status: snapshot.reported.map(LiveStatus::as_str),
            state_changed_timestamp_seconds: snapshot.since.as_seconds(),
            live_transitions_total: snapshot.transitions,
            last_poll_outcome: snapshot.last_outcome.map(Outcome::as_str),
            last_times: Measurements([
                (
                    "last_poll_success_timestamp_seconds",
                    seconds(snapshot.last_success),
                ),
                (
                    "last_new_sample_timestamp_seconds",
                    seconds(snapshot.last_new_sample),
                ),
                (
                    "last_sample_timestamp_seconds",
                    seconds(snapshot.last_sample),
                ),
            ]),
            expected: Expectations {
                live: expect.live,
                values: Measurements([
                    ("video_bitrate_bps", expect.video_bitrate_bps),
                    ("video_framerate_fps", expect.video_framerate_fps),
                    ("audio_framerate_fps", expect.audio_framerate_fps),
                ]),
            },
            problems: problems.collect(),
            streams: snapshot.streams.iter().map(StreamJson::from).collect(),
        }
    }
}

impl<'a> From<&'a StreamSnapshot> for StreamJson<'a> {
    fn from(stream: &'a StreamSnapshot) -> Self {
        let aggregates = &stream.aggregates;
        Self {
            stream: stream.name.as_str(),
            last_sample_timestamp_seconds: aggregates.newest_time.as_seconds(),
            newest: Measurements::new(&aggregates.newest),
            aggregates: Measurements([
                ("video_bitrate_min_bps", aggregates.min.video_bitrate.get()),
                (
                    "video_framerate_min_fps",
                    aggregates.min.video_framerate.get(),
                ),
                (
                    "audio_framerate_min_fps",
                    aggregates.min.audio_framerate.get(),
                ),
                ("video_bitrate_max_bps", aggregates.max.video_bitrate.get()),
                (
                    "video_framerate_max_fps",
                    aggregates.max.video_framerate.get(),
                ),
                (
                    "video_bitrate_baseline_bps",
                    aggregates.video_bitrate_baseline,
                ),
                (
                    "last_video_frame_timestamp_seconds",
                    seconds(aggregates.last_video_frame),
                ),
                (
                    "last_audio_frame_timestamp_seconds",
                    seconds(aggregates.last_audio_frame),
                ),
            ]),
            samples_total: stream.samples_total,
        }
    }
}

impl<'a> From<&'a StreamHistory> for HistoryJson<'a> {
    fn from(history: &'a StreamHistory) -> Self {
        let points = history.steps.iter().map(|step| PointJson {
            timestamp_seconds: step.time.as_seconds(),
            min: Measurements::new(&step.values),
        });
        Self {
            stream: history.name.as_str(),
            points: points.collect(),
        }
    }
}

impl<'a> From<&'a PollLogView> for PollLogJson<'a> {
    fn from(run: &'a PollLogView) -> Self {
        Self {
            outcome: run.outcome.as_str(),
            message: run.message.as_deref(),
            first_timestamp_seconds: run.first.as_seconds(),
            last_timestamp_seconds: run.last.as_seconds(),
            polls: run.count,
            new_samples: run.new_samples,
        }
    }
}
