//! What is served, to whom, and that no client can harm the others.

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::exporter_process::{Exporter, Program, polyv_exporter, quick_config};
use crate::support::simulator_server::SimulatorServer;

async fn setup() -> (SimulatorServer, Exporter) {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let exporter = Exporter::start(&quick_config(polyv.address, "[{id: 1}]")).await;
    exporter
        .until("it is live", |s| s.state("1") == "live")
        .await;
    (polyv, exporter)
}

#[tokio::test]
async fn every_route_responds() {
    let (_polyv, exporter) = setup().await;
    while exporter.get("/-/ready").await.status() != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (path, status, content) in [
        ("/", 200, "href=\"metrics\""),
        ("/metrics", 200, "# TYPE polyv_channel_state gauge"),
        ("/-/healthy", 200, "works"),
        ("/-/ready", 200, "ready"),
        ("/nothing", 404, "nothing here"),
    ] {
        let response = exporter.get(path).await;
        assert_eq!(response.status(), status, "{path}");
        let text = response.text().await.unwrap();
        assert!(text.contains(content), "{path}: {text}");
    }
    let post = exporter.client.post(exporter.url("/metrics"));
    assert_eq!(post.send().await.unwrap().status(), 405);
    assert_eq!(exporter.get("/-/reload").await.status(), 405);
    let head = exporter.client.head(exporter.url("/metrics"));
    assert_eq!(head.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn options_of_a_path_are_its_methods() {
    let (_polyv, exporter) = setup().await;
    let request = |method: &str, path: &str| {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        exporter.client.request(method, exporter.url(path)).send()
    };
    for (path, others, methods) in [
        ("/", 405, "GET,HEAD,OPTIONS"),
        ("/metrics", 405, "GET,HEAD,OPTIONS"),
        ("/probe", 405, "GET,HEAD,OPTIONS"),
        ("/sd?unknown=1", 405, "GET,HEAD,OPTIONS"),
        ("/-/healthy", 405, "GET,HEAD,OPTIONS"),
        ("/api/v1/channels/1", 405, "GET,HEAD,OPTIONS"),
        ("/channels/1", 405, "GET,HEAD,OPTIONS"),
        ("/assets/page.js", 405, "GET,HEAD,OPTIONS"),
        ("/-/reload", 405, "POST,OPTIONS"),
        ("/nothing", 404, "OPTIONS"),
        ("/api/nothing", 404, "OPTIONS"),
    ] {
        let other = request("DELETE", path).await.unwrap();
        assert_eq!(other.status(), others, "{path}");
        let allowed = other.headers().get("allow");
        assert!(allowed.is_none_or(|allowed| allowed == methods), "{path}");
        let response = request("OPTIONS", path).await.unwrap();
        assert_eq!(response.status(), 204, "{path}");
        assert_eq!(response.headers()["allow"], methods, "{path}");
        assert!(!response.headers().contains_key("content-length"), "{path}");
        assert_eq!(response.text().await.unwrap(), "", "{path}");
    }
    // HAProxy's default check, and a request about the server as a whole.
    for request in [
        "OPTIONS / HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ] {
        let response = String::from_utf8(raw(exporter.address, request).await).unwrap();
        let head = response.to_ascii_lowercase();
        assert!(head.contains(" 204 no content\r\n"), "{response}");
        assert!(head.contains("\r\nallow: get,head,"), "{response}");
        assert!(head.ends_with("\r\n\r\n"), "{response}");
    }
}

#[tokio::test]
async fn scrape_has_the_accepted_format_as_content_type() {
    let (_polyv, exporter) = setup().await;
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    for (accept, expected) in [
        (None, "text/plain; version=0.0.4; charset=utf-8"),
        (Some("*/*"), "text/plain; version=0.0.4; charset=utf-8"),
        (
            Some("application/openmetrics-text; version=1.0.0"),
            open_metrics,
        ),
    ] {
        let mut request = exporter.client.get(exporter.url("/metrics"));
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], expected);
        let text = response.text().await.unwrap();
        assert_eq!(text.ends_with("# EOF\n"), expected == open_metrics);
        // Samples are the same; counters' families are named differently.
        assert!(text.contains("polyv_stream_samples_total{"));
        let counter = "# TYPE polyv_stream_samples counter";
        assert_eq!(text.contains(counter), expected == open_metrics);
        assert!(text.contains(
            "polyv_api_request_duration_seconds_bucket{endpoint=\"stream_info\",le=\"5.0\"}"
        ));
        assert!(!text.contains("_created"));
    }
}

#[tokio::test]
async fn gzip_is_used_if_accepted() {
    let (_polyv, exporter) = setup().await;
    let request = exporter
        .client
        .get(exporter.url("/metrics"))
        .header("accept-encoding", "gzip");
    let response = request.send().await.unwrap();
    // The client undoes it and hides that it did, so look underneath.
    drop(response);
    let raw = raw(
        exporter.address,
        // Several lines are one list.
        "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
    )
    .await;
    let text = String::from_utf8_lossy(&raw);
    assert!(text.contains("content-encoding: gzip"), "{text}");
    let body = raw
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap()
        + 4;
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&raw[body..])
        .read_to_string(&mut unpacked)
        .unwrap();
    assert!(unpacked.contains("polyv_channel_state{"));
}

async fn raw(address: SocketAddr, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn oversized_and_malformed_requests_are_rejected() {
    let (_polyv, exporter) = setup().await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000));
    let many = format!(
        "GET / HTTP/1.1\r\n{}\r\n",
        (0..200)
            .map(|n| format!("X-{n}: y\r\n"))
            .collect::<String>()
    );
    for request in [long.as_str(), many.as_str(), "\0\x01rubbish\r\n\r\n"] {
        let mut stream = TcpStream::connect(exporter.address).await.unwrap();
        // The server may close before all is written.
        _ = stream.write_all(request.as_bytes()).await;
        let mut response = Vec::new();
        _ = stream.read_to_end(&mut response).await;
        let text = String::from_utf8_lossy(&response);
        let refused = text.is_empty() || text.starts_with("HTTP/1.1 4");
        assert!(refused, "{text}");
    }
    assert_eq!(exporter.get("/-/healthy").await.status(), 200);
}

#[tokio::test]
async fn hanging_and_silent_clients_do_not_block_a_scrape() {
    let polyv = SimulatorServer::start("channels: [{id: 1000, count: 1000}]").await;
    let channels: Vec<_> = (1000..2000).map(|id| format!("{{id: {id}}}")).collect();
    let config = quick_config(polyv.address, &format!("[{}]", channels.join(",")))
        .replace("interval: 1s", "interval: 20s");
    let exporter = Exporter::start(&config).await;
    let mut stuck = Vec::new();
    for n in 0..60 {
        let mut stream = TcpStream::connect(exporter.address).await.unwrap();
        // Some send nothing, some half a request, some a whole one and never read.
        let request: &[u8] = match n % 3 {
            0 => b"",
            1 => b"GET /metrics HTTP/1.1\r\nHo",
            _ => b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        };
        stream.write_all(request).await.unwrap();
        stuck.push(stream);
    }
    let begin = Instant::now();
    let scrape = exporter.scrape().await;
    assert_eq!(scrape.all("polyv_channel_info", &[]).len(), 1000);
    // Not a measurement: a client that waited for one of those would wait for half a minute.
    assert!(begin.elapsed() < Duration::from_secs(20));
    let lag = scrape.get("polyv_exporter_poll_lag_seconds", &[]).unwrap();
    assert!(lag < 5.0, "{lag}");
    drop(stuck);
}

#[tokio::test]
async fn signal_stops_the_exporter_within_five_seconds_despite_hanging_calls() {
    for signal in ["TERM", "INT"] {
        let polyv = SimulatorServer::start("channels: [{id: 1}]\ntroubles: [hang]").await;
        let config =
            quick_config(polyv.address, "[{id: 1}]").replace("timeout: 1s", "timeout: 60s");
        let mut exporter = Exporter::start(&config).await;
        // A call to Polyv that hangs, an idle client, and one that sent half a request.
        let _idle = TcpStream::connect(exporter.address).await.unwrap();
        let mut half = TcpStream::connect(exporter.address).await.unwrap();
        half.write_all(b"GET /metrics HTT").await.unwrap();
        while polyv.simulator.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let begin = Instant::now();
        exporter.program.signal(signal);
        let status = exporter.program.ended().await;
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{signal}: {:?}",
            begin.elapsed()
        );
        let log = exporter.program.log();
        assert!(log.contains(&format!("signal=SIG{signal}")), "{log}");
        assert!(log.contains("message=stopped"), "{log}");
    }
}

#[tokio::test]
async fn listen_addresses_are_respected_and_default_to_both_protocols() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("polyv.yml");
    std::fs::write(&config, quick_config(polyv.address, "[{id: 1}]")).unwrap();
    let mut command = polyv_exporter();
    // Without a command it serves.
    command.arg("--config.file").arg(&config).args([
        "--web.listen-address=:0",
        "--web.listen-address=127.0.0.1:0",
        "--web.telemetry-path=/polyv/metrics",
    ]);
    let mut program = Program::start(&mut command);
    program.logged(&["configuration applied"]).await;
    program.logged(&["listening", "127.0.0.1"]).await;
    let log = program.log();
    let ports: Vec<u16> = log
        .lines()
        .filter(|line| line.contains("message=listening"))
        .map(|line| crate::support::exporter_process::address_in(line).port())
        .collect();
    assert_eq!(ports.len(), 2, "{log}");
    let client = crate::support::exporter_process::client();
    let mut hosts = vec![("127.0.0.1", ports[0]), ("127.0.0.1", ports[1])];
    // Where there is IPv6.
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        hosts.push(("[::1]", ports[0]));
    }
    for (host, port) in hosts {
        let url = format!("http://{host}:{port}/polyv/metrics");
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.status(), 200, "{url}");
        let old = client
            .get(format!("http://{host}:{port}/metrics"))
            .send()
            .await;
        assert_eq!(old.unwrap().status(), 404);
    }
}

#[tokio::test]
async fn reload_over_http_requires_the_lifecycle_flag() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("polyv.yml");
    std::fs::write(&config, quick_config(polyv.address, "[{id: 1}]")).unwrap();
    let mut command = polyv_exporter();
    command
        .env("POLYV_EXPORTER_CONFIG_FILE", &config)
        .env("POLYV_EXPORTER_WEB_LISTEN_ADDRESS", "127.0.0.1:0");
    let mut program = Program::start(&mut command);
    let line = program.logged(&["listening"]).await;
    let address = crate::support::exporter_process::address_in(&line);
    let client = crate::support::exporter_process::client();
    let response = client
        .post(format!("http://{address}/-/reload"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 403);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .contains("--web.enable-lifecycle")
    );
}
