//! The documents say what is so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use polyv_exporter::config::Source;
use polyv_exporter::exposition;
use polyv_exporter::web::door::DoorFile;

use super::support::certificates::Authority;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The fenced blocks of a page in one language.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence)
        .skip(1)
        .map(|behind| behind.split("\n```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_page_on_metrics_is_the_catalogue() {
    let document = exposition::document();
    let path = "docs/metrics.md";
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join(path), &document).unwrap();
    }
    assert!(
        read(path) == document,
        "{path} and the catalogue have parted ways: `make docs` writes the page anew"
    );
}

#[test]
fn every_configuration_that_is_shown_is_valid() {
    for page in ["README.md", "docs/configuration.md", "docs/alerts.md"] {
        let text = read(page);
        let mut checked = 0;
        for block in blocks(&text, "yaml") {
            // Prometheus' own configuration, and channel files, are checked elsewhere.
            if !block.contains("accounts:") {
                continue;
            }
            // Secrets and channel files are not where the examples say.
            let config = block
                .replace(
                    "app_secret_file: /run/secrets/polyv_app_secret",
                    "app_secret: s",
                )
                .replace("app_secret_env: SECOND_APP_SECRET", "app_secret: s");
            let config = Source::text(page, &config).evaluate();
            assert!(config.is_ok(), "{page}: {}\n{block}", config.unwrap_err());
            checked += 1;
        }
        assert!(checked > 0, "{page} shows a configuration");
    }
}

#[test]
fn every_web_configuration_that_is_shown_is_valid_and_every_key_explained() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    authority.server().write(files.path(), "server");
    std::fs::write(files.path().join("client-ca.crt"), authority.pem()).unwrap();
    let path = files.path().join("web.yml");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        DoorFile::new(&path).read().door
    };
    let page = root().join("docs/web-config.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut checked = 0;
    for block in blocks(&page, "yaml") {
        if !block.contains("scrape_configs:") {
            let door = read(&block);
            assert!(door.is_ok(), "{}\n{block}", door.unwrap_err());
            checked += 1;
        }
    }
    assert_eq!(checked, 3);
    // What the program says it knows, where it meets a key that it does not know.
    let probe = "zzzzzzzz: 1
tls_server_config: {zzzzzzzz: 1}
http_server_config: {zzzzzzzz: 1, headers: {zzzzzzzz: 1}}
rate_limit: {zzzzzzzz: 1}";
    let faults = read(probe).unwrap_err().to_string();
    let keys: BTreeSet<_> = faults
        .lines()
        .filter_map(|line| line.split("known here: ").nth(1))
        .flat_map(|known| known.split(", "))
        .collect();
    assert!(keys.len() >= 26, "{keys:?}");
    for key in keys {
        assert!(
            page.contains(&format!("`{key}`")),
            "`{key}` is not explained"
        );
    }
}

#[test]
fn a_channel_file_that_is_shown_is_valid() {
    let text = read("docs/configuration.md");
    let files: Vec<_> = blocks(&text, "yaml")
        .into_iter()
        .filter(|block| block.starts_with("- id:"))
        .collect();
    assert!(!files.is_empty());
    for file in files {
        let indented = file.replace('\n', "\n  ");
        let config =
            format!("accounts:\n- app_id: a\n  app_secret: s\n  channels:\n  {indented}\n");
        let config = Source::text("channel file", &config).evaluate().unwrap();
        assert!(config.channel_count() > 0);
    }
}

#[test]
fn every_key_of_a_configuration_is_explained() {
    let text = read("docs/configuration.md");
    // What the program says it knows, where it meets a key that it does not know.
    let probe = "zzzzzzzz: 1
api: {zzzzzzzz: 1, rate_limit: {zzzzzzzz: 1}}
poll: {zzzzzzzz: 1}
accounts: [{app_id: a, app_secret: s, zzzzzzzz: 1, channels: [{id: 1, zzzzzzzz: 1, expect: {zzzzzzzz: 1}}]}]";
    let faults = Source::text("probe", probe)
        .evaluate()
        .unwrap_err()
        .to_string();
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
fn the_defaults_that_are_shown_are_the_defaults() {
    let text = read("docs/configuration.md");
    let shown = blocks(&text, "yaml")
        .into_iter()
        .find(|block| block.contains("api:") && block.contains("poll:"))
        .unwrap();
    let shown = shown
        .replace(
            "app_secret_file: /run/secrets/polyv_app_secret",
            "app_secret: s",
        )
        .replace("app_secret_env: SECOND_APP_SECRET", "app_secret: s");
    let shown = Source::text("shown", &shown).evaluate().unwrap();
    let default = Source::text(
        "default",
        "accounts: [{app_id: a, app_secret: s, channels: [{id: 1}]}]",
    );
    let default = default.evaluate().unwrap();
    assert_eq!(shown.api, default.api);
    assert_eq!(shown.poll, default.poll);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut pages: Vec<PathBuf> = ["docs", "docs/runbooks"]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.extend(
        [
            "README.md",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
        ]
        .map(|name| root().join(name)),
    );
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(file)
            };
            assert!(file.exists(), "{}: {target}", page.display());
            if !anchor.is_empty() {
                assert!(has_heading(&file, anchor), "{}: {target}", page.display());
            }
        }
    }
}

/// Whether a page has a heading that such an anchor leads to.
fn has_heading(page: &Path, anchor: &str) -> bool {
    let text = std::fs::read_to_string(page).unwrap();
    text.lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| {
            let heading: String = line
                .trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            heading == anchor
        })
}
