//! What was recorded, in the order of recording: the queue of remote writes.
//!
//! The store keeps the log only while a remote write is configured. Entries that all remote writes
//! have sent are removed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::database;
use super::error::RecorderError;
use super::files::RecordingFiles;
use crate::state::SampleValues;
use polyv_client::clock::Timestamp;

/// New samples and filled ones have a sequence of entries each, so that neither waits for the
/// other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Samples as polls bring them, viewers, and whether channels are live.
    New,
    /// Samples from before: those that were missing, and the history of a channel's first poll.
    Filled,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// The entry's number in its lane. Numbers grow by one.
    pub sequence: i64,
    /// When it was recorded, by the host's clock.
    pub recorded: Timestamp,
    /// What the entry is about.
    pub series: Arc<LogSeries>,
    /// The value's own time.
    pub time: Timestamp,
    /// The value.
    pub value: LogValue,
}

/// What an entry is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogSeries {
    /// The account's name.
    pub account: Arc<str>,
    /// The channel's number at Polyv.
    pub channel_id: Arc<str>,
    /// The stream's name, of a sample.
    pub stream: Option<Arc<str>>,
}

/// The value of an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LogValue {
    /// A sample of a stream; one with the same time replaces it.
    Sample(SampleValues),
    /// How many people are watching.
    Viewers(u64),
    /// Whether the channel is live.
    Live(bool),
}

/// Reads the log beside the process that writes it.
pub struct LogReader {
    connection: Connection,
    files: RecordingFiles,
    identity: Option<(u64, u64)>,
    series: HashMap<(bool, i64), Arc<LogSeries>>,
}

// === impl Lane ===

impl Lane {
    /// Both lanes.
    pub const ALL: [Self; 2] = [Self::New, Self::Filled];

    pub(super) const fn number(self) -> i64 {
        match self {
            Self::New => 0,
            Self::Filled => 1,
        }
    }
}

// === impl LogValue ===

impl LogValue {
    /// The column `kind`.
    pub(super) const fn kind(self) -> i64 {
        match self {
            Self::Sample(_) => 0,
            Self::Viewers(_) => 1,
            Self::Live(_) => 2,
        }
    }

    /// The columns of values.
    #[allow(clippy::cast_precision_loss)] // exact up to 2^53
    pub(super) fn columns(self) -> [Option<f64>; 3] {
        match self {
            Self::Sample(values) => database::columns(values),
            Self::Viewers(count) => [Some(count as f64), None, None],
            Self::Live(live) => [Some(f64::from(u8::from(live))), None, None],
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it was a whole number
    fn from_columns(kind: i64, columns: [Option<f64>; 3]) -> Self {
        let value = columns.first().copied().flatten().unwrap_or_default();
        match kind {
            0 => Self::Sample(database::values(columns)),
            1 => Self::Viewers(value as u64),
            _ => Self::Live(value != 0.0),
        }
    }
}

// === impl LogReader ===

impl LogReader {
    /// Opens the log of the recording in a directory.
    ///
    /// # Errors
    /// There is no recording, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, RecorderError> {
        let files = RecordingFiles::new(path);
        // Before the file is opened: one that replaces it in between is noticed.
        let identity = files.identity();
        Ok(Self {
            connection: database::open_to_read(&files)?,
            files,
            identity,
            series: HashMap::new(),
        })
    }

    /// Whether the file is still the one that is recorded to: a damaged one is replaced.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.identity == self.files.identity()
    }

    /// The first `limit` entries of a lane after a sequence number.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn read(
        &mut self,
        lane: Lane,
        after: i64,
        limit: usize,
    ) -> Result<Vec<LogEntry>, RecorderError> {
        type Row = (i64, Timestamp, i64, i64, Timestamp, [Option<f64>; 3]);
        let mut rows: Vec<Row> = Vec::new();
        {
            let mut statement = self.connection.prepare_cached(
                "SELECT sequence, recorded, kind, series, time, value, video_framerate_fps,
                        audio_framerate_fps
                 FROM log WHERE lane = ? AND sequence > ? ORDER BY sequence LIMIT ?",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut found = statement.query(params![lane.number(), after, limit])?;
            while let Some(row) = found.next()? {
                let [recorded, time] = [row.get(1)?, row.get(4)?].map(Timestamp::from_millis);
                let columns = [row.get(5)?, row.get(6)?, row.get(7)?];
                rows.push((
                    row.get(0)?,
                    recorded,
                    row.get(2)?,
                    row.get(3)?,
                    time,
                    columns,
                ));
            }
        }
        let mut entries = Vec::with_capacity(rows.len());
        for (sequence, recorded, kind, series, time, columns) in rows {
            let value = LogValue::from_columns(kind, columns);
            let is_stream = matches!(value, LogValue::Sample(_));
            // Its stream is missing only in a damaged file.
            if let Some(series) = self.series(is_stream, series)? {
                entries.push(LogEntry {
                    sequence,
                    recorded,
                    series,
                    time,
                    value,
                });
            }
        }
        Ok(entries)
    }

    /// The number of the last entry of a lane, and 0 where there was none.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn last_sequence(&self, lane: Lane) -> Result<i64, RecorderError> {
        Ok(database::last_sequence(&self.connection, lane.number())?)
    }

    /// The number of the last entry of a lane that a remote write has sent or dropped, as the store
    /// knows it. It is known from [`Recorder::set_remotes`](super::Recorder::set_remotes) on.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn position(&self, remote: &str, lane: Lane) -> Result<Option<i64>, RecorderError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT sequence FROM position WHERE remote = ? AND lane = ?")?;
        let position = statement.query_row(params![remote, lane.number()], |row| row.get(0));
        Ok(position.optional()?)
    }

    fn series(
        &mut self,
        is_stream: bool,
        id: i64,
    ) -> Result<Option<Arc<LogSeries>>, RecorderError> {
        if let Some(known) = self.series.get(&(is_stream, id)) {
            return Ok(Some(Arc::clone(known)));
        }
        let sql = if is_stream {
            "SELECT account, channel_id, stream.name FROM stream
             JOIN channel ON channel.id = stream.channel WHERE stream.id = ?"
        } else {
            "SELECT account, channel_id, NULL FROM channel WHERE id = ?"
        };
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_row([id], |row| {
            Ok(LogSeries {
                account: row.get(0)?,
                channel_id: row.get(1)?,
                stream: row.get(2)?,
            })
        });
        let Some(series) = found.optional()? else {
            return Ok(None);
        };
        let series = Arc::new(series);
        self.series.insert((is_stream, id), Arc::clone(&series));
        Ok(Some(series))
    }
}
