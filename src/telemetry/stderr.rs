//! Standard error, written by a thread of its own: if nothing reads it, only that thread waits.

use std::io::{self, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Lines that wait to be written. Further ones are dropped.
const MAX_WAITING_LINES: usize = 4096;
/// How long the program waits for the last lines when it ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

static LINES: LazyLock<SyncSender<Vec<u8>>> = LazyLock::new(start_writer);
static WAITING: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// A writer of whole lines to standard error that never waits.
#[derive(Debug, Clone, Copy)]
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        WAITING.fetch_add(1, Ordering::Relaxed);
        if LINES.try_send(line.to_vec()).is_err() {
            WAITING.fetch_sub(1, Ordering::Relaxed);
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stderr {
    /// The number of lines that were dropped.
    #[must_use]
    pub fn dropped_lines() -> u64 {
        DROPPED.load(Ordering::Relaxed)
    }

    /// Waits until all lines are written, for a second at most.
    pub fn drain() {
        let deadline = Instant::now() + FLUSH_TIMEOUT;
        while WAITING.load(Ordering::Relaxed) > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Starts the thread. Without one (the system has no threads left) every line counts as dropped.
fn start_writer() -> SyncSender<Vec<u8>> {
    let (sender, lines) = sync_channel::<Vec<u8>>(MAX_WAITING_LINES);
    let write = move || {
        for line in lines {
            // There is no other place to report that standard error is closed.
            _ = io::stderr().write_all(&line);
            WAITING.fetch_sub(1, Ordering::Relaxed);
        }
    };
    _ = thread::Builder::new().name("log".to_owned()).spawn(write);
    sender
}
