//! How many people are watching.
//!
//! `GET /live/v2/statistics/get-realtime-viewers` (public docs): about 15 points of 10 seconds for
//! each channel. Points carry a time of day without date and zone; (a reading) in Beijing.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, FixedOffset, NaiveTime};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::json::{decode_data, is_object, raw_text, string_content};
use crate::limiter::Permit;
use crate::numeric_field::NumericField;

const PATH: &str = "/live/v2/statistics/get-realtime-viewers";

/// The most channels that [`Client::realtime_viewers`] is called with. Polyv does not say how
/// many a call takes.
pub const MAX_CHANNELS_PER_VIEWERS_CALL: usize = 100;

/// How many people were watching at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViewerCount {
    /// The count's own time.
    pub time: Timestamp,
    /// The number of viewers.
    pub count: u64,
}

/// The viewers of a channel in the last minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelViewers {
    /// The channel's id.
    pub channel_id: String,
    /// The counts, oldest first, one for each time.
    pub counts: Vec<ViewerCount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawItem<'a> {
    #[serde(borrow)]
    channel_id: &'a RawValue,
    #[serde(borrow)]
    time: &'a RawValue,
    #[serde(borrow)]
    count: &'a RawValue,
}

impl Client {
    /// The viewers of up to [`MAX_CHANNELS_PER_VIEWERS_CALL`] channels, in any order. A channel
    /// without readable points is missing.
    ///
    /// # Errors
    /// Why there is no valid response.
    pub async fn realtime_viewers(
        &self,
        permit: Permit,
        channel_ids: &[&str],
    ) -> Result<Vec<ChannelViewers>, Error> {
        let params = vec![("channelIds", channel_ids.join(","))];
        let zone = self.settings.zone;
        let decode = |data: Option<&RawValue>| decode(data, self.server_time(), zone);
        self.call(permit, PATH, params, decode).await
    }
}

/// An unreadable point is ignored: it must not hide the others.
fn decode(
    data: Option<&RawValue>,
    now: Timestamp,
    zone: FixedOffset,
) -> Result<Vec<ChannelViewers>, Error> {
    let items: Vec<&RawValue> = decode_data(data, "a list of viewers")?;
    let mut channels: BTreeMap<String, BTreeMap<Timestamp, u64>> = BTreeMap::new();
    for item in items {
        if let Some((channel_id, point)) = decode_item(item, now, zone) {
            let counts = channels.entry(channel_id).or_default();
            // The newest points come first.
            counts.entry(point.time).or_insert(point.count);
        }
    }
    let viewers = channels.into_iter().map(|(channel_id, counts)| {
        let counts = counts.into_iter();
        let counts = counts.map(|(time, count)| ViewerCount { time, count });
        ChannelViewers {
            channel_id,
            counts: counts.collect(),
        }
    });
    Ok(viewers.collect())
}

fn decode_item(
    item: &RawValue,
    now: Timestamp,
    zone: FixedOffset,
) -> Option<(String, ViewerCount)> {
    if !is_object(item.get()) {
        return None;
    }
    let raw: RawItem<'_> = serde_json::from_str(item.get()).ok()?;
    let time = string_content(raw.time.get())?;
    let time = NaiveTime::parse_from_str(time.trim(), "%H:%M:%S").ok()?;
    let count = NumericField::parse_json(Some(raw.count)).number()?;
    if !(0.0..1e12).contains(&count) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // in range
    let count = count as u64;
    let time = with_date(time, now, zone)?;
    Some((raw_text(raw.channel_id), ViewerCount { time, count }))
}

/// The moment with that time of day that is nearest to `now`: a point from before midnight is
/// yesterday's, and one that is a little ahead of `now` after midnight is today's.
fn with_date(time: NaiveTime, now: Timestamp, zone: FixedOffset) -> Option<Timestamp> {
    let today = DateTime::from_timestamp_millis(now.as_millis())?;
    let today = today.with_timezone(&zone).date_naive();
    let days = [
        today.checked_sub_days(Days::new(1)),
        Some(today),
        today.checked_add_days(Days::new(1)),
    ];
    let moments = days.into_iter().flatten().filter_map(|day| {
        let moment = day.and_time(time).and_local_timezone(zone).single()?;
        Some(Timestamp::from_millis(moment.timestamp_millis()))
    });
    moments.min_by_key(|moment| moment.millis_after(now).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let time = DateTime::parse_from_rfc3339(text).unwrap();
        Timestamp::from_millis(time.timestamp_millis())
    }

    fn decode(data: &str, now: &str) -> Result<Vec<ChannelViewers>, Error> {
        let raw: Box<RawValue> = serde_json::from_str(data).unwrap();
        let beijing = FixedOffset::east_opt(8 * 3600).unwrap();
        super::decode(Some(&raw), at(now), beijing)
    }

    fn times(data: &str, now: &str) -> Vec<Timestamp> {
        let viewers = decode(data, now).unwrap();
        viewers[0].counts.iter().map(|point| point.time).collect()
    }

    #[test]
    fn documented_example_is_decoded() {
        let data = r#"[{"channelId":1965681,"time":"14:15:49","count":0}]"#;
        let counts = vec![ViewerCount {
            time: at("2026-12-01T14:15:49+08:00"),
            count: 0,
        }];
        let channel_id = "1965681".to_owned();
        let viewers = vec![ChannelViewers { channel_id, counts }];
        assert_eq!(decode(data, "2026-12-01T14:15:55+08:00"), Ok(viewers));
    }

    #[test]
    fn points_are_sorted_by_channel_and_time_and_unreadable_ones_ignored() {
        let data = r#"[
            {"channelId":"7","time":"20:00:20","count":"12"},
            {"channelId":8,"time":"20:00:20","count":5},
            {"channelId":"7","time":"20:00:10","count":11.0},
            {"channelId":"7","time":"20:00:20","count":99},
            {"channelId":"7","time":"25:00:00","count":1},
            {"channelId":"7","time":null,"count":1},
            {"channelId":"7","time":"20:00:30","count":-1},
            {"channelId":"7","time":"20:00:30","count":null},
            {"time":"20:00:30","count":1}, 3, null, ["7","20:00:30",1]
        ]"#;
        let viewers = decode(data, "2026-12-01T20:00:25+08:00").unwrap();
        let counts: Vec<_> = viewers
            .iter()
            .map(|v| (&*v.channel_id, v.counts.len()))
            .collect();
        assert_eq!(counts, [("7", 2), ("8", 1)]);
        let numbers: Vec<_> = viewers[0].counts.iter().map(|point| point.count).collect();
        assert_eq!(numbers, [11, 12]);
        assert_eq!(decode("[]", "2026-12-01T20:00:25+08:00"), Ok(Vec::new()));
        for data in ["{}", "\"\"", "null"] {
            assert!(decode(data, "2026-12-01T20:00:25+08:00").is_err(), "{data}");
        }
    }

    #[test]
    fn time_of_day_belongs_to_the_nearest_day() {
        let data = r#"[{"channelId":7,"time":"00:00:05","count":2},{"channelId":7,"time":"23:59:55","count":1}]"#;
        let around = [
            at("2026-12-01T23:59:55+08:00"),
            at("2026-12-02T00:00:05+08:00"),
        ];
        assert_eq!(times(data, "2026-12-02T00:00:10+08:00"), around);
        // Polyv's clock may be a little ahead.
        assert_eq!(times(data, "2026-12-01T23:59:58+08:00"), around);
    }
}
