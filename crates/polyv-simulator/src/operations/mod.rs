//! The operations of the simulated API: one file each, and a table of them.

mod censor_enabled;
mod channel_ids;
mod channel_list;
mod chat_message_audit;
mod json;
mod live_status;
mod operation;
mod registry;
mod session_relevance;
mod status_valid;
mod stream_info;
mod video_moderation;

pub(crate) use operation::{BodyKind, FORM, Operation, OperationRequest};
pub(crate) use registry::{at, endpoints};
