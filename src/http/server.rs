//! The server: accepts connections and shuts down within a bounded time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};
use web_config::WebConfigHandle;

use super::auth_middleware::authorize;
use super::connection_handler::{ConnectionHandler, SHUTDOWN_TIMEOUT};
use super::connections::{ConnectionTracker, WRITE_STALL_TIMEOUT};
use super::listener::Listener;

/// Open connections at a time; for one more, the longest idle one is closed.
const MAX_CONNECTIONS: usize = 512;
/// How often connections are checked for their timeouts.
const REAP_INTERVAL: Duration = Duration::from_secs(5);
/// What the kernel buffers for a client that does not read. (It doubles this for its own
/// bookkeeping.)
const SEND_BUFFER_BYTES: usize = 256 * 1024;
/// The pause after a failure to accept a connection, for example without file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);

/// Serves a router on any number of sockets.
#[derive(Clone)]
pub struct Server {
    router: Router,
    web_config: WebConfigHandle,
    connections: Arc<ConnectionTracker>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

// === impl Server ===

impl Server {
    /// A server that stops at `shutdown` and admits clients by the web configuration.
    #[must_use]
    pub fn new(router: Router, web_config: WebConfigHandle, shutdown: CancellationToken) -> Self {
        Self {
            router: router.layer(from_fn_with_state(web_config.clone(), authorize)),
            web_config,
            connections: ConnectionTracker::new(MAX_CONNECTIONS),
            tasks: TaskTracker::new(),
            shutdown,
        }
    }

    /// Serves until the shutdown, then finishes the responses in flight for a few seconds at
    /// most.
    pub async fn run(self, listeners: Vec<Listener>) {
        let accepting = TaskTracker::new();
        for listener in listeners {
            let server = self.clone();
            accepting.spawn(async move { server.accept(listener.socket).await });
        }
        while timeout(REAP_INTERVAL, self.shutdown.cancelled())
            .await
            .is_err()
        {
            self.connections.reap();
        }
        accepting.close();
        accepting.wait().await;
        self.tasks.close();
        if timeout(SHUTDOWN_TIMEOUT, self.tasks.wait()).await.is_err() {
            debug!(tasks = self.tasks.len(), "closing unfinished connections");
            self.connections.abort_all();
        }
    }

    async fn accept(self, listener: TcpListener) {
        while let Some(accepted) = self.shutdown.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, client)) => self.handle(stream, client),
                Err(failure) => {
                    warn!(%failure, "a connection cannot be accepted");
                    sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    fn handle(&self, stream: TcpStream, client: SocketAddr) {
        let Some(guard) = self.connections.admit(client) else {
            debug!(%client, "too many connections, and none is idle: a new one is closed");
            return;
        };
        set_socket_options(&stream);
        let handler = ConnectionHandler {
            router: self.router.clone(),
            config: self.web_config.current(),
            connection: Arc::clone(&guard.connection),
            tasks: self.tasks.clone(),
            shutdown: self.shutdown.clone(),
        };
        self.tasks.spawn(async move {
            let abort = &guard.connection.abort;
            if abort
                .run_until_cancelled(handler.serve(stream))
                .await
                .is_none()
            {
                debug!(%client, "a connection was aborted");
            }
        });
    }
}

/// Bounds what the kernel holds for a client that does not read, in bytes and in time.
fn set_socket_options(stream: &TcpStream) {
    // Small responses are sent without waiting for more data.
    _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
    // This also applies to connections that are closed on this side.
    #[cfg(target_os = "linux")]
    {
        _ = socket.set_tcp_user_timeout(Some(WRITE_STALL_TIMEOUT));
    }
}
