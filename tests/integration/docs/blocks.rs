//! Whatever a document shows between fences is looked at by something that knows it.

use std::collections::BTreeSet;

use polyv_exporter::config::Source;
use polyv_simulator::Scenario;
use web_config::WebConfigFile;

use crate::support::certificates::Authority;
use crate::support::exporter_process::{polyv_exporter, run, text_of};
use crate::support::markdown::{Block, has_test, pages, read, tests_name};

/// What a block can be, by its language and by what is in it, and what looks at it. The first one
/// that fits counts; a block that none fits is not allowed.
const KINDS: &[Kind] = &[
    // What a program wrote, or a drawing.
    ("text", |_| true, Check::Nothing),
    ("console", |_| true, COMMANDS),
    ("sh", |_| true, COMMANDS),
    ("bash", |_| true, COMMANDS),
    // Variables, as a file has them.
    ("shell", |_| true, Check::Tests("e2e/compose")),
    ("ini", |_| true, Check::Here(unit)),
    ("mermaid", |_| true, Check::Here(diagram)),
    ("promql", |_| true, PROMETHEUS),
    ("rust", is_tried_by_rustdoc, Check::Nothing),
    ("json", |block| block.page == "docs/http-api.md", API),
    ("json", is_a_list_of_messages, Check::Here(messages)),
    ("yaml", |block| block.page == "docs/simulator.md", SCENARIOS),
    (
        "yaml",
        is_of_kubernetes,
        Check::Tests("e2e/kubernetes_page"),
    ),
    ("yaml", |block| has(block, "tls_server_config"), WEB),
    ("yaml", |block| has(block, "basic_auth_users"), WEB),
    ("yaml", |block| has(block, "scrape_configs"), PROMETHEUS),
    ("yaml", |block| has(block, "rule_files"), PROMETHEUS),
    ("yaml", is_of_our_rules, Check::Here(part_of_our_rules)),
    (
        "yaml",
        |block| has(block, "providers"),
        Check::Here(provisioning),
    ),
    (
        "yaml",
        |block| has(block, "services"),
        Check::Tests("e2e/compose"),
    ),
    ("yaml", |block| has(block, "accounts"), CONFIGURATION),
    ("yml", |block| has(block, "accounts"), CONFIGURATION),
    (
        "yaml",
        |block| block.text.starts_with("- id:"),
        Check::Here(channel_file),
    ),
    (
        "yaml",
        |block| has(block, "channels"),
        Check::Here(scenario),
    ),
];

/// A language, what tells blocks of that kind from others, and what looks at them.
type Kind = (&'static str, fn(&Block) -> bool, Check);

const COMMANDS: Check = Check::Test(
    "tests/integration/docs/commands.rs",
    "every_shown_command_is_valid",
);
const PROMETHEUS: Check = Check::Test(
    "tests/integration/e2e/prometheus_docs.rs",
    "documented_prometheus_files_are_valid",
);
const API: Check = Check::Test(
    "tests/integration/http/status_page.rs",
    "api_keys_are_the_documented_ones",
);
const SCENARIOS: Check = Check::Test(
    "crates/polyv-simulator/src/scenario/tests.rs",
    "manuals_examples_are_valid_scenarios",
);
const WEB: Check = Check::Here(web_configuration);
const CONFIGURATION: Check = Check::Here(configuration);

enum Check {
    /// There is nothing to be right or wrong.
    Nothing,
    /// This looks at it.
    Here(fn(&Block)),
    /// That test looks at all that are shown.
    Test(&'static str, &'static str),
    /// That file of tests looks at the page, and names it.
    Tests(&'static str),
}

#[test]
fn every_block_is_checked() {
    let mut looked_at = BTreeSet::new();
    for block in pages()
        .iter()
        .flat_map(crate::support::markdown::Page::blocks)
    {
        let place = block.place();
        assert!(!block.language.is_empty(), "{place}: of no language");
        let kind = KINDS
            .iter()
            .position(|(language, is, _)| *language == block.language && is(&block));
        let Some(kind) = kind else {
            panic!(
                "{place}: nothing looks at this {}: see KINDS\n{}",
                block.language, block.text
            );
        };
        match &KINDS[kind].2 {
            Check::Nothing => {}
            Check::Here(check) => check(&block),
            Check::Test(file, test) => assert!(has_test(file, test), "{file} has no {test}"),
            Check::Tests(tests) => assert!(
                tests_name(tests, &block.page),
                "{place}: tests/integration/{tests}.rs does not look at {}",
                block.page
            ),
        }
        looked_at.insert(kind);
    }
    assert!(looked_at.len() >= 14, "{looked_at:?}");
}

/// Whether it is YAML with that key at its head.
fn has(block: &Block, key: &str) -> bool {
    let head = format!("{key}:");
    block.text.lines().any(|line| line.starts_with(&head))
}

fn is_of_kubernetes(block: &Block) -> bool {
    has(block, "kind") || block.page == "docs/kubernetes.md" && !has(block, "accounts")
}

/// A page that is the documentation of a module is tried as such.
fn is_tried_by_rustdoc(block: &Block) -> bool {
    let included = format!("#[doc = include_str!(\"../../../{}\")]", block.page);
    read("crates/polyv-simulator/src/lib.rs").contains(&included)
}

/// A configuration as it is, where secrets and channel files are where it says.
pub fn without_secrets_elsewhere(config: &str) -> String {
    config
        .lines()
        .map(|line| match line.find("app_secret_") {
            Some(at) => format!("{}app_secret: s\n", &line[..at]),
            None => format!("{line}\n"),
        })
        .collect()
}

fn configuration(block: &Block) {
    let text = without_secrets_elsewhere(&block.text);
    let config = Source::text(&block.place(), &text).load();
    assert!(config.is_ok(), "{}\n{text}", config.unwrap_err());
}

fn channel_file(block: &Block) {
    let indented = block.text.replace('\n', "\n  ");
    let config = format!("accounts:\n- app_id: a\n  app_secret: s\n  channels:\n  {indented}\n");
    let config = Source::text(&block.place(), &config).load().unwrap();
    assert!(config.channel_count() > 0);
}

fn scenario(block: &Block) {
    if let Err(faults) = Scenario::parse(&block.place(), &block.text) {
        panic!("{faults}\n{}", block.text);
    }
}

fn web_configuration(block: &Block) {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    authority.server().write(files.path(), "server");
    std::fs::write(files.path().join("client-ca.crt"), authority.pem()).unwrap();
    let path = files.path().join("web.yml");
    std::fs::write(&path, &block.text).unwrap();
    let web_config = WebConfigFile::new(&path).load().config;
    assert!(
        web_config.is_ok(),
        "{}: {}",
        block.place(),
        web_config.unwrap_err()
    );
}

fn is_a_list_of_messages(block: &Block) -> bool {
    block.text.contains("\"viewerId\"")
}

/// Messages for the chat: what the command would send of them.
fn messages(block: &Block) {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("messages.json");
    std::fs::write(&path, &block.text).unwrap();
    let mut command = polyv_exporter();
    command
        .args([
            "chat",
            "send",
            "--dry-run",
            "--channel",
            "3880533",
            "--file",
        ])
        .arg(&path)
        .env("POLYV_APP_ID", "frlr1zazn3")
        .env("POLYV_APP_SECRET", "s")
        .env("POLYV_CHANNELS", "3880533");
    let output = run(&mut command);
    assert!(
        output.status.success(),
        "{}: {}",
        block.place(),
        text_of(&output)
    );
}

fn is_of_our_rules(block: &Block) -> bool {
    block.text.contains("- record: ") || block.text.contains("- alert: ")
}

/// Some lines of the shipped rules.
fn part_of_our_rules(block: &Block) {
    let rules = read("alerts/polyv.rules.yml");
    assert!(
        rules.contains(&block.text),
        "{}: this is not in alerts/polyv.rules.yml:\n{}",
        block.place(),
        block.text
    );
}

/// Grafana's provisioning of dashboards: these keys, and no others.
fn provisioning(block: &Block) {
    let file: serde_json::Value = serde_saphyr::from_str(&block.text).unwrap();
    let keys = |value: &serde_json::Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let place = block.place();
    let expected = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
    assert_eq!(
        keys(&file),
        expected(&["apiVersion", "providers"]),
        "{place}"
    );
    assert_eq!(file["apiVersion"], 1, "{place}");
    let providers = file["providers"].as_array().unwrap();
    assert!(!providers.is_empty(), "{place}");
    for provider in providers {
        let known = expected(&["name", "folder", "type", "options"]);
        assert_eq!(keys(provider), known, "{place}");
        assert_eq!(provider["type"], "file", "{place}");
        assert_eq!(keys(&provider["options"]), expected(&["path"]), "{place}");
    }
}

/// Some lines of a unit of systemd.
fn unit(block: &Block) {
    for line in block.text.lines().filter(|line| !line.is_empty()) {
        let is_section = ["[Unit]", "[Service]", "[Install]"].contains(&line);
        let is_setting = line.split_once('=').is_some_and(|(name, value)| {
            let capital = name.starts_with(|c: char| c.is_ascii_uppercase());
            capital && name.chars().all(char::is_alphanumeric) && !value.is_empty()
        });
        assert!(is_section || is_setting, "{}: {line}", block.place());
    }
}

/// A flow chart, of which every line is a node, an arrow or a frame around some of them.
fn diagram(block: &Block) {
    let mut lines = block.text.lines();
    let head = lines.next().unwrap_or_default();
    assert!(head.starts_with("flowchart "), "{}: {head}", block.place());
    let mut frames = 0;
    for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
        match line {
            "end" => frames -= 1,
            _ if line.starts_with("subgraph ") => frames += 1,
            _ => {
                let ends = arrow(line).unwrap_or_else(|| (line.to_owned(), line.to_owned()));
                for node in [ends.0, ends.1] {
                    let id: String = node
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect();
                    let label = &node[id.len()..];
                    let is_whole = label.is_empty()
                        || label.starts_with("[\"") && label.ends_with("\"]")
                        || label.starts_with("([\"") && label.ends_with("\"])");
                    assert!(!id.is_empty() && is_whole, "{}: {line}", block.place());
                }
            }
        }
    }
    assert_eq!(frames, 0, "{}: a frame is open", block.place());
}

/// The two ends of an arrow; what stands on it is left out.
pub fn arrow(line: &str) -> Option<(String, String)> {
    let (from, behind) = line
        .split_once(" -->")
        .or_else(|| line.split_once(" -.->"))?;
    let to = match behind.strip_prefix('|') {
        Some(label) => label.split_once('|')?.1,
        None => behind,
    };
    Some((from.trim().to_owned(), to.trim().to_owned()))
}
