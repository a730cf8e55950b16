//! The validated configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use polyv_client::Credentials;

use super::api::Api;
use super::diagnostic::Diagnostic;
use super::discovery::DiscoveryConfig;
use super::poll::Poll;
use super::recorder::RecorderConfig;
use super::remote_write::RemoteWrite;
use super::secret::SecretSource;
use super::shard::Shard;
use crate::plan::Schedule;

/// A valid configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// How Polyv is called.
    pub api: Api,
    /// How channels are polled, and for how long responses are valid.
    pub poll: Poll,
    /// What is recorded on disk; `None` if nothing is.
    pub recorder: Option<RecorderConfig>,
    /// The endpoints that recorded samples are sent to.
    pub remote_write: Vec<Arc<RemoteWrite>>,
    /// The accounts, with this shard's channels only.
    pub accounts: Vec<Account>,
    /// This exporter's share of the channels.
    pub shard: Shard,
    /// Number of configured channels that belong to other shards.
    pub channels_of_other_shards: usize,
    /// Settings that are valid and perhaps not intended.
    pub warnings: Vec<Diagnostic>,
}

/// An account at Polyv.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The label `account`.
    pub name: String,
    /// The id and secret that sign calls.
    pub credentials: Credentials,
    /// Where the secret came from.
    pub secret: SecretSource,
    /// This shard's channels, with those of channel files.
    pub channels: Vec<Arc<Channel>>,
    /// The directories of the channel files.
    pub watched_directories: Vec<PathBuf>,
    /// Which of the account's channels are discovered.
    pub discover: Option<DiscoveryConfig>,
    /// Where the plan of channels without a schedule of their own comes from.
    pub schedule_from: ScheduleSource,
}

/// Where the plan of channels without a schedule of their own comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ScheduleSource {
    /// They have none.
    #[default]
    None,
    /// Polyv's planned sessions, or else the channels' start times.
    Polyv,
}

/// A channel of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// The channel's number at Polyv.
    pub id: Arc<str>,
    /// The channel's name. Its id if no name is configured.
    pub name: Arc<str>,
    /// The labels on `polyv_channel_info`.
    pub labels: BTreeMap<String, String>,
    /// Interval between polls while the channel is live.
    pub live_interval: Duration,
    /// Expectations that alert rules compare with.
    pub expect: Expect,
    /// When it should be live.
    pub schedule: Option<Arc<Schedule>>,
}

/// Expectations of a channel that alert rules compare with.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Expect {
    /// Whether the channel should be live all the time.
    pub live: bool,
    /// What the picture shows.
    pub content: Option<Content>,
    /// Video bitrate, in bits per second.
    pub video_bitrate_bps: Option<f64>,
    /// Video frame rate, in frames per second.
    pub video_framerate_fps: Option<f64>,
    /// Audio frame rate, in frames per second.
    pub audio_framerate_fps: Option<f64>,
}

/// What a channel's picture shows: what a falling bitrate means where none is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A camera's picture, whose bitrate does not fall unless something fails.
    Camera,
    /// Slides or a shared screen, whose bitrate falls whenever the picture stands still.
    Screen,
}

// === impl Content ===

impl Content {
    /// All contents.
    pub const ALL: [Self; 2] = [Self::Camera, Self::Screen];

    /// The name in the configuration and in the label `content`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Screen => "screen",
        }
    }
}

// === impl Config ===

impl Config {
    /// A configuration with the channels of one shard.
    pub(super) fn new(
        api: Api,
        poll: Poll,
        mut accounts: Vec<Account>,
        shard: Shard,
        warnings: Vec<Diagnostic>,
    ) -> Self {
        let mut channels_of_other_shards = 0;
        for account in &mut accounts {
            let all = account.channels.len();
            account.channels.retain(|channel| shard.owns(&channel.id));
            channels_of_other_shards += all - account.channels.len();
        }
        Self {
            api,
            poll,
            recorder: None,
            remote_write: Vec::new(),
            accounts,
            shard,
            channels_of_other_shards,
            warnings,
        }
    }

    /// The number of this shard's channels.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        let accounts = self.accounts.iter();
        accounts.map(|account| account.channels.len()).sum()
    }

    /// The account that lists a channel.
    #[must_use]
    pub fn account_of(&self, channel_id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| {
            let mut channels = account.channels.iter();
            channels.any(|channel| *channel.id == *channel_id)
        })
    }
}

// === impl Channel ===

impl Channel {
    /// A channel with defaults for everything except its id and interval.
    #[must_use]
    pub fn new(id: Arc<str>, live_interval: Duration) -> Self {
        Self {
            name: Arc::clone(&id),
            id,
            labels: BTreeMap::new(),
            live_interval,
            expect: Expect::default(),
            schedule: None,
        }
    }
}
