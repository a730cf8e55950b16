//! Who is let in, and what is said to those who are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use notify::event::AccessKind;
use notify::{EventKind, RecursiveMode, Watcher as _};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::exporter_process::{Exporter, quick_config};
use crate::support::secured_exporter::{ALICE, BOB, SecuredExporter, TLS, basic, until};
use crate::support::simulator_server::SimulatorServer;

fn users(lines: &[&str]) -> String {
    format!("basic_auth_users:\n  {}\n", lines.join("\n  "))
}

/// The exporter's response to these bytes, until it closes the connection.
async fn raw(exporter: &Exporter, request: &str) -> String {
    let mut stream = TcpStream::connect(exporter.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

/// Sends a request on an open connection, and leaves it open.
async fn request_metrics(stream: &mut TcpStream, authorization: &str) -> String {
    let request =
        format!("GET /-/healthy HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = vec![0; 4096];
    let length = stream.read(&mut response).await.unwrap();
    String::from_utf8_lossy(&response[..length]).into_owned()
}

#[tokio::test]
async fn every_path_requires_the_right_password() {
    let mut secured = SecuredExporter::start(&users(&[ALICE, BOB])).await;
    let paths = [
        "/",
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/-/reload",
        "/nothing",
    ];
    for credentials in [
        None,
        Some(("alice", "U*U")),
        Some(("alice", "")),
        Some(("", "a")),
        Some(("stranger", "a")),
    ] {
        let client = secured.client(credentials, None);
        for path in paths {
            let url = secured.exporter.url(path);
            for request in [
                client.get(&url),
                client.post(&url),
                client.head(&url),
                client.request(reqwest::Method::OPTIONS, &url),
            ] {
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 401, "{path}, {credentials:?}");
                let how = response.headers()["www-authenticate"].to_str().unwrap();
                assert!(how.starts_with("Basic"), "{how}");
                let text = response.text().await.unwrap();
                assert!(!text.contains("polyv_"), "{path}: {text}");
            }
        }
    }
    for header in ["Basic", "Basic ?", "Bearer YWxpY2U6YQ==", "Basic YWxpY2U="] {
        let url = secured.exporter.url("/metrics");
        let request = secured
            .exporter
            .client
            .get(url)
            .header("authorization", header);
        assert_eq!(request.send().await.unwrap().status(), 401, "{header}");
    }
    for (user, password) in [("alice", "a"), ("bob", "U*U")] {
        let client = secured.client(Some((user, password)), None);
        assert_eq!(secured.status(&client, "/metrics").await, 200);
        assert_eq!(secured.status(&client, "/-/healthy").await, 200);
        assert_eq!(secured.status(&client, "/nothing").await, 404);
    }
    // All of it, to the end.
    secured.exporter.program.signal("TERM");
    secured.exporter.program.ended().await;
    let log = secured.exporter.program.log();
    assert!(!log.contains("$2a$") && !log.contains("U*U"), "{log}");
}

#[tokio::test]
async fn changed_users_apply_at_once_and_to_open_connections() {
    let mut secured = SecuredExporter::start(&users(&[ALICE])).await;
    secured.exporter.client = secured.client(Some(("bob", "U*U")), None);
    let mut open = TcpStream::connect(secured.exporter.address).await.unwrap();
    let alice = basic("alice", "a");
    let response = request_metrics(&mut open, &alice).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    secured.write(&users(&[BOB]));
    until("alice is not let in any more", async || {
        request_metrics(&mut open, &alice)
            .await
            .starts_with("HTTP/1.1 401")
    })
    .await;
    let response = request_metrics(&mut open, &basic("bob", "U*U")).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    secured.until_reload_state(true).await;
}

#[tokio::test]
async fn empty_missing_or_invalid_file_keeps_the_web_configuration() {
    let mut secured = SecuredExporter::start(&users(&[ALICE])).await;
    secured.exporter.client = secured.client(Some(("alice", "a")), None);
    let stranger = secured.client(None, None);
    let path = secured.path("web.yml");
    for (number, faulty) in [
        "",
        "{}",
        "basic_auth_users:",
        "basic_auth_users: [",
        "x: y\n",
    ]
    .into_iter()
    .enumerate()
    {
        // Every other time in place, as careless programs write.
        if number % 2 == 0 {
            std::fs::write(&path, faulty).unwrap();
        } else {
            secured.write(faulty);
        }
        secured.until_reload_state(false).await;
        assert_eq!(secured.status(&stranger, "/metrics").await, 401, "{faulty}");
        let (status, said) = secured.exporter.reload().await;
        assert_eq!(status, 500, "{faulty}");
        assert!(said.contains("web.yml"), "{said}");
        secured.write(&users(&[ALICE]));
        secured.until_reload_state(true).await;
    }
    std::fs::remove_file(&path).unwrap();
    secured.until_reload_state(false).await;
    assert_eq!(secured.status(&stranger, "/metrics").await, 401);
    assert_eq!(secured.exporter.reload().await.0, 500);
    secured.write(&users(&[ALICE]));
    assert_eq!(secured.exporter.reload().await.0, 200);
    secured.until_reload_state(true).await;
    assert_eq!(secured.status(&stranger, "/metrics").await, 401);
}

#[tokio::test]
async fn web_configuration_fault_is_logged_once_and_does_not_block_the_main_configuration() {
    let mut secured = SecuredExporter::start(&users(&[ALICE])).await;
    secured.exporter.client = secured.client(Some(("alice", "a")), None);
    secured.write("basic_auth_user: {}\n");
    secured.until_reload_state(false).await;
    let config = quick_config(secured.polyv.address, "[{id: 1}, {id: 2}]");
    crate::support::exporter_process::replace(&secured.exporter.config_path(), &config);
    let fault = "did you mean `basic_auth_users`?";
    let count = |log: &str| log.matches(fault).count();
    secured.exporter.program.logged(&[fault]).await;
    assert_eq!(count(&secured.exporter.program.log()), 1);
    // Other changes in the directory have it looked at again, and are no news.
    let looked_at = count_opens_during_writes(&secured.path("web.yml"), secured.files.path()).await;
    assert!(looked_at >= 1);
    assert_eq!(count(&secured.exporter.program.log()), 1);
    // A requested reload reports the fault again.
    let (status, said) = secured.exporter.reload().await;
    assert_eq!((status, count(&said)), (500, 1), "{said}");
    secured
        .exporter
        .until("the new channel is there", |scrape| {
            scrape.all("polyv_channel_info", &[]).len() == 2
        })
        .await;
    secured.until_reload_state(false).await;
}

/// How many times a file is opened while others are written in a directory for
/// some seconds.
async fn count_opens_during_writes(file: &std::path::Path, noisy: &std::path::Path) -> usize {
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&opened);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if let Ok(event) = event
            && matches!(event.kind, EventKind::Access(AccessKind::Open(_)))
        {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    })
    .unwrap();
    watcher.watch(file, RecursiveMode::NonRecursive).unwrap();
    for n in 0..80 {
        std::fs::write(noisy.join("noise"), n.to_string()).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    opened.load(Ordering::Relaxed)
}

#[tokio::test]
async fn writes_to_neighbouring_files_cause_few_reads_of_watched_files() {
    // Each with an exporter of its own: a look that is put off belongs to the noise before.
    for beside_web_config in [true, false] {
        let secured = SecuredExporter::start(&users(&[ALICE])).await;
        let channels = tempfile::tempdir().unwrap();
        let file = channels.path().join("a.yml");
        std::fs::write(&file, "- id: 2\n").unwrap();
        let pattern = format!("channel_files: ['{}/*.yml']", channels.path().display());
        let config = quick_config(secured.polyv.address, "[{id: 1}]").replace(
            "channels: [{id: 1}]",
            &format!("channels: [{{id: 1}}], {pattern}"),
        );
        crate::support::exporter_process::replace(&secured.exporter.config_path(), &config);
        let alice = secured.client(Some(("alice", "a")), None);
        let reload = alice.post(secured.exporter.url("/-/reload")).send();
        assert_eq!(reload.await.unwrap().status(), 200);
        let web = secured.path("web.yml");
        let noisy = if beside_web_config {
            secured.files.path()
        } else {
            channels.path()
        };
        let (web_config_reads, channel_file_reads) = tokio::join!(
            count_opens_during_writes(&web, noisy),
            count_opens_during_writes(&file, noisy)
        );
        let (beside, other) = if beside_web_config {
            (web_config_reads, channel_file_reads)
        } else {
            (channel_file_reads, web_config_reads)
        };
        assert!((1..=6).contains(&beside), "{beside}");
        assert_eq!(other, 0);
        // And after all that a change is noticed.
        secured.write(&users(&[BOB]));
        let bob = secured.client(Some(("bob", "U*U")), None);
        until("bob is let in", async || {
            secured.status(&bob, "/-/healthy").await == 200
        })
        .await;
    }
}

#[tokio::test]
async fn change_behind_a_symbolic_link_is_noticed_at_once() {
    let secured = SecuredExporter::start(&users(&[ALICE])).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let real = elsewhere.path().join("real.yml");
    std::fs::write(&real, users(&[ALICE])).unwrap();
    let link = secured.path("link");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    std::fs::rename(&link, secured.path("web.yml")).unwrap();
    let alice = secured.client(Some(("alice", "a")), None);
    let reload = alice.post(secured.exporter.url("/-/reload")).send();
    assert_eq!(reload.await.unwrap().status(), 200);
    let bob = secured.client(Some(("bob", "U*U")), None);
    let begin = Instant::now();
    for _ in 0..2 {
        std::fs::write(&real, users(&[ALICE, BOB])).unwrap();
        until("bob is let in", async || {
            secured.status(&bob, "/-/healthy").await == 200
        })
        .await;
        crate::support::exporter_process::replace(&real, &users(&[ALICE]));
        until("bob is not", async || {
            secured.status(&bob, "/-/healthy").await == 401
        })
        .await;
    }
    // Before the check of each minute.
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn every_response_has_security_headers() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let exporter = Exporter::start(&quick_config(polyv.address, "[{id: 1}]")).await;
    for (path, status) in [
        ("/", 200),
        ("/metrics", 200),
        ("/-/healthy", 200),
        ("/-/reload", 405),
        ("/nothing", 404),
    ] {
        let response = exporter.get(path).await;
        assert_eq!(response.status(), status);
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert!(!headers.contains_key("strict-transport-security"));
    }
    let secured = SecuredExporter::start(&format!(
        "http_server_config:
  headers:
    X-Frame-Options: sameorigin
    Strict-Transport-Security: max-age=31536000; includeSubDomains
    Content-Security-Policy:
    X-XSS-Protection: 1
{}",
        users(&[ALICE])
    ))
    .await;
    let response = secured.exporter.get("/").await;
    assert_eq!(response.status(), 401);
    let headers = response.headers();
    assert_eq!(headers["x-frame-options"], "sameorigin");
    assert_eq!(headers["x-xss-protection"], "1");
    assert_eq!(
        headers["strict-transport-security"],
        "max-age=31536000; includeSubDomains"
    );
    assert!(!headers.contains_key("content-security-policy"));
    assert_eq!(headers["referrer-policy"], "no-referrer");
}

#[tokio::test]
async fn cross_site_reload_is_rejected() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let exporter = Exporter::start(&quick_config(polyv.address, "[{id: 1}]")).await;
    let address = exporter.address;
    let own = format!("http://{address}");
    for (headers, status) in [
        (vec![], 200),
        (vec![("host", "polyv-exporter.monitoring.svc:9847")], 200),
        (
            vec![("origin", own.as_str()), ("sec-fetch-site", "same-origin")],
            200,
        ),
        (vec![("sec-fetch-site", "cross-site")], 403),
        (vec![("sec-fetch-site", "same-site"), ("origin", &own)], 403),
        (vec![("origin", "http://evil.example")], 403),
        (vec![("origin", "null")], 403),
        // A name that was made to lead here.
        (
            vec![
                ("host", "evil.example:9847"),
                ("origin", "http://evil.example:9847"),
            ],
            403,
        ),
    ] {
        let mut request = exporter.client.post(exporter.url("/-/reload"));
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let got = response.status().as_u16();
        let text = response.text().await.unwrap();
        assert_eq!(got, status, "{headers:?}: {text}");
        assert!(
            status == 200
                || text.contains("may not request")
                || text.contains("may request this only"),
            "{text}"
        );
    }
    let wrong = exporter
        .client
        .put(exporter.url("/-/reload"))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 405);
    assert_eq!(wrong.headers()["allow"], "POST,OPTIONS");
}

#[tokio::test]
async fn request_without_a_valid_host_is_rejected() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let exporter = Exporter::start(&quick_config(polyv.address, "[{id: 1}]")).await;
    let close = "Connection: close\r\n\r\n";
    for (request, status) in [
        ("GET /-/healthy HTTP/1.1\r\n", "400"),
        ("GET /-/healthy HTTP/1.1\r\nHost: a\r\nHost: a\r\n", "400"),
        ("GET /-/healthy HTTP/1.1\r\nHost: a b\r\n", "400"),
        ("GET /-/healthy HTTP/1.1\r\nHost: user@a\r\n", "400"),
        ("GET /-/healthy HTTP/1.1\r\nHost:\r\n", "400"),
        (
            "GET /-/healthy HTTP/1.1\r\nHost: my_service:9847\r\n",
            "200",
        ),
        ("GET /-/healthy HTTP/1.1\r\nHost: [::1]:9847\r\n", "200"),
        // As some load balancers send it.
        ("GET /-/healthy HTTP/1.0\r\n", "200"),
    ] {
        let response = raw(&exporter, &format!("{request}{close}")).await;
        let got = response.split(' ').nth(1).unwrap_or_default();
        assert_eq!(got, status, "{request}: {response}");
    }
}

#[tokio::test]
async fn requests_over_the_rate_limit_are_rejected() {
    let web = format!(
        "rate_limit: {{interval: 1h, burst: 5}}\n{}",
        users(&[ALICE])
    );
    let secured = SecuredExporter::start(&web).await;
    let alice = secured.client(Some(("alice", "a")), None);
    for _ in 0..3 {
        assert_eq!(secured.status(&alice, "/-/healthy").await, 200);
    }
    // Those without a password count too.
    let stranger = secured.client(None, None);
    assert_eq!(secured.status(&stranger, "/-/healthy").await, 401);
    assert_eq!(secured.status(&stranger, "/-/healthy").await, 401);
    let refused = alice.get(secured.exporter.url("/metrics"));
    let refused = refused.send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((3500..=3601).contains(&wait), "{wait}");
    assert_eq!(refused.headers()["x-frame-options"], "DENY");
    assert_eq!(secured.status(&stranger, "/-/healthy").await, 429);
    // Another limit counts at once.
    secured.write(&users(&[ALICE]));
    until("there is no limit any more", async || {
        secured.status(&alice, "/-/healthy").await == 200
    })
    .await;
}

#[tokio::test]
async fn invalid_web_configuration_prevents_the_start() {
    let files = tempfile::tempdir().unwrap();
    let config = files.path().join("polyv.yml");
    std::fs::write(
        &config,
        quick_config(([127, 0, 0, 1], 1).into(), "[{id: 1}]"),
    )
    .unwrap();
    let web = files.path().join("web.yml");
    for (text, said) in [
        (Some("tls_server_config: {cert_file: x}\n"), "web.yml:1:"),
        (
            Some("basic_auth_users: {alice: secret}\n"),
            "no bcrypt hash",
        ),
        (Some(TLS), "server.crt can't be read"),
        (None, "can't be read"),
    ] {
        _ = std::fs::remove_file(&web);
        if let Some(text) = text {
            std::fs::write(&web, text).unwrap();
        }
        for mut command in ["serve", "demo"].map(|name| {
            let mut command = crate::support::exporter_process::polyv_exporter();
            command.arg(name).arg("--web.config.file").arg(&web);
            command.args(["--web.listen-address", "127.0.0.1:0"]);
            if name == "serve" {
                command.arg("--config.file").arg(&config);
            }
            command
        }) {
            let output = crate::support::exporter_process::run(&mut command);
            let text = crate::support::exporter_process::text_of(&output);
            assert_eq!(output.status.code(), Some(2), "{text}");
            assert!(text.contains(said), "{text}");
            assert!(!text.contains(": secret"), "{text}");
        }
        let mut check = crate::support::exporter_process::polyv_exporter();
        check.arg("check-config").arg(&config);
        check.arg("--web.config.file").arg(&web);
        let output = crate::support::exporter_process::run(&mut check);
        let text = crate::support::exporter_process::text_of(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains(said) && text.contains("polyv.yml: valid"),
            "{text}"
        );
    }
    std::fs::write(&web, users(&[ALICE])).unwrap();
    let mut check = crate::support::exporter_process::polyv_exporter();
    check.arg("check-config").arg(&config);
    check.arg("--web.config.file").arg(&web);
    let output = crate::support::exporter_process::run(&mut check);
    let text = crate::support::exporter_process::text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("web.yml: valid; TLS: no"), "{text}");
}
