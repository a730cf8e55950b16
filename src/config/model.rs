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
use super::secret::SecretSource;
use super::shard::Shard;

/// A valid configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// How Polyv is reached.
    pub api: Api,
    /// How channels are asked, and how long answers count.
    pub poll: Poll,
    /// Whose channels they are, as far as they are this shard's own.
    pub accounts: Vec<Account>,
    /// Which of all channels are this exporter's own.
    pub shard: Shard,
    /// How many channels are configured that belong to other shards.
    pub channels_of_other_shards: usize,
    /// What is valid and perhaps not meant.
    pub warnings: Vec<Diagnostic>,
}

/// One of `accounts`.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The label `account`.
    pub name: String,
    /// What it signs with.
    pub credentials: Credentials,
    /// Where its secret came from.
    pub secret: SecretSource,
    /// Its channels, those of its channel files included, as far as they are this shard's own.
    pub channels: Vec<Arc<Channel>>,
    /// The directories in which its channel files are.
    pub watched_directories: Vec<PathBuf>,
    /// Which more of its channels are found by asking Polyv.
    pub discover: Option<DiscoveryConfig>,
}

/// One of an account's `channels`.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// The channel's number at Polyv.
    pub id: Arc<str>,
    /// What it is called; its id where no name is configured.
    pub name: Arc<str>,
    /// The labels on `polyv_channel_info`.
    pub labels: BTreeMap<String, String>,
    /// How often it is asked while it is live.
    pub live_interval: Duration,
    /// What is expected of it.
    pub expect: Expect,
}

/// What is expected of a channel, for alert rules to compare with.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Expect {
    /// Whether it should be live whenever it is configured.
    pub live: bool,
    /// Bits per second.
    pub video_bitrate_bps: Option<f64>,
    /// Frames per second.
    pub video_framerate_fps: Option<f64>,
    /// Frames per second.
    pub audio_framerate_fps: Option<f64>,
}

// === impl Config ===

impl Config {
    /// How many channels are this exporter's own.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.accounts
            .iter()
            .map(|account| account.channels.len())
            .sum()
    }

    /// Leaves a shard its own channels.
    pub(super) fn keep(mut self, shard: Shard) -> Self {
        let all = self.channel_count();
        for account in &mut self.accounts {
            account.channels.retain(|channel| shard.owns(&channel.id));
        }
        self.channels_of_other_shards = all - self.channel_count();
        self.shard = shard;
        self
    }

    /// The account that lists a channel.
    #[must_use]
    pub fn account_of(&self, channel_id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| {
            account
                .channels
                .iter()
                .any(|channel| *channel.id == *channel_id)
        })
    }
}

// === impl Channel ===

impl Channel {
    /// A channel of which nothing is known but its number.
    #[must_use]
    pub fn new(id: Arc<str>, live_interval: Duration) -> Self {
        Self {
            name: Arc::clone(&id),
            id,
            labels: BTreeMap::new(),
            live_interval,
            expect: Expect::default(),
        }
    }
}
