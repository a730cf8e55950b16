//! Content negotiation: metrics formats and compression.

use crate::metrics::Format;

/// An alternative in an `Accept…` header.
pub(crate) struct Alternative<'a> {
    /// In lower case.
    pub(crate) name: String,
    /// Zero if the client refuses it.
    pub(crate) quality: f64,
    version: Option<&'a str>,
}

/// The alternatives in an `Accept…` header.
pub(crate) fn alternatives(header: &str) -> impl Iterator<Item = Alternative<'_>> {
    header.split(',').map(|alternative| {
        let mut parts = alternative.split(';').map(str::trim);
        let name = parts.next().unwrap_or("").to_ascii_lowercase();
        let (mut quality, mut version) = (1.0, None);
        for (key, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
            if key.eq_ignore_ascii_case("q") {
                quality = value.trim().parse().unwrap_or(0.0);
            } else if key.eq_ignore_ascii_case("version") {
                version = Some(value.trim_matches('"'));
            }
        }
        Alternative {
            name,
            quality,
            version,
        }
    })
}

/// The metrics format that an `Accept` header prefers: the Prometheus text format, unless
/// OpenMetrics 1.0 has a higher quality.
///
/// ```
/// use polyv_exporter::metrics::Format;
/// use polyv_exporter::http::format;
///
/// // What Prometheus sends.
/// let accept = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
/// assert_eq!(format(Some(accept)), Format::OpenMetrics);
/// assert_eq!(format(Some("*/*")), Format::Prometheus);
/// assert_eq!(format(None), Format::Prometheus);
/// ```
#[must_use]
pub fn format(accept: Option<&str>) -> Format {
    let mut open_metrics: f64 = 0.0;
    let mut text: f64 = 0.0;
    for alternative in alternatives(accept.unwrap_or("")) {
        let quality = alternative.quality;
        match (alternative.name.as_str(), alternative.version) {
            ("application/openmetrics-text", None | Some("1.0.0")) => {
                open_metrics = open_metrics.max(quality);
            }
            ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => {
                text = text.max(quality);
            }
            _ => {}
        }
    }
    if open_metrics > text {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    }
}

/// Whether an `Accept-Encoding` header allows gzip.
#[must_use]
pub fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let mut any = false;
    for alternative in alternatives(accept_encoding.unwrap_or("")) {
        match alternative.name.as_str() {
            "gzip" | "x-gzip" => return alternative.quality > 0.0,
            "*" => any = alternative.quality > 0.0,
            _ => {}
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_selected_if_a_known_version_is_preferred() {
        for (accept, expected) in [
            ("application/openmetrics-text", Format::OpenMetrics),
            (
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=\"1.0.0\"",
                Format::OpenMetrics,
            ),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            // Prometheus 3 with protobuf preferred.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=0.0.1",
                Format::Prometheus,
            ),
            (
                "application/openmetrics-text;version=2.0.0",
                Format::Prometheus,
            ),
            (
                "text/plain, application/openmetrics-text;q=0.5",
                Format::Prometheus,
            ),
            (
                "text/html,application/xhtml+xml,*/*;q=0.8",
                Format::Prometheus,
            ),
            ("application/json", Format::Prometheus),
            ("application/openmetrics-text;q=x", Format::Prometheus),
            (
                "application/openmetrics-text;Q=0.5, */*;q=0.7",
                Format::Prometheus,
            ),
            (
                "Application/OpenMetrics-Text;Version=2.0.0",
                Format::Prometheus,
            ),
            ("", Format::Prometheus),
            (";;,,=;q", Format::Prometheus),
        ] {
            assert_eq!(format(Some(accept)), expected, "{accept}");
        }
    }

    #[test]
    fn gzip_is_used_if_accepted() {
        for (accept, expected) in [
            ("gzip", true),
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, *", false),
            ("gzip;Q=0", false),
            ("*", true),
            ("*;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(Some(accept)), expected, "{accept}");
        }
        assert!(!accepts_gzip(None));
    }
}
