//! The service manager learns whether the exporter works: containers by `healthcheck`, systemd
//! by notifications.

use std::os::unix::net::UnixDatagram;
use std::process::Output;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::support::exporter_process::{
    Exporter, polyv_exporter, quick_config, replace, run, text_of, unused_address,
};
use crate::support::secured_exporter::{ALICE, SecuredExporter, TLS};
use crate::support::simulator_server::SimulatorServer;

fn healthcheck(address: &str) -> Output {
    run(polyv_exporter().args(["healthcheck", "--web.listen-address", address]))
}

#[tokio::test(flavor = "multi_thread")]
async fn healthcheck_passes_with_any_web_configuration() {
    for (web, word) in [
        ("{}".to_owned(), "works."),
        (format!("basic_auth_users: {{{ALICE}}}"), "password"),
        (TLS.to_owned(), "TLS"),
        ("rate_limit: {interval: 1h, burst: 1}".to_owned(), "works."),
    ] {
        let secured = SecuredExporter::start(&web).await;
        let output = healthcheck(&secured.exporter.address.to_string());
        assert!(output.status.success(), "{web}: {}", text_of(&output));
        assert!(
            text_of(&output).contains(word),
            "{web}: {}",
            text_of(&output)
        );
        if web.contains("rate_limit") {
            let output = healthcheck(&secured.exporter.address.to_string());
            assert!(output.status.success(), "{}", text_of(&output));
            assert!(
                text_of(&output).contains("rate limit"),
                "{}",
                text_of(&output)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn healthcheck_uses_the_listen_address_of_serve() {
    let secured = SecuredExporter::start("{}").await;
    let port = secured.exporter.address.port();
    for listens in [format!(":{port}"), format!("0.0.0.0:{port},[::1]:1")] {
        let mut command = polyv_exporter();
        command.env("POLYV_EXPORTER_WEB_LISTEN_ADDRESS", &listens);
        let output = run(command.arg("healthcheck"));
        assert!(output.status.success(), "{listens}: {}", text_of(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn healthcheck_fails_without_an_exporter_at_the_address() {
    // No server listens.
    let (_held, address) = unused_address();
    let address = address.to_string();
    let output = healthcheck(&address);
    assert_eq!(output.status.code(), Some(1));
    assert!(text_of(&output).contains(&address), "{}", text_of(&output));

    // Another server does.
    let polyv = SimulatorServer::start("{}").await;
    let output = healthcheck(&polyv.address.to_string());
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));

    // What speaks no HTTP.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while let Ok((mut stream, _)) = listener.accept().await {
            _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        }
    });
    let output = healthcheck(&address);
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));

    // No address at all.
    let output = healthcheck("127.0.0.1:0");
    assert_eq!(output.status.code(), Some(2), "{}", text_of(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn healthcheck_times_out_without_a_response() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let output = healthcheck(&silent.local_addr().unwrap().to_string());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text_of(&output).contains("no response"),
        "{}",
        text_of(&output)
    );
}

/// A service manager's socket.
struct Manager {
    socket: UnixDatagram,
    directory: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        let patience = Duration::from_secs(60);
        socket.set_read_timeout(Some(patience)).unwrap();
        Self { socket, directory }
    }

    /// The next message.
    fn next_message(&self) -> String {
        let mut buffer = [0; 1024];
        let length = self.socket.recv(&mut buffer).expect("a notification");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// The next message that is no keep-alive.
    fn next_state(&self) -> String {
        loop {
            let message = self.next_message();
            if message.trim_end() != "WATCHDOG=1" {
                return message;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_notified_of_ready_watchdog_reload_and_stop() {
    let manager = Manager::new();
    let polyv = SimulatorServer::start("channels: [{id: 1}, {id: 2}]").await;
    let config = quick_config(polyv.address, "[{id: 1}]");
    let mut exporter = Exporter::start_with(&config, |command| {
        command.env("NOTIFY_SOCKET", manager.directory.path().join("notify"));
        command.env("WATCHDOG_USEC", "200000");
    })
    .await;

    let ready = manager.next_message();
    assert!(ready.contains("READY=1"), "{ready}");
    assert!(ready.contains("STATUS=watching channels: 1"), "{ready}");
    for _ in 0..3 {
        assert_eq!(manager.next_message().trim_end(), "WATCHDOG=1");
    }

    let two = quick_config(polyv.address, "[{id: 1}, {id: 2}]");
    replace(&exporter.config_path(), &two);
    exporter.program.signal("HUP");
    let reloading = manager.next_state();
    assert!(reloading.contains("RELOADING=1"), "{reloading}");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    let ready = manager.next_state();
    assert!(ready.contains("READY=1"), "{ready}");
    assert!(ready.contains("watching channels: 2"), "{ready}");

    // One that is refused ends as well: what was in force goes on.
    replace(&exporter.config_path(), "accounts: 7");
    exporter.program.signal("HUP");
    assert!(manager.next_state().contains("RELOADING=1"));
    let ready = manager.next_state();
    assert!(ready.contains("READY=1"), "{ready}");
    assert!(ready.contains("watching channels: 2; "), "{ready}");
    assert!(ready.contains("faulty"), "{ready}");

    exporter.program.signal("TERM");
    assert!(manager.next_state().contains("STOPPING=1"));
    assert!(exporter.program.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_notify_socket_does_not_block_the_exporter() {
    let manager = Manager::new();
    let path = manager.directory.path().join("notify");
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"FULL=1", &path).is_ok() {}
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let config = quick_config(polyv.address, "[{id: 1}]");
    let mut exporter = Exporter::start_with(&config, |command| {
        command.env("NOTIFY_SOCKET", &path);
        command.env("WATCHDOG_USEC", "200000");
    })
    .await;
    exporter.until("it works", |s| s.state("1") == "live").await;
    assert_eq!(exporter.reload().await.0, 200);
    exporter.program.signal("TERM");
    let begin = std::time::Instant::now();
    assert!(exporter.program.ended().await.success());
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "the contract's bound"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_notify_socket_has_no_effect() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let config = quick_config(polyv.address, "[{id: 1}]");
    let mut exporter = Exporter::start_with(&config, |command| {
        command.env("NOTIFY_SOCKET", "/nowhere/notify");
    })
    .await;
    let expected = ["NOTIFY_SOCKET", "No such file"];
    exporter.program.logged(&expected).await;
    exporter
        .until("it works all the same", |s| s.state("1") == "live")
        .await;
}
