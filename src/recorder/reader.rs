//! Reads a recording, also while an exporter writes it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::broadcast::{Broadcast, find_broadcasts};
use super::database;
use super::error::RecorderError;
use super::files::RecordingFiles;
use super::recording::{
    ChannelRecording, Period, PlannedBroadcast, RecordedSample, RecordedState, StreamRecording,
    ViewerCount,
};
use super::sample_block::{self, BLOCK_MILLIS, block_start};
use crate::config::Expect;
use crate::state::LiveState;
use polyv_client::clock::Timestamp;

/// Reads a recording. It never changes it, and never keeps the exporter from writing: each method
/// reads a consistent state of its own.
pub struct Reader {
    connection: Connection,
}

/// A channel of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedChannel {
    /// The account's name.
    pub account: Arc<str>,
    /// The channel's number at Polyv.
    pub channel_id: Arc<str>,
    /// The channel's name when it was last recorded.
    pub channel_name: Arc<str>,
    /// What was expected of the channel when it was last recorded.
    pub expect: Expect,
    row: i64,
}

/// A plan without an end counts as this long.
const PLAN_WITHOUT_END: Duration = Duration::from_secs(30 * 60);

// === impl Reader ===

impl Reader {
    /// Opens the recording in a directory: the `recorder.path` of a configuration.
    ///
    /// # Errors
    /// There is no recording, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, RecorderError> {
        Ok(Self {
            connection: database::open_to_read(&RecordingFiles::new(path))?,
        })
    }

    /// The recorded channels, sorted by account and number.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn channels(&self) -> Result<Vec<RecordedChannel>, RecorderError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, account, channel_id, name, expect_live, expect_content,
                 expect_video_bitrate_bps, expect_video_framerate_fps, expect_audio_framerate_fps
             FROM channel ORDER BY account, channel_id",
        )?;
        let channels = statement.query_map([], |row| {
            Ok(RecordedChannel {
                row: row.get(0)?,
                account: row.get(1)?,
                channel_id: row.get(2)?,
                channel_name: row.get(3)?,
                expect: database::expect(row, 4)?,
            })
        })?;
        Ok(channels.collect::<Result<_, _>>()?)
    }

    /// The broadcasts of a channel, oldest first; none of a channel that was not recorded. A time
    /// off air of `gap` or more ends a broadcast.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn broadcasts(
        &self,
        account: &str,
        channel_id: &str,
        gap: Duration,
    ) -> Result<Vec<Broadcast>, RecorderError> {
        let _consistent = self.connection.unchecked_transaction()?;
        let Some(channel) = self.channel(account, channel_id)? else {
            return Ok(Vec::new());
        };
        let always = Period {
            start: Timestamp::from_millis(0),
            end: Timestamp::from_millis(i64::MAX / 2),
        };
        let mut times = Vec::new();
        for stream in self.streams(&channel)? {
            self.sample_times(stream.0, &mut times)?;
        }
        times.sort_unstable();
        let states = self.states(channel.row, always)?;
        let observed = self.periods("observed", channel.row, always)?;
        let mut live = Vec::new();
        for (index, state) in states.iter().enumerate() {
            if state.state != LiveState::Live {
                continue;
            }
            let end = states.get(index + 1).map_or(always.end, |next| next.time);
            live.extend(observed.iter().filter_map(|period| {
                let (start, end) = (period.start.max(state.time), period.end.min(end));
                (start < end).then_some(Period { start, end })
            }));
        }
        let still_live = states.last().map(|state| state.state) == Some(LiveState::Live);
        Ok(find_broadcasts(&times, &live, still_live, gap))
    }

    /// The planned broadcast of a channel that overlaps a period most.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn planned(
        &self,
        account: &str,
        channel_id: &str,
        period: Period,
    ) -> Result<Option<PlannedBroadcast>, RecorderError> {
        let channel = self.channel(account, channel_id)?;
        let plan = channel.map(|channel| self.plan(channel.row, period));
        Ok(plan.transpose()?.flatten())
    }

    /// What was recorded of a channel in a period; `None` of a channel that was not recorded.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn recording(
        &self,
        account: &str,
        channel_id: &str,
        period: Period,
    ) -> Result<Option<ChannelRecording>, RecorderError> {
        let _consistent = self.connection.unchecked_transaction()?;
        let Some(channel) = self.channel(account, channel_id)? else {
            return Ok(None);
        };
        let covered = self.periods("covered", channel.row, period)?;
        let mut states = self.states(channel.row, period)?;
        for state in &mut states {
            state.time = state.time.max(period.start);
        }
        let mut streams = Vec::new();
        for (stream, name) in self.streams(&channel)? {
            streams.push(StreamRecording {
                name,
                samples: self.stream_samples(stream, period)?,
                covered: covered.clone(),
            });
        }
        Ok(Some(ChannelRecording {
            streams,
            states,
            observed: self.periods("observed", channel.row, period)?,
            viewers: self.viewers(channel.row, period)?,
            plan: self.plan(channel.row, period)?,
            account: channel.account,
            channel_id: channel.channel_id,
            channel_name: channel.channel_name,
            expect: channel.expect,
            period,
        }))
    }

    fn channel(
        &self,
        account: &str,
        channel_id: &str,
    ) -> Result<Option<RecordedChannel>, RecorderError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, account, channel_id, name, expect_live, expect_content,
                 expect_video_bitrate_bps, expect_video_framerate_fps, expect_audio_framerate_fps
             FROM channel WHERE account = ? AND channel_id = ?",
        )?;
        let channel = statement.query_row([account, channel_id], |row| {
            Ok(RecordedChannel {
                row: row.get(0)?,
                account: row.get(1)?,
                channel_id: row.get(2)?,
                channel_name: row.get(3)?,
                expect: database::expect(row, 4)?,
            })
        });
        Ok(channel.optional()?)
    }

    /// The numbers and names of a channel's streams, sorted by name.
    pub(super) fn streams(
        &self,
        channel: &RecordedChannel,
    ) -> Result<Vec<(i64, Arc<str>)>, RecorderError> {
        let sql = "SELECT id, name FROM stream WHERE channel = ? ORDER BY name";
        let mut statement = self.connection.prepare_cached(sql)?;
        let streams = statement.query_map([channel.row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(streams.collect::<Result<_, _>>()?)
    }

    /// From the first to the last sample of a stream, the hours of both included.
    pub(super) fn stream_bounds(&self, stream: i64) -> Result<Option<Period>, RecorderError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT min(first), max(last) FROM (
                 SELECT min(time) AS first, max(time) + 1 AS last FROM sample WHERE stream = ?1
                 UNION ALL
                 SELECT min(start), max(start) + ?2 FROM sample_block WHERE stream = ?1
             )",
        )?;
        Ok(statement.query_row([stream, BLOCK_MILLIS], period_or_none)?)
    }

    /// From the first to the last moment in which a channel's state was known or its viewers were
    /// counted.
    pub(super) fn channel_bounds(
        &self,
        channel: &RecordedChannel,
    ) -> Result<Option<Period>, RecorderError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT min(first), max(last) FROM (
                 SELECT min(start) AS first, max(end) + 1 AS last FROM observed WHERE channel = ?1
                 UNION ALL
                 SELECT min(time), max(time) + 1 FROM viewers WHERE channel = ?1
                 UNION ALL
                 SELECT min(time), max(time) + 1 FROM state WHERE channel = ?1
             )",
        )?;
        Ok(statement.query_row([channel.row], period_or_none)?)
    }

    /// The samples of a stream, oldest first, as they are at one moment.
    pub(super) fn stream_samples_at_once(
        &self,
        stream: i64,
        period: Period,
    ) -> Result<Vec<RecordedSample>, RecorderError> {
        let _consistent = self.connection.unchecked_transaction()?;
        self.stream_samples(stream, period)
    }

    /// A channel's states, that at the start of the period included, and when they were observed.
    pub(super) fn states_and_observed(
        &self,
        channel: &RecordedChannel,
        period: Period,
    ) -> Result<(Vec<RecordedState>, Vec<Period>), RecorderError> {
        let _consistent = self.connection.unchecked_transaction()?;
        // A minute that begins the period may end an observed one.
        let before = Period {
            start: period.start.plus_millis(-1),
            end: period.end.plus_millis(1),
        };
        let observed = self.periods("observed", channel.row, before)?;
        Ok((self.states(channel.row, period)?, observed))
    }

    /// How many people were watching a channel, oldest first.
    pub(super) fn viewers_of(
        &self,
        channel: &RecordedChannel,
        period: Period,
    ) -> Result<Vec<ViewerCount>, RecorderError> {
        self.viewers(channel.row, period)
    }

    /// Adds the times of all samples of a stream, in any order.
    fn sample_times(&self, stream: i64, times: &mut Vec<Timestamp>) -> Result<(), RecorderError> {
        let sql = "SELECT data FROM sample_block WHERE stream = ?";
        let mut blocks = self.connection.prepare_cached(sql)?;
        let mut blocks = blocks.query([stream])?;
        while let Some(row) = blocks.next()? {
            let data = row.get_ref(0)?.as_blob().unwrap_or_default();
            times.extend(sample_block::decode_times(data)?);
        }
        let sql = "SELECT time FROM sample WHERE stream = ?";
        let mut rows = self.connection.prepare_cached(sql)?;
        let mut rows = rows.query([stream])?;
        while let Some(row) = rows.next()? {
            times.push(Timestamp::from_millis(row.get(0)?));
        }
        Ok(())
    }

    /// The samples of a stream, oldest first.
    fn stream_samples(
        &self,
        stream: i64,
        period: Period,
    ) -> Result<Vec<RecordedSample>, RecorderError> {
        let (start, end) = (period.start.as_millis(), period.end.as_millis());
        let mut samples = Vec::new();
        let sql = "SELECT data FROM sample_block
                   WHERE stream = ? AND start >= ? AND start < ? ORDER BY start";
        let mut blocks = self.connection.prepare_cached(sql)?;
        let first = block_start(period.start).as_millis();
        let mut blocks = blocks.query([stream, first, end])?;
        while let Some(row) = blocks.next()? {
            let block = sample_block::decode(row.get_ref(0)?.as_blob().unwrap_or_default())?;
            let within =
                |sample: &RecordedSample| sample.time >= period.start && sample.time < period.end;
            samples.extend(block.into_iter().filter(within));
        }
        let mut rows = self.connection.prepare_cached(
            "SELECT time, video_bitrate_bps, video_framerate_fps, audio_framerate_fps
             FROM sample WHERE stream = ? AND time >= ? AND time < ?",
        )?;
        let mut rows = rows.query([stream, start, end])?;
        while let Some(row) = rows.next()? {
            samples.push(RecordedSample {
                time: Timestamp::from_millis(row.get(0)?),
                values: database::values([row.get(1)?, row.get(2)?, row.get(3)?]),
            });
        }
        // An hour that was filled may be older than one that is compacted.
        samples.sort_by_key(|sample| sample.time);
        Ok(samples)
    }

    /// The channel's state at the start of the period and its changes since.
    fn states(&self, channel: i64, period: Period) -> Result<Vec<RecordedState>, RecorderError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT time, state FROM state WHERE channel = ?1 AND time < ?3 AND time >= coalesce(
                 (SELECT max(time) FROM state WHERE channel = ?1 AND time <= ?2), ?2)
             ORDER BY time",
        )?;
        let (start, end) = (period.start.as_millis(), period.end.as_millis());
        let states = statement.query_map(params![channel, start, end], |row| {
            let time = Timestamp::from_millis(row.get(0)?);
            Ok(RecordedState {
                time,
                state: database::live_state(row.get_ref(1)?.as_str()?),
            })
        })?;
        Ok(states.collect::<Result<_, _>>()?)
    }

    /// The periods of a table that overlap one, as far as they do.
    fn periods(
        &self,
        table: &'static str,
        channel: i64,
        period: Period,
    ) -> Result<Vec<Period>, RecorderError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT max(start, ?2), min(end, ?3) FROM {table}
             WHERE channel = ?1 AND start < ?3 AND end > ?2 ORDER BY start"
        ))?;
        let (start, end) = (period.start.as_millis(), period.end.as_millis());
        let periods = statement.query_map(params![channel, start, end], |row| {
            Ok(Period {
                start: Timestamp::from_millis(row.get(0)?),
                end: Timestamp::from_millis(row.get(1)?),
            })
        })?;
        Ok(periods.collect::<Result<_, _>>()?)
    }

    fn viewers(&self, channel: i64, period: Period) -> Result<Vec<ViewerCount>, RecorderError> {
        let sql = "SELECT time, count FROM viewers
                   WHERE channel = ? AND time >= ? AND time < ? ORDER BY time";
        let mut statement = self.connection.prepare_cached(sql)?;
        let (start, end) = (period.start.as_millis(), period.end.as_millis());
        let viewers = statement.query_map(params![channel, start, end], |row| {
            let count: i64 = row.get(1)?;
            Ok(ViewerCount {
                time: Timestamp::from_millis(row.get(0)?),
                count: u64::try_from(count).unwrap_or_default(),
            })
        })?;
        Ok(viewers.collect::<Result<_, _>>()?)
    }

    /// The planned broadcast that overlaps a period most.
    fn plan(
        &self,
        channel: i64,
        period: Period,
    ) -> Result<Option<PlannedBroadcast>, RecorderError> {
        let sql = "SELECT start, end FROM plan WHERE channel = ? AND start < ? ORDER BY start";
        let mut statement = self.connection.prepare_cached(sql)?;
        let plans = statement.query_map(params![channel, period.end.as_millis()], |row| {
            let end: Option<i64> = row.get(1)?;
            Ok(PlannedBroadcast {
                start: Timestamp::from_millis(row.get(0)?),
                end: end.map(Timestamp::from_millis),
            })
        })?;
        let plans: Vec<PlannedBroadcast> = plans.collect::<Result<_, _>>()?;
        let overlap = |plan: &PlannedBroadcast| {
            let end = plan.end.unwrap_or(plan.start + PLAN_WITHOUT_END);
            end.min(period.end).since(plan.start.max(period.start))
        };
        let overlapping = plans.into_iter().filter(|plan| !overlap(plan).is_zero());
        Ok(overlapping.max_by_key(overlap))
    }
}

/// A period whose bounds are two columns, if there is one.
fn period_or_none(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Period>> {
    let bounds: (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
    Ok(bounds.0.zip(bounds.1).map(|(start, end)| Period {
        start: Timestamp::from_millis(start),
        end: Timestamp::from_millis(end),
    }))
}
