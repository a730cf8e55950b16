//! Video moderation: `video-moderation/update` and `video-moderation/get`.
//!
//! Every update sets every field. The page's table requires `channelId` in the body as well, but
//! neither its sample nor the official clients send it; and it calls `imageFrequency` an Integer,
//! which its sample writes as a text. Both forms are accepted.

use super::json::{self, Members};
use super::operation::{OperationResult, SignedCall, Success};
use crate::channel::LiveChannel;
use crate::channels::Channels;
use crate::refusal::Refusal;
use crate::written_state::{NOTIFIABLE_ROLES, VideoModeration};

const SWITCH: [&str; 2] = ["Y", "N"];
const FREQUENCIES: [u64; 3] = [5, 20, 60];
const STRATEGIES: [&str; 3] = ["finance_easy", "finance_normal", "finance_serious"];

pub(super) fn update(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let channel = channel_with_feature(request, channels)?;
    let body = json::parse(request.body)?;
    let body = Members::of(&body)?;
    if let Some(id) = body.get("channelId") {
        let id = json::whole_number(id)?.to_string();
        if request.parameters.get("channelId") != Some(id.as_str()) {
            return Err(Refusal::InvalidParameter);
        }
    }
    channel.written_state.video_moderation = parse_settings(body)?;
    Ok(Success::ok("true"))
}

pub(super) fn get(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let channel = channel_with_feature(request, channels)?;
    let mut settings = channel.written_state.video_moderation.to_json();
    if let (Some(members), Some(id)) = (settings.as_object_mut(), json::digits(channel.spec.id())) {
        members.insert("channelId".to_owned(), id.into());
    }
    Ok(Success::ok(settings.to_string()))
}

fn channel_with_feature<'c>(
    request: &SignedCall<'_>,
    channels: &'c mut Channels,
) -> Result<&'c mut LiveChannel, Refusal> {
    let channel = request.channel(channels)?;
    if request.account.video_moderation {
        Ok(channel)
    } else {
        Err(Refusal::FeatureOff)
    }
}

fn parse_settings(body: Members<'_>) -> Result<VideoModeration, Refusal> {
    let enabled = body.required_word("moderationEnabled", &SWITCH)? == "Y";
    let image_frequency = json::whole_number(body.required("imageFrequency")?)?;
    if !FREQUENCIES.contains(&image_frequency) {
        return Err(Refusal::InvalidParameter);
    }
    let strategy = body.required_word("moderationStrategy", &STRATEGIES)?;
    let notify = Members::of(body.required("illegalNotify")?)?;
    let mut notified = Vec::new();
    for role in NOTIFIABLE_ROLES {
        if notify.word(&format!("{role}Enabled"), &SWITCH)? == Some("Y") {
            notified.push(role);
        }
    }
    Ok(VideoModeration {
        enabled,
        image_frequency,
        strategy,
        notified,
    })
}
