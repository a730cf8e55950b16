//! The table of all operations.

use super::operation::Operation;
use super::{
    censor_enabled, channel_list, chat_message_audit, live_status, session_relevance, status_valid,
    stream_info, video_moderation,
};

static OPERATIONS: [Operation; 10] = [
    stream_info::OPERATION,
    status_valid::OPERATION,
    live_status::OPERATION,
    channel_list::OPERATION,
    session_relevance::OPERATION,
    video_moderation::UPDATE,
    video_moderation::GET,
    chat_message_audit::OPERATION,
    censor_enabled::UPDATE,
    censor_enabled::GET,
];

/// The names of all operations.
pub(crate) fn endpoints() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|operation| operation.endpoint)
}

/// The operation with that path.
pub(crate) fn at(path: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.path == path)
}
