//! A client for the HTTP API of Polyv (保利威) live streaming.
//!
//! A call passes through these parts:
//!
//! 1. the [`Limiter`], one for the process, grants a [`Permit`]; no call is possible without;
//! 2. the [`Client`] of the account takes Polyv's time from the [`ServerClock`] and [`sign`]s
//!    the call;
//! 3. the [`Transport`] sends it; [`HttpTransport`] is the one for production;
//! 4. the [`envelope`] is decoded, then the operation's own data: one file per operation.
//!
//! Every failure is a typed [`Error`] with an [`Outcome`] for metrics. Changes are made by
//! [`Client::write`]: a [`WriteError`] says as well whether the change took effect.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use chrono::FixedOffset;
//! use polyv_client::clock::Clock;
//! use polyv_client::{
//!     AppSecret, Client, ClientSettings, Credentials, Error, HttpTransport, Limiter, Range,
//!     RateLimit, ServerClock,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let base_url = "https://api.polyv.net".parse()?;
//! let transport = Arc::new(HttpTransport::new(&base_url)?);
//! let settings = ClientSettings {
//!     base_url,
//!     timeout: Duration::from_secs(15),
//!     zone: FixedOffset::east_opt(8 * 3600).expect("a valid offset"),
//! };
//! let credentials = Credentials {
//!     app_id: "g4rqgmmjuo".to_owned(),
//!     app_secret: AppSecret::new(&std::env::var("POLYV_APP_SECRET")?)?,
//! };
//! let clock = Arc::new(ServerClock::new(Clock::default()));
//! let client = Client::new(settings, transport, clock, credentials);
//!
//! // At most 1,000 calls in any 10 seconds, whatever the number of accounts and clients.
//! let limiter = Limiter::new(RateLimit {
//!     requests: 1000,
//!     per: Duration::from_secs(10),
//!     max_in_flight: 128,
//! });
//! let permit = limiter.acquire().await;
//! match client.stream_info(permit, "3880533", Range::default()).await {
//!     Ok(info) => {
//!         for sample in info.samples {
//!             println!("{}: {:?} bit/s", sample.stream, sample.video_bitrate.number());
//!         }
//!     }
//!     Err(Error::NotLive) => println!("the channel is not live"),
//!     Err(error) => println!("{error} ({})", error.outcome()),
//! }
//! # Ok(())
//! # }
//! ```

mod account_minutes;
mod channel_list;
mod channel_plans;
mod channel_push;
mod chat_message;
mod chat_moderation;
mod client;
pub mod clock;
mod credentials;
pub mod envelope;
mod error;
mod field_limits;
mod http_transport;
mod json;
mod limiter;
mod live_status;
mod numeric_field;
mod sample_time;
mod server_clock;
mod session_relevance;
mod sessions;
mod sign;
mod status_valid;
mod stream_info;
mod stream_info_v4;
mod stream_name;
mod text;
mod transport;
mod video_moderation;
mod viewers;
mod write;

pub use account_minutes::AccountMinutes;
pub use channel_list::{ChannelPage, ChannelPageRequest, ListedChannel, PAGE_SIZE};
pub use channel_plans::{ChannelPlan, PlanPage};
pub use channel_push::{ChannelPush, MAX_CHANNELS_PER_STREAMS_CALL, PushedStream};
pub use chat_message::{ChatMessage, ChatResult, ViewerType, send_chat_messages};
pub use chat_moderation::set_chat_moderation;
pub use client::{Client, ClientSettings};
pub use credentials::{AppSecret, Credentials, EmptySecret};
pub use error::{ApiRejection, BadResponse, Error, Outcome};
pub use field_limits::InvalidField;
pub use http_transport::{HttpTransport, describe_http_error, is_loopback, parse_retry_after};
pub use limiter::{Limiter, Permit, RateLimit, Wait};
pub use live_status::{ChannelLiveStatus, LiveStatus, MAX_CHANNELS_PER_CALL};
pub use numeric_field::NumericField;
pub use sample_time::SampleTime;
pub use server_clock::{ClockSkew, ServerClock};
pub use session_relevance::{ExternalSessionId, WrongLength, link_sessions};
pub use sessions::{ChannelSession, SessionPage};
pub use sign::sign;
pub use status_valid::ChannelValidity;
pub use stream_info::{Range, RawSample, StreamInfo};
pub use stream_name::{StreamName, StreamNameHasher};
pub use text::truncate;
pub use transport::{HttpRequest, HttpResponse, RequestBody, Transport, TransportError};
pub use video_moderation::{
    CurrentModeration, ImageInterval, Notify, Strategy, VideoModeration, set_video_moderation,
};
pub use viewers::{ChannelViewers, MAX_CHANNELS_PER_VIEWERS_CALL, ViewerCount};
pub use write::{Effect, Preview, WriteError, WriteRequest};
