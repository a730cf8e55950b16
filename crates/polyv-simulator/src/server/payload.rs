//! Response bodies, complete and otherwise.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use thiserror::Error;
use tokio::time::{Instant, Sleep, sleep};

use crate::response::Delivery;

/// The connection ends before the response is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the simulator ends the connection")]
pub(super) struct BodyAborted;

/// A response body.
#[derive(Debug)]
pub(super) struct Payload {
    first: Option<Bytes>,
    remaining: Remaining,
}

/// The rest of the body after the first bytes.
#[derive(Debug)]
enum Remaining {
    Nothing,
    /// The connection breaks off after the first bytes.
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

impl Payload {
    pub(super) fn new(body: Bytes, delivery: Delivery) -> Self {
        Self {
            first: (!body.is_empty()).then_some(body),
            remaining: match delivery {
                Delivery::Whole => Remaining::Nothing,
                Delivery::CutOff { promised } => Remaining::Break {
                    promised,
                    waited: false,
                },
                Delivery::Endless { chunk, pause } => Remaining::Endless {
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
    type Error = BodyAborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyAborted>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match &mut self.remaining {
            Remaining::Nothing => Poll::Ready(None),
            Remaining::Break { waited: true, .. } => Poll::Ready(Some(Err(BodyAborted))),
            Remaining::Break { waited, .. } => {
                // hyper flushes when a body is pending, so that the first bytes are sent.
                *waited = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Remaining::Endless {
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
        self.first.is_none() && matches!(self.remaining, Remaining::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.remaining {
            Remaining::Nothing => {
                let length = self.first.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Remaining::Break { promised, .. } => SizeHint::with_exact(*promised),
            Remaining::Endless { .. } => SizeHint::default(),
        }
    }
}
