//! The domain: what is known of channels, and how responses and time change it.
//!
//! Pure: no I/O and no async, and time is an argument. The monotonic clock says how long
//! something lasts, and the server's how old a sample is, so that tests play any history, and
//! steps of the host's clock never change what is known.
//!
//! The [`ChannelStore`] owns all channels: their states, metadata, expiry and transitions.
//! Applying a response returns a [`ChannelUpdate`]: the new samples, the transitions, and what
//! the scheduler needs for its next request. The scheduler hands every update to each
//! [`UpdateSubscriber`]: the renderer of [metrics](crate::metrics) is one, and whatever else
//! keeps samples takes the same updates there. Readers get [snapshots](ChannelSnapshot).
//!
//! The state of a [channel] consists of its [liveness] and its [streams](stream). The samples of a
//! response are [validated](sample_validation) first; the streams take what is left in any
//! order and any number of times: a sample is identified by its stream and its time. For people
//! there are also its [health issues](ChannelState::health_issues), the
//! [last polls](ChannelState::poll_log), and half an hour of
//! [history](ChannelState::histories).

mod baseline;
mod baseline_course;
mod channel;
mod channel_entry;
mod channel_key;
mod channel_meta;
mod channel_plan;
mod channel_samples;
mod channel_source;
mod freshness;
mod health;
mod history;
mod ingest_nodes;
mod likely_cause;
mod liveness;
mod low_bitrate;
mod past_samples;
mod poll_log;
mod push;
mod requested_samples;
mod sample_validation;
mod sample_values;
mod sample_window;
mod snapshot;
mod source;
mod status_counts;
mod store;
mod store_inner;
mod stream;
#[cfg(test)]
mod tests;
mod transition;
mod update;
mod viewers;

pub use baseline_course::{BaselinePoint, baseline_course};
pub use channel_key::ChannelKey;
pub use channel_meta::{ChannelMeta, Exposure};
pub use freshness::{FreshnessPolicy, IntervalScale};
pub use health::{HealthIssue, HealthIssueKind, Severity};
pub use history::{HISTORY_SPAN, HistoryPoint, StreamHistory};
pub use likely_cause::{LikelyCause, UsualRates, likely_cause, likely_cause_of_silence};
pub use liveness::LiveState;
pub use past_samples::past_samples;
pub use push::Push;
pub use requested_samples::requested_samples;
pub use sample_validation::{DiscardCounts, DiscardReason};
pub use sample_values::{Measurement, SampleValues};
pub use snapshot::{ChannelDetail, ChannelSnapshot, PollLogView};
pub use source::{SourceChoice, SourceReason, StreamSource, TENCENT_CHECK_INTERVAL};
pub use status_counts::{StatusCounts, StatusLabel};
pub use store::{ChangedChannels, ChannelStore};
pub use stream::{StreamAggregates, StreamSnapshot};
pub use transition::StateTransition;
pub use update::{
    ChannelActivity, ChannelUpdate, CorrectedSample, MissingSamples, NewSample, NextRange,
    RequestedSamples, UpdateSubscriber,
};
