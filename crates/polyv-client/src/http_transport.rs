//! The production transport: HTTP/1.1, over TLS for `https` addresses.

use std::cell::Cell;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, RETRY_AFTER};
use tokio::time::Instant;
use tower::util::MapRequestLayer;
use url::{Host, Url};

use crate::transport::{HttpRequest, HttpResponse, RequestBody, Transport, TransportError};

/// Idle connections are closed after this time, before a server in between closes them during
/// a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// All connections are replaced after this time, so that DNS changes take effect.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(300);
/// The time-out for connecting, within the call's own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest time that a `Retry-After` header can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

tokio::task_local! {
    /// Whether a new connection was begun for the request of this task.
    static CONNECTS: Cell<bool>;
}

/// Sends calls with reqwest.
///
/// HTTP/1.1 only: with HTTP/2 all calls would share one connection, and a stuck connection
/// would delay every channel. It follows no redirects (a signed address is for Polyv only),
/// repeats no call (a repetition would bypass the limiter), and uses the proxies of the usual
/// environment variables, except for loopback addresses.
pub struct HttpTransport {
    tls: rustls::ClientConfig,
    uses_proxies: bool,
    /// Whether requests go to an HTTP proxy. With TLS they go through it, to the server itself.
    via_proxy: bool,
    /// A client with its connections, and when it was created.
    pooled: Mutex<(Instant, reqwest::Client)>,
}

/// Whether an address belongs to this host: neither proxies nor eavesdroppers can reach it.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl HttpTransport {
    /// A transport for calls to `base`.
    ///
    /// # Errors
    /// If `base` needs TLS and the host has no CA certificates, or if TLS can't be set up.
    pub fn new(base: &Url) -> Result<Self, String> {
        let tls = tls_config(base.scheme() == "https")?;
        let uses_proxies = !is_loopback(base);
        let has_proxy = |uri| Matcher::from_system().intercept(&uri).is_some();
        let is_proxied = uses_proxies && base.as_str().parse().is_ok_and(has_proxy);
        let client = new_client(&tls, uses_proxies).map_err(|error| describe_http_error(&error))?;
        Ok(Self {
            tls,
            uses_proxies,
            via_proxy: is_proxied && base.scheme() == "http",
            pooled: Mutex::new((Instant::now(), client)),
        })
    }

    /// The current client. Dropping a client closes its idle connections immediately and the
    /// others when their calls end, so replacing it bounds the age of all.
    fn client(&self) -> reqwest::Client {
        let mut pooled = self.pooled.lock().unwrap_or_else(PoisonError::into_inner);
        let (created, client) = &mut *pooled;
        if created.elapsed() >= MAX_CONNECTION_AGE
            && let Ok(replacement) = new_client(&self.tls, self.uses_proxies)
        {
            *created = Instant::now();
            *client = replacement;
        }
        client.clone()
    }
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: HttpRequest,
        max_body: usize,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + '_>> {
        Box::pin(async move {
            let client = self.client();
            let request = match request.body {
                RequestBody::Get => client.get(request.url),
                // Some servers reject a POST without a length.
                RequestBody::Post => client.post(request.url).header(CONTENT_LENGTH, 0),
                RequestBody::PostJson(body) => client
                    .post(request.url)
                    .header(CONTENT_TYPE, "application/json")
                    .body(body),
            };
            let (sent, is_reused) = CONNECTS
                .scope(Cell::new(false), async {
                    let sent = request.send().await;
                    (sent, CONNECTS.with(|connects| !connects.get()))
                })
                .await;
            let mut response = sent.map_err(|error| match classify(error) {
                TransportError::Connection(text) if is_reused => {
                    TransportError::StaleConnection(text)
                }
                error => error,
            })?;
            let arrived = Instant::now();
            let header = |name: HeaderName| response.headers().get(name)?.to_str().ok();
            let date = header(DATE).and_then(|date| httpdate::parse_http_date(date).ok());
            let retry_after = header(RETRY_AFTER)
                .filter(|_| matches!(response.status().as_u16(), 429 | 503))
                .and_then(|value| parse_retry_after(value, date.unwrap_or_else(SystemTime::now)));
            // Chunk by chunk, decompressed on arrival: a bomb is dropped after `max_body` bytes.
            let mut body = BytesMut::new();
            while let Some(chunk) = response.chunk().await.map_err(classify)? {
                if body.len() + chunk.len() > max_body {
                    return Err(TransportError::TooLarge(max_body));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(HttpResponse {
                status: response.status().as_u16(),
                date: date.map(Into::into),
                arrived,
                retry_after,
                via_proxy: self.via_proxy,
                body: Bytes::from(body),
            })
        })
    }
}

fn new_client(
    tls: &rustls::ClientConfig,
    uses_proxies: bool,
) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("polyv-exporter/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connector_layer(MapRequestLayer::new(|target| {
            _ = CONNECTS.try_with(|connects| connects.set(true));
            target
        }))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT);
    if uses_proxies {
        builder.build()
    } else {
        builder.no_proxy().build()
    }
}

/// TLS with the host's CA certificates, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn tls_config(needs_roots: bool) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    if needs_roots {
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

/// How long a `Retry-After` header asks not to call again: a number of seconds, or a date. 10 minutes
/// at most.
#[must_use]
pub fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = httpdate::parse_http_date(value).ok()?;
            until.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// Classifies reqwest's errors, and removes the signed address from them.
fn classify(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let text = describe_http_error(&error);
    // Only while connecting it is certain that nothing was sent: the system can report a
    // time-out of an established connection as well.
    if error.is_connect() {
        return if error.is_timeout() {
            TransportError::Timeout
        } else {
            TransportError::Unreachable(text)
        };
    }
    // reqwest reports every error during decoding as a decoding error; the causes distinguish
    // a broken connection from a broken response.
    let mut http = causes(&error).filter_map(|cause| cause.downcast_ref::<hyper::Error>());
    let is_garbled = http
        .next()
        .map_or(error.is_decode(), hyper::Error::is_parse);
    if is_garbled {
        TransportError::Garbled(text)
    } else {
        TransportError::Connection(text)
    }
}

/// The causes of an error, such as "tcp connect error: Connection refused (os error 111)". The
/// outermost ones only say that a request failed; some repeat their own cause.
#[must_use]
pub fn describe_http_error(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.dedup_by(|cause, text| text.contains(cause.as_str()));
    let mut causes = texts
        .iter()
        .filter(|text| !text.starts_with("client error"));
    let first = causes
        .next()
        .map_or_else(|| error.to_string(), String::clone);
    causes.fold(first, |text, cause| format!("{text}: {cause}"))
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connections_are_replaced_after_five_minutes() {
        let base = Url::parse("http://127.0.0.1:1").unwrap();
        let transport = HttpTransport::new(&base).unwrap();
        let since = || transport.pooled.lock().unwrap().0;
        let first = since();
        tokio::time::advance(Duration::from_secs(299)).await;
        _ = transport.client();
        assert_eq!(since(), first);
        tokio::time::advance(Duration::from_secs(1)).await;
        _ = transport.client();
        assert!(since() > first);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_ten_minutes() {
        let now = httpdate::parse_http_date("Sat, 28 Nov 2026 12:00:00 GMT").unwrap();
        for (value, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("86400", Some(600)),
            ("Sat, 28 Nov 2026 12:01:30 GMT", Some(90)),
            ("Sun, 29 Nov 2026 12:00:00 GMT", Some(600)),
            ("Sat, 28 Nov 2026 11:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(parse_retry_after(value, now), expected, "{value}");
        }
    }

    /// Accepts connections and responds to the first `requests` on each, then closes it without a
    /// response.
    async fn serve(requests: usize) -> Url {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    for _ in 0..requests {
                        _ = socket.read(&mut request).await;
                        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                        _ = socket.write_all(response).await;
                    }
                    _ = socket.read(&mut request).await;
                });
            }
        });
        format!("http://{address}/").parse().unwrap()
    }

    #[tokio::test]
    async fn only_a_kept_alive_connection_can_be_stale() {
        let send = async |transport: &HttpTransport, url: &Url| {
            let request = HttpRequest {
                url: url.clone(),
                body: RequestBody::Get,
            };
            transport.send(request, 100).await.map(|got| got.status)
        };
        let url = serve(1).await;
        let transport = HttpTransport::new(&url).unwrap();
        assert_eq!(send(&transport, &url).await, Ok(200));
        let second = send(&transport, &url).await;
        assert!(
            matches!(second, Err(TransportError::StaleConnection(_))),
            "{second:?}"
        );
        assert_eq!(send(&transport, &url).await, Ok(200), "on a new connection");

        let url = serve(0).await;
        let first = send(&HttpTransport::new(&url).unwrap(), &url).await;
        assert!(
            matches!(first, Err(TransportError::Connection(_))),
            "{first:?}"
        );
    }

    #[test]
    fn loopback_is_this_host_only() {
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
