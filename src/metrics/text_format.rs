//! The two text formats.
//!
//! Samples are the same in both; headers and footers differ.

use std::fmt::Write;

use super::families::{Family, MetricType};

/// A format of scrapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The Prometheus text format, 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

// === impl Format ===

impl Format {
    /// The `Content-Type` of this format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The lines before a family's samples.
    pub(super) fn header(self, family: &Family) -> String {
        let Family { name, help, .. } = family;
        let kind = family.metric_type.as_str();
        let mut out = String::new();
        match self {
            Self::Prometheus => {
                _ = write!(out, "# HELP {name} ");
                escape(help, &['\\', '\n'], &mut out);
                _ = writeln!(out, "\n# TYPE {name} {kind}");
            }
            Self::OpenMetrics => {
                let name = match family.metric_type {
                    MetricType::Counter => name.strip_suffix("_total").unwrap_or(name),
                    MetricType::Gauge | MetricType::Histogram => name,
                };
                _ = writeln!(out, "# TYPE {name} {kind}");
                if let Some(unit) = family.unit {
                    _ = writeln!(out, "# UNIT {name} {unit}");
                }
                _ = write!(out, "# HELP {name} ");
                escape(help, &['\\', '\n', '"'], &mut out);
                out.push('\n');
            }
        }
        out
    }

    /// The end of a scrape.
    pub(super) fn footer(self) -> &'static str {
        match self {
            Self::Prometheus => "",
            Self::OpenMetrics => "# EOF\n",
        }
    }
}

/// Writes `name="value"`, escaped.
pub(super) fn label(name: &str, value: &str, out: &mut String) {
    out.push_str(name);
    out.push_str("=\"");
    escape(value, &['\\', '\n', '"'], out);
    out.push('"');
}

/// Writes a number in the form of both formats.
pub(super) fn number(value: f64, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        _ = write!(out, "{value}");
    }
}

/// Writes a histogram's `le`, as a float in both formats: `5.0` and not `5`.
pub(super) fn bound(value: f64, out: &mut String) {
    if value.is_finite() {
        _ = write!(out, "{value:?}");
    } else {
        number(value, out);
    }
}

fn escape(text: &str, special: &[char], out: &mut String) {
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
            out.push(if c == '\n' { 'n' } else { c });
        } else {
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn label_values_are_escaped() {
        let value = "a\"b\\\nc\r…";
        assert_eq!(
            written(|out| label("x", value, out)),
            "x=\"a\\\"b\\\\\\nc\r…\""
        );
    }

    #[test]
    fn numbers_are_valid_in_both_formats() {
        for (value, text) in [
            (0.0, "0"),
            (1_157_120.0, "1157120"),
            (1_176_815.9, "1176815.9"),
            (1_700_000_000.123, "1700000000.123"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(written(|out| number(value, out)), text);
        }
        assert_eq!(written(|out| bound(5.0, out)), "5.0");
        assert_eq!(written(|out| bound(0.05, out)), "0.05");
        assert_eq!(written(|out| bound(f64::INFINITY, out)), "+Inf");
    }

    #[test]
    fn open_metrics_counter_family_has_no_total_suffix() {
        let family = super::super::families::STREAM_SAMPLES;
        let header = Format::OpenMetrics.header(&family);
        assert!(
            header.starts_with("# TYPE polyv_stream_samples counter\n"),
            "{header}"
        );
        let header = Format::Prometheus.header(&family);
        assert!(
            header.ends_with("# TYPE polyv_stream_samples_total counter\n"),
            "{header}"
        );
    }
}
