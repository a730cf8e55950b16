//! Several exporters divide the channels among themselves, and Polyv's limit.

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::exporter_process::{
    Exporter, polyv_exporter, replace, run, text_of, unused_address,
};
use crate::support::scrape::Scrape;
use crate::support::simulator_server::SimulatorServer;

fn as_shard(index: u32, total: u32) -> impl FnOnce(&mut Command) {
    move |command| {
        command.args(["--shard.index", &index.to_string()]);
        command.args(["--shard.total", &total.to_string()]);
    }
}

fn ids(scrape: &Scrape) -> Vec<String> {
    let info = scrape.all("polyv_channel_info", &[]);
    info.iter()
        .map(|series| series.label("channel_id").unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn three_shards_poll_every_channel_once_within_the_limit() {
    const CHANNELS: usize = 300;
    let polyv = SimulatorServer::start(&format!(
        "channels: [{{id: 1000001, count: {CHANNELS}}}]
limits: {{requests: 1500, per: 10s, for: 5m}}"
    ))
    .await;
    let channels: Vec<String> = (0..CHANNELS)
        .map(|n| format!("{{id: {}}}", 1_000_001 + n))
        .collect();
    // A hundred channels want a hundred calls a second, and each shard has 45.
    let config = format!(
        "api: {{base_url: 'http://{}', timeout: 5s, rate_limit: {{requests: 450, per: 10s}}}}
poll: {{live_interval: 1s, idle_interval: 1s}}
accounts: [{{name: main, app_id: simulated, app_secret: simulated-secret, channels: [{}]}}]",
        polyv.address,
        channels.join(", ")
    );
    let mut owners: BTreeMap<String, u32> = BTreeMap::new();
    let mut exporters = Vec::new();
    for index in 0..3 {
        exporters.push(Exporter::start_with(&config, as_shard(index, 3)).await);
    }
    for exporter in &mut exporters {
        let all_live = |scrape: &Scrape| {
            let live = scrape.all("polyv_channel_state", &[("state", "live")]);
            live.iter().all(|series| series.value == 1.0)
        };
        let scrape = exporter.until("all are live", all_live).await;
        let own = ids(&scrape);
        assert!((70..=130).contains(&own.len()), "{}", own.len());
        for id in &own {
            *owners.entry(id.clone()).or_default() += 1;
        }
        // It says at its start what is its own.
        let (channels, of) = (format!("channels={}", own.len()), format!("of={CHANNELS}"));
        let line = exporter
            .program
            .logged(&["this shard owns its part", &channels, &of])
            .await;
        assert!(line.contains("of 3\""), "{line}");
    }
    assert_eq!(owners.len(), CHANNELS, "every channel has a shard");
    assert!(owners.values().all(|count| *count == 1), "{owners:?}");
    let received = polyv.simulator.requests();
    let streams = received
        .iter()
        .filter(|call| call.endpoint == "stream_info");
    assert!(streams.count() >= CHANNELS);
    for (at, call) in received.iter().enumerate() {
        assert!(["samples", "ok"].contains(&&*call.outcome), "{call:?}");
        let window = received[at..]
            .iter()
            .take_while(|later| later.monotonic_ms <= call.monotonic_ms + 10_000);
        assert!(window.count() <= 1350);
    }
}

#[test]
fn invalid_shard_is_a_usage_error_with_a_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("polyv.yml");
    let config = "accounts: [{app_id: a, app_secret: s, channels: [{id: 1}]}]";
    std::fs::write(&path, config).unwrap();
    for (arguments, word) in [
        (vec!["--shard.total=0"], "at least one shard"),
        (vec!["--shard.total=3"], "needs --shard.index, from 0 to 2"),
        (
            vec!["--shard.index=3", "--shard.total=3"],
            "numbered from 0 to 2",
        ),
        (vec!["--shard.index=1"], "--shard.total has to say how many"),
        (
            vec!["--shard.total=3", "--shard.pod-name=polyv-exporter"],
            "ends in a number",
        ),
        (
            vec!["--shard.total=3", "--shard.pod-name=x-3"],
            "numbered from 0 to 2",
        ),
        (vec!["--shard.index=-1", "--shard.total=3"], "--shard.index"),
        // Right, but more than Polyv allows.
        (
            vec!["--shard.total=3", "--shard.pod-name=x-2"],
            "polyv.yml:1:1: 3 shards x 1000 calls in 10s are 3000",
        ),
    ] {
        let mut command = polyv_exporter();
        command.arg("serve").arg("--config.file").arg(&path);
        let output = run(command.args(&arguments));
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            text_of(&output)
        );
        assert!(
            text_of(&output).contains(word),
            "{arguments:?}: {}",
            text_of(&output)
        );
    }
}

#[tokio::test]
async fn rate_share_over_the_limit_is_refused_at_a_reload() {
    // Nothing is polled there, and it is not this host, where there is no limit to keep.
    let config = |limit: &str| {
        format!(
            "api: {{base_url: 'https://polyv.invalid', rate_limit: {{{limit}}}}}
accounts: [{{app_id: a, app_secret: s, channels: [{{id: 1}}, {{id: 2}}]}}]"
        )
    };
    let exporter = Exporter::start_with(&config("requests: 500"), as_shard(1, 3)).await;
    replace(&exporter.config_path(), &config("requests: 501"));
    let (status, why) = exporter.reload().await;
    assert_eq!(status, 500);
    assert!(why.contains("polyv.yml:1:"), "{why}");
    assert!(
        why.contains("3 shards x 501 calls in 10s are 1503, over the 1500"),
        "{why}"
    );
    assert!(
        why.contains("set api.rate_limit.requests to 500 or less"),
        "{why}"
    );
    let alone = config("requests: 501, shards_per_ip: 1");
    replace(&exporter.config_path(), &alone);
    assert_eq!(exporter.reload().await.0, 200);
}

#[tokio::test]
async fn reload_keeps_a_shards_channels_and_reports_every_fault() {
    let (_listener, address) = unused_address();
    // It is there from the start: one that comes later is found within a minute.
    let files = tempfile::tempdir().unwrap();
    let config = format!(
        "api: {{base_url: 'http://{address}', timeout: 1s}}
accounts: [{{app_id: a, app_secret: s, channels: [{{id: 3880533}}], channel_files: ['{}/*.yml']}}]",
        files.path().display()
    );
    // 3880533 belongs to shard 2 of 3, as docs/scale.md has it: this one has none, which is no fault.
    let mut exporter = Exporter::start_with(&config, as_shard(1, 3)).await;
    assert_eq!(ids(&exporter.scrape().await), Vec::<String>::new());
    exporter
        .program
        .logged(&["level=warn", "this shard owns no channel"])
        .await;
    let ready = async || exporter.get("/-/ready").await.status() == 200;
    while !ready().await {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    let file = files.path().join("a.yml");
    replace(&file, "- id: 3880534\n- id: 3880535\n- id: 3880536\n");
    let own = |scrape: &Scrape| ids(scrape) == ["3880535"];
    exporter
        .until("the channel of the file is there", own)
        .await;
    replace(&file, "- id: 3880535\n- id: 1\n");
    let own = |scrape: &Scrape| ids(scrape) == ["3880535", "1"];
    exporter.until("the file's new channel is there", own).await;
    // Both are another shard's, and every shard reports the fault.
    replace(&file, "- id: 3880533\n");
    let (status, why) = exporter.reload().await;
    assert_eq!(status, 500);
    assert!(why.contains("channel 3880533 stands twice"), "{why}");
    assert_eq!(ids(&exporter.scrape().await), ["3880535", "1"]);
}

#[test]
fn commands_other_than_serve_accept_channels_of_every_shard() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("polyv.yml");
    // The account is found by the channel, so that every channel has to be known.
    let config = "accounts:
- {name: one, app_id: a, app_secret: s, channels: [{id: 1}, {id: 2}, {id: 3}, {id: 4}, {id: 5}]}
- {name: two, app_id: b, app_secret: s, channels: [{id: 6}, {id: 7}, {id: 8}, {id: 9}]}";
    std::fs::write(&path, config).unwrap();
    let path = path.to_str().unwrap();
    let sharded = |arguments: &[&str]| {
        let mut command = polyv_exporter();
        command
            .env("POLYV_EXPORTER_SHARD_INDEX", "0")
            .env("POLYV_EXPORTER_SHARD_TOTAL", "3")
            .env("POLYV_EXPORTER_CONFIG_FILE", path);
        let output = run(command.args(arguments));
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text_of(&output)
        );
        text_of(&output)
    };
    let checked = sharded(&["check-config", path]);
    assert!(checked.contains("channels: 9"), "{checked}");
    for id in ["1", "2", "3", "4", "5", "6", "7", "8", "9"] {
        sharded(&[
            "session",
            "link",
            "--dry-run",
            "--generate",
            "--channel",
            id,
        ]);
    }
}
