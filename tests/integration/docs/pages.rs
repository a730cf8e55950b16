//! The documents say what is so.

use std::collections::BTreeSet;

use polyv_exporter::config::Source;
use polyv_exporter::metrics;
use web_config::WebConfigFile;

use crate::docs::blocks::without_secrets_elsewhere;
pub use crate::support::markdown::blocks;
use crate::support::markdown::{Page, pages, read, root};

#[test]
fn metrics_page_equals_the_metric_families() {
    let document = metrics::metrics_reference();
    let path = "docs/metrics.md";
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join(path), &document).unwrap();
    }
    assert!(
        read(path) == document,
        "{path} and the catalogue have parted ways: `make docs` generates the page"
    );
}

#[test]
fn every_web_configuration_key_is_documented() {
    let page = read("docs/web-config.md");
    // The program lists the known keys where it meets an unknown one.
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("web.yml");
    let mut keys = BTreeSet::new();
    for probe in [
        "zzzzzzzz: 1",
        "tls_server_config: {zzzzzzzz: 1}",
        "http_server_config: {zzzzzzzz: 1}",
        "http_server_config: {headers: {zzzzzzzz: a}}",
        "rate_limit: {zzzzzzzz: 1}",
    ] {
        std::fs::write(&path, probe).unwrap();
        let loaded = WebConfigFile::new(&path).load();
        let diagnostics = loaded.config.unwrap_err().to_string();
        let known = diagnostics.split("known here: ").nth(1).unwrap();
        keys.extend(known.trim().split(", ").map(str::to_owned));
    }
    assert!(keys.len() >= 26, "{keys:?}");
    for key in keys {
        assert!(
            page.contains(&format!("`{key}`")),
            "`{key}` is not explained"
        );
    }
}

#[test]
fn every_configuration_key_is_documented() {
    let text = read("docs/configuration.md");
    // What the program says it knows, where it meets a key that it does not know.
    let probe = "zzzzzzzz: 1
api: {zzzzzzzz: 1, rate_limit: {zzzzzzzz: 1}}
poll: {zzzzzzzz: 1}
accounts: [{app_id: a, app_secret: s, zzzzzzzz: 1, discover: {zzzzzzzz: 1}, channels: [{id: 1, zzzzzzzz: 1, expect: {zzzzzzzz: 1}}]}]";
    let faults = Source::text("probe", probe).load().unwrap_err().to_string();
    let mut keys = BTreeSet::new();
    for line in faults.lines() {
        let known = line.split("known here: ").nth(1).unwrap();
        keys.extend(known.split(", ").map(str::to_owned));
    }
    assert!(keys.len() >= 28, "{keys:?}");
    for key in keys {
        assert!(
            text.contains(&format!("`{key}`"))
                || text.contains(&format!(".{key}`"))
                || text.contains(&format!("`{key}.")),
            "`{key}` is not explained"
        );
    }
}

#[test]
fn every_remote_write_key_is_documented() {
    let text = read("docs/remote-write.md");
    let mut keys = 0;
    for (section, before) in [
        ("zzzzzzzz: 1", ""),
        ("basic_auth: {zzzzzzzz: 1}", "basic_auth."),
        ("authorization: {zzzzzzzz: 1}", "authorization."),
        ("tls_config: {zzzzzzzz: 1}", "tls_config."),
        ("queue_config: {zzzzzzzz: 1}", "queue_config."),
    ] {
        let probe = format!("remote_write: [{{url: 'http://h/w', {section}}}]");
        let faults = Source::text("probe", &probe)
            .load()
            .unwrap_err()
            .to_string();
        let known = faults
            .lines()
            .find_map(|line| line.split_once("known here: "));
        for key in known.unwrap().1.split(", ") {
            let is_explained = text.contains(&format!("`{before}{key}`"))
                || text.contains(&format!("`{before}{key}."));
            assert!(is_explained, "`{before}{key}` is not explained");
            keys += 1;
        }
    }
    assert!(keys > 20, "{keys}");
}

#[test]
fn documented_defaults_are_the_defaults() {
    let shown = blocks(&read("docs/configuration.md"), "yaml")
        .into_iter()
        .find(|block| block.contains("api:") && block.contains("poll:"))
        .unwrap();
    let shown = without_secrets_elsewhere(&shown);
    let shown = Source::text("shown", &shown).load().unwrap();
    let default = Source::text(
        "default",
        "accounts: [{app_id: a, app_secret: s, channels: [{id: 1}]}]",
    );
    let default = default.load().unwrap();
    assert_eq!(shown.api, default.api);
    assert_eq!(shown.poll, default.poll);
}

#[test]
fn readme_links_to_every_page() {
    let readme = Page::open("README.md");
    let linked: Vec<&str> = readme.links().into_iter().map(|(_, to)| to).collect();
    for page in pages() {
        let path = page.path.as_str();
        let is_found = linked.iter().any(|to| to.split('#').next() == Some(path));
        assert!(
            is_found || path == "README.md" || path.contains("/runbooks/"),
            "{path}: nothing in README.md leads there"
        );
    }
}
