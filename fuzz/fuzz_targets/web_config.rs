//! The web configuration: every text is a configuration or has faults with a location.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use web_config::WebConfigFile;

static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir_in("/dev/shm").unwrap());

fuzz_target!(|text: &[u8]| {
    let path = DIRECTORY.path().join("web.yml");
    std::fs::write(&path, text).unwrap();
    if let Err(diagnostics) = WebConfigFile::new(&path).load().config {
        assert!(!diagnostics.is_empty());
        assert_eq!(diagnostics.to_string().lines().count(), diagnostics.len());
    }
});
