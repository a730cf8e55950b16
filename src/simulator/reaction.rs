//! What Polyv does with a request.

use std::time::Duration;

use bytes::Bytes;

/// What happens on the connection after a request has come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// Something is answered.
    Answer(Answer),
    /// Nothing ever is; the connection stays open until the client gives up.
    Hang,
    /// The connection is torn down without an answer.
    Reset,
}

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How long it takes until the first byte is sent.
    pub after: Duration,
    /// The HTTP status.
    pub status: u16,
    /// The headers but for those that say how long the body is.
    pub headers: Vec<(&'static str, String)>,
    /// The body, or the beginning of it.
    pub body: Bytes,
    /// How the body is delivered.
    pub delivery: Delivery,
}

/// How much of a body arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// All of it.
    Whole,
    /// All of it, but more was promised: `Content-Length` says `promised`, and the connection
    /// closes before that many bytes have come.
    CutOff {
        /// What `Content-Length` says.
        promised: u64,
    },
    /// After the body comes `chunk`, again and again, without end.
    Endless {
        /// What is repeated.
        chunk: Bytes,
        /// How long it is between two of them.
        pause: Duration,
    },
}

// === impl Reaction ===

impl Reaction {
    /// The answer, where there is one.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Hang | Self::Reset => None,
        }
    }
}

// === impl Answer ===

impl Answer {
    /// An answer at once with all of its body.
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            after: Duration::ZERO,
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            delivery: Delivery::Whole,
        }
    }

    /// A JSON body with the content type that Polyv's servers (Spring) give it.
    pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, "application/json;charset=UTF-8", body)
    }

    /// What a gateway says that has no envelope for it.
    pub(super) fn bare(status: u16, reason: &str) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n\
             <center><h1>{status} {reason}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        Self::new(status, "text/html", body)
    }

    #[must_use]
    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
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

    /// The body as text; rubbish characters stand where it is none.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
