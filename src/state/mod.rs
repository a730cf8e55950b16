//! What is known of one channel, and how an answer changes it.
//!
//! Pure: no clock, no I/O, no async. Time comes in as an argument — the monotonic clock says
//! how long something lasts, Polyv's how old a sample is — so that any history can be played
//! in a test, and steps of the host's clock can't change what is known.
//!
//! A [`ChannelState`] consists of its [state](Liveness) and its [streams](Stream). An answer's
//! samples are [screened](screening) first; what is left goes to the streams, where order,
//! repetition and lateness mean nothing: a sample *is* its stream and its time.
//!
//! For people there are also its [health issues](ChannelState::health_issues), how the
//! [last polls](ChannelState::answers) ended, and half an hour of [history](ChannelState::histories).

mod baseline;
mod channel;
mod channel_key;
mod channel_meta;
mod digits;
mod freshness;
mod health;
mod history;
mod liveness;
mod points;
mod poll_log;
mod sample_validation;
mod series;
mod snapshot;
mod status_counts;
mod steps;
mod store;
mod store_inner;
mod stream;
#[cfg(test)]
mod tests;
mod times;
mod transition;
mod update;

pub use channel::{ChannelState, UpdateSummary};
pub use channel_key::ChannelKey;
pub use channel_meta::{ChannelMeta, Exposure};
pub use freshness::{FreshnessPolicy, IntervalScale};
pub use health::{HealthIssue, HealthIssueKind, Severity};
pub use history::{HISTORY_SPAN, HistoryPoint, history_bucket_width};
pub use liveness::{LiveState, Liveness};
pub use poll_log::PollLogEntry;
pub use sample_validation::{DiscardCounts, DiscardReason};
pub use series::Measurement;
pub use snapshot::{ChannelDetail, ChannelSnapshot, PollLogView, StreamHistory, StreamSnapshot};
pub use status_counts::{StatusCounts, StatusLabel};
pub use store::{ChangedChannels, ChannelStore};
pub use stream::{SampleValues, Stream, StreamAggregates};
pub use transition::StateTransition;
pub use update::{ChannelActivity, ChannelUpdate, NewSample, NextRange, UpdateSubscriber};

/// At most so many streams of a channel are told apart.
pub const MAX_STREAMS: usize = 8;
