//! The secret appears nowhere, nor does anything that was signed with it.

use crate::support::exporter_process::{Exporter, quick_config};
use crate::support::simulator_server::SimulatorServer;

#[tokio::test]
async fn secret_and_signed_address_appear_nowhere() {
    for format in ["logfmt", "json"] {
        let polyv = SimulatorServer::start(
            "sample_every: 1s
channels:
- id: 1
  streams: ['rtmp://push-d1.videocc.net/recordf/the-stream-key?txSecret=the-push-secret']
- {id: 2, life: offline}
- {id: 3}
- {id: 4}",
        )
        .await;
        let config = quick_config(
            polyv.address,
            "[{id: 1}, {id: 2}, {id: 3}, {id: 4}, {id: 5}]",
        );
        let exporter = Exporter::start_with(&config, |command| {
            command.args(["--log.level=trace", "--log.format", format]);
        })
        .await;
        exporter
            .until("it is live", |s| s.state("1") == "live")
            .await;
        let mut seen = vec![exporter.scrape().await.text];
        // Every kind of failure writes another kind of line; one of them echoes the request.
        let echo = "{trouble: answer, status: 200, body: '{\"code\":400,\"message\":\"GET http://x/?appId=simulated&sign=0D2BDA2FD04D93A2B8832B91FD973C4D failed\"}', channels: ['4']}";
        for fault in [
            echo,
            "{trouble: html, channels: ['3']}",
            "{trouble: reset, channels: ['3']}",
            "{trouble: hang, channels: ['3']}",
            "{trouble: cut_off, channels: ['3']}",
            "{trouble: redirect, channels: ['3']}",
            "{trouble: gzip_bomb, channels: ['3']}",
            "{trouble: bad_gateway}",
            "{trouble: reset}",
        ] {
            polyv.inject_faults(fault).await;
            let failures = |s: &crate::support::scrape::Scrape| -> u64 {
                [
                    "rejected",
                    "bad_response",
                    "connection_failed",
                    "timeout",
                    "server_error",
                ]
                .iter()
                .map(|outcome| s.calls("main", outcome))
                .sum()
            };
            let before = failures(&exporter.scrape().await);
            exporter.until("it was met", |s| failures(s) > before).await;
            polyv.control("DELETE", "troubles", "").await;
            exporter
                .until("it is over", |s| s.outcome("3").as_deref() == Some("ok"))
                .await;
        }
        let faulty = config.replace("simulated-secret", "another-secret, nonsense: 1");
        std::fs::write(exporter.config_path(), faulty).unwrap();
        seen.push(exporter.reload().await.1);
        seen.push(exporter.get("/").await.text().await.unwrap());
        seen.push(exporter.scrape().await.text);
        let process = format!("/proc/{}/cmdline", exporter.program.id());
        seen.push(String::from_utf8_lossy(&std::fs::read(process).unwrap()).into_owned());
        // To its end, and so to its last line.
        let mut exporter = exporter;
        exporter.program.signal("TERM");
        exporter.program.ended().await;
        seen.push(exporter.program.log());
        seen.push(exporter.program.output());
        let log = exporter.program.log();
        assert!(log.contains("polled"), "it was the finest level: {log}");
        for text in &seen {
            for secret in [
                "simulated-secret",
                "another-secret",
                "sign=",
                "sign%3D",
                "0D2BDA2FD04D93A2B8832B91FD973C4D",
                "timestamp=1",
                "list-tencent-stream-info",
                "the-stream-key",
                "the-push-secret",
                "push-d1",
            ] {
                assert!(!text.contains(secret), "{format}: {secret} in\n{text}");
            }
        }
    }
}

#[test]
fn printed_configuration_has_no_secret() {
    use polyv_exporter::config::Source;
    let source = Source::text(
        "config",
        "accounts: [{app_id: a, app_secret: the-secret, channels: [{id: 1}]}]",
    );
    let config = source.load().unwrap();
    for printed in [
        format!("{source:?}"),
        format!("{config:?}"),
        format!("{config:#?}"),
    ] {
        assert!(!printed.contains("the-secret"), "{printed}");
    }
}
