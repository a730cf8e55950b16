//! The database as the one process that records changes it.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, params};

use super::database;
use super::error::RecorderError;
use super::files::RecordingFiles;
use super::log::{Lane, LogValue};
use super::recording::{Period, PlannedBroadcast};
use super::sample_block::{self, block_start};
use super::schema;
use crate::config::Content;
use crate::state::{ChannelMeta, LiveState, SampleValues};
use polyv_client::clock::Timestamp;

/// The database, open for writing.
pub(super) struct Store {
    pub(super) connection: Connection,
    /// The number of the last entry of each lane, while the log is kept.
    sequences: Option<[i64; Lane::ALL.len()]>,
}

/// The number of a channel in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ChannelRow(pub(super) i64);

/// The number of a stream in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct StreamRow(pub(super) i64);

/// What writing a sample changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// The sample was not recorded before.
    New,
    /// The sample was recorded with other values.
    Corrected,
    /// The sample was recorded with the same values.
    Unchanged,
}

/// A table of periods of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeriodTable {
    /// Whose samples were received.
    Covered,
    /// In which the channel's state was known.
    Observed,
}

// === impl PeriodTable ===

impl PeriodTable {
    const fn delete(self) -> &'static str {
        match self {
            Self::Covered => {
                "DELETE FROM covered WHERE channel = ?1 AND start <= ?3 AND end >= ?2
                 RETURNING start, end"
            }
            Self::Observed => {
                "DELETE FROM observed WHERE channel = ?1 AND start <= ?3 AND end >= ?2
                 RETURNING start, end"
            }
        }
    }

    const fn insert(self) -> &'static str {
        match self {
            Self::Covered => "INSERT INTO covered (channel, start, end) VALUES (?, ?, ?)",
            Self::Observed => "INSERT INTO observed (channel, start, end) VALUES (?, ?, ?)",
        }
    }
}

// === impl Store ===

impl Store {
    /// Opens or creates the database.
    pub(super) fn open(files: &RecordingFiles) -> Result<Self, RecorderError> {
        Ok(Self {
            connection: database::open_to_write(files)?,
            sequences: None,
        })
    }

    /// Writes the schema's version again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub(super) fn check_writable(&self) -> Result<(), RecorderError> {
        let version = schema::check_version(&self.connection)?;
        self.connection
            .pragma_update(None, "user_version", version)?;
        Ok(())
    }

    /// Changes the database in one transaction: all of `change`, or nothing.
    pub(super) fn transaction<R>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<R, RecorderError>,
    ) -> Result<R, RecorderError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let result = change(self).and_then(|result| {
            self.connection.execute_batch("COMMIT")?;
            Ok(result)
        });
        if result.is_err() {
            // SQLite may have rolled back already.
            _ = self.connection.execute_batch("ROLLBACK");
        }
        result
    }

    /// Writes a channel's name and expectations, and returns its number.
    pub(super) fn write_channel(&self, meta: &ChannelMeta) -> Result<ChannelRow, RecorderError> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO channel (account, channel_id, name, expect_live, expect_content,
                 expect_video_bitrate_bps, expect_video_framerate_fps, expect_audio_framerate_fps)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET name = excluded.name, expect_live = excluded.expect_live,
                 expect_content = excluded.expect_content,
                 expect_video_bitrate_bps = excluded.expect_video_bitrate_bps,
                 expect_video_framerate_fps = excluded.expect_video_framerate_fps,
                 expect_audio_framerate_fps = excluded.expect_audio_framerate_fps
             RETURNING id",
        )?;
        let expect = meta.channel.expect;
        let columns = params![
            meta.account,
            meta.channel.id,
            meta.channel.name,
            expect.live,
            expect.content.map(Content::as_str),
            expect.video_bitrate_bps,
            expect.video_framerate_fps,
            expect.audio_framerate_fps,
        ];
        Ok(ChannelRow(statement.query_row(columns, |row| row.get(0))?))
    }

    /// The number of a channel's stream.
    pub(super) fn stream(
        &self,
        channel: ChannelRow,
        name: &str,
    ) -> Result<StreamRow, RecorderError> {
        let sql = "SELECT id FROM stream WHERE channel = ? AND name = ?";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_row(params![channel.0, name], |row| row.get(0));
        if let Some(id) = found.optional()? {
            return Ok(StreamRow(id));
        }
        let sql = "INSERT INTO stream (channel, name) VALUES (?, ?)";
        self.connection.execute(sql, params![channel.0, name])?;
        Ok(StreamRow(self.connection.last_insert_rowid()))
    }

    /// Writes a sample; other values at the same time are replaced. The block of its hour must
    /// have been [expanded](Self::expand_block).
    pub(super) fn write_sample(
        &self,
        stream: StreamRow,
        time: Timestamp,
        values: SampleValues,
    ) -> Result<Written, RecorderError> {
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO sample (stream, time, video_bitrate_bps, video_framerate_fps,
                 audio_framerate_fps) VALUES (?, ?, ?, ?, ?)",
        )?;
        let [bitrate, video, audio] = database::columns(values);
        let row = params![stream.0, time.as_millis(), bitrate, video, audio];
        if insert.execute(row)? > 0 {
            return Ok(Written::New);
        }
        let mut update = self.connection.prepare_cached(
            "UPDATE sample SET video_bitrate_bps = ?3, video_framerate_fps = ?4,
                 audio_framerate_fps = ?5
             WHERE stream = ?1 AND time = ?2 AND (video_bitrate_bps IS NOT ?3
                 OR video_framerate_fps IS NOT ?4 OR audio_framerate_fps IS NOT ?5)",
        )?;
        if update.execute(row)? > 0 {
            return Ok(Written::Corrected);
        }
        Ok(Written::Unchanged)
    }

    /// Makes single samples of the block that a time belongs to, so that they can be changed.
    pub(super) fn expand_block(
        &self,
        stream: StreamRow,
        time: Timestamp,
    ) -> Result<(), RecorderError> {
        let sql = "DELETE FROM sample_block WHERE stream = ? AND start = ? RETURNING data";
        let mut statement = self.connection.prepare_cached(sql)?;
        let start = block_start(time).as_millis();
        let found = statement.query_row(params![stream.0, start], |row| row.get(0));
        let data: Option<Vec<u8>> = found.optional()?;
        for sample in data.map_or_else(|| Ok(Vec::new()), |data| sample_block::decode(&data))? {
            self.write_sample(stream, sample.time, sample.values)?;
        }
        Ok(())
    }

    /// Adds a period to those of a channel; overlapping ones are joined.
    pub(super) fn add_period(
        &self,
        table: PeriodTable,
        channel: ChannelRow,
        period: Period,
    ) -> Result<(), RecorderError> {
        let (mut start, mut end) = (period.start.as_millis(), period.end.as_millis());
        if end <= start {
            return Ok(());
        }
        let mut delete = self.connection.prepare_cached(table.delete())?;
        let mut joined = delete.query(params![channel.0, start, end])?;
        let (mut first, mut last) = (start, end);
        while let Some(row) = joined.next()? {
            first = first.min(row.get(0)?);
            last = last.max(row.get(1)?);
        }
        (start, end) = (first, last);
        drop(joined);
        let mut insert = self.connection.prepare_cached(table.insert())?;
        insert.execute(params![channel.0, start, end])?;
        Ok(())
    }

    /// Takes the last `millis` from the newest covered period of a channel, so that they are
    /// requested again, unless it ended before `oldest`.
    pub(super) fn shorten_coverage(
        &self,
        channel: ChannelRow,
        oldest: Timestamp,
        millis: i64,
    ) -> Result<(), RecorderError> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE covered SET end = max(start, end - ?3) WHERE channel = ?1 AND end > ?2
                 AND end = (SELECT max(end) FROM covered WHERE channel = ?1)",
        )?;
        statement.execute([channel.0, oldest.as_millis(), millis])?;
        Ok(())
    }

    /// Records that a channel entered a state.
    pub(super) fn write_state(
        &self,
        channel: ChannelRow,
        time: Timestamp,
        state: LiveState,
    ) -> Result<(), RecorderError> {
        let sql = "INSERT OR REPLACE INTO state (channel, time, state) VALUES (?, ?, ?)";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute(params![channel.0, time.as_millis(), state.as_str()])?;
        Ok(())
    }

    /// Records how many people were watching. Returns the lane for that, if it was not known: after
    /// a start Polyv sends what was recorded before.
    pub(super) fn write_viewers(
        &self,
        channel: ChannelRow,
        time: Timestamp,
        count: u64,
    ) -> Result<Option<Lane>, RecorderError> {
        let sql = "SELECT max(time) FROM viewers WHERE channel = ?";
        let mut newest = self.connection.prepare_cached(sql)?;
        let newest: Option<i64> = newest.query_row([channel.0], |row| row.get(0))?;
        let sql = "INSERT INTO viewers (channel, time, count) VALUES (?, ?, ?)
                   ON CONFLICT DO UPDATE SET count = excluded.count
                   WHERE count <> excluded.count";
        let mut statement = self.connection.prepare_cached(sql)?;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let changed = statement.execute(params![channel.0, time.as_millis(), count])?;
        let is_newest = newest.is_none_or(|newest| newest < time.as_millis());
        let lane = if is_newest { Lane::New } else { Lane::Filled };
        Ok((changed > 0).then_some(lane))
    }

    /// Records a planned broadcast. One with the same start is replaced.
    pub(super) fn write_plan(
        &self,
        channel: ChannelRow,
        plan: PlannedBroadcast,
    ) -> Result<(), RecorderError> {
        let sql = "INSERT OR REPLACE INTO plan (channel, start, end) VALUES (?, ?, ?)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let end = plan.end.map(Timestamp::as_millis);
        statement.execute(params![channel.0, plan.start.as_millis(), end])?;
        Ok(())
    }

    /// Removes the planned broadcast with this start.
    pub(super) fn remove_plan(
        &self,
        channel: ChannelRow,
        start: Timestamp,
    ) -> Result<(), RecorderError> {
        let sql = "DELETE FROM plan WHERE channel = ? AND start = ?";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute([channel.0, start.as_millis()])?;
        Ok(())
    }

    /// Adds an entry to the log, if it is kept.
    pub(super) fn log(
        &mut self,
        lane: Lane,
        series: i64,
        time: Timestamp,
        value: LogValue,
    ) -> Result<(), RecorderError> {
        let index = usize::from(lane == Lane::Filled);
        let last = self.sequences.as_mut().and_then(|all| all.get_mut(index));
        let Some(last) = last else {
            return Ok(());
        };
        *last += 1;
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO log (lane, sequence, recorded, kind, series, time, value,
                 video_framerate_fps, audio_framerate_fps) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        let [value_0, value_1, value_2] = value.columns();
        statement.execute(params![
            lane.number(),
            *last,
            Timestamp::from(SystemTime::now()).as_millis(),
            value.kind(),
            series,
            time.as_millis(),
            value_0,
            value_1,
            value_2,
        ])?;
        Ok(())
    }

    /// Keeps the log for these remote writes. One that is new begins at its end; one that is not
    /// configured any more is forgotten.
    pub(super) fn set_remotes(&mut self, remotes: &[String]) -> Result<(), RecorderError> {
        self.sequences = None;
        let mut last = [0; Lane::ALL.len()];
        for (lane, last) in Lane::ALL.into_iter().zip(&mut last) {
            *last = database::last_sequence(&self.connection, lane.number())?;
            for remote in remotes {
                let sql =
                    "INSERT OR IGNORE INTO position (remote, lane, sequence) VALUES (?, ?, ?)";
                let row = params![remote, lane.number(), *last];
                self.connection.execute(sql, row)?;
            }
        }
        let mut known = self
            .connection
            .prepare("SELECT DISTINCT remote FROM position")?;
        let known = known.query_map([], |row| row.get::<_, String>(0))?;
        let known: Vec<String> = known.collect::<Result<_, _>>()?;
        // The last one's position stays: numbers must never repeat.
        for remote in known.iter().filter(|known| !remotes.contains(known)) {
            if !remotes.is_empty() {
                let sql = "DELETE FROM position WHERE remote = ?";
                self.connection.execute(sql, [remote])?;
            }
        }
        if !remotes.is_empty() {
            self.sequences = Some(last);
        }
        Ok(())
    }

    /// Records up to which entry of a lane a remote write has sent or dropped all. An entry that
    /// this log does not have was one of a file that was set aside.
    pub(super) fn write_position(
        &self,
        remote: &str,
        lane: Lane,
        sequence: i64,
    ) -> Result<(), RecorderError> {
        if sequence > database::last_sequence(&self.connection, lane.number())? {
            return Ok(());
        }
        let sql = "UPDATE position SET sequence = ?3 WHERE remote = ?1 AND lane = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute(params![remote, lane.number(), sequence])?;
        Ok(())
    }

    /// Removes entries of the log that every remote write has sent, and those that are older than
    /// `before`: at most `limit` of each lane.
    pub(super) fn prune_log(&self, before: Timestamp, limit: i64) -> Result<(), RecorderError> {
        let mut statement = self.connection.prepare_cached(
            "DELETE FROM log WHERE lane = ?1
                 AND sequence <= (SELECT min(sequence) FROM log WHERE lane = ?1) + ?2
                 AND (time < ?3 OR sequence <=
                     coalesce((SELECT min(sequence) FROM position WHERE lane = ?1), 0))",
        )?;
        for lane in Lane::ALL {
            statement.execute([lane.number(), limit, before.as_millis()])?;
        }
        Ok(())
    }
}
