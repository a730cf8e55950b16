//! Compacting finished hours, and removing what is too old.

use rusqlite::params;

use super::database;
use super::error::RecorderError;
use super::recording::RecordedSample;
use super::sample_block::{self, BLOCK_MILLIS, block_start};
use super::store::{Store, StreamRow};
use polyv_client::clock::Timestamp;

impl Store {
    /// Makes a block of the stream's oldest single samples, if their hour ended before `before`.
    /// Returns whether there were such samples.
    pub(super) fn compact_oldest(
        &self,
        stream: StreamRow,
        before: Timestamp,
    ) -> Result<bool, RecorderError> {
        let sql = "SELECT min(time) FROM sample WHERE stream = ?";
        let mut oldest = self.connection.prepare_cached(sql)?;
        let oldest: Option<i64> = oldest.query_row([stream.0], |row| row.get(0))?;
        let Some(oldest) = oldest else {
            return Ok(false);
        };
        let start = block_start(Timestamp::from_millis(oldest)).as_millis();
        let end = start + BLOCK_MILLIS;
        if end > before.as_millis() {
            return Ok(false);
        }
        let mut samples = self.connection.prepare_cached(
            "SELECT time, video_bitrate_bps, video_framerate_fps, audio_framerate_fps
             FROM sample WHERE stream = ? AND time < ? ORDER BY time",
        )?;
        let samples = samples.query_map(params![stream.0, end], |row| {
            Ok(RecordedSample {
                time: Timestamp::from_millis(row.get(0)?),
                values: database::values([row.get(1)?, row.get(2)?, row.get(3)?]),
            })
        })?;
        let samples: Vec<RecordedSample> = samples.collect::<Result<_, _>>()?;
        let sql = "INSERT INTO sample_block (stream, start, count, data) VALUES (?, ?, ?, ?)";
        let mut insert = self.connection.prepare_cached(sql)?;
        let count = i64::try_from(samples.len()).unwrap_or(i64::MAX);
        let data = sample_block::encode(&samples)?;
        insert.execute(params![stream.0, start, count, data])?;
        let sql = "DELETE FROM sample WHERE stream = ? AND time < ?";
        let mut delete = self.connection.prepare_cached(sql)?;
        delete.execute(params![stream.0, end])?;
        Ok(true)
    }

    /// Removes what is older than `before` of a stream and of its channel.
    pub(super) fn remove_before(
        &self,
        stream: StreamRow,
        before: Timestamp,
    ) -> Result<(), RecorderError> {
        const OF_STREAM: [&str; 2] = [
            "DELETE FROM sample_block WHERE stream = ?1 AND start + 3600000 <= ?2",
            "DELETE FROM sample WHERE stream = ?1 AND time < ?2",
        ];
        // The newest state before says what the state was then.
        const OF_CHANNEL: [&str; 5] = [
            "DELETE FROM state WHERE channel = (SELECT channel FROM stream WHERE id = ?1)
             AND time < (SELECT max(time) FROM state AS newest
                         WHERE newest.channel = state.channel AND newest.time <= ?2)",
            "DELETE FROM viewers WHERE channel = (SELECT channel FROM stream WHERE id = ?1)
             AND time < ?2",
            "DELETE FROM plan WHERE channel = (SELECT channel FROM stream WHERE id = ?1)
             AND coalesce(end, start) < ?2",
            "DELETE FROM covered WHERE channel = (SELECT channel FROM stream WHERE id = ?1)
             AND end < ?2",
            "DELETE FROM observed WHERE channel = (SELECT channel FROM stream WHERE id = ?1)
             AND end < ?2",
        ];
        for sql in OF_STREAM.into_iter().chain(OF_CHANNEL) {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.execute([stream.0, before.as_millis()])?;
        }
        Ok(())
    }

    /// Gives up to `pages` unused pages back to the file system.
    pub(super) fn release_pages(&self, pages: u32) -> Result<(), RecorderError> {
        let sql = format!("PRAGMA incremental_vacuum({pages})");
        let mut statement = self.connection.prepare(&sql)?;
        // Each step gives back a page.
        let mut steps = statement.query([])?;
        while steps.next()?.is_some() {}
        Ok(())
    }

    /// Moves what was committed to the database file.
    pub(super) fn checkpoint(&self) -> Result<(), RecorderError> {
        // The pragma returns a row.
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}
