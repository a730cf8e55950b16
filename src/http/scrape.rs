//! Scrapes of all metrics.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_ENCODING, HeaderValue, VARY};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use http_body::{Frame, SizeHint};
use tracing::error;

use super::compress::gzip_body;
use super::request_context::RequestContext;
use super::respond;
use super::tracked_body::CHUNK_SIZE;
use crate::metrics::ScrapeWriter;

/// Handles a scrape.
pub(super) async fn metrics(request: RequestContext) -> Response<Body> {
    request
        .render_limited(
            |app| &app.scrapes,
            |request| {
                let format = request.metrics_format();
                let scrape = request.app.scrape(format);
                let is_gzip = request.accepts_gzip();
                let body = if is_gzip {
                    gzip_body(scrape, request.app.scrapes.render_permits()).map_err(RenderError)?
                } else {
                    Body::new(PlainBody(scrape))
                };
                let mut response = respond::with_type(StatusCode::OK, format.content_type(), body);
                let headers = response.headers_mut();
                headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
                if is_gzip {
                    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                }
                Ok::<_, RenderError>(response)
            },
        )
        .await
}

/// Why a scrape cannot be rendered.
struct RenderError(io::Error);

impl IntoResponse for RenderError {
    fn into_response(self) -> Response<Body> {
        error!(failure = %self.0, "metrics cannot be rendered");
        let text = "metrics can't be rendered; see the log\n";
        respond::plain(StatusCode::INTERNAL_SERVER_ERROR, text)
    }
}

/// An uncompressed scrape, written out when the client can take it. A chunk takes some
/// microseconds, less than handing it from another thread would.
struct PlainBody(ScrapeWriter);

impl http_body::Body for PlainBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let remaining = self.0.remaining();
        if remaining == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = Vec::with_capacity(remaining.min(CHUNK_SIZE));
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
