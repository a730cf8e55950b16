//! Accepts connections and carries out each [`ConnectionAction`] on its connection.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use http_body_util::{BodyExt as _, Either, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, http};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, Socket};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::request::Request;
use super::response::{ConnectionAction, Delivery, HttpResponse};
use super::simulator::Simulator;

/// Time for responses in flight to finish when the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);
/// Maximum idle time of a connection: nginx's default, and longer than that of clients, so that
/// they are the ones that close.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A control call's body may be a large scenario. The router has a lower limit for other calls.
const MAX_BODY_BYTES: usize = 4 << 20;
/// Failed accepts in a row before the listener counts as broken, and the pause after each (if
/// file descriptors run out, some may become free).
const MAX_ACCEPT_FAILURES: u32 = 100;
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// The connection ends before the response is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the simulator ends the connection")]
struct BodyAborted;

/// A response body.
type Body = Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, BodyAborted>>>>;

impl Simulator {
    /// Serves HTTP until `shutdown`, then closes every connection and returns within a second.
    ///
    /// # Errors
    /// The listener fails permanently.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        let connections = TaskTracker::new();
        let end = shutdown.child_token();
        // The connections are tasks that end when this future is dropped.
        let _end_on_drop = end.clone().drop_guard();
        let mut failures = 0;
        let mut result = Ok(());
        while let Some(accepted) = end.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, peer)) => {
                    failures = 0;
                    let connection = serve_connection(self.clone(), stream, peer, end.clone());
                    connections.spawn(connection);
                }
                Err(error) if failures >= MAX_ACCEPT_FAILURES => {
                    result = Err(error);
                    // The connections have to end as well.
                    end.cancel();
                }
                Err(error) => {
                    failures += 1;
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
        connections.close();
        connections.wait().await;
        result
    }
}

async fn serve_connection(
    simulator: Simulator,
    stream: TcpStream,
    peer: SocketAddr,
    shutdown: CancellationToken,
) {
    // Without it, responses are only slower.
    let _ = stream.set_nodelay(true);
    let Ok(socket) = SockRef::from(&stream).try_clone() else {
        return;
    };
    let is_reused = AtomicBool::new(false);
    let service = service_fn(|request| {
        let reused = is_reused.swap(true, Ordering::Relaxed);
        respond(&simulator, request, peer, reused, &socket, &shutdown)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(SHUTDOWN_TIMEOUT, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%peer, %error, "connection ended");
    }
}

/// Responds to a request, or ends its connection.
async fn respond(
    simulator: &Simulator,
    request: http::Request<Incoming>,
    peer: SocketAddr,
    reused_connection: bool,
    socket: &Socket,
    shutdown: &CancellationToken,
) -> Result<Response<Body>, BodyAborted> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let request = Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: body.map_err(|_| BodyAborted)?.to_bytes().into(),
        client: peer.ip(),
        reused_connection,
    };
    match simulator.handle(&request) {
        ConnectionAction::Respond(response) => {
            tokio::time::sleep(response.delay).await;
            into_hyper(response)
        }
        ConnectionAction::Hang => {
            // hyper drops this future when the client closes the connection.
            shutdown.cancelled().await;
            Err(BodyAborted)
        }
        ConnectionAction::Reset => {
            // A socket that does not linger is closed with RST. If that cannot be set, the
            // connection still ends without a response.
            let _ = socket.set_linger(Some(Duration::ZERO));
            Err(BodyAborted)
        }
        ConnectionAction::Close => Err(BodyAborted),
    }
}

fn into_hyper(response: HttpResponse) -> Result<Response<Body>, BodyAborted> {
    let mut builder = Response::builder().status(response.status);
    for (name, value) in response.headers {
        builder = builder.header(name, value);
    }
    if let Delivery::CutOff { promised } = response.delivery {
        builder = builder.header(CONTENT_LENGTH, promised);
    }
    // Only a scenario could have an invalid header, and scenarios are checked.
    builder
        .body(body(response.body, response.delivery))
        .map_err(|_| BodyAborted)
}

/// A body that begins with those bytes.
fn body(beginning: Bytes, delivery: Delivery) -> Body {
    let first = stream::iter([Ok(Frame::data(beginning.clone()))]);
    Either::Right(StreamBody::new(match delivery {
        Delivery::Whole => return Either::Left(Full::new(beginning)),
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
