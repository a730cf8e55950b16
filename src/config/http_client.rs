//! How a server is called: Prometheus' settings of HTTP clients, under Prometheus' names.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Certificate, ClientBuilder, Identity, Proxy};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::credential_text::{clean, doubt};
use super::decoder::{Field, Mapping};
use super::values::{boolean, non_blank};
use web_config::redact;

/// Headers that the exporter sets, or that belong to the connection. `authorization` has a key of
/// its own.
const RESERVED_HEADERS: [&str; 15] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "user-agent",
    "www-authenticate",
    "x-prometheus-remote-write-version",
];

/// A text that is not shown, logged or serialized.
#[derive(Clone)]
pub struct Secret(SecretString);

/// A password or a token, and where it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The configuration itself.
    Inline(Secret),
    /// A file, which is read for each request: a replaced token is used at once.
    File(PathBuf),
}

/// How a client proves who it is, beside a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// A user and a password.
    Basic {
        /// The user.
        username: String,
        /// The password, if there is one.
        password: Option<Credential>,
    },
    /// The header `Authorization` with a scheme such as `Bearer`.
    Authorization {
        /// The scheme.
        scheme: String,
        /// What follows the scheme.
        credentials: Credential,
    },
}

/// How TLS servers are verified, and how the client identifies itself to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// The authorities that are trusted in place of the host's.
    pub ca_file: Option<PathBuf>,
    /// The files of the client's certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that the server's certificate has to carry, in place of the address's.
    pub server_name: Option<String>,
    /// Whether any certificate is accepted.
    pub insecure_skip_verify: bool,
}

/// How a server is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpClientConfig {
    /// Further headers. Their values may be secrets.
    pub headers: Vec<(String, Secret)>,
    /// How requests are authenticated.
    pub authentication: Option<Authentication>,
    /// TLS, for `https` addresses.
    pub tls: TlsConfig,
    /// The proxy. Its address may carry a password.
    pub proxy_url: Option<Secret>,
    /// Whether the proxies of the environment variables are used.
    pub proxy_from_environment: bool,
}

/// Decodes the keys of a mapping that concern HTTP.
pub(super) fn decode(map: &mut Mapping<'_>, directory: &Path) -> HttpClientConfig {
    let headers = map.get("headers").map(headers).unwrap_or_default();
    let basic = map.get("basic_auth");
    let authorization = map.get("authorization");
    if let (Some(_), Some(second)) = (basic, authorization) {
        second.fault("give one of `basic_auth` and `authorization`");
    }
    let basic = basic.and_then(|field| basic_auth(field, directory));
    let authentication =
        basic.or_else(|| authorization.and_then(|field| self::authorization(field, directory)));
    let tls = map
        .get("tls_config")
        .map(|field| tls_config(field, directory))
        .unwrap_or_default();
    let mut config = HttpClientConfig {
        headers,
        authentication,
        tls,
        ..HttpClientConfig::default()
    };
    let proxy = map.get("proxy_url");
    config.proxy_url = proxy.and_then(|field| field.parse(proxy_url));
    map.set(
        "proxy_from_environment",
        &mut config.proxy_from_environment,
        boolean,
    );
    if let Some(field) = proxy {
        if config.proxy_from_environment {
            field.fault("give one of `proxy_url` and `proxy_from_environment`");
        }
        if config.tls.server_name.is_some() {
            field.fault("`proxy_url` and `tls_config.server_name` can't be used together");
        }
    }
    config
}

fn headers(field: Field<'_>) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    let map = field.mapping();
    for (location, name, field) in map.iter().flat_map(Mapping::entries) {
        let lower = name.to_ascii_lowercase();
        if lower == "authorization" {
            let remedy = "`authorization` is no header here: use the key `authorization` or `basic_auth` of the endpoint";
            field.fault_at(location, remedy);
        } else if RESERVED_HEADERS.contains(&lower.as_str()) {
            let message = format!("the header {} is set by the exporter", redact(name));
            field.fault_at(location, message);
        } else if HeaderName::from_bytes(name.as_bytes()).is_err() {
            let message = format!("{} can't be the name of a header", redact(name));
            field.fault_at(location, message);
        } else if let Some(value) = field.text() {
            // The message must not quote the value, which may be a token.
            match HeaderValue::from_str(value) {
                Ok(_) => headers.push((name.to_owned(), Secret::new(value))),
                Err(_) => field.fault(format!("`{name}` has characters that no header can carry")),
            }
        }
    }
    headers
}

fn basic_auth(field: Field<'_>, directory: &Path) -> Option<Authentication> {
    let mut map = field.mapping()?;
    let username = map.required("username").and_then(|f| f.parse(non_blank));
    let password = credential(&mut map, "password", "password_file", directory);
    map.deny_unknown();
    Some(Authentication::Basic {
        username: username?,
        password,
    })
}

fn authorization(field: Field<'_>, directory: &Path) -> Option<Authentication> {
    let mut map = field.mapping()?;
    let mut scheme = "Bearer".to_owned();
    map.set("type", &mut scheme, |text| {
        let text = non_blank(text)?;
        if text.eq_ignore_ascii_case("basic") {
            return Err("can't be `Basic`: use `basic_auth`".to_owned());
        }
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-._~+".contains(c);
        if text.chars().all(is_token) {
            Ok(text)
        } else {
            Err("must be one word such as `Bearer`".to_owned())
        }
    });
    let credentials = credential(&mut map, "credentials", "credentials_file", directory);
    let known = ["credentials", "credentials_file"];
    if credentials.is_none() && !map.entries().any(|(_, key, _)| known.contains(&key)) {
        map.field()
            .fault("give one of `credentials_file` and `credentials`");
    }
    map.deny_unknown();
    Some(Authentication::Authorization {
        scheme,
        credentials: credentials?,
    })
}

/// Decodes a secret that is given by one of two keys.
fn credential(
    map: &mut Mapping<'_>,
    inline: &'static str,
    file: &'static str,
    directory: &Path,
) -> Option<Credential> {
    let (given, path) = (map.get(inline), map.get(file));
    if let (Some(_), Some(second)) = (given, path) {
        second.fault(format!("give one of `{file}` and `{inline}`"));
        return None;
    }
    // No message may contain the secret.
    if let Some(field) = given {
        let secret = field.parse(|text| clean(text).map(Secret::new))?;
        if let Some(doubt) = field.text().and_then(doubt) {
            field.warn(format!("`{inline}` {doubt}"));
        }
        return Some(Credential::Inline(secret));
    }
    let field = path?;
    let credential = Credential::File(directory.join(field.parse(non_blank)?));
    field.parse(|_| {
        credential
            .read()
            .map_err(|why| format!("is invalid: {why}"))
    })?;
    Some(credential)
}

fn tls_config(field: Field<'_>, directory: &Path) -> TlsConfig {
    let mut tls = TlsConfig::default();
    let Some(mut map) = field.mapping() else {
        return tls;
    };
    let path = |text: &str| non_blank(text).map(|path| directory.join(path));
    tls.ca_file = map.parse("ca_file", path);
    let certificate = map.parse("cert_file", path);
    let key = map.parse("key_file", path);
    match (certificate, key) {
        (Some(certificate), Some(key)) => tls.identity = Some((certificate, key)),
        (None, None) => {}
        _ => map
            .field()
            .fault("`cert_file` and `key_file` belong together"),
    }
    tls.server_name = map.parse("server_name", server_name);
    map.set(
        "insecure_skip_verify",
        &mut tls.insecure_skip_verify,
        boolean,
    );
    map.deny_unknown();
    if let Err(why) = tls.apply(reqwest::Client::builder()) {
        field.fault(why);
    }
    tls
}

fn server_name(text: &str) -> Result<String, String> {
    let url = Url::parse(&format!("https://{text}/"));
    let is_name = url.is_ok_and(|url| url.domain() == Some(text));
    if is_name && text.parse::<IpAddr>().is_err() {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must be a host's name in lower case, not {}",
            redact(text)
        ))
    }
}

fn proxy_url(text: &str) -> Result<Secret, String> {
    // The text may contain a password.
    let url = Url::parse(text).ok();
    let is_http = url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_http && Proxy::all(text).is_ok() {
        Ok(Secret::new(text))
    } else {
        Err("must be an address such as `http://proxy.example.com:3128`".to_owned())
    }
}

// === impl Secret ===

impl Secret {
    fn new(text: &str) -> Self {
        Self(SecretString::from(text))
    }

    /// The secret itself, for a request.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

// === impl Credential ===

impl Credential {
    /// Reads the secret.
    ///
    /// # Errors
    /// A sentence about the file that does not contain the secret.
    pub fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => {
                let text = read(path)?;
                let text = String::from_utf8_lossy(&text);
                let secret = clean(&text).map(Secret::new);
                secret.map_err(|why| format!("the file {} {why}", path.display()))
            }
        }
    }
}

// === impl TlsConfig ===

impl TlsConfig {
    /// A client's builder with these settings, except for the server's name. Reads the files.
    ///
    /// # Errors
    /// A sentence about a file that can't be used.
    fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, String> {
        if let Some(path) = &self.ca_file {
            let certificates = Certificate::from_pem_bundle(&read(path)?);
            let certificates = certificates.ok().filter(|found| !found.is_empty());
            let certificates = certificates
                .ok_or_else(|| format!("the file {} has no valid certificate", path.display()))?;
            builder = builder.tls_certs_only(certificates);
        }
        if let Some((certificate, key)) = &self.identity {
            let mut pem = read(certificate)?;
            pem.push(b'\n');
            pem.extend(read(key)?);
            let identity = Identity::from_pem(&pem);
            builder = builder.identity(identity.map_err(|_| {
                let (certificate, key) = (certificate.display(), key.display());
                format!("the files {certificate} and {key} have no valid certificate and key")
            })?);
        }
        Ok(builder.tls_danger_accept_invalid_certs(self.insecure_skip_verify))
    }
}

// === impl HttpClientConfig ===

impl HttpClientConfig {
    /// A client's builder with TLS and proxy as configured. Reads the files of `tls_config`.
    ///
    /// # Errors
    /// A sentence about a file that can't be used.
    pub fn builder(&self) -> Result<ClientBuilder, String> {
        // reqwest takes the process's provider. An error only says that there is one already.
        _ = rustls::crypto::ring::default_provider().install_default();
        let builder = self.tls.apply(reqwest::Client::builder())?;
        Ok(match &self.proxy_url {
            Some(url) => {
                let proxy = Proxy::all(url.expose());
                builder.proxy(proxy.map_err(|_| "`proxy_url` is not an address".to_owned())?)
            }
            None if self.proxy_from_environment => builder,
            None => builder.no_proxy(),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path)
        .map_err(|error| format!("the file {} can't be read: {error}", path.display()))
}
