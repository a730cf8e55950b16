//! The shipped rules in `VictoriaMetrics` and its vmalert.
//!
//! Needs `victoria-metrics`, `vmalert` and `vmalert-tool` in the path beside what
//! `e2e::alertmanager` needs: `make test` sees to it, or leaves these tests out and says so.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use super::prometheus_rules::{ALL, fleet, play_stream_faults};
use crate::docs::pages::blocks;
use crate::support::exporter_process::{
    DEADLINE, Exporter, Program, client, run, text_of, unused_address,
};
use crate::support::markdown::read;
use crate::support::prometheus_stack::{Alertmanager, Message, Pager};
use crate::support::promtool::{promtools, rules};
use crate::support::simulator_server::SimulatorServer;

#[test]
fn vmalert_accepts_the_rules() {
    let rule = format!("-rule={}", rules().display());
    let checked = run(Command::new("vmalert").args(["-dryRun", &rule]));
    assert!(checked.status.success(), "{}", text_of(&checked));
}

#[tokio::test(start_paused = true)]
async fn rules_fire_alike_in_old_and_new_prometheus_and_vmalert() {
    let recording = play_stream_faults(fleet(20, 15), 20, ALL).await;
    for promtool in promtools() {
        recording.judge_by(&promtool, &promtool.display().to_string());
    }
    recording.judge_by_vmalert("vmalert");
}

/// Starts a program that listens on an address of its own, and waits until it answers there.
pub(super) async fn start(name: &str, arguments: &[String]) -> (Program, String) {
    let (held, address) = unused_address();
    drop(held);
    start_at(name, arguments, address).await
}

/// The same at an address.
pub async fn start_at(name: &str, arguments: &[String], address: SocketAddr) -> (Program, String) {
    let mut command = Command::new(name);
    command
        .args(arguments)
        .arg(format!("-httpListenAddr={address}"));
    let program = Program::start(&mut command);
    let url = format!("http://{address}");
    let begin = Instant::now();
    while client().get(format!("{url}/health")).send().await.is_err() {
        assert!(begin.elapsed() < DEADLINE, "{name}: {}", program.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (program, url)
}

#[tokio::test]
async fn dropped_bitrate_sends_one_page_through_victoria_metrics() {
    const PATIENCE: Duration = Duration::from_secs(240);
    let polyv = SimulatorServer::start("channels: [{id: 1}, {id: 2}]").await;
    let config = format!(
        "api: {{base_url: 'http://{}'}}
accounts:
- {{name: main, app_id: simulated, app_secret: simulated-secret, channels: [{{id: 1}}, {{id: 2, name: Main stage, expect: {{video_bitrate_bps: 1200000}}}}]}}
",
        polyv.address
    );
    let exporter = Exporter::start(&config).await;
    let pager = Pager::start().await;
    let alertmanager = Alertmanager::start(&format!(
        "{{route: {{receiver: none, group_wait: 1s, group_interval: 5s, routes: [{{receiver: pager, matchers: ['severity = page']}}]}}, receivers: [{{name: none}}, {{name: pager, webhook_configs: [{{url: 'http://{}/pages'}}]}}]}}",
        pager.address
    ))
    .await;
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("scrape.yml");
    let scraped = format!(
        "scrape_configs: [{{job_name: polyv, scrape_interval: 5s, static_configs: [{{targets: ['{}']}}]}}]",
        exporter.address
    );
    std::fs::write(&config, scraped).unwrap();
    let (_victoria, database) = start(
        "victoria-metrics",
        &[
            format!(
                "-storageDataPath={}",
                directory.path().join("data").display()
            ),
            format!("-promscrape.config={}", config.display()),
        ],
    )
    .await;
    // As the page shows it, at these addresses; docs/zh/alerts.md shows the same.
    let page = read("docs/alerts.md");
    let shown = blocks(&page, "console");
    let shown = shown.iter().find(|block| block.contains("vmalert"));
    let shown = shown
        .unwrap()
        .replace("polyv.rules.yml", rules().to_str().unwrap())
        .replace("http://localhost:8428", &database)
        .replace("localhost:9093", &alertmanager.address.to_string());
    let mut words = shown.split(' ').skip(1).map(str::to_owned);
    let program = words.next().unwrap();
    let (_vmalert, _) = start(&program, &words.collect::<Vec<_>>()).await;
    exporter
        .until("it is live", |s| s.state("2") == "live")
        .await;

    polyv
        .control("PUT", "channels/2/life", "{phase: bitrate_drop, to: 0.25}")
        .await;
    let begin = Instant::now();
    let is_dropped = |message: &Message| {
        message.is_firing()
            && message.body["alerts"][0]["labels"]["alertname"] == "PolyvStreamBitrateDropped"
    };
    let page = pager.message(PATIENCE, is_dropped).await;
    println!(
        "from the drop to the page: {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    let alert = &page.body["alerts"][0];
    assert_eq!(alert["labels"]["channel_id"], "2");
    let description = alert["annotations"]["description"].as_str().unwrap();
    for part in ["Main stage", "kbit/s", "1.2Mbit/s are expected"] {
        assert!(description.contains(part), "{description}");
    }
    polyv.control("PUT", "channels/2/life", "steady").await;
    pager
        .message(PATIENCE, |message| !message.is_firing())
        .await;
    assert_eq!(pager.messages().len(), 2, "{:#?}", pager.messages());
}
