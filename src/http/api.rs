//! Channels as JSON; `docs/http-api.md` is the contract.
//!
//! Names and units are those of the metrics.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{Response, StatusCode};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::pieces::Pieces;
use super::query::{Counts, Query};
use super::rejection::Rejection;
use super::request_context::RequestContext;
use super::respond::{self, JSON};
use crate::config::{Content, Expect};
use crate::state::{
    ChannelSnapshot, HealthIssue, HistoryPoint, PollLogView, SampleValues, StreamAggregates,
    StreamHistory, StreamSnapshot,
};
use crate::telemetry::{BuildInfo, ExporterStatus};
use polyv_client::clock::Timestamp;
use polyv_client::{LiveStatus, Outcome, StreamName};

/// The response of `/api/v1/channels`, up to the list of channels.
#[derive(Serialize)]
struct ChannelsHead<'a> {
    /// The time by the host's clock.
    timestamp_seconds: f64,
    exporter: Json<'a, ExporterStatus>,
    /// All channels, regardless of the query.
    counts: Counts,
}

/// The response of `/api/v1/channels/{id}`.
#[derive(Serialize)]
struct ChannelResponse<'a> {
    timestamp_seconds: f64,
    channel: Json<'a, ChannelSnapshot>,
    history: Vec<Json<'a, StreamHistory>>,
    last_polls: Vec<Json<'a, PollLogView>>,
}

/// A value as the API shows it.
struct Json<'a, T>(&'a T);

/// What the API shows as an object.
trait WriteJson {
    fn write<M: SerializeMap>(&self, object: &mut Object<M>) -> Result<(), M::Error>;
}

/// Takes an object key by key.
struct Object<M>(M);

/// Handles `/api/v1/channels`.
pub(super) async fn channels(request: RequestContext) -> Response<Body> {
    request
        .render(|request| {
            request.reject_unknown_parameters(&["q", "account", "state", "sort"])?;
            let query: Query = request.parameters()?;
            let snapshot = request.app.snapshot();
            let mut head = serde_json::to_vec(&ChannelsHead {
                timestamp_seconds: snapshot.wall.as_seconds(),
                exporter: Json(&snapshot.exporter),
                counts: Counts::of(&snapshot.channels),
            })?;
            // The list goes on where the object ends.
            head.pop();
            head.extend_from_slice(b",\"channels\":[");
            let selected = query.select(&snapshot.channels).into_iter();
            let keys = selected.map(|channel| channel.key).collect();
            let channels = request.app.channels(&snapshot, keys);
            let body = Pieces::json_list(
                head,
                channels.filter(move |channel| query.matches(channel)),
                |out, channel| serde_json::to_writer(out, &Json(channel)),
                "]}\n",
            );
            Ok(respond::with_type(StatusCode::OK, JSON, body))
        })
        .await
}

/// Handles `/api/v1/channels/{id}`.
pub(super) async fn channel(
    id: Result<Path<String>, PathRejection>,
    request: RequestContext,
) -> Response<Body> {
    request
        .render(move |request| {
            request.reject_unknown_parameters(&[])?;
            let snapshot = request.app.exporter_only();
            // A path that is not UTF-8 is no channel's id.
            let found = id
                .ok()
                .and_then(|Path(id)| request.app.detail(&id, snapshot.now));
            let detail = found.ok_or_else(|| {
                Rejection::not_found("There is no channel with this number in the configuration.")
            })?;
            Ok(respond::json(&ChannelResponse {
                timestamp_seconds: snapshot.wall.as_seconds(),
                channel: Json(&detail.channel),
                history: list(&detail.histories),
                last_polls: list(&detail.poll_log),
            })?)
        })
        .await
}

fn list<T>(values: &[T]) -> Vec<Json<'_, T>> {
    values.iter().map(Json).collect()
}

// === impl Object ===

impl<M: SerializeMap> Object<M> {
    fn field(&mut self, key: &'static str, value: impl Serialize) -> Result<(), M::Error> {
        self.0.serialize_entry(key, &value)
    }

    /// Leaves the key out if the value is not known.
    fn known(&mut self, key: &'static str, value: Option<impl Serialize>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.field(key, value))
    }

    fn known_time(&mut self, key: &'static str, time: Option<Timestamp>) -> Result<(), M::Error> {
        self.known(key, time.map(Timestamp::as_seconds))
    }

    fn known_values(&mut self, values: &SampleValues) -> Result<(), M::Error> {
        self.known("video_bitrate_bps", values.video_bitrate.get())?;
        self.known("video_framerate_fps", values.video_framerate.get())?;
        self.known("audio_framerate_fps", values.audio_framerate.get())
    }
}

// === impl Json ===

impl<T: WriteJson> Serialize for Json<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object(serializer.serialize_map(None)?);
        self.0.write(&mut object)?;
        object.0.end()
    }
}

impl WriteJson for ExporterStatus {
    fn write<M: SerializeMap>(&self, object: &mut Object<M>) -> Result<(), M::Error> {
        let requests = self.requests.iter();
        let requests: BTreeMap<_, _> = requests.map(|(outcome, n)| (outcome.as_str(), n)).collect();
        let reloaded = self.reload_success.as_seconds();
        object.field("version", BuildInfo::THIS.version)?;
        object.field("revision", BuildInfo::THIS.revision)?;
        object.field("api_requests_total", requests)?;
        object.field("api_paused", self.paused)?;
        object.known("api_clock_skew_seconds", self.clock_skew)?;
        object.field("refused_accounts", &self.refused_accounts)?;
        object.field("poll_lag_seconds", self.poll_lag)?;
        object.field("poll_stretch_ratio", self.poll_stretch)?;
        object.field("config_last_reload_successful", self.reload_successful)?;
        object.field("config_last_reload_success_timestamp_seconds", reloaded)
    }
}

impl WriteJson for ChannelSnapshot {
    fn write<M: SerializeMap>(&self, object: &mut Object<M>) -> Result<(), M::Error> {
        let channel = &self.meta.channel;
        let outcome = self.last_outcome.map(Outcome::as_str);
        object.field("account", &*self.meta.account)?;
        object.field("channel_id", &*channel.id)?;
        object.field("channel_name", &*channel.name)?;
        object.field("labels", &channel.labels)?;
        object.field("state", self.state.as_str())?;
        object.known("reported_status", self.reported.map(LiveStatus::as_str))?;
        object.field("state_changed_timestamp_seconds", self.since.as_seconds())?;
        object.field("live_transitions_total", self.transitions)?;
        object.known("last_poll_outcome", outcome)?;
        object.known_time("last_poll_success_timestamp_seconds", self.last_success)?;
        object.known_time("last_new_sample_timestamp_seconds", self.last_new_sample)?;
        object.known_time("last_sample_timestamp_seconds", self.last_sample)?;
        object.known("source", self.sources.map(|choice| choice.source.as_str()))?;
        object.known(
            "source_reason",
            self.sources.map(|choice| choice.reason.as_str()),
        )?;
        let push = self.push.as_ref();
        object.known("pushing", push.and_then(|push| push.is_pushing))?;
        object.known("ingest_lost_frames", push.and_then(|push| push.lost_frames))?;
        object.known(
            "ingest_node",
            push.and_then(|push| push.ingest_node.as_deref()),
        )?;
        object.field("expected", Json(&channel.expect))?;
        object.known("viewers", self.viewers)?;
        object.known("expected_live", self.is_expected_live())?;
        let planned = self.plan.and_then(|plan| plan.broadcast);
        let (start, end) = (planned.map(|p| p.start), planned.and_then(|p| p.end));
        object.known_time("planned_start_timestamp_seconds", start)?;
        object.known_time("planned_end_timestamp_seconds", end)?;
        object.field("problems", list(&self.problems))?;
        object.field("streams", list(&self.streams))
    }
}

impl WriteJson for Expect {
    fn write<M: SerializeMap>(&self, object: &mut Object<M>) -> Result<(), M::Error> {
        object.field("live", self.live)?;
        object.known("content", self.content.map(Content::as_str))?;
        object.known("video_bitrate_bps", self.video_bitrate_bps)?;
        object.known("video_framerate_fps", self.video_framerate_fps)?;
        object.known("audio_framerate_fps", self.audio_framerate_fps)
    }
}

impl WriteJson for HealthIssue {
    fn write<M: SerializeMap>(&self, object: &mut Object<M>) -> Result<(), M::Error> {
        object.field("problem", self.kind.as_str())?;
        object.field("severity", self.kind.severity().as_str())?;
        object.field("likely_cause", self.likely_cause.as_str())?;
        object.known("stream", self.stream.as_ref().map(StreamName::as_str))
    }
}

impl WriteJson for StreamSnapshot {
    fn write<M: SerializeMap>(&self, object: &mut Object<M>) -> Result<(), M::Error> {
        let aggregates = &self.aggregates;
        let StreamAggregates { min, max, .. } = aggregates;
        let newest_time = aggregates.newest_time.as_seconds();
        object.field("stream", self.name.as_str())?;
        object.field("last_sample_timestamp_seconds", newest_time)?;
        object.known_values(&aggregates.newest)?;
        object.known("video_bitrate_min_bps", min.video_bitrate.get())?;
        object.known("video_framerate_min_fps", min.video_framerate.get())?;
        object.known("audio_framerate_min_fps", min.audio_framerate.get())?;
        object.known("video_bitrate_max_bps", max.video_bitrate.get())?;
        object.known("video_framerate_max_fps", max.video_framerate.get())?;
        object.known(
            "video_bitrate_baseline_bps",
            aggregates.video_bitrate_baseline,
        )?;
        object.known(
            "video_bitrate_baseline_low_bps",
            aggregates.video_bitrate_baseline_low,
        )?;
        object.known(
            "video_framerate_baseline_fps",
            aggregates.video_framerate_baseline,
        )?;
        object.known_time(
            "last_video_frame_timestamp_seconds",
            aggregates.last_video_frame,
        )?;
        object.known_time(
            "last_audio_frame_timestamp_seconds",
            aggregates.last_audio_frame,
        )?;
        let interval = aggregates.sample_interval;
        object.known(
            "sample_interval_seconds",
            interval.map(|interval| interval.as_secs_f64()),
        )?;
        object.field("samples_total", self.samples_total)
    }
}

impl WriteJson for StreamHistory {
    fn write<M: SerializeMap>(&self, object: &mut Object<M>) -> Result<(), M::Error> {
        object.field("stream", self.name.as_str())?;
        object.field("points", list(&self.steps))
    }
}

impl WriteJson for HistoryPoint {
    fn write<M: SerializeMap>(&self, object: &mut Object<M>) -> Result<(), M::Error> {
        object.field("timestamp_seconds", self.time.as_seconds())?;
        object.known_values(&self.values)
    }
}

impl WriteJson for PollLogView {
    fn write<M: SerializeMap>(&self, object: &mut Object<M>) -> Result<(), M::Error> {
        object.field("outcome", self.outcome.as_str())?;
        object.known("message", self.message.as_deref())?;
        object.field("first_timestamp_seconds", self.first.as_seconds())?;
        object.field("last_timestamp_seconds", self.last.as_seconds())?;
        object.field("polls", self.count)?;
        object.field("new_samples", self.new_samples)
    }
}
