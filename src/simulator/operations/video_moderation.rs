//! Video moderation: `POST /live/v4/channel/video-moderation/update` and
//! `GET /live/v4/channel/video-moderation/get`.
//!
//! Every update sets every field. The page's table wants `channelId` in the body as well, but
//! neither its sample nor the official clients send it; and it calls `imageFrequency` an
//! Integer, which its sample writes as a text. Both ways are good here.

use hyper::Method;
use serde_json::{Map, Value, json};

use super::json::{self, Members};
use super::{Channels, Operation, Question, Success, Takes};
use crate::simulator::envelope::{Envelope, Refusal};
use crate::simulator::remembered::{NOTIFIABLE, VideoModeration};

pub(super) const UPDATE: Operation = Operation {
    method: Method::POST,
    path: "/live/v4/channel/video-moderation/update",
    endpoint: "video_moderation_update",
    envelope: Envelope::V4,
    takes: Takes::Json,
    required: &["channelId"],
    answer: update,
};

pub(super) const GET: Operation = Operation {
    method: Method::GET,
    path: "/live/v4/channel/video-moderation/get",
    endpoint: "video_moderation_get",
    envelope: Envelope::V4,
    takes: Takes::Query,
    required: &["channelId"],
    answer: get,
};

const FREQUENCIES: [u64; 3] = [5, 20, 60];
const STRATEGIES: [&str; 3] = ["finance_easy", "finance_normal", "finance_serious"];

fn update(question: &Question<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let channel = channels.asked_for(question)?;
    has_feature(question)?;
    let body = json::parse(question.body)?;
    let body = Members::of(&body)?;
    if let Some(id) = body.get("channelId") {
        let id = json::whole_number(id)?.to_string();
        if question.parameters.get("channelId") != Some(id.as_str()) {
            return Err(Refusal::parameters());
        }
    }
    channel.remembered.video_moderation = read(body)?;
    Ok(Success::ok("true"))
}

fn read(body: Members<'_>) -> Result<VideoModeration, Refusal> {
    let enabled = body.required_switch("moderationEnabled")?;
    let image_frequency = json::whole_number(body.required("imageFrequency")?)?;
    if !FREQUENCIES.contains(&image_frequency) {
        return Err(Refusal::parameters());
    }
    let strategy = body.required_word("moderationStrategy", &STRATEGIES)?;
    let notify = Members::of(body.required("illegalNotify")?)?;
    let mut notified = Vec::new();
    for name in NOTIFIABLE {
        if notify.switch(&format!("{name}Enabled"))?.unwrap_or(false) {
            notified.push(name);
        }
    }
    Ok(VideoModeration {
        enabled,
        image_frequency,
        strategy,
        notified,
    })
}

fn get(question: &Question<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let channel = channels.asked_for(question)?;
    has_feature(question)?;
    Ok(Success::ok(
        describe(&channel.remembered.video_moderation).to_string(),
    ))
}

fn has_feature(question: &Question<'_>) -> Result<(), Refusal> {
    if question.account.video_moderation {
        Ok(())
    } else {
        Err(Refusal::no_video_moderation())
    }
}

/// The settings in Polyv's words.
pub(in crate::simulator) fn describe(settings: &VideoModeration) -> Value {
    let letter = |on| if on { "Y" } else { "N" };
    let notify: Map<String, Value> = NOTIFIABLE
        .into_iter()
        .map(|name| {
            let told = letter(settings.notified.contains(&name));
            (format!("{name}Enabled"), told.into())
        })
        .collect();
    json!({
        "moderationEnabled": letter(settings.enabled),
        "imageFrequency": settings.image_frequency,
        "moderationStrategy": settings.strategy,
        "illegalNotify": notify,
    })
}
