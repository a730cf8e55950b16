//! What users rely on, promise by promise, through the public face.
//!
//! One binary, because linking is what takes time on two cores; one file for each promise.

// A test that meets something unexpected should stop right there; clippy's own exception is
// for functions marked as tests and not for the helpers beside them.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unchecked_time_subtraction,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::format_collect,
    clippy::too_many_lines
)]

mod bulk;
mod commands;
mod discovery;
mod documents;
mod documents_blocks;
mod documents_chinese;
mod documents_commands;
mod documents_programs;
mod documents_sizing;
mod documents_words;
mod fleet;
mod limiter;
mod operations;
mod outcomes;
mod page;
mod polling;
mod recovery;
mod reload;
mod secrets;
mod shards;
mod simulator;
mod supervision;
mod support;
mod targets;
mod truth;
mod values;
mod web;
mod web_crowd;
mod web_door;
mod web_door_file;
mod web_door_tls;
mod with_alertmanager;
mod with_alertmanager_documents;
mod with_browser;
mod with_compose;
mod with_kubernetes;
mod with_kubernetes_page;
mod with_kubernetes_pods;
mod with_kubernetes_prometheus;
mod with_prometheus;
mod with_prometheus_channels;
mod with_prometheus_dashboards;
mod with_prometheus_documents;
mod with_prometheus_rules;
mod with_prometheus_tls;
mod with_python;
mod with_workflows;
