//! A reload changes what is configured and nothing else.

use std::path::Path;

use crate::support::exporter_process::{Exporter, quick_config, replace};
use crate::support::simulator_server::SimulatorServer;

const FOUR: &str =
    "sample_every: 1s\nchannels: [{id: 1}, {id: 2, life: offline}, {id: 3}, {id: 4}]";

async fn setup(channels: &str) -> (SimulatorServer, Exporter) {
    let polyv = SimulatorServer::start(FOUR).await;
    let exporter = Exporter::start(&quick_config(polyv.address, channels)).await;
    (polyv, exporter)
}

#[tokio::test]
async fn kept_channels_keep_their_state_and_removed_ones_disappear_at_once() {
    let (polyv, exporter) = setup("[{id: 1}, {id: 2}, {id: 3}]").await;
    polyv.control("PUT", "channels/2/life", "steady").await;
    let before = exporter
        .until("all are live", |s| {
            ["1", "2", "3"].iter().all(|id| s.state(id) == "live")
        })
        .await;
    let config = quick_config(
        polyv.address,
        "[{id: 1, name: Renamed, labels: {team: a}, expect: {live: true}}, {id: 2}, {id: 4}]",
    );
    replace(&exporter.config_path(), &config);
    assert_eq!(exporter.reload().await, (200, "Reloaded.\n".to_owned()));
    let after = exporter.scrape().await;
    for name in [
        "polyv_channel_state_changed_timestamp_seconds",
        "polyv_channel_live_transitions_total",
    ] {
        for channel in ["1", "2"] {
            assert_eq!(
                before.of(name, channel),
                after.of(name, channel),
                "{name}, {channel}"
            );
        }
    }
    let samples = |s: &crate::support::scrape::Scrape| s.of("polyv_stream_samples_total", "1");
    assert!(samples(&after) >= samples(&before));
    assert!(after.calls("main", "ok") >= before.calls("main", "ok"));
    assert_eq!(
        after
            .all("polyv_channel_info", &[("channel_id", "3")])
            .len(),
        0
    );
    assert_eq!(after.stream_series("3"), 0);
    assert_eq!(after.of("polyv_channel_expected_live", "1"), Some(1.0));
    let info = after.all("polyv_channel_info", &[("channel_id", "1")]);
    assert_eq!(info[0].label("channel_name"), Some("Renamed"));
    assert_eq!(info[0].label("team"), Some("a"));
    // The new one is polled too, and its counters begin at 0.
    assert_eq!(
        after.of("polyv_channel_live_transitions_total", "4"),
        Some(0.0)
    );
    exporter
        .until("the new one is live", |s| s.state("4") == "live")
        .await;
}

#[tokio::test]
async fn faulty_reload_is_rejected_as_a_whole_and_visible_in_metrics() {
    let (polyv, mut exporter) = setup("[{id: 1}]").await;
    exporter
        .until("it is live", |s| s.state("1") == "live")
        .await;
    let loaded = exporter.scrape().await.get(
        "polyv_exporter_config_last_reload_success_timestamp_seconds",
        &[],
    );
    let faulty = quick_config(polyv.address, "[{id: 3}, {id: 1, lable: {}}, {id: 3}]");
    replace(&exporter.config_path(), &faulty);
    let (status, said) = exporter.reload().await;
    assert_eq!(status, 500);
    assert!(said.contains("did you mean `labels`?"), "{said}");
    assert!(said.contains("channel 3 stands twice"), "{said}");
    assert!(!said.contains("simulated-secret"));
    let scrape = exporter.scrape().await;
    assert_eq!(
        scrape.get("polyv_exporter_config_last_reload_successful", &[]),
        Some(0.0)
    );
    assert_eq!(
        scrape.get(
            "polyv_exporter_config_last_reload_success_timestamp_seconds",
            &[]
        ),
        loaded
    );
    assert_eq!(scrape.state("1"), "live");
    assert_eq!(scrape.all("polyv_channel_info", &[]).len(), 1);
    exporter
        .program
        .logged(&["level=error", "did you mean `labels`?"])
        .await;

    // A signal does the same as the call.
    replace(
        &exporter.config_path(),
        &quick_config(polyv.address, "[{id: 3}]"),
    );
    exporter.program.signal("HUP");
    let scrape = exporter
        .until("the new one is in force", |s| {
            s.get("polyv_exporter_config_last_reload_successful", &[]) == Some(1.0)
        })
        .await;
    assert_eq!(
        scrape
            .all("polyv_channel_info", &[("channel_id", "3")])
            .len(),
        1
    );
}

#[tokio::test]
async fn main_file_is_reloaded_only_on_request() {
    let (polyv, exporter) = setup("[{id: 1}]").await;
    replace(
        &exporter.config_path(),
        &quick_config(polyv.address, "[{id: 1}, {id: 3}]"),
    );
    let polls = exporter.scrape().await.calls("main", "ok");
    exporter
        .until("some polls went by", |s| s.calls("main", "ok") >= polls + 3)
        .await;
    assert_eq!(
        exporter.scrape().await.all("polyv_channel_info", &[]).len(),
        1
    );
}

#[tokio::test]
async fn counters_of_accounts_are_added_and_removed() {
    let (polyv, exporter) = setup("[{id: 1}]").await;
    let one = quick_config(polyv.address, "[{id: 1}]");
    let two = format!(
        "{one}- {{name: second, app_id: simulated, app_secret: simulated-secret, channels: [{{id: 3}}]}}\n"
    );
    replace(&exporter.config_path(), &two);
    assert_eq!(exporter.reload().await.0, 200);
    let scrape = exporter.scrape().await;
    let of_second = [("account", "second")];
    assert_eq!(scrape.all("polyv_api_requests_total", &of_second).len(), 66);
    assert_eq!(
        scrape
            .all("polyv_samples_discarded_total", &of_second)
            .len(),
        5
    );
    exporter
        .until("it is live", |s| s.state("3") == "live")
        .await;
    replace(&exporter.config_path(), &one);
    assert_eq!(exporter.reload().await.0, 200);
    let scrape = exporter.scrape().await;
    assert!(!scrape.text.contains("second\""), "{}", scrape.text);
    assert_eq!(scrape.state("1"), "live");
}

/// A configuration whose channels are in files.
fn with_files(polyv: &SimulatorServer, pattern: &str) -> String {
    quick_config(polyv.address, "[{id: 1}]").replace(
        "channels: [{id: 1}]",
        &format!("channels: [{{id: 1}}], channel_files: ['{pattern}']"),
    )
}

async fn until_channels(exporter: &Exporter, count: usize) {
    exporter
        .until(&format!("{count} channels"), |s| {
            s.all("polyv_channel_info", &[]).len() == count
        })
        .await;
}

#[tokio::test]
async fn channel_files_are_reloaded_after_any_change() {
    let polyv = SimulatorServer::start(FOUR).await;
    let exporter = Exporter::start(&with_files(&polyv, "channels/*.yml")).await;
    let directory = exporter.directory.path().join("channels");
    // The directory does not exist at first.
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("a.yml"), "- id: 2\n").unwrap();
    until_channels(&exporter, 2).await;
    // A new file, one written in place, one renamed into place, one that goes.
    std::fs::write(directory.join("b.yml"), "- id: 3\n").unwrap();
    until_channels(&exporter, 3).await;
    std::fs::write(directory.join("b.yml"), "- id: 3\n- id: 4\n").unwrap();
    until_channels(&exporter, 4).await;
    replace(&directory.join("b.yml"), "- {id: 3, name: By rename}\n");
    until_channels(&exporter, 3).await;
    std::fs::remove_file(directory.join("a.yml")).unwrap();
    until_channels(&exporter, 2).await;

    // A faulty one changes nothing, and is reported.
    replace(&directory.join("b.yml"), "- id: [\n");
    let scrape = exporter
        .until("the fault is reported", |s| {
            s.get("polyv_exporter_config_last_reload_successful", &[]) == Some(0.0)
        })
        .await;
    assert_eq!(scrape.all("polyv_channel_info", &[]).len(), 2);
    replace(&directory.join("b.yml"), "- {id: 3, name: By rename}\n");
    exporter
        .until("all is well", |s| {
            s.get("polyv_exporter_config_last_reload_successful", &[]) == Some(1.0)
        })
        .await;

    // Back to what they were before is a change as well.
    std::fs::write(directory.join("a.yml"), "- id: 2\n").unwrap();
    until_channels(&exporter, 3).await;
    std::fs::remove_file(directory.join("a.yml")).unwrap();
    until_channels(&exporter, 2).await;
}

#[tokio::test]
async fn reload_failure_persists_despite_channel_file_changes() {
    let polyv = SimulatorServer::start(FOUR).await;
    let config = with_files(&polyv, "channels/*.yml");
    let exporter = Exporter::start_with(&config, |_| {}).await;
    let directory = exporter.directory.path().join("channels");
    std::fs::create_dir(&directory).unwrap();
    assert_eq!(exporter.reload().await.0, 200);
    replace(&exporter.config_path(), "accounts: [");
    assert_eq!(exporter.reload().await.0, 500);
    // Looking at the channel files says nothing about the rest, whether they are new or not.
    replace(&directory.join("a.yml"), "- id: 2\n");
    until_channels(&exporter, 2).await;
    let successful = |s: &crate::support::scrape::Scrape| {
        s.get("polyv_exporter_config_last_reload_successful", &[])
    };
    assert_eq!(successful(&exporter.scrape().await), Some(0.0));
    replace(&exporter.config_path(), &config);
    assert_eq!(exporter.reload().await.0, 200);
    assert_eq!(successful(&exporter.scrape().await), Some(1.0));
}

#[tokio::test]
async fn blocking_file_does_not_prevent_shutdown() {
    let polyv = SimulatorServer::start(FOUR).await;
    let mut exporter = Exporter::start(&with_files(&polyv, "channels/*.yml")).await;
    let directory = exporter.directory.path().join("channels");
    std::fs::create_dir(&directory).unwrap();
    let pipe = directory.join("z.yml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    exporter.program.signal("HUP");
    // Opening it for writing succeeds once a reader opens it; and as long as it is open, the
    // reader waits.
    let opening = tokio::task::spawn_blocking(move || {
        std::fs::OpenOptions::new().write(true).open(pipe).unwrap()
    });
    let open = opening.await.unwrap();
    assert_eq!(
        exporter.scrape().await.all("polyv_channel_info", &[]).len(),
        1
    );
    let begin = std::time::Instant::now();
    exporter.program.signal("TERM");
    assert_eq!(exporter.program.ended().await.code(), Some(0));
    assert!(begin.elapsed() < std::time::Duration::from_secs(10));
    drop(open);
}

#[tokio::test]
async fn symbolic_link_swap_of_kubernetes_is_noticed() {
    let polyv = SimulatorServer::start(FOUR).await;
    let mounts = tempfile::tempdir().unwrap();
    let mount = mounts.path();
    let publish = |version: &str, content: &str| {
        let directory = mount.join(version);
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("channels.yml"), content).unwrap();
        let link = mount.join("..data_tmp");
        std::os::unix::fs::symlink(version, &link).unwrap();
        std::fs::rename(&link, mount.join("..data")).unwrap();
    };
    publish("..2026_01", "- id: 2\n");
    let file: &Path = Path::new("..data/channels.yml");
    std::os::unix::fs::symlink(file, mount.join("channels.yml")).unwrap();
    let pattern = format!("{}/*.yml", mount.display());
    let exporter = Exporter::start(&with_files(&polyv, &pattern)).await;
    until_channels(&exporter, 2).await;
    publish("..2026_02", "- id: 2\n- id: 3\n");
    std::fs::remove_dir_all(mount.join("..2026_01")).unwrap();
    until_channels(&exporter, 3).await;
}

#[tokio::test]
async fn file_behind_a_symbolic_link_and_a_directory_that_comes_back_are_noticed() {
    let polyv = SimulatorServer::start(FOUR).await;
    // A file that two patterns match is read once.
    let patterns = "channels/*.yml', 'channels/a*.yml";
    let exporter = Exporter::start(&with_files(&polyv, patterns)).await;
    let directory = exporter.directory.path().join("channels");
    let elsewhere = exporter.directory.path().join("elsewhere");
    // The pattern's directory is not there at first.
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("a.yml"), "- id: 2\n").unwrap();
    std::fs::create_dir(&directory).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("a.yml"), directory.join("a.yml")).unwrap();
    let begin = std::time::Instant::now();
    until_channels(&exporter, 2).await;
    std::fs::write(elsewhere.join("a.yml"), "- id: 2\n- id: 3\n").unwrap();
    until_channels(&exporter, 3).await;
    std::fs::remove_dir_all(&directory).unwrap();
    until_channels(&exporter, 1).await;
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("b.yml"), "- id: 4\n").unwrap();
    until_channels(&exporter, 2).await;
    // Without events it would have been a minute each time.
    assert!(begin.elapsed() < std::time::Duration::from_secs(50));
}
