//! What `deploy/kubernetes` brings into a cluster is right.
//!
//! Needs `kustomize` in the path, `promtool` and `prometheus`, and a Python with Kubernetes' and the
//! Prometheus Operator's schemas, named by `POLYV_TEST_PYTHON`: `make test` sees to it, or leaves
//! these tests out and says so.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::exporter_process::{run, text_of};
use crate::support::kubernetes::{
    Objects, Shown, all, build, built, built_each, deploy, files, page, python, read, root, text,
    yaml,
};
use crate::support::promtool::promtool;

/// The oldest Kubernetes that the documents promise, and the newest whose schemas there are.
const VERSIONS: [&str; 2] = ["1.27", "1.37"];
/// What `kubectl apply` keeps of an object in one of its annotations has to be smaller.
const APPLIED: usize = 262_144;

#[test]
fn objects_are_valid_in_the_oldest_and_newest_kubernetes() {
    let shown = Shown::new();
    let directory = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (number, kustomization) in all(&shown).iter().enumerate() {
        let path = directory.path().join(format!("{number}.yaml"));
        std::fs::write(&path, build(kustomization)).unwrap();
        paths.push(path);
    }
    let validate = |paths: &[PathBuf]| {
        let mut arguments = vec!["validate"];
        arguments.extend(VERSIONS);
        arguments.push("--");
        arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
        python(&arguments)
    };
    assert_eq!(validate(&paths), "");
    // An unknown key is a fault.
    let typing = std::fs::read_to_string(&paths[0])
        .unwrap()
        .replace("readinessProbe:", "readynessProbe:")
        .replace("scrapeTimeout:", "scrapeTimout:");
    std::fs::write(&paths[0], typing).unwrap();
    let faults = validate(&paths[..1]);
    assert_eq!(faults.lines().count(), VERSIONS.len() + 1, "{faults}");
    assert!(
        faults.contains("'readynessProbe' was unexpected"),
        "{faults}"
    );
    assert!(
        faults.contains("ServiceMonitor polyv-exporter: an unknown key"),
        "{faults}"
    );

    for objects in read(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>()) {
        for item in &objects.0 {
            let size = item.to_string().len();
            assert!(size < APPLIED, "{}: {size}", item["metadata"]["name"]);
        }
    }
}

#[test]
fn every_file_and_kustomization_is_used() {
    let shown = page();
    let mut count = 0;
    for path in files(&deploy()) {
        count += 1;
        let inside = path.strip_prefix(deploy()).unwrap();
        let is_kustomization = path.ends_with("kustomization.yaml");
        if is_kustomization {
            // A component that the whole does not have is shown on the page.
            let name = inside.parent().unwrap().to_str().unwrap();
            let whole = std::fs::read_to_string(deploy().join("kustomization.yaml")).unwrap();
            let used = name.is_empty() || whole.contains(&format!("- {name}\n"));
            let link = format!("//deploy/kubernetes/{name}?ref=");
            assert!(used || shown.contains(&link), "{name} is unused");
            continue;
        }
        // The nearest kustomization above names it.
        let above = path.ancestors().skip(1);
        let home = above
            .take_while(|directory| directory.starts_with(deploy()))
            .find(|directory| directory.join("kustomization.yaml").exists())
            .unwrap();
        let name = path
            .strip_prefix(home)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let text = std::fs::read_to_string(home.join("kustomization.yaml")).unwrap();
        let named = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(|line| line.split(|c: char| " ,[]{}".contains(c)))
            .any(|word| word == name);
        assert!(named, "{} is in no kustomization", inside.display());
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn cluster_rules_equal_the_shipped_rules() {
    let path = deploy().join("components/prometheus-operator/prometheusrule.yaml");
    let made = run(&mut Command::new(root().join("scripts/kubernetes-rules")));
    assert!(made.status.success(), "{}", text_of(&made));
    assert!(
        std::fs::read(&path).unwrap() == made.stdout,
        "{} and alerts/polyv.rules.yml have parted ways: `make kubernetes` generates it",
        path.display()
    );
    let rules = root().join("alerts/polyv.rules.yml");
    let two = read(&[&path, &rules]);
    let groups = &two[0].only("PrometheusRule")["spec"]["groups"];
    assert_eq!(groups, &two[1].0[0]["groups"]);
    assert_eq!(groups.as_array().unwrap().len(), 2);

    // What arrives in the cluster has gone through kustomize.
    let objects = built(&deploy());
    let file = tempfile::NamedTempFile::new().unwrap();
    let arrived = &objects.only("PrometheusRule")["spec"];
    std::fs::write(file.path(), arrived.to_string()).unwrap();
    let checked = promtool(&["check", "rules", file.path().to_str().unwrap()]);
    assert!(checked.status.success(), "{}", text_of(&checked));
    let words = |groups: &Value| -> Vec<String> {
        let text = groups.to_string().replace("\\n", " ");
        text.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(words(&arrived["groups"]), words(groups));
}

#[test]
fn dashboards_are_config_maps_for_the_sidecar() {
    let objects = built(&deploy());
    let mut found = 0;
    for map in objects.of_kind("ConfigMap") {
        if map["metadata"]["labels"]["grafana_dashboard"] != "1" {
            continue;
        }
        for (name, content) in map["data"].as_object().unwrap() {
            let file = std::fs::read_to_string(root().join("dashboards").join(name)).unwrap();
            assert_eq!(text(content), file, "{name}");
            found += 1;
        }
    }
    let is_json = |path: &PathBuf| path.extension().is_some_and(|e| e == "json");
    let shipped = files(&root().join("dashboards"));
    assert_eq!(found, shipped.iter().filter(|path| is_json(path)).count());
}

/// Whether all of a selector's labels are among some labels.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().unwrap();
    !selector.is_empty() && selector.iter().all(|(key, value)| &labels[key] == value)
}

#[test]
fn object_references_exist() {
    let shown = Shown::new();
    let paths = all(&shown);
    for (path, objects) in paths.iter().zip(built_each(&paths)) {
        let workload = objects.workload();
        let pod = objects.pod();
        let labels = &pod["metadata"]["labels"];
        let container = objects.container();
        let image = concat!(
            "ghcr.io/polyv-exporter/polyv-exporter:",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(container["image"], image);
        let port = &container["ports"][0];
        assert_eq!(
            (text(&port["name"]), &port["containerPort"]),
            ("http", &json!(9847))
        );

        assert!(selects(
            &workload["spec"]["selector"]["matchLabels"],
            labels
        ));
        let budget = &objects.only("PodDisruptionBudget")["spec"];
        assert!(selects(&budget["selector"]["matchLabels"], labels));
        assert_eq!(budget["maxUnavailable"], 1);
        let service = objects.only("Service");
        assert!(selects(&service["spec"]["selector"], labels));
        assert_eq!(
            service["spec"]["ports"],
            json!([{"name": "http", "port": 9847, "targetPort": "http"}])
        );
        for monitor in objects.of_kind("ServiceMonitor") {
            let spec = &monitor["spec"];
            assert!(selects(
                &spec["selector"]["matchLabels"],
                &service["metadata"]["labels"]
            ));
            assert_eq!(
                spec["endpoints"][0]["port"],
                service["spec"]["ports"][0]["name"]
            );
            assert_eq!(
                monitor["metadata"]["namespace"],
                service["metadata"]["namespace"]
            );
        }
        for policy in objects.of_kind("NetworkPolicy") {
            assert!(selects(
                &policy["spec"]["podSelector"]["matchLabels"],
                labels
            ));
            assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], "http");
            let names = &policy["spec"]["egress"][0]["ports"];
            for protocol in ["UDP", "TCP"] {
                for port in [53, 5353] {
                    let wanted = json!({"protocol": protocol, "port": port});
                    assert!(names.as_array().unwrap().contains(&wanted), "{names}");
                }
            }
        }
        for constraint in pod["spec"]["topologySpreadConstraints"]
            .as_array()
            .into_iter()
            .flatten()
        {
            assert!(selects(&constraint["labelSelector"]["matchLabels"], labels));
        }
        // Nothing secret is shipped, and the namespace is the reader's choice.
        assert!(objects.of_kind("Secret").is_empty());
        let is_ours = path.starts_with(deploy());
        for item in &objects.0 {
            let namespace = &item["metadata"]["namespace"];
            assert_eq!(
                namespace,
                &if is_ours { json!(null) } else { json!("polyv") }
            );
        }
        // However many pods there are at a time, they keep Polyv's limit, for all clients of an
        // address: 1,500 calls in 10 seconds.
        let spec = &workload["spec"];
        let replicas = spec["replicas"].as_u64().unwrap();
        let pods = replicas
            + spec["strategy"]["rollingUpdate"]["maxSurge"]
                .as_u64()
                .unwrap_or(0);
        let name = config_map(pod, "config");
        let config = text(&objects.get("ConfigMap", &name)["data"]["polyv.yml"]);
        let config = yaml(config);
        let limit = &config["api"]["rate_limit"];
        assert_eq!(limit["per"], "10s");
        assert!(
            pods * limit["requests"].as_u64().unwrap() < 1500,
            "{}",
            path.display()
        );
        // Each pod of a StatefulSet is a shard, and there are no others.
        if workload["kind"] == "StatefulSet" {
            assert!(objects.of_kind("Deployment").is_empty());
            assert_eq!(spec["serviceName"], service["metadata"]["name"]);
            let total = &container["env"].as_array().unwrap()[0];
            assert_eq!(
                total,
                &json!({"name": "POLYV_EXPORTER_SHARD_TOTAL", "value": replicas.to_string()})
            );
        }
    }
}

/// The name of the `ConfigMap` of a volume.
fn config_map(pod: &Value, volume: &str) -> String {
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    let volume = volumes.iter().find(|v| v["name"] == volume).unwrap();
    text(&volume["configMap"]["name"]).to_owned()
}

#[test]
fn changed_polyv_yml_replaces_the_pod_and_changed_channels_do_not() {
    let shown = Shown::new();
    let (ours, theirs) = (built(&deploy()), built(&shown.path("polyv")));
    let name = |objects: &Objects, volume| config_map(objects.pod(), volume);
    assert_ne!(name(&ours, "config"), name(&theirs, "config"));
    assert_eq!(name(&ours, "channels"), name(&theirs, "channels"));
    assert_eq!(
        ours.pod()["spec"]["containers"],
        theirs.pod()["spec"]["containers"]
    );
    std::fs::write(shown.path("polyv/channels/halls.yml"), "- id: 5\n").unwrap();
    let edited = built(&shown.path("polyv"));
    assert_eq!(edited.pod(), theirs.pod());
    // Its own channels are there, and the example's are gone.
    let channels = edited.get("ConfigMap", "polyv-exporter-channels");
    assert_eq!(channels["data"], json!({"halls.yml": "- id: 5\n"}));
}
