//! Numbers as Polyv sends them: documented as integers, sent as strings, and with decimals by
//! the v4 sibling of the stream information. All of these forms are accepted.

use serde_json::value::RawValue;

use crate::json::string_content;
use crate::text::truncate;

/// A numeric field of a response.
#[derive(Debug, Clone, PartialEq)]
pub enum NumericField {
    /// The field is absent, `null` or a blank string.
    Missing,
    /// A finite number. Its range is not checked here.
    Number(f64),
    /// Another value; its first characters, for the log.
    Unreadable(String),
}

/// How much of an unreadable value is kept for the log.
pub(crate) const MAX_EXCERPT_CHARS: usize = 40;

impl NumericField {
    /// Decodes a field from its JSON text, so that `1e400`, which JSON libraries reject,
    /// affects only this field.
    #[must_use]
    pub fn parse_json(raw: Option<&RawValue>) -> Self {
        let Some(raw) = raw.map(RawValue::get) else {
            return Self::Missing;
        };
        match raw.as_bytes().first() {
            Some(b'"') => match string_content(raw) {
                Some(text) if text.trim().is_empty() => Self::Missing,
                Some(text) => Self::parse(&text),
                None => Self::unreadable(raw),
            },
            Some(b'n') => Self::Missing,
            _ => Self::parse(raw),
        }
    }

    /// The number, if the field is one.
    #[must_use]
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Missing | Self::Unreadable(_) => None,
        }
    }

    fn parse(text: &str) -> Self {
        match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Self::Number(number),
            _ => Self::unreadable(text),
        }
    }

    fn unreadable(text: &str) -> Self {
        Self::Unreadable(truncate(text, MAX_EXCERPT_CHARS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(json: &str) -> NumericField {
        NumericField::parse_json(Some(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn numbers_are_decoded_from_numbers_and_strings() {
        for (json, number) in [
            (r#""1157120""#, 1_157_120.0),
            ("1157120", 1_157_120.0),
            (r#""1176815.9""#, 1_176_815.9),
            ("15.016666", 15.016_666),
            (r#"" 46 ""#, 46.0),
            (r#""0""#, 0.0),
            ("-1", -1.0),
            ("1.5e3", 1500.0),
            (r#""\u0034\u0036""#, 46.0),
        ] {
            assert_eq!(decode(json), NumericField::Number(number), "{json}");
        }
    }

    #[test]
    fn blank_is_missing_and_other_values_are_unreadable() {
        for json in ["null", r#""""#, r#"" ""#] {
            assert_eq!(decode(json), NumericField::Missing, "{json}");
        }
        assert_eq!(NumericField::parse_json(None), NumericField::Missing);
        for json in [
            "1e400",
            r#""1e400""#,
            r#""NaN""#,
            r#""inf""#,
            r#""-Infinity""#,
            "true",
            "[1]",
            r#"{"a":1}"#,
            r#""1,157""#,
            r#""fast""#,
        ] {
            assert!(
                matches!(decode(json), NumericField::Unreadable(_)),
                "{json}"
            );
        }
    }

    #[test]
    fn excerpt_of_an_unreadable_value_is_short() {
        let json = format!("\"{}\"", "码".repeat(10_000));
        let NumericField::Unreadable(kept) = decode(&json) else {
            panic!("that is no number");
        };
        assert_eq!(kept.chars().count(), MAX_EXCERPT_CHARS + 1);
    }
}
