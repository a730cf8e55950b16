//! Opening the database, and how values are stored in it.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::RecorderError;
use super::files::RecordingFiles;
use super::schema;
use crate::config::{Content, Expect};
use crate::state::{LiveState, Measurement, SampleValues};

/// How long a reader and the writer wait for each other. In WAL mode they hardly ever do.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens or creates the database for the one process that writes it.
pub(super) fn open_to_write(files: &RecordingFiles) -> Result<Connection, RecorderError> {
    let connection = Connection::open(files.database())?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Only a new database takes it.
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A commit survives the end of the process at once, and that of the host after a checkpoint;
    // the database stays whole either way.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "journal_size_limit", 8 << 20)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    connection.set_prepared_statement_cache_capacity(64);
    schema::migrate(&connection)?;
    Ok(connection)
}

/// Opens the database beside the process that writes it.
pub(super) fn open_to_read(files: &RecordingFiles) -> Result<Connection, RecorderError> {
    let path = files.database();
    if !path.exists() {
        return Err(RecorderError::NotFound {
            path: files.directory().to_owned(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let version = match schema::check_version(&connection) {
        Ok(version) => version,
        // In a directory that cannot be written, a database that is not in use cannot be shared.
        Err(RecorderError::Database(error)) if !is_damage(&error) => {
            let uri = format!("file:{}?immutable=1", escape_uri(&path.to_string_lossy()));
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            let connection = Connection::open_with_flags(uri, flags)?;
            schema::check_version(&connection)?;
            return Ok(connection);
        }
        Err(error) => return Err(error),
    };
    if version == 0 {
        return Err(RecorderError::NotFound {
            path: files.directory().to_owned(),
        });
    }
    Ok(connection)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseCorrupt | NotADatabase)
    )
}

fn escape_uri(path: &str) -> String {
    path.replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23")
}

/// The number of the last entry of a lane of the log, also of one that was removed.
pub(super) fn last_sequence(connection: &Connection, lane: i64) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached(
        "SELECT max(
             coalesce((SELECT max(sequence) FROM log WHERE lane = ?1), 0),
             coalesce((SELECT max(sequence) FROM position WHERE lane = ?1), 0)
         )",
    )?;
    statement.query_row([lane], |row| row.get(0))
}

/// A sample's values as columns.
pub(super) fn columns(values: SampleValues) -> [Option<f64>; 3] {
    [
        values.video_bitrate.get(),
        values.video_framerate.get(),
        values.audio_framerate.get(),
    ]
}

/// A sample's values from columns.
pub(super) fn values(columns: [Option<f64>; 3]) -> SampleValues {
    let [bitrate, video, audio] = columns.map(Measurement::from);
    SampleValues {
        video_bitrate: bitrate,
        video_framerate: video,
        audio_framerate: audio,
    }
}

/// The state that has this name in the database.
pub(super) fn live_state(name: &str) -> LiveState {
    let mut states = LiveState::ALL.into_iter();
    states
        .find(|state| state.as_str() == name)
        .unwrap_or(LiveState::Unknown)
}

/// What is expected of a channel, from the five columns at `first` and after.
pub(super) fn expect(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Expect> {
    let content: Option<String> = row.get(first + 1)?;
    Ok(Expect {
        live: row.get(first)?,
        content: content.and_then(|content| {
            let mut contents = Content::ALL.into_iter();
            contents.find(|known| known.as_str() == content)
        }),
        video_bitrate_bps: row.get(first + 2)?,
        video_framerate_fps: row.get(first + 3)?,
        audio_framerate_fps: row.get(first + 4)?,
    })
}
