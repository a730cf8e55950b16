//! Notices that files changed.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::warn;

/// Files are often written in several steps; what comes within this time is one change.
const SETTLE: Duration = Duration::from_millis(300);
/// What was looked at in vain is looked at less and less often while things go on happening:
/// somebody writes a file there that is none of ours.
const REST: Duration = Duration::from_secs(5);
/// Network file systems tell nothing, so once in a while somebody has to look.
const LOOK: Duration = Duration::from_secs(60);

/// Watches the directories in which some files are.
///
/// Directories and not files: an atomic rename and Kubernetes' swap of a symbolic link leave
/// the old file where it was, and only the directory changes.
#[derive(Debug)]
pub struct Watcher {
    notify: Option<notify::RecommendedWatcher>,
    directories: Vec<PathBuf>,
    /// Those of which it was said that they can't be watched.
    warned: HashSet<PathBuf>,
    events: watch::Receiver<()>,
    debounce: Debounce,
}

/// When to look.
#[derive(Debug, Clone, Copy)]
struct Debounce {
    last: Instant,
    /// So long after the last look is the next one at the earliest.
    pause: Duration,
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
            warned: HashSet::new(),
            events,
            debounce: Debounce::new(Instant::now()),
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
                        self.warned.remove(directory);
                    }
                    Err(error) => {
                        if self.warned.insert(directory.clone()) {
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
        let look = self.debounce.last + LOOK;
        if self.notify.is_none() {
            sleep_until(look).await;
            return;
        }
        // A clone has its own mark of what was seen: ours is only set at the end.
        let mut events = self.events.clone();
        if timeout_at(look, events.changed()).await.is_ok() {
            sleep_until(self.debounce.after(Instant::now())).await;
            self.events.borrow_and_update();
        }
    }

    /// To be warned after each look; `news` is whether something had changed.
    pub fn record_check(&mut self, news: bool) {
        self.debounce.record_check(Instant::now(), news);
    }
}

// === impl Debounce ===

impl Debounce {
    fn new(now: Instant) -> Self {
        Self {
            last: now,
            pause: SETTLE,
        }
    }

    /// When to look after something that happened now.
    fn after(&self, now: Instant) -> Instant {
        (now + SETTLE).max(self.last + self.pause)
    }

    fn record_check(&mut self, now: Instant, news: bool) {
        let quiet = now.saturating_duration_since(self.last) > REST + SETTLE;
        self.pause = if news || quiet {
            SETTLE
        } else {
            (self.pause * 2).min(REST)
        };
        self.last = now;
    }
}

impl Default for Watcher {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many looks there are in a minute in which something happens all the time.
    fn looks(news: bool) -> (usize, Debounce, Instant) {
        let begin = Instant::now();
        let mut debounce = Debounce::new(begin);
        let (mut now, mut looks) = (begin, 0);
        while now < begin + Duration::from_secs(60) {
            now = debounce.after(now);
            debounce.record_check(now, news);
            looks += 1;
        }
        (looks, debounce, now)
    }

    #[test]
    fn what_is_looked_at_in_vain_is_looked_at_less_and_less_often_while_things_happen() {
        let (in_vain, mut debounce, now) = looks(false);
        assert!((10..20).contains(&in_vain), "{in_vain}");
        assert_eq!(looks(true).0, 200);
        // After a quiet time a change is seen at once, and so is what follows it.
        let later = now + 3 * REST;
        assert_eq!(debounce.after(later), later + SETTLE);
        debounce.record_check(later + SETTLE, true);
        assert_eq!(debounce.after(later + SETTLE), later + 2 * SETTLE);
        // Nor does a single look in vain before it delay it by much.
        debounce.record_check(later + 2 * SETTLE, false);
        assert_eq!(debounce.after(later + 2 * SETTLE), later + 4 * SETTLE);
    }
}
