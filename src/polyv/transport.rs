//! What carries a call to Polyv and its answer back.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use crate::clock::Timestamp;

/// An answer as it came over the wire, decompressed.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Date` header, where there is a readable one.
    pub date: Option<Timestamp>,
    /// When the headers arrived.
    pub arrived: Instant,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// It took too long to connect.
    #[error("no connection in time")]
    Timeout,
    /// There is no connection, or it broke. The reason never contains the address asked for.
    #[error("{0}")]
    Connection(String),
    /// The body is larger than the limit, which is told.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// What came is not HTTP, or its compression is broken.
    #[error("{0}")]
    Garbled(String),
}

/// Carries calls to Polyv.
///
/// There is one real one, [`HttpTransport`](super::HttpTransport). It is a trait so that an
/// hour of Polyv can be played in milliseconds of paused time, where no socket may be waited
/// for.
pub trait Transport: Send + Sync + 'static {
    /// Sends a `GET` and brings the whole answer, of at most `max_body` bytes.
    ///
    /// The address carries a signature: implementations never put it into an error or a log.
    /// The total time is bounded by the caller, who drops the future.
    fn get(
        &self,
        url: Url,
        max_body: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, TransportError>> + Send + '_>>;
}
