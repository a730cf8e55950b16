//! The stack of `deploy/compose`: what Compose itself makes of it, and its files at work in the
//! real exporter, Prometheus and Alertmanager. Grafana's files are only read: it is not started.
//!
//! Needs Compose as `docker-compose` (and no engine), Prometheus, Alertmanager, and a Python that
//! reads YAML: `make test` sees to it, or leaves these tests out and says so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::docs::pages::blocks;
use crate::support::exporter_process::{
    DEADLINE, Program, address_in, client, polyv_exporter, run, text_of,
};
use crate::support::prometheus_stack::{Alertmanager, Prometheus};
use crate::support::simulator_server::SimulatorServer;
use crate::support::yaml::{assert_schema, yaml};

const CONFIG_FILE: &str = "POLYV_EXPORTER_CONFIG_FILE";
const RELOADS: (&str, &str) = ("POLYV_EXPORTER_WEB_ENABLE_LIFECYCLE", "true");
const ACCOUNT: [(&str, &str); 3] = [
    ("POLYV_APP_ID", "frlr1zazn3"),
    // A dollar is Compose's own character.
    ("POLYV_APP_SECRET", "a$ecret"),
    ("POLYV_CHANNELS", "3880533,3880534"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn stack() -> PathBuf {
    root().join("deploy/compose")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs Compose in the stack's directory, with these variables and without the developer's own.
fn compose(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    compose_in(&stack(), variables, arguments)
}

fn compose_in(directory: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let path = std::env::var_os("PATH").unwrap();
    let mut command = Command::new("docker-compose");
    command
        .env_clear()
        .env("PATH", path)
        .envs(variables.iter().copied())
        .current_dir(directory);
    if !arguments.contains(&"--env-file") {
        command.args(["--env-file", "/dev/null"]);
    }
    run(command.args(arguments))
}

/// The services as Compose would start them.
fn services(variables: &[(&str, &str)], env_file: &str) -> Value {
    let arguments = ["--env-file", env_file, "-f", "compose.yml"];
    let output = compose(
        variables,
        &[&arguments[..], &["config", "--format", "json"]].concat(),
    );
    assert!(output.status.success(), "{}", text_of(&output));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "warnings");
    let mut config: Value = serde_json::from_slice(&output.stdout).unwrap();
    config["services"].take()
}

fn simulated() -> Value {
    services(&[], "/dev/null")
}

/// The services with those that run only where they are named.
fn services_with_profile() -> Value {
    services(&[("COMPOSE_PROFILES", "remote-write")], "/dev/null")
}

fn names(services: &Value) -> Vec<&str> {
    let services = services.as_object().unwrap();
    services.keys().map(String::as_str).collect()
}

/// A list of words, such as a command; what Compose writes for a shell is undone.
fn words(value: &Value) -> Vec<String> {
    let words = value.as_array().unwrap_or_else(|| panic!("{value}"));
    words
        .iter()
        .map(|word| word.as_str().unwrap().replace("$$", "$"))
        .collect()
}

/// The variables that have a value.
fn environment(service: &Value) -> Vec<(String, String)> {
    let variables = service["environment"].as_object().into_iter().flatten();
    variables
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.replace("$$", "$"))))
        .collect()
}

/// Where on this host is what a service has at a path.
fn host_path(service: &Value, path: &str) -> PathBuf {
    for mount in service["volumes"].as_array().unwrap() {
        let target = mount["target"].as_str().unwrap();
        if let Ok(rest) = Path::new(path).strip_prefix(target) {
            assert_eq!(mount["type"], "bind", "{path}");
            let source = PathBuf::from(mount["source"].as_str().unwrap());
            return if rest.as_os_str().is_empty() {
                source
            } else {
                source.join(rest)
            };
        }
    }
    panic!("nothing is mounted at {path}: {service}");
}

/// The text with each left side replaced by its right one; each has to be there.
fn replaced(text: &str, table: &[(&str, &str)]) -> String {
    table.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in\n{text}");
        text.replace(from, to)
    })
}

/// The same for a command; a word may be without any, but each has to be in some.
fn replace_addresses_in_words(command: &Value, table: &[(&str, &str)]) -> Vec<String> {
    let text = words(command).join("\n");
    replaced(&text, table)
        .split('\n')
        .map(str::to_owned)
        .collect()
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn stack_is_valid_and_containers_are_pinned_confined_and_health_checked() {
    let manifest = read(root().join("Cargo.toml"));
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = "))
        .unwrap()
        .trim_matches('"');
    let both = [
        simulated(),
        services(&ACCOUNT, "/dev/null"),
        services_with_profile(),
    ];
    let all = [
        "alertmanager",
        "exporter",
        "grafana",
        "prometheus",
        "simulator",
    ];
    assert_eq!(names(&both[0]), all);
    assert_eq!(names(&both[1]), all[..4]);
    assert_eq!(names(&both[2])[..5], all);
    assert_eq!(names(&both[2])[5..], ["victoria-metrics"]);
    for services in &both {
        for (name, service) in services.as_object().unwrap() {
            let image = service["image"].as_str().unwrap();
            let (image, tag) = image.rsplit_once(':').unwrap();
            if service.get("build").is_some() {
                assert_eq!(image, "ghcr.io/polyv-exporter/polyv-exporter", "{name}");
                assert_eq!(tag, version, "{name}");
                assert_eq!(service["build"]["context"], utf8(&root()), "{name}");
            } else {
                let numbers: Vec<u32> = tag
                    .trim_start_matches('v')
                    .split('.')
                    .map(|number| number.parse().unwrap())
                    .collect();
                assert_eq!(numbers.len(), 3, "{name}: {tag}");
            }
            for (key, value) in [
                ("restart", json!("unless-stopped")),
                ("read_only", json!(true)),
                ("cap_drop", json!(["ALL"])),
                ("security_opt", json!(["no-new-privileges:true"])),
            ] {
                assert_eq!(service[key], value, "{name}: {key}");
            }
            assert_eq!(service["healthcheck"]["test"][0], "CMD", "{name}");
            let ports = service["ports"].as_array().unwrap();
            assert_eq!(ports.len(), 1, "{name}");
            assert_eq!(ports[0]["host_ip"], "127.0.0.1", "{name}");
            for mount in service["volumes"].as_array().unwrap() {
                let source = mount["source"].as_str().unwrap();
                if mount["type"] == "bind" {
                    // What is not there would become a directory of root's.
                    assert!(Path::new(source).exists(), "{name}: {source}");
                    assert_eq!(mount["read_only"], true, "{name}: {source}");
                } else {
                    assert_eq!(mount["type"], "volume", "{name}");
                }
            }
        }
    }
    let mut files = compose_files();
    assert_schema("vendor.compose-spec", &files);
    // An appId without its secret starts nothing, and says what is missing.
    let output = compose(&ACCOUNT[..1], &["-f", "compose.yml", "config"]);
    assert!(!output.status.success());
    assert!(
        text_of(&output).contains("POLYV_APP_SECRET"),
        "{}",
        text_of(&output)
    );

    // Nothing lies about that no container has.
    files.push(stack().join(".env.example"));
    let mounts = |service: &Value| {
        let mounts = service["volumes"].as_array().unwrap().clone();
        mounts
            .into_iter()
            .map(|mount| PathBuf::from(mount["source"].as_str().unwrap()))
    };
    for services in &both {
        files.extend(services.as_object().unwrap().values().flat_map(mounts));
    }
    for entry in every_file(&stack()) {
        // The developer's own.
        let own = [".env", "compose.override.yml", "polyv/polyv.yml"];
        let used = files.iter().any(|file| entry.starts_with(file));
        assert!(
            used || own.iter().any(|own| entry.ends_with(own)),
            "{}",
            entry.display()
        );
    }
}

/// The files that are Compose's.
fn compose_files() -> Vec<PathBuf> {
    [
        "compose.yml",
        "exporter.yml",
        "exporter-account.yml",
        "polyv-exporter.yml",
    ]
    .map(|name| stack().join(name))
    .to_vec()
}

fn every_file(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(every_file(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn stack_runs_on_a_real_account_with_two_variables_and_channels() {
    let exporter = &services(&ACCOUNT, "/dev/null")["exporter"];
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut given: Vec<_> = ACCOUNT.into_iter().map(pair).collect();
    given.push(pair(RELOADS));
    given.sort();
    assert_eq!(environment(exporter), given, "and nothing else");
    let exporter = &simulated()["exporter"];
    let file = (CONFIG_FILE, "/etc/polyv-exporter/simulated.yml");
    assert_eq!(environment(exporter), [pair(file), pair(RELOADS)]);

    // The example is the simulator's until it is filled in, and names all that there is.
    let example = read(stack().join(".env.example"));
    assert_eq!(services(&[], ".env.example"), simulated());
    let filled = tempfile::NamedTempFile::new().unwrap();
    let lines = replaced(
        &example,
        &[
            ("POLYV_APP_ID=", "POLYV_APP_ID=a"),
            ("POLYV_APP_SECRET=", "POLYV_APP_SECRET=b"),
            ("POLYV_CHANNELS=", "POLYV_CHANNELS=1"),
            (&format!("# {CONFIG_FILE}="), &format!("{CONFIG_FILE}=")),
        ],
    );
    std::fs::write(filled.path(), lines).unwrap();
    let exporter = &services(&[], utf8(filled.path()))["exporter"];
    let variables = exporter["environment"].as_object().unwrap();
    for (name, value) in variables {
        assert!(value.is_string(), "{name} is not in .env.example");
    }
    let file = variables[CONFIG_FILE].as_str().unwrap();
    let host_path = host_path(exporter, file);
    assert_eq!(host_path, stack().join("polyv/polyv.yml"));
}

#[test]
fn stack_plays_the_scenario_of_the_demo() {
    let demo = root().join("src/commands/demo");
    let mut played = yaml(&stack().join("polyv/simulated.yml"));
    // The demonstration leaves nothing on the disk.
    let recorder = played.as_object_mut().unwrap().remove("recorder");
    assert_eq!(recorder, Some(json!({"path": "/var/lib/polyv-exporter"})));
    let text = read(demo.join("config.yml"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = replaced(&text, &[("{base_url}", "http://simulator:8899")]);
    std::fs::write(file.path(), text).unwrap();
    assert_eq!(played, yaml(file.path()));
    let simulator = &simulated()["simulator"];
    let scenario = host_path(simulator, "/scenario.yml");
    assert_eq!(scenario, demo.join("scenario.yml"));
}

#[test]
fn stack_routes_and_silences_as_in_the_example() {
    let shipped = yaml(&stack().join("alertmanager.yml"));
    let example = yaml(&root().join("alerts/alertmanager.yml.example"));
    for section in ["route", "inhibit_rules"] {
        assert!(!shipped[section].is_null());
        assert_eq!(shipped[section], example[section], "{section}");
    }
    let receivers = |config: &Value| {
        let receivers = config["receivers"].as_array().unwrap();
        let names: Vec<_> = receivers.iter().map(|r| r["name"].clone()).collect();
        names
    };
    assert_eq!(receivers(&shipped), receivers(&example));
}

#[test]
fn grafana_is_provisioned_with_prometheus_and_every_dashboard() {
    let services = simulated();
    let grafana = &services["grafana"];
    let provisioning = "/etc/grafana/provisioning";
    let sources = host_path(grafana, &format!("{provisioning}/datasources/polyv.yml"));
    let sources = yaml(&sources);
    assert_eq!(sources["apiVersion"], 1);
    let [source] = sources["datasources"].as_array().unwrap().as_slice() else {
        panic!("{sources}");
    };
    let address = source["url"].as_str().unwrap().strip_prefix("http://");
    let (host, port) = address.unwrap().split_once(':').unwrap();
    assert_eq!(services[host]["ports"][0]["target"].to_string(), port);
    assert_eq!(source["isDefault"], true);
    let interval = yaml(&stack().join("prometheus.yml"))["global"]["scrape_interval"].clone();
    assert_eq!(source["jsonData"]["timeInterval"], interval);

    let provider = host_path(grafana, &format!("{provisioning}/dashboards/polyv.yml"));
    let provider = yaml(&provider)["providers"][0].clone();
    assert_eq!(provider["type"], "file");
    let path = provider["options"]["path"].as_str().unwrap();
    let mut uids = BTreeSet::new();
    for file in every_file(&host_path(grafana, path)) {
        if file.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let dashboard: Value = serde_json::from_str(&read(&file)).unwrap();
        uids.insert(dashboard["uid"].as_str().unwrap().to_owned());
        // It queries any Prometheus, the default one first, and needs no other source.
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let variable = variables
            .iter()
            .find(|v| v["type"] == "datasource")
            .unwrap();
        assert_eq!(variable["name"], "datasource");
        assert_eq!(variable["query"], source["type"]);
        assert!(dashboard.get("__inputs").is_none());
    }
    assert_eq!(uids.len(), 3);
    let home = environment(grafana)
        .into_iter()
        .find(|(name, _)| name == "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH");
    assert!(host_path(grafana, &home.unwrap().1).is_file());
}

/// One of the stack's exporters or simulators.
fn start_program(service: &Value, table: &[(&str, &str)], variables: &[(&str, &str)]) -> Program {
    let mut command = polyv_exporter();
    if service["command"].is_array() {
        command.args(replace_addresses_in_words(&service["command"], table));
    }
    command.envs(environment(service));
    command.env("POLYV_EXPORTER_WEB_LISTEN_ADDRESS", "127.0.0.1:0");
    command.envs(variables.iter().copied());
    Program::start(&mut command)
}

/// The stack's Prometheus and Alertmanager, with its own command lines and files; only where others
/// are is given in addresses of this host, and it does not take its time.
async fn monitoring(services: &Value, exporter: &str) -> (Prometheus, Alertmanager) {
    let directory = tempfile::tempdir().unwrap();
    let service = &services["alertmanager"];
    let templates = host_path(service, "/etc/alertmanager/templates");
    let config = directory.path().join("alertmanager.yml");
    let text = read(host_path(service, "/etc/alertmanager/alertmanager.yml"));
    let table = [("/etc/alertmanager/templates", utf8(&templates))];
    std::fs::write(&config, replaced(&text, &table)).unwrap();
    let judged = run(Command::new("amtool").arg("check-config").arg(&config));
    assert!(judged.status.success(), "{}", text_of(&judged));
    let data = directory.path().join("data");
    let table = [
        ("/etc/alertmanager/alertmanager.yml", utf8(&config)),
        ("=/alertmanager", &format!("={}", utf8(&data))),
    ];
    let mut command = Command::new("prometheus-alertmanager");
    command.args(replace_addresses_in_words(&service["command"], &table));
    let alertmanager = Alertmanager::start_as(command, directory).await;

    let directory = tempfile::tempdir().unwrap();
    let service = &services["prometheus"];
    let rules = directory.path().join("polyv.rules.yml");
    let text = read(host_path(service, "/etc/prometheus/polyv.rules.yml"));
    std::fs::write(
        &rules,
        replaced(&text, &[("interval: 10s", "interval: 1s")]),
    )
    .unwrap();
    let config = directory.path().join("prometheus.yml");
    let text = read(host_path(service, "/etc/prometheus/prometheus.yml"));
    let table = [
        ("/etc/prometheus/polyv.rules.yml", utf8(&rules)),
        ("exporter:9847", exporter),
        ("alertmanager:9093", &alertmanager.address.to_string()),
        ("_interval: 15s", "_interval: 1s"),
    ];
    std::fs::write(&config, replaced(&text, &table)).unwrap();
    let judged = run(Command::new("promtool")
        .args(["check", "config"])
        .arg(&config));
    assert!(judged.status.success(), "{}", text_of(&judged));
    let data = directory.path().join("data");
    let table = [
        ("/etc/prometheus/prometheus.yml", utf8(&config)),
        ("=/prometheus", &format!("={}", utf8(&data))),
    ];
    let mut command = Command::new("prometheus");
    command.args(replace_addresses_in_words(&service["command"], &table));
    (Prometheus::start_as(command, directory).await, alertmanager)
}

/// Runs a container's health check, with programs and addresses of this host.
fn is_healthy(service: &Value, table: &[(&str, &str)]) {
    healthcheck_passes_with(service, table, &[]);
}

/// The same where the container has these variables.
fn healthcheck_passes_with(service: &Value, table: &[(&str, &str)], variables: &[(&str, &str)]) {
    let test = replace_addresses_in_words(&service["healthcheck"]["test"], table);
    let ["CMD", program, arguments @ ..] = &test.iter().map(String::as_str).collect::<Vec<_>>()[..]
    else {
        panic!("{test:?}");
    };
    let mut command = match *program {
        "/usr/local/bin/polyv-exporter" => polyv_exporter(),
        program => Command::new(program),
    };
    let output = run(command.args(arguments).envs(variables.iter().copied()));
    assert!(output.status.success(), "{test:?}: {}", text_of(&output));
}

#[tokio::test]
async fn stack_on_the_simulator_sends_an_alert_to_alertmanager() {
    let services = simulated();
    let service = &services["simulator"];
    let scenario = host_path(service, "/scenario.yml");
    let table = [
        ("0.0.0.0:8899", "127.0.0.1:0"),
        ("/scenario.yml", utf8(&scenario)),
    ];
    let mut simulator = start_program(service, &table, &[]);
    let line = simulator.logged(&["simulating Polyv", "address"]).await;
    let polyv = address_in(&line).to_string();
    // This one is at a fifth of what is expected, and was so from the start.
    let url = format!("http://{polyv}/_simulator/channels/1000002");
    let weak = "{name: Workshop, bitrate_bps: 240000}";
    let response = client().put(url).body(weak).send().await.unwrap();
    assert_eq!(response.status(), 200);

    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("simulated.yml");
    let service = &services["exporter"];
    let variables = environment(service);
    let text = read(host_path(service, &variables[0].1));
    let recording = directory.path().join("recording");
    let table = [
        ("simulator:8899", polyv.as_str()),
        ("/var/lib/polyv-exporter", utf8(&recording)),
    ];
    std::fs::write(&config, replaced(&text, &table)).unwrap();
    let mut exporter = start_program(service, &[], &[(CONFIG_FILE, utf8(&config))]);
    let line = exporter.logged(&["listening", "address"]).await;
    let exporter_address = address_in(&line).to_string();
    let (prometheus, alertmanager) = monitoring(&services, &exporter_address).await;

    assert_eq!(prometheus.value("up{job=\"polyv\"} == 1").await, 1.0);
    let rules = prometheus.api("rules", &[]).await;
    let loaded: Vec<_> = rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .filter(|rule| rule["type"] == "alerting")
        .collect();
    assert!(loaded.len() >= 18, "{rules}");
    let begin = Instant::now();
    let alert = loop {
        let alerts = alertmanager.alerts().await;
        let found = alerts.iter().find(|alert| {
            alert["labels"]["alertname"] == "PolyvStreamBitrateDropped"
                && alert["labels"]["channel_id"] == "1000002"
        });
        if let Some(alert) = found {
            break alert.clone();
        }
        assert!(begin.elapsed() < DEADLINE, "it never came: {alerts:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(alert["receivers"], json!([{"name": "pages"}]));
    assert_eq!(alert["labels"]["channel_name"], "Workshop");
    // It leads to where this host has Prometheus.
    let port = &services["prometheus"]["ports"][0]["published"];
    let prefix = format!("http://localhost:{}/", port.as_str().unwrap());
    let origin = alert["generatorURL"].as_str().unwrap();
    assert!(origin.starts_with(&prefix), "{origin}");

    let simulated = ("/etc/polyv-exporter/simulated.yml", utf8(&config));
    is_healthy(&services["simulator"], &[simulated]);
    let table = [("http://127.0.0.1:9090", prometheus.url.as_str())];
    is_healthy(&services["prometheus"], &table);
    let address = alertmanager.address.to_string();
    is_healthy(&services["alertmanager"], &[("127.0.0.1:9093", &address)]);
    let listens = [(
        "POLYV_EXPORTER_WEB_LISTEN_ADDRESS",
        exporter_address.as_str(),
    )];
    healthcheck_passes_with(&services["exporter"], &[], &listens);
}

#[tokio::test]
async fn stack_on_an_account_monitors_its_channels() {
    let polyv = SimulatorServer::start(
        "accounts: [{app_id: frlr1zazn3, app_secret: a$ecret}]
channels: [{id: 3880533}, {id: 3880534, life: offline}]",
    )
    .await;
    let services = services(&ACCOUNT, "/dev/null");
    // Only where Polyv is, is not what a user has.
    let base_url = format!("http://{}", polyv.address);
    let variables = [("POLYV_API_BASE_URL", base_url.as_str())];
    let mut exporter = start_program(&services["exporter"], &[], &variables);
    let line = exporter.logged(&["listening", "address"]).await;
    let address = address_in(&line).to_string();
    let (prometheus, _alertmanager) = monitoring(&services, &address).await;
    for (id, state) in [("3880533", "live"), ("3880534", "not_live")] {
        let state = format!("polyv_channel_state{{channel_id=\"{id}\",state=\"{state}\"}} == 1");
        assert_eq!(prometheus.value(&state).await, 1.0);
    }
    assert_eq!(prometheus.value("up{job=\"polyv\"}").await, 1.0);
    let url = format!("http://{address}/-/reload");
    assert_eq!(client().post(url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn documented_compose_commands_work() {
    let page = read(root().join("docs/compose.md"));
    let services = simulated();
    let optional = services_with_profile();
    let polyv = SimulatorServer::start(&read(root().join("src/commands/demo/scenario.yml"))).await;
    let mut seen = BTreeSet::new();
    let blocks_of = |language| blocks(&page, language);
    let inline = page
        .split('`')
        .filter(|part| part.starts_with("docker compose "));
    let lines: Vec<String> = blocks_of("console")
        .iter()
        .flat_map(|block| block.lines())
        .map(|line| line.strip_prefix("$ ").unwrap().to_owned())
        .chain(inline.map(str::to_owned))
        .collect();
    for line in lines {
        let words: Vec<_> = line.split_whitespace().collect();
        seen.insert(words[0].to_owned());
        match words[..] {
            ["docker", "compose", command, ref arguments @ ..] => {
                // With `--help` nothing is done, and yet every flag has to be known.
                let output = compose(&[], &[&[command, "--help"][..], arguments].concat());
                assert!(output.status.success(), "{line}: {}", text_of(&output));
                let mut names = arguments
                    .iter()
                    .filter(|word| !word.starts_with('-') && !["all"].contains(word));
                match (command, arguments) {
                    (
                        "run",
                        [
                            "--rm",
                            "--no-deps",
                            "--entrypoint",
                            program,
                            service,
                            arguments @ ..,
                        ],
                    )
                    | ("exec", [service, program, arguments @ ..]) => {
                        assert_command_is_valid(program, arguments);
                        // What is checked is where the service has it.
                        let service = services.get(service).expect(&line);
                        let path = arguments.iter().find(|word| word.starts_with("/etc/"));
                        path.map(|path| host_path(service, path));
                    }
                    ("run" | "exec", _) => panic!("{line}"),
                    _ => {
                        if let Some(name) = names.next() {
                            let known = services.get(name).or(optional.get(name));
                            assert!(known.is_some(), "{line}: {name}");
                        }
                    }
                }
            }
            ["curl", "--request", "POST", url] => {
                let port = services["exporter"]["ports"][0]["published"]
                    .as_str()
                    .unwrap();
                assert_eq!(url, format!("http://127.0.0.1:{port}/-/reload"));
            }
            ["curl", "-X", method, url, "-d", ..] => {
                let path = url
                    .strip_prefix("http://127.0.0.1:8899/_simulator/")
                    .unwrap();
                let body = line.split('\'').nth(1).unwrap();
                let (status, response) = polyv.control(method, path, body).await;
                assert_eq!(status, 200, "{line}: {response}");
            }
            ["cd", directory] => assert_eq!(root().join(directory), stack()),
            ["cp", from, ".env"] => assert!(stack().join(from).is_file()),
            ["chmod", "600", ".env"] => {}
            _ => panic!("{line}: not known here"),
        }
    }
    assert!(seen.contains("docker") && seen.contains("curl"), "{seen:?}");

    // Its configuration, its variables and its override.
    let directory = tempfile::tempdir().unwrap();
    let configurations = blocks_of("yaml");
    let [shown, changes, elsewhere] = configurations.as_slice() else {
        panic!("{configurations:?}");
    };
    let file = directory.path().join("polyv.yml");
    std::fs::write(&file, shown).unwrap();
    let checked = run(polyv_exporter()
        .env("POLYV_APP_SECRET", "s")
        .arg("check-config")
        .arg(&file));
    assert!(checked.status.success(), "{}", text_of(&checked));
    let env = directory.path().join("env");
    std::fs::write(&env, blocks_of("shell").join("\n")).unwrap();
    let exporter = &services_of(&env)["exporter"];
    assert!(exporter["environment"][CONFIG_FILE].is_string());
    assert!(elsewhere.contains("image: "), "{elsewhere}");
    let overriding = directory.path().join("compose.override.yml");
    std::fs::write(&overriding, changes).unwrap();
    let variables = [("GRAFANA_ADMIN_PASSWORD", "a-password")];
    let arguments = ["-f", "compose.yml", "-f", utf8(&overriding), "config"];
    let output = compose(&variables, &arguments);
    assert!(output.status.success(), "{}", text_of(&output));
    let config = text_of(&output);
    assert!(
        config.contains("GF_SECURITY_ADMIN_PASSWORD: a-password"),
        "{config}"
    );
    // What it switches was switched the other way.
    let grafana = environment(&services["grafana"]);
    for line in changes.lines().filter(|line| line.ends_with("\"false\"")) {
        let name = line.trim().split(':').next().unwrap();
        assert!(
            grafana.contains(&(name.to_owned(), "true".to_owned())),
            "{name}"
        );
    }
}

/// Compose finds the override automatically, and it counts for the included files too.
#[test]
fn images_can_come_from_another_registry() {
    let page = read(root().join("docs/compose.md"));
    let elsewhere = blocks(&page, "yaml").pop().unwrap();
    let directory = tempfile::tempdir().unwrap();
    for file in compose_files() {
        std::fs::copy(&file, directory.path().join(file.file_name().unwrap())).unwrap();
    }
    std::fs::write(directory.path().join("compose.override.yml"), elsewhere).unwrap();
    let output = compose_in(directory.path(), &ACCOUNT, &["config", "--format", "json"]);
    assert!(output.status.success(), "{}", text_of(&output));
    let config: Value = serde_json::from_slice(&output.stdout).unwrap();
    let start_program = services(&ACCOUNT, "/dev/null");
    assert_eq!(names(&config["services"]), names(&start_program));
    for (name, service) in start_program.as_object().unwrap() {
        let image = service["image"].as_str().unwrap();
        let image = image.strip_prefix("ghcr.io/").unwrap_or(image);
        let image = format!("registry.example.com/{image}");
        let theirs = &config["services"][name];
        assert_eq!(theirs["image"], image, "{name}");
        // All else is as it was.
        for key in ["environment", "command", "ports", "read_only"] {
            assert_eq!(theirs[key], service[key], "{name}: {key}");
        }
    }
}

fn services_of(env_file: &Path) -> Value {
    services(&[], utf8(env_file))
}

/// What is run in a container is a program of its image, and is used rightly.
fn assert_command_is_valid(program: &str, arguments: &[&str]) {
    let mut command = match program {
        "/usr/local/bin/polyv-exporter" => polyv_exporter(),
        "amtool" | "promtool" => Command::new(program),
        _ => panic!("{program}"),
    };
    let output = run(command.args(arguments).arg("--help"));
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text_of(&output)
    );
}
