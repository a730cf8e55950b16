//! Reading files anew, while everything else goes on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

/// It may take so long.
const READ: Duration = Duration::from_secs(30);

/// Reads files, one reading at a time: those that do not let themselves be read (on a network
/// that is down, say) hold up one thread and not one more with each try.
#[derive(Default)]
pub(super) struct Reading(Arc<Mutex<()>>);

// === impl Reading ===

impl Reading {
    /// What `read` brings, which may block.
    ///
    /// # Errors
    /// A sentence where it takes too long or fails; `what` names what is read.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        what: &str,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let too_slow = || {
            let seconds = READ.as_secs();
            format!("a file of the {what} takes over {seconds} s to be read")
        };
        let lock = Arc::clone(&self.0)
            .try_lock_owned()
            .map_err(|_| too_slow())?;
        let reading = tokio::task::spawn_blocking(move || {
            let _lock = lock;
            read()
        });
        tokio::time::timeout(READ, reading)
            .await
            .map_err(|_| too_slow())?
            .map_err(|failure| failure.to_string())
    }
}
