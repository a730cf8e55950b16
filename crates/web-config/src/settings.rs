//! The file's keys and values as written, before they are checked.
//!
//! All scalars are read as text and parsed later, so that all their faults are reported at once.
//! Faults of structure (YAML syntax, unknown or repeated keys, a list instead of a text) end the
//! reading at the first one.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error, Spanned};

use crate::diagnostic::{Diagnostics, Invalid, Location};
use crate::redact::redact;

/// A value with its location. The default is a key that is not there.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Setting<T = String> {
    /// Where the value is; `None` without the key.
    location: Option<Location>,
    /// `None` without the key, and without a value.
    value: Option<T>,
}

/// A mapping whose keys are not fixed.
pub(crate) type Map = HashMap<Spanned<String>, Setting>;

/// A list of names.
pub(crate) type Names = Vec<Spanned<String>>;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) tls_server_config: Setting<TlsSettings>,
    pub(crate) http_server_config: Option<HttpSettings>,
    pub(crate) basic_auth_users: Option<Map>,
    pub(crate) rate_limit: Setting<RateLimitSettings>,
}

#[derive(Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TlsSettings {
    pub(crate) cert: Setting,
    pub(crate) cert_file: Setting,
    pub(crate) key: Setting,
    pub(crate) key_file: Setting,
    pub(crate) client_auth_type: Setting,
    pub(crate) client_ca: Setting,
    pub(crate) client_ca_file: Setting,
    pub(crate) client_allowed_sans: Setting<Names>,
    pub(crate) min_version: Setting,
    pub(crate) max_version: Setting,
    pub(crate) cipher_suites: Setting<Names>,
    pub(crate) prefer_server_cipher_suites: Setting,
    pub(crate) curve_preferences: Setting<Names>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HttpSettings {
    pub(crate) http2: Setting,
    pub(crate) headers: Option<Map>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RateLimitSettings {
    pub(crate) interval: Setting,
    pub(crate) burst: Setting,
}

// === impl Settings ===

impl Settings {
    /// Parses a web configuration; an empty one has no settings.
    pub(crate) fn parse(text: &str, diagnostics: &mut Diagnostics) -> Option<Self> {
        // Snippets of the file may show secrets.
        let options = serde_saphyr::options! { with_snippet: false };
        serde_saphyr::from_str_with_options::<Option<Self>>(text, options)
            .map_err(|error| {
                let location = error.location().map(Location::from);
                diagnostics.push(location, describe(&error));
            })
            .ok()
            .map(Option::unwrap_or_default)
    }
}

// === impl Setting ===

impl<T> Setting<T> {
    /// The value and its location.
    pub(crate) fn get(&self) -> Option<(&T, Location)> {
        self.value.as_ref().zip(self.location)
    }

    /// Where the value is; `None` without the key.
    pub(crate) fn location(&self) -> Option<Location> {
        self.location
    }
}

impl Setting {
    /// The text and its location. An empty text is the same as none.
    pub(crate) fn text(&self) -> Option<(&str, Location)> {
        let (text, location) = self.get()?;
        (!text.is_empty()).then_some((text, location))
    }

    /// The parsed text; `None` without a value. A text that `parse` refuses is a fault.
    pub(crate) fn parse<T>(
        &self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<T>, Invalid> {
        let Some((text, location)) = self.text() else {
            return Ok(None);
        };
        parse(text).map(Some).ok_or_else(|| {
            let text = redact(text);
            diagnostics.push(location, format!("`{key}` must be {expected}, not {text}"))
        })
    }

    /// `true` or `false`, or `default` without a value. Anything else is a fault.
    pub(crate) fn bool(&self, key: &str, default: bool, diagnostics: &mut Diagnostics) -> bool {
        let parse = |text: &str| text.parse().ok();
        let parsed = self.parse(key, "`true` or `false`", parse, diagnostics);
        parsed.ok().flatten().unwrap_or(default)
    }
}

impl<T> Default for Setting<T> {
    fn default() -> Self {
        Self {
            location: None,
            value: None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Option<T>>::deserialize(deserializer)?;
        Ok(Self {
            location: Some(spanned.referenced.into()),
            value: spanned.value,
        })
    }
}

/// What is wrong with the structure. The library's own messages may show what was read, so only
/// those that can't are used.
fn describe(error: &Error) -> String {
    match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => unknown_key(field, expected),
        Error::DuplicateMappingKey { key, .. } => {
            let key = redact(key.as_deref().unwrap_or_default());
            format!("the key {key} is repeated")
        }
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            format!("expected {expected}")
        }
        Error::Unexpected { expected, .. } => format!("expected {expected}"),
        Error::NullIntoString { .. } => "expected a text, not nothing".to_owned(),
        Error::MultipleDocuments { .. } => "expected a single YAML document".to_owned(),
        // From the YAML parser, whose messages do not quote the document.
        Error::Message { msg, .. } => format!("invalid YAML: {msg}"),
        _ => "invalid YAML".to_owned(),
    }
}

/// The message on an unknown key, with the one that it resembles.
pub(crate) fn unknown_key(key: &str, known: &[&str]) -> String {
    let hint = match closest(key, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known here: {}", known.join(", ")),
    };
    format!("unknown key {}; {hint}", redact(key))
}

/// The known word that `word` resembles, if any.
fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
