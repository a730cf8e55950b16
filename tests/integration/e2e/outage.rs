//! An outage of one node under many channels, through the real Prometheus and Alertmanager: one page.
//!
//! Needs what `e2e::alertmanager` needs. The oldest supported Prometheus takes part where the environment
//! names its promtool. All times of the rules, of Alertmanager's example and of polls are a third of what they
//! are by default: their order is what counts here, and the test would take five minutes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::alertmanager::example_for;
use crate::support::exporter_process::Exporter;
use crate::support::prometheus_stack::{Alertmanager, Message, Pager, Prometheus};
use crate::support::promtool::rules;
use crate::support::simulator_server::SimulatorServer;

const MAX_WAIT: Duration = Duration::from_secs(120);
/// How long Alertmanager may take to send a page about one channel, and a little.
const GROUP_WAIT: Duration = Duration::from_secs(15);
/// An outage under the first 30 of 40 channels.
const FIRST: usize = 100;
const CHANNELS: usize = 40;
const AFFECTED: usize = 30;

/// A Prometheus with its Alertmanager and a receiver of pages.
struct Stack {
    prometheus: Prometheus,
    _alertmanager: Alertmanager,
    pager: Pager,
}

impl Stack {
    async fn start(program: &Path, exporter: &Exporter) -> Self {
        let pager = Pager::start().await;
        let alertmanager = Alertmanager::start(&three_times_as_fast(&example_for(&pager))).await;
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let rules = std::fs::read_to_string(rules()).unwrap();
        file("rules.yml", &three_times_as_fast(&rules));
        let config = file(
            "prometheus.yml",
            &format!(
                "global: {{scrape_interval: 2s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]}}
scrape_configs: [{{job_name: polyv, static_configs: [{{targets: ['{}']}}]}}]
",
                alertmanager.address, exporter.address
            ),
        );
        let mut command = Command::new(program);
        command.arg("--config.file").arg(config);
        command
            .arg("--storage.tsdb.path")
            .arg(directory.path().join("data"));
        Self {
            prometheus: Prometheus::start_as(command, directory).await,
            _alertmanager: alertmanager,
            pager,
        }
    }
}

/// The current Prometheus, and the oldest supported one.
fn programs() -> Vec<PathBuf> {
    let oldest = std::env::var_os("POLYV_TEST_OLDEST_PROMTOOL").map(PathBuf::from);
    let oldest = oldest.map(|promtool| promtool.with_file_name("prometheus"));
    std::iter::once(PathBuf::from("prometheus"))
        .chain(oldest)
        .collect()
}

/// Rules, or a configuration of Alertmanager, with a third of their waiting times and intervals.
fn three_times_as_fast(text: &str) -> String {
    let faster = [
        ("interval: 10s", "interval: 3s"),
        ("keep_firing_for: 30s", "keep_firing_for: 10s"),
        ("keep_firing_for: 1m", "keep_firing_for: 20s"),
        ("group_wait: 5s", "group_wait: 2s"),
        ("group_wait: 30s", "group_wait: 10s"),
        ("group_interval: 30s", "group_interval: 10s"),
    ];
    faster
        .into_iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The alerts of the pages that began, in the order of their messages.
fn pages(pager: &Pager) -> Vec<(String, String)> {
    pager
        .messages()
        .into_iter()
        .filter(|message| message.path == "/pages" && message.is_firing())
        .flat_map(|message| message.alerts())
        .collect()
}

fn page(alert: &str, channel: usize) -> (String, String) {
    let channel = match channel {
        0 => String::new(),
        _ => channel.to_string(),
    };
    (alert.to_owned(), channel)
}

async fn described(pager: &Pager, page: &(String, String)) -> String {
    let found = |message: &Message| message.is_firing() && message.alerts().contains(page);
    let message = pager.message(MAX_WAIT, found).await;
    let description = &message.body["alerts"][0]["annotations"]["description"];
    description.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn outage_of_many_channels_is_one_page_and_a_slide_is_none() {
    const SLIDE: usize = 1;
    const VENUE: usize = 2;
    let channel = |id: usize| match id {
        FIRST.. if id < FIRST + AFFECTED => format!("{{id: {id}, ingest_node: 203.0.113.7}}"),
        _ => format!("{{id: {id}, ingest_node: 203.0.113.8}}"),
    };
    let ids: Vec<_> = [SLIDE, VENUE]
        .into_iter()
        .chain(FIRST..FIRST + CHANNELS)
        .collect();
    let channels: Vec<_> = ids.iter().map(|id| channel(*id)).collect();
    let polyv = SimulatorServer::start(&format!("channels: [{}]", channels.join(", "))).await;
    let ids: Vec<_> = ids.iter().map(|id| format!("{{id: {id}}}")).collect();
    let config = format!(
        "api: {{base_url: 'http://{}'}}
poll: {{live_interval: 5s, sustain: 10s}}
accounts:
- {{name: main, app_id: simulated, app_secret: simulated-secret, channels: [{}]}}
- {{name: events, app_id: simulated, app_secret: simulated-secret, channels: [{}]}}
",
        polyv.address,
        ids[..2].join(", "),
        ids[2..].join(", "),
    );
    let exporter = Exporter::start(&config).await;
    let mut stacks = Vec::new();
    for program in programs() {
        stacks.push(Stack::start(&program, &exporter).await);
    }
    for stack in &stacks {
        for healthy in [
            "count(polyv_stream_video_framerate_baseline_fps) == 42",
            "count(polyv_channel_ingest_info) == 42",
        ] {
            stack.prometheus.value(healthy).await;
        }
    }

    let set = async |channel: usize, life: &str| {
        let path = format!("channels/{channel}/life");
        polyv.control("PUT", &path, life).await;
    };
    set(SLIDE, "{phase: bitrate_drop, to: 0.1}").await;
    set(VENUE, "uplink_loss").await;
    for channel in FIRST..FIRST + AFFECTED {
        set(channel, "uplink_loss").await;
    }
    let begin = Instant::now();

    let many = page("PolyvManyChannelsFailing", 0);
    let venue = page("PolyvStreamBitrateDropped", VENUE);
    for Stack { pager, .. } in &stacks {
        let description = described(pager, &many).await;
        println!("one page after {:.0?}: {description}", begin.elapsed());
        for part in ["of 40 channels", "(bitrate dropped)", "likely cause"] {
            assert!(description.contains(part), "{part}: {description}");
        }
        let description = described(pager, &venue).await;
        println!("the venue's after {:.0?}: {description}", begin.elapsed());
        for part in ["kbit/s", "usual level", "fps", "likely cause: uplink"] {
            assert!(description.contains(part), "{part}: {description}");
        }
    }
    // There would be 30 others by now, and the slide's.
    tokio::time::sleep(GROUP_WAIT).await;
    for Stack {
        pager, prometheus, ..
    } in &stacks
    {
        let mut received = pages(pager);
        received.sort();
        assert_eq!(received, [many.clone(), venue.clone()]);
        // What they have in common is the node, and the venue has not.
        let by_node =
            r#"count(polyv_channel_problem{account="events",likely_cause="polyv"}) == 30"#;
        prometheus.value(by_node).await;
        let alone = r#"count(polyv_channel_problem{account="main",likely_cause="uplink"}) == 1"#;
        prometheus.value(alone).await;
    }

    // All but one recover: its own page comes when the common one is over.
    for channel in FIRST + 1..FIRST + AFFECTED {
        set(channel, "steady").await;
    }
    set(VENUE, "steady").await;
    let left = page("PolyvStreamBitrateDropped", FIRST);
    for Stack { pager, .. } in &stacks {
        described(pager, &left).await;
        println!("the last one's after {:.0?}", begin.elapsed());
        let over = |message: &Message| !message.is_firing() && message.alerts().contains(&many);
        pager.message(MAX_WAIT, over).await;
        let mut received = pages(pager);
        received.sort();
        received.dedup();
        assert_eq!(received, [many.clone(), left.clone(), venue.clone()]);
    }
}
