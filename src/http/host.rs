//! The host that a request names.

use std::fmt;

use axum::http::header::HOST;
use axum::http::{Request, Version};
use url::Url;

/// The host and port of a request, as a URL without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(Url);

// === impl Host ===

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.authority())
    }
}

impl Host {
    /// The host that a request names; `None` only for HTTP/1.0, which need not name one.
    ///
    /// # Errors
    /// A sentence, if the request names no host, several or an invalid one (RFC 9112, 3.2).
    pub fn of<B>(request: &Request<B>) -> Result<Option<Self>, &'static str> {
        let mut values = request.headers().get_all(HOST).iter();
        let header = match (values.next(), values.next()) {
            (_, Some(_)) => return Err("The request has more than one Host header.\n"),
            (header, None) => header,
        };
        let header = header
            .map(|value| value.to_str().ok().and_then(Self::parse).ok_or(NO_HOST))
            .transpose()?;
        // An authority in the request itself, as always in HTTP/2, takes precedence.
        let authority = request
            .uri()
            .authority()
            .map(|authority| Self::parse(authority.as_str()).ok_or(NO_HOST))
            .transpose()?;
        match (authority, header) {
            (Some(authority), Some(header))
                if request.version() >= Version::HTTP_2 && authority != header =>
            {
                Err("The request names two different hosts.\n")
            }
            (None, None) if request.version() >= Version::HTTP_11 => {
                Err("The request has no Host header.\n")
            }
            (authority, header) => Ok(authority.or(header)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let url = Url::parse(&format!("http://{text}")).ok()?;
        text.bytes().all(is_plain).then_some(Self(url))
    }

    /// Whether no name server decides where the host leads: an address, or localhost.
    pub(super) fn is_rebinding_safe(&self) -> bool {
        match self.0.domain() {
            Some(name) => format!(".{}", name.trim_end_matches('.')).ends_with(".localhost"),
            None => true,
        }
    }
}

const NO_HOST: &str = "The request's Host is invalid.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_a_name_or_an_address_with_an_optional_port() {
        for (text, expected) in [
            ("localhost", Some("localhost")),
            ("LocalHost:8080", Some("localhost:8080")),
            ("my_service.ns:9847", Some("my_service.ns:9847")),
            ("127.0.0.1:9847", Some("127.0.0.1:9847")),
            ("[::1]:9847", Some("[::1]:9847")),
            ("[0:0::1]", Some("[::1]")),
            ("x:", Some("x")),
            ("", None),
            (":80", None),
            ("::1", None),
            ("[::1", None),
            ("[::1]80", None),
            ("[x]:1", None),
            ("user@host", None),
            ("a b", None),
            ("a/b", None),
            ("a:99999", None),
            ("a:+80", None),
            ("a,b", None),
        ] {
            let host = Host::parse(text).map(|host| host.to_string());
            assert_eq!(host.as_deref(), expected, "{text}");
        }
    }
}
