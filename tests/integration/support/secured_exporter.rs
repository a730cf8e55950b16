//! An exporter behind a web configuration, and clients that come to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificates::{Authority, Pair};
use super::exporter_process::{DEADLINE, Exporter, client_builder, quick_config, replace};
use super::simulator_server::SimulatorServer;

/// alice's password is `a`, bob's is `U*U`: published test vectors of bcrypt, cheap ones.
pub const ALICE: &str = "alice: $2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe";
pub const BOB: &str = "bob: $2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// TLS with `server.crt` and `server.key`.
pub const TLS: &str = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n";

/// An exporter behind a web configuration.
pub struct SecuredExporter {
    pub exporter: Exporter,
    pub polyv: SimulatorServer,
    /// Who issued the server's certificate, and may have issued clients'.
    pub authority: Authority,
    /// The directory of the web configuration.
    pub files: tempfile::TempDir,
}

impl SecuredExporter {
    /// One with this web configuration. `server.crt`, `server.key` and `ca.crt` are beside it.
    pub async fn start(web: &str) -> Self {
        Self::start_with("channels: [{id: 1}]", "[{id: 1}]", web).await
    }

    /// The same, with other channels.
    pub async fn start_with(scenario: &str, channels: &str, web: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let authority = Authority::new("test authority");
        authority.server().write(files.path(), "server");
        std::fs::write(files.path().join("ca.crt"), authority.pem()).unwrap();
        let path = files.path().join("web.yml");
        std::fs::write(&path, web).unwrap();
        let polyv = SimulatorServer::start(scenario).await;
        let config = quick_config(polyv.address, channels);
        let mut exporter = Exporter::start_with(&config, |command| {
            command.arg("--web.config.file").arg(&path);
        })
        .await;
        if web.contains("tls_server_config") {
            exporter.scheme = "https";
        }
        let mut secured = Self {
            exporter,
            polyv,
            authority,
            files,
        };
        secured.exporter.client = secured.client(None, None);
        secured
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Puts another web configuration into the place of the one that is there.
    pub fn write(&self, web: &str) {
        replace(&self.path("web.yml"), web);
    }

    /// A client with nothing but what it is given.
    pub fn client(&self, user: Option<(&str, &str)>, pair: Option<&Pair>) -> reqwest::Client {
        let authority = reqwest::Certificate::from_pem(self.authority.pem().as_bytes()).unwrap();
        let mut builder = client_builder().tls_certs_only([authority]);
        if let Some((user, password)) = user {
            let header = basic(user, password).parse().unwrap();
            builder = builder.default_headers(
                [("authorization".parse().unwrap(), header)]
                    .into_iter()
                    .collect(),
            );
        }
        if let Some(pair) = pair {
            builder = builder.identity(pair.identity());
        }
        builder.build().unwrap()
    }

    /// The status that a client gets for a path.
    pub async fn status(&self, client: &reqwest::Client, path: &str) -> u16 {
        let response = client.get(self.exporter.url(path)).send().await.unwrap();
        response.status().as_u16()
    }

    /// Whether a client is served, on its own connection.
    pub async fn accepts(&self, client: &reqwest::Client) -> bool {
        let result = client.get(self.exporter.url("/-/healthy")).send().await;
        result.is_ok_and(|response| response.status() == 200)
    }

    /// A TLS connection that offers these protocols.
    pub async fn connect(&self, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        let pem = self.authority.pem();
        roots
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
            .unwrap();
        let mut config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let stream = TcpStream::connect(self.exporter.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    /// Waits until the metric of reloads reports success or failure.
    pub async fn until_reload_state(&self, well: bool) {
        let expected = Some(f64::from(u8::from(well)));
        self.exporter
            .until("the metric says how it is", |scrape| {
                scrape.get("polyv_exporter_config_last_reload_successful", &[]) == expected
            })
            .await;
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < DEADLINE, "it never came to this: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An `Authorization` header's value.
pub fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let encoded = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {encoded}")
}
