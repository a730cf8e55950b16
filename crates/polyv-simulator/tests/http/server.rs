//! Requests, limits, connections, and shutdown.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::simulator_server::{SimulatorServer, within_deadline};

#[tokio::test]
async fn right_signature_is_accepted_and_wrong_one_refused() {
    let served = SimulatorServer::start("channels: [{id: 3880533}, {id: 2, life: offline}]").await;
    let answer = served.stream_info_json("3880533").await;
    assert_eq!(answer["code"], 200);
    assert!(answer["data"].as_array().unwrap().len() > 700);
    assert_eq!(
        served.stream_info_json("2").await["message"],
        "channel status not live"
    );
    let forged = served
        .stream_info_url("3880533")
        .replace("channelId=3880533", "channelId=2");
    let answer = served.get(&forged).await.unwrap().text().await.unwrap();
    assert!(answer.contains("invalid signature."), "{answer}");
}

#[tokio::test]
async fn connections_over_the_limit_are_reset_except_for_control() {
    let served =
        SimulatorServer::start("{limits: {requests: 5, per: 10s}, channels: [{id: 1}]}").await;
    for _ in 0..5 {
        assert_eq!(served.stream_info_json("1").await["code"], 200);
    }
    for _ in 0..3 {
        let error = served.request_stream_info("1").await.unwrap_err();
        assert!(error.is_request() || error.is_connect(), "{error:?}");
    }
    let (_, log) = served.control("GET", "received", "").await;
    let blocked = |call: &&Value| call["answered"] == "blocked";
    let calls = log["received"].as_array().unwrap();
    assert!(calls.iter().filter(blocked).count() >= 3, "{log}");
    assert!(!calls[..5].iter().any(|call| blocked(&call)));
    let (status, _) = served.control("DELETE", "blocks", "").await;
    assert_eq!(status, 200);
    assert_eq!(served.stream_info_json("1").await["code"], 200);
}

#[tokio::test]
async fn one_connection_serves_several_calls() {
    let served = SimulatorServer::start("channels: [{id: 1, live_for: 1m}]").await;
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    for _ in 0..3 {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: x\r\n\r\n",
            served.stream_info_url("1")
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"]}") {
            let read = within_deadline(connection.read_buf(&mut answer))
                .await
                .unwrap();
            assert_ne!(read, 0, "the connection was closed");
        }
    }
}

#[tokio::test]
async fn shutdown_is_quick_despite_hanging_calls() {
    let served = SimulatorServer::start(
        "{channels: [{id: 1}, {id: 2}, {id: 3}], troubles: [\
         {trouble: hang, channels: [\"1\"]}, {trouble: endless, channels: [\"2\"]}, \
         {trouble: latency, median: 1h, p99: 1h, channels: [\"3\"]}]}",
    )
    .await;
    let mut connections = Vec::new();
    for channel in ["1", "2", "3"] {
        let mut connection = TcpStream::connect(served.address).await.unwrap();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: x\r\n\r\n",
            served.stream_info_url(channel)
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        connections.push(connection);
    }
    // One that says nothing, and one that stopped in the middle of a request.
    connections.push(TcpStream::connect(served.address).await.unwrap());
    let mut half = TcpStream::connect(served.address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    connections.push(half);
    within_deadline(async {
        while served.simulator.requests().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let address = served.address;
    let took = served.stop().await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(TcpStream::connect(address).await.is_err());
    for mut connection in connections {
        // Every connection has ended, politely or not.
        let mut rest = Vec::new();
        let _ = within_deadline(connection.read_to_end(&mut rest)).await;
    }
}

#[tokio::test]
async fn port_can_be_reused_after_shutdown() {
    let served = SimulatorServer::start("channels: [{id: 1}]").await;
    assert_eq!(served.stream_info_json("1").await["code"], 200);
    let (address, simulator) = (served.address, served.simulator.clone());
    served.stop().await;
    let listener = TcpListener::bind(address).await.unwrap();
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let task = tokio::spawn(async move { simulator.serve(listener, token).await });
    let url = format!("http://{address}/_simulator/channels");
    let response = within_deadline(reqwest::get(url)).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    shutdown.cancel();
    within_deadline(task).await.unwrap().unwrap();
}

#[tokio::test]
async fn response_in_flight_is_sent_before_shutdown() {
    let served = SimulatorServer::start(
        "{channels: [{id: 1}], troubles: [{trouble: latency, median: 400ms, p99: 400ms}]}",
    )
    .await;
    let url = format!("http://{}{}", served.address, served.stream_info_url("1"));
    let result = tokio::spawn(served.client.get(url).send());
    within_deadline(async {
        while served.simulator.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let took = served.stop().await;
    // It waited for the answer, and not for longer.
    assert!(took > Duration::from_millis(50), "{took:?}");
    let response = within_deadline(result).await.unwrap().unwrap();
    let text = within_deadline(response.text()).await.unwrap();
    assert!(text.starts_with("{\"code\":200,"), "{text}");
}

#[tokio::test]
async fn idle_connections_do_not_delay_shutdown() {
    let served = SimulatorServer::start("channels: [{id: 1}]").await;
    assert_eq!(served.stream_info_json("1").await["code"], 200);
    let client = served.client.clone();
    let took = served.stop().await;
    assert!(took < Duration::from_millis(400), "{took:?}");
    drop(client);
}
