//! The pages of a channel's recorded broadcasts, and the same for programs.

use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use axum::http::{Response, StatusCode};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono_tz::Tz;
use maud::{Markup, html};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::context::RenderContext;
use super::layout::Layout;
use super::page_params::PageParams;
use super::text;
use crate::http::AppState;
use crate::http::pieces::Pieces;
use crate::http::rejection::Rejection;
use crate::http::request_context::RequestContext;
use crate::http::respond;
use crate::recorder::{Broadcast, RecorderError};
use crate::report::{self, BroadcastChoice, ChannelReports, Presentation, path_time};

/// The zone of all times on pages of broadcasts.
const TIME_ZONE: Tz = Tz::Asia__Shanghai;
/// The endings of paths for programs.
const ENDINGS: [(&str, Format); 3] = [
    (".md", Format::Markdown),
    (".csv", Format::Csv),
    (".json", Format::Json),
];

/// The content security policy of a report, which is one file with its style: nothing else is
/// loaded or run.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(Sha256::digest(report::STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// The format that a path requests.
#[derive(Clone, Copy)]
enum Format {
    Html,
    Markdown,
    Csv,
    Json,
}

/// Handles `/channels/{id}/broadcasts`, with any of the endings.
pub(super) async fn list(
    path: Result<Path<(String, String)>, PathRejection>,
    request: RequestContext,
) -> Response<Body> {
    request
        .render(move |request| {
            let (id, page) = path.map_or_else(|_| Default::default(), |Path(path)| path);
            let (name, format) = split(&page);
            if name != "broadcasts" {
                return Err(Rejection::not_found("There is nothing here; see /"));
            }
            let reports = open(request, &id)?;
            match format {
                Format::Html => list_page(request, &reports),
                Format::Json => Ok(respond::json(&ListJson::from(&reports))?),
                Format::Csv => Ok(with_format(format, list_csv(&reports))),
                Format::Markdown => Ok(with_format(format, list_markdown(&reports))),
            }
        })
        .await
}

/// Handles `/channels/{id}/broadcasts/{start}`, with any of the endings.
pub(super) async fn broadcast(
    path: Result<Path<(String, String)>, PathRejection>,
    request: RequestContext,
) -> Response<Body> {
    request
        .render(move |request| {
            let (id, page) = path.map_or_else(|_| Default::default(), |Path(path)| path);
            let (start, format) = split(&page);
            let choice: BroadcastChoice = start.parse().map_err(Rejection::bad_request)?;
            let params: PageParams = request.parameters()?;
            let context = params.context(request, &request.app.exporter_only());
            let reports = open(request, &id)?;
            let index = choice.find(&reports.broadcasts);
            let report = index.map(|index| reports.broadcast(index)).transpose();
            let report = report.map_err(|error| unreadable(&error))?.flatten();
            let Some(report) = report else {
                return Err(Rejection::not_found(format!(
                    "No broadcast of channel {id} began then; see /channels/{id}/broadcasts"
                )));
            };
            let shown = presentation(context);
            let text = match format {
                Format::Html => {
                    let page =
                        report::html(&report, shown, &links(&path_time(report.start), context));
                    let page = maud::PreEscaped(page);
                    let mut response = params.response(StatusCode::OK, page);
                    let policy = HeaderValue::from_static(&POLICY);
                    response
                        .headers_mut()
                        .insert(CONTENT_SECURITY_POLICY, policy);
                    return Ok(response);
                }
                Format::Markdown => report::markdown(&report, shown),
                Format::Csv => report::csv(&report),
                Format::Json => report::json(&report)?,
            };
            Ok(with_format(format, text))
        })
        .await
}

/// The latest recorded broadcast in charts, for the page of a channel; `None` without a recorder.
pub(super) fn latest(app: &AppState, id: &str, context: RenderContext) -> Option<Markup> {
    let recording = app.deps.recording.as_ref()?;
    let messages = context.messages();
    let reports = ChannelReports::open(&recording.path, None, id, recording.broadcast_gap);
    // What cannot be read yet is an error on the pages of broadcasts.
    let reports = reports.ok().flatten();
    let report = reports.and_then(|reports| {
        let newest = reports.broadcasts.len().checked_sub(1)?;
        reports.broadcast(newest).ok().flatten()
    });
    Some(html! {
        section {
            @if let Some(report) = report {
                h2 { (messages.latest_broadcast) }
                p {
                    a href={ (id) "/broadcasts/" (path_time(report.start)) } {
                        (messages.report) ": " (presentation(context).date_time(report.start))
                    }
                    " · "
                    a href={ (id) "/broadcasts" } { (messages.broadcasts) }
                }
                (report::charts(&report, presentation(context)))
            } @else {
                p { a href={ (id) "/broadcasts" } { (messages.broadcasts) } }
            }
        }
    })
}

/// Opens the recording of a channel.
fn open(request: &RequestContext, id: &str) -> Result<ChannelReports, Rejection> {
    let Some(recording) = &request.app.deps.recording else {
        return Err(Rejection::not_found(
            "Nothing is recorded: broadcasts are kept once `recorder.path` is configured.",
        ));
    };
    let reports = ChannelReports::open(&recording.path, None, id, recording.broadcast_gap);
    let reports = match reports {
        // Nothing was written yet.
        Err(RecorderError::NotFound { .. }) => None,
        other => other.map_err(|error| unreadable(&error))?,
    };
    reports.ok_or_else(|| Rejection::not_found("Nothing was recorded of this channel; see /"))
}

/// A recording that cannot be read: the log says why.
fn unreadable(error: &RecorderError) -> Rejection {
    std::io::Error::other(error.to_string()).into()
}

/// A page's name and its format.
fn split(page: &str) -> (&str, Format) {
    let endings = ENDINGS.into_iter();
    let mut found =
        endings.filter_map(|(ending, format)| Some((page.strip_suffix(ending)?, format)));
    found.next().unwrap_or((page, Format::Html))
}

fn with_format(format: Format, text: String) -> Response<Pieces> {
    let content_type = match format {
        Format::Html => respond::HTML,
        Format::Markdown => "text/markdown; charset=utf-8",
        Format::Csv => "text/csv; charset=utf-8",
        Format::Json => respond::JSON,
    };
    respond::with_type(StatusCode::OK, content_type, text.into_bytes())
}

fn presentation(context: RenderContext) -> Presentation {
    Presentation {
        language: context.language,
        time_zone: TIME_ZONE,
    }
}

/// Where else the report at a path is.
fn links(page: &str, context: RenderContext) -> Markup {
    let messages = context.messages();
    html! {
        nav {
            a href="../broadcasts" { "← " (messages.all_broadcasts) }
            @for (ending, _) in ENDINGS { a href={ (page) (ending) } { (ending.trim_start_matches('.').to_uppercase()) } }
            a href={ "?lang=" (messages.other_tag) } lang=(messages.other_tag) { (messages.other_name) }
        }
    }
}

fn list_page(
    request: &RequestContext,
    reports: &ChannelReports,
) -> Result<Response<Pieces>, Rejection> {
    let params: PageParams = request.parameters()?;
    let snapshot = request.app.exporter_only();
    let context = params.context(request, &snapshot);
    let messages = context.messages();
    let shown = presentation(context);
    let channel = &reports.channel;
    let name = text::display_text(&channel.channel_name);
    let newest_first = reports.broadcasts.iter().rev();
    let main = html! {
        p { a href={ "../" (channel.channel_id) } { "← " (text::isolated(&channel.channel_name)) } }
        h1 { (messages.broadcasts) small { (text::isolated(&channel.channel_name)) } }
        @if reports.broadcasts.is_empty() { p { (messages.no_broadcasts) } }
        @else {
            div.wide {
                table.figures {
                    thead {
                        tr {
                            @for heading in [messages.start, messages.end, messages.length] {
                                th scope="col" { (heading) }
                            }
                            td {}
                        }
                    }
                    tbody {
                        @for broadcast in newest_first {
                            @let path = format!("broadcasts/{}", path_time(broadcast.start));
                            tr {
                                th scope="row" { a href=(path) { (shown.date_time(broadcast.start)) } }
                                td {
                                    @if broadcast.is_live { (messages.live) }
                                    @else { (shown.date_time(broadcast.end)) }
                                }
                                td { (shown.length(length_ms(broadcast))) }
                                td {
                                    @for (ending, _) in ENDINGS {
                                        a href={ (path) (ending) } {
                                            (ending.trim_start_matches('.').to_uppercase())
                                        } " "
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        p.note { (messages.times_in) " Asia/Shanghai" }
    };
    let title = format!("{} · {name} · polyv-exporter", messages.broadcasts);
    let layout = Layout {
        title: &title,
        root: "../../",
        feed: None,
        cursor: "",
        telemetry_path: &request.app.deps.telemetry_path,
        query: "",
    };
    let page = layout.page(&main, &snapshot.exporter, context);
    Ok(params.response(StatusCode::OK, page))
}

fn length_ms(broadcast: &Broadcast) -> i64 {
    broadcast.end.millis_after(broadcast.start)
}

#[derive(Serialize)]
struct ListJson<'a> {
    account: &'a str,
    channel_id: &'a str,
    channel_name: &'a str,
    broadcasts: Vec<BroadcastJson>,
}

#[derive(Serialize)]
struct BroadcastJson {
    start: String,
    end: Option<String>,
    path: String,
}

impl<'a> From<&'a ChannelReports> for ListJson<'a> {
    fn from(reports: &'a ChannelReports) -> Self {
        let channel = &reports.channel;
        let broadcasts = reports.broadcasts.iter();
        let broadcasts = broadcasts.map(|broadcast| BroadcastJson {
            start: report::utc(broadcast.start),
            end: (!broadcast.is_live).then(|| report::utc(broadcast.end)),
            path: format!(
                "/channels/{}/broadcasts/{}",
                channel.channel_id,
                path_time(broadcast.start)
            ),
        });
        Self {
            account: &channel.account,
            channel_id: &channel.channel_id,
            channel_name: &channel.channel_name,
            broadcasts: broadcasts.collect(),
        }
    }
}

fn list_csv(reports: &ChannelReports) -> String {
    let list = ListJson::from(reports);
    let rows = list.broadcasts.iter().map(|broadcast| {
        let end = broadcast.end.as_deref().unwrap_or_default();
        format!("{},{end},{}\n", broadcast.start, broadcast.path)
    });
    "start,end,path\n".to_owned() + &rows.collect::<String>()
}

fn list_markdown(reports: &ChannelReports) -> String {
    let list = ListJson::from(reports);
    let rows = list.broadcasts.iter().rev().map(|broadcast| {
        let end = broadcast.end.as_deref().unwrap_or("–");
        format!("| [{}]({}) | {end} |\n", broadcast.start, broadcast.path)
    });
    format!(
        "# Channel {}\n\n| Start | End |\n| --- | --- |\n{}",
        list.channel_id,
        rows.collect::<String>()
    )
}
