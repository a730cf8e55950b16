//! Channels as targets, for Prometheus' HTTP service discovery.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;

use super::api::known_parameters;
use super::respond::{self, JSON, Visit};
use crate::metrics::ChannelSnapshot;

/// A group of targets that have labels in common: here, one channel.
#[derive(Serialize)]
struct Group<'a> {
    targets: [&'a str; 1],
    labels: BTreeMap<String, &'a str>,
}

/// Answers `/sd`.
pub(super) async fn targets(visit: Visit) -> Response<Body> {
    visit
        .answer(|visit| {
            known_parameters(&visit.uri, &[])?;
            let present = visit.site.present();
            let groups: Vec<_> = present.views.iter().map(Group::of).collect();
            let body = respond::json(&groups);
            Ok(respond::fresh(StatusCode::OK, JSON, body, visit))
        })
        .await
}

impl<'a> Group<'a> {
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
