//! The real Prometheus scrapes a secured exporter, configured as documented.

use rcgen::SanType;

use crate::support::prometheus_stack::Prometheus;
use crate::support::secured_exporter::{ALICE, BOB, SecuredExporter, TLS};

/// A job that scrapes the exporter; `rest` is how it gets in.
fn job(name: &str, secured: &SecuredExporter, rest: &str) -> String {
    let files = secured.files.path().display();
    let rest = rest.replace("{files}", &files.to_string());
    format!(
        "- job_name: {name}
  scheme: https
  static_configs: [{{targets: ['{}']}}]
  {}
",
        secured.exporter.address,
        rest.replace('\n', "\n  ")
    )
}

async fn prometheus(jobs: &[String]) -> Prometheus {
    let jobs = jobs.concat();
    Prometheus::start_with(&format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n{jobs}"
    ))
    .await
}

#[tokio::test]
async fn prometheus_scrapes_over_tls_only_with_the_right_password() {
    let web = format!("{TLS}basic_auth_users:\n  {ALICE}\n  {BOB}\n");
    let secured = SecuredExporter::start(&web).await;
    std::fs::write(secured.path("password"), "U*U").unwrap();
    let authority = "tls_config: {ca_file: '{files}/ca.crt'}";
    let prometheus = prometheus(&[
        job(
            "right",
            &secured,
            &format!(
                "basic_auth: {{username: bob, password_file: '{{files}}/password'}}\n{authority}"
            ),
        ),
        job(
            "wrong",
            &secured,
            &format!("basic_auth: {{username: bob, password: a}}\n{authority}"),
        ),
        job("none", &secured, authority),
        job(
            "stranger",
            &secured,
            "basic_auth: {username: alice, password: a}",
        ),
    ])
    .await;
    let state = "polyv_channel_state{job=\"right\",state=\"live\"} == 1";
    assert_eq!(prometheus.value(state).await, 1.0);
    assert_eq!(prometheus.value("up{job=\"right\"}").await, 1.0);
    for job in ["wrong", "none", "stranger"] {
        let up = format!("up{{job=\"{job}\"}}");
        assert_eq!(prometheus.value(&up).await, 0.0, "{job}");
    }
}

#[tokio::test]
async fn prometheus_scrapes_only_with_a_client_certificate() {
    let secured = SecuredExporter::start(
        "tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus.example]
",
    )
    .await;
    let name = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let issue = |file: &str, names: &[SanType]| {
        let pair = secured.authority.client(names);
        pair.write(secured.files.path(), file);
    };
    issue("prometheus", &[name("prometheus.example")]);
    issue("other", &[name("other.example")]);
    let with = |pair: &str| {
        format!(
            "tls_config: {{ca_file: '{{files}}/ca.crt', cert_file: '{{files}}/{pair}.crt', key_file: '{{files}}/{pair}.key'}}"
        )
    };
    let prometheus = prometheus(&[
        job("right", &secured, &with("prometheus")),
        job("wrong", &secured, &with("other")),
        job("none", &secured, "tls_config: {ca_file: '{files}/ca.crt'}"),
    ])
    .await;
    let state = "polyv_channel_state{job=\"right\",state=\"live\"} == 1";
    assert_eq!(prometheus.value(state).await, 1.0);
    for job in ["wrong", "none"] {
        let up = format!("up{{job=\"{job}\"}}");
        assert_eq!(prometheus.value(&up).await, 0.0, "{job}");
    }
    // A new pair on both sides, without a restart of either.
    secured
        .authority
        .server()
        .write(secured.files.path(), "server");
    issue("prometheus", &[name("prometheus.example")]);
    assert_eq!(min_up(&prometheus).await, 1.0);
}

/// Whether the last ten scrapes all succeeded.
async fn min_up(prometheus: &Prometheus) -> f64 {
    let begin = prometheus
        .value("max_over_time(timestamp(up{job=\"right\"})[1m:1s])")
        .await;
    prometheus
        .value(&format!(
            "min_over_time(up{{job=\"right\"}}[5s]) and (timestamp(up{{job=\"right\"}}) > {begin} + 8)"
        ))
        .await
}
