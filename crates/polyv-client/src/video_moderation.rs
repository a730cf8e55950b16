//! Video moderation: Polyv takes a screenshot every few seconds and has it judged.
//!
//! `POST /live/v4/channel/video-moderation/update`: the parameters are signed, the JSON body
//! is not. Every call sets every field, and what is left out falls back to its default; so the
//! present settings are read first, by `GET /live/v4/channel/video-moderation/get` (public
//! docs), which answers the same fields.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::{BadResponse, Error};
use super::status_valid::{parse_bool, raw_text};
use super::write::WriteRequest;
use super::{Client, Permit};

const GET: &str = "/live/v4/channel/video-moderation/get";
const UPDATE: &str = "/live/v4/channel/video-moderation/update";

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VideoModeration {
    /// Whether it is on.
    pub enabled: bool,
    /// Seconds between two screenshots.
    pub interval: ImageInterval,
    /// How strict it is.
    pub strategy: Strategy,
    /// Who is told of what was found.
    pub notify: Notify,
}

/// The settings in force, as far as Polyv told them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CurrentModeration {
    /// Whether it is on.
    pub enabled: Option<bool>,
    /// Seconds between two screenshots.
    pub interval: Option<ImageInterval>,
    /// How strict it is.
    pub strategy: Option<Strategy>,
    /// Who is told of what was found.
    pub notify: Option<Notify>,
}

/// How often a screenshot is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageInterval {
    /// Every 5 seconds: 12 a minute.
    Seconds5,
    /// Every 20 seconds: 3 a minute.
    Seconds20,
    /// Every minute.
    Seconds60,
}

/// How strict moderation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// `finance_easy`
    Easy,
    /// `finance_normal`
    Normal,
    /// `finance_serious`
    Serious,
}

/// Who is told of what was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[allow(clippy::struct_excessive_bools)] // as Polyv has it: four switches
pub struct Notify {
    /// Polyv's platform.
    pub platform: bool,
    /// Those who monitor the broadcast.
    pub monitor: bool,
    /// Assistants.
    pub assistant: bool,
    /// The host (主播).
    pub talent: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow, default)]
    moderation_enabled: Option<&'a RawValue>,
    #[serde(borrow, default)]
    image_frequency: Option<&'a RawValue>,
    #[serde(borrow, default)]
    moderation_strategy: Option<&'a RawValue>,
    #[serde(borrow, default)]
    illegal_notify: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names)] // the names are Polyv's
struct NotifyData<'a> {
    #[serde(borrow, default)]
    platform_enabled: Option<&'a RawValue>,
    #[serde(borrow, default)]
    monitor_enabled: Option<&'a RawValue>,
    #[serde(borrow, default)]
    assistant_enabled: Option<&'a RawValue>,
    #[serde(borrow, default)]
    talent_enabled: Option<&'a RawValue>,
}

/// Sets all settings of a channel. The body is the page's sample: no `channelId`, and
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
        match data.map(raw_text).as_deref() {
            Some("true") => Ok(()),
            _ => Err(Error::BadResponse(BadResponse::UnexpectedData(
                "`true` was expected".to_owned(),
            ))),
        }
    })
}

impl Client {
    /// The settings in force.
    ///
    /// # Errors
    /// Why there was no answer.
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

// === impl CurrentModeration ===

impl CurrentModeration {
    /// A channel that was never set up may answer nothing; then nothing is known.
    fn decode(data: Option<&RawValue>) -> Result<Self, Error> {
        let Some(raw) = data.filter(|raw| !matches!(raw.get(), "null" | "\"\"")) else {
            return Ok(Self::default());
        };
        let data: Data<'_> = serde_json::from_str(raw.get())
            .ok()
            .filter(|_| raw.get().starts_with('{'))
            .ok_or_else(|| {
                Error::BadResponse(BadResponse::UnexpectedData(
                    "the moderation settings were expected".to_owned(),
                ))
            })?;
        let wire_value = |raw: Option<&RawValue>| raw.map(raw_text).unwrap_or_default();
        Ok(Self {
            enabled: data.moderation_enabled.and_then(parse_bool),
            interval: ImageInterval::of_seconds(&wire_value(data.image_frequency)),
            strategy: Strategy::of_word(&wire_value(data.moderation_strategy)),
            notify: data.illegal_notify.and_then(Notify::decode),
        })
    }
}

impl Notify {
    /// `None` where it is not as documented. What is left out is `N`, by the page.
    fn decode(raw: &RawValue) -> Option<Self> {
        let data: NotifyData<'_> = serde_json::from_str(raw.get())
            .ok()
            .filter(|_| raw.get().starts_with('{'))?;
        let on = |raw: Option<&RawValue>| match raw {
            None => Some(false),
            Some(raw) if raw.get() == "null" => Some(false),
            Some(raw) => parse_bool(raw),
        };
        Some(Self {
            platform: on(data.platform_enabled)?,
            monitor: on(data.monitor_enabled)?,
            assistant: on(data.assistant_enabled)?,
            talent: on(data.talent_enabled)?,
        })
    }
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

// === impl ImageInterval ===

impl ImageInterval {
    /// Seconds between two screenshots.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Seconds5 => 5,
            Self::Seconds20 => 20,
            Self::Seconds60 => 60,
        }
    }

    /// The interval of so many seconds, if there is one.
    #[must_use]
    pub fn of_seconds(text: &str) -> Option<Self> {
        match text {
            "5" => Some(Self::Seconds5),
            "20" => Some(Self::Seconds20),
            "60" => Some(Self::Seconds60),
            _ => None,
        }
    }
}

impl Serialize for ImageInterval {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.seconds())
    }
}

// === impl Strategy ===

impl Strategy {
    /// Polyv's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Easy => "finance_easy",
            Self::Normal => "finance_normal",
            Self::Serious => "finance_serious",
        }
    }

    fn of_word(wire_value: &str) -> Option<Self> {
        [Self::Easy, Self::Normal, Self::Serious]
            .into_iter()
            .find(|strategy| strategy.as_str() == wire_value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_that_of_the_page() {
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
        let crate::RequestBody::PostJson(body) = &request.content else {
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
    fn settings_are_read_in_every_form_and_what_is_missing_is_unknown() {
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
        // Who is told must not be forgotten for being written oddly.
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
