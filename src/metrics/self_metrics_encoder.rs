//! The exporter's own metrics, as the `prometheus` crate gathers them, in either format. (The
//! crate has no OpenMetrics, and writes whole `le`s without their decimals.)

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType as GatheredType};

use super::families::{self, Family, LabelScope, MetricType};
use super::text_format::{self, Format};

/// Writes a gathered family. A family without samples is left out.
pub(super) fn write(gathered: &MetricFamily, format: Format, out: &mut String) {
    if gathered.get_metric().is_empty() {
        return;
    }
    let Some(family) = families::find(gathered.name()) else {
        // Nothing is registered that the families does not have; a test sees to it.
        debug_assert!(false, "{} is not in the families", gathered.name());
        return;
    };
    debug_assert!(matches!(
        family.scope,
        LabelScope::Api | LabelScope::Exporter | LabelScope::Process
    ));
    format.header(family, out);
    for metric in gathered.get_metric() {
        let labels = metric.get_label();
        match gathered.get_field_type() {
            GatheredType::HISTOGRAM => histogram(family, metric, out),
            GatheredType::COUNTER => sample(
                family,
                "",
                labels,
                None,
                metric.get_counter().get_value(),
                out,
            ),
            _ => sample(
                family,
                "",
                labels,
                None,
                metric.get_gauge().get_value(),
                out,
            ),
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn histogram(family: &Family, metric: &Metric, out: &mut String) {
    debug_assert_eq!(family.metric_type, MetricType::Histogram);
    let histogram = metric.get_histogram();
    let labels = metric.get_label();
    let mut bucket = |upper: f64, count: u64| {
        let mut le = String::new();
        text_format::bound(upper, &mut le);
        sample(family, "_bucket", labels, Some(&le), count as f64, out);
    };
    for bounded in histogram.get_bucket() {
        bucket(bounded.upper_bound(), bounded.cumulative_count());
    }
    bucket(f64::INFINITY, histogram.get_sample_count());
    sample(
        family,
        "_sum",
        labels,
        None,
        histogram.get_sample_sum(),
        out,
    );
    let count = histogram.get_sample_count() as f64;
    sample(family, "_count", labels, None, count, out);
}

fn sample(
    family: &Family,
    suffix: &str,
    labels: &[LabelPair],
    le: Option<&str>,
    value: f64,
    out: &mut String,
) {
    out.push_str(family.name);
    out.push_str(suffix);
    let pairs = labels
        .iter()
        .map(|pair| (pair.name(), pair.value()))
        .chain(le.map(|le| ("le", le)));
    let mut separator = '{';
    for (name, value) in pairs {
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
