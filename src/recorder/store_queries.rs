//! What the process that records reads of its own database.

use rusqlite::{OptionalExtension, params};

use super::database;
use super::error::RecorderError;
use super::missing_ranges::{newest_gap, without_samples};
use super::recording::Period;
use super::store::{ChannelRow, Store, StreamRow};
use crate::state::{ChannelMeta, LiveState};
use polyv_client::clock::Timestamp;

impl Store {
    /// The channel's number, if it was ever recorded.
    pub(super) fn find_channel(
        &self,
        meta: &ChannelMeta,
    ) -> Result<Option<ChannelRow>, RecorderError> {
        let sql = "SELECT id FROM channel WHERE account = ? AND channel_id = ?";
        let mut statement = self.connection.prepare_cached(sql)?;
        let row = statement.query_row(params![meta.account, meta.channel.id], |row| row.get(0));
        Ok(row.optional()?.map(ChannelRow))
    }

    /// The channel's newest recorded state.
    pub(super) fn last_state(
        &self,
        channel: ChannelRow,
    ) -> Result<Option<LiveState>, RecorderError> {
        let sql = "SELECT state FROM state WHERE channel = ? ORDER BY time DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let name = statement.query_row([channel.0], |row| row.get::<_, String>(0));
        Ok(name.optional()?.map(|name| database::live_state(&name)))
    }

    /// The newest range of samples of a channel that are missing since `since`, at most
    /// `max_millis` long. `until` is covered. Times off air have no samples.
    pub(super) fn newest_gap(
        &self,
        channel: ChannelRow,
        since: Option<Timestamp>,
        oldest: Timestamp,
        until: Timestamp,
        max_millis: i64,
    ) -> Result<Option<Period>, RecorderError> {
        let periods = |sql| -> Result<Vec<Period>, RecorderError> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let bounds = [channel.0, oldest.as_millis(), until.as_millis()];
            let periods = statement.query_map(bounds, |row| {
                Ok(Period {
                    start: Timestamp::from_millis(row.get(0)?),
                    end: Timestamp::from_millis(row.get(1)?),
                })
            })?;
            Ok(periods.collect::<Result<_, _>>()?)
        };
        let covered = periods(
            "SELECT start, end FROM covered
             WHERE channel = ?1 AND end > ?2 AND start < ?3 ORDER BY start",
        )?;
        let off_air = periods(
            "SELECT max(changed, start), min(next, end) FROM observed JOIN (
                 SELECT time AS changed, state,
                     coalesce(lead(time) OVER (ORDER BY time), ?3) AS next
                 FROM state WHERE channel = ?1
             ) WHERE channel = ?1 AND state = 'not_live' AND changed < end AND next > start
                 AND min(next, end) > ?2 AND max(changed, start) < ?3
             ORDER BY 1",
        )?;
        let off_air = off_air.into_iter().filter_map(without_samples);
        let off_air: Vec<Period> = off_air.collect();
        // Nothing is missing from before the first sample, unless that is configured.
        let first = covered.first().map(|first| first.start.max(oldest));
        let start = match (since, first) {
            (Some(since), Some(first)) => since.min(first).max(oldest),
            (since, first) => match since.or(first) {
                Some(start) => start.max(oldest),
                None => return Ok(None),
            },
        };
        let wanted = Period { start, end: until };
        Ok(newest_gap(wanted, &covered, &off_air, max_millis))
    }

    /// Up to `limit` streams after one, to look at one after the other.
    pub(super) fn streams_after(
        &self,
        after: StreamRow,
        limit: i64,
    ) -> Result<Vec<StreamRow>, RecorderError> {
        let sql = "SELECT id FROM stream WHERE id > ? ORDER BY id LIMIT ?";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows =
            statement.query_map(params![after.0, limit], |row| Ok(StreamRow(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The time of the oldest sample.
    pub(super) fn oldest_sample(&self) -> Result<Option<Timestamp>, RecorderError> {
        let sql = "SELECT min(time) FROM (
                       SELECT (SELECT min(time) FROM sample WHERE stream = stream.id) AS time
                       FROM stream
                       UNION ALL
                       SELECT (SELECT min(start) FROM sample_block WHERE stream = stream.id)
                       FROM stream
                   )";
        let mut statement = self.connection.prepare_cached(sql)?;
        let oldest: Option<i64> = statement.query_row([], |row| row.get(0))?;
        Ok(oldest.map(Timestamp::from_millis))
    }

    /// The bytes of the pages that are in use.
    pub(super) fn used_bytes(&self) -> Result<u64, RecorderError> {
        let pragma = |name| -> Result<u64, RecorderError> {
            let number: i64 = self
                .connection
                .pragma_query_value(None, name, |row| row.get(0))?;
            Ok(number.unsigned_abs())
        };
        let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
        Ok(pages * pragma("page_size")?)
    }
}
