//! Stream information: the samples of a live channel's streams.
//!
//! `GET /live/v3/channel/monitor/list-tencent-stream-info`. Only for channels on Tencent's
//! CDN, only while the channel is live.

use chrono::FixedOffset;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::json::{decode_data, is_object, string_content};
use crate::limiter::Permit;
use crate::numeric_field::NumericField;
use crate::sample_time::SampleTime;
use crate::stream_name::{StreamName, StreamNameHasher};

const PATH: &str = "/live/v3/channel/monitor/list-tencent-stream-info";

/// The time range of the requested samples. Polyv's default is the last 3 hours; a range is at
/// most 3 hours long and at most 7 days old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    /// The start.
    pub start: Option<Timestamp>,
    /// The end.
    pub end: Option<Timestamp>,
}

/// The samples of a live channel, in undocumented order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamInfo {
    /// The samples, in the response's order. Empty if the channel is not on Tencent's CDN or
    /// has only just begun.
    pub samples: Vec<RawSample>,
    /// The number of items that are no samples.
    pub unreadable: usize,
}

/// One sample as Polyv sent it: about one per 5 seconds of media.
#[derive(Debug, Clone, PartialEq)]
pub struct RawSample {
    /// The stream's displayable name.
    pub stream: StreamName,
    /// The time of the sample.
    pub time: SampleTime,
    /// `bitRate`: video bits per second.
    pub video_bitrate: NumericField,
    /// `videoFrameRate`: frames per second.
    pub video_framerate: NumericField,
    /// `audioFrameRate`: frames per second.
    pub audio_framerate: NumericField,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawItem<'a> {
    #[serde(borrow)]
    stream_url: Option<&'a RawValue>,
    #[serde(borrow)]
    bit_rate: Option<&'a RawValue>,
    #[serde(borrow)]
    video_frame_rate: Option<&'a RawValue>,
    #[serde(borrow)]
    audio_frame_rate: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
}

impl Client {
    /// The samples of a live channel's streams.
    ///
    /// # Errors
    /// [`Error::NotLive`] if the channel is not live, else why there is no valid response.
    pub async fn stream_info(
        &self,
        permit: Permit,
        channel_id: &str,
        range: Range,
    ) -> Result<StreamInfo, Error> {
        let mut params = vec![("channelId", channel_id.to_owned())];
        params.extend(range.params());
        let credentials = self.credentials();
        let mut hasher = StreamNameHasher::new(&credentials.app_secret);
        let zone = self.settings.zone;
        let decode = |data: Option<&RawValue>| StreamInfo::decode(data, zone, &mut hasher);
        self.call(permit, PATH, params, decode).await
    }
}

impl Range {
    /// The range from `start` until now.
    #[must_use]
    pub const fn since(start: Timestamp) -> Self {
        Self {
            start: Some(start),
            end: None,
        }
    }

    /// 13-digit milliseconds, as in the page's example.
    pub(crate) fn params(self) -> impl Iterator<Item = (&'static str, String)> {
        [("startTime", self.start), ("endTime", self.end)]
            .into_iter()
            .filter_map(|(name, time)| Some((name, time?.as_millis().to_string())))
    }
}

impl StreamInfo {
    /// Decodes the `data` of a response. `zone` applies to times that carry none.
    ///
    /// # Errors
    /// [`BadResponse::UnexpectedData`](crate::BadResponse::UnexpectedData) if the data are not
    /// a list. Within the list an invalid item, field or time affects only itself.
    pub fn decode(
        data: Option<&RawValue>,
        zone: FixedOffset,
        hasher: &mut StreamNameHasher<'_>,
    ) -> Result<Self, Error> {
        // All of these are "no data" in v3: the channel is live, without samples.
        let Some(data) = data.filter(|data| !is_empty(data.get())) else {
            return Ok(Self::default());
        };
        let items: Vec<&RawValue> = decode_data(Some(data), "a list of samples")?;
        let mut info = Self {
            samples: Vec::with_capacity(items.len()),
            unreadable: 0,
        };
        for item in items {
            match serde_json::from_str::<RawItem<'_>>(item.get()) {
                Ok(raw) if is_object(item.get()) => info.samples.push(raw.decode(zone, hasher)),
                _ => info.unreadable += 1,
            }
        }
        Ok(info)
    }
}

impl RawItem<'_> {
    fn decode(&self, zone: FixedOffset, hasher: &mut StreamNameHasher<'_>) -> RawSample {
        let stream_url = self.stream_url.map(RawValue::get);
        let text = stream_url.and_then(string_content);
        // A bare number is a valid name; other types are not.
        let number = stream_url.filter(|raw| raw.bytes().all(|byte| byte.is_ascii_digit()));
        RawSample {
            stream: hasher.name(text.as_deref().or(number)),
            time: SampleTime::parse_json(self.timestamp, self.time, zone),
            video_bitrate: NumericField::parse_json(self.bit_rate),
            video_framerate: NumericField::parse_json(self.video_frame_rate),
            audio_framerate: NumericField::parse_json(self.audio_frame_rate),
        }
    }
}

fn is_empty(json: &str) -> bool {
    let inner = json
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    matches!(json, "null" | "\"\"") || inner.is_some_and(|inner| inner.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::AppSecret;

    fn decode(data: &str) -> Result<StreamInfo, Error> {
        let secret = AppSecret::new("secret").unwrap();
        let beijing = FixedOffset::east_opt(8 * 3600).unwrap();
        let data: &RawValue = serde_json::from_str(data).unwrap();
        StreamInfo::decode(Some(data), beijing, &mut StreamNameHasher::new(&secret))
    }

    #[test]
    fn documented_example_is_decoded() {
        let info = decode(
            r#"[
        {
            "streamUrl": "recordf",
            "bitRate": "1157120",
            "audioFrameRate": "46",
            "videoFrameRate": "13",
            "time": "2023-04-07 09:45:24.443",
            "timestamp": null
        }
    ]"#,
        )
        .unwrap();
        assert_eq!(
            info.samples,
            [RawSample {
                stream: StreamName::new("recordf"),
                time: SampleTime::At(Timestamp::from_millis(1_680_831_924_443)),
                video_bitrate: NumericField::Number(1_157_120.0),
                video_framerate: NumericField::Number(13.0),
                audio_framerate: NumericField::Number(46.0),
            }]
        );
    }

    #[test]
    fn every_form_of_no_data_is_empty() {
        for data in ["null", r#""""#, "{}", "{ }", "[]", "[ ]"] {
            assert_eq!(decode(data).unwrap(), StreamInfo::default(), "{data}");
        }
    }

    #[test]
    fn data_other_than_a_list_are_rejected() {
        for data in [r#""none""#, "7", "true", r#"{"list":[]}"#] {
            assert!(matches!(decode(data), Err(Error::BadResponse(_))), "{data}");
        }
    }

    #[test]
    fn invalid_items_and_fields_affect_only_themselves() {
        let info = decode(
            r#"[null, 5, "x", [], {"time": 1, "time": 2},
                {"streamUrl": null, "bitRate": 1e400, "videoFrameRate": {"a": [1]},
                 "time": "2023-04-07 09:45:24.443"},
                {}]"#,
        )
        .unwrap();
        assert_eq!(info.unreadable, 5);
        assert_eq!(info.samples.len(), 2);
        let spoiled = &info.samples[0];
        assert!(matches!(spoiled.video_bitrate, NumericField::Unreadable(_)));
        assert!(matches!(
            spoiled.video_framerate,
            NumericField::Unreadable(_)
        ));
        assert_eq!(spoiled.audio_framerate, NumericField::Missing);
        assert!(spoiled.time.timestamp().is_some());
        assert!(matches!(info.samples[1].time, SampleTime::Unreadable(_)));
    }
}
