//! Stream information of channels on Tencent's and Alibaba's CDN.
//!
//! `GET /live/v4/channel/monitor/list-stream-info` (public docs), only while the channel is live.
//! Its samples have whole push addresses as `streamUrl`, RFC 3339 times, and decimals in strings.
//! (A reading) on Alibaba's CDN they are a minute apart and 2 to 5 minutes late.

use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::limiter::Permit;
use crate::stream_info::{Range, StreamInfo};
use crate::stream_name::StreamNameHasher;

const PATH: &str = "/live/v4/channel/monitor/list-stream-info";

impl Client {
    /// The samples of a live channel's streams, on other CDNs than Tencent's as well.
    ///
    /// # Errors
    /// [`Error::NotLive`] if the channel is not live, else why there is no valid response.
    pub async fn list_stream_info(
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

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;
    use crate::clock::Timestamp;
    use crate::credentials::AppSecret;
    use crate::numeric_field::NumericField;
    use crate::sample_time::SampleTime;

    #[test]
    fn documented_example_is_decoded_without_the_push_address() {
        let data = r#"[{
            "streamUrl": "rtmp://push-d1.videocc.net/recordf/1b448be32316919995568637549",
            "bitRate": "1176815.9",
            "audioFrameRate": "46.0",
            "videoFrameRate": "15.016666",
            "time": "2023-05-11T10:09:00Z",
            "timestamp": 1683799740000
        }]"#;
        let secret = AppSecret::new("secret").unwrap();
        let beijing = FixedOffset::east_opt(8 * 3600).unwrap();
        let raw: &RawValue = serde_json::from_str(data).unwrap();
        let info =
            StreamInfo::decode(Some(raw), beijing, &mut StreamNameHasher::new(&secret)).unwrap();
        let [sample] = &info.samples[..] else {
            panic!("one sample: {info:?}");
        };
        let time = Timestamp::from_millis(1_683_799_740_000);
        assert_eq!(sample.time, SampleTime::At(time));
        assert_eq!(sample.video_bitrate, NumericField::Number(1_176_815.9));
        assert_eq!(sample.video_framerate, NumericField::Number(15.016_666));
        assert_eq!(sample.audio_framerate, NumericField::Number(46.0));
        assert!(sample.stream.as_str().starts_with("recordf/"));
        assert!(!format!("{info:?}").contains("1b448"));
    }
}
