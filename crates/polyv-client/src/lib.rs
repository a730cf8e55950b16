//! A client for Polyv's HTTP API.
//!
//! What a call needs comes together in this order: a [`Permit`] of the one [`Limiter`] (no
//! method of the [`Client`] can be called without), then time by [`ServerClock`] and a
//! signature ([`sign`]), then the [`Transport`], then the [envelope](envelope) of the answer,
//! and at last the operation's own data — one file an operation. What can go wrong is an
//! [`Error`], whose variants are the [`Outcome`]s that the metrics count.
//!
//! Nothing here knows of metrics or of polling.

mod channel_list;
mod chat_message;
mod chat_moderation;
mod client;
pub mod clock;
mod credentials;
pub mod envelope;
mod error;
mod field_limits;
mod http;
mod limiter;
mod live_status;
mod numeric_field;
mod sample_time;
mod server_clock;
mod session_relevance;
mod sign;
mod status_valid;
mod stream_info;
mod stream_name;
mod transport;
mod video_moderation;
mod write;

pub use channel_list::{ChannelPage, ChannelPageRequest, ListedChannel, PAGE_SIZE};
pub use chat_message::{ChatMessage, ChatResult, ViewerType, send_chat_messages};
pub use chat_moderation::set_chat_moderation;
pub use client::{Client, ClientSettings};
pub use credentials::{AppSecret, Credentials, EmptySecret};
pub use error::{ApiRejection, BadResponse, Error, Outcome};
pub use field_limits::InvalidField;
pub use http::{HttpTransport, is_loopback};
pub use limiter::{Limiter, Permit, RateLimit, Wait};
pub use live_status::{ChannelLiveStatus, LiveStatus, MAX_CHANNELS_PER_CALL};
pub use numeric_field::NumericField;
pub use sample_time::SampleTime;
pub use server_clock::ServerClock;
pub use session_relevance::{ExternalSessionId, WrongLength, link_sessions};
pub use sign::sign;
pub use status_valid::ChannelValidity;
pub use stream_info::{Range, RawSample, StreamInfo};
pub use stream_name::{StreamName, StreamNameHasher};
pub use transport::{HttpRequest, HttpResponse, RequestBody, Transport, TransportError};
pub use video_moderation::{
    CurrentModeration, ImageInterval, Notify, Strategy, VideoModeration, set_video_moderation,
};
pub use write::{Effect, Preview, WriteError, WriteRequest};
