//! The table of all operations.

use hyper::Method;

use super::operation::Operation;
use super::{audience, channels, chat, sessions, stream_info, streams, video_moderation};

static OPERATIONS: &[Operation] = &[
    Operation {
        endpoint: "stream_info",
        method: Method::GET,
        path: "/live/v3/channel/monitor/list-tencent-stream-info",
        required: &["channelId"],
        perform: stream_info::list,
    },
    Operation {
        endpoint: "stream_info_v4",
        method: Method::GET,
        path: "/live/v4/channel/monitor/list-stream-info",
        required: &["channelId"],
        perform: stream_info::list_v4,
    },
    Operation {
        endpoint: "streams",
        method: Method::GET,
        path: "/live/v3/channel/monitor/get-streams",
        required: &["channelIds"],
        perform: streams::list,
    },
    Operation {
        endpoint: "stream",
        method: Method::GET,
        path: "/live/v3/channel/monitor/get-stream-info",
        required: &["channelId"],
        perform: streams::one,
    },
    Operation {
        endpoint: "status_valid",
        method: Method::GET,
        path: "/live/v4/channel/status-valid",
        required: &["channels"],
        perform: channels::validity,
    },
    Operation {
        endpoint: "live_status",
        method: Method::GET,
        path: "/live/v4/channel/live-status/list",
        required: &["channelIds"],
        perform: channels::live_status,
    },
    Operation {
        endpoint: "channel_list",
        method: Method::GET,
        path: "/live/v4/channel/simple/list",
        required: &[],
        perform: channels::page,
    },
    Operation {
        endpoint: "channel",
        method: Method::GET,
        path: "/live/v4/channel/basic/get",
        required: &["channelId"],
        perform: audience::basic,
    },
    Operation {
        endpoint: "viewers",
        method: Method::GET,
        path: "/live/v2/statistics/get-realtime-viewers",
        required: &["channelIds"],
        perform: audience::viewers,
    },
    Operation {
        endpoint: "sessions",
        method: Method::GET,
        path: "/live/v4/channel/session/new/list",
        required: &[],
        perform: audience::sessions,
    },
    Operation {
        endpoint: "session_data",
        method: Method::GET,
        path: "/live/v3/channel/session/data/list",
        required: &["channelId"],
        perform: sessions::list,
    },
    Operation {
        endpoint: "channel_plans",
        method: Method::GET,
        path: "/live/v4/channel/basic/list",
        required: &[],
        perform: audience::basic_list,
    },
    Operation {
        endpoint: "minutes",
        method: Method::POST,
        path: "/live/v2/user/get-user-durations",
        required: &[],
        perform: audience::minutes,
    },
    Operation {
        endpoint: "session_relevance",
        method: Method::POST,
        path: "/live/v3/channel/session/relevance",
        required: &["channelId", "externalSessionId"],
        perform: channels::link_session,
    },
    Operation {
        endpoint: "video_moderation_update",
        method: Method::POST,
        path: "/live/v4/channel/video-moderation/update",
        required: &["channelId"],
        perform: video_moderation::update,
    },
    Operation {
        endpoint: "video_moderation_get",
        method: Method::GET,
        path: "/live/v4/channel/video-moderation/get",
        required: &["channelId"],
        perform: video_moderation::get,
    },
    Operation {
        endpoint: "chat_message_audit",
        method: Method::POST,
        path: "/live/v4/chat/message/audit",
        required: &["channelId"],
        perform: chat::send_messages,
    },
    Operation {
        endpoint: "update_censor_enabled",
        method: Method::POST,
        path: "/live/v3/channel/chat/update-censor-enabled",
        required: &["channelId"],
        perform: chat::update_censor,
    },
    Operation {
        endpoint: "get_censor_enabled",
        method: Method::GET,
        path: "/live/v3/channel/chat/get-censor-enabled",
        required: &["channelId"],
        perform: chat::get_censor,
    },
];

/// The names of all operations.
pub(crate) fn endpoints() -> Vec<&'static str> {
    OPERATIONS.iter().map(|known| known.endpoint).collect()
}

/// The operation with that path.
pub(crate) fn at(path: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.path == path)
}
