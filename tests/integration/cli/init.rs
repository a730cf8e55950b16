//! `init`, as a script runs it. Its questions are tested where they are asked.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use crate::support::exporter_process::{polyv_exporter, run, text_of};
use crate::support::simulator_server::SimulatorServer;

async fn init(polyv: &SimulatorServer, directory: &Path, arguments: &[&str]) -> (Output, String) {
    let mut command = polyv_exporter();
    command
        .current_dir(directory)
        .env("POLYV_API_BASE_URL", format!("http://{}", polyv.address))
        .args([
            "init",
            "--app-id",
            "simulated",
            "--app-secret-file",
            "secret",
        ])
        .args(arguments);
    let output = tokio::task::spawn_blocking(move || run(&mut command));
    let output = output.await.unwrap();
    let text = text_of(&output);
    (output, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn init_writes_a_configuration_that_polyv_accepts() {
    let scenario = "channels: [{id: 3880533}, {id: 3880534, life: offline}]";
    let polyv = SimulatorServer::start(scenario).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::write(path.join("secret"), "simulated-secret\n").unwrap();

    let (output, text) = init(&polyv, path, &["--channels", "3880533,3880534"]).await;
    assert_eq!(output.status.code(), Some(0), "{text}");
    for expected in [
        "channel 3880533 is live\n",
        "channel 3880534 is not live\n",
        "polyv-exporter --config.file polyv-exporter.yml",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let file = path.join("polyv-exporter.yml");
    let checked = run(polyv_exporter().arg("check-config").arg(&file));
    let text = text_of(&checked);
    assert!(text.contains("valid; accounts: 1, channels: 2"), "{text}");

    // What is there is never replaced.
    let written = std::fs::read(&file).unwrap();
    let (output, text) = init(&polyv, path, &["--discover"]).await;
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(std::fs::read(&file).unwrap(), written);

    let other = ["--discover", "--config.file", "discovered.yml"];
    let (output, text) = init(&polyv, path, &other).await;
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("Polyv lists 2 channels"), "{text}");
    let mode = std::fs::metadata(path.join("discovered.yml")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o644 & !umask());
}

#[tokio::test(flavor = "multi_thread")]
async fn init_writes_nothing_that_polyv_refuses() {
    let polyv = SimulatorServer::start("channels: [{id: 3880533}]").await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let nothing = ["--channels", "3880533"];
    let (output, text) = init(&polyv, path, &nothing).await;
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("there is no terminal to type on"), "{text}");

    std::fs::write(path.join("secret"), "simulated-secret\n").unwrap();
    let (output, text) = init(&polyv, path, &["--channels", "3880533,99"]).await;
    assert_eq!(output.status.code(), Some(1), "{text}");
    for expected in [
        "channel 99: ",
        "Is the channel's id right?",
        "Nothing was written.",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }

    std::fs::write(path.join("secret"), "another-secret\n").unwrap();
    let (output, text) = init(&polyv, path, &["--discover"]).await;
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("Compare app_id and secret"), "{text}");
    assert!(!text.contains("another-secret"), "{text}");
    let left = std::fs::read_dir(path).unwrap().count();
    assert_eq!(left, 1, "only the secret is there");
}

/// The umask of this process.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    u32::from_str_radix(line.unwrap().trim(), 8).unwrap()
}
