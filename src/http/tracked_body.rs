//! Handing out an answer chunk by chunk.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

use super::connections::InFlightGuard;

/// So much of an answer is handed out at a time, in bytes. What a connection takes at once, it
/// holds until the client took it; in pieces it is seen when a client takes nothing.
pub(super) const CHUNK_SIZE: usize = 32 * 1024;

/// An answer's body, under way until it was handed out or dropped.
pub(super) struct TrackedBody {
    body: Body,
    rest: Bytes,
    guard: InFlightGuard,
}

// === impl TrackedBody ===

impl TrackedBody {
    pub(super) fn new(body: Body, guard: InFlightGuard) -> Self {
        guard.request.record_progress();
        Self {
            body,
            rest: Bytes::new(),
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
        if self.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    // What is made for this answer alone, and small, keeps nothing else.
                    Ok(data) if data.len() <= CHUNK_SIZE => {
                        self.guard.request.record_progress();
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        self.guard.request.record_progress();
        let length = self.rest.len().min(CHUNK_SIZE);
        let chunk = self.rest.split_to(length);
        // Copied, so that a chunk which is on its way does not keep the whole.
        let chunk = Bytes::copy_from_slice(&chunk);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(body.lower().saturating_add(rest));
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;
    use crate::http::connections::ConnectionTracker;

    #[tokio::test]
    async fn an_answer_is_handed_out_whole_and_in_pieces() {
        let connection = ConnectionTracker::new(1)
            .admit(([127, 0, 0, 1], 1).into())
            .unwrap();
        let whole: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
        let guard = connection.connection().begin();
        let request = std::sync::Arc::clone(&guard.request);
        let mut body = TrackedBody::new(Body::from(whole.clone()), guard);
        assert_eq!(body.size_hint().exact(), Some(400_000));
        let mut got = Vec::new();
        while let Some(frame) =
            std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
        {
            let chunk = frame.unwrap().into_data().unwrap();
            assert!(chunk.len() <= CHUNK_SIZE);
            got.extend_from_slice(&chunk);
            let left = u64::try_from(whole.len() - got.len()).unwrap();
            assert_eq!(body.size_hint().exact(), Some(left));
            assert_eq!(body.is_end_stream(), left == 0);
        }
        assert!(got == whole && !request.has_ended());
        drop(body);
        assert!(request.has_ended());
    }
}
