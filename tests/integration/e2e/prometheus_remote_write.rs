//! Remote write to a Prometheus that requires TLS, a client certificate and a password.
//!
//! Needs `prometheus` in the path: `make test` sees to it, or leaves these tests out and says so.

use std::process::Command;

use crate::support::certificates::Authority;
use crate::support::exporter_process::{Exporter, Program, address_in, quick_config};
use crate::support::secured_exporter::ALICE;
use crate::support::simulator_server::SimulatorServer;

#[tokio::test]
async fn server_is_verified_and_sees_certificate_and_password() {
    let directory = tempfile::tempdir().unwrap();
    let files = directory.path();
    let authority = Authority::new("receivers");
    authority.server().write(files, "server");
    authority.client([]).write(files, "client");
    let write = |name: &str, text: &str| std::fs::write(files.join(name), text).unwrap();
    write("ca.crt", &authority.pem());
    write("password", "a\n");
    write("prometheus.yml", "{}");
    write(
        "web.yml",
        &format!(
            "tls_server_config: {{cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert}}
basic_auth_users: {{{ALICE}}}
"
        ),
    );
    let mut command = Command::new("prometheus");
    command
        .current_dir(files)
        .args(["--config.file=prometheus.yml", "--web.config.file=web.yml"])
        .args([
            "--storage.tsdb.path=data",
            "--web.enable-remote-write-receiver",
        ])
        .arg("--web.listen-address=127.0.0.1:0");
    let mut prometheus = Program::start(&mut command);
    let line = prometheus
        .logged(&["Listening on", "address=127.0.0.1"])
        .await;
    let url = format!("https://{}/api/v1/write", address_in(&line));

    let polyv = SimulatorServer::start("sample_every: 1s\nchannels: [{id: 1}]").await;
    let path = |name: &str| files.join(name).display().to_string();
    let (client, password) = (
        format!(
            "cert_file: {}, key_file: {}",
            path("client.crt"),
            path("client.key")
        ),
        path("password"),
    );
    let ca = format!("ca_file: {}", path("ca.crt"));
    let alice = format!("basic_auth: {{username: alice, password_file: {password}}}");
    let endpoint = |name: &str, tls: &str, auth: &str| {
        format!(
            "- {{name: {name}, url: '{url}', tls_config: {{{tls}}}, {auth}, external_labels: {{sent_by: {name}}}}}\n"
        )
    };
    let endpoints = [
        endpoint(
            "verified",
            &format!("{ca}, {client}, server_name: localhost"),
            &alice,
        ),
        endpoint(
            "unverified",
            &format!("{client}, insecure_skip_verify: true"),
            &alice,
        ),
        endpoint("unknown_authority", &client, &alice),
        endpoint(
            "other_name",
            &format!("{ca}, {client}, server_name: other.example.com"),
            &alice,
        ),
        endpoint("no_certificate", &ca, &alice),
        endpoint(
            "no_password",
            &format!("{ca}, {client}"),
            "remote_timeout: 9s",
        ),
    ];
    let config = format!(
        "recorder: {{path: {}}}\nremote_write:\n{}{}",
        path("recordings"),
        endpoints.concat(),
        quick_config(polyv.address, "[{id: 1}]")
    );
    let exporter = Exporter::start(&config).await;
    let scrape = exporter
        .until("each endpoint succeeds or fails", |scrape| {
            let count = |metric: &str, remote: &str| {
                let name = format!("polyv_remote_write_{metric}_total");
                let of_remote = scrape.all(&name, &[("remote_name", remote)]);
                of_remote.iter().map(|sample| sample.value).sum::<f64>()
            };
            let verified = ["verified", "unverified"];
            let failing = ["unknown_authority", "other_name", "no_certificate"];
            verified.iter().all(|remote| count("samples", remote) > 0.0)
                && failing.iter().all(|remote| count("failures", remote) > 0.0)
                && failing.iter().all(|remote| count("samples", remote) == 0.0)
                && count("dropped_samples", "no_password") > 0.0
        })
        .await;
    assert!(
        scrape
            .text
            .contains("polyv_remote_write_samples_total{remote_name=\"verified\"}")
    );
    let log = exporter.program.log();
    assert!(log.contains("401 Unauthorized"), "{log}");
}
