//! Carrying the app over sockets, with bounds in every direction.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};
use web_config::WebConfigHandle;

use super::auth_middleware::authorize;
use super::connection_handler::ConnectionHandler;
use super::connections::{
    ConnectionTracker, IDLE_TIMEOUT, SHUTDOWN_TIMEOUT, Timeouts, WRITE_STALL_TIMEOUT,
};
use super::listener::Listener;

/// So many connections at a time; beyond, the one that is idle longest goes.
const MAX_CONNECTIONS: usize = 512;
/// From the last header of a request to the last byte of its answer it may take so long.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);
/// So often it is looked who takes too long.
const REAP_INTERVAL: Duration = Duration::from_secs(5);
/// The system holds so much for a client that does not read, in bytes (and twice as much in
/// fact, for its own bookkeeping).
const SEND_BUFFER_BYTES: usize = 256 * 1024;
/// After a failure to accept (no file descriptors left, say) so long is waited.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);

/// Serves a router on any number of sockets, behind a door.
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
    /// A server that stops at `shutdown`.
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

    /// Serves until the shutdown. Then answers under way are finished, for a few seconds at
    /// most, and nothing is left running.
    pub async fn run(self, listeners: Vec<Listener>) {
        let accepting = TaskTracker::new();
        for listener in listeners {
            let server = self.clone();
            accepting.spawn(async move { server.accept(listener.socket).await });
        }
        let (connections, shutdown) = (Arc::clone(&self.connections), self.shutdown.clone());
        accepting.spawn(async move {
            while tokio::time::timeout(REAP_INTERVAL, shutdown.cancelled())
                .await
                .is_err()
            {
                connections.reap(Timeouts {
                    response: RESPONSE_TIMEOUT,
                    write_stall: WRITE_STALL_TIMEOUT,
                    idle: IDLE_TIMEOUT,
                });
            }
        });
        accepting.close();
        accepting.wait().await;
        self.tasks.close();
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, self.tasks.wait())
            .await
            .is_err()
        {
            debug!(
                connections = self.tasks.len(),
                "draining slow clients behind"
            );
        }
    }

    async fn accept(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, client)) => self.handle(stream, client),
                Err(failure) => {
                    warn!(%failure, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    fn handle(&self, stream: TcpStream, client: SocketAddr) {
        let Some(guard) = self.connections.admit(client) else {
            debug!(%client, "too many connections, and none is idle: a new one is closed");
            return;
        };
        limit_send_buffer(&stream);
        let handler = ConnectionHandler {
            router: self.router.clone(),
            config: self.web_config.current(),
            connection: Arc::clone(guard.connection()),
            tasks: self.tasks.clone(),
            shutdown: self.shutdown.clone(),
        };
        self.tasks.spawn(async move {
            let connection = Arc::clone(guard.connection());
            tokio::select! {
                () = connection.aborted() => debug!(%client, "a connection is cut off"),
                () = handler.serve(stream) => {}
            }
            drop(guard);
        });
    }
}

/// Sees to it that the system does not hold much for long for a client that does not read.
fn limit_send_buffer(stream: &TcpStream) {
    // Small answers should not wait for more to come.
    _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
    // Also of a connection that we closed.
    #[cfg(target_os = "linux")]
    {
        _ = socket.set_tcp_user_timeout(Some(WRITE_STALL_TIMEOUT));
    }
}
