//! What the script of a page requests.

use std::collections::BTreeMap;

use maud::Markup;
use serde::Serialize;

use super::context::RenderContext;
use super::{assets, status_bar};
use crate::http::state::Snapshot;

/// The parts of a page that have changed since its last request.
#[derive(Serialize)]
pub(super) struct PageUpdate {
    /// The build of the program; another one requires to load the page again.
    build: &'static str,
    /// The cursor for the next request.
    cursor: String,
    /// The time by the host's clock, in milliseconds.
    now: i64,
    title: String,
    /// Contents of elements, by their ids.
    parts: BTreeMap<&'static str, String>,
    /// The ids of the table's rows in their order, if there is a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order: Option<Vec<String>>,
    /// The rows that have changed, by their ids.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) rows: BTreeMap<String, String>,
}

// === impl PageUpdate ===

impl PageUpdate {
    /// An update of the title and of what the exporter says of itself.
    pub(super) fn new(
        cursor: String,
        title: String,
        snapshot: &Snapshot,
        context: RenderContext,
    ) -> Self {
        let exporter = status_bar::exporter(&snapshot.exporter, context);
        Self {
            build: &assets::BUILD,
            cursor,
            now: context.wall.as_millis(),
            title,
            parts: BTreeMap::from([("exporter", exporter.into_string())]),
            order: None,
            rows: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, id: &'static str, content: Markup) {
        self.parts.insert(id, content.into_string());
    }
}
