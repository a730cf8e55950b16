//! The files of a recording.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::error::RecorderError;
use polyv_client::clock::Timestamp;

/// The database, in the directory that is configured.
const DATABASE: &str = "recorder.db";
/// Held by the process that records.
const LOCK: &str = "recorder.lock";
/// Who watched what and when is not for everyone.
const DIRECTORY_MODE: u32 = 0o750;
/// What `SQLite` appends to the name of a database for its own files.
const SIDE_FILES: [&str; 2] = ["-wal", "-shm"];

/// The files of a recording, in one directory.
#[derive(Debug, Clone)]
pub(super) struct RecordingFiles {
    directory: PathBuf,
}

/// The right to record in a directory, until it is dropped or the process ends.
#[derive(Debug)]
pub(super) struct RecordingLock {
    _file: File,
}

// === impl RecordingFiles ===

impl RecordingFiles {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn database(&self) -> PathBuf {
        self.directory.join(DATABASE)
    }

    /// Takes the right to record; creates the directory.
    ///
    /// # Errors
    /// Another process has the right, or the directory cannot be written.
    pub(super) fn lock(&self) -> Result<RecordingLock, RecorderError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| RecorderError::Io { path, source }
        };
        let mut builder = DirBuilder::new();
        let builder = builder.recursive(true).mode(DIRECTORY_MODE);
        builder
            .create(&self.directory)
            .map_err(io(&self.directory))?;
        let path = self.directory.join(LOCK);
        let mut options = File::options();
        let options = options.create(true).truncate(false).write(true);
        let file = options.open(&path).map_err(io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(RecordingLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(RecorderError::InUse {
                path: self.directory.clone(),
            }),
            Err(TryLockError::Error(source)) => Err(RecorderError::Io { path, source }),
        }
    }

    /// What tells this database file from one that replaces it. `None` if there is none.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        let metadata = std::fs::metadata(self.database()).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }

    /// The bytes of the database's files.
    pub(super) fn size(&self) -> u64 {
        let database = self.database();
        let side_files = SIDE_FILES
            .iter()
            .map(|suffix| with_suffix(&database, suffix));
        std::iter::once(database.clone())
            .chain(side_files)
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|metadata| metadata.len())
            .sum()
    }

    /// Renames a damaged database, so that a new one can be created. Returns its new name.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub(super) fn set_aside(&self, now: Timestamp) -> Result<PathBuf, RecorderError> {
        let database = self.database();
        let aside = with_suffix(&database, &format!(".damaged-{}", now.as_millis() / 1000));
        std::fs::rename(&database, &aside).map_err(|source| RecorderError::Io {
            path: database.clone(),
            source,
        })?;
        for suffix in SIDE_FILES {
            // They exist only where the database was in use.
            _ = std::fs::rename(with_suffix(&database, suffix), with_suffix(&aside, suffix));
        }
        Ok(aside)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
