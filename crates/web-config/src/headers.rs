//! The headers of all responses.

use http::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};

use crate::diagnostic::Diagnostics;
use crate::redact::redact;
use crate::settings::{HeaderSettings, Setting};

/// The configured headers. `None` removes a header from responses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers(Vec<(HeaderName, Option<HeaderValue>)>);

// === impl Headers ===

impl Headers {
    /// The headers that `headers` configures. Faults are reported.
    pub(crate) fn from_settings(settings: &HeaderSettings, diagnostics: &mut Diagnostics) -> Self {
        let known: [(&str, HeaderName, &Setting, &[&str]); 5] = [
            (
                "Content-Security-Policy",
                CONTENT_SECURITY_POLICY,
                &settings.content_security_policy,
                &[],
            ),
            (
                "X-Frame-Options",
                X_FRAME_OPTIONS,
                &settings.x_frame_options,
                &["deny", "sameorigin"],
            ),
            (
                "X-Content-Type-Options",
                X_CONTENT_TYPE_OPTIONS,
                &settings.x_content_type_options,
                &["nosniff"],
            ),
            (
                "X-XSS-Protection",
                X_XSS_PROTECTION,
                &settings.x_xss_protection,
                &[],
            ),
            (
                "Strict-Transport-Security",
                STRICT_TRANSPORT_SECURITY,
                &settings.strict_transport_security,
                &[],
            ),
        ];
        let mut headers = Vec::new();
        for (key, name, setting, allowed) in known {
            match setting.text() {
                None if setting.location().is_some() => headers.push((name, None)),
                None => {}
                Some((text, location)) if !allowed.is_empty() && !allowed.contains(&text) => {
                    let (expected, text) = (allowed.join("` or `"), redact(text));
                    diagnostics.push(
                        location,
                        format!("`{key}` must be `{expected}`, not {text}"),
                    );
                }
                Some((text, location)) => match HeaderValue::from_str(text) {
                    Ok(value) => headers.push((name, Some(value))),
                    Err(_) => {
                        let message = format!("`{key}` has characters that no header can have");
                        diagnostics.push(location, message);
                    }
                },
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
