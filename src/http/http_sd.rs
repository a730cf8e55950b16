//! Channels as targets, for Prometheus' HTTP service discovery.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;

use super::respond::{self, JSON, RequestContext, known_parameters};
use crate::state::ChannelSnapshot;

/// A group of targets that have labels in common: here, one channel.
#[derive(Serialize)]
struct TargetGroup<'a> {
    targets: [&'a str; 1],
    labels: BTreeMap<String, &'a str>,
}

/// Answers `/sd`.
pub(super) async fn handler(request: RequestContext) -> Response<Body> {
    request
        .answer(|request| {
            known_parameters(&request.uri, &[])?;
            let snapshot = request.app.snapshot();
            let groups: Vec<_> = snapshot.channels.iter().map(TargetGroup::of).collect();
            let body = respond::json(&groups);
            Ok(respond::no_store_response(
                StatusCode::OK,
                JSON,
                body,
                request,
            ))
        })
        .await
}

impl<'a> TargetGroup<'a> {
    /// All labels are for relabelling only: Prometheus drops those that begin with `__`, so that
    /// one that changes makes no new series.
    fn of(view: &'a ChannelSnapshot) -> Self {
        let identity = &view.meta;
        let mut labels = BTreeMap::from([
            ("__meta_polyv_account".to_owned(), &*identity.account),
            (
                "__meta_polyv_channel_name".to_owned(),
                &identity.channel.name,
            ),
            ("__meta_polyv_channel_state".to_owned(), view.state.as_str()),
        ]);
        for (name, value) in &identity.channel.labels {
            labels.insert(format!("__meta_polyv_channel_label_{name}"), value);
        }
        Self {
            targets: [&identity.channel.id],
            labels,
        }
    }
}
