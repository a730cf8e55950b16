//! What receivers hold of what was recorded: `VictoriaMetrics`, Prometheus, and the oldest
//! supported Prometheus, with the configuration that `docs/remote-write.md` shows.
//!
//! Needs `prometheus` and `victoria-metrics` in the path: `make test` sees to it, or leaves these
//! tests out and says so.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use polyv_client::clock::Timestamp;
use polyv_exporter::recorder::{Period, Reader};
use serde_json::Value;

use super::victoria::start_at;
use crate::docs::pages::blocks;
use crate::support::exporter_process::{DEADLINE, Exporter, client, quick_config, unused_address};
use crate::support::markdown::read;
use crate::support::prometheus_stack::Prometheus;
use crate::support::scrape::Scrape;
use crate::support::simulator_server::SimulatorServer;

/// A sample: metric, channel, stream, time in milliseconds, value's bits.
pub(super) type Sample = (String, String, String, i64, u64);

const SELECTOR: &str = r#"{__name__=~"polyv_sample_.*_(bps|fps)"}"#;

/// A Prometheus that receives remote writes, with a configuration.
pub(super) async fn receiver(program: &Path, config: &str) -> Prometheus {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prometheus.yml");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(program);
    command
        .arg("--config.file")
        .arg(&path)
        .arg("--storage.tsdb.path")
        .arg(directory.path().join("data"))
        .arg("--web.enable-remote-write-receiver");
    Prometheus::start_as(command, directory).await
}

/// The samples of streams that were recorded.
fn recorded(directory: &Path) -> BTreeSet<Sample> {
    let reader = Reader::open(directory).unwrap();
    let always = Period {
        start: Timestamp::from_millis(0),
        end: Timestamp::from_millis(i64::MAX / 2),
    };
    let mut samples = BTreeSet::new();
    for channel in reader.channels().unwrap() {
        let recording = reader.recording(&channel.account, &channel.channel_id, always);
        for stream in recording.unwrap().unwrap().streams {
            for sample in &stream.samples {
                for (metric, value) in [
                    (
                        "polyv_sample_video_bitrate_bps",
                        sample.values.video_bitrate,
                    ),
                    (
                        "polyv_sample_video_framerate_fps",
                        sample.values.video_framerate,
                    ),
                    (
                        "polyv_sample_audio_framerate_fps",
                        sample.values.audio_framerate,
                    ),
                ] {
                    if let Some(value) = value.get() {
                        samples.insert((
                            metric.to_owned(),
                            channel.channel_id.to_string(),
                            stream.name.to_string(),
                            sample.time.as_millis(),
                            value.to_bits(),
                        ));
                    }
                }
            }
        }
    }
    samples
}

fn sample(labels: &Value, time: f64, value: f64) -> Sample {
    assert_eq!(labels["account"], "main");
    let label = |name: &str| labels[name].as_str().unwrap().to_owned();
    #[allow(clippy::cast_possible_truncation)] // whole milliseconds
    let time = time.round() as i64;
    let (metric, channel, stream) = (label("__name__"), label("channel_id"), label("stream"));
    (metric, channel, stream, time, value.to_bits())
}

pub(super) async fn in_prometheus(prometheus: &Prometheus) -> BTreeSet<Sample> {
    let found = prometheus.query(&format!("{SELECTOR}[1h]"), None).await;
    let mut samples = BTreeSet::new();
    for series in &found {
        for point in series["values"].as_array().unwrap() {
            let value = point[1].as_str().unwrap().parse().unwrap();
            let time = point[0].as_f64().unwrap() * 1_000.0;
            samples.insert(sample(&series["metric"], time, value));
        }
    }
    samples
}

pub(super) async fn in_victoria_metrics(url: &str) -> BTreeSet<Sample> {
    let mut address = url::Url::parse(&format!("{url}/api/v1/export")).unwrap();
    address.query_pairs_mut().append_pair("match[]", SELECTOR);
    let text = client().get(address).send().await.unwrap().text().await;
    let mut samples = BTreeSet::new();
    for line in text.unwrap().lines() {
        let series: Value = serde_json::from_str(line).unwrap();
        assert_eq!(series["metric"]["site"], "shanghai");
        let values = series["values"].as_array().unwrap();
        let times = series["timestamps"].as_array().unwrap();
        for (time, value) in times.iter().zip(values) {
            let (time, value) = (time.as_f64().unwrap(), value.as_f64().unwrap());
            samples.insert(sample(&series["metric"], time, value));
        }
    }
    samples
}

pub(super) fn value(scrape: &Scrape, metric: &str, remote: &str) -> f64 {
    let name = format!("polyv_remote_write_{metric}");
    scrape.get(&name, &[("remote_name", remote)]).unwrap()
}

/// Waits until a receiver holds what was recorded: more than `least` values.
pub(super) async fn until_equal(
    what: &str,
    directory: &Path,
    least: usize,
    held: impl AsyncFn() -> BTreeSet<Sample>,
) {
    let begin = Instant::now();
    loop {
        let (recorded, held) = (recorded(directory), held().await);
        if recorded == held {
            assert!(held.len() > least, "{what}: {}", held.len());
            return;
        }
        let missing: Vec<_> = recorded.difference(&held).take(3).collect();
        let wrong: Vec<_> = held.difference(&recorded).take(3).collect();
        assert!(
            begin.elapsed() < DEADLINE,
            "{what}: {} of {}; missing {missing:?}, wrong {wrong:?}",
            held.len(),
            recorded.len()
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn config(polyv: SocketAddr, directory: &Path, receivers: &[(&str, String)]) -> String {
    let endpoints: Vec<_> = receivers
        .iter()
        .map(|(name, url)| {
            format!(
                "{{name: {name}, url: '{url}/api/v1/write', external_labels: {{site: shanghai}}}}"
            )
        })
        .collect();
    let quick = quick_config(polyv, "[{id: 1}, {id: 2}]");
    format!(
        "recorder: {{path: {}}}\nremote_write: [{}]\n{}",
        directory.display(),
        endpoints.join(", "),
        quick.replace("poll: {", "poll: {lookback: 5m, ")
    )
}

#[tokio::test]
async fn receivers_hold_every_sample_after_outages_and_a_crash() {
    let page = read("docs/remote-write.md");
    let shown = blocks(&page, "yaml");
    let window = shown
        .iter()
        .find(|block| block.contains("out_of_order_time_window"))
        .unwrap();
    let oldest = std::env::var_os("POLYV_TEST_OLDEST_PROMTOOL");
    let oldest = oldest.map(|promtool| PathBuf::from(promtool).with_file_name("prometheus"));
    let prometheus = receiver(Path::new("prometheus"), window).await;
    let oldest = match oldest.filter(|path| path.exists()) {
        Some(path) => Some(receiver(&path, window).await),
        None => None,
    };
    let ordered = receiver(Path::new("prometheus"), "{}").await;
    let (held, victoria) = unused_address();
    let data = tempfile::tempdir().unwrap();
    let storage = [format!("-storageDataPath={}", data.path().display())];

    let polyv =
        SimulatorServer::start("sample_every: 1s\nchannels: [{id: 1}, {id: 2, streams: [a, b]}]")
            .await;
    let directory = tempfile::tempdir().unwrap();
    let mut receivers = vec![
        ("victoria", format!("http://{victoria}")),
        ("prometheus", prometheus.url.clone()),
        ("ordered", ordered.url.clone()),
    ];
    receivers.extend(oldest.as_ref().map(|oldest| ("oldest", oldest.url.clone())));
    let config = config(polyv.address, directory.path(), &receivers);

    // One receiver is not there; nothing is lost for it, and the others do not wait.
    let exporter = Exporter::start(&config).await;
    let scrape = exporter
        .until("others receive", |scrape| {
            value(scrape, "samples_total", "prometheus") > 1_000.0
                && value(scrape, "failures_total", "victoria") > 0.0
        })
        .await;
    assert!(value(&scrape, "pending_samples", "victoria") > 300.0);
    drop(held);
    let (mut program, url) = start_at("victoria-metrics", &storage, victoria).await;
    exporter
        .until("it is caught up with", |s| {
            value(s, "pending_samples", "victoria") == 0.0
        })
        .await;
    // It goes away and returns.
    program.signal("TERM");
    program.ended().await;
    let failed = value(&exporter.scrape().await, "failures_total", "victoria");
    exporter
        .until("it is missed", |s| {
            value(s, "failures_total", "victoria") > failed
        })
        .await;
    let (_program, _) = start_at("victoria-metrics", &storage, victoria).await;

    // Killed in the middle of it.
    drop(exporter);
    let exporter = Exporter::start(&config).await;
    exporter
        .until("it sends again", |s| {
            s.get("polyv_recorder_samples_total", &[]).unwrap() > 30.0
        })
        .await;
    for channel in [1, 2] {
        let path = format!("channels/{channel}/life");
        polyv.control("PUT", &path, "offline").await;
    }
    exporter
        .until("all is sent", |scrape| {
            let mut names = receivers.iter().map(|(name, _)| name);
            scrape.state("1") == "not_live"
                && scrape.state("2") == "not_live"
                && names.all(|name| value(scrape, "pending_samples", name) == 0.0)
        })
        .await;
    let directory = directory.path();
    until_equal("VictoriaMetrics", directory, 1_000, async || {
        in_victoria_metrics(&url).await
    })
    .await;
    until_equal("Prometheus", directory, 1_000, async || {
        in_prometheus(&prometheus).await
    })
    .await;
    if let Some(oldest) = &oldest {
        until_equal("the oldest Prometheus", directory, 1_000, async || {
            in_prometheus(oldest).await
        })
        .await;
    }
    // Without a window: what came in order. How much that is depends on which lane was first.
    let (recorded, in_order) = (recorded(directory), in_prometheus(&ordered).await);
    assert!(
        in_order.is_subset(&recorded) && in_order.len() > 30,
        "{}",
        in_order.len()
    );
    let live = prometheus.query("polyv_sample_live", None).await;
    assert_eq!(live.len(), 2);
    assert!(
        live.iter().all(|series| series["value"][1] == "0"),
        "{live:?}"
    );
}
