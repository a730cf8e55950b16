//! Carrying the site over sockets, with bounds in every direction.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::address::Listener;

/// So many connections at a time; beyond, new ones are closed at once.
const CONNECTIONS: usize = 512;
/// A request's line and headers have to come within this time, which is also how long an idle
/// connection is kept: longer than the usual scrape interval of a minute.
const HEADERS: Duration = Duration::from_secs(75);
/// A client that takes nothing for so long is left.
const STALL: Duration = Duration::from_secs(30);
/// Headers may be so large in all, in bytes, and so many.
const HEADER_BYTES: usize = 16 * 1024;
const HEADER_COUNT: usize = 64;
/// Answers under way get so long when the exporter stops.
const GRACE: Duration = Duration::from_secs(3);
/// After a failure to accept (no file descriptors left, say) so long is waited.
const BREATH: Duration = Duration::from_millis(200);

/// Serves a router on any number of sockets.
pub struct Server {
    router: Router,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

// === impl Server ===

impl Server {
    /// A server that stops at `shutdown`.
    #[must_use]
    pub fn new(router: Router, shutdown: CancellationToken) -> Self {
        Self {
            router,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            tasks: TaskTracker::new(),
            shutdown,
        }
    }

    /// Serves until the shutdown. Then answers under way are finished, for a few seconds at
    /// most, and nothing is left running.
    pub async fn run(self, listeners: Vec<Listener>) {
        let accepting = TaskTracker::new();
        for listener in listeners {
            let server = self.handle();
            accepting.spawn(async move { server.accept(listener.socket).await });
        }
        accepting.close();
        accepting.wait().await;
        self.tasks.close();
        if tokio::time::timeout(GRACE, self.tasks.wait())
            .await
            .is_err()
        {
            debug!(
                connections = self.tasks.len(),
                "leaving slow clients behind"
            );
        }
    }

    fn handle(&self) -> Self {
        Self {
            router: self.router.clone(),
            places: Arc::clone(&self.places),
            tasks: self.tasks.clone(),
            shutdown: self.shutdown.clone(),
        }
    }

    async fn accept(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _client)) => self.begin(stream),
                Err(failure) => {
                    warn!(%failure, "a connection cannot be accepted");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }

    fn begin(&self, stream: TcpStream) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            debug!("too many connections: a new one is closed");
            return;
        };
        let service = TowerToHyperService::new(self.router.clone());
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            // Small answers should not wait for more to come.
            _ = stream.set_nodelay(true);
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(STALL));
            let mut stream = Box::pin(stream);
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS)
                .max_buf_size(HEADER_BYTES)
                .max_headers(HEADER_COUNT)
                .serve_connection(TokioIo::new(stream.as_mut()), service);
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    // Bounded for all connections together by whoever waits for the tasks,
                    // and for this one here, so that it does not outlive them.
                    tokio::time::timeout(GRACE, connection).await.unwrap_or(Ok(()))
                }
            };
            if let Err(failure) = ended {
                debug!(%failure, "a connection ended early");
            }
            drop(place);
        });
    }
}
