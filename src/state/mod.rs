//! The domain: states of channels, and how responses change them.
//!
//! Pure: no clock, no I/O, no async. Time comes in as an argument — the monotonic clock says
//! how long something lasts, Polyv's how old a sample is — so that any history can be played
//! in a test, and steps of the host's clock can't change what is known.
//!
//! A [`ChannelState`] consists of its [`Liveness`] and its [streams](Stream). The samples of a
//! response are validated first; valid ones go to their streams, where order, repetition and
//! lateness make no difference: a sample is identified by its stream and its time.
//!
//! For people there are also its [health issues](ChannelState::health_issues), the outcomes of
//! the [last polls](ChannelState::poll_log), and half an hour of
//! [history](ChannelState::histories).

mod baseline;
mod channel;
mod channel_key;
mod channel_meta;
mod freshness;
mod health;
mod history;
mod liveness;
mod poll_log;
mod sample_validation;
mod sample_values;
mod sample_window;
mod snapshot;
mod status_counts;
mod store;
mod store_inner;
mod stream;
#[cfg(test)]
mod tests;
mod transition;
mod update;

pub use channel::{ChannelState, UpdateSummary};
pub use channel_key::ChannelKey;
pub use channel_meta::{ChannelMeta, Exposure};
pub use freshness::{FreshnessPolicy, IntervalScale};
pub use health::{HealthIssue, HealthIssueKind, Severity};
pub use history::{HISTORY_BUCKET, HISTORY_SPAN, HistoryPoint};
pub use liveness::{LiveState, Liveness};
pub use poll_log::PollLogEntry;
pub use sample_validation::{DiscardCounts, DiscardReason};
pub use sample_values::{Measurement, SampleValues};
pub use snapshot::{ChannelDetail, ChannelSnapshot, PollLogView, StreamHistory, StreamSnapshot};
pub use status_counts::{StatusCounts, StatusLabel};
pub use store::{ChangedChannels, ChannelStore};
pub use stream::{Stream, StreamAggregates};
pub use transition::StateTransition;
pub use update::{ChannelActivity, ChannelUpdate, NewSample, NextRange, UpdateSubscriber};

/// The number of streams of a channel that are told apart.
pub const MAX_STREAMS: usize = 8;
