//! What Prometheus reads.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY,
};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use http_body::{Frame, SizeHint};
use tracing::error;

use super::compress::gzip_body;
use super::connections::InFlightRequest;
use super::content_negotiation;
use super::state::AppState;
use super::tracked_body::CHUNK_SIZE;
use crate::metrics::ScrapeWriter;

/// Answers a scrape.
pub(super) async fn metrics(
    State(app): State<Arc<AppState>>,
    in_flight: Option<Extension<Arc<InFlightRequest>>>,
    headers: HeaderMap,
) -> Response<Body> {
    let in_flight = in_flight.map(|Extension(in_flight)| in_flight);
    let permit = match app.scrapes.acquire(in_flight).await {
        Ok(permit) => permit,
        Err(refused) => return refused,
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let format = content_negotiation::format(text(&ACCEPT));
    let gzip = content_negotiation::accepts_gzip(text(&ACCEPT_ENCODING));
    // Thousands of channels take milliseconds, and the threads that poll must not wait.
    let started = tokio::task::spawn_blocking(move || {
        let _turn = permit;
        let scrape = app.scrape(format);
        if gzip {
            gzip_body(scrape, app.scrapes.render_permits())
        } else {
            Ok(Body::new(Plain(scrape)))
        }
    });
    match started.await {
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

fn broken(failure: &dyn std::error::Error) -> Response<Body> {
    error!(%failure, "metrics cannot be rendered");
    let message = "metrics can't be rendered; see the log\n";
    (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
}

/// A scrape as it is, written out when the client can take it. A chunk takes some microseconds,
/// so it needs no thread of its own: handing it from one to another would take longer.
struct Plain(ScrapeWriter);

impl http_body::Body for Plain {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let left = self.0.remaining();
        if left == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = Vec::with_capacity(left.min(CHUNK_SIZE));
        self.0.write(CHUNK_SIZE, &mut chunk);
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.0.remaining()).unwrap_or(u64::MAX))
    }
}
