//! The program itself, as its users run it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::scrape::Scrape;

/// Nothing that a test waits for takes as long, unless it never comes.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// The program, built for the tests.
pub fn polyv_exporter() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polyv-exporter"));
    // Whatever the developer's own environment holds must make no difference.
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy().to_uppercase();
        if shown.starts_with("POLYV_") || shown.ends_with("_PROXY") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// What a command wrote, both ways.
pub fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A running program; killed when dropped.
pub struct Program {
    child: Child,
    log: Collected,
    output: Collected,
}

impl Program {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = collect(child.stderr.take().unwrap());
        let output = collect(child.stdout.take().unwrap());
        Self { child, log, output }
    }

    /// All that it logged so far.
    pub fn log(&self) -> String {
        self.log.log_so_far()
    }

    /// All that it wrote to standard output so far.
    pub fn output(&self) -> String {
        self.output.log_so_far()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Whether it has ended. All that it wrote has been collected then.
    pub fn end(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().unwrap()?;
        self.log.finish();
        self.output.finish();
        Some(status)
    }

    /// Waits until it ends.
    pub async fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.end() {
                return status;
            }
            assert!(
                begin.elapsed() < DEADLINE,
                "it does not end:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for a line of the log that contains all of `parts`.
    pub async fn logged(&mut self, parts: &[&str]) -> String {
        let begin = Instant::now();
        loop {
            // Before the log is read, so that an ended program's log is whole.
            let ended = self.end();
            let log = self.log();
            let found = log
                .lines()
                .find(|line| parts.iter().all(|part| line.contains(part)));
            if let Some(line) = found {
                return line.to_owned();
            }
            if let Some(status) = ended {
                panic!("it ended with {status}:\n{log}");
            }
            assert!(begin.elapsed() < DEADLINE, "no line with {parts:?}:\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// An address at which no server listens, and none will while it is held.
pub fn unused_address() -> (tokio::net::TcpSocket, SocketAddr) {
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = held.local_addr().unwrap();
    (held, address)
}

/// A running exporter.
pub struct Exporter {
    pub program: Program,
    pub address: SocketAddr,
    pub client: reqwest::Client,
    /// `http`, or `https` behind a web configuration.
    pub scheme: &'static str,
    /// Where its configuration is.
    pub directory: tempfile::TempDir,
}

impl Exporter {
    /// Starts an exporter with this configuration on a port of its own.
    pub async fn start(config: &str) -> Self {
        Self::start_with(config, |_| {}).await
    }

    /// The same, with more arguments or variables.
    pub async fn start_with(config: &str, change: impl FnOnce(&mut Command)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("polyv.yml");
        std::fs::write(&path, config).unwrap();
        let mut command = polyv_exporter();
        command
            .arg("--config.file")
            .arg(&path)
            .args(["--web.listen-address", "127.0.0.1:0"])
            .args(["--web.enable-lifecycle"]);
        change(&mut command);
        let mut program = Program::start(&mut command);
        let line = program.logged(&["listening", "address"]).await;
        let address = address_in(&line);
        Self {
            program,
            address,
            client: client(),
            scheme: "http",
            directory,
        }
    }

    pub fn config_path(&self) -> PathBuf {
        self.directory.path().join("polyv.yml")
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub async fn scrape(&self) -> Scrape {
        Scrape::parse(&self.get("/metrics").await.text().await.unwrap())
    }

    /// Scrapes until `condition` holds.
    pub async fn until(&self, what: &str, condition: impl Fn(&Scrape) -> bool) -> Scrape {
        let begin = Instant::now();
        loop {
            let scrape = self.scrape().await;
            if condition(&scrape) {
                return scrape;
            }
            assert!(
                begin.elapsed() < DEADLINE,
                "it never came to this: {what}\n{}\n{}",
                self.program.log(),
                scrape.text
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn reload(&self) -> (u16, String) {
        let request = self.client.post(self.url("/-/reload"));
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.text().await.unwrap())
    }
}

/// A client that does nothing on its own.
pub fn client() -> reqwest::Client {
    client_builder().build().unwrap()
}

/// The same, for further settings.
pub fn client_builder() -> reqwest::ClientBuilder {
    // An error only says that another test was first.
    _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(DEADLINE)
}

/// The address that stands in a line, behind `address=` or `http://`.
pub fn address_in(line: &str) -> SocketAddr {
    let begin = ["address=", "\"address\":\"", "http://"]
        .iter()
        .find_map(|before| line.find(before).map(|at| at + before.len()))
        .unwrap_or_else(|| panic!("no address: {line}"));
    let address: String = line[begin..]
        .chars()
        .take_while(|c| c.is_ascii_hexdigit() || ".:[]".contains(*c))
        .collect();
    address
        .parse()
        .unwrap_or_else(|_| panic!("no address: {line}"))
}

/// A configuration for a simulated Polyv: polled every second, with a timeout of one second.
pub fn quick_config(polyv: SocketAddr, channels: &str) -> String {
    format!(
        "api: {{base_url: 'http://{polyv}', timeout: 1s}}
poll: {{live_interval: 1s, idle_interval: 1s}}
accounts:
- {{name: main, app_id: simulated, app_secret: simulated-secret, channels: {channels}}}
"
    )
}

/// Replaces a file as careful programs do: by renaming another one.
pub fn replace(path: &Path, content: &str) {
    let temporary = path.with_extension("new");
    std::fs::write(&temporary, content).unwrap();
    std::fs::rename(&temporary, path).unwrap();
}

/// What a program writes, line by line, as it comes.
struct Collected {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Collected {
    fn log_so_far(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Waits for the last line. Only for a program that ended: it says nothing more.
    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }
}

fn collect(stream: impl Read + Send + 'static) -> Collected {
    let text = Arc::new(Mutex::new(String::new()));
    let collected = Arc::clone(&text);
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut text = collected.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    });
    let reader = Some(reader);
    Collected { text, reader }
}
