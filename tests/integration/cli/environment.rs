//! Variables of the environment that are empty, or not what they should be.

use std::io::Write;
use std::process::Command;

use crate::support::exporter_process::{
    Exporter, Program, polyv_exporter, quick_config, run, text_of,
};
use crate::support::simulator_server::SimulatorServer;

#[tokio::test]
async fn an_empty_variable_is_one_that_is_not_set() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let config = quick_config(polyv.address, "[{id: 1}]");
    let empty = |command: &mut Command| {
        for name in [
            "LOG_LEVEL",
            "LOG_FORMAT",
            "CONFIG_FILE",
            "SHARD_INDEX",
            "SHARD_TOTAL",
            "SHARD_POD_NAME",
            "WEB_LISTEN_ADDRESS",
            "WEB_TELEMETRY_PATH",
            "WEB_ENABLE_LIFECYCLE",
        ] {
            command.env(format!("POLYV_EXPORTER_{name}"), "");
        }
        for name in [
            "POLYV_APP_ID",
            "POLYV_CHANNELS",
            "HTTPS_PROXY",
            "https_proxy",
        ] {
            command.env(name, "");
        }
    };
    let exporter = Exporter::start_with(&config, empty).await;
    exporter.until("it polls", |s| s.state("1") == "live").await;
    // An empty variable is no configuration either.
    let mut command = polyv_exporter();
    empty(&mut command);
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(2));
    let text = text_of(&output);
    assert!(text.contains("there is no configuration"), "{text}");
}

#[test]
fn empty_variable_removes_no_protection() {
    let mut command = polyv_exporter();
    command.env("POLYV_EXPORTER_WEB_CONFIG_FILE", "");
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(2));
    let text = text_of(&output);
    assert!(text.contains("--web.config.file"), "{text}");
}

#[tokio::test]
async fn words_of_variables_may_be_in_capitals() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let config = quick_config(polyv.address, "[{id: 1}]");
    let exporter = Exporter::start_with(&config, |command| {
        command.env("POLYV_EXPORTER_LOG_LEVEL", "INFO");
        command.env("POLYV_EXPORTER_LOG_FORMAT", "Json");
    })
    .await;
    assert!(exporter.program.log().starts_with('{'));
}

#[tokio::test]
async fn a_switch_is_on_or_off_and_nothing_else() {
    for (value, expected) in [
        ("true", 200),
        ("1", 200),
        ("off", 403),
        ("False", 403),
        ("", 403),
    ] {
        let mut command = polyv_exporter();
        command.env("POLYV_EXPORTER_WEB_ENABLE_LIFECYCLE", value);
        command
            .env("POLYV_APP_ID", "simulated")
            .env("POLYV_APP_SECRET", "simulated-secret");
        command
            .env("POLYV_CHANNELS", "1")
            .env("POLYV_API_BASE_URL", "http://127.0.0.1:9");
        command.args(["--web.listen-address", "127.0.0.1:0"]);
        let mut program = Program::start(&mut command);
        let line = program.logged(&["listening", "address"]).await;
        let address = crate::support::exporter_process::address_in(&line);
        let reload = crate::support::exporter_process::client()
            .post(format!("http://{address}/-/reload"))
            .send();
        assert_eq!(reload.await.unwrap().status(), expected, "{value:?}");
    }
    for value in ["nope", "enabled", "2"] {
        let mut command = polyv_exporter();
        command.env("POLYV_EXPORTER_WEB_ENABLE_LIFECYCLE", value);
        let output = run(&mut command);
        assert_eq!(output.status.code(), Some(2), "{value}");
        let text = text_of(&output);
        assert!(text.contains("--web.enable-lifecycle"), "{value}: {text}");
    }
}

#[tokio::test]
async fn a_proxy_that_would_be_ignored_is_refused_at_the_start() {
    let credentials = |command: &mut Command| {
        command
            .env("POLYV_APP_ID", "a")
            .env("POLYV_APP_SECRET", "s")
            .env("POLYV_CHANNELS", "1");
        command.args(["--web.listen-address", "127.0.0.1:0"]);
    };
    for (name, value) in [
        ("HTTPS_PROXY", "\"http://user:pass@proxy.invalid:3128\""),
        ("https_proxy", "'http://user:pass@proxy.invalid:3128'"),
        ("HTTPS_PROXY", "http://user:pass@proxy.invalid:3128\r"),
        ("HTTP_PROXY", " http://user:pass@proxy.invalid:3128"),
        ("ALL_PROXY", "http://user:pass@proxy.invalid:3128\n"),
        ("all_proxy", "socks5://user:pass@proxy.invalid:1080"),
    ] {
        for subcommand in ["serve", "probe"] {
            let mut command = polyv_exporter();
            command.arg(subcommand).env(name, value);
            if subcommand == "probe" {
                command.arg("1");
                command
                    .env("POLYV_APP_ID", "a")
                    .env("POLYV_APP_SECRET", "s")
                    .env("POLYV_CHANNELS", "1");
            } else {
                credentials(&mut command);
            }
            let output = run(&mut command);
            let text = text_of(&output);
            assert_eq!(output.status.code(), Some(2), "{name}={value:?}: {text}");
            assert!(text.contains(name) && !text.contains("pass@"), "{text}");
        }
    }
}

#[test]
fn secret_with_a_character_that_cannot_be_seen_is_a_fault() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("polyv.yml");
    std::fs::write(
        &config,
        "accounts: [{app_id: a, app_secret_file: secret, channels: [{id: 1}]}]",
    )
    .unwrap();
    let check = |secret: &str| {
        std::fs::write(directory.path().join("secret"), secret).unwrap();
        let output = run(polyv_exporter().arg("check-config").arg(&config));
        let text = text_of(&output);
        assert!(!text.contains("s3cret"), "{text}");
        (output.status.code(), text)
    };
    let (status, text) = check("\u{feff}s3cret\r\n");
    assert_eq!(status, Some(0), "{text}");
    assert!(!text.contains("warning"), "{text}");
    for (secret, place) in [
        ("s3cret\u{200b}\n", "character 7"),
        ("\u{feff}s3cret\0\n", "character 7"),
        ("s3cret\nanother\n", "character 7"),
    ] {
        let (status, text) = check(secret);
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains(place), "{text}");
    }
    for secret in ["\"s3cret\"", "'s3cret'\n", "${s3cret}", "$(s3cret)"] {
        let (status, text) = check(secret);
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains("(warning)"), "{secret}: {text}");
    }
}

#[tokio::test]
async fn sighup_while_files_are_read_does_not_end_the_exporter() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("polyv.yml");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let mut command = polyv_exporter();
    command.arg("--config.file").arg(&path);
    command.args(["--web.listen-address", "127.0.0.1:0"]);
    let mut program = Program::start(&mut command);
    // Opening it takes until the exporter opens it, too.
    let writing = tokio::task::spawn_blocking(move || {
        std::fs::OpenOptions::new().write(true).open(path).unwrap()
    });
    let mut file = writing.await.unwrap();
    program.signal("HUP");
    file.write_all(b"api: {base_url: 'http://127.0.0.1:9'}\n")
        .unwrap();
    file.write_all(b"accounts: [{app_id: a, app_secret: s, channels: [{id: 1}]}]\n")
        .unwrap();
    drop(file);
    program.logged(&["message=listening"]).await;
    program.signal("TERM");
    assert!(program.ended().await.success());
}
