//! The exporter beside other programs: Prometheus, Alertmanager, a browser, Compose, Kubernetes.

mod alertmanager;
mod alertmanager_chat;
mod alertmanager_docs;
mod browser;
mod compose;
mod kubernetes;
mod kubernetes_helm;
mod kubernetes_helm_page;
mod kubernetes_page;
mod kubernetes_pods;
mod kubernetes_prometheus;
mod outage;
mod prometheus;
mod prometheus_channels;
mod prometheus_dashboards;
mod prometheus_docs;
mod prometheus_remote_write;
mod prometheus_rules;
mod prometheus_tls;
mod python;
mod recorder_export;
mod victoria;
mod victoria_kill;
mod victoria_remote_write;
mod workflows;
