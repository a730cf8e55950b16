//! A channel as the poller needs to know it.

use std::sync::Arc;
use std::time::Duration;

use super::plan::{Plan, slot};
use super::timeline::Planned;
use crate::state::Channel;
use polyv_client::clock::{Moment, Now};

/// A channel that is watched, and when it is asked what.
///
/// A channel that is live is asked for its stream, one that is not for its status, in bulk with
/// others. Where that is not to be had it is asked for its stream all the same; and one whose
/// stream can't be had is asked for both.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub(super) struct Watched {
    pub(super) id: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) origin: Origin,
    /// Which part of an interval its instants lie behind the beginning of one, below 1.
    phase: f64,
    /// How often it is asked for its stream, where it is.
    pub(super) every: Every,
    /// When it is asked for its stream, if it is.
    pub(super) stream: Option<Plan>,
    /// When it is asked for its status, if it is.
    pub(super) status: Option<Planned>,
    /// Whether it is always asked for its stream: it is expected to be live, and what its
    /// stream says comes first.
    pub(super) steadfast: bool,
    /// That Polyv does not tell its status.
    pub(super) alone: Option<Alone>,
    /// Whether the last answer left it out.
    pub(super) left_out: bool,
    /// When its stream last said that it is not live.
    pub(super) denied: Option<Planned>,
    /// Whether its stream said last that it is live.
    pub(super) live: bool,
    pub(super) asked: bool,
    /// Whether it was asked again because Polyv found our clock wrong.
    pub(super) clock_retried: bool,
    /// Few have any.
    pub(super) trouble: Option<Box<Trouble>>,
    /// Whether it was logged that parts of its answers make no sense.
    pub(super) told_discarded: bool,
}

/// How often a channel is asked for its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Every {
    /// At this interval.
    Fixed(Duration),
    /// As often as channels are that are not live, as far as others leave calls for that.
    Idle,
}

/// How soon something new may be heard of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// It is live, and to be asked at this interval.
    Live(Duration),
    /// It was live within the last hour, and may have broken off for a moment.
    Recent,
    /// It is one of the many others.
    None,
}

/// How a channel came to be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The configuration names it.
    Configured,
    /// Polyv listed it, last in that round.
    Listed {
        /// The number of the round.
        round: u64,
    },
}

/// A channel whose status Polyv does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alone {
    /// Until then it is not asked for.
    pub(super) until: Moment,
    /// Whether calls are refused for its sake; else it is only left out.
    pub(super) refused: bool,
}

/// How often in a row a live channel's stream has to fail until its status is heeded instead.
const STREAM_FAILURES: u32 = 3;

/// A channel's failures in a row, for the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trouble {
    pub(super) since: Moment,
    pub(super) failures: u64,
    /// Whether its beginning was logged.
    pub(super) told: bool,
}

// === impl Interest ===

impl Interest {
    pub(super) fn of(channel: &Channel, now: Now) -> Self {
        match channel.interval_if_live() {
            Some(interval) => Self::Live(interval),
            None if channel.is_of_interest(now) => Self::Recent,
            None => Self::None,
        }
    }
}

// === impl Watched ===

impl Watched {
    /// A channel that was not asked yet, and is not to be asked anything so far.
    pub(super) fn new(
        id: Arc<str>,
        name: Arc<str>,
        origin: Origin,
        phase: f64,
        steadfast: bool,
    ) -> Self {
        Self {
            id,
            name,
            origin,
            phase,
            every: Every::Idle,
            stream: None,
            status: None,
            steadfast,
            alone: None,
            left_out: false,
            denied: None,
            live: false,
            asked: false,
            clock_retried: false,
            trouble: None,
            told_discarded: false,
        }
    }

    /// A plan for its stream, from now on.
    pub(super) fn new_plan(&self, now: Planned, interval: Duration) -> Plan {
        Plan::new(self.phase, now, interval)
    }

    /// The next of its instants at that interval.
    pub(super) fn slot(&self, now: Planned, interval: Duration) -> Planned {
        slot(self.phase, now, interval)
    }

    /// Whether its status says whether it is live: its stream does where it is asked for that
    /// and answers, and of a live one for a few failures more.
    pub(super) fn heeds_status(&self) -> bool {
        let borne = if self.live { STREAM_FAILURES } else { 1 };
        !self.steadfast && self.stream.is_none_or(|plan| plan.failures() >= borne)
    }

    /// Whether its stream said that it is not live so lately that its status says nothing new.
    pub(super) fn was_denied(&self, now: Planned, idle_interval: Duration) -> bool {
        self.denied
            .is_some_and(|denied| now.since(denied) < idle_interval / 2)
    }
}
