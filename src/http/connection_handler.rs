//! One connection: its TLS handshake, and its requests in HTTP/1.1 or HTTP/2.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
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

use super::connections::{IDLE_TIMEOUT, OpenConnection, RESPONSE_TIMEOUT, WRITE_STALL_TIMEOUT};
use super::tracked_body::TrackedBody;

/// How long responses in flight may take after a shutdown, or after the web configuration that
/// admitted the connection was replaced.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The size of all headers of a request.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
const MAX_HEADER_COUNT: usize = 64;
/// HTTP/2: requests at a time on a connection.
const MAX_CONCURRENT_STREAMS: u32 = 16;
/// HTTP/2: requests that the client reset before they were accepted.
const MAX_PENDING_RESETS: usize = 20;
/// HTTP/2: requests that the server reset.
const MAX_LOCAL_RESETS: usize = 100;
/// HTTP/2: buffered bytes of one response.
const STREAM_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// The response to plain HTTP on a TLS port.
const PLAIN_HTTP_RESPONSE: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Connection: close\r\n\r\nThis is an HTTPS port: ask with https:// instead of http://.\n";

/// Serves one connection.
pub(super) struct ConnectionHandler {
    pub(super) router: Router,
    /// The web configuration that admitted the connection.
    pub(super) config: Arc<WebConfig>,
    pub(super) connection: Arc<OpenConnection>,
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
}

/// Runs HTTP/2 requests among the server's tasks, so that the server waits for them.
#[derive(Clone)]
struct TrackedExecutor(TaskTracker);

// === impl ConnectionHandler ===

impl ConnectionHandler {
    /// Serves the connection to its end.
    pub(super) async fn serve(self, stream: TcpStream) {
        let client = self.connection.client;
        let Some(tls) = self.config.tls() else {
            return self.drive(with_write_timeout(stream), false).await;
        };
        let handshake = timeout(HANDSHAKE_TIMEOUT, async {
            let mut first = [0];
            // A TLS handshake begins with byte 22, an HTTP request with its method.
            if stream.peek(&mut first).await? > 0 && first[0].is_ascii_uppercase() {
                debug!(%client, "a client speaks plain HTTP to a TLS port");
                return reject_plain_http(stream).await.map(|()| None);
            }
            let acceptor = TlsAcceptor::from(tls);
            acceptor.accept(with_write_timeout(stream)).await.map(Some)
        });
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = self.must_close() => return,
        };
        match accepted {
            Ok(Ok(Some(stream))) => {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                self.drive(stream, is_http2).await;
            }
            Ok(Ok(None)) => {}
            Ok(Err(failure)) => debug!(%client, %failure, "a TLS handshake failed"),
            Err(_) => debug!(%client, "a TLS handshake took too long"),
        }
    }

    /// Drives an accepted connection to its end.
    async fn drive<S>(&self, stream: S, is_http2: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = TowerToHyperService::new(self.router.clone());
        // A request is in flight until its response was sent.
        let service = service_fn(|mut request: Request<Incoming>| {
            let guard = self.connection.begin();
            let extensions = request.extensions_mut();
            extensions.insert(Arc::clone(&guard.request));
            extensions.insert(ConnectInfo(self.connection.client));
            let response = router.call(request);
            async {
                let response: Response<Body> = response.await?;
                Ok::<_, Infallible>(response.map(|body| TrackedBody::new(body, guard)))
            }
        });
        let builder = self.protocol(is_http2);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let grace = tokio::select! {
            result = connection.as_mut() => return self.log_end(result),
            () = self.must_close() => SHUTDOWN_TIMEOUT,
            // A request that arrives at this moment is still served.
            () = self.connection.drain.cancelled() => RESPONSE_TIMEOUT,
        };
        connection.as_mut().graceful_shutdown();
        self.log_end(timeout(grace, connection).await.unwrap_or(Ok(())));
    }

    fn log_end(&self, result: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
        if let Err(failure) = result {
            let client = self.connection.client;
            debug!(%client, %failure, "a connection ended early");
        }
    }

    async fn must_close(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = self.config.superseded() => {}
        }
    }

    fn protocol(&self, is_http2: bool) -> auto::Builder<TrackedExecutor> {
        let mut builder = auto::Builder::new(TrackedExecutor(self.tasks.clone()));
        builder
            .http1()
            .timer(TokioTimer::new())
            // This includes the time between two requests.
            .header_read_timeout(IDLE_TIMEOUT)
            .max_buf_size(usize::try_from(MAX_HEADER_BYTES).unwrap_or(usize::MAX))
            .max_headers(MAX_HEADER_COUNT);
        // Without pings: behind data that a slow client has yet to read they would come too
        // late. The kernel or the idle timeout find out that a client is gone.
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
            .max_header_list_size(MAX_HEADER_BYTES)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_LOCAL_RESETS)
            .max_send_buf_size(STREAM_SEND_BUFFER_BYTES);
        if is_http2 {
            builder.http2_only()
        } else {
            builder.http1_only()
        }
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

/// Makes writes fail when the client takes nothing for a while.
fn with_write_timeout(stream: TcpStream) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_STALL_TIMEOUT));
    Box::pin(stream)
}

/// Explains that the port speaks TLS.
async fn reject_plain_http(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(PLAIN_HTTP_RESPONSE).await?;
    stream.shutdown().await?;
    // If data is left unread, the kernel resets the connection before the client sees the
    // response. No client sends much before it reads.
    let mut unread = [0; 4096];
    for _ in 0..16 {
        if stream.read(&mut unread).await? == 0 {
            break;
        }
    }
    Ok(())
}
