//! The configuration: every text is a configuration or has faults, each with a message of one line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use polyv_exporter::config::Source;

fuzz_target!(|text: &str| {
    if let Err(diagnostics) = Source::text("polyv.yml", text).load() {
        assert!(!diagnostics.is_empty());
        assert_eq!(diagnostics.to_string().lines().count(), diagnostics.len());
    }
});
