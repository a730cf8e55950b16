//! The database's schema and its migrations.

use rusqlite::Connection;

use super::error::RecorderError;

/// One step per schema version, oldest first. Steps that were released never change.
///
/// Times are milliseconds since 1970, by Polyv's clock. Streams, states and everything else belong
/// to a channel; samples belong to a stream. Samples of a finished hour are in one
/// `sample_block`, all others in `sample`, and never in both.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE channel (
        id INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        channel_id TEXT NOT NULL,
        name TEXT NOT NULL,
        expect_live INTEGER NOT NULL,
        expect_content TEXT,
        expect_video_bitrate_bps REAL,
        expect_video_framerate_fps REAL,
        expect_audio_framerate_fps REAL,
        UNIQUE (account, channel_id)
    ) STRICT;
    CREATE TABLE stream (
        id INTEGER PRIMARY KEY,
        channel INTEGER NOT NULL REFERENCES channel,
        name TEXT NOT NULL,
        UNIQUE (channel, name)
    ) STRICT;
    CREATE TABLE sample (
        stream INTEGER NOT NULL,
        time INTEGER NOT NULL,
        video_bitrate_bps REAL,
        video_framerate_fps REAL,
        audio_framerate_fps REAL,
        PRIMARY KEY (stream, time)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sample_block (
        stream INTEGER NOT NULL,
        start INTEGER NOT NULL,
        count INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (stream, start)
    ) STRICT;
    CREATE TABLE covered (
        channel INTEGER NOT NULL,
        start INTEGER NOT NULL,
        end INTEGER NOT NULL,
        PRIMARY KEY (channel, start)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE observed (
        channel INTEGER NOT NULL,
        start INTEGER NOT NULL,
        end INTEGER NOT NULL,
        PRIMARY KEY (channel, start)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE state (
        channel INTEGER NOT NULL,
        time INTEGER NOT NULL,
        state TEXT NOT NULL,
        PRIMARY KEY (channel, time)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE viewers (
        channel INTEGER NOT NULL,
        time INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (channel, time)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE plan (
        channel INTEGER NOT NULL,
        start INTEGER NOT NULL,
        end INTEGER,
        PRIMARY KEY (channel, start)
    ) STRICT, WITHOUT ROWID;
    -- What remote writes have still to send, in the order of recording. `recorded` is the time of
    -- recording, by the host's clock.
    CREATE TABLE log (
        lane INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        recorded INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        series INTEGER NOT NULL,
        time INTEGER NOT NULL,
        value REAL,
        video_framerate_fps REAL,
        audio_framerate_fps REAL,
        PRIMARY KEY (lane, sequence)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE position (
        remote TEXT NOT NULL,
        lane INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (remote, lane)
    ) STRICT, WITHOUT ROWID;
"];

/// `PLYV`: tells `file` and people what the database is.
const APPLICATION_ID: i32 = 0x504c_5956;

/// Brings the schema up to date.
pub(super) fn migrate(connection: &Connection) -> Result<(), RecorderError> {
    let version = check_version(connection)?;
    let steps = MIGRATIONS.iter().zip(1_i64..);
    for (step, number) in steps.filter(|(_, number)| *number > version) {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    if version == 0 {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    Ok(())
}

/// The schema's version.
///
/// # Errors
/// A newer program wrote the file.
pub(super) fn check_version(connection: &Connection) -> Result<i64, RecorderError> {
    let found = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(RecorderError::NewerSchema { found, known });
    }
    Ok(found)
}
