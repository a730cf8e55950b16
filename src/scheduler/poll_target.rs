//! A channel as the poller needs to know it.

use std::sync::Arc;
use std::time::Duration;

use super::schedule::{PollSchedule, next_slot};
use super::virtual_clock::VirtualInstant;
use crate::state::{ChannelActivity, LiveState, NextRange};
use polyv_client::clock::MonotonicInstant;

/// A channel that is target, and when it is asked what.
///
/// A channel that is live is asked for its stream, one that is not for its status, in bulk with
/// others. Where that is not to be had it is asked for its stream all the same; and one whose
/// stream can't be had is asked for both.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub(super) struct PollTarget {
    pub(super) id: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) source: ChannelSource,
    /// Which part of an interval its instants lie behind the beginning of one, below 1.
    phase: f64,
    /// How often it is asked for its stream, where it is.
    pub(super) every: PollInterval,
    /// When it is asked for its stream, if it is.
    pub(super) stream: Option<PollSchedule>,
    /// When it is asked for its status, if it is.
    pub(super) status: Option<VirtualInstant>,
    /// Whether it is always asked for its stream: it is expected to be live, and what its
    /// stream says comes first.
    pub(super) always_poll_stream: bool,
    /// That Polyv does not tell its status.
    pub(super) alone: Option<BatchExclusion>,
    /// Whether the last answer left it out.
    pub(super) missing_from_last_batch: bool,
    /// When its stream last said that it is not live.
    pub(super) last_not_live_at: Option<VirtualInstant>,
    /// Whether its stream said last that it is live.
    pub(super) live: bool,
    /// How active the channel is, as its last update says.
    pub(super) activity: ChannelActivity,
    /// The samples to request next.
    pub(super) next_range: NextRange,
    pub(super) polled: bool,
    /// Whether it was asked again because Polyv found our clock wrong.
    pub(super) clock_retried: bool,
    /// Few have any.
    pub(super) failure: Option<Box<LoggedFailure>>,
    /// Whether it was logged that parts of its answers make no sense.
    pub(super) discard_logged: bool,
}

/// How often a channel is asked for its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PollInterval {
    /// At this interval.
    Fixed(Duration),
    /// As often as channels are that are not live, as far as others leave calls for that.
    Idle,
}

/// How soon something new may be heard of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PollPriority {
    /// It is live, and to be asked at this interval.
    Live(Duration),
    /// It was live within the last hour, and may have broken off for a moment.
    Recent,
    /// It is one of the many others.
    None,
}

/// How a channel came to be target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChannelSource {
    /// The configuration names it.
    Configured,
    /// Polyv listed it, last in this generation.
    Discovered {
        /// The number of the listing.
        generation: u64,
    },
}

/// A channel whose status Polyv does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchExclusion {
    /// Until then it is not asked for.
    pub(super) until: MonotonicInstant,
    /// Whether calls are refused for its sake; else it is only left out.
    pub(super) refused: bool,
}

/// How often in a row a live channel's stream has to fail until its status is authoritative instead.
const LIVE_STREAM_FAILURE_TOLERANCE: u32 = 3;

/// A channel's failures in a row, for the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoggedFailure {
    pub(super) since: MonotonicInstant,
    pub(super) failures: u64,
    /// Whether its beginning was logged.
    pub(super) logged: bool,
}

// === impl PollPriority ===

impl PollPriority {
    pub(super) fn new(activity: &ChannelActivity, now: MonotonicInstant) -> Self {
        match activity.state {
            LiveState::Live => Self::Live(activity.live_interval),
            _ if activity.was_recently_live(now) => Self::Recent,
            _ => Self::None,
        }
    }
}

// === impl PollTarget ===

impl PollTarget {
    /// A channel that was not asked yet, and is not to be asked anything so far.
    pub(super) fn new(
        id: Arc<str>,
        name: Arc<str>,
        source: ChannelSource,
        phase: f64,
        always_poll_stream: bool,
        live_interval: Duration,
    ) -> Self {
        Self {
            id,
            name,
            source,
            phase,
            every: PollInterval::Idle,
            stream: None,
            status: None,
            always_poll_stream,
            alone: None,
            missing_from_last_batch: false,
            last_not_live_at: None,
            live: false,
            activity: ChannelActivity::unknown(live_interval),
            next_range: NextRange::default(),
            polled: false,
            clock_retried: false,
            failure: None,
            discard_logged: false,
        }
    }

    /// A plan for its stream, from now on.
    pub(super) fn new_schedule(&self, now: VirtualInstant, interval: Duration) -> PollSchedule {
        PollSchedule::new(self.phase, now, interval)
    }

    /// The next of its instants at that interval.
    pub(super) fn next_slot(&self, now: VirtualInstant, interval: Duration) -> VirtualInstant {
        next_slot(self.phase, now, interval)
    }

    /// Whether its status says whether it is live: its stream does where it is asked for that
    /// and answers, and of a live one for a few failures more.
    pub(super) fn status_is_authoritative(&self) -> bool {
        let borne = if self.live {
            LIVE_STREAM_FAILURE_TOLERANCE
        } else {
            1
        };
        !self.always_poll_stream
            && self
                .stream
                .is_none_or(|schedule| schedule.failures() >= borne)
    }

    /// Whether its stream said that it is not live so lately that its status says nothing new.
    pub(super) fn was_recently_not_live(
        &self,
        now: VirtualInstant,
        idle_interval: Duration,
    ) -> bool {
        self.last_not_live_at
            .is_some_and(|denied| now.since(denied) < idle_interval / 2)
    }
}
