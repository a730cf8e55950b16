//! What `deploy/helm/polyv-exporter/README.md` shows works.
//!
//! Needs what `e2e::kubernetes_helm` needs. `docs/kubernetes.md` leads there.

use std::collections::{BTreeMap, BTreeSet};

use crate::docs::pages::blocks;
use crate::support::helm::{Rendered, chart, render};
use crate::support::kubernetes::{Objects, root, text};

/// The files of values that the page shows, by name.
fn shown() -> BTreeMap<String, String> {
    let page = std::fs::read_to_string(chart().join("README.md")).unwrap();
    let named = blocks(&page, "yaml").into_iter().map(|block| {
        let (name, content) = block.strip_prefix("# ").unwrap().split_once('\n').unwrap();
        (name.to_owned(), content.to_owned())
    });
    named.collect()
}

fn commands() -> Vec<Vec<String>> {
    let page = std::fs::read_to_string(chart().join("README.md")).unwrap();
    let lines: Vec<String> = blocks(&page, "console")
        .iter()
        .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let words = |line: &String| line.split(' ').skip(1).map(str::to_owned).collect();
    lines.iter().map(words).collect()
}

/// What a command of helm makes of the chart, which it names by its place in the repository or in a
/// registry.
fn helm(arguments: &[&str]) -> Option<Rendered> {
    let files = shown();
    let (arguments, options) = match arguments {
        [
            "install" | "upgrade" | "template",
            "polyv-exporter",
            at,
            options @ ..,
        ] => (*at, options),
        ["lint" | "package", at] => (*at, &[][..]),
        ["rollback", "polyv-exporter", "--namespace", "polyv"] => return None,
        ["push", archive, "oci://registry.example.com/charts"] => {
            assert_eq!(
                *archive,
                concat!("polyv-exporter-", env!("CARGO_PKG_VERSION"), ".tgz")
            );
            return None;
        }
        other => panic!("no test checks this command: {other:?}"),
    };
    let is_ours = root().join(arguments).join("Chart.yaml").exists();
    assert!(is_ours || arguments == "oci://registry.example.com/charts/polyv-exporter");
    let mut values = Vec::new();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--create-namespace" => {}
            "--namespace" => assert_eq!(options.next(), Some(&"polyv")),
            "--version" => assert_eq!(options.next(), Some(&env!("CARGO_PKG_VERSION"))),
            "--set" => {
                assert_eq!(options.next(), Some(&"simulator.enabled=true"));
                values.push("simulator: {enabled: true}".to_owned());
            }
            "--values" => values.push(files[*options.next().unwrap()].clone()),
            other => panic!("no test checks this option: {other}"),
        }
    }
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    (!values.is_empty()).then(|| render(&values).unwrap())
}

#[test]
fn documented_helm_commands_name_existing_objects() {
    let mut made: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut last: Option<Objects> = None;
    let mut count = 0;
    for words in commands() {
        count += 1;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["helm", arguments @ ..] => {
                if let Some(rendered) = helm(arguments) {
                    assert_eq!(rendered.lint, [""; 0]);
                    last = Some(rendered.objects);
                }
            }
            ["kubectl", "create", "namespace", "polyv"] => {}
            [
                "kubectl",
                "-n",
                "polyv",
                "create",
                "secret",
                "generic",
                name,
                options @ ..,
            ] => {
                let keys = made.entry((*name).to_owned()).or_default();
                for option in options {
                    let (_, key) = option.split_once('=').unwrap();
                    keys.insert(key.split('=').next().unwrap().to_owned());
                }
            }
            ["kubectl", "-n", "polyv", "port-forward", object, "9847"]
            | ["kubectl", "-n", "polyv", "rollout", "status", object] => {
                let (kind, name) = object.split_once('/').unwrap();
                let kind = format!("{}{}", kind[..1].to_uppercase(), &kind[1..]);
                last.as_ref().unwrap().get(&kind, name);
            }
            other => panic!("no test checks this command: {other:?}"),
        }
    }
    assert!(count >= 14, "{count}");

    // The Secrets that are made are those that the shown values take.
    let files = shown();
    let objects = render(&[&files["my-values.yaml"], &files["web-config.yaml"]])
        .unwrap()
        .objects;
    for volume in objects.pod()["spec"]["volumes"].as_array().unwrap() {
        for source in volume["projected"]["sources"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let keys = &made[text(&source["secret"]["name"])];
            assert!(keys.contains(text(&source["secret"]["items"][0]["key"])));
        }
        if let Some(name) = volume["secret"]["secretName"].as_str() {
            assert!(made[name].contains("web.yml"), "{name}");
        }
    }
    let endpoint = &objects.only("ServiceMonitor")["spec"]["endpoints"][0];
    for reference in [
        &endpoint["tlsConfig"]["ca"]["secret"],
        &endpoint["basicAuth"]["username"],
        &endpoint["basicAuth"]["password"],
    ] {
        assert!(made[text(&reference["name"])].contains(text(&reference["key"])));
    }
}

#[test]
fn documented_values_add_to_ones_own() {
    let files = shown();
    let own = &files["my-values.yaml"];
    for (name, expected) in [
        ("my-values.yaml", ("Deployment", 1)),
        ("two.yaml", ("Deployment", 2)),
        ("shards.yaml", ("StatefulSet", 3)),
        ("recorder.yaml", ("Deployment", 1)),
        ("web-config.yaml", ("Deployment", 1)),
    ] {
        let rendered = render(&[own, &files[name]]).unwrap();
        assert_eq!(rendered.lint, [""; 0], "{name}");
        let workload = rendered.objects.workload();
        let found = (
            text(&workload["kind"]),
            workload["spec"]["replicas"].as_i64().unwrap(),
        );
        assert_eq!(found, expected, "{name}");
        let notes = &rendered.templates["polyv-exporter/templates/NOTES.txt"];
        let status = format!(
            "rollout status {}/polyv-exporter",
            expected.0.to_lowercase()
        );
        assert!(notes.contains(&status), "{notes}");
    }
    assert_eq!(files.len(), 5);
}
