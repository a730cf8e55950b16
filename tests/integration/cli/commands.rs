//! The commands beside `serve`, as a person types them.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::exporter_process::{
    DEADLINE, Program, address_in, client, polyv_exporter, quick_config, run, text_of,
};
use crate::support::scrape::Scrape;
use crate::support::simulator_server::SimulatorServer;

#[test]
fn check_config_reports_location_and_remedy_of_every_fault() {
    // A fault, where it is, and what is said of it.
    let account = "accounts:\n- app_id: a\n  app_secret: s\n";
    let one = "  channels: [{id: 1}]\n";
    let faults: &[(String, &str, &str)] = &[
        (
            format!("pol: {{}}\n{account}{one}"),
            ":1:1:",
            "did you mean `poll`?",
        ),
        (
            format!("{account}  channels:\n  - id: 1\n  - id: 2\n  - id: 1\n"),
            ":7:9:",
            "it is already at",
        ),
        (
            format!("accounts:\n- app_id: a\n  app_secret: ''\n{one}"),
            ":3:15:",
            "the secret is empty",
        ),
        (
            format!("poll: {{live_interval: 15}}\n{account}{one}"),
            ":1:23:",
            "did you mean `15s`?",
        ),
        (
            format!("poll:\n  idle_interval: 500ms\n{account}{one}"),
            ":2:18:",
            "between 1s and 1h",
        ),
        (
            format!("poll:\n  lookback: 3h\n{account}{one}"),
            ":2:13:",
            "between 1s and 2h55m",
        ),
        (
            format!("{account}  channels:\n  - {{id: 1, labels: {{stream: x}}}}\n"),
            ":5:22:",
            "is reserved; did you mean `my_stream`",
        ),
        (
            format!("accounts:\n- app_id: a\n  app_secret_file: nowhere\n{one}"),
            ":3:20:",
            "can't be read: No such file",
        ),
        (
            format!("api: {{base_url: api.polyv.net}}\n{account}{one}"),
            ":1:17:",
            "such as `https://api.polyv.net`",
        ),
        (
            format!("{account}  channels:\n  - {{id: abc}}\n"),
            ":5:10:",
            "a number such as `3880533`",
        ),
        (
            format!("{account}  channels:\n\t- id: 1\n"),
            ":5:",
            "not YAML",
        ),
        (
            format!("{account}  app_secret_env: X\n{one}"),
            ":4:19:",
            "a second secret",
        ),
        (
            format!("{account}  channels: [{{id: 1, expect: {{video_bitrate_bps: 1.2M}}}}]\n"),
            ":4:50:",
            "a number above 0, without a unit",
        ),
        (
            format!("{account}  channels: [{{id: 1, expect: {{content: slides}}}}]\n"),
            ":4:40:",
            "must be `camera` or `screen`",
        ),
        (
            format!("poll: {{time_zone: Asia/Shanghai}}\n{account}{one}"),
            ":1:19:",
            "an offset such as `+08:00`",
        ),
        (
            "api: {}\n".to_owned(),
            ":1:1:",
            "whose channels should be watched?",
        ),
        (account.to_owned(), ":2:3:", "there is no channel to watch"),
        (
            format!("{account}{one}- app_id: b\n  app_secret: s\n  channels: [{{id: 2}}]\n"),
            ":5:3:",
            "a second account is called `default`",
        ),
        (
            format!("api: {{rate_limit: {{requests: 0}}}}\n{account}{one}"),
            ":1:30:",
            "a whole number between 1 and",
        ),
        (
            format!("{account}  channels: [{{id: 1, labels: {{my-team: x}}}}]\n"),
            ":4:31:",
            "did you mean `my_team`?",
        ),
        (
            format!("{account}{one}---\na: 1\n"),
            ":5:1:",
            "one file holds one document",
        ),
        (
            format!("{account}  channels:\n  - id: 1\n    schedule: [{{duration: 2h}}]\n"),
            ":6:16:",
            "neither `start` nor `cron`",
        ),
        (
            format!(
                "{account}  channels:\n  - id: 1\n    schedule:\n    - {{cron: 0 20 * *, duration: 2h}}\n"
            ),
            ":7:14:",
            "must be five fields",
        ),
        (
            format!(
                "{account}  channels:\n  - id: 1\n    schedule:\n    - {{start: 2026-03-29 02:30, duration: 2h, time_zone: Europe/Berlin}}\n"
            ),
            ":7:15:",
            "does not exist in Europe/Berlin",
        ),
        (
            format!(
                "{account}  channels:\n  - id: 1\n    expect: {{live: true}}\n    schedule:\n    - {{start: 2026-12-01 20:00, duration: 2h}}\n"
            ),
            ":8:7:",
            "remove one of them",
        ),
    ];
    for (config, place, remedy) in faults {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("polyv.yml");
        std::fs::write(&path, config).unwrap();
        let output = run(polyv_exporter().arg("check-config").arg(&path));
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(1), "{config}\n{text}");
        let line = text.lines().find(|line| line.contains(remedy));
        let line = line.unwrap_or_else(|| panic!("{remedy} in\n{text}\nof\n{config}"));
        assert!(line.contains(place), "{place} in {line}\nof\n{config}");
        assert!(line.contains("polyv.yml"), "{line}");
        // The same fault keeps `serve` from starting.
        let output = run(polyv_exporter().arg("--config.file").arg(&path));
        assert_eq!(output.status.code(), Some(2), "{}", text_of(&output));
        assert!(text_of(&output).contains(remedy));
    }
}

#[test]
fn check_config_reports_all_faults_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("polyv.yml");
    let config = "api: {tiemout: 5s}
poll: {window: 1h}
accounts:
- app_id: ''
  app_secret: s
  channels: [{id: 1, nmae: x}, {name: y}]
  channel_files: [more.yml]
";
    std::fs::write(&path, config).unwrap();
    std::fs::write(directory.path().join("more.yml"), "- {id: 1}\n- {idd: 2}\n").unwrap();
    let output = run(polyv_exporter().arg("check-config").arg(&path));
    let text = text_of(&output);
    let expected = [
        ("polyv.yml:1:7:", "`timeout`"),
        ("polyv.yml:2:16:", "`window`"),
        ("polyv.yml:4:11:", "`app_id` is empty"),
        ("polyv.yml:6:22:", "`name`"),
        ("polyv.yml:6:32:", "no `id`"),
        ("more.yml:1:8:", "already at"),
        ("more.yml:2:3:", "no `id`"),
        ("more.yml:2:4:", "did you mean `id`?"),
    ];
    let lines: Vec<_> = text.lines().collect();
    for (line, (place, what)) in lines.iter().zip(expected) {
        assert!(
            line.contains(place) && line.contains(what),
            "{place} {what}: {line}\n{text}"
        );
    }
    assert!(text.contains("8 faults"), "{text}");
}

#[test]
fn check_config_lists_the_next_three_broadcasts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("polyv.yml");
    let config = "accounts:
- app_id: a
  app_secret: s
  channels:
  - {id: 1, name: Stage, schedule: [{start: 2999-12-01 23:00, duration: 2h}, {cron: '0 9 1 1 *', duration: 5m}]}
  - {id: 2, schedule: [{start: 2020-12-01 20:00, duration: 2h}]}";
    std::fs::write(&path, config).unwrap();
    let output = run(polyv_exporter().arg("check-config").arg(&path));
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let line = text.lines().find(|line| line.contains("channel 1 (Stage)"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(line.matches("-01-01 09:00 to 09:05").count(), 3, "{line}");
    assert!(line.ends_with("(Asia/Shanghai)"), "{line}");
    assert!(
        text.contains("channel 2 (2): next broadcasts: none"),
        "{text}"
    );
    assert!(
        text.contains("a late start of this one is never noticed"),
        "{text}"
    );
}

#[test]
fn check_config_of_a_valid_file_prints_a_summary() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("polyv.yml");
    std::fs::write(
        &path,
        "api: {base_url: 'http://polyv.example'}
poll: {live_interval: 1s}
accounts:
- {name: a, app_id: a, app_secret: s, channels: [{id: 1}, {id: 2}], channel_files: ['*.none']}
- {name: b, app_id: b, app_secret: s, channel_files: [more.yml]}",
    )
    .unwrap();
    let more: String = (100..300).map(|id| format!("- id: {id}\n")).collect();
    std::fs::write(directory.path().join("more.yml"), more).unwrap();
    let output = run(polyv_exporter().arg("check-config").arg(&path));
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("accounts: 2, channels: 202"), "{text}");
    for warning in [
        "plain HTTP",
        "`*.none` matches no file",
        "202 channels need 202.0 calls a second",
    ] {
        assert!(text.contains(warning), "{warning}: {text}");
    }
}

#[test]
fn usage_error_has_a_remedy_and_exit_status_2() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("polyv.yml");
    std::fs::write(
        &path,
        "accounts: [{app_id: a, app_secret: s, channels: [{id: 1}]}]",
    )
    .unwrap();
    let path = path.to_str().unwrap();
    for (arguments, remedy) in [
        (vec!["serve"], "polyv-exporter demo"),
        (vec!["--no-such-flag"], "unexpected argument"),
        (vec!["--config.file", "/nowhere.yml"], "can't be read"),
        (
            vec!["--config.file", path, "--web.listen-address", "9847"],
            "write `:9847`",
        ),
        (
            vec!["--config.file", path, "--web.telemetry-path", "metrics"],
            "such as `/metrics`",
        ),
        (
            vec!["--config.file", path, "--web.telemetry-path", "/-/ready"],
            "something else is there",
        ),
        (
            vec!["--config.file", path, "--log.level", "loud"],
            "possible values",
        ),
        (vec!["probe", "1"], "polyv-exporter demo"),
        (
            vec!["probe", "1", "--config.file", path, "--account", "x"],
            "there is no account `x`",
        ),
        (vec!["probe", "", "--config.file", path], "is a number"),
        (
            vec!["simulate", "--scenario", "/nowhere.yml"],
            "can't be read",
        ),
        (vec!["simulate", "--listen", "nowhere"], "is not an address"),
    ] {
        let output = run(polyv_exporter().args(&arguments));
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(remedy), "{arguments:?}: {text}");
    }
}

#[test]
fn version_and_help_describe_the_program() {
    let output = run(polyv_exporter().arg("--version"));
    assert!(output.status.success());
    let of_serve = run(polyv_exporter().args(["serve", "--version"]));
    assert!(of_serve.status.success(), "{}", text_of(&of_serve));
    let text = text_of(&output);
    assert!(
        text.starts_with(concat!("polyv-exporter ", env!("CARGO_PKG_VERSION"))),
        "{text}"
    );
    assert!(
        text.contains("revision") && text.contains("rustc"),
        "{text}"
    );
    let text = text_of(&run(polyv_exporter().arg("--help")));
    for part in [
        "serve",
        "demo",
        "simulate",
        "check-config",
        "probe",
        "--config.file",
        "POLYV_EXPORTER_LOG_LEVEL",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn three_variables_are_enough_to_serve() {
    let polyv =
        SimulatorServer::start("channels: [{id: 3880533}, {id: 3880534, life: offline}]").await;
    let mut command = polyv_exporter();
    command
        .env("POLYV_APP_ID", "simulated")
        .env("POLYV_APP_SECRET", "simulated-secret")
        .env("POLYV_CHANNELS", "3880533,3880534")
        .env("POLYV_API_BASE_URL", format!("http://{}", polyv.address))
        .args(["--web.listen-address", "127.0.0.1:0"]);
    let mut program = Program::start(&mut command);
    let address = address_in(&program.logged(&["listening"]).await);
    let begin = Instant::now();
    loop {
        let text = client().get(format!("http://{address}/metrics"));
        let text = text.send().await.unwrap().text().await.unwrap();
        let scrape = Scrape::parse(&text);
        if scrape.state("3880533") == "live" && scrape.state("3880534") == "not_live" {
            let info = scrape.all("polyv_channel_info", &[]);
            assert_eq!(info[0].label("account"), Some("default"));
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn demo_has_metrics_within_five_seconds_and_plays_what_it_announces() {
    let mut command = polyv_exporter();
    command.args(["demo", "--web.listen-address", "127.0.0.1:0"]);
    let begin = Instant::now();
    let mut program = Program::start(&mut command);
    let address = address_in(&program.logged(&["message=listening"]).await);
    let url = format!("http://{address}/metrics");
    let scrape = async || {
        let text = client().get(&url).send().await.unwrap();
        Scrape::parse(&text.text().await.unwrap())
    };
    while scrape()
        .await
        .all("polyv_stream_video_bitrate_bps", &[])
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    let output = program.output();
    for part in [
        &format!("http://{address}/metrics"),
        "/_simulator/",
        "1000002  Workshop                steady for 2m40s, bitrate_drop for 50s, steady for 2m30s, and again",
        "1000007  Shaky uplink            steady for 20s, offline for 15s, and again",
        "/_simulator/channels/1000001/life -d '{phase: uplink_loss, to: 0.2}'",
        &format!("http://{address}/channels/1000006/broadcasts"),
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    // States move as announced: that one goes and comes back.
    for state in ["live", "not_live", "live"] {
        while scrape().await.state("1000007") != state {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(begin.elapsed() < Duration::from_secs(80), "{state}");
        }
    }
    let now = scrape().await;
    assert_eq!(now.state("1000012"), "not_live");
    for planned in ["1000001", "1000012"] {
        let start = "polyv_channel_planned_start_timestamp_seconds";
        assert_eq!(now.all(start, &[("channel_id", planned)]).len(), 1);
    }
    let viewers = now.all("polyv_channel_viewers", &[("channel_id", "1000001")]);
    assert_eq!(viewers.len(), 1);
    assert_eq!(now.outcome("1000013").as_deref(), Some("rejected"));
    assert!(!program.output().contains("demo-secret"));
}

/// `script` gives it a terminal, and types what it reads from its own standard input.
#[test]
fn demo_on_a_terminal_obeys_letters_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let log = temporary.path().join("typescript");
    let demo = format!(
        "{} demo --web.listen-address 127.0.0.1:0",
        env!("CARGO_BIN_EXE_polyv-exporter")
    );
    let recordings = temporary.path().join("recordings");
    std::fs::create_dir(&recordings).unwrap();
    let mut child = Command::new("script")
        .args(["--quiet", "--flush", "--return", "--command", &demo])
        .arg(&log)
        .env("TMPDIR", &recordings)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    let shows = |text: &str| {
        let begin = Instant::now();
        loop {
            let screen = std::fs::read_to_string(&log).unwrap_or_default();
            if screen.contains(text) {
                break;
            }
            assert!(begin.elapsed() < DEADLINE, "{text}: {screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    shows("d  drop the bitrate of Main stage");
    assert_eq!(std::fs::read_dir(&recordings).unwrap().count(), 1);
    keyboard.write_all(b"x\n").unwrap();
    shows("The letters are d, f, s, o, w and q.");
    keyboard.write_all(b"f\n").unwrap();
    shows("freeze its picture: watch http://127.0.0.1:");
    keyboard.write_all(b"q\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(std::fs::read_dir(&recordings).unwrap().count(), 0);
}

#[tokio::test]
async fn simulate_plays_a_scenario_and_obeys_control_calls() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scenario.yml");
    std::fs::write(&path, "channels: [{id: 3880533, life: offline}]").unwrap();
    let mut command = polyv_exporter();
    command
        .args(["simulate", "--listen", "127.0.0.1:0", "--scenario"])
        .arg(&path);
    let mut program = Program::start(&mut command);
    let address = address_in(&program.logged(&["simulating Polyv"]).await);
    let state = async || -> Value {
        let url = format!("http://{address}/_simulator/channels/3880533");
        let text = client()
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(state().await["live"], false);
    let url = format!("http://{address}/_simulator/channels/3880533/life");
    client().put(url).body("steady").send().await.unwrap();
    assert_eq!(state().await["live"], true);
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0));

    std::fs::write(&path, "channels: [{id: 1, life: dancing}]").unwrap();
    let output = run(polyv_exporter()
        .arg("simulate")
        .arg("--scenario")
        .arg(&path));
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text_of(&output).contains("scenario.yml:1:26:"),
        "{}",
        text_of(&output)
    );
}

/// Probes a channel of a simulated Polyv.
async fn probe(polyv: &SimulatorServer, config: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("polyv.yml");
    std::fs::write(&path, config).unwrap();
    let mut command = polyv_exporter();
    command
        .arg("probe")
        .args(arguments)
        .arg("--config.file")
        .arg(&path);
    let output = tokio::task::spawn_blocking(move || run(&mut command))
        .await
        .unwrap();
    assert!(!text_of(&output).contains("simulated-secret"));
    assert!(!polyv.simulator.requests().is_empty());
    (output.status.code(), text_of(&output))
}

#[tokio::test]
async fn probe_command_shows_state_samples_and_trend() {
    let polyv = SimulatorServer::start(
        "noise: 0
channels: [{id: 3880533, bitrate_bps: 1157120, video_framerate_fps: 13, audio_framerate_fps: 46}]",
    )
    .await;
    let config = quick_config(polyv.address, "[{id: 3880533, name: Main stage}]");
    let (status, text) = probe(&polyv, &config, &["3880533"]).await;
    assert_eq!(status, Some(0), "{text}");
    for part in [
        "Channel 3880533 (Main stage), account main: live",
        "Stream recordf",
        "1157 kbit/s",
        "bitrate  ███",
        "13 to 13 fps",
        "46 to 46 fps",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    assert!(!text.contains('→'), "there is nothing to advise:\n{text}");

    let (status, text) = probe(&polyv, &config, &["3880533", "--output=json"]).await;
    assert_eq!(status, Some(0), "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["state"], "live");
    assert_eq!(report["outcome"], "ok");
    assert_eq!(report["channel_name"], "Main stage");
    assert!(report["asked_at"].as_str().unwrap().ends_with('Z'));
    let samples = report["streams"][0]["samples"].as_array().unwrap();
    assert!((118..=121).contains(&samples.len()), "{}", samples.len());
    assert_eq!(samples[0]["video_bitrate_bps"], 1_157_120.0);
    let age = report["streams"][0]["newest_sample_age_seconds"]
        .as_f64()
        .unwrap();
    assert!((-1.0..7.0).contains(&age), "{age}");
}

#[tokio::test]
async fn probe_command_tries_all_sources_of_a_live_channel() {
    let polyv = SimulatorServer::start(
        "noise: 0
channels:
- {id: 1, cdn: other, ingest_node: 203.0.113.7, lost_frames: 0.02, viewers: 310}
- {id: 2, life: offline}",
    )
    .await;
    let config = quick_config(polyv.address, "[{id: 1}, {id: 2}]");
    let (status, text) = probe(&polyv, &config, &["1"]).await;
    assert_eq!(status, Some(0), "{text}");
    for part in [
        "  tencent           no samples",
        "  list_stream_info  no samples",
        " *snapshot          a stream",
        "a stream is pushed to 203.0.113.7, lost frames 0.02",
        " watching",
        "Stream ingest",
        "1200 kbit/s",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let (_, text) = probe(&polyv, &config, &["1", "--output=json"]).await;
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["source"], "snapshot");
    assert_eq!(report["pushing"], true);
    assert_eq!(report["ingest_node"], "203.0.113.7");
    assert_eq!(report["lost_frames"], 0.02);
    assert!((300..320).contains(&report["viewers"].as_u64().unwrap()));
    let samples = report["sources"].as_array().unwrap().iter();
    let samples = samples.map(|source| source["samples"].as_u64().unwrap());
    assert_eq!(samples.collect::<Vec<_>>(), [0, 0, 1]);
    assert!(report["streams"][0]["samples"][0]["audio_framerate_fps"].is_null());
    assert!(!text.contains("inAddress") && !text.contains("streamName"));

    _ = polyv.simulator.take_requests();
    let (_, text) = probe(&polyv, &config, &["2", "--output=json"]).await;
    assert!(text.contains("\"sources\": []"), "{text}");
    assert_eq!(polyv.simulator.requests().len(), 1);
}

#[tokio::test]
async fn probe_command_gives_a_remedy_for_each_failure() {
    let polyv = SimulatorServer::start(
        "channels:
- {id: 1, life: offline}
- {id: 2, life: deleted}
- {id: 3, exists_in_account: other}
- {id: 4, life: empty}
- {id: 5}
- {id: 6, cdn: other}
- {id: 7, cdn: alibaba}",
    )
    .await;
    let config = quick_config(polyv.address, "[{id: 1}]");
    let only_tencent = config.replace("poll: {", "poll: {sources: tencent, ");
    assert_ne!(only_tencent, config);
    let wrong = config.replace("app_secret: simulated-secret", "app_secret: wrong");
    for (channel, config, fault, expected, advice) in [
        ("1", &config, "", 0, "not live"),
        ("2", &config, "", 1, "The channel was deleted"),
        ("3", &config, "", 1, "but is not the account `main`'s"),
        ("4", &config, "", 0, "live and nothing is pushed"),
        ("6", &config, "", 0, "takes its samples from snapshot"),
        (
            "7",
            &config,
            "",
            0,
            "takes its samples from list_stream_info",
        ),
        ("6", &only_tencent, "", 0, "remove `poll.sources: tencent`"),
        (
            "6",
            &config,
            "{trouble: forbidden, endpoints: [stream_info]}",
            0,
            "takes its samples from snapshot",
        ),
        (
            "6",
            &config,
            "{trouble: error_500, endpoints: [streams, stream_info_v4, viewers]}",
            0,
            "no source has samples of it",
        ),
        ("9", &config, "", 1, "not the account `main`'s"),
        ("5", &wrong, "", 1, "have to belong together"),
        (
            "5",
            &config,
            "{trouble: throttled}",
            1,
            "blocks for 5 minutes",
        ),
        (
            "5",
            &config,
            "{trouble: forbidden}",
            1,
            "limited to certain IP addresses",
        ),
        (
            "3",
            &config,
            "{trouble: forbidden, endpoints: [stream_info]}",
            1,
            "but is not the account `main`'s",
        ),
        (
            "5",
            &config,
            "{trouble: bad_values, defects: [bad_time]}",
            0,
            "none of them can be used",
        ),
        (
            "5",
            &config,
            "{trouble: hang}",
            1,
            "does this host reach it",
        ),
        ("5", &config, "{trouble: reset}", 1, "HTTPS_PROXY"),
        (
            "5",
            &config,
            "{trouble: html}",
            1,
            "a login page in between",
        ),
        (
            "5",
            &config,
            "{trouble: bad_gateway}",
            1,
            "Polyv itself fails",
        ),
        (
            "5",
            &config,
            "{trouble: clock_skew, by: 10m}",
            0,
            "600 s behind Polyv's",
        ),
    ] {
        polyv.inject_faults(fault).await;
        let (status, text) = probe(&polyv, config, &[channel]).await;
        assert_eq!(status, Some(expected), "{channel} {fault}:\n{text}");
        assert!(
            text.contains(advice),
            "{channel} {fault}: {advice} in\n{text}"
        );
    }
}

#[tokio::test]
async fn proxy_is_used_except_for_loopback() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    // A proxy that records its requests.
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let served = tokio::spawn(async move {
        use tokio::io::AsyncReadExt;
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut buffer = vec![0; 300];
        let count = stream.read(&mut buffer).await.unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    });
    let proxied = |command: &mut Command| {
        command
            .env("HTTP_PROXY", format!("http://{address}"))
            .env("HTTPS_PROXY", format!("http://{address}"));
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("polyv.yml");
    std::fs::write(&path, quick_config(polyv.address, "[{id: 1}]")).unwrap();
    let mut command = polyv_exporter();
    command.args(["probe", "1", "--config.file"]).arg(&path);
    proxied(&mut command);
    let output = tokio::task::spawn_blocking(move || run(&mut command))
        .await
        .unwrap();
    assert!(text_of(&output).contains("live"), "{}", text_of(&output));

    let config = quick_config(polyv.address, "[{id: 1}]")
        .replace(&polyv.address.to_string(), "polyv.invalid");
    std::fs::write(&path, config).unwrap();
    let mut command = polyv_exporter();
    command.args(["probe", "1", "--config.file"]).arg(&path);
    proxied(&mut command);
    let output = tokio::task::spawn_blocking(move || run(&mut command))
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let served = served.await.unwrap();
    assert!(
        served.starts_with("GET http://polyv.invalid/live/v3/"),
        "{served}"
    );
}
