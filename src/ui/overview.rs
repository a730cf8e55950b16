//! The overview: all channels in a table.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use maud::{Markup, html};

use super::context::RenderContext;
use super::layout::Layout;
use super::page_params::PageParams;
use super::page_selection::PageSelection;
use super::page_update::PageUpdate;
use super::{status_bar, table};
use crate::http::AppState;
use crate::http::query::Query;
use crate::http::request_context::RequestContext;
use crate::http::respond;
use crate::state::ChannelSnapshot;

/// Handles `/`.
pub(super) async fn page(request: RequestContext) -> Response<Body> {
    request
        .render(|request| {
            let (query, params): (Query, PageParams) =
                (request.parameters()?, request.parameters()?);
            let app = &request.app;
            let snapshot = app.snapshot();
            let context = params.context(request, &snapshot);
            let selection = PageSelection::new(&query, params.page, &snapshot);
            let main = html! {
                h1.unseen { (context.messages().all_channels) }
                ul #counts { (status_bar::counts(selection.counts, &query, context)) }
                (table::filters(&query, &selection.accounts, context))
                table #channels {
                    thead #headings { (table::headings(&query, context)) }
                    @for channel in &selection.rows {
                        (row(app, channel, context))
                    }
                }
                div #pager { (table::pager(&selection, &query, context)) }
            };
            let layout = Layout {
                title: &status_bar::title(selection.counts, context),
                root: "",
                feed: Some("fragments/channels"),
                cursor: &app.cursor(snapshot.version),
                telemetry_path: &app.deps.telemetry_path,
                query: &query.encoded(),
            };
            let page = layout.page(&main, &snapshot.exporter, context);
            Ok(params.response(StatusCode::OK, page))
        })
        .await
}

/// Handles `/fragments/channels`.
pub(super) async fn update(request: RequestContext) -> Response<Body> {
    request
        .render(|request| {
            let (query, params): (Query, PageParams) =
                (request.parameters()?, request.parameters()?);
            let app = &request.app;
            let snapshot = app.snapshot();
            let context = params.context(request, &snapshot);
            let selection = PageSelection::new(&query, params.page, &snapshot);
            let title = status_bar::title(selection.counts, context);
            let cursor = app.cursor(snapshot.version);
            let mut update = PageUpdate::new(cursor, title, &snapshot, context);
            update.add(
                "counts",
                status_bar::counts(selection.counts, &query, context),
            );
            if !params.brief {
                let accounts = table::accounts(&query, &selection.accounts, context);
                update.add("accounts", accounts);
                update.add("headings", table::headings(&query, context));
                update.add("pager", table::pager(&selection, &query, context));
                let since = params.since.and_then(|cursor| app.cursor_version(&cursor));
                let rows = selection.rows.iter();
                update.order = Some(rows.clone().map(|channel| table::row_id(channel)).collect());
                update.rows = rows
                    .filter(|channel| since.is_none_or(|since| channel.version > since))
                    .map(|channel| {
                        let row = row(app, channel, context);
                        (table::row_id(channel), row.into_string())
                    })
                    .collect();
            }
            Ok(respond::json(&update)?)
        })
        .await
}

fn row(app: &AppState, channel: &ChannelSnapshot, context: RenderContext) -> Markup {
    let histories = app.deps.store.histories(channel.key, context.polyv);
    table::row(channel, &histories, context)
}
