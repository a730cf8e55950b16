//! How long responses and samples are fresh.

use std::time::Duration;

use crate::config::Sources;

/// The settings of the configuration's `poll` section that all channels share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreshnessPolicy {
    /// The history that a channel's first query requests.
    pub lookback: Duration,
    /// The poll interval of channels that are not live.
    pub idle_interval: Duration,
    /// How long a stream stays fresh without a new sample, and a channel without a response (or
    /// three of the channel's intervals, where that is longer).
    pub stale_after: Duration,
    /// The age of the newest sample beyond which a stream is stale.
    pub max_sample_age: Duration,
    /// The span of the minima.
    pub window: Duration,
    /// The span of the maxima.
    pub sustain: Duration,
    /// Where samples come from.
    pub sources: Sources,
}

/// The ratio of present to configured poll intervals, 1 or more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IntervalScale {
    /// The ratio for all channels.
    pub all: f64,
    /// The ratio for channels that are not live: higher where they are polled individually with
    /// the calls that are left.
    pub idle: f64,
}

// === impl IntervalScale ===

impl IntervalScale {
    /// Intervals as configured.
    pub const NONE: Self = Self {
        all: 1.0,
        idle: 1.0,
    };

    /// The larger of both, ratio by ratio.
    #[must_use]
    pub const fn max(self, other: Self) -> Self {
        Self {
            all: self.all.max(other.all),
            idle: self.idle.max(other.idle),
        }
    }
}

impl Default for IntervalScale {
    fn default() -> Self {
        Self::NONE
    }
}

// === impl FreshnessPolicy ===

impl FreshnessPolicy {
    /// How long a channel that is polled every `interval` times `scale` stays fresh without a
    /// response.
    #[must_use]
    pub fn staleness_timeout(&self, interval: Duration, scale: f64) -> Duration {
        self.stale_after.max(interval.mul_f64(3.0 * scale.max(1.0)))
    }
}
