//! The configuration: what to ask, and what is expected of it.
//!
//! A [`Source`] is where it comes from: a file, or the environment. Evaluating one reads
//! everything that it names (channel files, secrets) and gives a [`Config`] that is valid as a
//! whole, or *all* of its [faults](crate::yaml::Faults), each with its place. A [`Watcher`]
//! tells when a channel file may have changed, [`Inputs`] whether one has.

mod account;
mod channel;
mod discover;
mod environment;
mod inputs;
mod labels;
mod secret;
mod sections;
mod shard;
mod share;
mod source;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::FixedOffset;
use url::Url;

pub use channel::check_id as check_channel_id;
pub use discover::{Discover, Expose, Pattern};
pub use inputs::Inputs;
pub use secret::SecretSource;
pub use shard::{MAX_SHARDS, NoShard, Shard};
pub use source::Source;
pub use watch::Watcher;

use crate::yaml::Fault;
use polyv_client::Credentials;

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
    pub others: usize,
    /// What is valid and perhaps not meant.
    pub warnings: Vec<Fault>,
}

/// The section `api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Where Polyv is.
    pub base_url: Url,
    /// How long a call may take in all.
    pub timeout: Duration,
    /// At most so many calls in any window…
    pub requests: usize,
    /// … of this length,
    pub per: Duration,
    /// by so many shards that call from one address; `None` is all of them,
    pub shards_per_ip: Option<u32>,
    /// and so many at the same time.
    pub max_in_flight: usize,
}

/// The section `poll`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// How often a live channel is asked, where the channel has no interval of its own.
    pub live_interval: Duration,
    /// How often any other channel is asked.
    pub idle_interval: Duration,
    /// How channels that are not live are asked whether they are.
    pub status: StatusCall,
    /// How much history the first question asks for.
    pub lookback: Duration,
    /// A stream that has brought no new sample for so long is no longer exposed.
    pub stale_after: Duration,
    /// Nor is one whose newest sample is older than this by its own time.
    pub max_sample_age: Duration,
    /// What the minima look back over.
    pub window: Duration,
    /// What the maxima look back over.
    pub sustain: Duration,
    /// The zone of sample times that carry none.
    pub time_zone: FixedOffset,
}

/// How channels that are not live are asked whether they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusCall {
    /// Up to 200 in one call, by their status.
    #[default]
    Batch,
    /// Each by itself, by its stream.
    Single,
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
    pub watched: Vec<PathBuf>,
    /// Which more of its channels are found by asking Polyv.
    pub discover: Option<Discover>,
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
    fn keep(mut self, shard: Shard) -> Self {
        let all = self.channel_count();
        for account in &mut self.accounts {
            account.channels.retain(|channel| shard.owns(&channel.id));
        }
        self.others = all - self.channel_count();
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

// === defaults ===

impl Default for Api {
    fn default() -> Self {
        Self {
            base_url: sections::default_base_url(),
            timeout: Duration::from_secs(15),
            requests: 1000,
            per: Duration::from_secs(10),
            shards_per_ip: None,
            max_in_flight: 128,
        }
    }
}

impl Default for Poll {
    fn default() -> Self {
        Self {
            live_interval: Duration::from_secs(15),
            idle_interval: Duration::from_secs(30),
            status: StatusCall::default(),
            lookback: Duration::from_secs(35 * 60),
            stale_after: Duration::from_secs(2 * 60),
            max_sample_age: Duration::from_secs(15 * 60),
            window: Duration::from_secs(90),
            sustain: Duration::from_secs(30),
            time_zone: sections::beijing(),
        }
    }
}
