//! Stream information: the samples of a live channel's streams.
//!
//! `GET /live/v3/channel/monitor/list-tencent-stream-info`. Only for channels on Tencent's
//! CDN, only while the channel is live.

use chrono::FixedOffset;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{BadResponse, Error};
use super::numeric_field::{NumericField, text_of};
use super::{SampleTime, StreamName, StreamNameHasher};
use crate::clock::Timestamp;

/// The operation's path.
pub(super) const PATH: &str = "/live/v3/channel/monitor/list-tencent-stream-info";

/// The samples asked for. Polyv's defaults: from 3 hours ago until now. At most 3 hours, and
/// 7 days back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    /// From then on.
    pub start: Option<Timestamp>,
    /// Until then.
    pub end: Option<Timestamp>,
}

/// What Polyv knows of a live channel. The order of the samples means nothing: the page does
/// not say whether oldest or newest come first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamInfo {
    /// The samples, in the order in which they came. None, where a channel is live but not on
    /// Tencent's CDN, or has only just begun.
    pub samples: Vec<RawSample>,
    /// Elements that were no samples at all.
    pub unreadable: usize,
}

/// One sample, as Polyv sent it: about every 5 seconds of media there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct RawSample {
    /// The stream, named so that it can be shown.
    pub stream: StreamName,
    /// When it was taken.
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
struct Element<'a> {
    #[serde(borrow, default)]
    stream_url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    bit_rate: Option<&'a RawValue>,
    #[serde(borrow, default)]
    video_frame_rate: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio_frame_rate: Option<&'a RawValue>,
    #[serde(borrow, default)]
    time: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
}

// === impl Range ===

impl Range {
    /// Everything since `start`.
    #[must_use]
    pub const fn since(start: Timestamp) -> Self {
        Self {
            start: Some(start),
            end: None,
        }
    }

    /// The parameters that ask for it: 13-digit milliseconds, as in the page's example.
    pub(super) fn params(self) -> impl Iterator<Item = (&'static str, String)> {
        [("startTime", self.start), ("endTime", self.end)]
            .into_iter()
            .filter_map(|(name, time)| Some((name, time?.as_millis().to_string())))
    }
}

// === impl StreamInfo ===

impl StreamInfo {
    /// Reads the answer's `data`.
    ///
    /// `zone` is that of times which carry none; `namer` names the streams.
    ///
    /// # Errors
    /// [`BadResponse::UnexpectedData`] where the data are no list. Inside of the list nothing
    /// is an error: a bad element, field or time spoils only itself.
    pub fn decode(
        data: Option<&RawValue>,
        zone: FixedOffset,
        namer: &mut StreamNameHasher<'_>,
    ) -> Result<Self, Error> {
        let Some(data) = data.map(RawValue::get) else {
            return Ok(Self::default());
        };
        // A live channel without samples; v3 says "no data" in all of these ways.
        if matches!(data, "null" | "\"\"" | "[]") || is_empty_object(data) {
            return Ok(Self::default());
        }
        let elements: Vec<&RawValue> = serde_json::from_str(data).map_err(|_| {
            Error::BadResponse(BadResponse::UnexpectedData(
                "a list of samples was expected".to_owned(),
            ))
        })?;
        let mut info = Self {
            samples: Vec::with_capacity(elements.len()),
            unreadable: 0,
        };
        for element in elements {
            // A list would be read by the order of its items, which means nothing here.
            let object = element.get().starts_with('{');
            match serde_json::from_str::<Element<'_>>(element.get()) {
                Ok(element) if object => info.samples.push(element.decode(zone, namer)),
                _ => info.unreadable += 1,
            }
        }
        Ok(info)
    }
}

impl Element<'_> {
    fn decode(&self, zone: FixedOffset, namer: &mut StreamNameHasher<'_>) -> RawSample {
        let stream_url = self.stream_url.map(RawValue::get);
        let text = stream_url.and_then(text_of);
        // A bare number is a name too; anything else is none.
        let number = stream_url.filter(|raw| raw.bytes().all(|byte| byte.is_ascii_digit()));
        RawSample {
            stream: namer.name(text.as_deref().or(number)),
            time: SampleTime::parse_json(self.timestamp, self.time, zone),
            video_bitrate: NumericField::parse_json(self.bit_rate),
            video_framerate: NumericField::parse_json(self.video_frame_rate),
            audio_framerate: NumericField::parse_json(self.audio_frame_rate),
        }
    }
}

fn is_empty_object(json: &str) -> bool {
    json.strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|inner| inner.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::AppSecret;
    use super::*;

    fn decode(data: &str) -> Result<StreamInfo, Error> {
        let secret = AppSecret::new("secret").unwrap();
        let beijing = FixedOffset::east_opt(8 * 3600).unwrap();
        let data: &RawValue = serde_json::from_str(data).unwrap();
        StreamInfo::decode(Some(data), beijing, &mut StreamNameHasher::new(&secret))
    }

    #[test]
    fn the_pages_own_example_is_decode() {
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
    fn a_live_channel_without_samples_says_so_in_many_ways() {
        for data in ["null", r#""""#, "{}", "{ }", "[]", "[ ]"] {
            assert_eq!(decode(data).unwrap(), StreamInfo::default(), "{data}");
        }
    }

    #[test]
    fn other_data_make_no_sense() {
        for data in [r#""none""#, "7", "true", r#"{"list":[]}"#] {
            assert!(matches!(decode(data), Err(Error::BadResponse(_))), "{data}");
        }
    }

    #[test]
    fn a_bad_element_or_field_spoils_only_itself() {
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
