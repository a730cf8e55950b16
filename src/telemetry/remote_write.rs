//! The metrics of remote write.

use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGaugeVec, Registry};

use super::registration::{counter_vec, gauge_vec, int_gauge_vec};
use crate::metrics::families as c;
use polyv_client::clock::Timestamp;

/// Why a sample was dropped: the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// The endpoint refused the single sample.
    Refused,
    /// The endpoint refused too many single samples of the same request.
    Abandoned,
    /// The recorder did not keep the sample until it could be sent.
    Expired,
}

/// The metrics of all endpoints. Clones share them.
#[derive(Debug, Clone)]
pub struct RemoteWriteMetrics {
    samples: IntCounterVec,
    dropped: IntCounterVec,
    failures: IntCounterVec,
    position: GaugeVec,
    pending: IntGaugeVec,
}

/// The metrics of one endpoint.
#[derive(Debug, Clone)]
pub struct EndpointMetrics {
    name: String,
    samples: IntCounter,
    refused: IntCounter,
    abandoned: IntCounter,
    expired: IntCounter,
    failures: IntCounter,
    position: GaugeVec,
    pending: IntGaugeVec,
}

// === impl DropReason ===

impl DropReason {
    const ALL: [Self; 3] = [Self::Refused, Self::Abandoned, Self::Expired];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Abandoned => "abandoned",
            Self::Expired => "expired",
        }
    }
}

// === impl RemoteWriteMetrics ===

impl RemoteWriteMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            samples: counter_vec(registry, &c::REMOTE_WRITE_SAMPLES)?,
            dropped: counter_vec(registry, &c::REMOTE_WRITE_DROPPED)?,
            failures: counter_vec(registry, &c::REMOTE_WRITE_FAILURES)?,
            position: gauge_vec(registry, &c::REMOTE_WRITE_POSITION)?,
            pending: int_gauge_vec(registry, &c::REMOTE_WRITE_PENDING)?,
        })
    }

    /// Begins an endpoint: all its counters exist. One that was there goes on.
    #[must_use]
    pub fn init_endpoint(&self, name: &str) -> EndpointMetrics {
        let dropped = |reason: DropReason| {
            let labels = [name, reason.as_str()];
            self.dropped.with_label_values(&labels)
        };
        EndpointMetrics {
            name: name.to_owned(),
            samples: self.samples.with_label_values(&[name]),
            refused: dropped(DropReason::Refused),
            abandoned: dropped(DropReason::Abandoned),
            expired: dropped(DropReason::Expired),
            failures: self.failures.with_label_values(&[name]),
            // Not there until they are known.
            position: self.position.clone(),
            pending: self.pending.clone(),
        }
    }

    /// Ends an endpoint that left the configuration.
    pub fn remove_endpoint(&self, name: &str) {
        // The only error is that there is nothing to remove.
        _ = self.samples.remove_label_values(&[name]);
        for reason in DropReason::ALL {
            _ = self.dropped.remove_label_values(&[name, reason.as_str()]);
        }
        _ = self.failures.remove_label_values(&[name]);
        _ = self.position.remove_label_values(&[name]);
        _ = self.pending.remove_label_values(&[name]);
    }
}

// === impl EndpointMetrics ===

impl EndpointMetrics {
    /// Counts samples that the endpoint accepted.
    pub fn count_samples(&self, count: usize) {
        self.samples.inc_by(to_u64(count));
    }

    /// Counts samples that were dropped.
    pub fn count_dropped(&self, reason: DropReason, count: usize) {
        let counter = match reason {
            DropReason::Refused => &self.refused,
            DropReason::Abandoned => &self.abandoned,
            DropReason::Expired => &self.expired,
        };
        counter.inc_by(to_u64(count));
    }

    /// Counts a request that failed and is repeated.
    pub fn count_failure(&self) {
        self.failures.inc();
    }

    /// Sets until when everything that was recorded was sent or dropped.
    pub fn set_position(&self, until: Timestamp) {
        let position = self.position.with_label_values(&[&self.name]);
        position.set(until.as_seconds());
    }

    /// Sets how many samples wait.
    pub fn set_pending(&self, count: i64) {
        self.pending.with_label_values(&[&self.name]).set(count);
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
