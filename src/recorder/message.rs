//! What the writer is to record.

use std::sync::mpsc::SyncSender;

use super::log::Lane;
use super::recording::{Period, PlannedBroadcast, ViewerCount};
use crate::state::{ChannelKey, ChannelMeta, LiveState, SampleValues};
use polyv_client::clock::Timestamp;
use polyv_client::{Outcome, StreamName};

/// What the writer is to do.
pub(super) enum Message {
    /// What a response, or time, changed of a channel.
    Observation(Box<Observation>),
    /// Channels of which nothing was heard for too long.
    Expired(Vec<(ChannelKey, Timestamp)>),
    /// Samples that were missing.
    Fill(Box<Fill>),
    /// Samples that are missing could not be received.
    NotFilled(ChannelKey, Outcome),
    /// How many people are watching a channel.
    Viewers(ChannelMeta, ViewerCount),
    /// Up to which entry of the log a remote write has sent all.
    Position(String, Lane, i64),
    /// Write everything that was sent before, and confirm.
    Flush(SyncSender<()>),
}

/// What a response showed of a channel.
pub(super) struct Observation {
    pub(super) key: ChannelKey,
    pub(super) meta: ChannelMeta,
    /// When the response was applied.
    pub(super) time: Timestamp,
    /// Whether the channel is live, if the response says so.
    pub(super) state: Option<LiveState>,
    /// Changes of the channel's state, oldest first.
    pub(super) transitions: Vec<(Timestamp, LiveState)>,
    pub(super) samples: Vec<ObservedSample>,
    /// The planned broadcast that is running or comes next.
    pub(super) planned: Option<PlannedBroadcast>,
    /// From when on the response contained all samples.
    pub(super) received_since: Option<Timestamp>,
}

/// A sample of a response.
pub(super) struct ObservedSample {
    pub(super) stream: StreamName,
    pub(super) time: Timestamp,
    pub(super) values: SampleValues,
    pub(super) lane: Lane,
}

/// The samples of a period that was missing.
pub(super) struct Fill {
    pub(super) key: ChannelKey,
    pub(super) samples: Vec<ObservedSample>,
    /// The period of the samples.
    pub(super) period: Period,
    /// Whether these are all: none of the response was unreadable.
    pub(super) is_complete: bool,
}

// === impl Observation ===

impl Observation {
    /// The time of the newest sample.
    pub(super) fn newest_sample(&self) -> Option<Timestamp> {
        self.samples.iter().map(|sample| sample.time).max()
    }
}
