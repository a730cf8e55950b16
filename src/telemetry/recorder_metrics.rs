//! The recorder's metrics. They are there only if a recorder is configured.

use prometheus::{GaugeVec, IntCounter, IntGauge, Registry};

use super::registration::{gauge_vec, int_counter, int_gauge};
use crate::metrics::families as c;
use polyv_client::clock::Timestamp;

/// The recorder's metrics. Clones share them.
#[derive(Clone)]
pub struct RecorderMetrics {
    samples: IntCounter,
    filled_samples: IntCounter,
    errors: IntCounter,
    size: IntGauge,
    /// Without a value while there is no sample.
    oldest_sample: GaugeVec,
    up: IntGauge,
}

// === impl RecorderMetrics ===

impl RecorderMetrics {
    /// All of them, at their beginnings.
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            samples: int_counter(registry, &c::RECORDER_SAMPLES)?,
            filled_samples: int_counter(registry, &c::RECORDER_FILLED_SAMPLES)?,
            errors: int_counter(registry, &c::RECORDER_ERRORS)?,
            size: int_gauge(registry, &c::RECORDER_SIZE)?,
            oldest_sample: gauge_vec(registry, &c::RECORDER_OLDEST_SAMPLE)?,
            up: int_gauge(registry, &c::RECORDER_UP)?,
        })
    }

    /// Counts samples that were recorded for the first time, and those of them that were missing.
    pub fn count_samples(&self, recorded: u64, filled: u64) {
        self.samples.inc_by(recorded);
        self.filled_samples.inc_by(filled);
    }

    /// Counts a failed attempt to record.
    pub fn count_error(&self) {
        self.errors.inc();
    }

    /// Sets whether samples are recorded.
    pub fn set_up(&self, up: bool) {
        self.up.set(i64::from(up));
    }

    /// Sets the size of the recording's files.
    pub fn set_size(&self, bytes: u64) {
        self.size.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Sets the time of the oldest recorded sample.
    pub fn set_oldest_sample(&self, time: Option<Timestamp>) {
        match time {
            Some(time) => self
                .oldest_sample
                .with_label_values::<&str>(&[])
                .set(time.as_seconds()),
            None => self.oldest_sample.reset(),
        }
    }
}
