//! A client for Polyv's HTTP API.
//!
//! What a call needs comes together in this order: a [`Permit`] of the one [`Limiter`] (no
//! method of the [`Client`] can be called without), then time by [`PolyvClock`] and a
//! signature ([`sign`]), then the [`Transport`], then the [envelope](envelope) of the answer,
//! and at last the operation's own data — one file an operation. What can go wrong is an
//! [`Error`], whose variants are the [`Outcome`]s that the metrics count.
//!
//! Nothing here knows of metrics or of polling.

mod channel_list;
mod chat_censor;
mod chat_message;
mod client;
pub mod clock;
mod credentials;
pub mod envelope;
mod error;
mod http;
mod limiter;
mod limits;
mod live_status;
mod number;
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

pub use channel_list::{ChannelPage, ListedChannel, PAGE, PageOf};
pub use chat_censor::set_chat_moderation;
pub use chat_message::{ChatMessage, ChatResult, ViewerType, send_chat_messages};
pub use client::{Client, Settings};
pub use credentials::{AppSecret, Credentials, EmptySecret};
pub use error::{BadResponse, Error, Outcome, Refusal};
pub use http::{HttpTransport, is_loopback};
pub use limiter::{Limiter, Permit, RateLimit, Wait};
pub use limits::InvalidField;
pub use live_status::{LiveStatus, LiveStatusOf, MOST_CHANNELS};
pub use number::Field;
pub use sample_time::SampleTime;
pub use server_clock::PolyvClock;
pub use session_relevance::{ExternalSessionId, WrongLength, link_sessions};
pub use sign::sign;
pub use status_valid::ChannelValidity;
pub use stream_info::{Range, RawSample, StreamInfo};
pub use stream_name::{StreamName, StreamNamer};
pub use transport::{Answer, Content, Outgoing, Transport, TransportError};
pub use video_moderation::{
    ImageInterval, Notify, PresentModeration, Strategy, VideoModeration, set_video_moderation,
};
pub use write::{Effect, Preview, WriteError, WriteRequest};
