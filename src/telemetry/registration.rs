//! Families as the `prometheus` crate registers them.

use prometheus::core::Collector;
use prometheus::{HistogramOpts, Opts, Registry};

use crate::metrics::families::Family;

/// The name and help of a family.
pub(super) fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

/// The same for a histogram, with its bucket bounds.
pub(super) fn histogram(family: &Family, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(family.name, family.help).buckets(buckets.to_vec())
}

/// Registers a collector and returns it.
pub(super) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
