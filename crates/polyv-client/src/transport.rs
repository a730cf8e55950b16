//! What carries a call to Polyv and its answer back.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use crate::clock::Timestamp;

/// An answer as it came over the wire, decompressed.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// The `Date` header, where there is a readable one.
    pub date: Option<Timestamp>,
    /// When the headers arrived.
    pub arrived: Instant,
    /// The body.
    pub body: Bytes,
}

/// What is sent. (Its address carries a signature, so it can't be shown.)
#[derive(Clone)]
pub struct HttpRequest {
    /// Where to, with all parameters.
    pub url: Url,
    /// What is in it.
    pub content: RequestBody,
}

/// What is in a call, beside its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestBody {
    /// Nothing: a `GET`.
    Get,
    /// Nothing, in a `POST`.
    Post,
    /// JSON, in a `POST`.
    PostJson(Bytes),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// It took too long to connect; nothing was sent.
    #[error("no connection in time")]
    Timeout,
    /// There is no connection; nothing was sent. The reason never contains the address asked
    /// for.
    #[error("{0}")]
    Unreachable(String),
    /// The connection broke; what was sent may have arrived.
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
    /// Sends a call and brings the whole answer, of at most `max_body` bytes.
    ///
    /// The address carries a signature: implementations never put it into an error or a log.
    /// The total time is bounded by the caller, who drops the future.
    fn send(
        &self,
        call: HttpRequest,
        max_body: usize,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + '_>>;
}
