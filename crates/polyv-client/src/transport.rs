//! The transport of calls and responses.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use crate::clock::Timestamp;

/// A response, decompressed.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// The `Date` header, if it is valid.
    pub date: Option<Timestamp>,
    /// When the headers arrived.
    pub arrived: Instant,
    /// How long not to call again, by the `Retry-After` header.
    pub retry_after: Option<Duration>,
    /// Whether the response came over an HTTP proxy that can respond in place of the server.
    pub via_proxy: bool,
    /// The body.
    pub body: Bytes,
}

/// A request. It does not implement `Debug`, since its address carries a signature.
#[derive(Clone)]
pub struct HttpRequest {
    /// The address, with all parameters.
    pub url: Url,
    /// The method and the body.
    pub body: RequestBody,
}

/// The method and the body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestBody {
    /// A `GET`, without a body.
    Get,
    /// A `POST` without a body.
    Post,
    /// A `POST` of JSON.
    PostJson(Bytes),
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Connecting took too long; nothing was sent.
    #[error("no connection in time")]
    Timeout,
    /// No complete response came in time; the request may have arrived.
    #[error("no complete response in time")]
    NoResponse,
    /// Connecting failed; nothing was sent. The reason never contains the request's address.
    #[error("{0}")]
    Unreachable(String),
    /// The connection broke; the request may have arrived.
    #[error("{0}")]
    Connection(String),
    /// A kept-alive connection was closed before the response began: the server may have closed
    /// it while it was idle.
    #[error("{0}")]
    StaleConnection(String),
    /// The body is larger than this limit, in bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The response is not valid HTTP, or its compression is broken.
    #[error("{0}")]
    Garbled(String),
}

/// Sends calls to Polyv.
///
/// [`HttpTransport`](crate::HttpTransport) is the implementation for production. Tests
/// implement it without sockets, so that paused time can pass.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and returns the whole response, of at most `max_body` bytes.
    ///
    /// The address carries a signature: implementations never put it into an error or a log.
    /// The caller bounds the total time by dropping the future.
    fn send(
        &self,
        request: HttpRequest,
        max_body: usize,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + '_>>;
}
