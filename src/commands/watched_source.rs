//! Files that are read again when they change.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tracing::{error, info};

use crate::config::Watcher;
use web_config::SwapResult;

/// How long reading may take.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The files of a configuration: when to read them again, and how that went the last time.
pub(super) struct WatchedSource {
    /// What the files are.
    what: &'static str,
    pub(super) watcher: Watcher,
    /// The error of the last reload.
    failure: Option<String>,
    /// Held while files are read.
    reading: Arc<Mutex<()>>,
}

// === impl WatchedSource ===

impl WatchedSource {
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            watcher: Watcher::default(),
            failure: None,
            reading: Arc::default(),
        }
    }

    /// Whether the last reload failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Returns the result of `read`, which may block. One read runs at a time: a file that blocks
    /// (on a network that is down, for example) occupies one thread, and not one more with each
    /// attempt.
    ///
    /// # Errors
    /// A sentence if it takes too long or fails.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let (what, seconds) = (self.what, READ_TIMEOUT.as_secs());
        let too_slow = || format!("a file of the {what} takes over {seconds} s to be read");
        let lock = Arc::clone(&self.reading).try_lock_owned();
        let lock = lock.map_err(|_| too_slow())?;
        let reading = tokio::task::spawn_blocking(move || {
            let _lock = lock;
            read()
        });
        let read = tokio::time::timeout(READ_TIMEOUT, reading).await;
        read.map_err(|_| too_slow())?
            .map_err(|failure| failure.to_string())
    }

    /// Records and logs how a reload went. A check every minute does not log the same error every
    /// minute.
    pub(super) fn record(&mut self, result: &Result<SwapResult, String>, requested: bool) {
        let what = self.what;
        let failure = result.as_ref().err();
        let is_new = failure != self.failure.as_ref();
        let replaced = *result == Ok(SwapResult::Replaced);
        if replaced {
            info!("the {what} was reloaded");
        }
        if let Some(why) = failure.filter(|_| requested || is_new) {
            for line in why.lines() {
                error!("{line}");
            }
            error!("the new {what} is faulty; the old one stays in force");
        }
        self.watcher.record_check(is_new || replaced);
        self.failure = failure.cloned();
    }
}
