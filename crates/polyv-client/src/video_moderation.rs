//! Video moderation: Polyv takes a screenshot every few seconds and checks it.
//!
//! `POST /live/v4/channel/video-moderation/update`: the parameters are signed, the JSON body
//! is not. Every call sets every field, and absent fields are reset to their defaults. Callers
//! therefore read the current settings first, by
//! `GET /live/v4/channel/video-moderation/get` (public docs), which returns the same fields.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::json::{decode_data, is_object, parse_bool, raw_text};
use crate::limiter::Permit;
use crate::write::WriteRequest;

const GET: &str = "/live/v4/channel/video-moderation/get";
const UPDATE: &str = "/live/v4/channel/video-moderation/update";

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VideoModeration {
    /// Whether moderation is on.
    pub enabled: bool,
    /// The time between two screenshots.
    pub interval: ImageInterval,
    /// The strictness.
    pub strategy: Strategy,
    /// Who is notified of findings.
    pub notify: Notify,
}

/// The settings in force, as far as the response contains them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CurrentModeration {
    /// Whether moderation is on.
    pub enabled: Option<bool>,
    /// The time between two screenshots.
    pub interval: Option<ImageInterval>,
    /// The strictness.
    pub strategy: Option<Strategy>,
    /// Who is notified of findings.
    pub notify: Option<Notify>,
}

/// The time between two screenshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageInterval {
    /// 5 seconds: 12 screenshots per minute.
    Seconds5,
    /// 20 seconds: 3 screenshots per minute.
    Seconds20,
    /// One minute.
    Seconds60,
}

/// The strictness of moderation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::EnumString, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// `finance_easy`
    #[strum(serialize = "finance_easy")]
    Easy,
    /// `finance_normal`
    #[strum(serialize = "finance_normal")]
    Normal,
    /// `finance_serious`
    #[strum(serialize = "finance_serious")]
    Serious,
}

/// Who is notified of findings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools)] // Polyv has four switches
pub struct Notify {
    /// Polyv's platform.
    #[serde(rename(deserialize = "platformEnabled"), deserialize_with = "switch")]
    pub platform: bool,
    /// The users who monitor the broadcast.
    #[serde(rename(deserialize = "monitorEnabled"), deserialize_with = "switch")]
    pub monitor: bool,
    /// The assistants.
    #[serde(rename(deserialize = "assistantEnabled"), deserialize_with = "switch")]
    pub assistant: bool,
    /// The host (主播).
    #[serde(rename(deserialize = "talentEnabled"), deserialize_with = "switch")]
    pub talent: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawData {
    moderation_enabled: Option<Box<RawValue>>,
    image_frequency: Option<Box<RawValue>>,
    moderation_strategy: Option<Box<RawValue>>,
    illegal_notify: Option<Box<RawValue>>,
}

/// Sets all settings of a channel. The body equals the page's sample: no `channelId`, and
/// `imageFrequency` as a string.
#[must_use]
pub fn set_video_moderation(channel_id: &str, settings: &VideoModeration) -> WriteRequest<()> {
    let switch = |on: bool| if on { "Y" } else { "N" };
    let body = serde_json::json!({
        "illegalNotify": {
            "platformEnabled": switch(settings.notify.platform),
            "monitorEnabled": switch(settings.notify.monitor),
            "assistantEnabled": switch(settings.notify.assistant),
            "talentEnabled": switch(settings.notify.talent),
        },
        "imageFrequency": settings.interval.seconds().to_string(),
        "moderationStrategy": settings.strategy.as_str(),
        "moderationEnabled": switch(settings.enabled),
    });
    WriteRequest::of_json(UPDATE, channel_id, &body, |data| {
        match data.map(RawValue::get) {
            Some("true" | r#""true""#) => Ok(()),
            _ => Err(Error::unexpected_data("`true` was expected".to_owned())),
        }
    })
}

impl Client {
    /// The settings in force.
    ///
    /// # Errors
    /// Why there is no valid response.
    pub async fn video_moderation(
        &self,
        permit: Permit,
        channel_id: &str,
    ) -> Result<CurrentModeration, Error> {
        let params = vec![("channelId", channel_id.to_owned())];
        self.call(permit, GET, params, CurrentModeration::decode)
            .await
    }
}

impl CurrentModeration {
    /// The response for a channel that was never configured may be empty; then all settings
    /// are unknown.
    fn decode(data: Option<&RawValue>) -> Result<Self, Error> {
        let Some(raw) = data.filter(|raw| !matches!(raw.get(), "null" | "\"\"")) else {
            return Ok(Self::default());
        };
        let object = Some(raw).filter(|raw| is_object(raw.get()));
        let data: RawData = decode_data(object, "an object with the moderation settings")?;
        let text = |raw: Option<Box<RawValue>>| raw.as_deref().map(raw_text);
        let notify = data.illegal_notify.filter(|raw| is_object(raw.get()));
        Ok(Self {
            enabled: data.moderation_enabled.as_deref().and_then(parse_bool),
            interval: text(data.image_frequency).and_then(|text| ImageInterval::parse(&text)),
            strategy: text(data.moderation_strategy).and_then(|text| text.parse().ok()),
            // Unknown where it is not as documented. Absent switches are `N`, as the page says.
            notify: notify.and_then(|raw| serde_json::from_str(raw.get()).ok()),
        })
    }
}

/// Decodes a switch. `null` is the same as absent.
fn switch<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    let on = raw.map_or(Some(false), |raw| parse_bool(&raw));
    on.ok_or_else(|| serde::de::Error::custom("`Y` or `N` was expected"))
}

impl From<&VideoModeration> for CurrentModeration {
    fn from(settings: &VideoModeration) -> Self {
        Self {
            enabled: Some(settings.enabled),
            interval: Some(settings.interval),
            strategy: Some(settings.strategy),
            notify: Some(settings.notify),
        }
    }
}

impl ImageInterval {
    /// The interval in seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Seconds5 => 5,
            Self::Seconds20 => 20,
            Self::Seconds60 => 60,
        }
    }

    fn parse(seconds: &str) -> Option<Self> {
        let all = [Self::Seconds5, Self::Seconds20, Self::Seconds60];
        all.into_iter()
            .find(|interval| interval.seconds().to_string() == seconds)
    }
}

impl Serialize for ImageInterval {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.seconds())
    }
}

impl Strategy {
    /// Polyv's value for the strictness.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_equals_the_documented_sample() {
        let page: serde_json::Value = serde_json::from_str(
            r#"{
                "illegalNotify": {
                    "platformEnabled": "Y",
                    "monitorEnabled": "Y",
                    "assistantEnabled": "Y",
                    "talentEnabled": "Y"
                },
                "imageFrequency": "60",
                "moderationStrategy": "finance_serious",
                "moderationEnabled": "Y"
            }"#,
        )
        .unwrap();
        let all = Notify {
            platform: true,
            monitor: true,
            assistant: true,
            talent: true,
        };
        let settings = VideoModeration {
            enabled: true,
            interval: ImageInterval::Seconds60,
            strategy: Strategy::Serious,
            notify: all,
        };
        let request = set_video_moderation("3775168", &settings);
        let crate::RequestBody::PostJson(body) = &request.body else {
            panic!("it has a body");
        };
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body, page);
        assert_eq!(request.params, [("channelId", "3775168".to_owned())]);
        // And it is read back from the same fields.
        let raw: Box<RawValue> = serde_json::from_value(page).unwrap();
        let read = CurrentModeration::decode(Some(&raw)).unwrap();
        assert_eq!(read, CurrentModeration::from(&settings));
    }

    #[test]
    fn settings_are_decoded_in_every_form_and_missing_ones_are_unknown() {
        let decode = |json: &str| {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            CurrentModeration::decode(Some(&raw))
        };
        let odd = r#"{"moderationEnabled": false, "imageFrequency": 20, "illegalNotify": {"talentEnabled": "Y", "monitorEnabled": null}}"#;
        let read_odd = decode(odd).unwrap();
        assert_eq!(read_odd.enabled, Some(false));
        assert_eq!(read_odd.interval, Some(ImageInterval::Seconds20));
        assert_eq!(read_odd.strategy, None);
        let notify = read_odd.notify.unwrap();
        assert!(notify.talent && !notify.monitor);
        // Recipients in an undocumented form are unknown, not off.
        for odd in [
            r#"{"illegalNotify": "{\"platformEnabled\":\"Y\"}"}"#,
            r#"{"illegalNotify": {"platformEnabled": "yes"}}"#,
            r#"{"illegalNotify": []}"#,
            r#"{"illegalNotify": null}"#,
        ] {
            assert_eq!(decode(odd).unwrap().notify, None, "{odd}");
        }
        for nothing in ["null", r#""""#, "{}"] {
            assert_eq!(decode(nothing).unwrap(), CurrentModeration::default());
        }
        for rubbish in ["[]", "1", r#""x""#] {
            assert!(decode(rubbish).is_err(), "{rubbish}");
        }
    }
}
