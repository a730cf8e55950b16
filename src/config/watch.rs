//! Notices that files may have changed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::warn;

/// Files are often written in several steps. Events within this time are one change.
const SETTLE_TIME: Duration = Duration::from_millis(300);
/// The longest pause between two checks while events go on. Checks that find no change become rarer,
/// because another program writes files of its own there.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// Interval of checks without an event: network file systems report none.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// Watches the directories of some files.
///
/// It watches directories instead of files, because an atomic rename or Kubernetes' swap of a symbolic
/// link changes the directory and not the old file.
#[derive(Debug)]
pub struct Watcher {
    notify: Option<notify::RecommendedWatcher>,
    directories: Vec<PathBuf>,
    /// The parents of directories that are not there.
    parents: HashSet<PathBuf>,
    /// Directories for which a warning was logged.
    warned: HashSet<PathBuf>,
    events: watch::Receiver<()>,
    debounce: Debounce,
}

/// Decides when to check.
#[derive(Debug, Clone, Copy)]
struct Debounce {
    last_check: Instant,
    /// Shortest time between two checks.
    pause: Duration,
}

// === impl Watcher ===

impl Watcher {
    /// A watcher without directories.
    #[must_use]
    pub fn new() -> Self {
        let (sender, events) = watch::channel(());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event as well.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                sender.send_replace(());
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                warn!(%error, "files cannot be watched; checking every minute instead");
            })
            .ok();
        Self {
            notify: watcher,
            directories: Vec::new(),
            parents: HashSet::new(),
            warned: HashSet::new(),
            events,
            debounce: Debounce::new(Instant::now()),
        }
    }

    /// Watches these directories instead of the previous ones.
    pub fn watch(&mut self, directories: impl IntoIterator<Item = PathBuf>) {
        let directories: Vec<PathBuf> = directories.into_iter().collect();
        if let Some(watcher) = &mut self.notify {
            let gone = self.directories.iter().chain(&self.parents);
            for gone in gone.filter(|gone| !directories.contains(gone)) {
                // The directory may no longer exist.
                _ = watcher.unwatch(gone);
            }
            self.parents.clear();
            for directory in &directories {
                let path = or_here(directory);
                // Another directory may have the name by now, so it is watched again.
                let Err(error) = watcher.watch(path, RecursiveMode::NonRecursive) else {
                    self.warned.remove(directory);
                    continue;
                };
                // One that is not there shows in its parent once it is.
                let mut parents = path.ancestors().skip(1).map(or_here);
                let parent = parents.find(|parent| parent.is_dir());
                let is_parent_watched = parent.is_some_and(|parent| {
                    let watched = watcher.watch(parent, RecursiveMode::NonRecursive);
                    self.parents.insert(parent.to_owned());
                    !path.exists() && watched.is_ok()
                });
                if !is_parent_watched && self.warned.insert(directory.clone()) {
                    warn!(
                        directory = %path.display(), %error,
                        "this directory cannot be watched; checking every minute instead"
                    );
                }
            }
        }
        self.directories = directories;
    }

    /// Waits until a file may have changed. Never returns without directories to watch. Cancel safe.
    pub async fn changed(&mut self) {
        if self.directories.is_empty() {
            std::future::pending::<()>().await;
        }
        let next_check = self.debounce.last_check + CHECK_INTERVAL;
        if self.notify.is_none() {
            sleep_until(next_check).await;
            return;
        }
        // A clone keeps its own version: an event counts as seen at the end only.
        let mut events = self.events.clone();
        if timeout_at(next_check, events.changed()).await.is_ok() {
            sleep_until(self.debounce.after(Instant::now())).await;
            self.events.borrow_and_update();
        }
    }

    /// Has to be called after each check, with whether something had changed.
    pub fn record_check(&mut self, changed: bool) {
        self.debounce.record_check(Instant::now(), changed);
    }
}

/// The path; the working directory where it is empty.
fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    }
}

// === impl Debounce ===

impl Debounce {
    fn new(now: Instant) -> Self {
        Self {
            last_check: now,
            pause: SETTLE_TIME,
        }
    }

    /// When to check after an event that happens now.
    fn after(&self, now: Instant) -> Instant {
        (now + SETTLE_TIME).max(self.last_check + self.pause)
    }

    fn record_check(&mut self, now: Instant, changed: bool) {
        let quiet = now.saturating_duration_since(self.last_check) > MAX_PAUSE + SETTLE_TIME;
        self.pause = if changed || quiet {
            SETTLE_TIME
        } else {
            (self.pause * 2).min(MAX_PAUSE)
        };
        self.last_check = now;
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

    /// The number of checks in a minute in which events go on all the time.
    fn checks(changed: bool) -> (usize, Debounce, Instant) {
        let begin = Instant::now();
        let mut debounce = Debounce::new(begin);
        let (mut now, mut checks) = (begin, 0);
        while now < begin + Duration::from_secs(60) {
            now = debounce.after(now);
            debounce.record_check(now, changed);
            checks += 1;
        }
        (checks, debounce, now)
    }

    #[test]
    fn checks_without_a_change_become_rarer() {
        let (without_change, mut debounce, now) = checks(false);
        assert!((10..20).contains(&without_change), "{without_change}");
        assert_eq!(checks(true).0, 200);
        // After a quiet time the next changes are noticed at once.
        let later = now + 3 * MAX_PAUSE;
        assert_eq!(debounce.after(later), later + SETTLE_TIME);
        debounce.record_check(later + SETTLE_TIME, true);
        assert_eq!(debounce.after(later + SETTLE_TIME), later + 2 * SETTLE_TIME);
        // A single check without a change hardly delays the next one.
        debounce.record_check(later + 2 * SETTLE_TIME, false);
        assert_eq!(
            debounce.after(later + 2 * SETTLE_TIME),
            later + 4 * SETTLE_TIME
        );
    }
}
