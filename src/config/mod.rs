//! The configuration: what to poll, and what is expected of it.
//!
//! A [`Source`] is where it comes from: a file, or the environment. Loading one reads everything
//! that it names (channel files, secrets) and gives a [`Config`] that is valid as a whole, or *all*
//! of its [diagnostics](Diagnostics), each with its location. A [`Watcher`] reports when a channel
//! file may have changed, a [`SourceFingerprint`] whether one has.

mod account;
mod api;
mod channel;
mod credential_text;
mod decoder;
mod diagnostic;
mod discovery;
mod duration;
mod environment;
mod fingerprint;
mod http_client;
mod labels;
mod model;
mod poll;
mod rate_share;
mod recorder;
mod remote_write;
mod schedule;
mod secret;
mod shard;
mod source;
mod values;
mod watch;
mod yaml;

pub use api::Api;
pub use channel::check_channel_id;
pub use credential_text::{check_app_id, check_app_secret};
pub use diagnostic::{Diagnostic, Diagnostics, Location};
pub use discovery::{DiscoveryConfig, Expose, Pattern};
pub use duration::{format_duration, parse_duration};
pub use environment::BASE_URL as BASE_URL_VARIABLE;
pub use fingerprint::SourceFingerprint;
pub use http_client::{Authentication, Credential, HttpClientConfig, Secret, TlsConfig};
pub use model::{Account, Channel, Config, Content, Expect, ScheduleSource};
pub use poll::{Poll, Sources, StatusMode};
pub use recorder::RecorderConfig;
pub use remote_write::RemoteWrite;
pub use secret::SecretSource;
pub use shard::{InvalidShard, MAX_SHARDS, Shard};
pub use source::Source;
pub use watch::Watcher;
