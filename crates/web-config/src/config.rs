//! A validated web configuration.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::basic_auth::BasicAuth;
use crate::denial::Denial;
use crate::headers::Headers;
use crate::rate_limit::RateLimit;
use crate::tls::Tls;

/// A validated web configuration: who may connect, and how. It never changes; a
/// [`WebConfigHandle`](crate::WebConfigHandle) replaces it as a whole.
pub struct WebConfig {
    /// The path of the file, for messages.
    pub(crate) file: Arc<str>,
    pub(crate) tls: Option<Tls>,
    pub(crate) headers: Headers,
    pub(crate) basic_auth: Option<Arc<BasicAuth>>,
    pub(crate) rate_limit: Option<Arc<RateLimit>>,
    /// The digest of all files.
    pub(crate) fingerprint: [u8; 32],
    /// Cancelled when connections accepted under this configuration have to end.
    pub(crate) superseded: CancellationToken,
}

// === impl WebConfig ===

impl WebConfig {
    /// The configuration without a file: plain HTTP without authentication.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            file: "".into(),
            tls: None,
            headers: Headers::default(),
            basic_auth: None,
            rate_limit: None,
            fingerprint: [0; 32],
            superseded: CancellationToken::new(),
        }
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether requests need a user and a password.
    #[must_use]
    pub fn requires_auth(&self) -> bool {
        self.basic_auth.is_some()
    }

    /// Whether clients need a certificate that is verified.
    #[must_use]
    pub fn verifies_clients(&self) -> bool {
        let policy = self.tls.as_ref().map(|tls| tls.client_auth.policy);
        policy.is_some_and(|policy| policy.requires && policy.verifies)
    }

    /// The configuration of the TLS handshake, with ALPN for HTTP/2 and HTTP/1.1; `None` for
    /// plain HTTP.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.as_ref().map(|tls| Arc::clone(&tls.config))
    }

    /// Waits until connections accepted under this configuration have to end, since other
    /// client certificates are valid now.
    pub async fn superseded(&self) {
        self.superseded.cancelled().await;
    }

    /// Checks the rate limit, then user and password in the headers of a request from `client`.
    ///
    /// # Errors
    /// Why the request is denied.
    pub async fn authorize(&self, headers: &HeaderMap, client: IpAddr) -> Result<(), Denial> {
        if let Some(rate_limit) = &self.rate_limit {
            let admitted = rate_limit.admit();
            admitted.map_err(|retry_after| Denial::RateLimited { retry_after })?;
        }
        let Some(basic_auth) = &self.basic_auth else {
            return Ok(());
        };
        basic_auth.authenticate(headers, client).await
    }

    /// Sets or removes the configured headers of a response.
    pub fn apply_headers(&self, headers: &mut HeaderMap) {
        self.headers.apply(headers);
    }
}

// Keys and hashes are secret.
impl fmt::Debug for WebConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebConfig")
            .field("file", &self.file)
            .field("tls", &self.has_tls())
            .field("basic_auth", &self.requires_auth())
            .finish_non_exhaustive()
    }
}
