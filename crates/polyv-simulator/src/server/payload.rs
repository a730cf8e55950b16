//! Response bodies, complete and otherwise.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use thiserror::Error;

use crate::response::Delivery;

/// The connection ends before the response is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the simulator ends the connection")]
pub(super) struct BodyAborted;

/// A response body.
pub(super) type Payload =
    Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, BodyAborted>>>>;

/// A body that begins with those bytes.
pub(super) fn payload(body: Bytes, delivery: Delivery) -> Payload {
    let first = stream::iter([Ok(Frame::data(body.clone()))]);
    Either::Right(StreamBody::new(match delivery {
        Delivery::Whole => return Either::Left(Full::new(body)),
        Delivery::CutOff { .. } => {
            let end = stream::once(async {
                // hyper flushes when a body is pending, so that the first bytes are sent.
                tokio::task::yield_now().await;
                Err(BodyAborted)
            });
            first.chain(end).boxed()
        }
        Delivery::Endless { chunk, pause } => {
            let chunks = stream::repeat(chunk).then(move |chunk| async move {
                tokio::time::sleep(pause).await;
                Ok(Frame::data(chunk))
            });
            first.chain(chunks).boxed()
        }
    }))
}
