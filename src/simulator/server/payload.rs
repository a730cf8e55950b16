//! Response bodies, whole and otherwise.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use thiserror::Error;
use tokio::time::{Instant, Sleep, sleep};

use super::super::Delivery;

/// The connection ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the connection ends here")]
pub(super) struct Gone;

/// A body on its way.
#[derive(Debug)]
pub(super) struct Payload {
    first: Option<Bytes>,
    rest: Rest,
}

/// What comes after the first bytes.
#[derive(Debug)]
enum Rest {
    Nothing,
    /// The connection breaks off, once the first bytes are out.
    Break {
        promised: u64,
        waited: bool,
    },
    Endless {
        chunk: Bytes,
        pause: Duration,
        sleep: Pin<Box<Sleep>>,
    },
}

// === impl Payload ===

impl Payload {
    pub(super) fn new(body: Bytes, delivery: Delivery) -> Self {
        Self {
            first: (!body.is_empty()).then_some(body),
            rest: match delivery {
                Delivery::Whole => Rest::Nothing,
                Delivery::CutOff { promised } => Rest::Break {
                    promised,
                    waited: false,
                },
                Delivery::Endless { chunk, pause } => Rest::Endless {
                    chunk,
                    pause,
                    sleep: Box::pin(sleep(pause)),
                },
            },
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match &mut self.rest {
            Rest::Nothing => Poll::Ready(None),
            Rest::Break { waited: true, .. } => Poll::Ready(Some(Err(Gone))),
            Rest::Break { waited, .. } => {
                // hyper flushes when a body has nothing to offer: what was promised in part
                // is then sent in part.
                *waited = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Rest::Endless {
                chunk,
                pause,
                sleep,
            } => {
                ready!(sleep.as_mut().poll(cx));
                sleep.as_mut().reset(Instant::now() + *pause);
                Poll::Ready(Some(Ok(Frame::data(chunk.clone()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && matches!(self.rest, Rest::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            Rest::Nothing => {
                let length = self.first.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Rest::Break { promised, .. } => SizeHint::with_exact(*promised),
            Rest::Endless { .. } => SizeHint::default(),
        }
    }
}
