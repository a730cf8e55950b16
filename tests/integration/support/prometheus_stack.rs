//! Real monitoring: Prometheus, Alertmanager, and a receiver of pages.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::exporter_process::{DEADLINE, Program, address_in, client};
use super::promtool::rules;

/// A Prometheus that scrapes exporters.
pub struct Prometheus {
    program: Program,
    _directory: tempfile::TempDir,
    pub url: String,
}

/// An Alertmanager.
pub struct Alertmanager {
    _program: Program,
    _directory: tempfile::TempDir,
    pub address: SocketAddr,
}

/// A receiver of alerts.
pub struct Pager {
    pub address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
    task: JoinHandle<()>,
}

/// A message of Alertmanager.
#[derive(Debug, Clone)]
pub struct Message {
    /// When it came.
    pub at: Instant,
    /// Where it was sent.
    pub path: String,
    /// What stands behind the question mark there.
    pub query: String,
    pub body: Value,
}

// === impl Prometheus ===

impl Prometheus {
    /// One that scrapes and evaluates that often, tells an Alertmanager, and knows the shipped
    /// rules.
    pub async fn start(
        exporters: &[SocketAddr],
        interval: &str,
        alertmanager: Option<SocketAddr>,
    ) -> Self {
        let list = |addresses: &[SocketAddr]| {
            let quoted: Vec<_> = addresses.iter().map(|a| format!("'{a}'")).collect();
            quoted.join(", ")
        };
        let alertmanagers = list(alertmanager.as_slice());
        let config = format!(
            "global: {{scrape_interval: {interval}, evaluation_interval: {interval}}}
rule_files: ['{}']
alerting: {{alertmanagers: [{{static_configs: [{{targets: [{alertmanagers}]}}]}}]}}
scrape_configs: [{{job_name: polyv, static_configs: [{{targets: [{}]}}]}}]
",
            rules().display(),
            list(exporters)
        );
        Self::start_with(&config).await
    }

    /// One with this configuration.
    pub async fn start_with(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("prometheus.yml");
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("prometheus");
        command
            .arg("--config.file")
            .arg(&config)
            .arg("--storage.tsdb.path")
            .arg(directory.path().join("data"));
        Self::start_as(command, directory).await
    }

    /// One with this command line, whose files are in the directory.
    pub async fn start_as(mut command: Command, directory: tempfile::TempDir) -> Self {
        command.args(["--web.listen-address", "127.0.0.1:0"]);
        let mut program = Program::start(&mut command);
        let line = program.logged(&["Listening on", "address=127.0.0.1"]).await;
        let url = format!("http://{}", address_in(&line));
        // It listens before it responds.
        until_ready(&url).await;
        Self {
            program,
            _directory: directory,
            url,
        }
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.program.log()
    }

    /// The address of a path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The response of its API for a path and parameters.
    pub async fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = format!("{}/api/v1/{path}", self.url);
        let mut url = url::Url::parse(&url).unwrap();
        url.query_pairs_mut().extend_pairs(parameters);
        let response = client().get(url).send().await.unwrap();
        let text = response.text().await.unwrap();
        let response: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(response["status"], "success", "{parameters:?}: {text}");
        response["data"].clone()
    }

    /// The result of an expression at a time (now, where there is none).
    pub async fn query(&self, expression: &str, time: Option<f64>) -> Vec<Value> {
        let time = time.map(|time| time.to_string());
        let mut parameters = vec![("query", expression)];
        parameters.extend(time.as_deref().map(|time| ("time", time)));
        let data = self.api("query", &parameters).await;
        match data["resultType"].as_str().unwrap() {
            "vector" | "matrix" => data["result"].as_array().unwrap().clone(),
            _ => vec![data["result"].clone()],
        }
    }

    /// The value of an expression, once it has one.
    pub async fn value(&self, expression: &str) -> f64 {
        let begin = Instant::now();
        loop {
            if let [one] = self.query(expression, None).await.as_slice() {
                return one["value"][1].as_str().unwrap().parse().unwrap();
            }
            assert!(
                begin.elapsed() < DEADLINE,
                "{expression} never has one value"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Waits until Prometheus or Alertmanager is ready.
async fn until_ready(url: &str) {
    let begin = Instant::now();
    loop {
        let response = client().get(format!("{url}/-/ready")).send().await;
        if response.is_ok_and(|response| response.status() == 200) {
            return;
        }
        assert!(begin.elapsed() < DEADLINE, "{url} is never ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

// === impl Alertmanager ===

impl Alertmanager {
    /// One with this configuration and the shipped templates.
    pub async fn start(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("alertmanager.yml");
        std::fs::write(&path, config).unwrap();
        let alerts = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts");
        let templates = directory.path().join("templates");
        std::os::unix::fs::symlink(alerts.join("templates"), templates).unwrap();
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg("--config.file")
            .arg(&path)
            .arg("--storage.path")
            .arg(directory.path().join("data"))
            .arg("--cluster.listen-address=");
        Self::start_as(command, directory).await
    }

    /// One with this command line, whose files are in the directory.
    pub async fn start_as(mut command: Command, directory: tempfile::TempDir) -> Self {
        command.args(["--web.listen-address", "127.0.0.1:0"]);
        let mut program = Program::start(&mut command);
        let line = program.logged(&["Listening on", "address=127.0.0.1"]).await;
        let address = address_in(&line);
        until_ready(&format!("http://{address}")).await;
        Self {
            _program: program,
            _directory: directory,
            address,
        }
    }

    /// Tells it of alerts that fire.
    pub async fn fire(&self, alerts: &Value) {
        let url = format!("http://{}/api/v2/alerts", self.address);
        let request = client()
            .post(url)
            .header("content-type", "application/json")
            .body(alerts.to_string());
        let response = request.send().await.unwrap();
        let status = response.status();
        assert!(status.is_success(), "{}", response.text().await.unwrap());
    }

    /// All alerts that it knows.
    pub async fn alerts(&self) -> Vec<Value> {
        let url = format!("http://{}/api/v2/alerts", self.address);
        let text = client().get(url).send().await.unwrap();
        let alerts: Value = serde_json::from_str(&text.text().await.unwrap()).unwrap();
        alerts.as_array().unwrap().clone()
    }
}

// === impl Pager ===

impl Pager {
    pub async fn start() -> Self {
        let messages = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new()
            .fallback(post(
                async |State(messages): State<Arc<Mutex<Vec<Message>>>>, uri: Uri, body: String| {
                    messages.lock().unwrap().push(Message {
                        at: Instant::now(),
                        path: uri.path().to_owned(),
                        query: uri.query().unwrap_or_default().to_owned(),
                        body: serde_json::from_str(&body).unwrap(),
                    });
                    // As WeCom says that it took a message; no one else looks at it.
                    r#"{"errcode": 0, "errmsg": "ok"}"#
                },
            ))
            // WeCom's own: a sender first gets a token.
            .route(
                "/cgi-bin/gettoken",
                get(async || r#"{"errcode": 0, "errmsg": "ok", "access_token": "token"}"#),
            )
            .with_state(Arc::clone(&messages));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            messages,
            task,
        }
    }

    /// All messages so far.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    /// The first message that `condition` holds for, once there is one.
    pub async fn message(&self, within: Duration, condition: impl Fn(&Message) -> bool) -> Message {
        let begin = Instant::now();
        loop {
            let found = self
                .messages()
                .into_iter()
                .find(|message| condition(message));
            if let Some(message) = found {
                return message;
            }
            let messages = self.messages();
            assert!(begin.elapsed() < within, "it never came: {messages:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Message ===

impl Message {
    /// Its alerts' names, each with its channel's id.
    pub fn alerts(&self) -> Vec<(String, String)> {
        let of = |alert: &Value, label: &str| {
            alert["labels"][label]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let alerts = self.body["alerts"].as_array().unwrap();
        alerts
            .iter()
            .map(|alert| (of(alert, "alertname"), of(alert, "channel_id")))
            .collect()
    }

    pub fn is_firing(&self) -> bool {
        self.body["status"] == "firing"
    }
}
