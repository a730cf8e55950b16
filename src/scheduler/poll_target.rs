//! A channel as the poller knows it.

use std::sync::Arc;
use std::time::Duration;

use super::batch_endpoint::BatchEndpoint;
use super::schedule::{PollSchedule, next_slot};
use super::virtual_clock::VirtualInstant;
use crate::config;
use crate::state::{ChannelKey, NextRange, SourceChoice, TENCENT_CHECK_INTERVAL};
use polyv_client::clock::MonotonicInstant;

/// Consecutive failures of a live channel's stream information before its status is used instead.
const LIVE_STREAM_FAILURE_TOLERANCE: u32 = 3;

/// A channel that was live within this time may have been interrupted and comes back soon.
const RECENTLY_LIVE: Duration = Duration::from_secs(3600);

/// The fractional part of the golden ratio. Its multiples modulo 1 are evenly spread, however many
/// there are, and adding one moves none: they are the phases of channels.
const GOLDEN_RATIO: f64 = 0.618_033_988_749_894_9;

/// A channel, and when it is polled for what.
///
/// A live channel is polled for its stream information, any other one for its status, in batches.
/// Where batch status is unavailable every channel is polled for its stream information, and where
/// that fails for both.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts, not the states of one machine
pub(super) struct PollTarget {
    /// Its configuration. A discovered channel has defaults, and the name that Polyv lists.
    pub(super) channel: Arc<config::Channel>,
    pub(super) source: ChannelSource,
    /// The offset of its polls as a share of the interval, below 1.
    phase: f64,
    /// How often its stream information is polled.
    pub(super) interval: PollInterval,
    /// When its stream information is polled, if it is.
    pub(super) stream: Option<PollSchedule>,
    /// When its status is polled, if it is.
    pub(super) status: Option<VirtualInstant>,
    pub(super) stream_in_flight: bool,
    pub(super) status_in_flight: bool,
    /// Whether a back-off of its stream information is for a failure that may turn out to be shared.
    pub(super) backoff_may_be_shared: bool,
    /// When its stream information last said that it is not live.
    pub(super) last_not_live_at: Option<VirtualInstant>,
    /// Whether its last response said that it is live.
    pub(super) live: bool,
    /// When a response last said that it is live.
    pub(super) last_live_at: Option<MonotonicInstant>,
    /// Whether it had a response or a failed poll yet.
    pub(super) polled: bool,
    /// Whether a poll was repeated at once to correct the server clock.
    pub(super) clock_retried: bool,
    /// The samples to request next.
    pub(super) next_range: NextRange,
    /// Whether it was expected to be live at its last update, by its plan for example.
    pub(super) expected_live: bool,
    /// Where its samples come from.
    pub(super) sources: SourceChoice,
    /// Whether it is live and calls of another source than the Tencent call are made about it: they
    /// say as well whether it is live, so its stream information need not be polled.
    pub(super) has_other_source: bool,
    /// Boxed, since few channels have one.
    pub(super) failure: Option<Box<LoggedFailure>>,
    /// Whether ignored values were logged.
    pub(super) discard_logged: bool,
}

/// How often a channel's stream information is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PollInterval {
    /// At this interval.
    Guaranteed(Duration),
    /// At this interval, as far as the guaranteed polls leave calls for it.
    BestEffort(Duration),
}

/// Where a channel comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChannelSource {
    /// The configuration names it.
    Configured,
    /// Polyv listed it.
    Discovered {
        /// The newest complete list that contains it.
        generation: u64,
    },
}

/// Consecutive failures of a channel, for the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoggedFailure {
    pub(super) since: MonotonicInstant,
    pub(super) failures: u64,
    pub(super) logged: bool,
}

// === impl PollInterval ===

impl PollInterval {
    pub(super) const fn duration(self) -> Duration {
        match self {
            Self::Guaranteed(interval) | Self::BestEffort(interval) => interval,
        }
    }
}

// === impl PollTarget ===

impl PollTarget {
    /// Creates a channel for which nothing is scheduled yet.
    pub(super) fn new(
        key: ChannelKey,
        channel: Arc<config::Channel>,
        source: ChannelSource,
    ) -> Self {
        #[allow(clippy::cast_precision_loss)] // far fewer channels are ever inserted
        let index = key.index() as f64;
        Self {
            channel,
            source,
            phase: (index * GOLDEN_RATIO).fract(),
            interval: PollInterval::Guaranteed(Duration::ZERO),
            stream: None,
            status: None,
            stream_in_flight: false,
            status_in_flight: false,
            backoff_may_be_shared: false,
            last_not_live_at: None,
            live: false,
            last_live_at: None,
            polled: false,
            clock_retried: false,
            next_range: NextRange::default(),
            expected_live: false,
            sources: SourceChoice::default(),
            has_other_source: false,
            failure: None,
            discard_logged: false,
        }
    }

    /// Returns whether its stream information is always polled and overrules its status, since the
    /// channel is expected to be live.
    pub(super) fn overrules_status(&self) -> bool {
        self.channel.expect.live || self.expected_live
    }

    /// Records whether a response says that it is live.
    pub(super) fn set_live(&mut self, live: bool, now: MonotonicInstant) {
        self.live = live;
        if live {
            self.last_live_at = Some(now);
        }
    }

    /// Schedules its stream information.
    pub(super) fn schedule_stream(&mut self, now: VirtualInstant, interval: PollInterval) {
        self.interval = interval;
        self.stream_in_flight = false;
        self.stream = Some(PollSchedule::new(self.phase, now, interval.duration()));
    }

    /// Returns whether it is live, or was within the last hour.
    pub(super) fn is_recently_live(&self, now: MonotonicInstant) -> bool {
        let is_recent = |at| now.since(at) < RECENTLY_LIVE;
        self.live || self.last_live_at.is_some_and(is_recent)
    }

    /// Returns how often its stream information is polled. If that is a fallback for batch
    /// status, channels come first that are recently live or expected to be live.
    pub(super) fn poll_interval(
        &self,
        idle_interval: Duration,
        batch_status: &BatchEndpoint,
        now: MonotonicInstant,
    ) -> PollInterval {
        let is_guaranteed = self.overrules_status() || !batch_status.is_enabled();
        if self.live {
            let interval = self.channel.live_interval;
            // Otherwise best-effort calls are those of a fallback, and may be slow.
            let is_check = self.sources.only_checks_tencent && batch_status.is_available();
            if is_check && !is_guaranteed {
                PollInterval::BestEffort(interval.max(TENCENT_CHECK_INTERVAL))
            } else {
                PollInterval::Guaranteed(interval)
            }
        } else if is_guaranteed || self.is_recently_live(now) {
            PollInterval::Guaranteed(idle_interval)
        } else {
            PollInterval::BestEffort(idle_interval)
        }
    }

    /// Returns its next slot at an interval.
    pub(super) fn next_slot(&self, now: VirtualInstant, interval: Duration) -> VirtualInstant {
        next_slot(self.phase, now, interval)
    }

    /// Returns whether its status says if it is live. Its stream information does while it is
    /// polled and succeeds; a live channel's may fail a few times.
    pub(super) fn status_is_authoritative(&self) -> bool {
        let tolerated = if self.live {
            LIVE_STREAM_FAILURE_TOLERANCE
        } else {
            1
        };
        let stream_fails = |schedule: PollSchedule| schedule.failures() >= tolerated;
        !self.overrules_status() && self.stream.is_none_or(stream_fails)
    }

    /// Returns whether its stream information said that it is not live so recently that its
    /// status may be older.
    pub(super) fn was_recently_not_live(
        &self,
        now: VirtualInstant,
        idle_interval: Duration,
    ) -> bool {
        self.last_not_live_at
            .is_some_and(|at| now.since(at) < idle_interval / 2)
    }
}

/// Returns the configuration of a discovered channel.
pub(super) fn discovered_channel(
    id: &Arc<str>,
    name: &str,
    live_interval: Duration,
) -> Arc<config::Channel> {
    Arc::new(config::Channel {
        name: name.into(),
        ..config::Channel::new(Arc::clone(id), live_interval)
    })
}
