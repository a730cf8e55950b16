//! `session link`, `moderation set`, `chat send` and `chat moderation`: the commands that change
//! something at Polyv.
//!
//! A write is never repeated while it is unknown whether it took effect.

mod chat_moderation;
mod chat_send;
mod context;
mod messages;
mod report;
mod session;
mod setting;
mod video_moderation;

pub(super) use chat_moderation::run as switch;
pub(super) use chat_send::run as send;
pub(super) use session::run as link;
pub(super) use video_moderation::run as moderate;
