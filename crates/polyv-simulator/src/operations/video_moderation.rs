//! Video moderation: `POST /live/v4/channel/video-moderation/update` and
//! `GET /live/v4/channel/video-moderation/get`.
//!
//! Every update sets every field. The page's table requires `channelId` in the body as well, but
//! neither its sample nor the official clients send it; and it calls `imageFrequency` an Integer,
//! which its sample writes as a text. Both forms are accepted.

use hyper::Method;

use super::json::{self, Members};
use super::operation::{BodyKind, Operation, OperationRequest, Success};
use crate::channels::Channels;
use crate::envelope::{Envelope, Refusal};
use crate::written_state::{NOTIFIABLE_ROLES, VideoModeration};

pub(crate) const UPDATE: Operation = Operation {
    method: Method::POST,
    path: "/live/v4/channel/video-moderation/update",
    endpoint: "video_moderation_update",
    envelope: Envelope::V4,
    body: BodyKind::Json,
    required: &["channelId"],
    perform: update,
};

pub(crate) const GET: Operation = Operation {
    method: Method::GET,
    path: "/live/v4/channel/video-moderation/get",
    endpoint: "video_moderation_get",
    envelope: Envelope::V4,
    body: BodyKind::Ignored,
    required: &["channelId"],
    perform: get,
};

const FREQUENCIES: [u64; 3] = [5, 20, 60];
const STRATEGIES: [&str; 3] = ["finance_easy", "finance_normal", "finance_serious"];

fn update(request: &OperationRequest<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let channel = request.channel(channels)?;
    has_feature(request)?;
    let body = json::parse(request.body)?;
    let body = Members::of(&body)?;
    if let Some(id) = body.get("channelId") {
        let id = json::whole_number(id)?.to_string();
        if request.parameters.get("channelId") != Some(id.as_str()) {
            return Err(Refusal::parameters());
        }
    }
    channel.written_state.video_moderation = parse_settings(body)?;
    Ok(Success::ok("true"))
}

fn parse_settings(body: Members<'_>) -> Result<VideoModeration, Refusal> {
    let enabled = body.required_switch("moderationEnabled")?;
    let image_frequency = json::whole_number(body.required("imageFrequency")?)?;
    if !FREQUENCIES.contains(&image_frequency) {
        return Err(Refusal::parameters());
    }
    let strategy = body.required_word("moderationStrategy", &STRATEGIES)?;
    let notify = Members::of(body.required("illegalNotify")?)?;
    let mut notified = Vec::new();
    for name in NOTIFIABLE_ROLES {
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

fn get(request: &OperationRequest<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let channel = request.channel(channels)?;
    has_feature(request)?;
    let settings = channel.written_state.video_moderation.to_json();
    Ok(Success::ok(settings.to_string()))
}

fn has_feature(request: &OperationRequest<'_>) -> Result<(), Refusal> {
    if request.account.video_moderation {
        Ok(())
    } else {
        Err(Refusal::no_video_moderation())
    }
}
