//! A recording that cannot be written.

use std::os::unix::fs::PermissionsExt;

use super::kill::{export, recording_config};
use crate::support::exporter_process::{Exporter, polyv_exporter, run, text_of};
use crate::support::simulator_server::SimulatorServer;

#[tokio::test]
async fn damaged_recording_is_set_aside_and_monitoring_goes_on() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("recorder.db"),
        "garbage ".repeat(2000),
    )
    .unwrap();
    let exporter = Exporter::start(&recording_config(&polyv, directory.path())).await;
    exporter
        .until("samples are recorded", |scrape| {
            scrape
                .get("polyv_recorder_samples_total", &[])
                .unwrap_or(0.0)
                > 0.0
                && scrape.get("polyv_recorder_up", &[]) == Some(1.0)
        })
        .await;
    let files = std::fs::read_dir(directory.path()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(
        names
            .collect::<Vec<_>>()
            .iter()
            .any(|name| name.starts_with("recorder.db.damaged-"))
    );
    assert!(export(directory.path(), &["--format", "openmetrics"]).ends_with("# EOF\n"));
}

#[tokio::test]
async fn recording_resumes_when_its_directory_can_be_written() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let parent = tempfile::tempdir().unwrap();
    // A file in the place of the directory keeps also root from writing.
    let directory = parent.path().join("recording");
    std::fs::write(&directory, "").unwrap();
    let exporter = Exporter::start(&recording_config(&polyv, &directory)).await;
    let scrape = exporter
        .until("monitoring works and recording does not", |scrape| {
            scrape.state("1") == "live" && scrape.get("polyv_recorder_up", &[]) == Some(0.0)
        })
        .await;
    assert!(scrape.get("polyv_recorder_errors_total", &[]) > Some(0.0));
    std::fs::remove_file(&directory).unwrap();
    exporter
        .until("samples are recorded", |scrape| {
            scrape.get("polyv_recorder_up", &[]) == Some(1.0)
                && scrape
                    .get("polyv_recorder_samples_total", &[])
                    .unwrap_or(0.0)
                    > 0.0
        })
        .await;
    // A second exporter on the same path.
    let mut second = polyv_exporter();
    second.arg("--config.file").arg(exporter.config_path());
    second.args(["--web.listen-address", "127.0.0.1:0"]);
    let refused = run(&mut second);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text_of(&refused).contains("another exporter records there"));
    // Others may not read what is recorded.
    let mode = std::fs::metadata(&directory).unwrap().permissions().mode();
    assert_eq!(mode & 0o007, 0, "{mode:o}");
    drop(exporter);
}
