//! Channels as targets, for the HTTP service discovery of Prometheus.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;

use super::pieces::Pieces;
use super::request_context::RequestContext;
use super::respond::{self, JSON};
use crate::state::ChannelSnapshot;

/// A group of targets that have labels in common: one channel.
#[derive(Serialize)]
struct TargetGroup<'a> {
    targets: [&'a str; 1],
    labels: BTreeMap<String, &'a str>,
}

/// Handles `/sd`.
pub(super) async fn handler(request: RequestContext) -> Response<Body> {
    request
        .render(|request| {
            request.reject_unknown_parameters(&[])?;
            let snapshot = request.app.snapshot();
            let keys = snapshot.channels.iter().map(|channel| channel.key);
            let channels = request.app.channels(&snapshot, keys.collect());
            let groups = Pieces::json_list(
                b"[".to_vec(),
                channels,
                |out, channel| serde_json::to_writer(out, &TargetGroup::from(channel)),
                "]\n",
            );
            Ok(respond::with_type(StatusCode::OK, JSON, groups))
        })
        .await
}

impl<'a> From<&'a ChannelSnapshot> for TargetGroup<'a> {
    /// All labels are for relabelling only: Prometheus drops labels that begin with `__`, so that
    /// a changed label makes no new series.
    fn from(snapshot: &'a ChannelSnapshot) -> Self {
        let meta = &snapshot.meta;
        let state = snapshot.state.as_str();
        let mut labels = BTreeMap::from([
            ("__meta_polyv_account".to_owned(), &*meta.account),
            ("__meta_polyv_channel_name".to_owned(), &meta.channel.name),
            ("__meta_polyv_channel_state".to_owned(), state),
        ]);
        for (name, value) in &meta.channel.labels {
            labels.insert(format!("__meta_polyv_channel_label_{name}"), value);
        }
        Self {
            targets: [&meta.channel.id],
            labels,
        }
    }
}
