//! The page of one channel.

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{Response, StatusCode};
use maud::{Markup, html};

use super::broadcasts_page;
use super::channel_detail;
use super::context::RenderContext;
use super::layout::Layout;
use super::page_params::PageParams;
use super::page_update::PageUpdate;
use super::text;
use crate::http::AppState;
use crate::http::request_context::RequestContext;
use crate::http::respond;
use crate::state::ChannelDetail;

/// Handles `/channels/{id}`.
pub(super) async fn page(
    id: Result<Path<String>, PathRejection>,
    request: RequestContext,
) -> Response<Body> {
    request
        .render(move |request| {
            let (id, params): (String, PageParams) = (id_text(id), request.parameters()?);
            let app = &request.app;
            let snapshot = app.exporter_only();
            let context = params.context(request, &snapshot);
            let detail = app.detail(&id, snapshot.now);
            let main = html! {
                p { a href="../." { "← " (context.messages().all_channels) } }
                div #channel { (content(detail.as_ref(), &id, app, context)) }
            };
            let feed = format!("fragments/channels/{id}");
            let layout = Layout {
                title: &title(detail.as_ref(), &id, context),
                root: "../",
                // An unknown id may contain anything.
                feed: detail.is_some().then_some(feed.as_str()),
                cursor: "",
                telemetry_path: &app.deps.telemetry_path,
                query: "",
            };
            let status = match detail {
                Some(_) => StatusCode::OK,
                None => StatusCode::NOT_FOUND,
            };
            let page = layout.page(&main, &snapshot.exporter, context);
            Ok(params.response(status, page))
        })
        .await
}

/// Handles `/fragments/channels/{id}`.
pub(super) async fn update(
    id: Result<Path<String>, PathRejection>,
    request: RequestContext,
) -> Response<Body> {
    request
        .render(move |request| {
            let (id, params): (String, PageParams) = (id_text(id), request.parameters()?);
            let app = &request.app;
            let snapshot = app.exporter_only();
            let context = params.context(request, &snapshot);
            let detail = app.detail(&id, snapshot.now);
            // That a channel left the configuration is an update as well.
            let version = detail.as_ref().map_or(0, |detail| detail.channel.version);
            let cursor = app.cursor(version);
            let is_changed = params.since.as_deref() != Some(&cursor);
            let title = title(detail.as_ref(), &id, context);
            let mut update = PageUpdate::new(cursor, title, &snapshot, context);
            if is_changed && !params.brief {
                update.add("channel", content(detail.as_ref(), &id, app, context));
            }
            Ok(respond::json(&update)?)
        })
        .await
}

/// The id in the path; one that is not UTF-8 is unknown.
fn id_text(id: Result<Path<String>, PathRejection>) -> String {
    id.map_or_else(|_| "?".to_owned(), |Path(id)| id)
}

fn content(
    detail: Option<&ChannelDetail>,
    id: &str,
    app: &AppState,
    context: RenderContext,
) -> Markup {
    match detail {
        Some(detail) => {
            let recorded = broadcasts_page::latest(app, id, context);
            channel_detail::render(detail, &app.deps.store.policy(), recorded.as_ref(), context)
        }
        None => html! {
            p { (context.messages().no_such_channel) " " (text::isolated(id)) }
        },
    }
}

fn title(detail: Option<&ChannelDetail>, id: &str, context: RenderContext) -> String {
    let Some(ChannelDetail { channel, .. }) = detail else {
        return text::display_text(id);
    };
    let name = text::display_text(&channel.meta.channel.name);
    let state = match channel.problems.first() {
        Some(problem) => context.language.problem(problem.kind),
        None => context.language.state(channel.state),
    };
    format!("{state} · {name} · polyv-exporter")
}
