//! A recording that cannot be written.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::exporter_process::{DEADLINE, Exporter, polyv_exporter, run, text_of};
use crate::support::recording::{export, recording_config, until_complete};
use crate::support::scrape::Scrape;
use crate::support::simulator_server::SimulatorServer;

/// A disk of 2 MiB, unmounted when dropped.
struct SmallDisk {
    directory: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts the disk; `None` where that is not permitted.
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2M", "tmpfs"]);
        let mounted = run(mount.arg(directory.path()));
        mounted.status.success().then_some(Self { directory })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Makes it read-only or writable.
    fn remount(&self, mode: &str) {
        let mut mount = Command::new("mount");
        let output = run(mount
            .args(["-o", &format!("remount,{mode}")])
            .arg(self.path()));
        assert!(output.status.success(), "{}", text_of(&output));
    }

    /// Fills it to the last byte, and returns the file that does.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("other");
        let mut other = std::fs::File::create(&path).unwrap();
        let mut length = 65_536;
        while length > 0 {
            if let Err(error) = other.write_all(&vec![1; length]) {
                assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
                length /= 2;
            }
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("--lazy").arg(self.path()));
    }
}

fn recorded_samples(scrape: &Scrape) -> f64 {
    scrape
        .get("polyv_recorder_samples_total", &[])
        .unwrap_or(0.0)
}

fn is_recording(scrape: &Scrape) -> bool {
    scrape.get("polyv_recorder_up", &[]) == Some(1.0)
}

#[tokio::test]
async fn recording_pauses_while_its_disk_is_full_or_read_only() {
    let Some(disk) = SmallDisk::mount() else {
        println!("left out: a disk cannot be mounted here");
        return;
    };
    let polyv = SimulatorServer::start("sample_every: 1s\nchannels: [{id: 1}]").await;
    let recording = disk.path().join("recording");
    let config = recording_config(&polyv, &recording);
    let mut exporter = Exporter::start(&config).await;
    exporter
        .until("samples are recorded", |scrape| {
            is_recording(scrape) && recorded_samples(scrape) > 0.0
        })
        .await;
    let other = disk.fill();
    let failing = exporter
        .until("recording fails", |scrape| !is_recording(scrape))
        .await;
    let errors = |scrape: &Scrape| scrape.get("polyv_recorder_errors_total", &[]).unwrap();
    // It stays down through another attempt, so that the alert fires; monitoring goes on.
    exporter
        .until("it failed once more", |scrape| {
            assert!(!is_recording(scrape), "{}", scrape.text);
            assert_eq!(scrape.state("1"), "live");
            errors(scrape) >= errors(&failing) + 1.0
        })
        .await;
    std::fs::remove_file(other).unwrap();
    let resumed = exporter.until("it records again", is_recording).await;
    exporter
        .until("more is recorded", |scrape| {
            recorded_samples(scrape) > recorded_samples(&resumed)
        })
        .await;
    // What came meanwhile is requested again.
    until_complete(&polyv, &recording, None, DEADLINE, &exporter).await;
    exporter.program.signal("TERM");
    assert!(exporter.program.ended().await.success());

    disk.remount("ro");
    let exporter = Exporter::start(&config).await;
    let scrape = exporter
        .until("the channel is live", |scrape| scrape.state("1") == "live")
        .await;
    assert!(!is_recording(&scrape) && errors(&scrape) > 0.0);
    assert!(export(&recording, &["--format", "csv"]).lines().count() > 2);
    disk.remount("rw");
    exporter
        .until("samples are recorded", |scrape| {
            is_recording(scrape) && recorded_samples(scrape) > 0.0
        })
        .await;
    until_complete(&polyv, &recording, None, DEADLINE, &exporter).await;
}

#[tokio::test]
async fn damaged_recording_is_set_aside_and_monitoring_goes_on() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("recorder.db"),
        "garbage ".repeat(2000),
    )
    .unwrap();
    let config = recording_config(&polyv, directory.path());
    let set_aside = || {
        let files = std::fs::read_dir(directory.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("recorder.db.damaged-"))
            .count()
    };
    let samples_are_recorded =
        |scrape: &Scrape| is_recording(scrape) && recorded_samples(scrape) > 0.0;
    let mut exporter = Exporter::start(&config).await;
    exporter
        .until("samples are recorded", samples_are_recorded)
        .await;
    assert_eq!(set_aside(), 1);
    exporter.program.signal("TERM");
    assert!(exporter.program.ended().await.success());

    // Damage in the middle: the schema is whole, and the pages after it are not.
    let database = directory.path().join("recorder.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 4;
    bytes[middle..].fill(0x5a);
    std::fs::write(&database, bytes).unwrap();
    let exporter = Exporter::start(&config).await;
    exporter
        .until("samples are recorded", samples_are_recorded)
        .await;
    assert_eq!(set_aside(), 2);
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
            scrape.state("1") == "live" && !is_recording(scrape)
        })
        .await;
    assert!(scrape.get("polyv_recorder_errors_total", &[]) > Some(0.0));
    std::fs::remove_file(&directory).unwrap();
    exporter
        .until("samples are recorded", |scrape| {
            is_recording(scrape) && recorded_samples(scrape) > 0.0
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
