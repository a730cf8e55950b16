//! The result of a request: an HTTP response, or a connection without one.

use std::time::Duration;

use bytes::Bytes;

/// The action on the connection of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionAction {
    /// A response is sent.
    Respond(HttpResponse),
    /// No response; the connection stays open until the client gives up.
    Hang,
    /// The connection is reset without a response.
    Reset,
    /// The connection is closed without a response.
    Close,
}

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The time until the first byte is sent.
    pub delay: Duration,
    /// The HTTP status.
    pub status: u16,
    /// The headers except those for the body's length.
    pub headers: Vec<(&'static str, String)>,
    /// The body, or its beginning.
    pub body: Bytes,
    /// How the body is delivered.
    pub delivery: Delivery,
}

/// How a body is delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Completely.
    Whole,
    /// Completely, but `Content-Length` is `promised`, and the connection closes before that
    /// number of bytes is reached.
    CutOff {
        /// The value of `Content-Length`.
        promised: u64,
    },
    /// The body is followed by `chunk`, repeated without end.
    Endless {
        /// The repeated bytes.
        chunk: Bytes,
        /// The time between two chunks.
        pause: Duration,
    },
}

impl ConnectionAction {
    /// The response, if there is one.
    #[must_use]
    pub fn response(&self) -> Option<&HttpResponse> {
        match self {
            Self::Respond(response) => Some(response),
            Self::Hang | Self::Reset | Self::Close => None,
        }
    }
}

impl HttpResponse {
    /// The content type of Polyv's servers (Spring) for JSON.
    pub(crate) const JSON: &'static str = "application/json;charset=UTF-8";

    /// A complete response without delay.
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            delay: Duration::ZERO,
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            delivery: Delivery::Whole,
        }
    }

    /// A JSON response of Polyv.
    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, Self::JSON, body)
    }

    /// An indented JSON response of control.
    pub(crate) fn pretty_json(status: u16, value: &serde_json::Value) -> Self {
        Self::new(status, "application/json", format!("{value:#}\n"))
    }

    /// A gateway's response without envelope.
    pub(crate) fn bare(status: u16, reason: &str) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n\
             <center><h1>{status} {reason}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        Self::new(status, "text/html", body)
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The value of a header (names are lower-case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(known, value)| (*known == name).then_some(value.as_str()))
    }

    /// The body as text, with replacement characters where it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl From<HttpResponse> for ConnectionAction {
    fn from(response: HttpResponse) -> Self {
        Self::Respond(response)
    }
}
