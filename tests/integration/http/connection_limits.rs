//! Prometheus gets its scrape, however many clients there are and whatever they do.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::exporter_process::{Exporter, client, quick_config};
use crate::support::scrape::Scrape;
use crate::support::secured_exporter::{SecuredExporter, TLS};
use crate::support::simulator_server::SimulatorServer;

/// More connections than the exporter keeps open.
const CROWD: usize = 600;
/// At most 142 MB were measured with 600 slow readers, of scrapes, pages or JSON.
/// 600 whole responses would be two gigabytes.
const MAX_RSS_KB: u64 = 220_000;

/// What 40 clients that read nothing may take, with buffers of the allocator.
const MAX_GROWTH_KB: u64 = 40_000;

async fn crowd(address: SocketAddr, requests: &[&[u8]]) -> Vec<TcpStream> {
    crowd_of(CROWD, address, requests).await
}

async fn crowd_of(count: usize, address: SocketAddr, requests: &[&[u8]]) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for number in 0..count {
        // A small buffer, so that the response soon waits for its reader.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        // The exporter may have closed it for another one already.
        _ = stream.write_all(requests[number % requests.len()]).await;
        crowd.push(stream);
    }
    crowd
}

/// Scrapes over new connections until a scrape succeeds, and returns the number of attempts.
async fn scrape_over_new_connection(url: &str, client: &reqwest::Client) -> (Scrape, usize) {
    let begin = Instant::now();
    for attempt in 1.. {
        if let Ok(response) = client.get(url).send().await
            && response.status() == 200
            && let Ok(text) = response.text().await
        {
            return (Scrape::parse(&text), attempt);
        }
        // A client that is kept out is so for half a minute at least.
        assert!(
            begin.elapsed() < Duration::from_secs(15),
            "{attempt} attempts"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    unreachable!()
}

/// The configuration of channels with long labels.
fn channels(count: u32) -> String {
    let note = "x".repeat(500);
    let channels = (1000..1000 + count).map(|id| format!("{{id: {id}, labels: {{note: {note}}}}}"));
    format!("[{}]", channels.collect::<Vec<_>>().join(","))
}

async fn many_channels() -> (SimulatorServer, Exporter) {
    let polyv = SimulatorServer::start("channels: [{id: 1000, count: 2000}]").await;
    let config =
        quick_config(polyv.address, &channels(2000)).replace("interval: 1s", "interval: 20s");
    let exporter = Exporter::start(&config).await;
    (polyv, exporter)
}

#[tokio::test]
async fn idle_and_half_requests_do_not_block_a_scrape() {
    let (_polyv, exporter) = many_channels().await;
    let url = exporter.url("/metrics");
    let healthy = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
    let _crowd = crowd(
        exporter.address,
        &[b"", b"GET /metrics HTTP/1.1\r\nHo", healthy],
    )
    .await;
    for _ in 0..3 {
        let (scrape, attempts) = scrape_over_new_connection(&url, &client()).await;
        assert_eq!(scrape.all("polyv_channel_info", &[]).len(), 2000);
        assert_eq!(attempts, 1);
    }
}

/// Fails when the exporter takes more memory than a crowd of slow readers may cost.
#[track_caller]
fn assert_memory_is_bounded(exporter: &Exporter, path: &str) {
    let rss = resident_kb(exporter);
    assert!((1..=MAX_RSS_KB).contains(&rss), "{path}: {rss} kB");
}

fn resident_kb(exporter: &Exporter) -> u64 {
    let status = format!("/proc/{}/status", exporter.program.id());
    let status = std::fs::read_to_string(status).unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let rss = rss.and_then(|rss| rss.split_whitespace().next()).unwrap();
    rss.parse().unwrap()
}

#[tokio::test]
async fn unread_large_responses_do_not_block_a_scrape() {
    let (_polyv, exporter) = many_channels().await;
    let url = exporter.url("/metrics");
    for path in ["/metrics", "/api/v1/channels", "/fragments/channels"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let _crowd = crowd(exporter.address, &[request.as_bytes()]).await;
        for _ in 0..3 {
            // A scrape may be rejected while all other responses seem to make progress.
            let (scrape, attempts) = scrape_over_new_connection(&url, &client()).await;
            assert_eq!(scrape.all("polyv_channel_info", &[]).len(), 2000);
            assert!(attempts <= 15, "{path}: {attempts}");
        }
        assert_memory_is_bounded(&exporter, path);
    }
}

#[tokio::test]
async fn unread_lists_of_channels_are_not_held_in_memory() {
    let (_polyv, exporter) = many_channels().await;
    for path in ["/sd", "/api/v1/channels", "/?page=1", "/fragments/channels"] {
        let before = resident_kb(&exporter);
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let requests = [request.as_bytes()];
        let mut unread = Vec::new();
        while unread.len() < 40 {
            for stream in crowd_of(40 - unread.len(), exporter.address, &requests).await {
                let mut status = [0; 12];
                stream.peek(&mut status).await.unwrap();
                // On a busy host some wait too long to be rendered.
                if &status == b"HTTP/1.1 200" {
                    unread.push(stream);
                }
            }
        }
        let growth = resident_kb(&exporter).saturating_sub(before);
        // 40 rendered lists would be 90 MB.
        assert!(growth < MAX_GROWTH_KB, "{path}: {growth} kB");
    }
}

#[tokio::test]
async fn unread_http2_responses_block_neither_a_scrape_nor_the_shutdown() {
    let polyv = "channels: [{id: 1000, count: 1000}]";
    let mut secured = SecuredExporter::start_with(polyv, &channels(1000), TLS).await;
    let url = secured.exporter.url("/metrics");
    let mut stuck = Vec::new();
    for path in ["/metrics", "/api/v1/channels"] {
        for _ in 0..40 {
            let stream = secured.connect(&["h2"]).await.unwrap();
            let (sender, connection) =
                hyper::client::conn::http2::Builder::new(TokioExecutor::new())
                    .initial_stream_window_size(1024)
                    .handshake(TokioIo::new(stream))
                    .await
                    .unwrap();
            tokio::spawn(connection);
            // The maximum for a connection; requests on aborted connections fail.
            for _ in 0..16 {
                let mut sender = sender.clone();
                let uri = format!("https://localhost{path}");
                let request = Request::get(uri).body(Body::empty()).unwrap();
                stuck.push(tokio::spawn(async move {
                    let response = sender.send_request(request).await;
                    std::future::pending::<()>().await;
                    drop((sender, response));
                }));
            }
        }
        let (scrape, attempts) = scrape_over_new_connection(&url, &secured.exporter.client).await;
        assert_eq!(scrape.all("polyv_channel_info", &[]).len(), 1000);
        assert!(attempts <= 15, "{path}: {attempts}");
        assert_memory_is_bounded(&secured.exporter, path);
    }
    let begin = Instant::now();
    secured.exporter.program.signal("TERM");
    assert_eq!(secured.exporter.program.ended().await.code(), Some(0));
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
async fn unfinished_handshakes_do_not_block_a_scrape() {
    let secured = SecuredExporter::start(TLS).await;
    let url = secured.exporter.url("/metrics");
    let _crowd = crowd(secured.exporter.address, &[b"", b"\x16\x03\x01\x02\0\x01"]).await;
    for _ in 0..3 {
        let (_, attempts) = scrape_over_new_connection(&url, &secured.client(None, None)).await;
        assert_eq!(attempts, 1);
    }
}

#[tokio::test]
async fn flood_of_wrong_passwords_does_not_block_a_known_user() {
    // A cost of 12, so that checking the flood takes far longer than the test.
    let dear = "dear: $2a$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    let web = format!(
        "basic_auth_users:\n  {}\n  {dear}\n",
        crate::support::secured_exporter::ALICE
    );
    let secured = SecuredExporter::start(&web).await;
    let alice = secured.client(Some(("alice", "a")), None);
    assert_eq!(secured.status(&alice, "/metrics").await, 200);
    let authorization = crate::support::secured_exporter::basic("dear", "wrong");
    let request =
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n");
    let _crowd = crowd(secured.exporter.address, &[request.as_bytes()]).await;
    let url = secured.exporter.url("/metrics");
    for _ in 0..20 {
        let begin = Instant::now();
        // The connection of before was idle, and may be closed at this very moment.
        let alice = secured.client(Some(("alice", "a")), None);
        assert_eq!(scrape_over_new_connection(&url, &alice).await.1, 1);
        // Not a measurement: behind the flood it would wait for all of it.
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}
