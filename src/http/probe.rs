//! Scrapes of a part: one channel, or the exporter alone.

use axum::body::Body;
use axum::http::header::{ACCEPT, HeaderValue, VARY};
use axum::http::{Response, StatusCode, Uri};

use super::content_negotiation;
use super::respond::{self, BadRequest, RequestContext, known_parameters};
use super::state::AppState;
use crate::metrics::{self, Format};

/// Answers `/probe?target=ID` with one channel's families.
///
/// It is a few kilobytes that are ready, so it waits for no turn: Prometheus asks for thousands of
/// them while somebody else has everything rendered.
pub(super) async fn channel(request: RequestContext) -> Response<Body> {
    let target = match target(&request.uri) {
        Ok(target) => target,
        Err(BadRequest(why)) => return respond::plain(StatusCode::BAD_REQUEST, format!("{why}\n")),
    };
    let format = format_of(&request);
    match request.app.probe(&target, format) {
        Some(text) => scraped(text, format, &request),
        None => respond::plain(
            StatusCode::NOT_FOUND,
            "There is no channel with this number here: it is not configured, or another shard's; \
             or it was found, and has not been live for an hour.\n"
                .to_owned(),
        ),
    }
}

/// Answers `/exporter` with what is not about channels.
pub(super) async fn exporter(request: RequestContext) -> Response<Body> {
    request
        .answer(|request| {
            known_parameters(&request.uri, &[])?;
            let format = format_of(request);
            Ok(scraped(request.app.own(format), format, request))
        })
        .await
}

/// The one channel that is asked for.
fn target(uri: &Uri) -> Result<String, BadRequest> {
    known_parameters(uri, &["target"])?;
    let mut targets = url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes());
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

fn format_of(request: &RequestContext) -> Format {
    content_negotiation::format(Some(request.header(ACCEPT)))
}

fn scraped(body: Vec<u8>, format: Format, request: &RequestContext) -> Response<Body> {
    let mut response =
        respond::no_store_response(StatusCode::OK, format.content_type(), body, request);
    let vary = HeaderValue::from_static("Accept, Accept-Encoding");
    response.headers_mut().insert(VARY, vary);
    response
}

// === impl AppState ===

impl AppState {
    /// What there is to scrape of one channel; `None` where there is no such channel.
    fn probe(&self, channel_id: &str, format: Format) -> Option<Vec<u8>> {
        let store = &self.deps.store;
        let now = self.deps.clock.now();
        let key = store.find(channel_id)?;
        metrics::render_channel(store, key, format, now)
    }

    /// What there is to scrape of the exporter itself.
    fn own(&self, format: Format) -> Vec<u8> {
        let now = self.refresh();
        let families = self.deps.metrics.gather();
        metrics::render_self_metrics(&self.deps.store, &families, format, now)
    }
}
