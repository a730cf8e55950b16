//! The host that a request names.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::HOST;
use axum::http::{Request, Version};

/// The host and port of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// In lower case; an IPv6 address with its brackets.
    pub(super) name: String,
    pub(super) port: Option<u16>,
}

// === impl Host ===

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
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
        let (name, rest) = if let Some(behind) = text.strip_prefix('[') {
            let (address, rest) = behind.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            (format!("[{address}]"), rest)
        } else {
            let end = text.find(':').unwrap_or(text.len());
            let (name, rest) = text.split_at_checked(end)?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if name.is_empty() || !name.bytes().all(plain) {
                return None;
            }
            (name.to_ascii_lowercase(), rest)
        };
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            Some("") => None,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(port.parse().ok()?)
            }
            _ => return None,
        };
        Some(Self { name, port })
    }

    /// Whether no name server decides where the host leads: an address, or localhost.
    pub(super) fn is_rebinding_safe(&self) -> bool {
        let name = self.name.strip_suffix('.').unwrap_or(&self.name);
        name == "localhost"
            || name.ends_with(".localhost")
            || name.starts_with('[')
            || name.parse::<IpAddr>().is_ok()
    }
}

const NO_HOST: &str = "The request's Host is invalid.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_a_name_or_an_address_with_an_optional_port() {
        let host = |name: &str, port| {
            let name = name.to_owned();
            Some(Host { name, port })
        };
        for (text, expected) in [
            ("localhost", host("localhost", None)),
            ("LocalHost:80", host("localhost", Some(80))),
            ("my_service.ns:9847", host("my_service.ns", Some(9847))),
            ("127.0.0.1:9847", host("127.0.0.1", Some(9847))),
            ("[::1]:9847", host("[::1]", Some(9847))),
            ("[0:0::1]", host("[::1]", None)),
            ("x:", host("x", None)),
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
            assert_eq!(Host::parse(text), expected, "{text}");
        }
    }
}
