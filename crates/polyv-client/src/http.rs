//! The real transport: HTTP/1.1, over TLS where the address says so.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use tokio::time::Instant;
use url::{Host, Url};

use super::transport::{HttpRequest, HttpResponse, RequestBody, Transport, TransportError};

/// A connection that was idle for so long is closed by us, before a server in between closes
/// it under a request.
const IDLE: Duration = Duration::from_secs(60);
/// After so long all connections are made anew, so that a changed DNS entry is seen.
const CONNECTIONS_LIVE: Duration = Duration::from_secs(300);
/// Connecting is given up after so long, within the call's own time-out.
const CONNECT: Duration = Duration::from_secs(10);

/// Carries calls with reqwest.
///
/// HTTP/1.1 only: with HTTP/2 all calls would share one connection, and a stuck one would
/// hold up every channel. No redirects are followed (a signed address is for Polyv alone), no
/// call is repeated on its own (it would pass the limiter), and proxies are taken from the
/// usual environment variables, except for loopback addresses.
pub struct HttpTransport {
    recipe: ClientConfig,
    clients: Mutex<PooledClient>,
}

/// How a client is made.
struct ClientConfig {
    tls: rustls::ClientConfig,
    proxied: bool,
}

/// A client with its pool of connections, and since when it has been in use.
struct PooledClient {
    since: Instant,
    client: reqwest::Client,
}

/// Whether an address is this very host's, so that no proxy can reach it and nobody can
/// listen in.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

// === impl HttpTransport ===

impl HttpTransport {
    /// A transport for calls to `base`.
    ///
    /// # Errors
    /// Where `base` wants TLS and the host has no CA certificates, or TLS can't be set up.
    pub fn new(base: &Url) -> Result<Self, String> {
        let recipe = ClientConfig {
            tls: tls(base.scheme() == "https")?,
            proxied: !is_loopback(base),
        };
        let client = recipe.client().map_err(|error| reason(&error))?;
        Ok(Self {
            recipe,
            clients: Mutex::new(PooledClient {
                since: Instant::now(),
                client,
            }),
        })
    }

    /// The client in use. Dropping a client closes its idle connections at once and the
    /// others when their calls end, so replacing it bounds the age of all.
    fn client(&self) -> reqwest::Client {
        let mut generation = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if generation.since.elapsed() >= CONNECTIONS_LIVE
            && let Ok(client) = self.recipe.client()
        {
            *generation = PooledClient {
                since: Instant::now(),
                client,
            };
        }
        generation.client.clone()
    }
}

impl Transport for HttpTransport {
    fn send(
        &self,
        call: HttpRequest,
        max_body: usize,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + '_>> {
        Box::pin(async move {
            let client = self.client();
            let request = match call.content {
                RequestBody::Get => client.get(call.url),
                // Some servers refuse a POST that does not say how long it is.
                RequestBody::Post => client.post(call.url).header(CONTENT_LENGTH, 0),
                RequestBody::PostJson(body) => client
                    .post(call.url)
                    .header(CONTENT_TYPE, "application/json")
                    .body(body),
            };
            let mut response = request.send().await.map_err(classify)?;
            let arrived = Instant::now();
            let status = response.status().as_u16();
            let date = response
                .headers()
                .get(reqwest::header::DATE)
                .and_then(|value| value.to_str().ok())
                .and_then(|text| httpdate::parse_http_date(text).ok())
                .map(Into::into);
            // Chunk by chunk, decompressed as it comes: a bomb is left after `max_body` bytes.
            let mut body = BytesMut::new();
            while let Some(chunk) = response.chunk().await.map_err(classify)? {
                if body.len() + chunk.len() > max_body {
                    return Err(TransportError::TooLarge(max_body));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(HttpResponse {
                status,
                date,
                arrived,
                body: Bytes::from(body),
            })
        })
    }
}

impl ClientConfig {
    fn client(&self) -> Result<reqwest::Client, reqwest::Error> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("polyv-exporter/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(self.tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE);
        if self.proxied {
            builder.build()
        } else {
            builder.no_proxy().build()
        }
    }
}

/// TLS with the host's CA certificates (`SSL_CERT_FILE` and `SSL_CERT_DIR` count).
fn tls(needed: bool) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    if needed {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why = found.errors.first().map(ToString::to_string);
            return Err(format!(
                "no CA certificates found on this host, so no TLS server can be trusted: \
                 install the package ca-certificates or set SSL_CERT_FILE ({})",
                why.as_deref().unwrap_or("the store is empty")
            ));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS can't be set up: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Sorts reqwest's errors, and takes the signed address out of them.
fn classify(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let text = reason(&error);
    // Only then is it certain that nothing was sent: an established connection can time out
    // as well, in the system's hands.
    if error.is_connect() {
        return if error.is_timeout() {
            TransportError::Timeout
        } else {
            TransportError::Unreachable(text)
        };
    }
    // reqwest calls everything a decoding error that happens while it decodes; whether it was
    // the connection or what came over it, only the causes tell.
    let mut http = causes(&error).filter_map(|cause| cause.downcast_ref::<hyper::Error>());
    let garbled = match http.next() {
        Some(cause) => cause.is_parse(),
        None => error.is_decode(),
    };
    if garbled {
        TransportError::Garbled(text)
    } else {
        TransportError::Connection(text)
    }
}

/// The innermost cause, which is what helps ("Connection refused").
fn reason(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connections_are_made_anew_after_five_minutes() {
        let base = Url::parse("http://127.0.0.1:1").unwrap();
        let transport = HttpTransport::new(&base).unwrap();
        let since = || transport.clients.lock().unwrap().since;
        let first = since();
        tokio::time::advance(Duration::from_secs(299)).await;
        _ = transport.client();
        assert_eq!(since(), first);
        tokio::time::advance(Duration::from_secs(1)).await;
        _ = transport.client();
        assert!(since() > first);
    }

    #[test]
    fn loopback_is_this_host_and_nothing_else() {
        for (url, loopback) in [
            ("http://127.0.0.1:8899", true),
            ("http://127.8.0.1", true),
            ("http://[::1]:80", true),
            ("http://localhost:1", true),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
            ("https://api.polyv.net", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }
}
