//! The headers of all responses.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::diagnostic::Diagnostics;
use crate::settings::{Map, unknown_key};

/// The headers that can be configured, and the values that some are restricted to.
const KNOWN: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-XSS-Protection", &[]),
    ("Strict-Transport-Security", &[]),
];

/// The configured headers. `None` removes a header from responses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers(Vec<(HeaderName, Option<HeaderValue>)>);

// === impl Headers ===

impl Headers {
    /// The headers that `headers` configures. Faults are reported.
    pub(crate) fn from_settings(settings: &Map, diagnostics: &mut Diagnostics) -> Self {
        let mut headers = Vec::new();
        for (key, setting) in settings {
            let known = KNOWN.iter().find(|(name, _)| *name == key.value);
            let (Some((_, allowed)), Ok(name)) = (known, HeaderName::try_from(&key.value)) else {
                let message = unknown_key(&key.value, &KNOWN.map(|(name, _)| name));
                diagnostics.push(Some(key.referenced.into()), message);
                continue;
            };
            let expected = match allowed {
                [] => "a text that a header can have".to_owned(),
                _ => format!("`{}`", allowed.join("` or `")),
            };
            let parse = |text: &str| {
                let is_allowed = allowed.is_empty() || allowed.contains(&text);
                HeaderValue::from_str(text).ok().filter(|_| is_allowed)
            };
            if let Ok(value) = setting.parse(&key.value, &expected, parse, diagnostics) {
                headers.push((name, value));
            }
        }
        Self(headers)
    }

    /// Sets or removes the configured headers.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            match value {
                Some(value) => _ = headers.insert(name, value.clone()),
                None => _ = headers.remove(name),
            }
        }
    }
}
