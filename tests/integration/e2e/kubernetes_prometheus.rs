//! In a cluster Prometheus finds the exporter and what rules and dashboards expect of it.
//!
//! Needs what `e2e::kubernetes` needs.

use serde_json::{Value, json};

use crate::docs::pages::blocks;
use crate::support::kubernetes::{Shown, built, deploy, page, text, yaml};
use crate::support::pod::{Pod, secrets, simulated, start, start_as};
use crate::support::prometheus_stack::Prometheus;
use crate::support::simulator_server::SimulatorServer;

/// The scrape configuration that the operator makes of a `ServiceMonitor`'s endpoint, as far as it is used.
fn scrape_config(monitor: &Value, address: &str) -> String {
    let endpoint = &monitor["spec"]["endpoints"][0];
    let relabelings = endpoint["relabelings"].as_array().unwrap();
    let relabelings: Vec<Value> = relabelings
        .iter()
        .map(|one| {
            let mut one = one.clone();
            let rule = one.as_object_mut().unwrap();
            for (theirs, ours) in [
                ("targetLabel", "target_label"),
                ("sourceLabels", "source_labels"),
            ] {
                if let Some(value) = rule.remove(theirs) {
                    rule.insert(ours.to_owned(), value);
                }
            }
            one
        })
        .collect();
    // The labels that every target of a ServiceMonitor has.
    let labels = json!({
        "namespace": "polyv", "service": "polyv-exporter", "pod": "polyv-exporter-1",
        "container": "polyv-exporter", "endpoint": endpoint["port"],
        "__meta_kubernetes_pod_name": "polyv-exporter-1",
    });
    let job = json!({
        "job_name": "serviceMonitor/polyv/polyv-exporter/0",
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "static_configs": [{"targets": [address], "labels": labels}],
        "relabel_configs": relabelings,
    });
    json!({"scrape_configs": [job]}).to_string()
}

#[tokio::test]
async fn operator_scrape_has_the_expected_job_and_labels() {
    let polyv = SimulatorServer::start("channels: [{id: 3880533}, {id: 3880534}]").await;
    let objects = built(&deploy());
    let pod = Pod::new(
        &objects,
        &secrets("simulated-secret"),
        simulated(polyv.address),
    );
    let (_program, address) = start(&pod).await;
    let config = scrape_config(objects.only("ServiceMonitor"), &address);
    let prometheus = Prometheus::start_with(&config).await;
    let calls = "polyv_api_requests_total{job=\"polyv\",namespace=\"polyv\",endpoint=\"stream_info\",outcome=\"ok\"}";
    prometheus.value(calls).await;
    let renamed = prometheus
        .query(
            "{exported_endpoint!=\"\"} or {exported_namespace!=\"\"} or {exported_job!=\"\"}",
            None,
        )
        .await;
    assert_eq!(renamed, Vec::<Value>::new());
}

#[tokio::test]
async fn each_shard_has_its_own_job() {
    let polyv = SimulatorServer::start("channels: [{id: 3880533}, {id: 3880534}]").await;
    let shown = Shown::new();
    let objects = built(&shown.path("shards"));
    let pod = Pod::new(
        &objects,
        &secrets("simulated-secret"),
        simulated(polyv.address),
    );
    let (_program, address) = start_as(&pod, "polyv-exporter-1").await;
    let config = scrape_config(objects.only("ServiceMonitor"), &address);
    let prometheus = Prometheus::start_with(&config).await;
    let up = "up{job=\"polyv-1\",namespace=\"polyv\",pod=\"polyv-exporter-1\"} == 1";
    prometheus.value(up).await;
    // The rule for others, that the page shows, is the same.
    let rule = "{source_labels: [__meta_kubernetes_pod_name], regex: '.*-(\\d+)', target_label: job, replacement: polyv-$1}";
    assert!(page().contains(rule));
    let rule = yaml(rule);
    let ours = &objects.only("ServiceMonitor")["spec"]["endpoints"][0]["relabelings"][0];
    for (key, same) in [
        ("regex", "regex"),
        ("replacement", "replacement"),
        ("source_labels", "sourceLabels"),
        ("target_label", "targetLabel"),
    ] {
        assert_eq!(rule[key], ours[same]);
    }
}

/// The scrape configuration that the page shows, with targets as Kubernetes would list them:
/// Debian's Prometheus can't discover them.
fn shown_scrape_config(address: &str, namespace: &str) -> String {
    let page = page();
    let block = blocks(&page, "yaml")
        .into_iter()
        .find(|block| block.starts_with("scrape_configs:"))
        .unwrap();
    let mut config = yaml(&block);
    let job = config["scrape_configs"][0].as_object_mut().unwrap();
    let discovery = job.remove("kubernetes_sd_configs").unwrap();
    assert_eq!(
        discovery,
        json!([{"role": "endpointslice", "namespaces": {"names": [namespace]}}])
    );
    let target = |service: &str, port: &str, pod: &str| {
        json!({"targets": [address], "labels": {
            "__meta_kubernetes_namespace": namespace,
            "__meta_kubernetes_service_name": service,
            "__meta_kubernetes_endpointslice_port_name": port,
            "__meta_kubernetes_pod_name": pod,
        }})
    };
    let targets = json!([
        target("polyv-exporter", "http", "ours"),
        target("polyv-exporter", "other", "another-port"),
        target("other", "http", "another-service"),
    ]);
    job.insert("static_configs".to_owned(), targets);
    job.insert("scrape_interval".to_owned(), json!("1s"));
    config.to_string()
}

#[tokio::test]
async fn documented_scrape_config_finds_the_exporter_without_the_operator() {
    let polyv = SimulatorServer::start("channels: [{id: 3880533}, {id: 3880534}]").await;
    let shown = Shown::new();
    let objects = built(&shown.path("plain"));
    assert!(objects.of_kind("ServiceMonitor").is_empty());
    let service = objects.only("Service");
    assert_eq!(service["metadata"]["name"], "polyv-exporter");
    assert_eq!(service["spec"]["ports"][0]["name"], "http");
    let namespace = text(&service["metadata"]["namespace"]);
    let pod = Pod::new(
        &objects,
        &secrets("simulated-secret"),
        simulated(polyv.address),
    );
    let (_program, address) = start(&pod).await;
    let prometheus = Prometheus::start_with(&shown_scrape_config(&address, namespace)).await;
    let ours = "up{job=\"polyv\",namespace=\"polyv\",pod=\"ours\"} == 1";
    prometheus.value(ours).await;
    assert_eq!(prometheus.query("up", None).await.len(), 1);
}
