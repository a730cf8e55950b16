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

use super::delivery::Delivery;
use super::server::{GRACE, IDLE, STALL};
use super::traffic::Connection;
use super::web_config::WebConfig;

/// A handshake has to be done within this time.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Headers may be so large in all, in bytes, and so many.
const HEADER_BYTES: u32 = 16 * 1024;
const HEADER_COUNT: usize = 64;
/// What one HTTP/2 connection may have: requests at a time; requests given up by the client
/// before they were looked at; such given up by us; and bytes on their way for one request. No
/// pings: behind what a slow client has yet to read they would come too late, and who is gone
/// is found out by the system, or idle.
const STREAMS: u32 = 16;
const RESETS: usize = 20;
const OWN_RESETS: usize = 100;
const STREAM_BYTES: usize = 64 * 1024;
/// What a client gets that speaks plain HTTP where TLS is spoken.
const PLAIN: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Connection: close\r\n\r\nThis is an HTTPS port: ask with https:// instead of http://.\n";

/// Carries one connection.
pub(super) struct Carrier {
    pub(super) router: Router,
    /// By which it came in.
    pub(super) config: Arc<WebConfig>,
    pub(super) connection: Arc<Connection>,
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
}

/// Has HTTP/2's requests run among the server's tasks, so that it waits for them.
#[derive(Clone)]
struct Tracked(TaskTracker);

// === impl Carrier ===

impl Carrier {
    /// Carries it to its end.
    pub(super) async fn carry(self, stream: TcpStream) {
        let client = self.connection.client();
        let Some(tls) = self.config.tls() else {
            return self.http1(bounded(stream)).await;
        };
        let config = Arc::clone(&tls.config);
        let handshake = timeout(HANDSHAKE, async {
            let mut first = [0];
            // A TLS handshake begins with 22, a request with its method.
            if stream.peek(&mut first).await? > 0 && first[0].is_ascii_uppercase() {
                return Ok(Err(stream));
            }
            let accepted = TlsAcceptor::from(config).accept(bounded(stream)).await?;
            Ok::<_, std::io::Error>(Ok(accepted))
        });
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = self.shutdown.cancelled() => return,
            () = self.config.superseded().cancelled() => return,
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
                _ = timeout(HANDSHAKE, refuse(plain)).await;
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
            .header_read_timeout(IDLE)
            .max_buf_size(usize::try_from(HEADER_BYTES).unwrap_or(usize::MAX))
            .max_headers(HEADER_COUNT);
        let connection = http.serve_connection(TokioIo::new(stream), self.service());
        self.to_its_end(connection, http1::Connection::graceful_shutdown)
            .await;
    }

    async fn http2(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut http = http2::Builder::new(Tracked(self.tasks.clone()));
        http.timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_BYTES)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(OWN_RESETS)
            .max_send_buf_size(STREAM_BYTES);
        let connection = http.serve_connection(TokioIo::new(stream), self.service());
        self.to_its_end(connection, http2::Connection::graceful_shutdown)
            .await;
    }

    /// Sees a connection to its end, and has it end where it should.
    async fn to_its_end<C>(&self, connection: C, say_goodbye: fn(Pin<&mut C>))
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut connection = pin!(connection);
        let mut leaving = false;
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                () = self.has_to_end() => {
                    say_goodbye(connection.as_mut());
                    // At a shutdown bounded for all connections together by whoever waits for
                    // the tasks, and for this one here, so that it does not outlive them.
                    break timeout(GRACE, connection).await.unwrap_or(Ok(()));
                }
                // A request that has just come is answered all the same.
                () = self.connection.leave(), if !leaving => {
                    leaving = true;
                    say_goodbye(connection.as_mut());
                }
            }
        };
        if let Err(failure) = ended {
            let client = self.connection.client();
            debug!(%client, %failure, "a connection ended early");
        }
    }

    async fn has_to_end(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = self.config.superseded().cancelled() => {}
        }
    }

    /// The router's answers, under way until they are handed out.
    fn service(
        &self,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<Delivery>,
        Error = Infallible,
        Future = impl Future<Output = Result<Response<Delivery>, Infallible>> + Send + use<>,
    > + use<> {
        let router = TowerToHyperService::new(self.router.clone());
        let connection = Arc::clone(&self.connection);
        service_fn(move |mut request: Request<Incoming>| {
            let under_way = connection.begin();
            let passage = Arc::clone(&under_way.passage);
            request.extensions_mut().insert(passage);
            request
                .extensions_mut()
                .insert(ConnectInfo(connection.client()));
            let answer = router.call(request);
            async move {
                let response = answer.await?;
                Ok(response.map(|body| Delivery::new(body, under_way)))
            }
        })
    }
}

// === impl Tracked ===

impl<F> Executor<F> for Tracked
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// The stream, which ends where the client takes nothing for a while.
fn bounded(stream: TcpStream) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALL));
    Box::pin(stream)
}

/// Says what is spoken here.
async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(PLAIN).await?;
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
