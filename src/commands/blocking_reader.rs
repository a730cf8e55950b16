//! Reading files beside the asynchronous tasks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

/// How long reading may take.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads files, one read at a time: a file that blocks (on a network that is down, for example)
/// occupies one thread, and not one more with each attempt.
#[derive(Default)]
pub(super) struct BlockingReader(Arc<Mutex<()>>);

// === impl BlockingReader ===

impl BlockingReader {
    /// Returns the result of `read`, which may block.
    ///
    /// # Errors
    /// A sentence if it takes too long or fails; `what` names what is read.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        what: &str,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let too_slow = || {
            let seconds = READ_TIMEOUT.as_secs();
            format!("a file of the {what} takes over {seconds} s to be read")
        };
        let lock = Arc::clone(&self.0)
            .try_lock_owned()
            .map_err(|_| too_slow())?;
        let reading = tokio::task::spawn_blocking(move || {
            let _lock = lock;
            read()
        });
        tokio::time::timeout(READ_TIMEOUT, reading)
            .await
            .map_err(|_| too_slow())?
            .map_err(|failure| failure.to_string())
    }
}
