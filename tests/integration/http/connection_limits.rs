//! However many come, and whatever they do: Prometheus gets its scrape.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::exporter_process::{Exporter, client, quick_config};
use crate::support::scrape::Scrape;
use crate::support::secured_exporter::{Doored, TLS};
use crate::support::simulator_server::Served;

/// More than there is room for.
const CROWD: usize = 600;

async fn crowd(address: SocketAddr, requests: &[&[u8]]) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        // A small buffer, so that the answer soon waits for its reader.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        // It may have been closed in favour of another already.
        _ = stream.write_all(requests[number % requests.len()]).await;
        crowd.push(stream);
    }
    crowd
}

/// Scrapes by a connection of its own, as often as it takes until one succeeds, and tells how
/// often it had to.
async fn scrape_by_a_new_connection(url: &str, client: &reqwest::Client) -> (Scrape, usize) {
    let begin = Instant::now();
    for attempt in 1.. {
        if let Ok(answer) = client.get(url).send().await
            && answer.status() == 200
            && let Ok(text) = answer.text().await
        {
            return (Scrape::parse(&text), attempt);
        }
        // Whoever is kept out is so for half a minute at least.
        assert!(
            begin.elapsed() < Duration::from_secs(15),
            "{attempt} attempts"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    unreachable!()
}

/// So many channels of which there is much to say.
fn channels(count: u32) -> String {
    let note = "x".repeat(500);
    let channels = (1000..1000 + count).map(|id| format!("{{id: {id}, labels: {{note: {note}}}}}"));
    format!("[{}]", channels.collect::<Vec<_>>().join(","))
}

async fn many_channels() -> (Served, Exporter) {
    let polyv = Served::start("channels: [{id: 1000, count: 2000}]").await;
    let config =
        quick_config(polyv.address, &channels(2000)).replace("interval: 1s", "interval: 20s");
    let exporter = Exporter::start(&config).await;
    (polyv, exporter)
}

#[tokio::test]
async fn clients_that_idle_or_ask_half_do_not_keep_a_scrape_out() {
    let (_polyv, exporter) = many_channels().await;
    let url = exporter.url("/metrics");
    let healthy = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
    let _crowd = crowd(
        exporter.address,
        &[b"", b"GET /metrics HTTP/1.1\r\nHo", healthy],
    )
    .await;
    for _ in 0..3 {
        let (scrape, attempts) = scrape_by_a_new_connection(&url, &client()).await;
        assert_eq!(scrape.all("polyv_channel_info", &[]).len(), 2000);
        assert_eq!(attempts, 1);
    }
}

/// How much memory it has, in kilobytes; `None` where that is not to be had.
fn memory(exporter: &Exporter) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", exporter.program.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test]
async fn clients_that_read_nothing_of_large_answers_do_not_keep_a_scrape_out() {
    let (_polyv, exporter) = many_channels().await;
    let url = exporter.url("/metrics");
    for path in ["/metrics", "/api/v1/channels", "/fragments/channels"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let _crowd = crowd(exporter.address, &[request.as_bytes()]).await;
        for _ in 0..3 {
            // A scrape may be refused as long as all others look as if they were read.
            let (scrape, attempts) = scrape_by_a_new_connection(&url, &client()).await;
            assert_eq!(scrape.all("polyv_channel_info", &[]).len(), 2000);
            assert!(attempts <= 15, "{path}: {attempts}");
        }
        // Nor do they hold memory: 600 answers would be two gigabytes.
        let memory = memory(&exporter).unwrap_or(0);
        assert!(memory < 400_000, "{path}: {memory} kB");
    }
}

#[tokio::test]
async fn clients_that_read_nothing_over_http_2_do_not_keep_a_scrape_out_nor_the_exporter_up() {
    let polyv = "channels: [{id: 1000, count: 1000}]";
    let mut doored = Doored::start_with(polyv, &channels(1000), TLS).await;
    let url = doored.exporter.url("/metrics");
    let mut stuck = Vec::new();
    for path in ["/metrics", "/api/v1/channels"] {
        for _ in 0..40 {
            let stream = doored.connect(&["h2"]).await.unwrap();
            let (sender, connection) =
                hyper::client::conn::http2::Builder::new(TokioExecutor::new())
                    .initial_stream_window_size(1024)
                    .handshake(TokioIo::new(stream))
                    .await
                    .unwrap();
            tokio::spawn(connection);
            // As many requests as a connection may have; those that are cut off may fail.
            for _ in 0..16 {
                let mut sender = sender.clone();
                let uri = format!("https://localhost{path}");
                let request = Request::get(uri).body(Body::empty()).unwrap();
                stuck.push(tokio::spawn(async move {
                    let answer = sender.send_request(request).await;
                    std::future::pending::<()>().await;
                    drop((sender, answer));
                }));
            }
        }
        let (scrape, attempts) = scrape_by_a_new_connection(&url, &doored.exporter.client).await;
        assert_eq!(scrape.all("polyv_channel_info", &[]).len(), 1000);
        assert!(attempts <= 15, "{path}: {attempts}");
        let memory = memory(&doored.exporter).unwrap_or(0);
        assert!(memory < 400_000, "{path}: {memory} kB");
    }
    let begin = Instant::now();
    doored.exporter.program.signal("TERM");
    assert_eq!(doored.exporter.program.ended().await.code(), Some(0));
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    for one in stuck {
        one.abort();
    }
}

#[tokio::test]
async fn handshakes_that_never_end_do_not_keep_a_scrape_out() {
    let doored = Doored::start(TLS).await;
    let url = doored.exporter.url("/metrics");
    let _crowd = crowd(doored.exporter.address, &[b"", b"\x16\x03\x01\x02\0\x01"]).await;
    for _ in 0..3 {
        let (_, attempts) = scrape_by_a_new_connection(&url, &doored.client(None, None)).await;
        assert_eq!(attempts, 1);
    }
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_keeps_nobody_out_who_was_let_in() {
    // A cost of 12, so that checking the flood takes far longer than the test.
    let dear = "dear: $2a$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    let web = format!(
        "basic_auth_users:\n  {}\n  {dear}\n",
        crate::support::secured_exporter::ALICE
    );
    let doored = Doored::start(&web).await;
    let alice = doored.client(Some(("alice", "a")), None);
    assert_eq!(doored.status(&alice, "/metrics").await, 200);
    let authorization = crate::support::secured_exporter::basic("dear", "wrong");
    let request =
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n");
    let _crowd = crowd(doored.exporter.address, &[request.as_bytes()]).await;
    let url = doored.exporter.url("/metrics");
    for _ in 0..20 {
        let begin = Instant::now();
        // The connection of before was idle, and may be closed at this very moment.
        let alice = doored.client(Some(("alice", "a")), None);
        assert_eq!(scrape_by_a_new_connection(&url, &alice).await.1, 1);
        // Not a measurement: behind the flood it would wait for all of it.
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}
