//! Connections that no third party can read, and clients that show who they are.

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{ExtendedKeyUsagePurpose, SanType};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::certificates::Authority;
use crate::support::secured_exporter::{ALICE, SecuredExporter, TLS, basic, until};

/// Verified clients' certificates, and perhaps more.
fn with_verified_clients(rest: &str) -> String {
    format!(
        "tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
{rest}"
    )
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

/// The certificate that new connections are shown.
async fn server_certificate(secured: &SecuredExporter) -> Vec<u8> {
    let stream = secured.connect(&[]).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .unwrap()
        .to_vec()
}

async fn request_http2(
    sender: &mut hyper::client::conn::http2::SendRequest<Body>,
    path: &str,
    authorization: &str,
) -> Response<Incoming> {
    let request = Request::get(format!("https://localhost{path}"))
        .header("authorization", authorization)
        .body(Body::empty())
        .unwrap();
    sender.send_request(request).await.unwrap()
}

#[tokio::test]
async fn http2_follows_the_configuration_and_requires_the_password() {
    let web = format!("{TLS}basic_auth_users: {{{ALICE}}}\n");
    let secured = SecuredExporter::start(&web).await;
    let stream = secured.connect(&["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let response = request_http2(&mut sender, "/metrics", "").await;
    assert_eq!(response.status(), 401);
    let right = basic("alice", "a");
    let response = request_http2(&mut sender, "/metrics", &right).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-frame-options"], "DENY");
    let whole = axum::body::to_bytes(Body::new(response.into_body()), usize::MAX);
    let text = String::from_utf8(whole.await.unwrap().to_vec()).unwrap();
    assert!(text.contains("polyv_channel_state{"), "{text}");
    assert_eq!(
        request_http2(&mut sender, "/nothing", &right)
            .await
            .status(),
        404
    );
    drop(sender);
    _ = connection.await;
    // Who can't speak it need not.
    for protocols in [&["http/1.1"][..], &[]] {
        let stream = secured.connect(protocols).await.unwrap();
        assert_ne!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    }
    // And no one does where it is switched off, which takes no restart.
    secured.write(&format!("http_server_config: {{http2: false}}\n{web}"));
    until("HTTP/2 is not offered any more", async || {
        let stream = secured.connect(&["h2", "http/1.1"]).await.unwrap();
        stream.get_ref().1.alpn_protocol() == Some(b"http/1.1")
    })
    .await;
}

#[tokio::test]
async fn clients_without_a_certificate_of_the_authority_are_rejected() {
    let secured = SecuredExporter::start(&with_verified_clients("")).await;
    let (known, unknown) = (
        secured.authority.client([]),
        Authority::new("else").client([]),
    );
    assert!(secured.accepts(&secured.client(None, Some(&known))).await);
    assert!(!secured.accepts(&secured.client(None, None)).await);
    assert!(!secured.accepts(&secured.client(None, Some(&unknown))).await);
    // A server's certificate of the same authority is none of a client.
    let server = secured.authority.server();
    assert!(!secured.accepts(&secured.client(None, Some(&server))).await);
    let plain = reqwest::get(format!("http://{}/metrics", secured.exporter.address));
    assert_eq!(plain.await.unwrap().status(), 400);
}

#[tokio::test]
async fn client_auth_type_decides_on_missing_and_unknown_certificates() {
    for (policy, accepts_unknown, accepts_missing) in [
        ("RequestClientCert", true, true),
        ("RequireAnyClientCert", true, false),
        ("VerifyClientCertIfGiven", false, true),
    ] {
        let web = with_verified_clients("").replace("RequireAndVerifyClientCert", policy);
        let secured = SecuredExporter::start(&web).await;
        let known = secured.authority.client([]);
        let unknown = Authority::new("else").client([]);
        let accepts = async |pair| secured.accepts(&secured.client(None, pair)).await;
        assert!(accepts(Some(&known)).await, "{policy}");
        assert_eq!(accepts(Some(&unknown)).await, accepts_unknown, "{policy}");
        assert_eq!(accepts(None).await, accepts_missing, "{policy}");
    }
}

#[tokio::test]
async fn listed_self_signed_certificate_is_accepted_while_valid() {
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    let self_signed = |name, purposes: &[ExtendedKeyUsagePurpose], years| {
        Authority::with(name, |params| {
            params.extended_key_usages = purposes.to_vec();
            (params.not_before, params.not_after) = years;
        })
        .pair()
    };
    let year = |year| rcgen::date_time_ymd(year, 1, 1);
    let now = (year(2020), year(4000));
    let listed = [
        (self_signed("good", &[], now), true),
        (
            self_signed("for clients", &[ServerAuth, ClientAuth], now),
            true,
        ),
        (self_signed("for servers", &[ServerAuth], now), false),
        (self_signed("expired", &[], (year(2020), year(2021))), false),
        (self_signed("to come", &[], (year(3999), year(4000))), false),
    ];
    let secured = SecuredExporter::start(&with_verified_clients("")).await;
    let all: String = listed
        .iter()
        .map(|(pair, _)| pair.certificate.as_str())
        .collect();
    std::fs::write(secured.path("ca.crt"), all).unwrap();
    secured.exporter.program.signal("HUP");
    let good = secured.client(None, Some(&listed[0].0));
    until("the list counts", async || secured.accepts(&good).await).await;
    for (number, (pair, let_in)) in listed.iter().enumerate() {
        let client = secured.client(None, Some(pair));
        assert_eq!(secured.accepts(&client).await, *let_in, "{number}");
    }
    // Another one, though by the same name; and none.
    let other = self_signed("good", &[], now);
    assert!(!secured.accepts(&secured.client(None, Some(&other))).await);
    assert!(!secured.accepts(&secured.client(None, None)).await);
}

#[tokio::test]
async fn only_certificates_with_an_allowed_name_are_accepted() {
    let allowed = "  client_allowed_sans: [prometheus.example, 10.1.2.3, \"fd00::1\", ops@example.com, \"spiffe://example/prometheus\"]\n";
    let secured = SecuredExporter::start(&with_verified_clients(allowed)).await;
    let text = |name: &str| name.try_into().unwrap();
    for (names, let_in) in [
        (vec![dns("prometheus.example")], true),
        (vec![dns("other.example"), dns("prometheus.example")], true),
        (vec![SanType::IpAddress([10, 1, 2, 3].into())], true),
        (vec![SanType::IpAddress("fd00::1".parse().unwrap())], true),
        (vec![SanType::Rfc822Name(text("ops@example.com"))], true),
        (
            vec![SanType::URI(text("spiffe://example/prometheus"))],
            true,
        ),
        (vec![], false),
        (vec![dns("other.example")], false),
        (vec![dns("a.prometheus.example")], false),
        (vec![dns("*.example")], false),
        (vec![SanType::IpAddress([10, 1, 2, 4].into())], false),
        (
            vec![SanType::URI(text("spiffe://example/prometheus/x"))],
            false,
        ),
    ] {
        let pair = secured.authority.client(names.clone());
        let client = secured.client(None, Some(&pair));
        assert_eq!(secured.accepts(&client).await, let_in, "{names:?}");
    }
    // The right name in a certificate of another client.
    let pair = Authority::new("else").client([dns("prometheus.example")]);
    assert!(!secured.accepts(&secured.client(None, Some(&pair))).await);
}

#[tokio::test]
async fn new_server_certificate_is_reloaded_and_an_invalid_one_ignored() {
    let mut secured = SecuredExporter::start(TLS).await;
    let first = server_certificate(&secured).await;
    let second = secured.authority.server();
    // One file after the other: in between they do not fit, and the old pair goes on.
    std::fs::write(secured.path("server.crt"), &second.certificate).unwrap();
    secured.until_reload_state(false).await;
    assert_eq!(server_certificate(&secured).await, first);
    let (status, said) = secured.exporter.reload().await;
    assert_eq!(status, 500);
    assert!(said.contains("is not the key of"), "{said}");
    std::fs::write(secured.path("server.key"), &second.key).unwrap();
    until("the second is shown", async || {
        server_certificate(&secured).await == der(&second.certificate)
    })
    .await;
    secured.until_reload_state(true).await;
    for broken in ["", "rubbish"] {
        std::fs::write(secured.path("server.key"), broken).unwrap();
        secured.until_reload_state(false).await;
        assert_eq!(server_certificate(&secured).await, der(&second.certificate));
        std::fs::write(secured.path("server.key"), &second.key).unwrap();
        secured.until_reload_state(true).await;
    }
    // Renamed into place, and by a signal.
    let third = secured.authority.server();
    third.write(secured.files.path(), "new");
    for kind in ["crt", "key"] {
        let new = secured.path(&format!("new.{kind}"));
        std::fs::rename(new, secured.path(&format!("server.{kind}"))).unwrap();
    }
    secured.exporter.program.signal("HUP");
    until("the third is shown", async || {
        server_certificate(&secured).await == der(&third.certificate)
    })
    .await;
    // The key itself where the name of its file belongs: neither the log nor the response shows it.
    let indented = third.key.trim().replace('\n', "\n    ");
    secured.write(&format!(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: |\n    {indented}\n"
    ));
    let (status, said) = secured.exporter.reload().await;
    assert_eq!(status, 500);
    assert!(said.contains("it belongs under `key`"), "{said}");
    // What it says is read by another thread, so that it is there has to be waited for.
    let program = &mut secured.exporter.program;
    program.logged(&["it belongs under `key`"]).await;
    let log = program.log();
    for line in third.key.lines() {
        assert!(
            !said.contains(line) && !log.contains(line),
            "{line}\n{said}\n{log}"
        );
    }
    assert_eq!(server_certificate(&secured).await, der(&third.certificate));
}

#[tokio::test]
async fn clients_of_a_replaced_authority_are_rejected_on_open_connections() {
    let mut secured = SecuredExporter::start(&with_verified_clients("")).await;
    let old = secured.client(None, Some(&secured.authority.client([])));
    assert!(secured.accepts(&old).await);
    let another = Authority::new("another");
    secured.exporter.client = secured.client(None, Some(&another.client([])));
    std::fs::write(secured.path("ca.crt"), another.pem()).unwrap();
    until("clients of the new authority get in", async || {
        secured.accepts(&secured.exporter.client).await
    })
    .await;
    // The client's connection was open all the time.
    until("clients of the old one do not", async || {
        !secured.accepts(&old).await
    })
    .await;
    assert!(!secured.accepts(&old).await);
}

#[tokio::test]
async fn reload_cannot_toggle_or_weaken_tls() {
    let mut secured = SecuredExporter::start(&with_verified_clients(
        "  client_allowed_sans: [a.example]\n",
    ))
    .await;
    let known = secured.authority.client([dns("a.example")]);
    secured.exporter.client = secured.client(None, Some(&known));
    for (web, said) in [
        (String::new(), "TLS can't be turned off"),
        (TLS.to_owned(), "`client_auth_type` can't require less"),
        (
            with_verified_clients("").replace("RequireAndVerify", "RequireAny"),
            "`client_auth_type` can't require less",
        ),
        (
            with_verified_clients(""),
            "`client_allowed_sans` can't be removed",
        ),
    ] {
        secured.write(&web);
        let (status, response) = secured.exporter.reload().await;
        assert_eq!(status, 500, "{response}");
        assert!(
            response.contains(said) && response.contains("restart"),
            "{response}"
        );
        assert!(!secured.accepts(&secured.client(None, None)).await);
    }
    let plain = SecuredExporter::start("").await;
    plain.write(TLS);
    let (status, response) = plain.exporter.reload().await;
    assert_eq!(status, 500, "{response}");
    assert!(response.contains("TLS can't be turned on"), "{response}");
    assert_eq!(plain.exporter.get("/-/healthy").await.status(), 200);
}

#[tokio::test]
async fn plain_http_on_the_tls_port_gets_an_explanation_and_garbage_is_harmless() {
    let secured = SecuredExporter::start(TLS).await;
    let exchange = async |bytes: &[u8]| {
        let mut stream = TcpStream::connect(secured.exporter.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut response = Vec::new();
        // However it ends: what counts is that it does.
        _ = stream.read_to_end(&mut response).await;
        String::from_utf8_lossy(&response).into_owned()
    };
    let response = exchange(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.0 400"), "{response}");
    assert!(response.contains("https://"), "{response}");
    for rubbish in [
        &b"\0\x01\x02rubbish"[..],
        b"\x16\x03\x01\xff\xffrubbish",
        b"\n\n\n",
    ] {
        let mut stream = TcpStream::connect(secured.exporter.address).await.unwrap();
        stream.write_all(rubbish).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut response = Vec::new();
        _ = stream.read_to_end(&mut response).await;
        assert!(!String::from_utf8_lossy(&response).contains("polyv"));
    }
    assert!(secured.accepts(&secured.exporter.client).await);
}
