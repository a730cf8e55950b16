//! How long things count.

use std::time::Duration;

/// What all channels go by: the configuration's `poll` section, as far as it is about truth
/// and not about asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreshnessPolicy {
    /// How much history the first next_query_range asks for.
    pub lookback: Duration,
    /// How often a channel is asked that is not live.
    pub idle_interval: Duration,
    /// A stream without a new sample, and a channel without an answer, is no longer known
    /// after so long (or three of the channel's intervals, where that is longer).
    pub stale_after: Duration,
    /// A stream whose newest sample is older than this is not shown.
    pub max_sample_age: Duration,
    /// What the minima look back over.
    pub window: Duration,
    /// What the maxima look back over.
    pub sustain: Duration,
    /// In what steps a channel's history is kept, where it has one stream
    /// ([`history_bucket_width`](super::history_bucket_width)).
    pub history_bucket_width: Duration,
}

/// How far intervals are stretched at present: present over configured, 1 or more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IntervalScale {
    /// All of them.
    pub all: f64,
    /// Those of channels that are not live: as much, or more where they are asked each by itself
    /// with the calls that are left.
    pub idle: f64,
}

// === impl IntervalScale ===

impl IntervalScale {
    /// As configured.
    pub const NONE: Self = Self {
        all: 1.0,
        idle: 1.0,
    };

    /// The more patient of both.
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
    /// How long silence is borne from a channel that is asked every `interval`, which is
    /// stretched by `scale` at present.
    #[must_use]
    pub fn staleness_timeout(&self, interval: Duration, scale: f64) -> Duration {
        self.stale_after.max(interval.mul_f64(3.0 * scale.max(1.0)))
    }
}
