//! A real browser without a window: Chromium, driven through its `chromedriver`.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::exporter_process::{DEADLINE, Program, client};

/// Starts the driver; gives the port that it listens on too.
///
/// It takes a port that IPv6 has free and wants the same one of IPv4, where it may belong to
/// another test; it ends then, and is started again.
async fn start_driver() -> (Program, u16) {
    let begin = Instant::now();
    loop {
        let mut command = Command::new("chromedriver");
        // A group of its own, so that the browser's processes can be ended together.
        command.arg("--port=0").process_group(0);
        let mut driver = Program::start(&mut command);
        loop {
            // Before the output is read, so that an ended program's output is whole.
            let ended = driver.end();
            let output = driver.output();
            let port = output
                .split_once("started successfully on port ")
                .and_then(|(_, rest)| rest.split_once('.'));
            if let Some((port, _)) = port {
                return (driver, port.parse().unwrap());
            }
            let log = driver.log();
            assert!(begin.elapsed() < DEADLINE, "{output}{log}");
            if let Some(status) = ended {
                let taken = format!("{output}{log}").contains("Address already in use");
                assert!(taken, "it ended with {status}:\n{output}{log}");
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A browser with one tab; killed with all its processes when dropped.
pub struct Browser {
    driver: Program,
    client: reqwest::Client,
    session: String,
    profile: tempfile::TempDir,
}

impl Browser {
    /// A browser that prefers this language, with a window of that size.
    pub async fn start(language: &str, width: u32, height: u32) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let (driver, port) = start_driver().await;
        let mut browser = Self {
            driver,
            client: client(),
            session: format!("http://127.0.0.1:{port}/session"),
            profile,
        };
        let directory = browser.profile.path().display();
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {
                "args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                    "--disable-background-networking", "--no-proxy-server",
                    format!("--window-size={width},{height}"),
                    format!("--accept-lang={language}"),
                    format!("--user-data-dir={directory}"),
                ],
                "prefs": {"intl.accept_languages": language},
            },
        }}});
        let url = browser.session.clone();
        let response = browser
            .send(browser.client.post(url).body(capabilities.to_string()))
            .await;
        let id = response["sessionId"].as_str().unwrap();
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Value {
        let response = self.try_send(request).await;
        response.unwrap_or_else(|why| panic!("{why}"))
    }

    async fn try_send(&self, request: reqwest::RequestBuilder) -> Result<Value, String> {
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        let mut response: Value = serde_json::from_str(&text).unwrap();
        if status.is_success() {
            Ok(response["value"].take())
        } else {
            Err(format!("{status}: {response:#}"))
        }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.session);
        self.send(self.client.post(url).body(body.to_string()))
            .await
    }

    pub async fn open(&self, url: &str) {
        self.post("url", json!({"url": url})).await;
    }

    /// What a script's `return` gives.
    pub async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({"script": script, "args": []}))
            .await
    }

    /// What an expression is, as text.
    pub async fn text(&self, expression: &str) -> String {
        let value = self.run(&format!("return String({expression})")).await;
        value.as_str().unwrap().to_owned()
    }

    /// Waits until an expression is true.
    pub async fn until(&self, what: &str, expression: &str) {
        let begin = Instant::now();
        loop {
            let value = self.run(&format!("return Boolean({expression})")).await;
            if value == true {
                return;
            }
            if begin.elapsed() > DEADLINE {
                self.screenshot("never").await;
                let page = self.text("document.body.innerText").await;
                panic!("it never came to this: {what}\n{expression}\n{page}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn element(&self, css: &str) -> String {
        let found = self
            .post("element", json!({"using": "css selector", "value": css}))
            .await;
        let id = found.as_object().unwrap().values().next().unwrap();
        id.as_str().unwrap().to_owned()
    }

    /// Clicks as a person does: what can't be seen can't be clicked.
    pub async fn click(&self, css: &str) {
        let begin = Instant::now();
        loop {
            let element = self.element(css).await;
            let url = format!("{}/element/{element}/click", self.session);
            let clicked = self.try_send(self.client.post(url).body("{}")).await;
            match clicked {
                Ok(_) => return,
                // News have put another in its place since it was found.
                Err(why) if why.contains("stale element reference") => {
                    assert!(begin.elapsed() < DEADLINE, "{css}: {why}");
                }
                Err(why) => panic!("{css}: {why}"),
            }
        }
    }

    /// Types into an element.
    pub async fn type_into(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        let path = format!("element/{element}/value");
        self.post(&path, json!({"text": text})).await;
    }

    /// Presses a key, wherever the focus is.
    pub async fn press(&self, key: &str) {
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key},
        ]}]});
        self.post("actions", actions).await;
    }

    /// Sets what the system prefers: `light` or `dark`.
    pub async fn prefer_scheme(&self, scheme: &str) {
        let parameters = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        let command = json!({"cmd": "Emulation.setEmulatedMedia", "params": parameters});
        self.post("goog/cdp/execute", command).await;
    }

    /// Takes the window's size as a phone's, or another one's.
    pub async fn resize(&self, width: u32, height: u32) {
        let parameters = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": parameters});
        self.post("goog/cdp/execute", command).await;
    }

    /// Keeps a picture of what is to be seen, in `target/test-artifacts`.
    pub async fn screenshot(&self, name: &str) {
        use base64::Engine;
        let url = format!("{}/screenshot", self.session);
        let picture = self.send(self.client.get(url)).await;
        let picture = base64::engine::general_purpose::STANDARD
            .decode(picture.as_str().unwrap())
            .unwrap();
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-artifacts");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("{name}.png")), picture).unwrap();
    }

    /// What the console logged since the last call: errors of scripts, of the content security
    /// policy, of what could not be loaded.
    pub async fn console(&self) -> Vec<String> {
        let lines = self.post("se/log", json!({"type": "browser"})).await;
        let lines = lines.as_array().unwrap().iter();
        lines
            .map(|line| format!("{}: {}", line["level"], line["message"]))
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.driver.id());
        _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    }
}
