//! A log that nothing reads stops nothing.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::exporter_process::{
    DEADLINE, address_in, client, polyv_exporter, quick_config, replace,
};
use crate::support::scrape::Scrape;
use crate::support::simulator_server::SimulatorServer;

/// A program that is killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Running {
    /// Sends SIGTERM; the program has to end within 5 seconds.
    async fn stops(&mut self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        let begin = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            assert!(begin.elapsed() < Duration::from_secs(5), "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn scrape(url: &str) -> Scrape {
    let response = client().get(url).send().await.unwrap();
    Scrape::parse(&response.text().await.unwrap())
}

async fn until(url: &str, what: &str, condition: impl Fn(&Scrape) -> bool) {
    let begin = Instant::now();
    while !condition(&scrape(url).await) {
        assert!(begin.elapsed() < DEADLINE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Both ends of a connection of which one takes nothing more.
fn full() -> (UnixStream, UnixStream) {
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    writer.set_nonblocking(false).unwrap();
    (reader, writer)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_serves_polls_and_ends_though_nothing_reads_what_it_writes() {
    let (_unread, writer) = full();
    let (held, address) = crate::support::exporter_process::unused_address();
    drop(held);
    let output = writer.try_clone().unwrap();
    let child = polyv_exporter()
        .args(["demo", "--web.listen-address", &address.to_string()])
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(output))
        .stderr(OwnedFd::from(writer))
        .spawn();
    let mut running = Running(child.unwrap());
    let begin = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(begin.elapsed() < DEADLINE, "it does not listen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let url = format!("http://{address}/metrics");
    let live = |s: &Scrape| !s.all("polyv_stream_video_bitrate_bps", &[]).is_empty();
    until(&url, "it polls", live).await;
    running.stops().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_dropped_and_counted_once_nothing_reads_the_log() {
    let polyv = SimulatorServer::start("{sample_every: 1s, channels: [{id: 1}]}").await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("polyv.yml");
    std::fs::write(&path, quick_config(polyv.address, "[{id: 1}]")).unwrap();
    let (reader, writer) = UnixStream::pair().unwrap();
    let child = polyv_exporter()
        .arg("--config.file")
        .arg(&path)
        .args([
            "--web.listen-address",
            "127.0.0.1:0",
            "--web.enable-lifecycle",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(OwnedFd::from(writer))
        .spawn();
    let mut running = Running(child.unwrap());
    // Read up to here, and no further.
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains("listening")).unwrap();
    let base = format!("http://{}", address_in(&line));
    let url = format!("{base}/metrics");
    let dropped = |s: &Scrape| {
        s.get("polyv_exporter_log_lines_dropped_total", &[])
            .unwrap()
    };
    assert_eq!(dropped(&scrape(&url).await), 0.0);
    // A line for each fault.
    let faulty = vec!["{id: x}"; 20_000].join(", ");
    replace(&path, &quick_config(polyv.address, &format!("[{faulty}]")));
    let reload = client().post(format!("{base}/-/reload")).send().await;
    assert_eq!(reload.unwrap().status(), 500);
    until(&url, "lines are dropped", |s| dropped(s) > 10_000.0).await;
    // Each is counted once, however many scrapes there are.
    let counts = tokio::join!(scrape(&url), scrape(&url), scrape(&url));
    assert!(dropped(&counts.2) < 20_100.0);
    let calls = scrape(&url).await.calls("main", "ok");
    until(&url, "it polls", |s| s.calls("main", "ok") > calls + 1).await;
    let lag = scrape(&url)
        .await
        .get("polyv_exporter_poll_lag_seconds", &[]);
    assert!(lag.unwrap() < 5.0, "{lag:?}");
    running.stops().await;
}
