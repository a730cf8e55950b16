//! What the Helm chart brings into a cluster is right, and the same as `deploy/kubernetes`.
//!
//! Needs what `e2e::kubernetes` needs, and Helm's engine in the same Python.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::kubernetes::selects;
use super::kubernetes_pods::restricted_violations;
use crate::support::exporter_process::{Program, address_in, client, polyv_exporter, run, text_of};
use crate::support::helm::{Release, Rendered, chart, render, render_each, values_files};
use crate::support::kubernetes::{
    Objects, Shown, built, deploy, files as all_files, python, read, root, text, yaml,
};
use crate::support::pod::{Pod, secrets, simulated, start, start_as};
use crate::support::scrape::Scrape;
use crate::support::secured_exporter::until;
use crate::support::simulator_server::SimulatorServer;

const VERSIONS: [&str; 2] = ["1.27", "1.37"];

/// Each file of values rendered, by its name.
fn rendered() -> BTreeMap<String, Rendered> {
    let files = values_files();
    let releases: Vec<Release<'_>> = files
        .values()
        .map(|values| Release {
            name: "polyv-exporter",
            namespace: "polyv",
            values: vec![values.clone()],
        })
        .collect();
    files
        .keys()
        .cloned()
        .zip(render_each(&releases))
        .map(|(name, rendered)| (name.clone(), rendered.expect(&name)))
        .collect()
}

#[test]
fn chart_is_valid_in_the_oldest_and_newest_kubernetes() {
    let directory = tempfile::tempdir().unwrap();
    let mut arguments = vec!["validate".to_owned()];
    arguments.extend(VERSIONS.map(str::to_owned));
    arguments.push("--".to_owned());
    for (name, rendered) in rendered() {
        assert_eq!(rendered.lint, [""; 0], "{name}");
        let path = directory.path().join(&name);
        let known = rendered
            .objects
            .0
            .iter()
            .filter(|item| !is_of_gateways(item));
        let documents: Vec<String> = known.map(Value::to_string).collect();
        std::fs::write(&path, documents.join("\n---\n")).unwrap();
        arguments.push(path.to_str().unwrap().to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(python(&arguments), "");
}

/// No schema of the Gateway API is at hand.
fn is_of_gateways(item: &Value) -> bool {
    text(&item["apiVersion"]).starts_with("gateway.networking.k8s.io/")
}

#[test]
fn http_route_leads_to_the_service() {
    let all = rendered();
    let objects = &all["everything"].objects;
    assert_eq!(
        objects.only("HTTPRoute")["spec"],
        json!({
            "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
            "hostnames": ["polyv.example.com"],
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": "/polyv"}}],
                "backendRefs": [{"name": "watcher", "port": 80}],
            }],
        })
    );
}

/// What an object is apart from what Helm and kustomize each call things and add.
fn comparable(object: &Value) -> Value {
    const OWN: [&str; 10] = [
        "app.kubernetes.io/instance",
        "app.kubernetes.io/version",
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/part-of",
        "helm.sh/chart",
        "checksum/config",
        "namespace",
        "serviceAccountName",
        "imagePullPolicy",
        "release",
    ];
    match object {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !OWN.contains(&key.as_str()));
            let kept = kept.map(|(key, value)| (key.clone(), comparable(value)));
            // Nothing but what was left out was in it.
            let kept = kept.filter(|(key, value)| key != "annotations" || *value != json!({}));
            Value::Object(kept.collect())
        }
        Value::Array(list) => list.iter().map(comparable).collect(),
        other => other.clone(),
    }
}

/// A workload without the names of its `ConfigMap`s, and with its secret as a file in a directory.
fn comparable_workload(objects: &Objects) -> Value {
    let mut workload = comparable(objects.workload());
    let volumes = workload["spec"]["template"]["spec"]["volumes"].as_array_mut();
    let volumes = volumes.unwrap();
    volumes.sort_by_key(|volume| volume["name"].to_string());
    for volume in volumes {
        match text(&volume["name"]) {
            "secret" => {
                let mode = |kind: &str| volume[kind]["defaultMode"].clone();
                let modes = [mode("secret"), mode("projected")];
                assert!(modes.contains(&json!(0o440)), "{volume}");
                *volume = json!("secret");
            }
            "config" | "channels" => *volume = volume["name"].clone(),
            _ => {}
        }
    }
    let mounts =
        workload["spec"]["template"]["spec"]["containers"][0]["volumeMounts"].as_array_mut();
    mounts
        .unwrap()
        .sort_by_key(|mount| mount["name"].to_string());
    workload
}

#[test]
fn chart_equals_the_kustomization() {
    let shown = Shown::new();
    let files = values_files();
    let like_kustomize = &files["kustomize"];
    for (kustomization, values) in [
        (deploy(), ""),
        (shown.path("two"), "replicaCount: 2"),
        (shown.path("shards"), "shards: 3"),
        (shown.path("recorder"), "recorder: {enabled: true}"),
        (shown.path("web-config"), &files["web-config"]),
    ] {
        let theirs = built(&kustomization);
        let ours = render(&[like_kustomize, values]).unwrap().objects;
        assert_eq!(
            comparable_workload(&ours),
            comparable_workload(&theirs),
            "{}",
            kustomization.display()
        );
        for kind in ["PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"] {
            assert_eq!(comparable(ours.only(kind)), comparable(theirs.only(kind)));
        }
        let mut service = comparable(ours.only("Service"));
        assert_eq!(
            service["spec"].as_object_mut().unwrap().remove("type"),
            Some(json!("ClusterIP"))
        );
        assert_eq!(service, comparable(theirs.only("Service")));
    }
}

#[test]
fn chart_has_the_shipped_rules_dashboards_and_channels() {
    let files = values_files();
    let ours = render(&[&files["kustomize"]]).unwrap().objects;
    let theirs = built(&deploy());
    let rules = &read(&[&root().join("alerts/polyv.rules.yml")])[0].0[0];
    assert_eq!(
        ours.only("PrometheusRule")["spec"]["groups"],
        rules["groups"]
    );

    let dashboards = |objects: &Objects| -> BTreeMap<String, Value> {
        let maps = objects.of_kind("ConfigMap").into_iter();
        let maps = maps.filter(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1");
        let data = maps.flat_map(|map| map["data"].as_object().unwrap().clone());
        data.collect()
    };
    assert_eq!(dashboards(&ours).len(), 3);
    assert_eq!(dashboards(&ours), dashboards(&theirs));

    let channels = |objects: &Objects| {
        let data = &objects.get("ConfigMap", "polyv-exporter-channels")["data"];
        yaml_list(text(&data["main.yml"]))
    };
    assert_eq!(channels(&ours), channels(&theirs));
    let config = |objects: &Objects| {
        let maps = objects.of_kind("ConfigMap").into_iter();
        let mut texts = maps.filter_map(|map| map["data"]["polyv.yml"].as_str());
        let mut config = yaml(texts.next().unwrap());
        let file = config["accounts"][0]["app_secret_file"].take();
        assert!(text(&file).starts_with("/run/secrets/polyv/"));
        config["accounts"][0]["channel_files"] = json!(null);
        config
    };
    assert_eq!(config(&ours), config(&theirs));
}

fn yaml_list(text: &str) -> Vec<Value> {
    let list = yaml(&format!("list:\n{text}"));
    list["list"].as_array().unwrap().clone()
}

#[test]
fn generated_chart_files_are_current() {
    let script = root().join("scripts/helm-chart");
    let python = std::env::var("POLYV_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let checked = run(Command::new(python).arg("-B").arg(script).arg("--check"));
    assert!(checked.status.success(), "{}", text_of(&checked));
}

/// The values that there are, as the defaults list them; of what the schema leaves open, the whole.
fn values_in(defaults: &Value, schema: &Value, before: &str, found: &mut BTreeSet<String>) {
    for (key, schema) in schema["properties"].as_object().unwrap() {
        let pointer = format!("{before}/{key}");
        match &defaults[key] {
            Value::Object(map) if !map.is_empty() && schema["properties"].is_object() => {
                values_in(&defaults[key], schema, &pointer, found);
            }
            _ => _ = found.insert(pointer),
        }
    }
}

#[test]
fn every_value_has_a_default_a_schema_and_a_use() {
    let schema = std::fs::read_to_string(chart().join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let defaults = yaml(&std::fs::read_to_string(chart().join("values.yaml")).unwrap());
    let mut known = BTreeSet::new();
    values_in(&defaults, &schema, "", &mut known);
    // What Helm gives to each chart of a larger one.
    known.remove("/global");
    assert!(known.len() > 75, "{known:?}");
    // The schema refuses what it does not list, so this is all. A value is in `values.yaml`, and in one
    // of the files that the tests render.
    let files: Vec<Value> = values_files().values().map(|file| yaml(file)).collect();
    for pointer in known {
        assert!(
            defaults.pointer(&pointer).is_some(),
            "{pointer} has no default"
        );
        let is_used = files.iter().any(|file| file.pointer(&pointer).is_some());
        assert!(is_used, "no file of values has {pointer}");
    }
}

#[test]
fn schema_refuses_secrets_and_wrong_values() {
    const ACCOUNT: &str = "name: main, appId: a, existingSecret: polyv, channels: [{id: '1'}]";
    let of_account = |more: &str| format!("accounts: [{{{ACCOUNT}, {more}}}]");
    let beside = |more: &str| format!("accounts: [{{{ACCOUNT}}}]\n{more}");
    assert!(render(&[&beside("")]).is_ok());
    let faults = [
        // Secrets.
        (of_account("appSecret: s"), "'appSecret' not allowed"),
        (of_account("app_secret: s"), "'app_secret' not allowed"),
        (
            of_account("extraConfig: {app_secret: s}"),
            "invalid propertyName 'app_secret'",
        ),
        (beside("appSecret: s"), "'appSecret' not allowed"),
        (beside("config: {accounts: []}"), "'accounts' not allowed"),
        (
            beside("extraEnv: [{name: POLYV_APP_SECRET, value: s}]"),
            "at '/extraEnv/0/value'",
        ),
        (
            beside("serviceMonitor: {basicAuth: {password: p}}"),
            "got string, want object",
        ),
        // Unknown keys.
        (beside("replicas: 2"), "'replicas' not allowed"),
        (beside("image: {sha: x}"), "'sha' not allowed"),
        (
            beside("serviceMonitor: {enable: true}"),
            "'enable' not allowed",
        ),
        (of_account("channel: []"), "'channel' not allowed"),
        // Wrong ones.
        (
            "accounts: [{name: main, appId: a, existingSecret: polyv, channels: [{id: 3880533}]}]"
                .to_owned(),
            "got number, want string",
        ),
        (
            "accounts: [{name: main, appId: a, existingSecret: polyv}]".to_owned(),
            "missing property",
        ),
        (
            "accounts: [{name: main, existingSecret: polyv, discover: {}}]".to_owned(),
            "missing property 'appId'",
        ),
        (beside("image: {digest: 0123}"), "at '/image/digest'"),
        (
            beside("serviceMonitor: {interval: 15}"),
            "at '/serviceMonitor/interval'",
        ),
        (beside("replicaCount: 3"), "at '/replicaCount'"),
        (beside("shards: 0"), "at '/shards'"),
        (
            beside("shards: 2\nreplicaCount: 2"),
            "replicaCount: leave it at 1",
        ),
        (
            beside("replicaCount: 2\nrecorder: {enabled: true}"),
            "replicaCount: leave it at 1 with recorder",
        ),
        (
            beside("shards: 2\nrecorder: {enabled: true, persistence: {existingClaim: mine}}"),
            "leave it out with shards",
        ),
        (
            beside("remoteWrite: [{url: http://x}]"),
            "set recorder.enabled",
        ),
        (
            beside("remoteWrite: [{url: http://x, basic_auth: {username: a, password: b}}]"),
            "invalid propertyName 'password'",
        ),
        (
            format!("accounts: [{{{ACCOUNT}}}, {{{ACCOUNT}}}]"),
            "accounts: main is there twice",
        ),
        (String::new(), "accounts: name at least one"),
        (
            beside("prometheusRule: {enabled: true, thresholds: {bitrate: 1}}"),
            "there is no bitrate",
        ),
        (
            beside("prometheusRule: {enabled: true, disabledAlerts: [Polyv]}"),
            "there is no Polyv",
        ),
    ];
    let releases: Vec<Release<'_>> = faults
        .iter()
        .map(|(values, _)| Release {
            name: "polyv-exporter",
            namespace: "polyv",
            values: vec![values.clone()],
        })
        .collect();
    for ((values, fault), rendered) in faults.iter().zip(render_each(&releases)) {
        match rendered {
            Err(error) => assert!(error.contains(fault), "{values}: {error}"),
            Ok(_) => panic!("this is accepted: {values}"),
        }
    }
}

#[test]
fn values_change_thresholds_and_disable_alerts() {
    let all = rendered();
    let rules = |name: &str| -> Vec<Value> {
        let groups = all[name].objects.only("PrometheusRule")["spec"]["groups"].clone();
        let groups = groups.as_array().unwrap().iter();
        groups
            .flat_map(|group| group["rules"].as_array().unwrap().clone())
            .collect()
    };
    let (shipped, mut changed) = (rules("kustomize"), rules("everything"));
    // In Chinese, as the values say; then as shipped, for comparison.
    for rule in changed.iter_mut().filter(|rule| !rule["alert"].is_null()) {
        let page = text(&rule["annotations"]["runbook_url"]).to_owned();
        let (_, path) = page.split_once("/blob/main/").unwrap();
        assert!(
            path.starts_with("docs/zh/runbooks/") && root().join(path).exists(),
            "{path}"
        );
        rule["annotations"]["runbook_url"] = json!(page.replace("/zh/", "/"));
    }
    assert_eq!(shipped.len(), changed.len() + 1);
    assert!(shipped.iter().any(|rule| rule["alert"] == "PolyvClockSkew"));
    assert!(changed.iter().all(|rule| rule["alert"] != "PolyvClockSkew"));
    let differing: BTreeMap<&str, &str> = changed
        .iter()
        .filter(|rule| !shipped.contains(rule))
        .map(|rule| (text(&rule["labels"]["threshold"]), text(&rule["expr"])))
        .collect();
    let expected = [
        ("bitrate_dropped_of_expected", "vector(0.4)"),
        ("video_frozen_seconds", "vector(30)"),
    ];
    assert_eq!(differing, BTreeMap::from(expected));
}

#[test]
fn chart_references_exist_and_pods_keep_the_limit() {
    for (file, rendered) in rendered() {
        let objects = rendered.objects;
        let of_exporter = |kind: &str| -> Vec<Value> {
            let all = objects.of_kind(kind).into_iter();
            let is_simulator =
                |item: &Value| text(&item["metadata"]["name"]).ends_with("-simulator");
            all.filter(|item| !is_simulator(item)).cloned().collect()
        };
        let workloads = [of_exporter("Deployment"), of_exporter("StatefulSet")].concat();
        let [workload] = workloads.as_slice() else {
            panic!("{file}: {}", workloads.len())
        };
        let spec = &workload["spec"];
        let pod = &spec["template"];
        let labels = &pod["metadata"]["labels"];
        assert!(selects(&spec["selector"]["matchLabels"], labels), "{file}");
        let service = &of_exporter("Service")[0];
        assert!(selects(&service["spec"]["selector"], labels), "{file}");
        for (kind, pointer) in [
            ("PodDisruptionBudget", "/spec/selector/matchLabels"),
            ("NetworkPolicy", "/spec/podSelector/matchLabels"),
        ] {
            for object in of_exporter(kind) {
                assert!(
                    selects(object.pointer(pointer).unwrap(), labels),
                    "{file}: {kind}"
                );
            }
        }
        for monitor in objects.of_kind("ServiceMonitor") {
            let selector = &monitor["spec"]["selector"]["matchLabels"];
            assert!(selects(selector, &service["metadata"]["labels"]), "{file}");
            let namespaces = &monitor["spec"]["namespaceSelector"]["matchNames"];
            let elsewhere = monitor["metadata"]["namespace"] != service["metadata"]["namespace"];
            assert_eq!(elsewhere, !namespaces.is_null(), "{file}");
            if elsewhere {
                assert_eq!(namespaces[0], service["metadata"]["namespace"]);
            }
        }
        // The simulated Polyv is no exporter.
        for simulator in objects.of_kind("Deployment") {
            let labels = &simulator["spec"]["template"]["metadata"]["labels"];
            let is_exporter = simulator["metadata"]["name"] == workload["metadata"]["name"];
            assert_eq!(
                selects(&service["spec"]["selector"], labels),
                is_exporter,
                "{file}"
            );
        }
        let account = &pod["spec"]["serviceAccountName"];
        match objects.of_kind("ServiceAccount").as_slice() {
            [made] => assert_eq!(&made["metadata"]["name"], account),
            _ => assert_eq!(account, "watcher"),
        }
        assert!(objects.of_kind("Secret").is_empty());
        let in_namespace = objects
            .0
            .iter()
            .filter(|item| item["metadata"]["name"] != "more-channels");
        for item in in_namespace.filter(|item| item["metadata"]["name"] != "watcher-extra") {
            assert!(item["metadata"]["namespace"].is_string(), "{file}: {item}");
        }

        // Each ConfigMap and Secret that is mounted is there, or named by values.
        for volume in pod["spec"]["volumes"].as_array().unwrap() {
            if let Some(name) = volume["configMap"]["name"].as_str() {
                objects.get("ConfigMap", name);
            }
        }
        let config = objects.get(
            "ConfigMap",
            &format!("{}-config", text(&workload["metadata"]["name"])),
        );
        let config = yaml(text(&config["data"]["polyv.yml"]));
        let limit = config["api"]["rate_limit"]["requests"].as_u64().unwrap();
        assert_eq!(config["api"]["rate_limit"]["per"], "10s");
        let surge = spec["strategy"]["rollingUpdate"]["maxSurge"].as_u64();
        let pods = spec["replicas"].as_u64().unwrap() + surge.unwrap_or(0);
        assert!(pods * limit < 1500, "{file}: {pods} pods of {limit}");
    }
}

#[test]
fn releases_share_a_namespace() {
    let values = values_files()["kustomize"].replace("fullnameOverride", "# fullnameOverride");
    let releases = ["north", "south"].map(|name| Release {
        name,
        namespace: "polyv",
        values: vec![values.clone()],
    });
    let mut names = BTreeSet::new();
    for (release, rendered) in ["north", "south"].iter().zip(render_each(&releases)) {
        for item in &rendered.unwrap().objects.0 {
            let name = text(&item["metadata"]["name"]).to_owned();
            assert!(
                name.starts_with(&format!("{release}-polyv-exporter")),
                "{name}"
            );
            assert!(names.insert((text(&item["kind"]).to_owned(), name)));
            let selector = &item["spec"]["selector"]["matchLabels"];
            if !selector.is_null() {
                assert_eq!(selector["app.kubernetes.io/instance"], **release);
            }
        }
    }
}

#[test]
fn chart_pods_satisfy_the_restricted_standard() {
    for (file, rendered) in rendered() {
        let mut workloads = rendered.objects.of_kind("Deployment");
        workloads.extend(rendered.objects.of_kind("StatefulSet"));
        for workload in workloads {
            let mut pod = workload["spec"]["template"].clone();
            // Containers that values bring are not ours.
            let containers = pod["spec"]["containers"].as_array_mut().unwrap();
            containers.retain(|container| container["name"] != "beside");
            pod["spec"]["initContainers"] = json!(null);
            if pod["spec"]["volumes"].is_null() {
                pod["spec"]["volumes"] = json!([]);
            }
            assert_eq!(restricted_violations(&pod), [""; 0], "{file}");
            let own = &pod["spec"]["containers"][0]["securityContext"];
            assert_eq!(own["readOnlyRootFilesystem"], true, "{file}");
            assert_eq!(pod["spec"]["automountServiceAccountToken"], false, "{file}");
        }
    }
}

#[test]
fn rendered_configurations_are_valid() {
    for (file, rendered) in rendered() {
        let directory = tempfile::tempdir().unwrap();
        let channels = directory.path().join("channels");
        std::fs::create_dir(&channels).unwrap();
        let mut config = PathBuf::new();
        for map in rendered.objects.of_kind("ConfigMap") {
            for (name, content) in map["data"].as_object().into_iter().flatten() {
                if !["polyv.yml", "main.yml", "simulated.yml"].contains(&name.as_str()) {
                    continue;
                }
                let is_config = name == "polyv.yml";
                let folder = if is_config {
                    directory.path()
                } else {
                    &channels
                };
                let here = directory.path().to_str().unwrap();
                let content = ["/run/secrets/polyv", "/run/secrets/victoria"]
                    .iter()
                    .fold(text(content).to_owned(), |content, mount| {
                        content.replace(mount, here)
                    });
                std::fs::write(folder.join(name), content).unwrap();
                if is_config {
                    config = folder.join(name);
                }
            }
        }
        for name in ["main", "second", "password"] {
            std::fs::write(directory.path().join(name), "s\n").unwrap();
        }
        let checked = run(polyv_exporter().arg("check-config").arg(&config));
        assert!(checked.status.success(), "{file}: {}", text_of(&checked));
    }
}

#[tokio::test]
async fn chart_container_runs() {
    let polyv = SimulatorServer::start("channels: [{id: 3880533}, {id: 3880534}]").await;
    let files = values_files();
    let objects = render(&[&files["kustomize"]]).unwrap().objects;
    let pod = Pod::new(
        &objects,
        &secrets("simulated-secret\n"),
        simulated(polyv.address),
    );
    let (program, address) = start(&pod).await;
    live_channels(&address, 2).await;
    assert!(!program.log().contains("level=error"), "{}", program.log());
}

#[tokio::test]
async fn pods_record_on_their_claims() {
    let polyv = SimulatorServer::start("channels: [{id: 3880533}, {id: 3880534}]").await;
    let files = values_files();
    let recorder = "recorder: {enabled: true}";
    for (values, claims) in [
        (vec![files["kustomize"].as_str(), recorder], 1),
        (vec![files["kustomize"].as_str(), recorder, "shards: 2"], 0),
    ] {
        let objects = render(&values).unwrap().objects;
        assert_eq!(objects.of_kind("PersistentVolumeClaim").len(), claims);
        let pod = Pod::new(
            &objects,
            &secrets("simulated-secret\n"),
            simulated(polyv.address),
        );
        let (_program, address) = start_as(&pod, "polyv-exporter-0").await;
        until("it records", async || {
            let metrics = client().get(format!("http://{address}/metrics"));
            let text = metrics.send().await.unwrap().text().await.unwrap();
            Scrape::parse(&text).all("polyv_recorder_up", &[])[0].value == 1.0
        })
        .await;
        let claim = std::fs::read_dir(pod.path("/var/lib/polyv-exporter"));
        assert!(claim.unwrap().count() > 0);
    }
}

/// Waits until that many channels are live.
async fn live_channels(address: &str, count: usize) {
    until("the channels are live", async || {
        let response = client()
            .get(format!("http://{address}/metrics"))
            .send()
            .await;
        let scrape = Scrape::parse(&response.unwrap().text().await.unwrap());
        let live = scrape.all("polyv_channel_state", &[("state", "live")]);
        live.iter().filter(|series| series.value == 1.0).count() == count
    })
    .await;
}

#[tokio::test]
async fn exporter_monitors_the_charts_simulator() {
    const NAME: &str = "polyv-exporter-simulator";
    let files = values_files();
    // All of the default scenario's channels but the one that is not live; and the one of its own.
    for (file, live) in [("simulator", 10), ("simulator-scenario", 1)] {
        let objects = render(&[&files[file]]).unwrap().objects;
        let directory = tempfile::tempdir().unwrap();
        for map in objects.of_kind("ConfigMap") {
            if let Some(scenario) = map["data"]["scenario.yml"].as_str() {
                std::fs::write(directory.path().join("scenario.yml"), scenario).unwrap();
            }
        }
        let pod = &objects.get("Deployment", NAME)["spec"]["template"]["spec"];
        let here = directory.path().to_str().unwrap();
        let mut command = polyv_exporter();
        for argument in pod["containers"][0]["args"].as_array().unwrap() {
            let argument = text(argument).replace("0.0.0.0:8899", "127.0.0.1:0");
            command.arg(argument.replace("/etc/polyv-exporter", here));
        }
        let mut simulator = Program::start(&mut command);
        let line = simulator.logged(&["address="]).await;
        let polyv = address_in(&line).to_string();

        let port = &objects.get("Service", NAME)["spec"]["ports"][0]["port"];
        let named = format!("http://{NAME}:{port}");
        let of_exporter = objects
            .0
            .iter()
            .filter(|item| item["metadata"]["name"] != NAME);
        let exporter = Objects(of_exporter.cloned().collect());
        let pod = Pod::new(&exporter, &BTreeMap::new(), |text| {
            text.replace(&named, &format!("http://{polyv}"))
        });
        let (_program, address) = start(&pod).await;
        live_channels(&address, live).await;
    }
}

#[test]
fn chart_fits_into_a_release() {
    // Helm keeps a release, with the chart in it, in one Secret of up to 1 MiB, compressed.
    let sizes = all_files(&chart()).into_iter();
    let size: u64 = sizes
        .map(|path| std::fs::metadata(path).unwrap().len())
        .sum();
    assert!(size < 1_000_000, "{size}");
}
