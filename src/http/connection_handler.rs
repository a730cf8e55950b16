//! Carrying one connection: its handshake, and its requests in HTTP/1.1 or HTTP/2.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;
use web_config::WebConfig;

use super::connections::{IDLE_TIMEOUT, OpenConnection, SHUTDOWN_TIMEOUT, WRITE_STALL_TIMEOUT};
use super::tracked_body::TrackedBody;

/// A handshake has to be done within this time.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers may be so large in all, in bytes, and so many.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
const MAX_HEADER_COUNT: usize = 64;
/// What one HTTP/2 connection may have: requests at a time; requests given up by the client
/// before they were looked at; such given up by us; and bytes on their way for one request. No
/// pings: behind what a slow client has yet to read they would come too late, and who is gone
/// is found out by the system, or idle.
const MAX_CONCURRENT_STREAMS: u32 = 16;
const MAX_PENDING_RESETS: usize = 20;
const MAX_LOCAL_RESETS: usize = 100;
const STREAM_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// What a client gets that speaks plain HTTP where TLS is spoken.
const PLAIN_HTTP_RESPONSE: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Connection: close\r\n\r\nThis is an HTTPS port: ask with https:// instead of http://.\n";

/// Carries one connection.
pub(super) struct ConnectionHandler {
    pub(super) router: Router,
    /// By which it came in.
    pub(super) config: Arc<WebConfig>,
    pub(super) connection: Arc<OpenConnection>,
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
}

/// Has HTTP/2's requests run among the server's tasks, so that it waits for them.
#[derive(Clone)]
struct TrackedExecutor(TaskTracker);

// === impl ConnectionHandler ===

impl ConnectionHandler {
    /// Carries it to its end.
    pub(super) async fn serve(self, stream: TcpStream) {
        let client = self.connection.client();
        let Some(tls) = self.config.tls() else {
            return self.http1(with_write_timeout(stream)).await;
        };
        let handshake = timeout(HANDSHAKE_TIMEOUT, async {
            let mut first = [0];
            // A TLS handshake begins with 22, a request with its method.
            if stream.peek(&mut first).await? > 0 && first[0].is_ascii_uppercase() {
                return Ok(Err(stream));
            }
            let accepted = TlsAcceptor::from(tls)
                .accept(with_write_timeout(stream))
                .await?;
            Ok::<_, std::io::Error>(Ok(accepted))
        });
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = self.shutdown.cancelled() => return,
            () = self.config.superseded() => return,
        };
        match accepted {
            Ok(Ok(Ok(stream))) => {
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    self.http2(stream).await;
                } else {
                    self.http1(stream).await;
                }
            }
            Ok(Ok(Err(plain))) => {
                debug!(%client, "a client speaks plain HTTP where TLS is spoken");
                _ = timeout(HANDSHAKE_TIMEOUT, reject_plain_http(plain)).await;
            }
            Ok(Err(failure)) => debug!(%client, %failure, "a TLS handshake failed"),
            Err(_) => debug!(%client, "a TLS handshake took too long"),
        }
    }

    async fn http1(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // A request has to come within this time, which is also how long an idle
            // connection is kept.
            .header_read_timeout(IDLE_TIMEOUT)
            .max_buf_size(usize::try_from(MAX_HEADER_BYTES).unwrap_or(usize::MAX))
            .max_headers(MAX_HEADER_COUNT);
        let connection = http.serve_connection(TokioIo::new(stream), self.service());
        self.drive(connection, http1::Connection::graceful_shutdown)
            .await;
    }

    async fn http2(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut http = http2::Builder::new(TrackedExecutor(self.tasks.clone()));
        http.timer(TokioTimer::new())
            .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
            .max_header_list_size(MAX_HEADER_BYTES)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_LOCAL_RESETS)
            .max_send_buf_size(STREAM_SEND_BUFFER_BYTES);
        let connection = http.serve_connection(TokioIo::new(stream), self.service());
        self.drive(connection, http2::Connection::graceful_shutdown)
            .await;
    }

    /// Sees a connection to its end, and has it end where it should.
    async fn drive<C>(&self, connection: C, begin_shutdown: fn(Pin<&mut C>))
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut connection = pin!(connection);
        let mut draining = false;
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                () = self.must_close() => {
                    begin_shutdown(connection.as_mut());
                    // At a shutdown with_write_timeout for all connections together by whoever waits for
                    // the tasks, and for this one here, so that it does not outlive them.
                    break timeout(SHUTDOWN_TIMEOUT, connection).await.unwrap_or(Ok(()));
                }
                // A request that has just come is answered all the same.
                () = self.connection.draining(), if !draining => {
                    draining = true;
                    begin_shutdown(connection.as_mut());
                }
            }
        };
        if let Err(failure) = ended {
            let client = self.connection.client();
            debug!(%client, %failure, "a connection ended early");
        }
    }

    async fn must_close(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = self.config.superseded() => {}
        }
    }

    /// The router's answers, under way until they are handed out.
    fn service(
        &self,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<TrackedBody>,
        Error = Infallible,
        Future = impl Future<Output = Result<Response<TrackedBody>, Infallible>> + Send + use<>,
    > + use<> {
        let router = TowerToHyperService::new(self.router.clone());
        let connection = Arc::clone(&self.connection);
        service_fn(move |mut request: Request<Incoming>| {
            let guard = connection.begin();
            request.extensions_mut().insert(Arc::clone(&guard.request));
            request
                .extensions_mut()
                .insert(ConnectInfo(connection.client()));
            let answer = router.call(request);
            async move {
                let response = answer.await?;
                Ok(response.map(|body| TrackedBody::new(body, guard)))
            }
        })
    }
}

// === impl TrackedExecutor ===

impl<F> Executor<F> for TrackedExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// The stream, which ends where the client takes nothing for a while.
fn with_write_timeout(stream: TcpStream) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_STALL_TIMEOUT));
    Box::pin(stream)
}

/// Says what is spoken here.
async fn reject_plain_http(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(PLAIN_HTTP_RESPONSE).await?;
    stream.shutdown().await?;
    // What was sent has to be read, or the system tells the client of an error before the
    // answer. No client sends much before it reads.
    let mut rest = [0; 4096];
    for _ in 0..16 {
        if stream.read(&mut rest).await? == 0 {
            break;
        }
    }
    Ok(())
}
