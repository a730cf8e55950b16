//! What every answer carries.

use axum::http::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};

use crate::yaml::{Node, Reader, Value, shown};

/// What is said where nothing else is configured: our pages load nothing from elsewhere, and
/// nobody puts them into a frame.
const DEFAULTS: [(HeaderName, &str); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
];

/// The headers that can be configured, and the values that some are restricted to.
const KNOWN: [(&str, HeaderName, &[&str]); 5] = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY, &[]),
    ("X-Frame-Options", X_FRAME_OPTIONS, &["deny", "sameorigin"]),
    (
        "X-Content-Type-Options",
        X_CONTENT_TYPE_OPTIONS,
        &["nosniff"],
    ),
    ("X-XSS-Protection", X_XSS_PROTECTION, &[]),
    ("Strict-Transport-Security", STRICT_TRANSPORT_SECURITY, &[]),
];

/// What every answer carries. Without a value: what it must not carry.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers(Vec<(HeaderName, Option<HeaderValue>)>);

// === impl Headers ===

impl Headers {
    /// Reads `headers`.
    pub(super) fn read(node: &Node, reader: &mut Reader) -> Self {
        let mut configured = Vec::new();
        let Some(mut map) = reader.mapping(node, "`headers`") else {
            return Self::default();
        };
        for (name, header, values) in KNOWN {
            let Some(node) = map.get(name) else { continue };
            let what = format!("`{name}`");
            let text = match &node.value {
                _ if node.is_null() => "",
                Value::Scalar { text, .. } => text,
                Value::List(_) | Value::Map(_) => {
                    _ = reader.text(node, &what);
                    continue;
                }
            };
            if text.is_empty() {
                configured.push((header, None));
            } else if !values.is_empty() && !values.contains(&text) {
                let expected = values.join("` or `");
                let message = format!("{what} must be `{expected}`, not {}", shown(text));
                reader.fault(node.place, message);
            } else if let Ok(value) = HeaderValue::from_str(text) {
                configured.push((header, Some(value)));
            } else {
                let message = format!("{what} has characters that no header can have");
                reader.fault(node.place, message);
            }
        }
        map.finish(reader);
        Self(configured)
    }

    /// Puts them into an answer's.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in DEFAULTS {
            headers
                .entry(name)
                .or_insert(HeaderValue::from_static(value));
        }
        for (name, value) in &self.0 {
            match value {
                Some(value) => _ = headers.insert(name, value.clone()),
                None => _ = headers.remove(name),
            }
        }
    }
}
