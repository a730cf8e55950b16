//! The status page, for people: what is live and what is ill.
//!
//! Everything is rendered here, once: a page begins with what the server wrote, and its script
//! asks for the parts that have changed since and puts them in place. So the first paint needs
//! no script, and there is one template of everything.

mod assets;
mod channel_page;
mod chart;
mod i18n;
mod language;
mod layout;
mod status_bar;
mod table;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderValue, SET_COOKIE};
use axum::http::{Response, StatusCode};
use axum::routing::get;
use maud::{Markup, html};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::http::query::{Counts, Query};
use crate::http::respond::{self, HTML, JSON, RequestContext};
use crate::http::state::{AppState, Snapshot};
use crate::state::{ChannelDetail, ChannelSnapshot};
use i18n::Messages;
use language::Language;
use layout::Layout;
use table::RowContext;

/// So many channels are on one page of the table.
const PAGE: usize = 1000;
/// The cookie that remembers the language. Cookies are shared by all ports of a host, so it
/// says whose it is.
const COOKIE_NAME: &str = "polyv_exporter_lang";

/// The parameters that are about the page and not about the channels.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Params {
    lang: Option<String>,
    /// From 1 on.
    #[serde(deserialize_with = "page_number")]
    page: Option<usize>,
    /// What the page knows already.
    since: Option<String>,
    /// Whether nobody looks: the numbers are enough then.
    brief: bool,
}

/// Says which parameter is wrong, which the error for a number does not.
fn page_number<'de, D: Deserializer<'de>>(value: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(value)?;
    let number = text.parse().map_err(|_| {
        D::Error::custom(format_args!("`page` must be a whole number, not `{text}`"))
    })?;
    Ok(Some(number))
}

/// What has changed since the page asked last.
#[derive(Serialize)]
struct PageUpdate<'a> {
    /// Another one is another program: the page has to be loaded anew.
    build: &'a str,
    /// To be sent with the next question.
    cursor: String,
    /// The host's clock, in milliseconds.
    now: i64,
    title: String,
    /// Contents of elements, by their ids.
    parts: BTreeMap<&'static str, String>,
    /// The elements of the table's channels in their order, where there is a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Vec<String>>,
    /// Those of them that have changed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    rows: BTreeMap<String, String>,
}

/// The channels that are on the page.
struct PageSelection<'a> {
    counts: Counts,
    accounts: BTreeSet<&'a str>,
    rows: Vec<&'a ChannelSnapshot>,
    matching: usize,
    page: usize,
    offset: usize,
}

/// The page's routes.
pub fn routes() -> Router<Arc<AppState>> {
    Router::new()
        .route("/", get(overview))
        .route("/channels/{id}", get(channel_page))
        .route("/fragments/channels", get(overview_news))
        .route("/fragments/channels/{id}", get(channel_news))
        .route("/assets/{name}", get(assets::asset))
}

async fn overview(request: RequestContext) -> Response<Body> {
    request
        .answer(|request| {
            let (query, params): (Query, Params) = (request.parameters()?, request.parameters()?);
            let app = &request.app;
            let snapshot = app.snapshot();
            let context = context(request, &params, &snapshot);
            let shown = shown(&query, &params, &snapshot);
            let main = html! {
                h1.unseen { (context.language.messages().all_channels) }
                ul #counts { (status_bar::counts(shown.counts, &query, context)) }
                (table::filters(&query, &shown.accounts, context))
                table #channels {
                    thead #headings { (table::headings(&query, context)) }
                    @for view in &shown.rows {
                        (row(app, view, context))
                    }
                }
                div #pager { (table::pager(&shown, &query, context)) }
            };
            let layout = Layout {
                title: &status_bar::title(shown.counts, context),
                root: "",
                feed: Some("fragments/channels"),
                cursor: &app.cursor(snapshot.version),
                telemetry_path: &app.deps.telemetry_path,
                query: &query.encoded(),
            };
            let exporter = status_bar::exporter(&snapshot.exporter, context);
            let page = layout.page(&main, &exporter, context).into_string();
            let answer = respond::no_store_response(StatusCode::OK, HTML, page.into(), request);
            Ok(remember(&params, answer))
        })
        .await
}

async fn overview_news(request: RequestContext) -> Response<Body> {
    request
        .answer(|request| {
            let (query, params): (Query, Params) = (request.parameters()?, request.parameters()?);
            let app = &request.app;
            let snapshot = app.snapshot();
            let context = context(request, &params, &snapshot);
            let mut shown = shown(&query, &params, &snapshot);
            let title = status_bar::title(shown.counts, context);
            let mut parts = vec![
                ("counts", status_bar::counts(shown.counts, &query, context)),
                (
                    "exporter",
                    status_bar::exporter(&snapshot.exporter, context),
                ),
            ];
            if params.brief {
                shown.rows.clear();
            } else {
                parts.extend([
                    (
                        "accounts",
                        table::accounts(&query, &shown.accounts, context),
                    ),
                    ("headings", table::headings(&query, context)),
                    ("pager", table::pager(&shown, &query, context)),
                ]);
            }
            let since = params.since.as_deref();
            let since = since.and_then(|cursor| app.since(cursor));
            let changed = |view: &&&ChannelSnapshot| since.is_none_or(|since| view.version > since);
            let id = |view: &ChannelSnapshot| format!("c{}", view.meta.channel.id);
            let parts = parts.into_iter();
            let update = PageUpdate {
                build: &assets::BUILD,
                cursor: app.cursor(snapshot.version),
                now: context.wall.as_millis(),
                title,
                parts: parts.map(|(id, part)| (id, part.into_string())).collect(),
                order: (!params.brief).then(|| shown.rows.iter().map(|v| id(v)).collect()),
                rows: shown
                    .rows
                    .iter()
                    .filter(changed)
                    .map(|view| (id(view), row(app, view, context).into_string()))
                    .collect(),
            };
            let body = respond::json(&update);
            Ok(respond::no_store_response(
                StatusCode::OK,
                JSON,
                body,
                request,
            ))
        })
        .await
}

async fn channel_page(
    id: Result<Path<String>, PathRejection>,
    request: RequestContext,
) -> Response<Body> {
    request
        .answer(move |request| {
            let (id, params): (String, Params) = (number(id), request.parameters()?);
            let app = &request.app;
            let snapshot = app.exporter_only();
            let context = context(request, &params, &snapshot);
            let found = app.detail(&id, snapshot.now);
            let status = if found.is_some() {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            };
            let main = html! {
                p { a href="../." { "← " (context.language.messages().all_channels) } }
                div #channel { (content_of(found.as_ref(), &id, app, context)) }
            };
            let feed = format!("fragments/channels/{id}");
            let layout = Layout {
                title: &channel_title(found.as_ref(), &id, context),
                root: "../",
                // A number that is not there may be anything.
                feed: found.is_some().then_some(feed.as_str()),
                cursor: "",
                telemetry_path: &app.deps.telemetry_path,
                query: "",
            };
            let exporter = status_bar::exporter(&snapshot.exporter, context);
            let page = layout.page(&main, &exporter, context).into_string();
            let answer = respond::no_store_response(status, HTML, page.into(), request);
            Ok(remember(&params, answer))
        })
        .await
}

async fn channel_news(
    id: Result<Path<String>, PathRejection>,
    request: RequestContext,
) -> Response<Body> {
    request
        .answer(move |request| {
            let (id, params): (String, Params) = (number(id), request.parameters()?);
            let app = &request.app;
            let snapshot = app.exporter_only();
            let context = context(request, &params, &snapshot);
            let found = app.detail(&id, snapshot.now);
            // One that left the configuration is update as well.
            let version = found.as_ref().map_or(0, |detail| detail.channel.version);
            let cursor = app.cursor(version);
            let mut parts = BTreeMap::new();
            let exporter = status_bar::exporter(&snapshot.exporter, context);
            parts.insert("exporter", exporter.into_string());
            if !params.brief && params.since.as_deref() != Some(&cursor) {
                let fresh = content_of(found.as_ref(), &id, app, context);
                parts.insert("channel", fresh.into_string());
            }
            let update = PageUpdate {
                build: &assets::BUILD,
                cursor,
                now: context.wall.as_millis(),
                title: channel_title(found.as_ref(), &id, context),
                parts,
                order: None,
                rows: BTreeMap::new(),
            };
            let body = respond::json(&update);
            Ok(respond::no_store_response(
                StatusCode::OK,
                JSON,
                body,
                request,
            ))
        })
        .await
}

/// A channel's number, as it stands in the address; what is not even text is none.
fn number(id: Result<Path<String>, PathRejection>) -> String {
    id.map_or_else(|_| "?".to_owned(), |Path(id)| id)
}

fn row(app: &AppState, view: &ChannelSnapshot, context: RowContext) -> Markup {
    table::row(view, &app.deps.store.histories(view.key), context)
}

fn content_of(
    found: Option<&ChannelDetail>,
    id: &str,
    app: &AppState,
    context: RowContext,
) -> Markup {
    match found {
        Some(detail) => channel_page::detail(detail, &app.deps.store.policy(), context),
        None => html! {
            p { (context.language.messages().no_such_channel) " " (text::isolated(id)) }
        },
    }
}

fn channel_title(found: Option<&ChannelDetail>, id: &str, context: RowContext) -> String {
    let Some(ChannelDetail { channel: view, .. }) = found else {
        return text::shown(id);
    };
    let name = text::shown(&view.meta.channel.name);
    let state = match view.problems.first() {
        Some(problem) => context.language.problem(problem.kind),
        None => context.language.state(view.state),
    };
    format!("{state} · {name} · polyv-exporter")
}

fn context(request: &RequestContext, params: &Params, snapshot: &Snapshot) -> RowContext {
    RowContext {
        language: language(request, params),
        wall: snapshot.wall,
        polyv: snapshot.now.server_time,
    }
}

fn shown<'a>(query: &Query, params: &Params, snapshot: &'a Snapshot) -> PageSelection<'a> {
    let accounts = snapshot.channels.iter().map(|view| &*view.meta.account);
    let mut rows = query.select(&snapshot.channels);
    let matching = rows.len();
    // One that has become too high shows the last page there is.
    let pages = matching.div_ceil(PAGE).max(1);
    let page = params.page.unwrap_or(1).clamp(1, pages);
    let offset = (page - 1) * PAGE;
    PageSelection {
        counts: Counts::of(&snapshot.channels),
        accounts: accounts.collect(),
        rows: rows.drain(offset..matching.min(offset + PAGE)).collect(),
        matching,
        page,
        offset,
    }
}

fn language(request: &RequestContext, params: &Params) -> Language {
    let cookies = request.headers.get_all(COOKIE).iter();
    let chosen = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE_NAME).then_some(value));
    let accepted = request.header(ACCEPT_LANGUAGE);
    Language::choose(params.lang.as_deref(), chosen, accepted)
}

/// Remembers the language that somebody has chosen.
fn remember(params: &Params, mut answer: Response<Body>) -> Response<Body> {
    let chosen = params.lang.as_deref().and_then(Language::named);
    if let Some(language) = chosen {
        let name = language.name();
        let cookie = format!("{COOKIE_NAME}={name}; Path=/; Max-Age=31536000; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            answer.headers_mut().insert(SET_COOKIE, cookie);
        }
    }
    answer
}
