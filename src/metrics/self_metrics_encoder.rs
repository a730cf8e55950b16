//! The metrics that are not of single channels, in either format: how many channels there are by
//! status, and the exporter's own metrics as the `prometheus` crate gathers them. (The crate has
//! no OpenMetrics, and writes integral `le` values without decimals.)

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType as GatheredType};
use tracing::error;

use super::families::{self, ACCOUNT_CHANNELS, Family};
use super::text_format::{self, Format};
use crate::state::StatusCounts;

/// All families that are not of single channels, and the format's footer.
pub(super) fn encode(counts: &StatusCounts, gathered: &[MetricFamily], format: Format) -> String {
    let mut out = String::with_capacity(32 * 1024);
    status_counts(counts, format, &mut out);
    for family in gathered {
        gathered_family(family, format, &mut out);
    }
    out.push_str(format.footer());
    out
}

#[allow(clippy::cast_precision_loss)] // exact up to 2^53
fn status_counts(counts: &StatusCounts, format: Format, out: &mut String) {
    for (index, (account, of_account)) in counts.iter().enumerate() {
        if index == 0 {
            out.push_str(&format.header(&ACCOUNT_CHANNELS));
        }
        for (status, count) in of_account {
            let labels = [("account", account), ("status", status.as_str())];
            sample(&ACCOUNT_CHANNELS, "", labels.into_iter(), count as f64, out);
        }
    }
}

/// Writes a gathered family. A family without samples is left out.
fn gathered_family(gathered: &MetricFamily, format: Format, out: &mut String) {
    if gathered.get_metric().is_empty() {
        return;
    }
    let Some(family) = families::find(gathered.name()) else {
        error!(
            family = gathered.name(),
            "metrics that are not declared are left out"
        );
        return;
    };
    out.push_str(&format.header(family));
    for metric in gathered.get_metric() {
        let value = match gathered.get_field_type() {
            GatheredType::HISTOGRAM => {
                histogram(family, metric, out);
                continue;
            }
            GatheredType::COUNTER => metric.get_counter().get_value(),
            _ => metric.get_gauge().get_value(),
        };
        sample(family, "", pairs(metric.get_label()), value, out);
    }
}

#[allow(clippy::cast_precision_loss)] // exact up to 2^53
fn histogram(family: &Family, metric: &Metric, out: &mut String) {
    let histogram = metric.get_histogram();
    let labels = metric.get_label();
    let mut bucket = |upper: f64, count: u64| {
        let mut le = String::new();
        text_format::bound(upper, &mut le);
        let labels = pairs(labels).chain([("le", &*le)]);
        sample(family, "_bucket", labels, count as f64, out);
    };
    for bounded in histogram.get_bucket() {
        bucket(bounded.upper_bound(), bounded.cumulative_count());
    }
    bucket(f64::INFINITY, histogram.get_sample_count());
    sample(
        family,
        "_sum",
        pairs(labels),
        histogram.get_sample_sum(),
        out,
    );
    let count = histogram.get_sample_count() as f64;
    sample(family, "_count", pairs(labels), count, out);
}

fn pairs(labels: &[LabelPair]) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|pair| (pair.name(), pair.value()))
}

fn sample<'a>(
    family: &Family,
    suffix: &str,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
    value: f64,
    out: &mut String,
) {
    out.push_str(family.name);
    out.push_str(suffix);
    let mut separator = '{';
    for (name, value) in labels {
        out.push(separator);
        text_format::label(name, value, out);
        separator = ',';
    }
    if separator == ',' {
        out.push('}');
    }
    out.push(' ');
    text_format::number(value, out);
    out.push('\n');
}
