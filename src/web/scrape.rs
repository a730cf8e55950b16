//! What Prometheus reads.

use std::io::Write;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY,
};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use flate2::Compression;
use flate2::write::GzEncoder;
use tracing::error;

use super::negotiate;
use super::site::Site;
use super::traffic::Passage;

/// Answers a scrape.
pub(super) async fn metrics(
    State(site): State<Arc<Site>>,
    passage: Option<Extension<Arc<Passage>>>,
    headers: HeaderMap,
) -> Response<Body> {
    let passage = passage.map(|Extension(passage)| passage);
    let turn = match site.scrapes.turn(passage).await {
        Ok(turn) => turn,
        Err(refused) => return refused,
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let format = negotiate::format(text(&ACCEPT));
    let gzip = negotiate::accepts_gzip(text(&ACCEPT_ENCODING));
    // Thousands of channels take milliseconds, and the threads that poll must not wait.
    let rendered = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let text = site.scrape(format);
        if gzip {
            compress(text.as_bytes()).map(Body::from)
        } else {
            Ok(Body::from(text))
        }
    });
    match rendered.await {
        Ok(Ok(body)) => {
            let mut response = Response::new(body);
            let headers = response.headers_mut();
            let content_type = HeaderValue::from_static(format.content_type());
            headers.insert(CONTENT_TYPE, content_type);
            headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
            if gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        }
        Ok(Err(failure)) => broken(&failure),
        Err(failure) => broken(&failure),
    }
}

/// Compresses what is sent once.
pub(super) fn compress(body: &[u8]) -> std::io::Result<Vec<u8>> {
    // Fast: the tenth that a slower level saves is worth less than its time.
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn broken(failure: &dyn std::error::Error) -> Response<Body> {
    error!(%failure, "metrics cannot be rendered");
    let message = "metrics can't be rendered; see the log\n";
    (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
}
