//! The recorded broadcasts of one channel, and the report on each.

use std::path::Path;
use std::time::Duration;

use super::model::BroadcastReport;
use crate::recorder::{Broadcast, Period, Reader, RecordedChannel, RecorderError};
use polyv_client::clock::Timestamp;

/// The recorded broadcasts of one channel.
pub struct ChannelReports {
    reader: Reader,
    /// The channel as it was recorded last.
    pub channel: RecordedChannel,
    /// Its broadcasts, oldest first.
    pub broadcasts: Vec<Broadcast>,
}

/// Later than anything that is recorded.
const END_OF_TIME: Timestamp = Timestamp::from_millis(i64::MAX / 2);
/// Earlier than anything that is recorded.
const BEGINNING_OF_TIME: Timestamp = Timestamp::from_millis(0);

// === impl ChannelReports ===

impl ChannelReports {
    /// Opens a recording. `None` where the channel was not recorded, by any account or by the one
    /// that is named. A time off air of `gap` or more ends a broadcast.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn open(
        path: &Path,
        account: Option<&str>,
        channel_id: &str,
        gap: Duration,
    ) -> Result<Option<Self>, RecorderError> {
        let reader = Reader::open(path)?;
        let mut channels = reader.channels()?.into_iter();
        let is_wanted = |channel: &RecordedChannel| {
            *channel.channel_id == *channel_id
                && account.is_none_or(|account| *channel.account == *account)
        };
        let Some(channel) = channels.find(is_wanted) else {
            return Ok(None);
        };
        Ok(Some(Self {
            broadcasts: reader.broadcasts(&channel.account, channel_id, gap)?,
            channel,
            reader,
        }))
    }

    /// The report on a broadcast, by its index; `None` where there is no such broadcast.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn broadcast(&self, index: usize) -> Result<Option<BroadcastReport>, RecorderError> {
        let Some(broadcast) = self.broadcasts.get(index) else {
            return Ok(None);
        };
        // States, viewers and polls after the last sample belong to it as well.
        let next = self.broadcasts.get(index + 1);
        let period = Period {
            start: broadcast.start,
            end: next.map_or(END_OF_TIME, |next| next.start),
        };
        self.report(period, broadcast.period(), broadcast.is_live)
    }

    /// The report on a period; `None` where the channel was not live in it.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn period(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<BroadcastReport>, RecorderError> {
        let period = Period {
            start: since.unwrap_or(BEGINNING_OF_TIME),
            end: until.unwrap_or(END_OF_TIME),
        };
        let is_running = self.broadcasts.last().is_some_and(|broadcast| {
            broadcast.is_live && broadcast.start < period.end && broadcast.end < period.end
        });
        self.report(period, period, is_running)
    }

    /// The report on a period. Its plan is the one that overlaps `of_plan` most.
    fn report(
        &self,
        period: Period,
        of_plan: Period,
        is_running: bool,
    ) -> Result<Option<BroadcastReport>, RecorderError> {
        let RecordedChannel {
            account,
            channel_id,
            ..
        } = &self.channel;
        let Some(mut recording) = self.reader.recording(account, channel_id, period)? else {
            return Ok(None);
        };
        recording.plan = self.reader.planned(account, channel_id, of_plan)?;
        Ok(BroadcastReport::new(&recording, is_running))
    }
}
