//! The effect of each fault on a socket.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::simulator_server::{SimulatorServer, within_deadline};

#[tokio::test]
async fn hanging_call_gets_no_response_while_others_do() {
    let served = SimulatorServer::start(
        "{channels: [{id: 1}, {id: 2}], troubles: [{trouble: hang, channels: [\"1\"]}]}",
    )
    .await;
    let url = format!("http://{}{}", served.address, served.stream_info_url("1"));
    let request = served.client.get(url).timeout(Duration::from_millis(300));
    let error = within_deadline(request.send()).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(served.stream_info_json("2").await["code"], 200);
}

#[tokio::test]
async fn reset_connection_has_no_response() {
    let served = SimulatorServer::start("{channels: [{id: 1}], troubles: [reset]}").await;
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: x\r\n\r\n",
        served.stream_info_url("1")
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let error = within_deadline(connection.read_to_end(&mut answer))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(answer.is_empty());
}

#[tokio::test]
async fn stale_connection_closes_before_a_byte_of_the_response() {
    let served =
        SimulatorServer::start("{channels: [{id: 1}], troubles: [stale_connection]}").await;
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: x\r\n\r\n",
        served.stream_info_url("1")
    );
    let mut first = [0; 15];
    connection.write_all(request.as_bytes()).await.unwrap();
    within_deadline(connection.read_exact(&mut first))
        .await
        .unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut rest = String::new();
    within_deadline(connection.read_to_string(&mut rest))
        .await
        .unwrap();
    assert!(!rest.contains("HTTP/1.1"), "{rest}");
}

#[tokio::test]
async fn cut_off_body_is_shorter_than_its_length() {
    let served = SimulatorServer::start("{channels: [{id: 1}], troubles: [cut_off]}").await;
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: x\r\n\r\n",
        served.stream_info_url("1")
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    within_deadline(connection.read_to_end(&mut answer))
        .await
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    let promised: usize = length.parse().unwrap();
    assert_eq!(body.len(), promised / 2);
    let response = served.request_stream_info("1").await.unwrap();
    let error = within_deadline(response.bytes()).await.unwrap_err();
    assert!(error.is_body() || error.is_decode(), "{error:?}");
}

#[tokio::test]
async fn truncated_json_is_valid_http() {
    let served = SimulatorServer::start("{channels: [{id: 1}], troubles: [truncated_json]}").await;
    let text = served
        .request_stream_info("1")
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(text.starts_with("{\"code\":200,"));
    assert!(serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test]
async fn endless_body_exceeds_any_limit() {
    let served = SimulatorServer::start("{channels: [{id: 1}], troubles: [endless]}").await;
    let mut response = served.request_stream_info("1").await.unwrap();
    assert_eq!(response.content_length(), None);
    let mut received = 0;
    while received < 5 << 20 {
        let chunk = within_deadline(response.chunk()).await.unwrap().unwrap();
        received += chunk.len();
    }
}

#[tokio::test]
async fn gzip_bomb_expands_in_a_client_that_decompresses_it() {
    let served = SimulatorServer::start("{channels: [{id: 1}], troubles: [gzip_bomb]}").await;
    let url = format!("http://{}{}", served.address, served.stream_info_url("1"));
    let client = reqwest::Client::builder()
        .gzip(true)
        .no_proxy()
        .build()
        .unwrap();
    let mut response = within_deadline(client.get(url).send()).await.unwrap();
    let mut received = 0;
    while received < 32 << 20 {
        let chunk = within_deadline(response.chunk()).await.unwrap().unwrap();
        received += chunk.len();
    }
}

#[tokio::test]
async fn gateways_and_redirects_have_their_statuses() {
    let served = SimulatorServer::start("channels: [{id: 1}]").await;
    for (trouble, status) in [
        ("bad_gateway", 502),
        ("html", 200),
        ("redirect", 302),
        ("{trouble: block, as: 403}", 403),
        ("{trouble: block, as: 405}", 405),
        ("{trouble: block, as: 429}", 429),
        ("{trouble: answer, status: 503, body: \"\"}", 503),
    ] {
        served.inject_faults(trouble).await;
        let response = served.request_stream_info("1").await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{trouble}");
        let text = response.text().await.unwrap();
        assert!(
            serde_json::from_str::<Value>(&text).is_err(),
            "{trouble}: {text}"
        );
    }
    let (_, troubles) = served.control("GET", "troubles", "").await;
    assert_eq!(troubles["troubles"][0]["trouble"], "answer");
    assert_eq!(troubles["troubles"][0]["status"], 503);
    assert_eq!(troubles["troubles"][0]["active"], true);
    let (_, troubles) = served.control("DELETE", "troubles", "").await;
    assert_eq!(troubles["troubles"].as_array().unwrap().len(), 0);
    assert_eq!(served.stream_info_json("1").await["code"], 200);
}

#[tokio::test]
async fn latency_is_waited_for_on_the_socket() {
    let served = SimulatorServer::start(
        "{channels: [{id: 1}], troubles: [{trouble: latency, median: 300ms, p99: 300ms}]}",
    )
    .await;
    let begin = Instant::now();
    assert_eq!(served.stream_info_json("1").await["code"], 200);
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(300), "{took:?}");
}
