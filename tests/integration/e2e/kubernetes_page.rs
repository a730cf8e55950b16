//! The commands of `docs/kubernetes.md` fit what is shipped.
//!
//! Needs what `e2e::kubernetes` needs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::docs::pages::blocks;
use crate::support::kubernetes::{Shown, built, page, text, yaml};
use crate::support::markdown::Page;

/// The commands that the page shows.
fn commands() -> Vec<String> {
    blocks(&page(), "console")
        .iter()
        .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .map(|line| line.strip_prefix("$ ").expect(&line).to_owned())
        .chain(mentioned())
        .collect()
}

/// Those that it mentions in a sentence, as far as they stand there in full.
fn mentioned() -> Vec<String> {
    let spans = Page::open("docs/kubernetes.md").spans();
    let spans = spans.into_iter().map(|(_, span)| span);
    spans
        .filter(|span| span.starts_with("kubectl -n "))
        .collect()
}

/// What refers to a Secret: its name, and the key where it needs a certain one.
fn secret_references(value: &Value, found: &mut BTreeSet<(String, Option<String>)>) {
    match value {
        Value::Object(object) => {
            if let Some(name) = object.get("secretName") {
                found.insert((text(name).to_owned(), None));
            }
            if let (Some(name), Some(key)) = (object.get("name"), object.get("key")) {
                found.insert((text(name).to_owned(), Some(text(key).to_owned())));
            }
            object
                .values()
                .for_each(|value| secret_references(value, found));
        }
        Value::Array(list) => list
            .iter()
            .for_each(|value| secret_references(value, found)),
        _ => {}
    }
}

#[test]
fn documented_kubernetes_commands_name_existing_objects() {
    let shown = Shown::new();
    let objects = built(&shown.path("polyv"));
    let mut made: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut built_ones = BTreeSet::new();
    for line in commands() {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[0], "kubectl", "{line}");
        if words[1] == "-n" {
            assert_eq!(words[2], "polyv", "{line}");
        }
        let rest = if words[1] == "-n" {
            &words[3..]
        } else {
            &words[1..]
        };
        match rest {
            ["create", "namespace", "polyv"] => {}
            ["label", "namespace", "polyv", label] => {
                assert_eq!(*label, "pod-security.kubernetes.io/enforce=restricted");
            }
            ["create", "secret", "generic", name, options @ ..] => {
                let keys = made.entry((*name).to_owned()).or_default();
                for option in options.iter().take_while(|word| **word != "|") {
                    let source = ["--from-file=", "--from-literal="]
                        .iter()
                        .find_map(|before| option.strip_prefix(before));
                    let key = source.map(|source| source.split('=').next().unwrap().to_owned());
                    keys.extend(key);
                }
            }
            ["kustomize", directory] | ["apply", "-k", directory] => {
                built_ones.insert(shown.path(directory));
            }
            ["logs", "-l", selector, "--prefix", "--tail=20"]
            | ["describe", "pod", "-l", selector] => {
                // Not `deployment/…`: of several pods that names the oldest, which is the one that works.
                let (key, value) = selector.split_once('=').unwrap();
                assert_eq!(objects.pod()["metadata"]["labels"][key], value, "{line}");
            }
            ["port-forward", "pod/polyv-exporter-2", "9847"] => {
                let shards = built(&shown.path("shards"));
                let set = shards.only("StatefulSet");
                assert_eq!(set["metadata"]["name"], "polyv-exporter");
                assert!(set["spec"]["replicas"].as_u64() > Some(2));
            }
            ["rollout", "status" | "undo", object] | ["port-forward", object, "9847"] => {
                let (kind, name) = object.split_once('/').unwrap();
                let kind = format!("{}{}", kind[..1].to_uppercase(), &kind[1..]);
                objects.get(&kind, name);
            }
            _ => panic!("no test checks this command: {line}"),
        }
    }
    assert!(
        built_ones
            .iter()
            .all(|directory| directory.join("kustomization.yaml").exists())
    );
    assert_eq!(built_ones.len(), 2);
    // What is mounted and referred to is what the commands make, and nothing else.
    let mut wanted = BTreeSet::new();
    for item in &built(&shown.path("web-config")).0 {
        secret_references(&item["spec"]["template"]["spec"]["volumes"], &mut wanted);
        secret_references(&item["spec"]["endpoints"], &mut wanted);
    }
    let names: BTreeSet<&String> = wanted.iter().map(|(name, _)| name).collect();
    assert_eq!(names, made.keys().collect());
    for (name, key) in &wanted {
        if let Some(key) = key {
            assert!(made[name].contains(key), "{name} has no {key}");
        }
    }
    let config = yaml(&std::fs::read_to_string(shown.path("polyv/polyv.yml")).unwrap());
    let file = text(&config["accounts"][0]["app_secret_file"]).to_owned();
    let key = file.strip_prefix("/run/secrets/polyv/").unwrap();
    assert!(made["polyv"].contains(key));
    let web = yaml(&std::fs::read_to_string(shown.path("web-config/web.yml")).unwrap());
    let tls = web["tls_server_config"].as_object().unwrap();
    for file in tls.values().map(text).chain(["web.yml"]) {
        assert!(made["polyv-exporter-web"].contains(file), "{file}");
    }
}
