//! A simulator on a port of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use polyv_simulator::{Scenario, Simulator};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const STREAM_INFO: &str = "/live/v3/channel/monitor/list-tencent-stream-info";
/// Nothing here takes nearly as long; whatever does hangs.
const DEADLINE: Duration = Duration::from_secs(20);

/// A simulator on a port of its own, stopped when dropped.
pub struct SimulatorServer {
    pub simulator: Simulator,
    pub address: std::net::SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
    pub client: reqwest::Client,
}

impl SimulatorServer {
    pub async fn start(yaml: &str) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), yaml).await
    }

    /// The same at an address that is known to be free.
    pub async fn start_at(address: std::net::SocketAddr, yaml: &str) -> Self {
        // An error only says that another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let scenario = Scenario::parse("test", yaml).unwrap();
        let simulator = Simulator::new(scenario);
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let (served, token) = (simulator.clone(), shutdown.clone());
        let task = tokio::spawn(async move { served.serve(listener, token).await });
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            simulator,
            address,
            shutdown,
            task,
            client,
        }
    }

    /// The address of a signed question for a channel's stream information.
    pub fn stream_info_url(&self, channel: &str) -> String {
        let query = self.signed(&[("channelId", channel)]);
        format!("{STREAM_INFO}?{query}")
    }

    /// These parameters and the common ones, signed; none of them needs encoding.
    pub fn signed(&self, parameters: &[(&str, &str)]) -> String {
        let now = self.simulator.polyv_now_ms().to_string();
        let common = [("appId", "simulated"), ("timestamp", now.as_str())];
        let parameters: BTreeMap<&str, &str> = common
            .into_iter()
            .chain(parameters.iter().copied())
            .collect();
        let mut signed = String::from("simulated-secret");
        let mut query = String::new();
        for (name, value) in &parameters {
            signed.push_str(name);
            signed.push_str(value);
            let _ = write!(query, "{name}={value}&");
        }
        signed.push_str("simulated-secret");
        let sign = Md5::digest(signed)
            .iter()
            .fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02X}");
                hex
            });
        format!("{query}sign={sign}")
    }

    pub async fn get(&self, path: &str) -> reqwest::Result<reqwest::Response> {
        let url = format!("http://{}{path}", self.address);
        within_deadline(self.client.get(url).send()).await
    }

    /// Sends a body of that type with `POST`.
    pub async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Result<reqwest::Response> {
        let url = format!("http://{}{path}", self.address);
        let request = self.client.post(url).header("content-type", content_type);
        within_deadline(request.body(body).send()).await
    }

    pub async fn request_stream_info(&self, channel: &str) -> reqwest::Result<reqwest::Response> {
        self.get(&self.stream_info_url(channel)).await
    }

    pub async fn stream_info_json(&self, channel: &str) -> Value {
        let text = self
            .request_stream_info(channel)
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub async fn control(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let url = format!("http://{}/_simulator/{path}", self.address);
        let method = method.parse().unwrap();
        let request = self.client.request(method, url).body(body.to_owned());
        let response = within_deadline(request.send()).await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap())
    }

    pub async fn inject_faults(&self, yaml: &str) {
        let (status, response) = self.control("PUT", "troubles", &format!("[{yaml}]")).await;
        assert_eq!(status, 200, "{response}");
    }

    /// Stops it, and returns how long that took.
    pub async fn stop(mut self) -> Duration {
        let begin = Instant::now();
        self.shutdown.cancel();
        within_deadline(&mut self.task).await.unwrap().unwrap();
        begin.elapsed()
    }
}

impl Drop for SimulatorServer {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// The future's outcome; a panic where it hangs.
pub async fn within_deadline<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("an end before the deadline")
}
