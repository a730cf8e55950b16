//! Why something cannot be recorded or read.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why something cannot be recorded, or a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// Another process records there.
    #[error(
        "{} is in use: another exporter records there; give each one a `recorder.path` of its own",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The file has a schema that this program does not know.
    #[error(
        "the recording has schema {found}, and this version of the program knows {known}: it was \
         written by a newer version"
    )]
    NewerSchema {
        /// The file's schema version.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// There is no recording.
    #[error("there is no recording in {}", path.display())]
    NotFound {
        /// The directory.
        path: PathBuf,
    },
    /// The files of the recording are not there any more.
    #[error("the recording in {} was removed", path.display())]
    Removed {
        /// The directory.
        path: PathBuf,
    },
    /// A file or directory cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The data are damaged.
    #[error("the recording is damaged: {0}")]
    Damaged(String),
    /// The database cannot do what it should.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

impl RecorderError {
    /// Whether the file itself is damaged, so that trying again does not help.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            ),
            _ => false,
        }
    }
}
