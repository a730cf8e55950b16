//! Scrapes of a part: one channel, or the exporter alone.

use axum::body::Body;
use axum::http::header::{HeaderValue, VARY};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;

use super::request_context::{BadRequest, RequestContext};
use super::respond;
use crate::metrics::Format;

/// Handles `/probe?target=ID` with the families of one channel.
///
/// They are a few kilobytes that are already rendered, so it waits for no permit: Prometheus
/// requests thousands of them while another client has everything rendered.
pub(super) async fn channel(request: RequestContext) -> Response<Body> {
    let target = match target(&request) {
        Ok(target) => target,
        Err(rejected) => return rejected.into_response(),
    };
    let format = request.metrics_format();
    match request.app.channel_metrics(&target, format) {
        Some(body) => metrics_response(body, format, &request),
        None => respond::plain(
            StatusCode::NOT_FOUND,
            "There is no channel with this number here: it is not configured, or another shard's; \
             or it was found, and has not been live for an hour.\n",
        ),
    }
}

/// Handles `/exporter` with the families that are not about channels.
pub(super) async fn exporter(request: RequestContext) -> Response<Body> {
    request
        .render(|request| -> Result<_, BadRequest> {
            request.reject_unknown_parameters(&[])?;
            let format = request.metrics_format();
            Ok(metrics_response(
                request.app.self_metrics(format),
                format,
                request,
            ))
        })
        .await
}

/// The id of the requested channel.
fn target(request: &RequestContext) -> Result<String, BadRequest> {
    request.reject_unknown_parameters(&["target"])?;
    let mut targets = url::form_urlencoded::parse(request.query().as_bytes());
    match (targets.next(), targets.next()) {
        (Some((_, target)), None) if !target.is_empty() => Ok(target.into_owned()),
        (Some(_), Some(_)) => Err(BadRequest(
            "There can be only one `target`: a scrape shows one channel.".to_owned(),
        )),
        _ => Err(BadRequest(
            "Which channel? Ask for /probe?target=ID, with the channel's number.".to_owned(),
        )),
    }
}

fn metrics_response(body: Vec<u8>, format: Format, request: &RequestContext) -> Response<Body> {
    let content_type = format.content_type();
    let mut response = request.no_store_response(StatusCode::OK, content_type, body);
    let vary = HeaderValue::from_static("Accept, Accept-Encoding");
    response.headers_mut().insert(VARY, vary);
    response
}
