//! `Accept` and `Accept-Encoding`: every header selects a format that it names, in whatever case.

#![no_main]

use libfuzzer_sys::fuzz_target;
use polyv_exporter::http::{accepts_gzip, format};
use polyv_exporter::metrics::Format;

fuzz_target!(|header: &str| {
    let upper = header.to_ascii_uppercase();
    let selected = format(Some(header));
    assert_eq!(selected, format(Some(&upper)));
    if selected == Format::OpenMetrics {
        assert!(upper.contains("APPLICATION/OPENMETRICS-TEXT"));
    }
    let gzip = accepts_gzip(Some(header));
    assert_eq!(gzip, accepts_gzip(Some(&upper)));
    if gzip {
        assert!(upper.contains("GZIP") || upper.contains('*'));
    }
});
