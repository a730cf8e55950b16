//! The HTTP client of an endpoint.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use polyv_client::{describe_http_error, parse_retry_after, truncate};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER,
};
use reqwest::{RequestBuilder, StatusCode};
use tokio::time::Instant;
use url::{Position, Url};

use crate::config::{Authentication, Credential, RemoteWrite, Secret};

/// All connections are replaced after this time, so that changes of DNS and of the files of
/// `tls_config` take effect.
const MAX_CLIENT_AGE: Duration = Duration::from_secs(300);
/// The same after a failure.
const MAX_FAILING_CLIENT_AGE: Duration = Duration::from_secs(10);
/// The time-out for connecting, within the request's own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a response's text is shown, in characters.
const MAX_SHOWN: usize = 300;

/// Sends requests to an endpoint.
pub(super) struct Client {
    endpoint: Arc<RemoteWrite>,
    address: Address,
    /// A client with its connections, and when it was created.
    pooled: Mutex<Option<(Instant, reqwest::Client)>>,
}

/// Where requests go.
///
/// TLS takes the server's name from the address. To verify `tls_config.server_name` the address
/// therefore gets that name, the header `Host` keeps the configured one, and that is resolved.
struct Address {
    url: Url,
    /// The header `Host`, where it is not the address's.
    host: Option<String>,
}

/// Resolves every name to the addresses of one host.
struct FixedHost(String);

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// The receiver has the samples.
    Accepted,
    /// The receiver will never take the request as it is; why.
    Refused(String),
    /// The request has to be repeated.
    Failed {
        /// Why.
        why: String,
        /// How long the receiver wants to be left alone.
        retry_after: Option<Duration>,
    },
}

// === impl Response ===

impl Response {
    fn failed(why: impl Into<String>) -> Self {
        Self::Failed {
            why: why.into(),
            retry_after: None,
        }
    }

    /// Prometheus' own rules: 5xx and 429 are temporary, any other refusal is final. Redirects are
    /// not followed: they would carry credentials elsewhere.
    fn from_status(status: StatusCode, text: &str, retry_after: Option<Duration>) -> Self {
        if status.is_success() {
            return Self::Accepted;
        }
        let text = text.replace(char::is_control, " ");
        let why = format!("{status}: {}", truncate(text.trim(), MAX_SHOWN));
        if status == StatusCode::TOO_MANY_REQUESTS || !status.is_client_error() {
            Self::Failed { why, retry_after }
        } else {
            Self::Refused(why)
        }
    }
}

// === impl Client ===

impl Client {
    pub(super) fn new(endpoint: Arc<RemoteWrite>) -> Self {
        Self {
            address: Address::new(&endpoint),
            endpoint,
            pooled: Mutex::new(None),
        }
    }

    /// Sends a request with this body.
    pub(super) async fn send(&self, body: Bytes) -> Response {
        let timeout = self.endpoint.timeout;
        let sent = tokio::time::timeout(timeout, self.try_send(body));
        let response = sent.await.unwrap_or_else(|_| {
            let seconds = timeout.as_secs();
            Ok(Response::failed(format!("no response within {seconds} s")))
        });
        let response = response.unwrap_or_else(Response::failed);
        if matches!(response, Response::Failed { .. }) {
            self.expire(MAX_FAILING_CLIENT_AGE);
        }
        response
    }

    async fn try_send(&self, body: Bytes) -> Result<Response, String> {
        let client = self.client().await?;
        let request = client
            .post(self.address.url.clone())
            .header(CONTENT_ENCODING, "snappy")
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header("X-Prometheus-Remote-Write-Version", "0.1.0");
        let mut request = self.authenticated(request).await?.body(body);
        if let Some(host) = &self.address.host {
            request = request.header(HOST, host);
        }
        for (name, value) in &self.endpoint.http.headers {
            request = request.header(name, sensitive(value.expose())?);
        }
        let error = |error: reqwest::Error| describe_http_error(&error.without_url());
        let mut response = request.send().await.map_err(error)?;
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after
            .and_then(|value| parse_retry_after(value.to_str().ok()?, SystemTime::now()));
        let mut text = Vec::new();
        // To its end, so that the connection can be used again, but only so far.
        while text.len() < 64 * 1024
            && let Ok(Some(chunk)) = response.chunk().await
        {
            text.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&text);
        Ok(Response::from_status(response.status(), &text, retry_after))
    }

    async fn authenticated(&self, request: RequestBuilder) -> Result<RequestBuilder, String> {
        Ok(match &self.endpoint.http.authentication {
            None => request,
            Some(Authentication::Basic { username, password }) => {
                let password = match password {
                    Some(credential) => Some(read(credential).await?),
                    None => None,
                };
                request.basic_auth(username, password.as_ref().map(Secret::expose))
            }
            Some(Authentication::Authorization {
                scheme,
                credentials,
            }) => {
                let credentials = read(credentials).await?;
                let value = format!("{scheme} {}", credentials.expose());
                request.header(AUTHORIZATION, sensitive(&value)?)
            }
        })
    }

    /// The current client, or a new one.
    async fn client(&self) -> Result<reqwest::Client, String> {
        self.expire(MAX_CLIENT_AGE);
        let current = self.pooled().clone();
        if let Some((_, client)) = current {
            return Ok(client);
        }
        // Files are read.
        let endpoint = Arc::clone(&self.endpoint);
        let built = tokio::task::spawn_blocking(move || build(&endpoint)).await;
        let client = built.map_err(|error| error.to_string())??;
        *self.pooled() = Some((Instant::now(), client.clone()));
        Ok(client)
    }

    /// Drops a client of this age. Its connections close when their requests end.
    fn expire(&self, age: Duration) {
        let mut pooled = self.pooled();
        if pooled
            .as_ref()
            .is_some_and(|(created, _)| created.elapsed() >= age)
        {
            *pooled = None;
        }
    }

    fn pooled(&self) -> std::sync::MutexGuard<'_, Option<(Instant, reqwest::Client)>> {
        self.pooled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Address ===

impl Address {
    fn new(endpoint: &RemoteWrite) -> Self {
        let mut url = endpoint.url.clone();
        let name = endpoint.http.tls.server_name.as_deref();
        let host = name.filter(|_| url.scheme() == "https").and_then(|name| {
            let host = endpoint.url[Position::BeforeHost..Position::AfterPort].to_owned();
            url.set_host(Some(name)).ok().map(|()| host)
        });
        Self { url, host }
    }
}

// === impl FixedHost ===

impl Resolve for FixedHost {
    fn resolve(&self, _: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            let addresses: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn build(endpoint: &RemoteWrite) -> Result<reqwest::Client, String> {
    let mut builder = endpoint.http.builder()?;
    if endpoint.http.tls.server_name.is_some() {
        // Without the brackets of an IPv6 address.
        let host = endpoint.url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        builder = builder.dns_resolver(Arc::new(FixedHost(host.to_owned())));
    }
    let client = builder
        .user_agent(concat!("polyv-exporter/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .build();
    client.map_err(|error| describe_http_error(&error))
}

/// Reads a secret, which may be in a file.
async fn read(credential: &Credential) -> Result<Secret, String> {
    let credential = credential.clone();
    let read = tokio::task::spawn_blocking(move || credential.read());
    read.await.map_err(|error| error.to_string())?
}

/// The value of a header that is not logged.
fn sensitive(text: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| "a credential has characters that no header can carry")?;
    value.set_sensitive(true);
    Ok(value)
}
