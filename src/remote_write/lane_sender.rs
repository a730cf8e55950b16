//! Sends one lane to one endpoint.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::endpoint::Endpoint;
use super::queue::QueueError;
use crate::recorder::{Lane, LogEntry};

/// How often an empty queue is read: the recorder writes once a second.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The delay after the queue failed. The recorder reports why.
const QUEUE_RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// How long a chunk that is being sent may take at the shutdown. What is not finished then is sent
/// again after the next start.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends one lane to one endpoint, chunk by chunk.
pub(super) struct LaneSender {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) lane: Lane,
}

// === impl LaneSender ===

impl LaneSender {
    /// Sends until the shutdown.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let pause = match self.read().await {
                Ok(entries) => match entries.last() {
                    Some(last) => {
                        let sequence = last.sequence;
                        tokio::select! {
                            () = self.endpoint.deliver(&entries) => {
                                self.endpoint.set_position(self.lane, sequence);
                            }
                            () = expire(&shutdown) => return,
                        }
                        continue;
                    }
                    None => POLL_INTERVAL,
                },
                Err(error) => {
                    self.log(&error);
                    QUEUE_RETRY_INTERVAL
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// The next chunk.
    async fn read(&self) -> Result<Vec<LogEntry>, QueueError> {
        let (endpoint, lane) = (Arc::clone(&self.endpoint), self.lane);
        blocking(move || endpoint.read(lane)).await
    }

    fn log(&self, error: &QueueError) {
        let (remote_name, lane) = (&self.endpoint.config.name, self.lane);
        debug!(remote_name, ?lane, %error, "the recorder can't be read or written");
    }
}

/// Runs a function that blocks.
pub(super) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, QueueError> + Send + 'static,
) -> Result<T, QueueError> {
    let ended = tokio::task::spawn_blocking(run).await;
    ended.unwrap_or_else(|error| Err(QueueError(error.to_string())))
}

/// Ends some time after the shutdown begins.
async fn expire(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
}
