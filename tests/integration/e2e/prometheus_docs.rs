//! What the documents show for Prometheus, as Prometheus itself sees it.

use std::fmt::Write as _;

use crate::support::certificates::Authority;
use crate::support::curl::OF_PROMETHEUS;
use crate::support::exporter_process::{client, text_of};
use crate::support::markdown::{Page, pages};
use crate::support::prometheus_stack::Prometheus;
use crate::support::promtool::{promtool, rules};

#[test]
fn documented_prometheus_files_are_valid() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    authority.server().write(files.path(), "prometheus");
    std::fs::write(files.path().join("ca.crt"), authority.pem()).unwrap();
    std::fs::write(files.path().join("polyv_password"), "p").unwrap();
    let mut expressions = String::new();
    let mut configurations = 0;
    for block in pages().iter().flat_map(Page::blocks) {
        let place = block.place();
        let head = |key: &str| block.text.lines().any(|line| line.starts_with(key));
        if block.language == "promql" {
            for line in block.text.lines().filter(|line| !line.is_empty()) {
                let quoted = line.replace('\'', "''");
                _ = writeln!(
                    expressions,
                    "  - {{record: shown, expr: '{quoted}'}} # {place}"
                );
            }
        } else if block.language == "yaml"
            && (head("scrape_configs:") || head("rule_files:"))
            // Debian's Prometheus can't discover in Kubernetes; the tests of that page check it.
            && !block.text.contains("kubernetes_sd_configs")
        {
            // The rules are where a reader would have put them.
            let rules = rules();
            let text = block
                .text
                .replace("/etc/prometheus/polyv.rules.yml", rules.to_str().unwrap());
            let path = files.path().join("prometheus.yml");
            std::fs::write(&path, &text).unwrap();
            let output = promtool(&["check", "config", path.to_str().unwrap()]);
            assert!(output.status.success(), "{place}: {}", text_of(&output));
            configurations += 1;
        }
    }
    assert!(configurations >= 4, "{configurations}");
    let path = files.path().join("shown.rules.yml");
    std::fs::write(
        &path,
        format!("groups:\n- name: shown\n  rules:\n{expressions}"),
    )
    .unwrap();
    let output = promtool(&["check", "rules", "--lint=none", path.to_str().unwrap()]);
    assert!(
        output.status.success(),
        "{}\n{expressions}",
        text_of(&output)
    );
    assert!(expressions.lines().count() > 5, "{expressions}");
}

#[tokio::test]
async fn documented_prometheus_calls_succeed() {
    let prometheus = Prometheus::start_with("{}").await;
    for path in OF_PROMETHEUS {
        let response = client().get(prometheus.at(path)).send().await.unwrap();
        assert_ne!(response.status(), 404, "{path}");
    }
    let response = client()
        .get(prometheus.at("/-/nothing"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 404);
}
