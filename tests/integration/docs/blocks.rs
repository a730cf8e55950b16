//! Every block in a document is checked by a parser of its language.

use std::collections::BTreeSet;

use polyv_exporter::config::Source;
use polyv_simulator::Scenario;
use web_config::WebConfigFile;

use crate::support::certificates::Authority;
use crate::support::exporter_process::{polyv_exporter, run, text_of};
use crate::support::markdown::{Block, has_test, pages, read, tests_name};

/// The kinds of blocks, by language and content, and what checks them. The first match counts; a
/// block without a match fails.
const KINDS: &[Kind] = &[
    // Output of a program, or a drawing.
    ("text", |_| true, Check::Nothing),
    ("console", |_| true, COMMANDS),
    ("sh", |_| true, COMMANDS),
    ("bash", |_| true, COMMANDS),
    // Variables, as a file has them.
    ("shell", |_| true, Check::Tests("e2e/compose")),
    ("ini", |_| true, Check::Nothing),
    ("mermaid", |_| true, Check::Nothing),
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
    (
        "yaml",
        |block| block.page.starts_with("deploy/helm/"),
        Check::Tests("e2e/kubernetes_helm_page"),
    ),
    (
        "yaml",
        |block| has(block, "targets"),
        Check::Tests("e2e/alertmanager_chat"),
    ),
    ("yaml", |block| has(block, "tls_server_config"), WEB),
    ("yaml", |block| has(block, "basic_auth_users"), WEB),
    ("yaml", |block| has(block, "scrape_configs"), PROMETHEUS),
    ("yaml", |block| has(block, "rule_files"), PROMETHEUS),
    (
        "yaml",
        |block| has(block, "storage"),
        Check::Tests("e2e/victoria_remote_write"),
    ),
    ("yaml", is_of_our_rules, Check::Here(part_of_our_rules)),
    // Grafana's own format; the stack's file is checked with the dashboards.
    ("yaml", |block| has(block, "providers"), Check::Nothing),
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

/// A language, a condition on the block, and what checks blocks of that kind.
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
    /// The content is not checked.
    Nothing,
    /// This function checks it.
    Here(fn(&Block)),
    /// That test checks all blocks of the kind.
    Test(&'static str, &'static str),
    /// That file of tests checks the page, and names it.
    Tests(&'static str),
}

#[test]
fn every_block_is_checked() {
    let mut checked = BTreeSet::new();
    for block in pages()
        .iter()
        .flat_map(crate::support::markdown::Page::blocks)
    {
        let place = block.place();
        assert!(!block.language.is_empty(), "{place}: no language");
        let kind = KINDS
            .iter()
            .position(|(language, is, _)| *language == block.language && is(&block));
        let Some(kind) = kind else {
            panic!(
                "{place}: no check for this {}: see KINDS\n{}",
                block.language, block.text
            );
        };
        match &KINDS[kind].2 {
            Check::Nothing => {}
            Check::Here(check) => check(&block),
            Check::Test(file, test) => assert!(has_test(file, test), "{file} has no {test}"),
            Check::Tests(tests) => assert!(
                tests_name(tests, &block.page),
                "{place}: tests/integration/{tests}.rs does not check {}",
                block.page
            ),
        }
        checked.insert(kind);
    }
    assert!(checked.len() >= 12, "{checked:?}");
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
