//! The operations of the simulated API, and a table of them.

mod audience;
mod channels;
mod chat;
mod json;
mod operation;
mod registry;
mod sessions;
mod stream_info;
mod streams;
mod video_moderation;

pub(crate) use operation::{Operation, SignedCall};
pub(crate) use registry::{at, endpoints};
