//! Notices that channel files changed.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::warn;

/// Files are often written in several steps; what comes within this time is one change.
const SETTLE: Duration = Duration::from_millis(300);
/// Network file systems tell nothing, so once in a while somebody has to look.
const LOOK: Duration = Duration::from_secs(60);

/// Watches the directories in which channel files are.
///
/// Directories and not files: an atomic rename and Kubernetes' swap of a symbolic link leave
/// the old file where it was, and only the directory changes.
#[derive(Debug)]
pub struct Watcher {
    notify: Option<notify::RecommendedWatcher>,
    directories: Vec<PathBuf>,
    /// Those of which it was said that they can't be watched.
    told: HashSet<PathBuf>,
    events: watch::Receiver<()>,
}

// === impl Watcher ===

impl Watcher {
    /// Watches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let (sender, events) = watch::channel(());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event as well, and we read them all.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                sender.send_replace(());
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                warn!(%error, "files cannot be watched; looking every minute instead");
            })
            .ok();
        Self {
            notify: watcher,
            directories: Vec::new(),
            told: HashSet::new(),
            events,
        }
    }

    /// Watches these directories, and no others.
    pub fn watch(&mut self, directories: impl IntoIterator<Item = PathBuf>) {
        let directories: Vec<PathBuf> = directories.into_iter().collect();
        if let Some(watcher) = &mut self.notify {
            for gone in self.directories.iter().filter(|d| !directories.contains(d)) {
                // It may be gone itself.
                _ = watcher.unwatch(gone);
            }
            for directory in &directories {
                let path = if directory.as_os_str().is_empty() {
                    std::path::Path::new(".")
                } else {
                    directory
                };
                // Watching one again sees to it that it is the one which has the name now.
                match watcher.watch(path, RecursiveMode::NonRecursive) {
                    Ok(()) => {
                        self.told.remove(directory);
                    }
                    Err(error) => {
                        if self.told.insert(directory.clone()) {
                            warn!(
                                directory = %path.display(), %error,
                                "this directory cannot be watched; looking every minute instead"
                            );
                        }
                    }
                }
            }
        }
        self.directories = directories;
    }

    /// Waits until something may have changed. Never ends where there is nothing to watch.
    /// Nothing is missed where the future is dropped before its end.
    pub async fn changed(&mut self) {
        if self.directories.is_empty() {
            std::future::pending::<()>().await;
        }
        let look = Instant::now() + LOOK;
        if self.notify.is_none() {
            sleep_until(look).await;
            return;
        }
        // A clone has its own mark of what was seen: ours is only set at the end.
        let mut events = self.events.clone();
        if timeout_at(look, events.changed()).await.is_ok() {
            tokio::time::sleep(SETTLE).await;
            self.events.borrow_and_update();
        }
    }
}

impl Default for Watcher {
    fn default() -> Self {
        Self::new()
    }
}
