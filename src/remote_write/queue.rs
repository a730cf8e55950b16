//! The queue that endpoints send from: the recorder's log.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::recorder::{Lane, LogEntry, LogReader, Recorder, RecorderError};

/// The queue can't be read or written at the moment.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct QueueError(pub String);

/// The queue. Its methods block; they return quickly.
pub trait Queue: Send + Sync {
    /// The first entries of a lane after a sequence number, at most `limit`.
    ///
    /// # Errors
    /// The store fails.
    fn read(&self, lane: Lane, after: i64, limit: usize) -> Result<Vec<LogEntry>, QueueError>;

    /// The number of the last entry of a lane, and 0 where there was none.
    ///
    /// # Errors
    /// The store fails.
    fn last_sequence(&self, lane: Lane) -> Result<i64, QueueError>;

    /// The number of the last entry of a lane that an endpoint has sent or dropped. `None` for an
    /// endpoint that is not known.
    ///
    /// # Errors
    /// The store fails.
    fn position(&self, remote: &str, lane: Lane) -> Result<Option<i64>, QueueError>;

    /// Stores up to which entry of a lane an endpoint has sent or dropped all. If that is lost, the
    /// entries are sent again after a restart.
    fn set_position(&self, remote: &str, lane: Lane, sequence: i64);

    /// Keeps the log for these endpoints. One that is new begins at its end; all others are
    /// forgotten. What all have sent may leave the log.
    fn set_remotes(&self, remotes: Vec<String>);
}

/// The log of a recorder.
pub struct RecorderLog {
    recorder: Recorder,
    directory: PathBuf,
    reader: Mutex<Option<LogReader>>,
}

// === impl RecorderLog ===

impl RecorderLog {
    /// The log of a recorder that records in this directory.
    #[must_use]
    pub fn new(recorder: Recorder, directory: &Path) -> Self {
        Self {
            recorder,
            directory: directory.to_owned(),
            reader: Mutex::new(None),
        }
    }

    /// Reads the log. Opens it again after a failure, and after the recorder replaced the file.
    fn with_reader<T>(
        &self,
        read: impl FnOnce(&mut LogReader) -> Result<T, RecorderError>,
    ) -> Result<T, QueueError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let current = reader.take().filter(LogReader::is_current);
        let opened = match current {
            Some(current) => Ok(current),
            None => LogReader::open(&self.directory),
        };
        let result = opened.and_then(|mut opened| {
            let result = read(&mut opened)?;
            *reader = Some(opened);
            Ok(result)
        });
        result.map_err(|error| QueueError(error.to_string()))
    }
}

impl Queue for RecorderLog {
    fn read(&self, lane: Lane, after: i64, limit: usize) -> Result<Vec<LogEntry>, QueueError> {
        self.with_reader(|reader| reader.read(lane, after, limit))
    }

    fn last_sequence(&self, lane: Lane) -> Result<i64, QueueError> {
        self.with_reader(|reader| reader.last_sequence(lane))
    }

    fn position(&self, remote: &str, lane: Lane) -> Result<Option<i64>, QueueError> {
        self.with_reader(|reader| reader.position(remote, lane))
    }

    fn set_position(&self, remote: &str, lane: Lane, sequence: i64) {
        self.recorder.set_position(remote, lane, sequence);
    }

    fn set_remotes(&self, remotes: Vec<String>) {
        self.recorder.set_remotes(remotes);
    }
}
