//! What is known of one channel, and how an answer changes it.
//!
//! Pure: no clock, no I/O, no async. Time comes in as an argument — the monotonic clock says
//! how long something lasts, Polyv's how old a sample is — so that any history can be played
//! in a test, and steps of the host's clock can't change what is known.
//!
//! A [`Channel`] consists of its [state](Presence) and its [streams](Stream). An answer's
//! samples are [screened](screening) first; what is left goes to the streams, where order,
//! repetition and lateness mean nothing: a sample *is* its stream and its time.
//!
//! For people there are also its [problems](Channel::problems), how the
//! [last polls](Channel::answers) ended, and half an hour of [history](Channel::histories).

mod answers;
mod baseline;
mod channel_key;
mod channel_meta;
mod digits;
mod history;
mod points;
mod presence;
mod problem;
mod record;
mod rules;
mod screening;
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

pub use answers::Run;
pub use channel_key::ChannelKey;
pub use channel_meta::{ChannelMeta, Exposure};
pub use history::{HISTORY, Lowest, history_step};
pub use presence::{Presence, State};
pub use problem::{Problem, ProblemKind, Severity};
pub use record::{Channel, Digest};
pub use rules::{Rules, Stretch};
pub use screening::{DiscardReason, Discarded};
pub use series::Reading;
pub use snapshot::{ChannelDetail, ChannelSnapshot, PollLogView, StreamHistory, StreamSnapshot};
pub use status_counts::{StatusCounts, StatusLabel};
pub use store::{ChangedChannels, ChannelStore};
pub use stream::{Figures, Stream, Values};
pub use transition::StateTransition;

/// At most so many streams of a channel are told apart.
pub const MAX_STREAMS: usize = 8;
