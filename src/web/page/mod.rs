//! The status page, for people: what is live and what is ill.
//!
//! Everything is rendered here, once: a page begins with what the server wrote, and its script
//! asks for the parts that have changed since and puts them in place. So the first paint needs
//! no script, and there is one template of everything.

mod assets;
mod channel;
mod chart;
mod layout;
mod strip;
mod table;
mod text;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use axum::http::{Response, StatusCode, Uri};
use axum::routing::get;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::query::{Counts, Query};
use super::respond::{self, HTML, JSON};
use super::site::{Present, Site, parse};
use crate::exposition::{Detail, View};
use layout::Layout;
use table::Context;
use words::{Language, Words};

/// So many channels are on one page of the table.
const PAGE: usize = 1000;

/// The parameters that are about the page and not about the channels.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Params {
    lang: Option<String>,
    /// From 1 on.
    page: Option<usize>,
    /// What the page knows already.
    since: Option<String>,
}

/// What has changed since the page asked last.
#[derive(Serialize)]
struct News<'a> {
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
struct Shown {
    counts: Counts,
    accounts: Vec<String>,
    rows: Vec<View>,
    matching: usize,
    page: usize,
    offset: usize,
}

/// The page's routes.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(overview))
        .route("/channels/{id}", get(channel_page))
        .route("/fragments/channels", get(overview_news))
        .route("/fragments/channels/{id}", get(channel_news))
        .route("/assets/{name}", get(assets::asset))
}

async fn overview(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    respond::rendered(move || {
        let (query, params): (Query, Params) = (parse(&uri)?, parse(&uri)?);
        let language = language(&params, &headers);
        let present = site.present();
        let context = context(language, &present);
        let shown = shown(&query, &params, &present);
        let main = html! {
            h1.unseen { (context.language.words().all_channels) }
            ul #counts { (strip::counts(shown.counts, context)) }
            (table::filters(&query, &shown.accounts, context))
            table #channels {
                thead #headings { (table::headings(&query, context)) }
                @for view in &shown.rows {
                    (table::row(view, &site.store.histories(view.key), context))
                }
            }
            div #pager { (table::pager(&shown, &query, context)) }
        };
        let layout = Layout {
            title: &strip::title(shown.counts, context),
            root: "",
            feed: Some("fragments/channels"),
            cursor: &site.cursor(present.version),
            telemetry_path: &site.telemetry_path,
            query: &query.encoded(),
        };
        let page = layout.page(&main, &strip::exporter(&present.glance, context), context);
        let answer = respond::fresh(StatusCode::OK, HTML, page.into_string().into(), &headers);
        Ok(remember(&params, answer))
    })
    .await
}

async fn overview_news(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    respond::rendered(move || {
        let (query, params): (Query, Params) = (parse(&uri)?, parse(&uri)?);
        let present = site.present();
        let context = context(language(&params, &headers), &present);
        let shown = shown(&query, &params, &present);
        let since = params
            .since
            .as_deref()
            .and_then(|cursor| site.since(cursor));
        let changed = |view: &&View| since.is_none_or(|since| view.version > since);
        let id = |view: &View| format!("c{}", view.identity.channel_id);
        let news = News {
            build: &assets::BUILD,
            cursor: site.cursor(present.version),
            now: context.wall.as_millis(),
            title: strip::title(shown.counts, context),
            parts: [
                ("counts", strip::counts(shown.counts, context)),
                ("headings", table::headings(&query, context)),
                ("pager", table::pager(&shown, &query, context)),
                ("exporter", strip::exporter(&present.glance, context)),
            ]
            .into_iter()
            .map(|(id, part)| (id, part.into_string()))
            .collect(),
            order: Some(shown.rows.iter().map(id).collect()),
            rows: shown
                .rows
                .iter()
                .filter(changed)
                .map(|view| {
                    let histories = site.store.histories(view.key);
                    (
                        id(view),
                        table::row(view, &histories, context).into_string(),
                    )
                })
                .collect(),
        };
        Ok(respond::fresh(
            StatusCode::OK,
            JSON,
            respond::json(&news),
            &headers,
        ))
    })
    .await
}

async fn channel_page(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    respond::rendered(move || {
        let params: Params = parse(&uri)?;
        let present = site.alone();
        let context = context(language(&params, &headers), &present);
        let found = site.detail(&id, present.now);
        let status = if found.is_some() {
            StatusCode::OK
        } else {
            StatusCode::NOT_FOUND
        };
        let title = found.as_ref().map_or_else(
            || text::shown(&id),
            |detail| channel_title(&detail.view, context),
        );
        let feed = format!("fragments/channels/{id}");
        let layout = Layout {
            title: &title,
            root: "../",
            // One that is not there may come with a reload, but its number may be anything.
            feed: found.is_some().then_some(feed.as_str()),
            cursor: "",
            telemetry_path: &site.telemetry_path,
            query: "",
        };
        let main = html! {
            p { a href="../." { "← " (context.language.words().all_channels) } }
            div #channel { (content_of(found.as_ref(), &id, &site, context)) }
        };
        let page = layout.page(&main, &strip::exporter(&present.glance, context), context);
        let answer = respond::fresh(status, HTML, page.into_string().into(), &headers);
        Ok(remember(&params, answer))
    })
    .await
}

async fn channel_news(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    respond::rendered(move || {
        let params: Params = parse(&uri)?;
        let present = site.alone();
        let context = context(language(&params, &headers), &present);
        let found = site.detail(&id, present.now);
        // One that left the configuration is news as well.
        let version = found.as_ref().map_or(0, |detail| detail.view.version);
        let cursor = site.cursor(version);
        let mut parts = BTreeMap::new();
        let exporter = strip::exporter(&present.glance, context);
        parts.insert("exporter", exporter.into_string());
        if params.since.as_deref() != Some(&cursor) {
            let fresh = content_of(found.as_ref(), &id, &site, context);
            parts.insert("channel", fresh.into_string());
        }
        let news = News {
            build: &assets::BUILD,
            cursor,
            now: context.wall.as_millis(),
            title: found.as_ref().map_or_else(
                || text::shown(&id),
                |detail| channel_title(&detail.view, context),
            ),
            parts,
            order: None,
            rows: BTreeMap::new(),
        };
        Ok(respond::fresh(
            StatusCode::OK,
            JSON,
            respond::json(&news),
            &headers,
        ))
    })
    .await
}

fn content_of(found: Option<&Detail>, id: &str, site: &Site, context: Context) -> Markup {
    match found {
        Some(detail) => channel::detail(detail, &site.store.rules(), context),
        None => html! {
            p { (context.language.words().no_such_channel) " " (text::isolated(id)) }
        },
    }
}

fn channel_title(view: &View, context: Context) -> String {
    let name = text::shown(&view.identity.channel_name);
    let state = match view.problems.first() {
        Some(problem) => context.language.problem(problem.kind),
        None => context.language.state(view.state),
    };
    format!("{state} · {name} · polyv-exporter")
}

fn context(language: Language, present: &Present) -> Context {
    Context {
        language,
        wall: present.wall,
        polyv: present.now.polyv,
    }
}

fn shown(query: &Query, params: &Params, present: &Present) -> Shown {
    let accounts: BTreeSet<_> = present.views.iter().map(|v| &v.identity.account).collect();
    let accounts = accounts.into_iter().cloned().collect();
    let counts = Counts::of(&present.views);
    let mut rows = query.select(present.views.clone());
    let matching = rows.len();
    // One that has become too high shows the last page there is.
    let pages = matching.div_ceil(PAGE).max(1);
    let page = params.page.unwrap_or(1).clamp(1, pages);
    let offset = (page - 1) * PAGE;
    let rows = rows.drain(offset..matching.min(offset + PAGE)).collect();
    Shown {
        counts,
        accounts,
        rows,
        matching,
        page,
        offset,
    }
}

fn language(params: &Params, headers: &HeaderMap) -> Language {
    let cookies = headers.get_all(COOKIE).iter();
    let chosen = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix("lang="));
    let accepted = respond::text_of(headers, ACCEPT_LANGUAGE).unwrap_or("");
    Language::choose(params.lang.as_deref(), chosen, accepted)
}

/// Remembers the language that somebody has chosen.
fn remember(params: &Params, mut answer: Response<Body>) -> Response<Body> {
    let chosen = params.lang.as_deref().and_then(Language::named);
    if let Some(language) = chosen {
        let name = language.name();
        let cookie = format!("lang={name}; Path=/; Max-Age=31536000; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            answer.headers_mut().insert(SET_COOKIE, cookie);
        }
    }
    answer
}
