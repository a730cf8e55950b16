//! A real Prometheus that takes each channel for a target of its own, as `docs/scale.md` shows.
//!
//! Needs `prometheus` in the path: `make test` sees to it, or leaves these tests out and says so.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::docs::pages::blocks;
use crate::support::exporter_process::{DEADLINE, Exporter, quick_config};
use crate::support::markdown::read;
use crate::support::prometheus_stack::Prometheus;
use crate::support::promtool::rules;
use crate::support::simulator_server::SimulatorServer;

const CHANNELS: usize = 40;

/// Three shards of one configuration.
async fn shards(polyv: &SimulatorServer) -> Vec<Exporter> {
    let channels: Vec<String> = (0..CHANNELS)
        .map(|n| format!("{{id: {}, labels: {{team: events}}}}", 1_000_001 + n))
        .collect();
    let config = quick_config(polyv.address, &format!("[{}]", channels.join(", ")));
    let mut exporters = Vec::new();
    for index in ["0", "1", "2"] {
        let shard = Exporter::start_with(&config, |command| {
            command.args(["--shard.index", index, "--shard.total", "3"]);
        });
        exporters.push(shard.await);
    }
    exporters
}

/// The configuration that the page shows and that has `part` in it, for these exporters, and every
/// second.
fn shown(part: &str, exporters: &[Exporter]) -> String {
    let block = blocks(&read("docs/scale.md"), "yaml")
        .into_iter()
        .find(|block| block.contains("scrape_configs:") && block.contains(part));
    let mut config = block.unwrap();
    for (exporter, port) in exporters.iter().zip([9847, 9848, 9849]) {
        let address = exporter.address.to_string();
        assert!(config.contains(&format!("localhost:{port}")), "{config}");
        config = config.replace(&format!("localhost:{port}"), &address);
    }
    let rules = rules();
    let config = config
        .replace("/etc/prometheus/polyv.rules.yml", rules.to_str().unwrap())
        .replace("scrape_interval: 15s", "scrape_interval: 1s");
    format!("global: {{evaluation_interval: 1s}}\n{config}\n")
}

/// The values of a label of an expression's series.
async fn labels(prometheus: &Prometheus, expression: &str, label: &str) -> Vec<String> {
    let series = prometheus.query(expression, None).await;
    let mut values: Vec<String> = series
        .iter()
        .map(|one| one["metric"][label].as_str().unwrap().to_owned())
        .collect();
    values.sort();
    values
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn every_channel() -> Vec<String> {
    (0..CHANNELS).map(|n| (1_000_001 + n).to_string()).collect()
}

#[tokio::test]
async fn two_servers_divide_three_shards_by_hash_and_rules_work_on_each() {
    let polyv =
        SimulatorServer::start(&format!("channels: [{{id: 1000001, count: {CHANNELS}}}]")).await;
    let exporters = shards(&polyv).await;
    let config = shown("/probe", &exporters);
    let other = config.replace("regex: \"0\"", "regex: \"1\"");
    assert_ne!(config, other);
    let servers = [
        Prometheus::start_with(&config).await,
        Prometheus::start_with(&other).await,
    ];
    let live = "polyv_channel_state{job=\"polyv-channels\",state=\"live\"} == 1";
    let both = async |expression: &str, label: &str| {
        let mut all = labels(&servers[0], expression, label).await;
        all.extend(labels(&servers[1], expression, label).await);
        all.sort();
        all
    };
    until("every channel is live in one of both", async || {
        both(live, "channel_id").await == every_channel()
    })
    .await;
    // A channel is its target's `instance`, and each has something to do.
    assert_eq!(both(live, "instance").await, every_channel());
    for server in &servers {
        let share = labels(server, live, "channel_id").await.len();
        assert!((5..=35).contains(&share), "{share}");
        // Nothing of a channel comes by another way, and of the exporters there is all.
        let elsewhere = "{channel_id!=\"\",job=~\"polyv-[0-9]\"}";
        assert_eq!(server.query(elsewhere, None).await.len(), 0);
        let own = "polyv_exporter_build_info";
        until("all shards are known", async || {
            labels(server, own, "job").await == ["polyv-0", "polyv-1", "polyv-2"]
        })
        .await;
        // What alerts on channels are made of.
        until("rules know the channels", async || {
            let info = labels(server, "channel:polyv_channel_info:max", "channel_id").await;
            info.len() == share
        })
        .await;
        let delay = "account:polyv_sample_delay_seconds:p90{account=\"main\"}";
        server.value(delay).await;
        let up = "instance:polyv_exporter_up:current == 1";
        until(
            "rules know the exporters, and no channel for one",
            async || labels(server, up, "job").await == ["polyv-0", "polyv-1", "polyv-2"],
        )
        .await;
        let scraped = "count(up{job=\"polyv-channels\"} == 1)";
        assert_eq!(server.value(scraped).await, share as f64);
        assert!(!server.log().contains("level=error"), "{}", server.log());
    }
    // An alert on a channel carries what it carries elsewhere.
    let first = every_channel().remove(0);
    let info = format!("channel:polyv_channel_info:max{{channel_id=\"{first}\"}}");
    let mut carried = Vec::new();
    for server in &servers {
        carried.extend(server.query(&info, None).await);
    }
    assert_eq!(carried.len(), 1);
    let expected: BTreeMap<String, String> = [
        ("__name__", "channel:polyv_channel_info:max"),
        ("account", "main"),
        ("channel_id", first.as_str()),
        ("channel_name", first.as_str()),
        ("job", "polyv-channels"),
        ("team", "events"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    assert_eq!(carried[0]["metric"], serde_json::json!(expected));
}

#[tokio::test]
async fn one_server_scrapes_three_shards_as_three_jobs() {
    let polyv =
        SimulatorServer::start(&format!("channels: [{{id: 1000001, count: {CHANNELS}}}]")).await;
    let exporters = shards(&polyv).await;
    let config = shown("static_configs", &exporters);
    assert!(!config.contains("/probe"), "the plain one stands first");
    let prometheus = Prometheus::start_with(&config).await;
    let live = "polyv_channel_state{state=\"live\"} == 1";
    until("every channel is live", async || {
        labels(&prometheus, live, "channel_id").await == every_channel()
    })
    .await;
    let up = "instance:polyv_exporter_up:current == 1";
    until("three jobs are up", async || {
        labels(&prometheus, up, "job").await == ["polyv-0", "polyv-1", "polyv-2"]
    })
    .await;
}
