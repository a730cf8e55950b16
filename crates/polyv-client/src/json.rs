//! Helpers for the JSON that Polyv sends: fields keep their raw text, so that a field of an
//! unexpected type affects nothing but itself.

use std::borrow::Cow;

use serde::Deserialize;
use serde_bytes::ByteBuf;
use serde_json::value::RawValue;

use crate::error::Error;

/// Decodes the `data` of a response; `expected` describes it for the error.
pub(crate) fn decode_data<'a, T: Deserialize<'a>>(
    data: Option<&'a RawValue>,
    expected: &str,
) -> Result<T, Error> {
    data.and_then(|data| serde_json::from_str(data.get()).ok())
        .ok_or_else(|| Error::unexpected_data(format!("{expected} was expected")))
}

/// The content of a JSON string, borrowed where nothing is escaped; `None` for other types.
pub(crate) fn string_content(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        unescape(json).map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Decodes a JSON string with escapes. Half of a surrogate pair becomes U+FFFD.
fn unescape(json: &str) -> Option<String> {
    // serde_json refuses such a half in a string. In bytes it is encoded as three, which are not
    // UTF-8 and begin with 0xED.
    let bytes: ByteBuf = serde_json::from_str(json).ok()?;
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if chunk.invalid().first() == Some(&0xED) {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Some(text)
}

/// An id or a keyword, which Polyv sends as a string or as a number.
pub(crate) fn raw_text(raw: &RawValue) -> String {
    string_content(raw.get()).map_or_else(|| raw.get().to_owned(), Cow::into_owned)
}

/// A boolean: 1 or 0 in the public docs, elsewhere `Y` or `N`, or a JSON boolean.
pub(crate) fn parse_bool(raw: &RawValue) -> Option<bool> {
    match raw_text(raw).as_str() {
        "1" | "true" | "Y" => Some(true),
        "0" | "false" | "N" => Some(false),
        _ => None,
    }
}

/// Whether the JSON text is an object. serde also decodes structs from arrays, by the order of
/// the items, which has no meaning here.
pub(crate) fn is_object(json: &str) -> bool {
    json.starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_surrogate_pair_becomes_a_replacement_character() {
        for (json, expected) in [
            (r#""plain""#, "plain"),
            (r#""\u4fdd\u5229\ud83d\ude00""#, "保利😀"),
            (r#""\ud83d""#, "\u{FFFD}"),
            (r#""a\ud83db""#, "a\u{FFFD}b"),
            (r#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
            (r#""\ud83d\u0041""#, "\u{FFFD}A"),
            (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
            (r#""保\\ud83d\n""#, "保\\ud83d\n"),
        ] {
            assert_eq!(string_content(json).as_deref(), Some(expected), "{json}");
        }
    }
}
