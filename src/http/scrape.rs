//! Scrapes: of all metrics, of one channel's, or of the exporter's own.

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::pieces::Pieces;
use super::rejection::Rejection;
use super::request_context::RequestContext;
use super::respond;
use crate::metrics::Format;

/// Handles a scrape of all metrics.
pub(super) async fn all(request: RequestContext) -> Response<Body> {
    request
        .render_limited(
            |app| &app.scrapes,
            |request| {
                let format = request.metrics_format();
                Ok(with_format(format, request.app.scrape(format)))
            },
        )
        .await
}

/// Handles `/probe?target=ID` with the families of one channel.
///
/// They are a few kilobytes that are already rendered, so it waits for no permit: Prometheus
/// requests thousands of them while another client has everything rendered.
pub(super) async fn channel(request: RequestContext) -> Response<Body> {
    let render_permits = request.app.scrapes.render_permits();
    request.render_now(render_permits, |request| {
        let format = request.metrics_format();
        match request.app.channel_metrics(&target(request)?, format) {
            Some(metrics) => Ok(with_format(format, metrics)),
            None => Err(Rejection::not_found(
                "There is no channel with this number here: it is not configured, or another \
                 shard's; or it was found, and has not been live for an hour.",
            )),
        }
    })
}

/// Handles `/exporter` with the families that are not about channels.
pub(super) async fn exporter(request: RequestContext) -> Response<Body> {
    request
        .render(|request| {
            request.reject_unknown_parameters(&[])?;
            let format = request.metrics_format();
            Ok(with_format(format, request.app.self_metrics(format)))
        })
        .await
}

/// The id of the requested channel.
fn target(request: &RequestContext) -> Result<String, Rejection> {
    request.reject_unknown_parameters(&["target"])?;
    let mut targets = url::form_urlencoded::parse(request.query().as_bytes());
    match (targets.next(), targets.next()) {
        (Some((_, target)), None) if !target.is_empty() => Ok(target.into_owned()),
        (Some(_), Some(_)) => Err(Rejection::bad_request(
            "There can be only one `target`: a scrape shows one channel.",
        )),
        _ => Err(Rejection::bad_request(
            "Which channel? Ask for /probe?target=ID, with the channel's number.",
        )),
    }
}

fn with_format(format: Format, metrics: impl Into<Pieces>) -> Response<Pieces> {
    respond::with_type(StatusCode::OK, format.content_type(), metrics)
}
