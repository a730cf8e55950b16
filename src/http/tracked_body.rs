//! A response body that is sent in chunks and counts as in flight until its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

use super::connections::InFlightGuard;

/// The size of the chunks that a large frame of a body is sent in. A connection holds a chunk
/// until the client took it, so a small one shows early that a client takes nothing.
pub(super) const CHUNK_SIZE: usize = 32 * 1024;
/// A frame up to this size is sent as it is.
const MAX_WHOLE_FRAME: usize = 2 * CHUNK_SIZE;

/// A response body whose request is in flight until the body is sent or dropped.
pub(super) struct TrackedBody {
    body: Body,
    /// What is left of the last frame of `body`.
    unsent: Bytes,
    guard: InFlightGuard,
}

// === impl TrackedBody ===

impl TrackedBody {
    pub(super) fn new(body: Body, guard: InFlightGuard) -> Self {
        guard.request.record_progress();
        Self {
            body,
            unsent: Bytes::new(),
            guard,
        }
    }
}

impl http_body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.unsent.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                // A small frame holds no memory but its own.
                Some(Ok(Ok(data))) if data.len() <= MAX_WHOLE_FRAME => {
                    self.guard.request.record_progress();
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Ok(Ok(data))) => self.unsent = data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        self.guard.request.record_progress();
        let length = self.unsent.len().min(CHUNK_SIZE);
        let chunk = self.unsent.split_to(length);
        // A copy, so that the chunk in the connection does not hold the whole frame.
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&chunk)))))
    }

    fn is_end_stream(&self) -> bool {
        self.unsent.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let unsent = u64::try_from(self.unsent.len()).unwrap_or(u64::MAX);
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(unsent));
        }
        hint.set_lower(body.lower().saturating_add(unsent));
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body::Body as _;

    use super::*;
    use crate::http::connections::ConnectionTracker;

    #[tokio::test]
    async fn large_body_is_sent_whole_and_in_chunks() {
        let tracker = ConnectionTracker::new(1);
        let connection = tracker.admit(([127, 0, 0, 1], 1).into()).unwrap();
        let whole: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
        let guard = connection.connection.begin();
        let request = Arc::clone(&guard.request);
        let mut body = TrackedBody::new(Body::from(whole.clone()), guard);
        assert_eq!(body.size_hint().exact(), Some(400_000));
        let mut received = Vec::new();
        while let Some(frame) =
            std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
        {
            let chunk = frame.unwrap().into_data().unwrap();
            assert!(chunk.len() <= CHUNK_SIZE);
            received.extend_from_slice(&chunk);
            let unsent = u64::try_from(whole.len() - received.len()).unwrap();
            assert_eq!(body.size_hint().exact(), Some(unsent));
            assert_eq!(body.is_end_stream(), unsent == 0);
        }
        assert!(received == whole && !request.is_finished());
        drop(body);
        assert!(request.is_finished());
    }
}
