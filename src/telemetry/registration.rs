//! Families as the `prometheus` crate registers them.

use prometheus::core::Collector;
use prometheus::{
    Counter, Error, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::metrics::families::Family;

/// Registers a family with one value.
pub(super) fn counter(registry: &Registry, family: &Family) -> Result<Counter, Error> {
    register(registry, Counter::with_opts(opts(family)))
}

/// Registers a family with one whole number.
pub(super) fn int_counter(registry: &Registry, family: &Family) -> Result<IntCounter, Error> {
    register(registry, IntCounter::with_opts(opts(family)))
}

/// Registers a family with one value.
pub(super) fn gauge(registry: &Registry, family: &Family) -> Result<Gauge, Error> {
    register(registry, Gauge::with_opts(opts(family)))
}

/// Registers a family with one whole number.
pub(super) fn int_gauge(registry: &Registry, family: &Family) -> Result<IntGauge, Error> {
    register(registry, IntGauge::with_opts(opts(family)))
}

/// Registers a family with the family's labels.
pub(super) fn counter_vec(registry: &Registry, family: &Family) -> Result<IntCounterVec, Error> {
    register(registry, IntCounterVec::new(opts(family), family.labels))
}

/// Registers a family with the family's labels.
pub(super) fn gauge_vec(registry: &Registry, family: &Family) -> Result<GaugeVec, Error> {
    register(registry, GaugeVec::new(opts(family), family.labels))
}

/// Registers a family of whole numbers with the family's labels.
pub(super) fn int_gauge_vec(registry: &Registry, family: &Family) -> Result<IntGaugeVec, Error> {
    register(registry, IntGaugeVec::new(opts(family), family.labels))
}

/// Registers a family with one histogram.
pub(super) fn histogram(
    registry: &Registry,
    family: &Family,
    buckets: &[f64],
) -> Result<Histogram, Error> {
    let opts = HistogramOpts::from(opts(family)).buckets(buckets.to_vec());
    register(registry, Histogram::with_opts(opts))
}

/// Registers a family of histograms with the family's labels.
pub(super) fn histogram_vec(
    registry: &Registry,
    family: &Family,
    buckets: &[f64],
) -> Result<HistogramVec, Error> {
    let opts = HistogramOpts::from(opts(family)).buckets(buckets.to_vec());
    register(registry, HistogramVec::new(opts, family.labels))
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

/// Registers a collector and returns it.
fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: Result<C, Error>,
) -> Result<C, Error> {
    let collector = collector?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
