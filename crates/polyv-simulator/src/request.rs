//! HTTP requests and their parameters.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method};

/// A request as it reaches Polyv's gateway.
#[derive(Debug, Clone)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// The path, as it stood in the request line.
    pub path: String,
    /// The query as it stood in the request line: encoded, without the question mark.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The client's address, by which the request limit counts.
    pub client: IpAddr,
    /// Whether the connection has carried a request before.
    pub reused_connection: bool,
}

/// The decoded parameters of a call, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

/// A query or a form that is not properly encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undecodable;

impl Request {
    /// A `GET` from the loopback address.
    #[must_use]
    pub fn get(path_and_query: &str) -> Self {
        Self::new(Method::GET, path_and_query, Vec::new())
    }

    /// A request with a body from the loopback address.
    #[must_use]
    pub fn new(method: Method, path_and_query: &str, body: Vec<u8>) -> Self {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body,
            client: Ipv4Addr::LOCALHOST.into(),
            reused_connection: false,
        }
    }

    /// A `POST` from the loopback address with a body of that type.
    #[must_use]
    pub fn post(
        path_and_query: &str,
        content_type: &'static str,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let mut request = Self::new(Method::POST, path_and_query, body.into());
        request
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        request
    }

    /// `Content-Type` without its parameters, in lower case; empty where there is none.
    pub(crate) fn media_type(&self) -> String {
        let value = self.headers.get(CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok());
        let media_type = value.unwrap_or_default().split(';').next();
        media_type.unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Whether the client accepts a gzipped response.
    pub(crate) fn accepts_gzip(&self) -> bool {
        self.headers
            .get_all(hyper::header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                let refused = parts.any(|weight| {
                    weight
                        .strip_prefix("q=")
                        .is_some_and(|q| q.trim_end_matches(['0', '.']).is_empty())
                });
                (name.eq_ignore_ascii_case("gzip") || name == "*") && !refused
            })
    }
}

impl Parameters {
    /// Decodes a query as a Java servlet does: `+` is a space, `%XX` a byte, everything UTF-8.
    pub(crate) fn parse(query: &str) -> Result<Self, Undecodable> {
        query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decode(name)?, decode(value)?))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Appends the parameters of a form to those of the query, as a servlet does.
    pub(crate) fn with_form(mut self, body: &[u8]) -> Result<Self, Undecodable> {
        let form = std::str::from_utf8(body).map_err(|_| Undecodable)?;
        self.0.extend(Self::parse(form)?.0);
        Ok(self)
    }

    /// The first value of that name that is not blank: a blank one counts as left out, as in the
    /// examples of Polyv's pages.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.iter().filter(|(known, _)| *known == name);
        let (_, value) = values.find(|(_, value)| !value.trim().is_empty())?;
        Some(value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a name occurs more than once.
    pub(crate) fn has_repeated(&self) -> bool {
        // A form may contain very many.
        let mut seen = HashSet::new();
        !self.iter().all(|(name, _)| seen.insert(name))
    }
}

fn decode(text: &str) -> Result<String, Undecodable> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(bytes.next())? << 4 | hex_digit(bytes.next())?,
            other => other,
        });
    }
    String::from_utf8(decoded).map_err(|_| Undecodable)
}

fn hex_digit(digit: Option<u8>) -> Result<u8, Undecodable> {
    let digit = digit.and_then(|digit| char::from(digit).to_digit(16));
    digit
        .and_then(|digit| u8::try_from(digit).ok())
        .ok_or(Undecodable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_is_decoded_as_a_servlet_does() {
        let parameters = Parameters::parse("a=1&b=a%2Bb+c%25&&c&d=%E6%B5%8B=x").unwrap();
        let pairs: Vec<_> = parameters.iter().collect();
        assert_eq!(
            pairs,
            [("a", "1"), ("b", "a+b c%"), ("c", ""), ("d", "测=x")]
        );
        assert_eq!(parameters.get("b"), Some("a+b c%"));
        assert_eq!(parameters.get("e"), None);
    }

    #[test]
    fn invalid_encodings_are_errors() {
        for query in ["a=%", "a=%4", "a=%zz", "a=%ff", "%E6%B5=1"] {
            assert_eq!(Parameters::parse(query), Err(Undecodable), "{query}");
        }
    }

    #[test]
    fn repeated_names_are_detected() {
        assert!(Parameters::parse("a=1&b=2&a=1").unwrap().has_repeated());
        assert!(!Parameters::parse("a=1&b=2").unwrap().has_repeated());
    }

    #[test]
    fn form_parameters_follow_those_of_the_query() {
        let query = Parameters::parse("a=1").unwrap();
        let both = query.clone().with_form(b"b=%E6%B5%8B+x").unwrap();
        let pairs: Vec<_> = both.iter().collect();
        assert_eq!(pairs, [("a", "1"), ("b", "测 x")]);
        assert!(query.clone().with_form(b"a=1").unwrap().has_repeated());
        assert_eq!(query.clone().with_form(b"\xff"), Err(Undecodable));
        assert_eq!(query.clone().with_form(b""), Ok(query));
    }

    #[test]
    fn media_type_excludes_its_parameters() {
        let request = Request::post("/", "Application/JSON; charset=UTF-8", "");
        assert_eq!(request.media_type(), "application/json");
        assert_eq!(Request::get("/").media_type(), "");
    }

    #[test]
    fn accept_encoding_decides_on_gzip() {
        for (header, accepted) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.00", false),
            ("br", false),
            ("", false),
        ] {
            let mut request = Request::get("/");
            let value = header.parse().unwrap();
            request
                .headers
                .insert(hyper::header::ACCEPT_ENCODING, value);
            assert_eq!(request.accepts_gzip(), accepted, "{header}");
        }
        assert!(!Request::get("/").accepts_gzip());
    }
}
